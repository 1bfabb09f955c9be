"""The whole loop with real parts alone: a push, hooks, the mirror, a registry, and an engine that runs the image."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hooks_support import push, remote_lines

from support.catalogs import Workplace, git

NAME = "curated-python"
SHIPPED = Path(__file__).parents[2] / "catalog" / NAME


@pytest.mark.registry
@pytest.mark.engine
@pytest.mark.network
@pytest.mark.slow
def test_what_was_pushed_is_run_by_an_engine(
    served: Workplace, docker_registry: str, docker_engine: str
) -> None:
    from docker import DockerClient

    assert served.origin is not None
    prefix = f"{docker_registry}/loop"
    git(served.origin, "config", "envcat.registry", prefix)
    shutil.copytree(SHIPPED, served.root / "catalog" / NAME)
    served.edit(NAME, "platforms: [linux/amd64, linux/arm64]\n", "variables: {LOOP: closed}\n")
    served.edit(NAME, 'variables:\n  PYTHONUNBUFFERED: "1"\n', "")
    served.lock(NAME, "--upgrade")  # what the mirror serves today
    served.commit("Add Python")
    done = push(served.root, "main")
    assert done.returncode == 0, done.stderr
    assert remote_lines(done)[-2] == f"published  {NAME}  version 1  {prefix}/{NAME}:1"
    git(served.root, "fetch", "-q", "--tags")

    image = f"{prefix}/{NAME}@{served.trailers(f'{NAME}@1')['Image']}"
    client = DockerClient(base_url=docker_engine)
    try:
        client.images.pull(image)
        program = "import os, ssl, sys; print(os.environ['LOOP'], sys.prefix)"
        command = ["python", "-c", program]
        assert client.containers.run(image, command, remove=True, network_mode="none") == b"closed /opt/env\n"
        client.images.remove(image, force=True)
    finally:
        client.close()
