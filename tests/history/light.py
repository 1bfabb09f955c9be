"""A catalog whose locks are written by hand: many versions in a second, no index, no registry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from envcatalog.catalog.sdk import Catalog
from envcatalog.definition.canonical import definition_digest
from envcatalog.definition.reader import read_environment
from envcatalog.git.claim import VersionFacts, claim_next
from envcatalog.lock.file import dump_lock, load_lock, lock_digest
from envcatalog.model.lock import (
    Bytecode,
    Deb,
    Known,
    Lock,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
    Wheel,
)
from support.catalogs import Ran, git, run_here

IMAGE = "registry.example.com/python:3.11"
PLATFORM = "linux/amd64"


def digest(text: str) -> str:
    """Some digest."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Light:
    """A catalog and the person who works on it; the clock stands still unless `day` is set."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Ran:
        """A command in this process."""
        return run_here(self.monkeypatch, self.capsys, self.root, self.root.parent / "cache", arguments)

    def said(self, *arguments: str) -> str:
        """What a command that must fail says on stderr."""
        done = self.run(*arguments)
        assert done.code in (1, 2) and done.out == "", done
        return done.err

    def day(self, day: str) -> None:
        """From now on Git writes this date, noon UTC."""
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            self.monkeypatch.setenv(name, f"{day}T12:00:00+00:00")

    def put(
        self,
        name: str,
        wheels: dict[str, str] | None = None,
        *,
        debs: dict[str, str] | None = None,
        base: str | None = None,
        more: str = "",
        asked: tuple[str, ...] = (),
        known: dict[str, Known] | None = None,
        rebuilt: tuple[str, ...] = (),
    ) -> None:
        """Write a definition and a lock that belongs to it.

        Args:
            known: what was learnt of artefacts, by name.
            rebuilt: wheels that are other files of the same version.
        """
        folder = self.root / "catalog" / name
        folder.mkdir(parents=True, exist_ok=True)
        what = f"environment: {base}" if base else f'image: "{IMAGE}"'
        python = 'python:\n  version: "3.11"\n' + ("  packages:\n" if asked else "")
        python += "".join(f'    - "{package}"\n' for package in asked)
        text = f"name: {name}\ndescription: For a test\nbase: {{{what}}}\n{python}{more}"
        (folder / "environment.yaml").write_text(text)
        environment = read_environment(text.encode(), "x", folder=name).environment
        assert environment is not None, text
        platform = PlatformLock(
            platform=PLATFORM,
            debs=tuple(_deb(*item) for item in sorted((debs or {}).items())),
            wheels=tuple(
                _wheel(*item, build="2" if item[0] in rebuilt else "")
                for item in sorted((wheels or {}).items())
            ),
        )
        told = known or {}
        facts = {item.sha256: told[item.name] for item in platform.artefacts if item.name in told}
        lock = Lock(
            definition=definition_digest(environment),
            base=LockedEnvironment(environment=base, plan=self.plan(base))
            if base
            else LockedImage(image=IMAGE, digest=digest("i"), manifests=((PLATFORM, digest("m")),)),
            bytecode=None if base else Bytecode(python="3.11.9"),
            platforms=(platform,),
            known=tuple(sorted(facts.items())),
        )
        (folder / "lock.json").write_bytes(dump_lock(lock))

    def plan(self, name: str) -> str:
        """The plan digest of the work tree's content."""
        with Catalog.open(self.root) as catalog:
            return catalog.content.plan(name).digest

    def commit(self, message: str = "Edit") -> str:
        """Commit everything; the commit's id."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", message)
        return git(self.root, "rev-parse", "HEAD")

    def version(self, name: str, message: str = "") -> str:
        """Claim the next version of the current commit; ``name@N``."""
        with Catalog.open(self.root) as catalog:
            head = catalog.repository.require_head()
            lock = load_lock((self.root / f"catalog/{name}/lock.json").read_bytes(), "x")
            plan = catalog.at(head).plan(name).digest
            facts = VersionFacts(
                commit=head,
                plan=plan,
                image=digest(plan),
                lock=lock_digest(lock),
                checks="none",
                message=message,
            )
            return claim_next(catalog.repository, name, facts, remote=None).reference


def _wheel(name: str, version: str, build: str = "") -> Wheel:
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return Wheel(name=name, version=version, file=file, size=1_000_000, sha256=digest(file + build)[7:])


def _deb(name: str, version: str) -> Deb:
    path = f"pool/main/{name}_{version}_amd64.deb"
    return Deb(
        name=name, version=version, architecture="amd64", path=path, size=500_000, sha256=digest(path)[7:]
    )
