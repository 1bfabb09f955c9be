"""Make a large catalog repository in about a minute: many environments, commits and version tags.

    python tests/benchmarks/generate_history.py FOLDER [--environments N] [--commits N] [--tags N]

The content is deterministic. The first commit adds all environments, each further one edits the definition and the
lock of one. Locks are real: of ordinary size, and they belong to their definitions. One environment in ten inherits
from another. Tags are annotated versions with trailers, spread evenly, so that environment `i` has versions 1, 2, 3 ...
The work tree holds the last commit.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pack_writer import Copy, PackWriter, delta_of

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.plan import plan_image
from envcatalog.lock.file import load_lock, lock_digest
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import Environment as Asked
from envcatalog.model.environment import EnvironmentBase, ImageBase, Python

START = 1_600_000_000
STEP = 600  # seconds from one commit to the next
PERSON = "Bench Mark <bench@example.com>"
WHEELS = 15
FAMILY = 10  # the first of ten is the base of the last, and is never edited, so that no lock becomes stale
IMAGE = "registry.example.com/python:3.11"
SETTINGS = b"aliases: [staging, prod]\n"


def name_of(number: int) -> str:
    """The name of environment `number`."""
    return f"env-{number:05}"


def digest(*parts: object) -> str:
    """A digest that depends on the parts alone."""
    return "sha256:" + hashlib.sha256(repr(parts).encode()).hexdigest()


class Environment:
    """One environment as it is at some commit: the definition, and the lock in pieces of which an edit moves two."""

    def __init__(self, number: int, plan: str | None) -> None:
        self.number = number
        self.edit = 0
        self.plan = plan
        numbers = sorted({(number * 7 + step * 61) % 997 for step in range(WHEELS)})
        self.names = sorted([f"package-{one}" for one in numbers] + ["urllib3"] * (number % 2))
        self.releases = [number % 7] * len(self.names)
        self.pieces = [self._head(), *map(self._wheel, range(len(self.names))), _TAIL]

    def change(self, edit: int) -> list[Copy | bytes]:
        """Make the edit; the new lock as pieces of the one before and new ones."""
        self.edit = edit
        moved = edit % len(self.names)
        self.releases[moved] += 1
        parts: list[Copy | bytes] = []
        offset = 0
        for place, piece in enumerate(self.pieces):
            if place == 0 or place == moved + 1:
                self.pieces[place] = self._head() if place == 0 else self._wheel(moved)
                parts.append(self.pieces[place])
            else:
                parts.append((offset, len(piece)))
            offset += len(piece)
        return parts

    @property
    def asked(self) -> Asked:
        """The definition as the reader would give it."""
        parent = self.number // FAMILY * FAMILY
        is_child = self.plan is not None
        return Asked(
            name=name_of(self.number),
            base=EnvironmentBase(environment=name_of(parent)) if is_child else ImageBase(image=IMAGE),
            python=Python(version="3.11", packages=self._packages()),
        )

    def definition(self) -> bytes:
        """A definition of ordinary size."""
        name = name_of(self.number)
        parent = f"environment: {name_of(self.number // FAMILY * FAMILY)}"
        base = f'image: "{IMAGE}"' if self.plan is None else parent
        lines = [f"name: {name}", f"description: Environment {self.number}, edit {self.edit}"]
        lines += [
            'owners: ["@acme/ml-platform"]',
            f"aliases: {{prod: 1, staging: {1 + self.number % 5}}}",
            "",
        ]
        lines += [f"base: {{{base}}}", "python:", '  version: "3.11"', "  packages:"]
        lines += [f'    - "{package}"' for package in self._packages()]
        return "\n".join(lines).encode() + b"\n"

    def lock(self) -> bytes:
        """A lock of about 4 KB, whose digests do not compress."""
        return b"".join(self.pieces)

    def _packages(self) -> tuple[str, ...]:
        return tuple(f"{name}>={self.edit % 9}.{place}" for place, name in enumerate(self.names[:8]))

    def _head(self) -> bytes:
        base, bytecode = "null", "null"
        if self.plan is not None:
            parent = name_of(self.number // FAMILY * FAMILY)
            base = f'{{\n  "environment": "{parent}",\n  "plan": "{self.plan}"\n }}'
        else:
            manifests = f'{{\n   "linux/amd64": "{digest("manifest")}"\n  }}'
            base = (
                f'{{\n  "digest": "{digest("base")}",\n  "image": "{IMAGE}",\n  "manifests": {manifests}\n }}'
            )
            bytecode = '{\n  "interpreters": {},\n  "python": "3.11.9"\n }'
        return (
            f'{{\n "base": {base},\n "bytecode": {bytecode},\n "definition": "{definition_digest(self.asked)}",\n'
            ' "format": 1,\n "inputs": {},\n "platforms": {\n  "linux/amd64": {\n   "debs": [],\n   "wheels": [\n'
        ).encode()

    def _wheel(self, place: int) -> bytes:
        name, release = self.names[place], self.releases[place]
        version = f"{1 + release // 10}.{release % 10}.{self.number % 5}"
        sha256 = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        comma = "" if place == len(self.names) - 1 else ","
        fields = [
            ("file", f'"{file}"'),
            ("index", '"default"'),
            ("name", f'"{name}"'),
            ("sha256", f'"{sha256}"'),
            ("size", str(10_000 + int(sha256[:6], 16))),
            ("version", f'"{version}"'),
        ]
        inside = ",\n".join(f'     "{key}": {value}' for key, value in fields)
        return f"    {{\n{inside}\n    }}{comma}\n".encode()


_TAIL = b"   ]\n  }\n }\n}\n"


class History:
    """Writes commits one after the other."""

    def __init__(self, pack: PackWriter, environments: int) -> None:
        self._pack = pack
        self._environments: list[Environment] = []
        self._trees: list[bytes] = []  # id of `catalog/` at each commit; a handful of bytes each
        self._edited: list[int] = []
        self.commits: list[bytes] = []
        self._locks: list[tuple[bytes, int]] = []
        self._digests: list[list[tuple[int, str]]] = []  # of each environment: since which commit, which lock
        settings = pack.add("blob", SETTINGS)
        self._tree = bytearray(b"100644 catalog.yaml\0" + settings)
        self._start, self._width = len(self._tree), len(f"40000 {name_of(0)}\0") + 20
        plan = None
        for number in range(environments):
            child = number % FAMILY == FAMILY - 1
            one = Environment(number, plan if child else None)
            if number % FAMILY == 0:
                plan = _plan(one)
            data = one.lock()
            lock = pack.add("blob", data)
            self._environments.append(one)
            self._locks.append((lock, len(data)))
            self._digests.append([(0, sha256_digest(data))])
            self._tree += f"40000 {name_of(number)}\0".encode() + self._folder(one, lock)
        self._commit("Add all environments", pack.add("tree", self._tree))

    def edit(self) -> None:
        """One more commit, which edits one environment that is nobody's base."""
        count = len(self.commits)
        number = (count * 7919) % len(self._environments)
        number += 1 if number % FAMILY == 0 else 0
        one = self._environments[number]
        parts = one.change(count)
        before, size = self._locks[number]
        data = one.lock()
        lock = self._pack.add_delta("blob", data, before, size, delta_of(parts))
        self._locks[number] = (lock, len(data))
        self._digests[number].append((count, sha256_digest(data)))
        start = self._start + number * self._width
        self._tree[start + self._width - 20 : start + self._width] = self._folder(one, lock)
        self._edited.append(number)
        self._commit(f"Edit {name_of(number)}", self._add_tree(count))

    def tag(self, number: int, version: int, count: int, commit: int) -> tuple[str, str, str]:
        """An annotated version of a commit; its name, id, and the commit's id."""
        name = name_of(number)
        lock = next(lock for since, lock in reversed(self._digests[number]) if since <= commit)
        trailers = f"Plan: {digest('plan', count)}\nImage: {digest('image', count)}\nLock: {lock}\n"
        target = self.commits[commit].hex()
        head = f"object {target}\ntype commit\ntag {name}@{version}\ntagger {PERSON} {_time(commit) + 60} +0000\n"
        text = f"{head}\n{name}@{version}\n\n{trailers}Checks: none\n"
        return f"{name}@{version}", self._pack.add("tag", text.encode()).hex(), target

    def _folder(self, one: Environment, lock: bytes) -> bytes:
        definition = self._pack.add("blob", one.definition())
        return self._pack.add(
            "tree", b"100644 environment.yaml\0" + definition + b"100644 lock.json\0" + lock
        )

    def _add_tree(self, count: int) -> bytes:
        """`catalog/` as a delta to the tree of a commit before: as short as it can be, 17 at most on end."""
        base = count & (count - 1)
        parts: list[Copy | bytes] = []
        end = 0
        for number in sorted(set(self._edited[base:count])):
            start = self._start + (number + 1) * self._width - 20
            parts += [(end, start - end), bytes(self._tree[start : start + 20])]
            end = start + 20
        parts.append((end, len(self._tree) - end))
        return self._pack.add_delta("tree", self._tree, self._trees[base], len(self._tree), delta_of(parts))

    def _commit(self, message: str, tree: bytes) -> None:
        self._trees.append(tree)
        root = self._pack.add("tree", b"40000 catalog\0" + tree)
        parent = f"parent {self.commits[-1].hex()}\n" if self.commits else ""
        when = f"{PERSON} {_time(len(self.commits))} +0000"
        text = f"tree {root.hex()}\n{parent}author {when}\ncommitter {when}\n\n{message}\n"
        self.commits.append(self._pack.add("commit", text.encode()))


