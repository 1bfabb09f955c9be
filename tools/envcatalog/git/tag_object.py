"""The bytes of a version's tag object: written by us, read as if by an enemy.

Form: subject ``<name>@<N>``, the user's text, and as last paragraph the trailers ``Plan:``, ``Image:``,
``Lock:``, ``Checks:``; a signature, if any, follows. Only what a signature would cover is read.

The record of an image that was built after its version (`image_record`) has the same form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from envcatalog.git.suspicion import SuspicionKind
from envcatalog.model.digest import DIGEST
from envcatalog.model.names import is_name
from envcatalog.model.version import Version

_HOW = "(engine|namespace|none|not-run)"
CHECKS = re.compile(rf"(?:{_HOW}|(?:linux/[a-z0-9]+={_HOW})(?:, linux/[a-z0-9]+={_HOW})*)\Z")
TAG_LIMIT = 64 * 1024
TRAILERS = ("Plan", "Image", "Lock", "Checks")

# Nine digits: larger numbers are nobody's hundred-millionth version but somebody's joke.
_VERSION = re.compile(r"(?P<name>[a-z0-9._-]+)@(?P<number>[1-9][0-9]{0,8})\Z")
_LIKE_A_VERSION = re.compile(r".+@[+-]?\d+\Z", re.DOTALL)
_SIGNATURE = re.compile(
    rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE
)
_TAGGER = re.compile(r"(?P<author>[^<>\n]*<[^<>\n]*>) (?P<seconds>[0-9]{1,12}) (?P<offset>[+-][0-9]{4})\Z")
_TRAILER = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9-]*): (?P<value>\S.*)\Z")


class NotAVersion(Exception):
    """Why a tag object is no version: the clause and the kind of a Suspicion."""

    def __init__(self, reason: str, kind: SuspicionKind = "malformed") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TagName:
    """``<name>@<number>``."""

    name: str
    number: int


def parse_tag_name(text: str) -> TagName | None:
    """The parts of a canonical version name; None for anything else."""
    match = _VERSION.match(text)
    if match is None or not is_name(match["name"]):
        return None
    return TagName(name=match["name"], number=int(match["number"]))


def looks_like_version(text: str) -> bool:
    """True for what a person could take for a version: anything, ``@`` and digits."""
    return _LIKE_A_VERSION.match(text) is not None


def is_signed(data: bytes) -> bool:
    """Whether a tag object carries a signature, good or bad."""
    return _SIGNATURE.search(data) is not None


def format_message(reference: str, text: str, trailers: Mapping[str, str]) -> bytes:
    """The message of a new tag, without empty trailers. ValueError for a value that cannot be read back."""
    lines = [f"{key}: {value}" for key, value in trailers.items() if value]
    if problem := _trailer_problem({key: value for key, value in trailers.items() if value}):
        raise ValueError(problem)
    plain = text.replace("\0", "").strip().encode(errors="replace")
    body = _SIGNATURE.sub(rb" \g<0>", plain).decode()
    return "\n\n".join(part for part in (reference, body, "\n".join(lines)) if part).encode() + b"\n"


def parse_tag(data: bytes, expected: TagName, object_id: str) -> Version:
    """The version that the bytes of a tag object record.

    Raises:
        NotAVersion: another inner name, another kind of target, no tagger, missing or malformed trailers.
    """
    reference = f"{expected.name}@{expected.number}"
    headers, paragraphs = parse_headers(data, reference)
    if headers.get("type") != "commit":
        raise NotAVersion(f"is a tag of a {headers.get('type', 'nothing')}, not of a commit")
    author, date = _parse_tagger(headers.get("tagger", ""))
    trailers = parse_trailers(paragraphs[-1], required=("Plan", "Lock"))
    return Version(
        name=expected.name,
        number=expected.number,
        commit=headers.get("object", ""),
        date=date,
        author=author,
        message=_text_of(paragraphs[:-1], reference),
        plan=trailers["Plan"],
        image=trailers.get("Image", ""),
        lock=trailers["Lock"],
        checks=trailers.get("Checks", ""),
        tag=object_id,
        signed=is_signed(data),
    )


def parse_headers(data: bytes, reference: str) -> tuple[dict[str, str], list[str]]:
    """Headers and paragraphs of a tag object that must have been made for `reference`."""
    head, _, message = data.partition(b"\n\n")
    headers: dict[str, str] = {}
    for line in head.decode(errors="replace").split("\n"):
        key, _, value = line.partition(" ")
        headers.setdefault(key, value)
    if headers.get("tag") != reference:
        raise NotAVersion(f"holds a tag object that was made for `{headers.get('tag', '')[:80]}`", "renamed")
    return headers, _covered(message).decode(errors="replace").strip("\n").split("\n\n")


def _covered(message: bytes) -> bytes:
    """What comes before the last signature: exactly what Git verifies."""
    starts = [match.start() for match in _SIGNATURE.finditer(message)]
    return message[: starts[-1]] if starts else message


def _parse_tagger(text: str) -> tuple[str, str]:
    match = _TAGGER.match(text)
    if match is None:
        raise NotAVersion("has no proper tagger")
    offset = match["offset"]
    delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    try:
        zone = timezone(-delta if offset[0] == "-" else delta)
        date = datetime.fromtimestamp(int(match["seconds"]), zone).isoformat()
    except (ValueError, OverflowError, OSError):
        raise NotAVersion("has an impossible date") from None
    return match["author"].strip(), date


def parse_trailers(paragraph: str, *, required: Sequence[str]) -> dict[str, str]:
    """The trailers of a tag's last paragraph; NotAVersion where one is malformed, given twice or missing."""
    found: dict[str, str] = {}
    for line in paragraph.split("\n"):
        match = _TRAILER.match(line)
        if match is None:
            raise NotAVersion("does not end with the trailers of a version")
        if match["key"] in found:
            raise NotAVersion(f"has the trailer `{match['key']}` twice")
        found[match["key"]] = match["value"]
    for key in required:
        if key not in found:
            raise NotAVersion(f"has no trailer `{key}`")
    if problem := _trailer_problem(found):
        raise NotAVersion(problem)
    return found


def _trailer_problem(trailers: Mapping[str, str]) -> str:
    for key, value in trailers.items():
        good = CHECKS.match(value) is not None if key == "Checks" else DIGEST.match(value) is not None
        if key in TRAILERS and not good:
            return f"has a malformed trailer `{key}`"
    return ""


def _text_of(paragraphs: list[str], reference: str) -> str:
    """The first line of the user's own text; the subject where there is none."""
    text = "\n".join(paragraphs).removeprefix(reference).strip()
    return text.split("\n")[0] if text else reference
