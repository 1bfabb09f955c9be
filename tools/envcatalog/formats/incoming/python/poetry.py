"""Poetry's tables of dependencies as requirements (PEP 508).

Source: Poetry's documentation, "Dependency specification": caret, tilde, wildcard and multiple constraints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node

_SIGN = re.compile(r"([\^~<>=!]+)\s+")
_CLAUSE = re.compile(r"(\^|~=|~|===?|!=|<=?|>=?|=)?v?([0-9][0-9A-Za-z.+!_-]*?(?:\.\*)?|\*)\Z")
_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
MAX_VERSION = 100
_ADDRESSES = ("git", "path", "url", "file", "directory")
_WITHOUT_LOSS = frozenset({"version", "extras", "python", "markers", "platform", "optional", "develop"})


@dataclass(frozen=True, slots=True)
class Poetic:
    """One entry of a table.

    Attributes:
        text: the requirement; empty where it cannot be one.
        reason: what is lost; empty for nothing.
        optional: only there for an extra that names it.
    """

    text: str
    node: Node
    reason: str = ""
    optional: bool = False


class Inexpressible(ValueError):
    """A constraint that has no form in PEP 440; its text says why."""


def entries(name: str, value: Node) -> Iterator[Poetic]:
    """The requirements of one key; a list has one for each platform or Python."""
    for node in value.items or (value,):
        yield _entry(name, node)


def _entry(name: str, node: Node) -> Poetic:
    if isinstance(node.value, str):
        return _with_version(name, node.text or "*", node, "", (), optional=False)
    if not node.mapping:
        return Poetic("", node, f"it is {node.kind}, not a version")
    optional = _text(node, "optional") == "true"
    address = next((key for key in _ADDRESSES if key in node.mapping), None)
    if address is not None:
        reason = f"it is installed from its `{address}`; a definition names packages of an index"
        return Poetic("", node, reason, optional)
    extras = node.get("extras")
    words = tuple(item.text or "" for item in extras.items) if extras is not None else ()
    try:
        marker = _marker(node)
    except Inexpressible as error:
        return Poetic("", node, str(error), optional)
    found = _with_version(name, _text(node, "version") or "*", node, marker, words, optional=optional)
    others = sorted(set(node.mapping) - _WITHOUT_LOSS)
    if others and not found.reason:
        reason = f"{', '.join(f'`{bare(key, 40)}`' for key in others)} has no place in a definition"
        return Poetic(found.text, node, reason, optional)
    return found


def _with_version(
    name: str, version: str, node: Node, marker: str, extras: tuple[str, ...], *, optional: bool
) -> Poetic:
    head = f"{name}[{','.join(extras)}]" if extras else name
    reason = ""
    try:
        alternatives = [part for part in re.split(r"\s*\|\|?\s*", version) if part]
        if len(alternatives) > 1:
            last = alternatives[-1]
            reason = f"a definition has no `||`; carried over as `{bare(last)}` alone"
            version = last
        clauses = ",".join(specifier(version))
    except Inexpressible as error:
        return Poetic("", node, str(error), optional)
    return Poetic(f"{head}{clauses}{f' ; {marker}' if marker else ''}", node, reason, optional)


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return (found.text or "") if found is not None else ""


def _marker(node: Node) -> str:
    parts = []
    if python := _text(node, "python"):
        ways = [_python_marker(way) for way in python.split("||") if way.strip(" |")]
        parts.append(f"({' or '.join(ways)})" if len(ways) > 1 and all(ways) else ways[-1])
    if platform := _text(node, "platform"):
        parts.append(f'sys_platform == "{platform}"')
    if markers := _text(node, "markers"):
        parts.append(f"({markers})" if parts else markers)
    return " and ".join(part for part in parts if part)


def _python_marker(text: str) -> str:
    return " and ".join(_python_clause(clause) for clause in specifier(text.strip(" |")))


def _python_clause(clause: str) -> str:
    version = clause.lstrip("=!<>~")
    sign = clause[: len(clause) - len(version)]
    variable = "python_full_version" if version.removesuffix(".*").count(".") > 1 else "python_version"
    return f'{variable} {sign} "{version}"'


def specifier(text: str) -> tuple[str, ...]:
    """Clauses of PEP 440.

    Raises:
        Inexpressible: there are none for it.
    """
    if "|" in text:
        raise Inexpressible("`||` has no form in a definition")
    found: list[str] = []
    for word in re.split(r"[,\s]+", _SIGN.sub(r"\1", text.strip())):
        if word:
            found += _clause(word)
    return tuple(dict.fromkeys(found))


def _clause(word: str) -> list[str]:
    match = _CLAUSE.match(word) if len(word) <= MAX_VERSION else None
    if match is None or not _is_version(match[2]):
        raise Inexpressible(f"`{bare(word)}` is no version")
    sign, version = match[1] or "", match[2]
    if version == "*":
        return []
    if version.endswith(".*"):
        return [f"{'!=' if sign == '!=' else '=='}{version}"]
    if sign in ("^", "~"):
        return [f">={version}", f"<{_next(version, caret=sign == '^')}"]
    return [f"{'==' if sign in ('', '=') else sign}{version}"]


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text.removesuffix(".*"))
    except InvalidVersion:
        return text == "*"
    return True


def _next(version: str, *, caret: bool) -> str:
    """The first release that is outside: by the first number that is not 0 (caret), or the second one (tilde)."""
    match = _RELEASE.match(version)
    assert match is not None
    numbers = [int(number) for number in match[0].split(".")]
    if caret:
        kept = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        kept = min(1, len(numbers) - 1)
    return ".".join(str(number) for number in [*numbers[:kept], numbers[kept] + 1])
