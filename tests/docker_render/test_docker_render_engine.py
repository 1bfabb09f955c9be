"""System-managed environments under a real engine: the same configuration and packages as the embedded builder's."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker_render_support import forget

from support.catalogs import PYTHON, Workplace

pytestmark = pytest.mark.engine

Files = dict[str, tuple[bytes, int, int, int, bytes]]


def image(place: Workplace, name: str) -> tuple[dict[str, Any], Files]:
    """Configuration of a published image, and its files: type, mode, owner, group and content or target."""
    root = Path(place.images.removeprefix("oci:")) / "blobs/sha256"
    index = json.loads((root / place.layout()[f"{name}:1"].removeprefix("sha256:")).read_text())
    manifest = json.loads((root / index["manifests"][0]["digest"].removeprefix("sha256:")).read_text())
    config = json.loads((root / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    files: Files = {}
    for layer in manifest["layers"]:
        with tarfile.open(root / layer["digest"].removeprefix("sha256:")) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() or member.islnk() else None
                content = stream.read() if stream else member.linkname.encode()
                kind = tarfile.REGTYPE if member.islnk() else member.type
                files[member.name.rstrip("/")] = (kind, member.mode, member.uid, member.gid, content)
    return config, files


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """What does not tell which environment, plan and layers it is of."""
    own = {"io.envcatalog.plan", "io.envcatalog.environment", "org.opencontainers.image.title"}
    labels = {key: value for key, value in config["config"]["Labels"].items() if key not in own}
    return {
        **{key: value for key, value in config.items() if key not in ("config", "history", "rootfs")},
        "config": {**config["config"], "Labels": labels},
    }


def define(place: Workplace, name: str, base: str, more: str = "") -> None:
    """An environment with a package of each kind of setting."""
    place.write(
        name,
        f"name: {name}\ndescription: For a test\nbase: {base}\n"
        f'python: {{version: "{PYTHON}", packages: ["alpha==1.0", "beta"]}}\n'
        "variables: {COLOUR: 'b l \"u\" e $HOME', EMPTY: ''}\n"
        "container: {user: '1000', workdir: /tmp, command: [sh, -c, 'echo $0'], ports: [8000], shm_size: 64m}\n"
        f"inference: {{port: 5001, liveness: /}}\n{more}",
    )


def test_on_an_image_both_builders_give_the_same(shells, engine):
    base = "{image: 'oci:bases:shell'}"
    define(shells, "embedded", base)
    define(shells, "rendered-image", base, "builder: docker\n")
    shells.lock()
    shells.commit()
    assert [row[2] for row in shells.published()] == ["published", "published"]
    config, files = image(shells, "embedded")
    other, same = image(shells, "rendered-image")
    assert settings_of(other) == settings_of(config)
    assert same == files
    assert any(path.endswith("alpha/__init__.py") for path in files)
    done = shells.run(
        "run", "rendered-image@1", "--registry", shells.images, "--", "sh", "-c", 'echo "$COLOUR"'
    )
    assert done.out == 'b l "u" e $HOME\n'
    # Again on a machine that knows nothing of it.
    digest = shells.layout()["rendered-image:1"]
    shutil.rmtree(shells.cache)
    forget(engine)
    built = shells.run("build", "rendered-image", "--format", "json")
    assert [row["digest"] for row in built.json["images"]] == [digest]


def test_the_option_asks_for_the_same(shells, engine):
    define(shells, "rendered-asked", "{image: 'oci:bases:shell'}")
    shells.lock()
    shells.commit()
    done = shells.run("plan", "--builder", "docker", "--format", "json")
    [action] = done.json["actions"]
    assert (action["builder"], action["builder_reason"]) == ("docker", "`--builder` asks for it")
    built = shells.run("build", "--builder", "docker", "--format", "json")
    assert built.code == 0, built.err
    assert "Successfully built" in built.err


@pytest.mark.network
@pytest.mark.slow
def test_on_debian_scripts_run(shells, engine):
    define(
        shells,
        "rendered-debian",
        "{debian: bookworm}",
        "builder: docker\napt: [ssl-cert]\n"
        "checks:\n"
        "  - dpkg --audit\n"
        "  - test -L /etc/alternatives/awk\n"
        "  - sh -c 'getent group ssl-cert'\n"
        "  - sh -c 'test $(id -un) = app'\n"
        "  - python -c 'import alpha, ssl; assert ssl.create_default_context().get_ca_certs()'\n"
        f"  - test -f /usr/lib/python{PYTHON}/__pycache__/os.cpython-{PYTHON.replace('.', '')}.pyc\n",
    )
    shells.lock()
    shells.commit()
    [row] = shells.published()
    assert row[2] == "published"
    config, files = image(shells, "rendered-debian")
    assert config["config"]["User"] == "1000"
    assert not any(path.startswith(("debian", ".envcatalog")) for path in files)
    assert files["etc/passwd"][4].endswith(b"app:x:1000:1000:app:/home/app:/bin/sh\n")
    assert "usr/sbin/policy-rc.d" not in files
    assert files["usr/bin/su"][1] == 0o4755
    assert {path for path in files if path.startswith("var/log/")} <= {"var/log/apt"}


def test_no_engine_is_said_and_nothing_is_published(shells, monkeypatch, tmp_path):
    define(shells, "rendered-none", "{image: 'oci:bases:shell'}", "builder: docker\n")
    shells.lock()
    shells.commit()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = shells.publish()
    assert done.code == 2
    assert done.err.endswith(
        "error: `rendered-none` is built by a Docker Engine, and no engine answers\n"
        "hint: start one, or name it by `DOCKER_HOST`; nothing was built\n"
    )
    assert (shells.tags(), shells.layout()) == ([], {})
