"""One requirement (PEP 508) of a file that is not ours: made plain, or the reason why it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from envcatalog.definition.requirements import Refused, package_name, read_requirement

MAX_TEXT = 500  # of a definition's requirement
MAX_LINE = 4000
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
PYTHONS = tuple(f"3.{minor}" for minor in range(8, 16))

_ADDRESS = re.compile(
    r"(?:[a-z]+\+)?[a-z][a-z0-9+.-]*://|git\+|(?:-e\s*)?file:|\.{0,2}[/\\]|\.{1,2}\Z|~/", re.I
)
_FILE = re.compile(r"\.(?:whl|tar\.gz|tar\.bz2|tgz|zip|egg)(?:\[[^\]]*\])?\s*(?:;.*)?\Z", re.I)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMED_ADDRESS = re.compile(rf"({_NAME})\s*(?:\[[^\]]*\])?\s*@\s*(\S+)")
_CONDA = re.compile(rf"(?:[\w./-]+::\S+|{_NAME}\s*=\s*[^=\s]\S*)\Z")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_TEMPLATE = re.compile(r"\{\{|\{%|<%")
_OLD_WILDCARD = re.compile(r">=\s*([0-9]+(?:\.[0-9]+)*)\.\*")
_PATCH = re.compile(r"\b3\.[0-9]{1,2}\.([0-9]{1,2})\b")
# Where conda's packages are built: `pip freeze` reports these folders instead of versions.
_CONDA_WORK = re.compile(r"/work(?:[/#]|\Z)")
_CONDA_FOLDERS = re.compile(
    r"feedstock_root|conda-bld|/croot/|/bld/|/tmp/build/|/ci(?:_\w+)?/|/abs_\w+/|_[0-9]{10,13}/work"
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A requirement by a name and versions alone.

    Attributes:
        name: as spelled.
        clauses: in the order of the file, without spaces.
    """

    name: str
    extras: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    marker: str = ""

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{','.join(self.clauses)}{f'; {self.marker}' if self.marker else ''}"

    @property
    def key(self) -> tuple[str, str]:
        """What no other requirement of a definition may share."""
        return package_name(self.name), self.marker

    def joined(self, other: Plain) -> Plain:
        """Both at once; of the same package and marker."""
        return replace(
            self,
            extras=tuple(dict.fromkeys((*self.extras, *other.extras))),
            clauses=tuple(dict.fromkeys((*self.clauses, *other.clauses))),
        )


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a text is no requirement of a definition; `instead` may stand for it all the same."""

    reason: str
    instead: Plain | None = None
    lost: bool = True


@lru_cache(maxsize=4096)
def read_one(text: str) -> Plain | Unfit:
    """A requirement without its options."""
    if len(text) > MAX_LINE:
        return Unfit(f"it has more than {MAX_LINE} characters")
    text = " ".join(text.split())
    if not text.isprintable():
        return Unfit("it has an invisible character")
    unfit = _unfit_form(text)
    if unfit is not None:
        return unfit
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        read = Requirement(text)
    except InvalidRequirement:
        return _unfit_syntax(text)
    except RecursionError:
        return Unfit("its marker is nested too deep")
    if read.url is not None:
        return _from_address(text, read.name)
    plain = Plain(
        read.name,
        tuple(sorted(read.extras)),
        _clauses(text, {str(clause) for clause in read.specifier}),
        str(read.marker) if read.marker else "",
    )
    return _fitting(plain)


def _unfit_form(text: str) -> Unfit | None:
    if _TEMPLATE.search(text):
        return Unfit("it is a part of a template; fill it in first")
    if _VARIABLE.search(text):
        return Unfit("a variable of the machine's environment stands in it; nothing is read from there")
    if _ADDRESS.match(text) or _FILE.search(text.partition(" @")[0].partition("@ ")[0]):
        return Unfit("it is an address or a file; a definition names packages of an index")
    match = _NAMED_ADDRESS.match(text)
    return _from_address(text, match[1]) if match else None


def _from_address(text: str, name: str) -> Unfit:
    address = text.partition("@")[2].strip()
    if address.startswith("file:") and _CONDA_WORK.search(address) and _CONDA_FOLDERS.search(address):
        plain = Plain(name)
        return Unfit(f"it is the folder that conda's `{name}` was built in, which says no version", plain)
    return Unfit("it is installed from an address; a definition names packages of an index")


def _unfit_syntax(text: str) -> Unfit:
    old = _OLD_WILDCARD.sub(r">=\1", text)
    if old != text:
        read = read_one(old)
        if isinstance(read, Plain):
            return Unfit("`.*` goes with `==` and `!=` only; it means the same without it", read, lost=False)
    if _CONDA.match(text):
        return Unfit("it is a package of conda, not a requirement of pip")
    return Unfit("it is not a requirement")


def _clauses(text: str, known: set[str]) -> tuple[str, ...]:
    """The version clauses in the order of the text; packaging has them sorted."""
    words = re.findall(r"(?:===|==|!=|<=|>=|~=|<|>)[^,()<>=!~]+", text.partition(";")[0])
    written = tuple(dict.fromkeys("".join(word.split()) for word in words))
    return written if set(written) == known else tuple(sorted(known))


def _fitting(plain: Plain) -> Plain | Unfit:
    if plain.marker:
        holds = marker_holds(plain.marker)
        if holds is False:
            return Unfit("its marker never holds in a Linux image", lost=False)
        if holds and len(str(plain)) > MAX_TEXT:
            plain = replace(plain, marker="")
    text = str(plain)
    if len(text) > MAX_TEXT:
        return Unfit(f"it has more than {MAX_TEXT} characters")
    refused = read_requirement(text)
    return Unfit(f"it {refused.message}") if isinstance(refused, Refused) else plain


@lru_cache(maxsize=1024)
def marker_holds(marker: str) -> bool | None:
    """Whether it holds in every Linux image with CPython 3.8 or later (True), in none (False), or in some (None)."""
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    try:
        read = Marker(marker)
        found = {read.evaluate({**image, "extra": ""}) for image in images(marker)}
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return None
    if "platform_release" in marker or "platform_version" in marker:
        return None
    return found.pop() if len(found) == 1 else None


def images(
    marker: str, pythons: Iterable[str] = PYTHONS, machines: Iterable[str] = tuple(MACHINES.values())
) -> Iterator[dict[str, str]]:
    """What a marker can meet in Linux images, with every patch release that it names."""
    patches = {"0", "99", *_PATCH.findall(marker)}
    for version, patch, machine in product(pythons, sorted(patches), machines):
        yield image_of(version, patch, machine)


def image_of(version: str, patch: str, machine: str) -> dict[str, str]:
    """The variables of markers, without `extra`, in an image with CPython. Source: PEP 508."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.{patch}",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.{patch}",
        "python_version": version,
        "sys_platform": "linux",
    }
