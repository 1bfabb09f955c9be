"""Requirements of Python packages (PEP 508), and what of them we refuse."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_ADDRESS = re.compile(r"(?:[a-z]+\+)?[a-z][a-z0-9+.-]*://|git\+|file:|\.{0,2}/|~/", re.IGNORECASE)
_FILE = re.compile(r"\.(?:whl|tar\.gz|zip|egg)\Z", re.IGNORECASE)
_DIRECT_HINT = "name the package and its version; put the wheel on an index of the catalog's settings"


class Requirement(NamedTuple):
    """A normalised requirement: PEP 503 name, sorted extras and clauses, and the marker."""

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f"; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{marker}"


class Refused(NamedTuple):
    """Why a text is no requirement that we take."""

    code: str
    message: str
    hint: str


# The common form, `name[extra]==1.2,<2`, is read here; the rest by `packaging`, which takes 40 ms to import.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RELEASE = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"
_CLAUSE = rf"(?:==|!=|<=|>=|<|>)\s*{_RELEASE}|~=\s*{_RELEASE}\.(?:0|[1-9][0-9]*)|(?:==|!=)\s*{_RELEASE}\.\*"
_SIMPLE = re.compile(
    rf"({_NAME})\s*(?:\[\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\])?\s*((?:{_CLAUSE})(?:\s*,\s*(?:{_CLAUSE}))*)?\Z",
    re.ASCII,
)
_SEPARATORS = re.compile(r"[-_.]+")


def package_name(name: str) -> str:
    """The normalised name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


@lru_cache(maxsize=16384)
def read_requirement(text: str) -> Requirement | Refused:
    """A requirement, or why it is refused."""
    refused = _refused_form(text)
    if refused is not None:
        return refused
    match = _SIMPLE.match(text) if " " not in text else None
    if match is not None:
        name, extras, clauses = match.groups()
        return Requirement(
            package_name(name),
            tuple(sorted({package_name(extra) for extra in extras.split(",")})) if extras else (),
            ",".join(sorted(set(clauses.split(",")))) if clauses else "",
            "",
        )
    return _read_with_packaging(text)


def _refused_form(text: str) -> Refused | None:
    stripped = text.strip()
    if stripped.startswith("-"):
        hint = "name indexes in the catalog's settings; requirements have no options"
        return Refused("requirement-option", "is an option, not a requirement", hint)
    if stripped.startswith("#"):
        return Refused(
            "requirement-syntax", "is a comment, not a requirement", "remove the quotes or the item"
        )
    if _ADDRESS.match(stripped) or _FILE.search(stripped):
        return Refused("requirement-direct", "is an address or a file, not a requirement", _DIRECT_HINT)
    return None


def _read_with_packaging(text: str) -> Requirement | Refused:
    from packaging import requirements

    try:
        read = requirements.Requirement(text)
    except requirements.InvalidRequirement:
        if ";" in text:
            hint = 'write the marker as in `pandas>=2.2; python_version < "3.13"`'
            return Refused("requirement-syntax", "is not a requirement with a marker", hint)
        hint = "write a name and versions, such as `pandas>=2.2,<3`"
        return Refused("requirement-syntax", "is not a requirement", hint)
    except RecursionError:
        return Refused(
            "requirement-syntax", "is not a requirement: its marker is nested too deep", "simplify it"
        )
    if read.url is not None:
        return Refused("requirement-direct", "names an address to install from", _DIRECT_HINT)
    return Requirement(
        package_name(read.name),
        tuple(sorted({package_name(extra) for extra in read.extras})),
        ",".join(sorted({str(clause) for clause in read.specifier})),
        str(read.marker) if read.marker else "",
    )
