"""Repositories of every odd kind, through the commands: the right answer or a clear error, never wrong data."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.catalog.sdk import Catalog
from envcatalog.model.errors import UserError
from history.light import Light
from support.catalogs import SETTINGS, Ran, Workplace, base_layout, definition, git

COMMANDS = {
    "validate": ["validate"],
    "list": ["list"],
    "log": ["log", "demo"],
    "show": ["show", "demo"],
    "show-version": ["show", "demo@1"],
    "diff": ["diff", "demo@1", "demo"],
    "plan": ["plan"],
    "verify": ["verify", "--offline"],
}


def calm(done: Ran) -> Ran:
    assert "Traceback" not in done.err and "this is a bug" not in done.err, done.err
    assert done.code in (0, 1, 2)
    return done


def answers(place: Workplace, at: Path | None = None) -> dict[str, Ran]:
    """What each reading command says in a folder."""
    return {name: calm(place.run(*line, at=at)) for name, line in COMMANDS.items()}


@pytest.fixture
def place(with_origin: Workplace) -> Workplace:
    """Two published versions; everything pushed."""
    with_origin.add("demo", "alpha<2")
    with_origin.published()
    with_origin.edit("demo", "alpha<2", "alpha>=2")
    with_origin.lock()
    with_origin.commit("Take alpha 2")
    with_origin.published()
    git(with_origin.root, "push", "-q", "origin", "main")
    return with_origin


def same(place: Workplace, other: Path) -> None:
    """The same answers there as here."""
    here, there = answers(place), answers(place, other)
    assert {name: (done.code, done.out) for name, done in there.items()} == {
        name: (done.code, done.out) for name, done in here.items()
    }


def test_linked_work_tree(place: Workplace, tmp_path: Path) -> None:
    git(place.root, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD")
    same(place, tmp_path / "tree")
    assert place.publish(at=tmp_path / "tree").json["published"][0]["status"] == "unchanged"


def test_detached_head_of_an_old_version(place: Workplace) -> None:
    git(place.root, "checkout", "-q", "demo@1")
    found = answers(place)
    assert found["plan"].out.startswith("skip  demo  version 1  is version 1\n")
    assert found["diff"].out == "no differences\n"
    assert "demo@2" in found["log"].out
    assert calm(place.run("register", "demo")).out.startswith("unchanged  demo  version 1  ")
    assert git(place.root, "tag").split() == ["demo@1", "demo@2"]


def test_subfolder_and_other_folder(place: Workplace, tmp_path: Path) -> None:
    same(place, place.root / "catalog/demo")
    for line in COMMANDS.values():
        assert calm(place.run("-C", str(place.root), *line, at=tmp_path)).code == 0
        error = calm(place.run(*line, at=tmp_path))
        assert (error.code, error.out) == (2, "")
        assert error.err.startswith(f"error: `{tmp_path}` is not in a Git repository\n")


@pytest.mark.parametrize("depth", [1, 2])
def test_shallow_clone(place: Workplace, tmp_path: Path, depth: int) -> None:
    """One commit deep: version 1's commit is not there, and no answer pretends that it is."""
    clone = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", f"--depth={depth}", f"file://{place.origin}", str(clone))
    whole, found = answers(place), answers(place, clone)
    assert (found["list"].out, found["show"].out, found["validate"].out) == (
        whole["list"].out,
        whole["show"].out,
        whole["validate"].out,
    )
    missing = (
        "  hint: there is demo@2, but no version 1: fetch its tag with `git fetch --tags`, or run "
        "`envcat verify demo` where it was deleted\n"
    )
    assert found["plan"].out.replace(missing, "") == whole["plan"].out
    assert (missing in found["plan"].out) is (depth == 1)
    if depth == 1:
        for name in ("show-version", "diff"):
            assert found[name].code in (1, 2), found[name]
            assert found[name].out == "", found[name]
    done = calm(place.publish(at=clone))
    assert done.code == 0, done.err
    [row] = done.json["published"]
    assert (row["version"], row["status"]) == (2, "unchanged")


