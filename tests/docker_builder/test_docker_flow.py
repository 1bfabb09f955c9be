"""User-managed environments on a real engine and a real registry: from the Dockerfile to the version."""

from __future__ import annotations

import json
import re
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from docker_support import Engine, add, edit_file, user_managed

from envcatalog.registry.open import open_registry
from support.catalogs import Workplace

TOOLS = "oci:bases:tools"
BASE = f"{{image: '{TOOLS}'}}"
ENGINE = (pytest.mark.engine, pytest.mark.registry)
FROM_BASE = "ARG BASE\nFROM ${BASE}\n"


def publish_base(place: Workplace) -> None:
    """The base as an environment of its own, `tools`: an image alone, which the embedded builder publishes."""
    place.write("tools", f"name: tools\nmanaged: user\nbase: {BASE}\nchecks: ['sh -c true']\n")
    place.lock("tools")
    place.commit("Add tools")
    assert place.published("tools") == [("tools", 1, "published", "new")]


def manifest(place: Workplace, name: str) -> dict[str, object]:
    done = place.run("show", name, "--format", "json")
    assert done.code == 0, done.err
    return done.json  # type: ignore[no-any-return]


def test_a_base_image_alone_is_published_with_its_own_layers(place: Workplace) -> None:
    publish_base(place)
    layout = json.loads((place.root / "bases/index.json").read_text())
    image = place.run("build", "tools", "--format", "json").json["images"][0]
    assert place.layout()["tools:1"] == image["digest"]
    assert layout["manifests"][0]["digest"] != image["digest"]
    assert place.plan("tools") == [("tools", "skip", "is version 1", 1)]
    done = place.run("plan", "tools", "--builder", "docker", "--format", "json")
    assert done.json["actions"][0]["builder"] == "embedded"


@pytest.mark.engine
@pytest.mark.registry
def test_a_dockerfile_becomes_a_version(place: Workplace, registry: str, engine: Engine) -> None:
    publish_base(place)
    text = (
        f"ARG GREETING=none\nFROM {registry}/tools:1 AS one\nRUN echo built > /built\n"
        f"FROM {registry}/tools:1\nARG GREETING\nCOPY --from=one /built /built\nCOPY files /files\n"
        "RUN mkdir -p /var/log && date > /var/log/x && echo $GREETING > /greeting\nUSER 1000\n"
    )
    checks = "checks: ['cat /greeting /built /files/a']\nvariables: {MODE: test}\n"
    place.write("app", user_managed("app", checks, dockerfile="{args: {GREETING: hello}}"))
    folder = place.root / "catalog/app"
    (folder / "files").mkdir()
    (folder / "files/a").write_text("a")
    (folder / "Dockerfile").write_text(text)
    place.lock("app")
    lock = json.loads((folder / "lock.json").read_text())
    (image,) = lock["dockerfile"]["images"]
    assert image["image"] == f"{registry}/tools:1"
    assert image["digest"] == place.run("build", "tools", "--format", "json").json["images"][0]["digest"]
    place.commit("Add app")
    planned = place.run("plan", "app")
    assert planned.out == (
        "build  app  version 1  new; docker builder: it has a Dockerfile\n"
        "1 to build, 0 to retag, 0 unchanged, 0 refused\n"
    )
    done = place.run("publish", "app", "--registry", registry, "--network", "none", "--format", "json")
    assert done.code == 0, done.err
    row = done.json["published"][0]
    assert (row["version"], row["status"], row["checks"]) == (1, "published", "engine")
    # The base's own blobs are mounted: what is uploaded is small.
    assert re.search(r"pushed app: 4 blobs uploaded \(0\.0 MB\), 1 there already", done.err)
    assert "Step 4/" in done.err and "io.envcatalog.build" not in done.err
    assert (
        place.trailers("app@1")["Plan"]
        == place.run("plan", "app", "--format", "json").json["actions"][0]["plan"]
    )
    # Nothing is built again, and nothing is stale.
    assert place.published("app") == [("app", 1, "unchanged", "is version 1")]
    assert place.run("lock", "--check", "app").code == 0
    # A file of the context decides.
    (folder / "files/a").write_text("b")
    stale = place.run("plan", "app")
    assert (stale.code, stale.out.splitlines()[0]) == (
        1,
        "refuse  app  -  lock is stale: Dockerfile or context changed",
    )
    place.lock("app")
    place.commit("Edit a")
    done = place.run("publish", "app", "--registry", registry, "--network", "none")
    assert done.code == 0, done.err
    assert place.tags() == ["app@1", "app@2", "tools@1"]


