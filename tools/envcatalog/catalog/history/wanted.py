"""What is searched for: a licence, or a package by name and which of its versions, by PEP 440 or Debian's relations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from envcatalog.definition.licenses import mentions
from envcatalog.model.errors import UserError
from envcatalog.model.history import PackageKind

_WANTED = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._+-]*)\s*(?P<rest>.*?)\s*\Z", re.ASCII | re.DOTALL)
_CLAUSE = re.compile(
    r"\s*(?P<relation><<|<=|==|=|!=|>=|>>|<|>)\s*(?P<version>[0-9A-Za-z][0-9A-Za-z.+~:-]*)\s*\Z"
)
# Conditions as conda has them: `=1.2` and `1.2.*` beside those that Python has.
_CONDA = re.compile(
    r"(?:(?:(?:>=|<=|==|!=|~=|=|<|>)\s*[0-9A-Za-z_]|[0-9])[0-9A-Za-z_.+!*-]*\s*(?:[,|]\s*|\Z))*\Z"
)
_FOREIGN = re.compile(r"(?P<strict><<|>>)|(?<![<>=!~])=(?!=)\s*(?P<version>[^,\s]+)")
_DEBIAN = {"<": "<<", ">": ">>", "==": "="}
_LICENSE = re.compile(r"\s*licen[cs]e:(?P<pattern>.*)\Z", re.DOTALL)
_LONGEST = 200

Accepts = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A package and a condition on its version, for each kind that the text can mean.

    Attributes:
        names: kind to the name in that kind's spelling.
    """

    text: str
    names: dict[PackageKind, str]
    conditions: dict[PackageKind, Accepts]
    _known: dict[tuple[PackageKind, str], bool] = field(default_factory=dict)

    def accepts(self, kind: PackageKind, version: str) -> bool:
        """Whether this version is wanted; asked once for each version."""
        key = (kind, version)
        if key not in self._known:
            self._known[key] = self.conditions[kind](version)
        return self._known[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLicense:
    """A licence, exactly or with ``*`` at the end, whatever it is joined with in an expression."""

    pattern: str
    kinds: tuple[PackageKind, ...]
    _known: dict[str, bool] = field(default_factory=dict)

    def accepts(self, license_: str) -> bool:
        """Whether a package with this licence is wanted; asked once for each licence."""
        if license_ not in self._known:
            self._known[license_] = mentions(license_, (self.pattern,))
        return self._known[license_]


def read_license(text: str, kind: PackageKind | None = None) -> WantedLicense | None:
    """Read ``license:AGPL-*``; None where the text is about a package.

    Raises:
        UserError: it names no licence, or Debian packages are asked for, of which none is known.
    """
    match = _LICENSE.match(text)
    if match is None:
        return None
    pattern = " ".join(match["pattern"].split())
    if not pattern.strip("*") or "*" in pattern[:-1] or len(text) > _LONGEST:
        raise UserError(f"`{text[:80]}` names no licence", "write `license:MIT` or `license:AGPL-*`")
    if kind == "deb":
        raise UserError("Debian packages name no licence in a lock", "leave `--deb` out")
    return WantedLicense(pattern=pattern, kinds=(kind,) if kind else ("python", "conda"))


def read_wanted(text: str, kind: PackageKind | None = None) -> Wanted:
    """Read ``urllib3<2.2`` or ``libssl3<<3.0.15``; ``<`` and ``>`` are strict for Debian packages, too.

    Args:
        kind: only this one; otherwise every kind that the condition can be read for.

    Raises:
        UserError: it is no package with a condition.
    """
    match = _WANTED.match(text) if len(text) <= _LONGEST else None
    if match is None:
        raise _not_wanted(text)
    names: dict[PackageKind, str] = {}
    conditions: dict[PackageKind, Accepts] = {}
    for one, read in _READERS.items():
        accepts = read(match["rest"]) if kind in (None, one) else None
        if accepts is not None:
            names[one] = _python_name(match["name"]) if one == "python" else match["name"].lower()
            conditions[one] = accepts
    if not names:
        raise _not_wanted(text)
    return Wanted(text=text.strip(), names=names, conditions=conditions)


def _python(rest: str) -> Accepts | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        specifiers = SpecifierSet(_FOREIGN.sub(_as_python, rest))
    except InvalidSpecifier:
        return None

    def accepts(version: str) -> bool:
        try:
            return specifiers.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return not rest

    return accepts


def _as_python(match: re.Match[str]) -> str:
    """``=1.2`` is conda's for all of 1.2, and ``<<`` is Debian's: nobody should miss a wheel for that."""
    if match["strict"]:
        return match["strict"][0]
    return f"=={match['version']}" + (
        "" if match["version"].endswith("*") or "+" in match["version"] else ".*"
    )


def _debian(rest: str) -> Accepts | None:
    clauses = [_CLAUSE.match(part) for part in rest.split(",")] if rest else []
    found = [clause for clause in clauses if clause is not None]
    if len(found) != len(clauses):
        return None

    def accepts(version: str) -> bool:
        return all(_holds(version, clause["relation"], clause["version"]) for clause in found)

    return accepts


def _conda(rest: str) -> Accepts | None:
    """The library is asked only where a lock holds the package, or the condition looks like nobody's."""
    if _CONDA.match(rest) is None:
        return None
    found: list[Accepts | None] = []

    def accepts(version: str) -> bool:
        from envcatalog.lock.conda.version import condition

        if not found:
            found.append(condition(rest))
        return found[0](version) if found[0] is not None else False

    return accepts


def _holds(version: str, relation: str, wanted: str) -> bool:
    from envcatalog.lock.debian.version import satisfies

    if relation == "!=":
        return not satisfies(version, "=", wanted)
    return satisfies(version, _DEBIAN.get(relation, relation), wanted)


def _python_name(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _not_wanted(text: str) -> UserError:
    return UserError(
        f"`{text[:80]}` is no package with a condition on its version",
        "write `urllib3`, `urllib3<2.2`, `numpy>=1.26,<2`, or `libssl3<3.0.15` for a Debian package; "
        "`license:AGPL-*` for a licence",
    )


_READERS: dict[PackageKind, Callable[[str], Accepts | None]] = {
    "python": _python,
    "deb": _debian,
    "conda": _conda,
}
