"""Real repositories, made with Git itself, so that what we read was not written by what we test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from envcatalog.git.claim import VersionFacts


def git(folder: Path, *arguments: str, stdin: str | bytes = b"", **variables: str) -> str:
    """Run Git; its output without the last line end."""
    data = stdin.encode(errors="surrogateescape") if isinstance(stdin, str) else stdin
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


def digest(letter: str) -> str:
    """A digest that is easy to tell apart."""
    return "sha256:" + letter * 64


def facts(commit: str, plan: str = "a", **values: str) -> VersionFacts:
    """What a version records, with a plan named by one letter."""
    given = {"image": digest("e"), "lock": digest("f"), "checks": "none", "message": "", **values}
    return VersionFacts(commit=commit, plan=digest(plan), **given)


def trailers(plan: str = "a") -> str:
    """The last paragraph of a version's tag."""
    return f"Plan: {digest(plan)}\nImage: {digest('e')}\nLock: {digest('f')}\nChecks: none\n"


def tag_by_hand(folder: Path, name: str, message: str, *, inner: str | None = None) -> None:
    """An annotated tag as somebody could make it with Git alone."""
    commit = git(folder, "rev-parse", "HEAD")
    tagger = "Eve <eve@example.com> 1700000000 +0000"
    data = f"object {commit}\ntype commit\ntag {inner or name}\ntagger {tagger}\n\n{message}"
    made = git(folder, "hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=data)
    git(folder, "update-ref", f"refs/tags/{name}", made)


def write_environment(root: Path, name: str, text: str = "x", lock: str | None = "{}\n") -> None:
    """An environment's two files."""
    folder = root / "catalog" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.yaml").write_text(f"name: {name}\ndescription: {text}\n")
    if lock is not None:
        (folder / "lock.json").write_text(lock)


def make_catalog(root: Path, *, object_format: str = "sha1") -> None:
    """A repository with two environments and one commit."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", f"--object-format={object_format}")
    write_environment(root, "alpha")
    write_environment(root, "beta", lock=None)
    (root / "catalog/catalog.yaml").write_text("aliases: []\n")
    git(root, "add", "catalog")
    git(root, "commit", "-qm", "Add two environments")
