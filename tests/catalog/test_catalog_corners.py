"""Places and states that a catalog meets in real life."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.catalog.sdk import Catalog
from support.catalogs import Workplace, definition, git


def test_a_second_lock_asks_nobody(workplace: Workplace) -> None:
    workplace.add("demo", "alpha", "beta")
    workplace.index.requests.clear()
    done = workplace.run("lock", "--format", "json")
    assert [(row["status"], row["changes"]) for row in done.json["locks"]] == [("unchanged", [])]
    assert workplace.index.requests == []
    assert workplace.run("lock", "--check").code == 0


def test_one_requirement_more_keeps_the_others(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.index.add("alpha", "9.0")
    workplace.edit("demo", "    - alpha", "    - alpha\n    - beta")
    done = workplace.run("lock", "--format", "json")
    assert [change["path"] for change in done.json["locks"][0]["changes"]] == [
        "python.packages.beta",
        "python.packages.gamma",
    ]
    done = workplace.run("lock", "--upgrade-package", "alpha", "--format", "json")
    [change] = done.json["locks"][0]["changes"]
    assert (change["before"], change["after"]) == ("2.0", "9.0")


def test_from_a_folder_inside(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    inside = workplace.root / "catalog/demo"
    expected = workplace.run("list").out
    assert workplace.run("list", at=inside).out == expected
    assert workplace.run("list", "-C", "../..", at=inside).out == expected
    done = workplace.run("publish", "--registry", "oci:../../../there", "--format", "json", at=inside)
    assert done.code == 0, done.err
    assert (workplace.root.parent / "there/oci-layout").is_file()


def test_a_linked_work_tree(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha")
    git(workplace.root, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "edit")
    linked = replace(workplace, root=tmp_path / "linked")
    assert linked.published() == [("demo", 1, "published", "new")]
    assert workplace.published() == [("demo", 1, "unchanged", "is version 1")]


def test_a_bare_repository(workplace: Workplace, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    done = workplace.run("list", at=tmp_path / "bare.git")
    assert (done.code, done.out) == (2, "")
    assert "bare" in done.err.splitlines()[0]


def test_a_shallow_clone_of_ci(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    place.add("demo", "alpha==1.0")
    place.published()
    place.edit("demo", "alpha==1.0", "alpha==2.0")
    place.lock()
    place.commit()
    git(place.root, "push", "-q", "origin", "main")
    git(tmp_path, "clone", "-q", "--depth=1", "--no-tags", f"file://{place.origin}", "shallow")
    shallow = replace(place, root=tmp_path / "shallow", cache=tmp_path / "shallow-cache")
    [row] = shallow.publish().json["published"]
    assert (row["version"], row["status"]) == (2, "published")
    assert git(place.root, "ls-remote", "--tags", "--refs", "origin").count("demo@") == 2
    assert place.published() == [("demo", 2, "unchanged", "is version 2")]


def test_a_detached_head(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock()
    workplace.commit()
    workplace.published()
    git(workplace.root, "checkout", "-q", "demo@1")
    before = workplace.layout()
    assert workplace.published() == [("demo", 1, "unchanged", "is version 1")]
    assert workplace.layout() == before


@pytest.mark.parametrize("message", ["", "no trailers at all", "demo@1\n\nPlan: nonsense\nImage: x\n"])
def test_a_tag_in_the_place_of_a_version(workplace: Workplace, message: str) -> None:
    workplace.add("demo", "alpha")
    arguments = ["-a", "-m", message] if message else []
    git(workplace.root, "tag", *arguments, "demo@1")
    done = workplace.publish()
    assert done.code == 1
    [row] = done.json["published"]
    assert (row["version"], row["status"]) == (None, "refused")
    assert row["reason"].startswith("tag `demo@1` "), row
    assert "run `envcat verify demo`" in done.err
    assert workplace.layout() == {}
    assert workplace.run("list").code == 0
    assert workplace.run("log", "demo").code == 0


def test_a_damaged_layer_in_the_cache_is_not_published(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha")
    workplace.published()
    expected = workplace.layout()
    damaged = 0
    for path in sorted(workplace.cache.rglob("*")):
        if path.is_file() and path.stat().st_size > 100 and path.suffix != ".json" and not path.is_symlink():
            data = bytearray(path.read_bytes())
            if bytes(data[:2]) == b"\x1f\x8b":
                data[len(data) // 2] ^= 0xFF
                os.chmod(path, 0o644)
                path.write_bytes(bytes(data))
                damaged += 1
    assert damaged
    workplace.images = f"oci:{tmp_path / 'another'}"
    done = workplace.publish()
    if done.code == 0:
        assert workplace.layout() == expected
        check_blobs(tmp_path / "another")
    else:
        assert done.code in (1, 2)
        assert "bug" not in done.err
        check_blobs(tmp_path / "another")


def test_a_damaged_wheel_in_the_cache_is_fetched_again(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    first = workplace.run("build", "--format", "json").json["images"][0]["digest"]
    for path in workplace.cache.rglob("*"):
        if path.is_file() and path.read_bytes()[:2] == b"PK":
            os.chmod(path, 0o644)
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        elif path.is_file() and path.read_bytes()[:2] == b"\x1f\x8b":
            path.unlink()
    again = workplace.run("build", "--format", "json")
    assert again.code == 0, again.err
    assert again.json["images"][0]["digest"] == first


def test_builds_a_commit_instead_of_what_is_on_disk(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    first = workplace.trailers("demo@1")["Image"]
    workplace.edit("demo", "alpha==1.0", "alpha==2.0\noops: 1")
    done = workplace.run("build", "demo@1", "--format", "json")
    assert (done.code, done.json["images"][0]["digest"]) == (0, first)
    assert workplace.run("build", "demo").code == 1
    workplace.edit("demo", "alpha==2.0\noops: 1", "alpha==1.0")
    assert workplace.run("archive", "demo").code == 0
    assert workplace.run("build", "demo@1").err == (
        "error: `demo` is archived\nhint: run `envcat restore demo`, or build with `--archived`\n"
    )
    assert (
        workplace.run("build", "demo@1", "--archived", "--format", "json").json["images"][0]["digest"]
        == first
    )


def check_blobs(layout: Path) -> None:
    """Every blob has the bytes that its name says."""
    from envcatalog.model.digest import sha256_digest

    for blob in (layout / "blobs/sha256").iterdir():
        assert sha256_digest(blob.read_bytes()) == f"sha256:{blob.name}"


def test_the_cache_may_vanish(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha")
    workplace.published()
    expected = workplace.layout()
    workplace.cache = tmp_path / "fresh"
    workplace.images = f"oci:{tmp_path / 'another'}"
    assert workplace.published() == [("demo", 1, "published", "image missing")]
    assert workplace.layout() == expected


def test_versions_from_before_there_was_a_remote(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(workplace.root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    workplace.published()
    assert git(tmp_path / "origin.git", "tag", "--list") == "demo@1"


def test_a_version_that_is_another_one_at_the_remote(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    place.add("demo", "alpha==1.0")
    place.published()
    text = git(place.root, "cat-file", "tag", "demo@1").replace("Ada Example", "Eve Example")
    made = git(place.root, "mktag", stdin=text + "\n")
    git(place.root, "update-ref", "refs/tags/demo@1", made)
    before = place.layout()
    done = place.publish()
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2].startswith("error: the tag `demo@1` is `")
    assert place.layout() == before


def test_an_index_that_is_gone_does_not_matter_to_what_is_locked(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.run("build")
    workplace.monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert workplace.published() == [("demo", 1, "published", "new")]


def test_a_wheel_that_the_index_dropped(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    (workplace.index.root / "main/files/alpha-1.0-py3-none-any.whl").unlink()
    done = workplace.publish()
    assert (done.code, done.out) == (1, "")
    assert "alpha-1.0-py3-none-any.whl" in done.err.splitlines()[-2]
    assert "envcat lock --upgrade-package alpha" in done.err.splitlines()[-1]


def test_folders_without_a_definition(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    (workplace.root / "catalog/notes").mkdir()
    (workplace.root / "catalog/notes/README.md").write_text("Notes\n")
    (workplace.root / "catalog/NOT-A-NAME").mkdir()
    (workplace.root / "catalog/NOT-A-NAME/environment.yaml").write_text(definition("x"))
    assert [row["name"] for row in workplace.run("list", "--format", "json").json["environments"]] == ["demo"]
    done = workplace.run("validate", "--format", "json")
    assert done.code in (0, 1)
    assert any("NOT-A-NAME" in problem["file"] for problem in done.json["problems"]), done.out


def test_without_settings(workplace: Workplace) -> None:
    (workplace.root / "catalog/catalog.yaml").unlink()
    workplace.add("demo", "alpha")
    assert workplace.run("validate").code == 0
    assert workplace.published() == [("demo", 1, "published", "new")]


def test_nothing_to_do(workplace: Workplace) -> None:
    assert workplace.run("validate").out == "0 checked, no problems\n"
    assert workplace.run("plan").out == "0 to build, 0 to retag, 0 unchanged, 0 refused\n"
    assert json.loads(workplace.run("list", "--format", "json").out) == {"environments": []}
    assert workplace.run("lock").code == 0
    assert workplace.publish().json == {"published": []}


def test_registered_then_published(with_origin: Workplace) -> None:
    place = with_origin
    place.add("demo", "alpha==1.0")
    with Catalog.open(place.root, cache=place.cache) as catalog:
        [row] = catalog.register(["demo"])
    assert row.version == 1
    assert place.plan() == [("demo", "build", "registered without an image", 1)]
    assert place.published() == [("demo", 1, "published", "registered without an image")]
    assert place.published() == [("demo", 1, "unchanged", "is version 1")]
    assert place.layout().keys() == {"demo:1", "demo:latest"}
    place.edit("demo", "alpha==1.0", "alpha==2.0")
    place.edit("demo", "description:", "aliases: {staging: 2}\ndescription:")
    place.lock()
    place.commit()
    with Catalog.open(place.root, cache=place.cache) as catalog:
        [row] = catalog.register(["demo"])
    assert row.version == 2
    git(place.root, "checkout", "-q", "demo@1")
    assert place.published() == [("demo", 1, "unchanged", "is version 1")]
    git(place.root, "checkout", "-q", "main")
    assert place.published() == [("demo", 2, "published", "registered without an image")]
    assert place.layout()["demo:staging"] == place.layout()["demo:2"] == place.layout()["demo:latest"]
