"""MatchSpecs of conda packages, and what of them we refuse.

The common form, ``name=1.2`` or ``name>=1,<2``, is read here; the rest by the conda library, which takes 50 ms to
import and is asked about nothing but names, versions, builds and channels.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from envcatalog.definition.requirements import Refused
from envcatalog.model.names import is_name

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_RELEASE = r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,7}"
_CLAUSE = rf"(?:>=|<=|<|>|!=) ?{_RELEASE}"
_SIMPLE = re.compile(
    rf"({_NAME})(?: ?(={{1,2}}{_RELEASE}(?:\.\*)?|{_CLAUSE}(?:, ?{_CLAUSE}){{0,9}}))?\Z", re.ASCII
)
_HEAD = re.compile(rf"({_NAME})(?=[\s=<>!~\[]|\Z)", re.ASCII)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/|\.{0,2}/|~/|[A-Za-z]:\\", re.IGNORECASE)
_FILE = re.compile(r"\.(?:conda|tar\.bz2|whl)\Z", re.IGNORECASE)
# A key with a value that may be quoted; what a spec may say of a package beside its name.
_BRACKETS = re.compile(r"\[([^\[\]]*)\]\Z")
_KEYS = ("version", "build", "build_number", "sha256", "md5")
_KEY = re.compile(r"\s*([a-z_0-9]+)\s*=\s*(?:'[^']*'|\"[^\"]*\"|[^,'\"]*)\s*(?:,|\Z)")

# A condition that speaks of one minor version alone: `3.11.*`, `3.11.4.*` or `==3.11.4`.
_ONE_MINOR = re.compile(r"(?:==([0-9]+\.[0-9]+)\.[0-9]+|([0-9]+\.[0-9]+)(?:\.[0-9]+)*\.\*)\Z")

_HINT = "write a name and versions, such as `numpy=2.2` or `numpy>=2.2,<3`"


class MatchSpec(NamedTuple):
    """A MatchSpec that was read.

    Attributes:
        name: in lower case.
        version: as conda writes a condition (``2.2.*``, ``>=2.2,<3``, ``==2.2.1``); empty for any.
        build: a build string or pattern; empty for any.
        channel: the name before ``::``; empty for any.
        text: without the channel.
    """

    name: str
    version: str
    build: str
    channel: str
    text: str


@lru_cache(maxsize=16384)
def read_spec(text: str) -> MatchSpec | Refused:
    """A MatchSpec, or why it is refused."""
    stripped = text.strip()
    refused = _refused_form(stripped)
    if refused is not None:
        return refused
    channel, separator, rest = stripped.rpartition("::")
    if separator and not is_name(channel):
        hint = "name the channel in `conda.channels`, and write that name before `::`"
        return Refused("conda-spec-channel", "does not name a channel before `::`", hint)
    rest = rest.strip()
    head = _HEAD.match(rest)
    if head is None:
        return Refused("conda-spec", "is not a MatchSpec", _HINT)
    if rest.startswith("__"):
        hint = f'set it in `conda.virtual_packages`, such as `{head[1]}: "12.4"`'
        return Refused("conda-spec-virtual", "is a virtual package, which is not installed", hint)
    simple = _SIMPLE.match(rest)
    if simple is not None:
        return MatchSpec(simple[1].lower(), _condition(simple[2] or ""), "", channel, rest)
    return _read_with_library(rest, head[1].lower(), channel)


def allows_python(condition: str, minor: str) -> bool:
    """Whether a condition on the package `python` lets in a release of a minor version (``3.11``)."""
    if condition in ("", "*"):
        return True
    one = _ONE_MINOR.match(condition)
    if one is not None:
        return (one[1] or one[2]) == minor
    from rattler import Version, VersionSpec

    spec = VersionSpec(condition)
    releases = (minor, *(f"{minor}.{patch}" for patch in range(100)))
    return any(spec.matches(Version(release)) for release in releases)


def accepts_version(condition: str, version: str) -> bool:
    """Whether a version is one that a condition of conda allows; what is no version, only none allows."""
    if not condition:
        return True
    from rattler import Version, VersionSpec

    try:
        return VersionSpec(condition).matches(Version(version))
    except Exception:  # the library has one of its own for each part of the grammar
        return False


def _condition(text: str) -> str:
    if text.startswith("=="):
        return text.removeprefix("==") if text.endswith(".*") else text
    if text.startswith("="):
        return text.removeprefix("=") if text.endswith(".*") else f"{text.removeprefix('=')}.*"
    return text.replace(" ", "")


def _refused_form(text: str) -> Refused | None:
    if not text.isprintable() or not text.isascii():
        return Refused("conda-spec", "holds characters that no MatchSpec has", _HINT)
    if text.startswith("-"):
        hint = "channels are named in `conda.channels`; packages have no options"
        return Refused("conda-spec-option", "is an option, not a MatchSpec", hint)
    if "#" in text:
        return Refused("conda-spec", "holds a comment", "remove it, or put it outside of the quotes")
    if _ADDRESS.match(text) or "://" in text or _FILE.search(text):
        hint = "name the package and its version; put the file into a channel of the catalog's settings"
        return Refused("conda-spec-direct", "is an address or a file, not a MatchSpec", hint)
    return None


def _read_with_library(text: str, name: str, channel: str) -> MatchSpec | Refused:
    unknown = _unknown_key(text)
    if unknown is not None:
        allowed = ", ".join(f"`{key}`" for key in _KEYS)
        return Refused(
            "conda-spec", f"asks for `{unknown}`, which is not supported", f"it may ask for {allowed}"
        )
    import rattler

    try:
        read = rattler.MatchSpec(text, extras=False, conditionals=False, flags=False)
        version, build = read.version, read.build
    except Exception:  # the library has one of its own for each part of the grammar
        return Refused("conda-spec", "is not a MatchSpec", _HINT)
    return MatchSpec(name, version or "", build or "", channel, text)


def _unknown_key(text: str) -> str | None:
    """The first key in brackets that is not supported; the text itself where the brackets are broken."""
    if "[" not in text:
        return None
    brackets = _BRACKETS.search(text)
    if brackets is None:
        return "["
    rest = brackets[1]
    while rest.strip():
        key = _KEY.match(rest)
        if key is None:
            return "["
        if key[1] not in _KEYS:
            return key[1]
        rest = rest[key.end() :]
    return None