@pytest.mark.engine
@pytest.mark.registry
def test_metadata_and_ignored_files_change_nothing(place: Workplace, registry: str, engine: Engine) -> None:
    add(place, "app", FROM_BASE + "COPY . /all\n", base=BASE, notes__a="1", **{".dockerignore": "notes\n"})
    assert place.run("publish", "app", "--registry", registry).code == 0
    place.edit("app", "managed: user", "managed: user\ndescription: For people")
    (place.root / "catalog/app/notes/a").write_text("2")
    place.commit("Edit")
    assert place.published("app") == [("app", 1, "unchanged", "is version 1")]


@pytest.mark.engine
@pytest.mark.registry
@pytest.mark.parametrize("step", ["RUN", "RUN --mount=type=tmpfs,target=/mnt"], ids=["classic", "buildkit"])
def test_on_another_environment(place: Workplace, registry: str, engine: Engine, step: str) -> None:
    """Its image is loaded into the engine, published or not, and its blobs are kept as they are."""
    place.write("tools", f"name: tools\nmanaged: user\nbase: {BASE}\nvariables: {{FROM_TOOLS: 'yes'}}\n")
    place.lock("tools")
    more = "checks: ['sh -c \"test $FROM_TOOLS = yes && cat /made\"']\n"
    add(place, "app", f"{FROM_BASE}{step} echo x > /made\n", more, base="{environment: tools}")
    done = place.run("publish", "--registry", registry, "--network", "none", "--format", "json")
    assert done.code == 0, done.err
    assert [row["environment"] for row in done.json["published"]] == ["tools", "app"]
    assert "loading its base into the engine" in done.err
    # A change of the base makes the lock of what stands on it stale.
    place.edit("tools", "'yes'", "'no'")
    place.lock("tools")
    assert place.plan("app") == [("app", "refuse", "lock is stale: base `tools` changed", None)]


@pytest.mark.engine
@pytest.mark.registry
@pytest.mark.parametrize("to_folder", [False, True], ids=["registry", "folder"])
def test_a_dockerfile_on_a_dockerfile(
    place: Workplace, registry: str, engine: Engine, tmp_path: Path, to_folder: bool
) -> None:
    """On another machine the published image is what it stands on, and not one that is built again."""
    where = f"oci:{tmp_path / 'layout'}" if to_folder else registry
    add(place, "below", FROM_BASE + "RUN cat /proc/sys/kernel/random/uuid > /chance\n", base=BASE)
    asked = ("--registry", where, "--network", "none", "--format", "json")
    first = place.run("publish", "below", *asked)
    assert first.code == 0, first.err
    add(place, "above", FROM_BASE + "RUN cp /chance /copied\n", base="{environment: below}")
    engine.forget()
    place.cache = tmp_path / "another"
    done = place.run("publish", "above", *asked)
    assert done.code == 0, done.err
    assert "below" not in done.err
    layers = {}
    with closing(open_registry(where, cache=tmp_path / "third")) as opened:
        for name, row in (("below", first), ("above", done)):
            repository = opened.repository(name)
            index = repository.manifest(row.json["published"][0]["digest"])
            assert index is not None
            found = repository.manifest(json.loads(index.data)["manifests"][0]["digest"])
            assert found is not None
            layers[name] = [layer["digest"] for layer in json.loads(found.data)["layers"]]
    assert (layers["above"][:2], len(layers["above"])) == (layers["below"], 3)


@pytest.mark.engine
@pytest.mark.registry
def test_images_are_locked_until_they_are_upgraded(place: Workplace, registry: str) -> None:
    publish_base(place)
    add(place, "app", f"FROM {registry}/tools:latest\n")
    before = json.loads((place.root / "catalog/app/lock.json").read_text())["dockerfile"]["images"]
    place.edit("tools", "name: tools", "name: tools\nvariables: {A: b}")
    place.lock("tools")
    place.commit("Edit tools")
    assert place.published("tools") == [("tools", 2, "published", "definition changed")]
    edit_file(place, "app", "Dockerfile", f"FROM {registry}/tools:latest\nUSER 1\n")
    assert json.loads((place.root / "catalog/app/lock.json").read_text())["dockerfile"]["images"] == before
    done = place.run("lock", "--upgrade", "app")
    after = json.loads((place.root / "catalog/app/lock.json").read_text())["dockerfile"]["images"]
    assert after[0]["digest"] != before[0]["digest"]
    assert f"changed  dockerfile.images.{registry}/tools:latest" in done.out


@pytest.mark.engine
@pytest.mark.registry
def test_build_and_publish_are_of_one_image(place: Workplace, registry: str, engine: Engine) -> None:
    add(place, "app", FROM_BASE + "RUN date > /now\n", base=BASE)
    built = place.run("build", "app", "--network", "none", "--format", "json").json["images"][0]["digest"]
    done = place.run("publish", "app", "--registry", registry, "--network", "none", "--format", "json")
    assert done.json["published"][0]["digest"] == built
    assert "Step" not in done.err


