"""An engine runs what was made of conda packages; what only engines do to a layer is seen here."""

from __future__ import annotations

import pytest

from support.catalogs import Workplace
from support.conda_python import FULL

TEXT = """\
name: sci
description: For a test
base: {image: "oci:bases:libc"}
conda: {channels: [local], packages: [greeting=1.1, extension]}
"""
PROGRAM = "import sys, extension.where as w; print(sys.version.split()[0], sys.flags.dont_write_bytecode, w.__cached__)"


@pytest.mark.registry
@pytest.mark.engine
def test_an_engine_runs_it(conda_place: Workplace, docker_registry: str, docker_engine: str) -> None:
    from docker import DockerClient

    place, prefix = conda_place, f"{docker_registry}/conda"
    place.write("sci", TEXT)
    place.lock("sci")
    place.commit("Add sci")
    done = place.run("publish", "--registry", prefix, "--format", "json")
    assert done.code == 0, done.err
    image = f"{prefix}/sci@{done.json['published'][0]['digest']}"
    client = DockerClient(base_url=docker_engine)
    try:
        client.images.pull(image)

        def run(*command: str) -> str:
            said: bytes = client.containers.run(image, list(command), remove=True, network_mode="none")
            return said.decode()

        assert run("greet") == "hello 1.1\n"
        assert run("extend") == "/opt/env\n"
        # A hard link whose header said another mode would take the first name's right to be run with it.
        assert run("native-again") == run("native") == "native 1.1\n"
        version, _, cached = run("python", "-c", PROGRAM).split()
        assert version == FULL
        assert cached.startswith("/opt/env/lib/python") and cached.endswith(".pyc")
        client.images.remove(image, force=True)
    finally:
        client.close()