def generate(folder: Path, *, environments: int, commits: int, tags: int, checkout: bool = True) -> None:
    """Make the repository in a new folder."""
    git = ["git", "-C", str(folder)]
    folder.mkdir(parents=True)
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    with PackWriter(folder / ".git/objects/pack") as pack:
        history = History(pack, environments)
        for _ in range(1, commits):
            history.edit()
        made = [
            history.tag(
                count % environments,
                count // environments + 1,
                count,
                max(0, commits * (count + 1) // tags - 1),
            )
            for count in range(tags)
        ]
        pack.finish()
    _write_references(folder, history.commits[-1].hex(), made)
    if checkout:
        subprocess.run([*git, "reset", "-q", "--hard"], check=True)


def _write_references(folder: Path, head: str, tags: Sequence[tuple[str, str, str]]) -> None:
    lines = ["# pack-refs with: peeled fully-peeled sorted ", f"{head} refs/heads/main"]
    lines += [f"{tag} refs/tags/{name}\n^{commit}" for name, tag, commit in sorted(tags)]
    (folder / ".git/packed-refs").write_text("\n".join(lines) + "\n")


def _plan(one: Environment) -> str:
    lock = load_lock(one.lock(), "lock.json")
    assert lock_digest(lock) == sha256_digest(one.lock()), "the tags name locks by their bytes"
    return plan_image(one.asked, lock, lock_digest=lock_digest(lock), parent=None, budget=40).digest


def _time(commit: int) -> int:
    return START + commit * STEP


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a large catalog repository.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--environments", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--tags", type=int, default=50_000)
    chosen = parser.parse_args()
    counts = {"environments": chosen.environments, "commits": chosen.commits, "tags": chosen.tags}
    generate(chosen.folder, **counts)
    print(f"made {chosen.folder}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