def test_partial_clone(place: Workplace, tmp_path: Path) -> None:
    """Without its old blobs: what is missing is said, and nothing is fetched by a reading command."""
    assert place.origin is not None
    git(place.origin, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{place.origin}", str(clone))
    objects = sorted((clone / ".git/objects").rglob("*"))
    whole, found = answers(place), answers(place, clone)
    for name in ("validate", "list", "show", "plan"):
        assert (found[name].code, found[name].out) == (whole[name].code, whole[name].out), name
    for name in ("show-version", "diff"):
        assert (found[name].code, found[name].out) == (2, ""), name
        assert found[name].err == (
            "error: an object is missing from this partial clone, and reading never fetches\n"
            "hint: run `git fetch --refetch --no-filter`\n"
        )
    assert sorted((clone / ".git/objects").rglob("*")) == objects


def test_empty_repository(place: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "empty"
    git(tmp_path, "init", "-q", str(root))
    for line in COMMANDS.values():
        done = calm(place.run(*line, at=root))
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"error: there is no `catalog/` in `{root}`\n")
    (root / "catalog").mkdir()
    found = answers(place, root)
    assert found["validate"].code == 0
    assert (found["list"].code, found["plan"].code) == (0, 0)
    assert found["show"].err.startswith("error: there is no environment `demo` in this catalog\n")
    done = calm(place.publish(at=root))
    assert (done.code, done.err.splitlines()[0]) == (2, "error: the repository has no commit yet")


def test_register_makes_the_first_commit(place: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "first"
    git(tmp_path, "init", "-q", str(root))
    base_layout(root / "bases")
    other = replace(place, root=root)
    other.write("demo", definition("demo", "alpha<2"))
    (root / "catalog/catalog.yaml").write_text(SETTINGS)
    done = calm(other.run("register", "demo"))
    assert done.code == 1
    assert done.err.startswith("error: `catalog/catalog.yaml` has uncommitted changes")
    (root / "catalog/catalog.yaml").unlink()
    assert calm(other.run("register", "demo")).code == 0
    assert git(root, "tag") == "demo@1"
    assert git(root, "ls-tree", "-r", "--name-only", "HEAD").splitlines() == [
        "catalog/demo/environment.yaml",
        "catalog/demo/lock.json",
    ]


def test_bare_repository(place: Workplace) -> None:
    for name, line in COMMANDS.items():
        done = calm(place.run(*line, at=place.origin))
        assert (done.code, done.out) == (2, ""), (name, done)
        assert done.err.startswith("error: ")


def test_sha256_repository(workplace: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "sha256"
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", str(root))
    shutil.copytree(workplace.root / "bases", root / "bases")
    (root / "catalog").mkdir()
    (root / "catalog/catalog.yaml").write_text(SETTINGS)
    other = replace(workplace, root=root)
    other.commit("Start")
    other.add("demo", "alpha<2")
    assert other.published() == [("demo", 1, "published", "new")]
    other.edit("demo", "alpha<2", "alpha>=2")
    assert calm(other.run("register", "demo")).code == 0
    assert other.published() == [("demo", 2, "published", "registered without an image")]
    found = answers(other)
    assert {name: done.code for name, done in found.items()} == dict.fromkeys(COMMANDS, 0)
    assert "alpha  1.0 -> 2.0" in found["diff"].out
    done = calm(other.run("verify", "--registry", other.images, "--rebuild", "demo@2"))
    assert done.code == 0, done.out


def bound_by_modes() -> list[str]:
    """A prefix with which a command may write only what the modes allow, for root too."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, since root may write everything")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]


def test_read_only_repository(place: Workplace) -> None:
    prefix = bound_by_modes()
    place.edit("demo", "alpha>=2", "alpha")
    place.lock()
    git(place.root, "commit", "-qam", "Edit")
    whole = {name: (done.code, done.out) for name, done in answers(place).items()}
    tags = place.tags()
    folders = [place.root / ".git", *(path for path in (place.root / ".git").rglob("*") if path.is_dir())]

    def run(*line: str) -> Ran:
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "envcatalog", *line],
            cwd=place.root,
            env={**os.environ, "ENVCATALOG_CACHE": str(place.cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        return calm(Ran(done.returncode, done.stdout, done.stderr))

    for folder in folders:
        folder.chmod(0o555)
    try:
        found = {name: run(*line) for name, line in COMMANDS.items()}
        assert {name: (done.code, done.out) for name, done in found.items()} == whole
        assert found["plan"].out.startswith("build  demo  version 3  definition changed\n")
        for line in (["publish", "--registry", place.images], ["register", "demo"]):
            done = run(*line)
            assert (done.code, done.out) == (2, ""), line
            assert done.err.splitlines()[-1] == (
                f"error: the repository in `{place.root}` cannot be written: permission denied"
            )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert place.tags() == tags
    assert place.published() == [("demo", 3, "published", "definition changed")], "and then it goes on"


def test_stale_index_lock(place: Workplace) -> None:
    """Reading does not care; a commit says what is in the way."""
    (place.root / ".git/index.lock").touch()
    assert {done.code for done in answers(place).values()} == {0}
    assert place.published() == [("demo", 2, "unchanged", "is version 2")]
    place.edit("demo", "alpha>=2", "alpha")
    done = calm(place.run("register", "demo"))
    assert (done.code, done.out) == (2, "")
    assert "error: the repository is locked: Unable to create" in done.err
    assert "hint: end the other Git process, or remove the lock file if none is running" in done.err
    assert place.tags() == ["demo@1", "demo@2"]
    (place.root / ".git/index.lock").unlink()
    assert calm(place.run("register", "demo")).code == 0


def link_definition(place: Workplace) -> None:
    path = place.root / "catalog/demo/environment.yaml"
    path.rename(place.root / "elsewhere.yaml")
    path.symlink_to("../../elsewhere.yaml")


def link_folder(place: Workplace) -> None:
    (place.root / "catalog/demo").rename(place.root / "elsewhere")
    (place.root / "catalog/demo").symlink_to("../elsewhere")


def make_submodule(place: Workplace) -> None:
    shutil.rmtree(place.root / "catalog/demo")
    git(place.root, "rm", "-rq", "--cached", "catalog/demo")
    head = git(place.root, "rev-parse", "HEAD")
    git(place.root, "update-index", "--add", "--cacheinfo", f"160000,{head},catalog/demo")


@pytest.mark.parametrize("make", [link_definition, link_folder, make_submodule])
def test_what_stands_in_place_of_a_definition_is_not_followed(
    place: Workplace, make: Callable[[Workplace], None]
) -> None:
    make(place)
    if make is make_submodule:
        git(place.root, "commit", "-qm", "Odd")
    else:
        place.commit("Odd")
    found = answers(place)
    assert "demo" not in found["list"].out.split()
    for name in ("show", "diff"):
        assert found[name].code in (1, 2) and found[name].out == "", name
    assert found["show-version"].code == 0, "what was published stays readable"
    assert "alpha<2" in found["show-version"].out
    done = calm(place.publish("demo"))
    assert done.code in (1, 2) and done.out == ""
    assert calm(place.run("register", "demo")).code in (1, 2)
    assert place.tags() == ["demo@1", "demo@2"]
    validated = place.run("validate")
    if make is not make_submodule:
        assert "is a symbolic link" in validated.out + validated.err
    assert calm(place.run("verify")).code == 0


def test_case_and_unicode_twins(place: Workplace) -> None:
    """`Demo` and names in other normal forms beside `demo`: told, and never taken for it."""
    for name in ("Demo", "DEMO", "café", unicodedata.normalize("NFD", "café")):
        folder = place.root / "catalog" / name
        shutil.copytree(place.root / "catalog/demo", folder)
    place.commit("Twins")
    found = answers(place)
    assert found["list"].out.split().count("demo") == 1
    assert [line.split()[0] for line in found["list"].out.splitlines()] == ["NAME", "demo"]
    for done in (place.run("show", "Demo"), place.run("log", "café"), place.run("publish", "DEMO")):
        assert calm(done).code == 2 and done.out == ""
    assert place.published() == [("demo", 2, "unchanged", "is version 2")]
    validated = place.run("validate", "--format", "json")
    told = {item["file"] for item in validated.json["problems"] if item["code"] == "file-skipped"}
    assert {path.split("/")[1] for path in told} == {
        "Demo",
        "DEMO",
        "café",
        unicodedata.normalize("NFD", "café"),
    }
    assert len(told) >= 4


def test_tags_that_differ_in_case_alone(place: Workplace) -> None:
    git(place.root, "tag", "-am", "twin", "Demo@1")
    git(place.root, "tag", "-am", "twin", "DEMO@3")
    found = answers(place)
    assert found["list"].out.split()[5:8] == ["demo", "system", "2"]
    assert "Demo@1" not in found["log"].out
    assert place.published() == [("demo", 2, "unchanged", "is version 2")]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def calls(place: Workplace) -> Iterator[list[Callable[[Catalog], object]]]:
    """What an SDK user calls."""
    yield [
        lambda catalog: catalog.validate(),
        lambda catalog: catalog.list(),
        lambda catalog: catalog.versions("demo"),
        lambda catalog: catalog.resolve("demo@1"),
        lambda catalog: catalog.diff("demo@1", "demo@2"),
        lambda catalog: catalog.plan(),
        lambda catalog: catalog.plan(registry=place.images),
        lambda catalog: catalog.check_locks(),
        lambda catalog: catalog.resolve("demo@nobody"),
        lambda catalog: catalog.publish(registry=place.images),
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_thousand_calls_leave_nothing_open(
    place: Workplace, calls: list[Callable[[Catalog], object]]
) -> None:
    def all_calls(catalog: Catalog) -> None:
        for call in calls:
            try:
                call(catalog)
            except UserError as error:
                assert "nobody" in error.message

    git(place.root, "remote", "remove", "origin")
    with Catalog.open(place.root, cache=place.cache) as catalog:
        all_calls(catalog)
    before = descriptors(), children()
    with Catalog.open(place.root, cache=place.cache) as catalog:
        all_calls(catalog)
        while_open = descriptors()
        for _ in range(50):
            all_calls(catalog)
        assert descriptors() == while_open
    assert (descriptors(), children()) == before
    for _ in range(49):
        with Catalog.open(place.root, cache=place.cache) as catalog:
            all_calls(catalog)
    assert (descriptors(), children()) == before


def test_a_shallow_clone_without_tags_never_looks_like_a_new_catalog(
    place: Workplace, tmp_path: Path
) -> None:
    """Tags are not there, so versions are not known: said by all, and no answer at all to a question about them."""
    clone = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", "--no-tags", f"file://{place.origin}", str(clone))
    warning = (
        "warning: this clone is shallow and has no version tag, so versions may be missing: "
        "run `git fetch --tags`\n"
    )
    for line in (("list",), ("show", "demo"), ("plan",)):
        done = place.run(*line, at=clone)
        assert (done.code, done.err) == (0, warning), line
    searched = place.run("search", "alpha", "--all-versions", at=clone)
    assert (searched.code, searched.out, searched.err) == (
        2,
        "",
        "error: this clone is shallow and has no version tag to search\nhint: run `git fetch --tags`\n",
    )
    assert place.run("show", "demo@1", at=clone).err == (
        warning + "error: `demo` has no version 1\nhint: run `git fetch --tags`: this clone is shallow\n"
    )


def test_a_missing_current_commit_is_no_new_repository(light: Light) -> None:
    light.put("web", {"flask": "1"})
    head = light.commit()
    (light.root / ".git/objects" / head[:2] / head[2:]).unlink()
    assert light.said("blame", "web") == (
        f"error: the current commit `{head[:12]}` is missing from the repository, or damaged\n"
        "hint: run `git fsck`\n"
    )


def test_a_catalog_that_is_not_checked_out(light: Light) -> None:
    light.put("web", {"flask": "1"})
    light.commit()
    git(light.root, "sparse-checkout", "set", "--no-cone", "/nothing")
    assert light.said("list") == (
        f"error: there is no `catalog/` in `{light.root}`\n"
        "hint: it is committed, but not checked out: run `git checkout -- catalog` or "
        "`git sparse-checkout add catalog`\n"
    )


def test_what_is_no_plain_file_is_never_silently_left_out(light: Light) -> None:
    """A link in place of a lock, a definition, a folder, or of `catalog` itself."""
    light.put("one", {"flask": "1"})
    light.put("two", {"urllib3": "1"})
    light.put("zoo", {"six": "1"})
    light.commit()
    lock = light.root / "catalog/one/lock.json"
    lock.rename(light.root / "lock.json")
    lock.symlink_to("../../lock.json")
    linked = "`catalog/one/lock.json` is a symbolic link, and only plain files are read"
    held, not_held = light.run("search", "six"), light.run("search", "flask")
    assert (held.code, held.err) == (0, f"warning: `one` was not searched: {linked}\n")
    assert (not_held.code, not_held.err) == (2, held.err)
    definition = light.root / "catalog/two/environment.yaml"
    definition.rename(light.root / "two.yaml")
    definition.symlink_to("../../two.yaml")
    passed = "`catalog/two/environment.yaml` is a symbolic link, so it is passed over\n"
    assert light.run("list").err == f"warning: {passed}"
    assert light.run("plan").err == f"warning: {passed}"
    searched = light.run("search", "urllib3")
    assert searched.code == 2
    assert "warning: `catalog/two/environment.yaml` was not searched: it is a symbolic link\n" in searched.err
    (light.root / "catalog").rename(light.root / "elsewhere")
    (light.root / "catalog").symlink_to("elsewhere")
    for line in (("list",), ("plan",), ("search", "six")):
        assert light.said(*line) == (
            "error: `catalog` is a symbolic link, and only plain files are read\nhint: put a plain file there\n"
        )


def test_a_damaged_object_is_said_with_what_to_run(light: Light) -> None:
    light.put("web", {"flask": "1"})
    commit = light.commit()
    light.version("web")
    path = light.root / ".git/objects" / commit[:2] / commit[2:]
    path.chmod(0o644)
    path.write_bytes(b"not what Git wrote")
    done = light.run("show", "web@1")
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(
        r"error: an object of the repository is damaged or missing: .*\nhint: run `git fsck`\n", done.err
    )
