"""`checkout`: a catalog of its own, and nothing outside of it whatever a commit holds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from history.light import Light, digest
from support.catalogs import git


@pytest.fixture
def published(light: Light) -> Light:
    light.put("base", {"urllib3": "1.26.5"})
    light.put("child", {"alpha": "1.0"}, base="base", more="aliases: {staging: 1}\n")
    light.put("apart", {"beta": "1.0"})
    (light.root / "catalog/child/data").mkdir()
    (light.root / "catalog/child/data/run.sh").write_text("#!/bin/sh\n")
    (light.root / "catalog/child/data/run.sh").chmod(0o755)
    light.commit("Add all")
    light.version("child")
    light.put("child", {"alpha": "2.0"}, base="base")
    return light


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_a_version_with_its_base_is_a_catalog_of_its_own(published: Light) -> None:
    target = published.root.parent / "out"
    plan = published.run("show", "child@1", "--format", "json").json["at"]["version"]["plan"]
    done = published.run("checkout", "child@1", str(target))
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"child@1 with its base base: 6 files in {target}\n"
        f"plan   {plan}\n"
        f"image  {digest(plan)}\n"
        f"build  envcat -C {target} build child --registry oci:{target}/images\n"
        f"edit   {target}/catalog/child/environment.yaml, then envcat -C {target} lock child\n"
    )
    committed = {
        path: git(published.root, "cat-file", "blob", f"HEAD:{path}")
        for path in git(published.root, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
        if "apart" not in path
    }
    assert {path: text.rstrip("\n") for path, text in everything(target).items()} == committed
    assert os.access(target / "catalog/child/data/run.sh", os.X_OK)
    there = Light(root=target, monkeypatch=published.monkeypatch, capsys=published.capsys)
    assert there.run("validate").out == "2 checked, no problems\n"
    assert there.plan("child") == plan


def test_the_work_tree_with_edits(published: Light) -> None:
    target = published.root.parent / "out"
    target.mkdir()
    done = published.run("checkout", "child", str(target), "--format", "json")
    value = done.json["checkout"]
    assert (value["commit"], value["version"], value["image"]) == (None, None, None)
    assert value["environments"] == ["base", "child"]
    assert (target / "catalog/child/lock.json").read_bytes() == (
        published.root / "catalog/child/lock.json"
    ).read_bytes()
    assert value["plan"] == published.plan("child")


def test_a_folder_with_something_in_it_stays_as_it_is(published: Light) -> None:
    target = published.root.parent / "out"
    target.mkdir()
    (target / "mine").write_text("mine")
    hint = "hint: choose a folder that does not exist yet, or an empty one\n"
    assert published.said("checkout", "child@1", str(target)) == f"error: `{target}` is not empty\n{hint}"
    assert everything(target) == {"mine": "mine"}
    link = published.root.parent / "link"
    (published.root.parent / "elsewhere").mkdir()
    link.symlink_to(published.root.parent / "elsewhere")
    assert published.said("checkout", "child@1", str(link)) == (
        f"error: `{link}` is a symbolic link\nhint: choose a folder that does not exist yet\n"
    )
    assert list((published.root.parent / "elsewhere").iterdir()) == []


def hostile_commit(light: Light, mode: str, name: bytes, content: bytes) -> str:
    """A commit whose `catalog/child` holds one more entry, of any name."""

    def run(*arguments: str, stdin: bytes) -> str:
        done = subprocess.run(
            ["git", "-C", str(light.root), *arguments], input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def tree(revision: str, replaced: bytes, kind: bytes, object_id: str) -> str:
        listed = subprocess.run(
            ["git", "-C", str(light.root), "ls-tree", "-z", revision], capture_output=True, check=True
        ).stdout.split(b"\0")[:-1]
        entries = []
        for entry in listed:
            facts, path = entry.split(b"\t", 1)
            mode_, _, id_ = facts.split(b" ")
            entries.append((path, mode_.lstrip(b"0"), id_))
        entries = [item for item in entries if item[0] != replaced] + [(replaced, kind, object_id.encode())]
        entries.sort(key=lambda item: item[0] + (b"/" if item[1] == b"40000" else b""))
        data = b"".join(m + b" " + path + b"\0" + bytes.fromhex(i.decode()) for path, m, i in entries)
        return run("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=data)

    blob = run("hash-object", "-w", "--stdin", stdin=content)
    child = tree("HEAD:catalog/child", name, mode.encode(), blob)
    catalog = tree("HEAD:catalog", b"child", b"40000", child)
    root = tree("HEAD", b"catalog", b"40000", catalog)
    return run("commit-tree", root, "-p", "HEAD", "-m", "Evil", stdin=b"")


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("100644", b".."),
        ("100644", b".git"),
        ("100644", b".GIT"),
        ("100644", b"git~1"),
        ("100644", b"a\\b"),
        ("100644", b"c:d"),
        ("100644", b"LOCK.json"),
        ("100644", b"a\nb"),
        ("100644", b"\xff"),
        ("100644", b"../../../escaped"),
        ("120000", b"link"),
        ("160000", b"module"),
    ],
)
def test_hostile_trees_write_nothing(published: Light, mode: str, name: bytes) -> None:
    commit = hostile_commit(published, mode, name, b"/etc/passwd")
    before = sorted(path.name for path in published.root.parent.iterdir())
    done = published.run("checkout", f"child@{commit}", str(published.root.parent / "out"))
    assert done.code in (1, 2), done
    assert "only plain files are checked out" in done.err or "git ls-tree" in done.err
    assert sorted(path.name for path in published.root.parent.iterdir()) == before
    assert not (published.root / "catalog/escaped").exists()
