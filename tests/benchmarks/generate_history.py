"""Make a large catalog repository in seconds: many environments, commits and version tags, by `git fast-import`.

    python tests/benchmarks/generate_history.py FOLDER [--environments N] [--commits N] [--tags N]

The content is deterministic. Each commit after the first edits one environment; tags are annotated versions with
trailers, spread evenly, so that environment `i` has versions 1, 2, 3 ... The work tree holds the last commit.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

START = 1_600_000_000
PERSON = "Bench Mark <bench@example.com>"


def name_of(number: int) -> str:
    """The name of environment `number`."""
    return f"env-{number:05}"


def digest(*parts: object) -> str:
    """A digest that depends on the parts alone."""
    return "sha256:" + hashlib.sha256(repr(parts).encode()).hexdigest()


def definition(number: int, edit: int) -> bytes:
    """A definition of ordinary size."""
    packages = [f"package-{(number * 7 + step) % 997}>={edit % 9}.{step}" for step in range(8)]
    lines = [
        f"name: {name_of(number)}",
        f"description: Environment {number}, edit {edit}",
        "base: {debian: bookworm}",
    ]
    lines += ["python:", '  version: "3.11"', "  packages:", *(f'    - "{package}"' for package in packages)]
    return "\n".join(lines).encode() + b"\n"


def lock(number: int, edit: int) -> bytes:
    """A lock of about 4 KB, whose digests do not compress."""
    rows = (f' {{"name": "package-{step}", "sha256": "{digest(number, edit, step)}"}}' for step in range(40))
    return b'{"wheels": [\n' + ",\n".join(rows).encode() + b"\n]}\n"


def stream(environments: int, commits: int, tags: int) -> Iterator[bytes]:
    """The input of `git fast-import`."""
    yield from _commit(1, "Add all environments", range(environments), 0)
    for count in range(2, commits + 1):
        number = (count * 7919) % environments
        yield from _commit(count, f"Edit {name_of(number)}", [number], count)
    for count in range(tags):
        number, version = count % environments, count // environments + 1
        mark = max(1, commits * (count + 1) // tags)
        trailers = (
            f"Plan: {digest('plan', count)}\nImage: {digest('image', count)}\nLock: {digest('lock', count)}\n"
        )
        message = f"{name_of(number)}@{version}\n\n{trailers}Checks: none\n".encode()
        tagger = f"tagger {PERSON} {START + mark} +0000\n"
        yield f"tag {name_of(number)}@{version}\nfrom :{mark}\n{tagger}".encode() + _data(message)


def _commit(mark: int, message: str, numbers: range | list[int], edit: int) -> Iterator[bytes]:
    head = f"commit refs/heads/main\nmark :{mark}\ncommitter {PERSON} {START + mark} +0000\n"
    yield head.encode() + _data(message.encode())
    for number in numbers:
        folder = f"catalog/{name_of(number)}"
        yield f"M 100644 inline {folder}/environment.yaml\n".encode() + _data(definition(number, edit))
        yield f"M 100644 inline {folder}/lock.json\n".encode() + _data(lock(number, edit))


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def generate(folder: Path, *, environments: int, commits: int, tags: int, checkout: bool = True) -> None:
    """Make the repository in a new folder."""
    git = ["git", "-C", str(folder)]
    folder.mkdir(parents=True)
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    with subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in stream(environments, commits, tags):
            process.stdin.write(part)
        process.stdin.close()
        if process.wait() != 0:
            raise SystemExit("git fast-import failed")
    subprocess.run([*git, "pack-refs", "--all"], check=True)
    if checkout:
        subprocess.run([*git, "reset", "-q", "--hard"], check=True)


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
