"""From a definition with conda packages to an image that runs: validate, lock, publish, edit, inherit, rebuild."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.catalogs import Workplace
from support.conda_python import FULL, MINOR

DEFINITION = f"""\
name: sci
description: For a test
base: {{image: "oci:bases:libc"}}
conda:
  channels: [local]
  packages: ["greeting=1.0", extension, with-script, shared-data]
python:
  version: "{MINOR}"
  packages: [beta]
checks:
  - greet
  - greet-loudly
  - python -c "import sys; assert sys.prefix == '/opt/env', sys.prefix"
  - python -c "import beta, gamma, greeting; assert greeting.VERSION == '1.0'"
  - sh -c "test $(extend) = /opt/env && native && native-again"
  - sh -c "test $CONDA_PREFIX = /opt/env && test ! -e /opt/env/pyvenv.cfg && test ! -e /opt/env/linked"
"""
# As conda's Python has no locales of its own, it takes those of the base.
SET_LOCALE = """python -c 'import locale; assert locale.setlocale(locale.LC_ALL, "") == "C.UTF-8"'"""
CHILD = f"""\
name: child
description: Adds to another
base: {{environment: sci}}
conda: {{channels: [local], packages: [native]}}
python:
  version: "{MINOR}"
  packages: [alpha]
checks:
  - python -c "import alpha, beta, extension, greeting"
  - python -c "open('/opt/env/conda-meta/history').read().index('greeting=1.0')"
"""


def layers(place: Workplace, name: str) -> list[tuple[str, str]]:
    """Title and digest of each of our layers in the one platform of an image."""
    folder = Path(place.images.removeprefix("oci:"))

    def blob(digest: str) -> Any:
        return json.loads((folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes())

    manifest = blob(blob(place.layout()[name])["manifests"][0]["digest"])
    key = "io.envcatalog.layer.title"
    return [
        (layer["annotations"][key], layer["digest"])
        for layer in manifest["layers"]
        if key in layer.get("annotations", {})
    ]


def titles(found: list[tuple[str, str]]) -> list[str]:
    return [title for title, _ in found]


def files_of(place: Workplace, digest: str) -> list[str]:
    """The paths of a layer."""
    blob = Path(place.images.removeprefix("oci:")) / "blobs/sha256" / digest.removeprefix("sha256:")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob.read_bytes()))) as archive:
        return archive.getnames()


def packages(place: Workplace, name: str) -> list[str]:
    lock = json.loads((place.root / f"catalog/{name}/lock.json").read_text())
    (platform,) = lock["platforms"].values()
    return [f"{one['name']} {one['version']}" for one in platform.get("conda", [])]


def add(place: Workplace, name: str, text: str) -> None:
    place.write(name, text)
    assert place.run("validate").code == 0
    place.lock(name)
    place.commit(f"Add {name}")


def test_a_conda_environment_is_published_edited_inherited_and_made_again(
    conda_place: Workplace, tmp_path: Path
) -> None:
    place = conda_place
    add(place, "sci", DEFINITION)
    assert packages(place, "sci") == [
        "extension 3.0", "greeting 1.0", "native 1.1", f"python {FULL}", "python-libs 1.0", f"python_abi {MINOR}",
        "shared-data 2026.1", "with-script 1.0",
    ]  # fmt: skip
    done = place.publish()
    assert done.code == 0, done.err
    # The checks of the definition ran in the image, or `publish` would have failed.
    assert "check sci: greet\n" in done.err
    assert "the post-link script of `with-script` is not run\n" in done.err
    first = layers(place, "sci:1")
    assert titles(first) == [
        "extension 3.0", "greeting 1.0", "native 1.1", f"python {FULL}", "python-libs 1.0", f"python_abi {MINOR}",
        "shared-data 2026.1", "with-script 1.0", "conda history", "beta 1.0", "gamma 1.0",
    ]  # fmt: skip
    assert place.published() == [("sci", 1, "unchanged", "is version 1")]

    # One package changes: its layer and the record of what was asked for; a machine without a cache makes no more.
    place.edit("sci", "greeting=1.0", "greeting=1.1")
    place.edit("sci", "greeting.VERSION == '1.0'", "greeting.VERSION == '1.1'")
    place.lock("sci")
    place.commit("Update greeting")
    place.cache = tmp_path / "another-cache"
    done = place.publish()
    assert done.code == 0, done.err
    assert "building 2 layers" in done.err
    assert "the post-link script of `with-script` is not run\n" in done.err
    second = layers(place, "sci:2")
    assert titles([layer for layer in second if layer not in first]) == ["greeting 1.1", "conda history"]

    add(place, "child", CHILD.replace("greeting=1.0", "greeting=1.1"))
    assert packages(place, "child") == []  # the parent has it
    done = place.publish("child")
    assert done.code == 0, done.err
    third = layers(place, "child:1")
    assert third[: len(second)] == second
    assert titles(third[len(second) :]) == ["conda history", "alpha 2.0"]
    assert files_of(place, third[len(second)][1])[-1] == "opt/env/conda-meta/history"

    # All of it once more, from nothing, elsewhere.
    before = {name: digest for name, digest in place.layout().items() if name in ("sci:2", "child:1")}
    assert len(before) == 2
    place.images, place.cache = f"oci:{tmp_path / 'again'}", tmp_path / "third-cache"
    done = place.run("build", "--registry", place.images, "--format", "json")
    assert done.code == 0, done.err
    rebuilt = {(row["environment"], row["digest"]) for row in done.json["images"]}
    assert rebuilt == {("sci", before["sci:2"]), ("child", before["child:1"])}


@pytest.mark.network
def test_conda_brings_python_to_a_debian_base_without_one(conda_place: Workplace) -> None:
    text = DEFINITION.replace('{image: "oci:bases:libc"}', "{debian: bookworm}").replace(
        "packages: [beta]", "packages: []"
    )
    text = text.replace("import beta, gamma, greeting", "import greeting")
    text += f"  - {SET_LOCALE}\n"
    add(conda_place, "sci", text)
    done = conda_place.publish()
    assert done.code == 0, done.err
    found = titles(layers(conda_place, "sci:1"))
    assert found[0] == "Debian root"
    debs = json.loads((conda_place.root / "catalog/sci/lock.json").read_text())["platforms"]["linux/amd64"][
        "debs"
    ]
    assert {"libc6", "libc-bin", "ca-certificates"} <= {deb["name"] for deb in debs}
    assert not [deb["name"] for deb in debs if "python" in deb["name"]]