@pytest.mark.engine
def test_the_same_dockerfile_twice(place: Workplace, engine: Engine) -> None:
    """As far as its steps give the same files: times, logs and order make no difference."""
    text = (
        FROM_BASE
        + "RUN mkdir -p /d /var/log && echo x > /d/b && ln /d/b /d/a && date > /var/log/x\nCOPY f /f\n"
    )
    add(place, "app", text, base=BASE, f="1")
    digests = set()
    for number in range(2):
        engine.forget()
        place.cache = place.cache.parent / f"cache-{number}"
        done = place.run("build", "app", "--network", "none", "--format", "json")
        assert done.code == 0, done.err
        assert "RUN mkdir" in done.err
        digests.add(done.json["images"][0]["digest"])
    assert len(digests) == 1


@pytest.mark.engine
@pytest.mark.registry
def test_verify_builds_again_only_when_told(place: Workplace, registry: str, engine: Engine) -> None:
    add(place, "app", FROM_BASE + "RUN cat /proc/sys/kernel/random/uuid > /chance\n", base=BASE)
    assert place.run("publish", "app", "--registry", registry, "--network", "none").code == 0
    asked = ("verify", "app@1", "--rebuild", "app@1", "--registry", registry, "--offline", "--format", "json")
    done = place.run(*asked)
    assert done.code == 0, done.err
    (finding,) = done.json["findings"]
    assert (finding["code"], finding["severity"]) == ("image-not-promised", "warning")
    assert "Step" not in done.err
    told = place.run(*asked, "--builder", "docker", "--network", "none")
    assert told.code == 1
    assert [finding["code"] for finding in told.json["findings"]] == ["image-not-reproduced"]
    assert "RUN cat /proc" in told.err


@pytest.mark.engine
def test_the_engine_keeps_the_stages_of_one_build_as_a_cache(place: Workplace, engine: Engine) -> None:
    text = "ARG BASE\nFROM ${BASE} AS one\nRUN echo 1 > /one\nFROM ${BASE}\nCOPY --from=one /one /one\nCOPY f /f\n"
    add(place, "app", text, base=BASE, f="1")
    assert place.run("build", "app", "--network", "none").code == 0
    architecture = engine.client.version()["Arch"]
    tags = [f"envcatalog-build/app:{architecture}", f"envcatalog-build/app:{architecture}-0"]
    assert engine.tags() == tags
    before = {image["Id"] for image in engine.client.images("envcatalog-build/app")}
    edit_file(place, "app", "f", "2")
    done = place.run("build", "app", "--network", "none")
    assert done.code == 0
    assert engine.tags() == tags
    after = {image["Id"] for image in engine.client.images("envcatalog-build/app")}
    assert len(before & after) == 1  # the first stage, which did not run again


@pytest.mark.engine
@pytest.mark.registry
def test_from_scratch(place: Workplace, registry: str, engine: Engine) -> None:
    """No base at all, names of every kind, and modes as Git has them."""
    text = 'FROM scratch\nCOPY . /\nENTRYPOINT ["/bin/prog"]\n'
    add(place, "app", text, **{"d__\u00fc b": "x", ".hidden": "y", ".dockerignore": "Dockerfile\n"})
    prog = place.root / "catalog/app/prog"
    prog.write_text("#!")
    prog.chmod(0o755)
    (place.root / "catalog/app/link").symlink_to("d")
    place.lock("app")
    place.commit("More files")
    done = place.run("publish", "app", "--registry", registry, "--format", "json")
    assert done.code == 0, done.err
    with closing(open_registry(registry, cache=place.cache)) as opened:
        repository = opened.repository("app")
        index = repository.manifest(done.json["published"][0]["digest"])
        assert index is not None
        found = repository.manifest(json.loads(index.data)["manifests"][0]["digest"])
        assert found is not None
        document = json.loads(found.data)
        config = json.loads(repository.blob(document["config"]["digest"]))
        (layer,) = document["layers"]
        with (
            repository.open_blob(layer["digest"]) as stream,
            tarfile.open(fileobj=stream, mode="r|gz") as archive,
        ):
            modes = {item.name: oct(item.mode) for item in archive if not item.isdir()}
    assert modes == {
        ".dockerignore": "0o644",
        ".hidden": "0o644",
        "d/\u00fc b": "0o644",
        "link": "0o777",
        "prog": "0o755",
    }
    assert config["config"]["Entrypoint"] == ["/bin/prog"]
    assert "io.envcatalog.build" not in json.dumps(config)
