"""Named indexes: their packages come from them and from nowhere else, and nothing else ever comes from them.

uv ties a package to an index (``explicit = true`` and ``[tool.uv.sources]``) only where a project depends
on it directly. So every package that a pattern covers is made a direct dependency of a project of ours, and
since the indirect ones are not known beforehand, the solve is repeated: names that turn up, in the solution
or in the reason why there is none, are tied; tied ones that nothing needs any more are let go. A solution
is accepted only when uv names, for each package, an origin that the settings allow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from envcatalog.lock.urls import local_path, redacted, same_place
from envcatalog.lock.uv import PROJECT, UvResult, compile_arguments, run_uv
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.settings import PackageIndex, Settings

DEFAULT_INDEX = "default"
_ROUNDS = 30
_PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One package of uv's annotated output: where it came from, and who asked for it."""

    name: str
    origin: str
    via: tuple[str, ...]


def index_of(name: str, settings: Settings) -> PackageIndex | None:
    """The named index that a package must come from; None for the default one."""
    for index in settings.indexes:
        if any(fnmatchcase(name, pattern) for pattern in index.packages):
            return index
    return None


def check_index(name: str, index: str, settings: Settings) -> None:
    """Refuse a package that is said to come from an index it may not come from (Refusal)."""
    allowed = index_of(name, settings)
    expected = allowed.name if allowed else DEFAULT_INDEX
    if index == expected:
        return
    if index != DEFAULT_INDEX and index not in {known.name for known in settings.indexes}:
        raise Refusal(
            f"`{name}` comes from the index `{index}`, which is unknown",
            "name it under `indexes` in `catalog/catalog.yaml`",
        )
    raise Refusal(
        f"`{name}` comes from the index `{index}` but may only come from `{expected}`",
        "see `indexes` in `catalog/catalog.yaml`, or run `envcat lock` again",
    )


def tie(
    folder: Path,
    arguments: list[str],
    *,
    roots: Collection[str],
    known: Iterable[str],
    preferred: str,
    settings: Settings,
    provided: frozenset[str] = frozenset(),
) -> UvResult | None:
    """Write a ``pyproject.toml`` that ties all packages of named indexes, to be solved with the requirements.

    Args:
        arguments: for ``uv pip compile``, input files included.
        roots: normalised names of the requirements.
        known: names that may well turn up, such as those of the previous lock.
        preferred: the versions to prefer, as requirements.
        provided: names that come from no index, whatever the settings say of them.

    Returns:
        The failed result when there is no solution, None when the folder is ready.

    Raises:
        Refusal: a package would come from an index that it may not come from.
        UserError: the names do not settle.
    """
    pins = {name for name in (*roots, *known) if index_of(name, settings)} - provided
    for _ in range(_ROUNDS):
        _write_project(folder, pins, settings)
        # each round starts from the same preferences, never from an earlier round's wrong origins
        output = folder / "solved.txt"
        output.write_text(preferred)
        options = ["--emit-index-annotation", *arguments, "pyproject.toml", f"--output-file={output.name}"]
        result = run_uv([*compile_arguments(), *options], folder)
        if not result.ok:
            mentioned = _covered(_WORD.findall(result.explanation), settings) - pins - provided
            if not mentioned:
                return result
            pins |= mentioned
            continue
        solved = [item for item in read_annotated(output.read_text()) if item.name not in provided]
        missing = _covered((item.name for item in solved), settings) - pins
        idle = {item.name for item in solved if not item.via and item.name not in roots} & pins
        if not missing and not idle:
            _check_origins(solved, settings)
            return None
        pins = (pins | missing) - idle
    raise UserError(
        "the packages of the named indexes do not settle", "write more of them into the definition"
    )


def read_annotated(text: str) -> tuple[Solved, ...]:
    """uv's requirements format with ``# via`` and ``# from``; our own project is left out of `via`."""
    found: list[Solved] = []
    ours = False  # whether the notes that come now are those of the last one found
    for line in text.splitlines():
        match = _PINNED.match(line)
        if match:
            ours = True
            found.append(Solved(name=_normalised(match[1]), origin="", via=()))
            continue
        note = line.strip().removeprefix("#").strip()
        ours = ours and line.strip().startswith("#")
        if not ours:
            continue
        last = found[-1]
        if note.startswith("from "):
            found[-1] = Solved(name=last.name, origin=note[5:], via=last.via)
        else:
            user = note.removeprefix("via").strip()
            if user and not user.startswith(PROJECT):
                found[-1] = Solved(name=last.name, origin=last.origin, via=(*last.via, user))
    return tuple(found)


def is_flat(index: PackageIndex) -> bool:
    """Whether the index is a folder that holds wheels side by side."""
    folder = local_path(index.url)
    return folder is not None and folder.is_dir() and any(folder.glob("*.whl"))


def index_url(index: PackageIndex) -> str:
    """The URL for uv; a path becomes a ``file:`` URL."""
    folder = local_path(index.url)
    return folder.absolute().as_uri() if folder is not None else index.url


def _check_origins(solved: Iterable[Solved], settings: Settings) -> None:
    for item in solved:
        allowed = index_of(item.name, settings)
        if allowed is not None and not same_place(item.origin, index_url(allowed)):
            raise Refusal(
                f"`{item.name}` may only come from the index `{allowed.name}` "
                f"but was found at `{redacted(item.origin)}`",
                "see `indexes` in `catalog/catalog.yaml`",
            )
        if allowed is None:
            for index in settings.indexes:
                if same_place(item.origin, index_url(index)):
                    raise Refusal(
                        f"`{item.name}` may not come from the index `{index.name}`",
                        "add it to the index' `packages` in `catalog/catalog.yaml`",
                    )


def _write_project(folder: Path, pins: Collection[str], settings: Settings) -> None:
    # JSON strings are TOML basic strings as long as no control character is left unescaped
    lines = ["[project]", f'name = "{PROJECT}"', 'version = "0"']
    lines += [f"dependencies = {json.dumps(sorted(pins))}"]
    for index in settings.indexes:
        lines += [
            "[[tool.uv.index]]",
            f"name = {json.dumps(index.name)}",
            f"url = {json.dumps(index_url(index))}",
        ]
        lines += ["explicit = true", *(['format = "flat"'] if is_flat(index) else [])]
    lines.append("[tool.uv.sources]")
    for name in sorted(pins):
        index_name = (index_of(name, settings) or settings.indexes[0]).name
        lines.append(f"{json.dumps(name)} = {{ index = {json.dumps(index_name)} }}")
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n")


def _covered(names: Iterable[str], settings: Settings) -> set[str]:
    normalised = {_normalised(name) for name in names} - {PROJECT}
    return {name for name in normalised if index_of(name, settings)}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
