"""`requirements.txt` to a definition: pip packages on a Debian base, or what conda listed under that name."""

from __future__ import annotations

import re

from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.incoming.python.drafting import draft_of
from envcatalog.formats.incoming.python.python_choice import Asked
from envcatalog.formats.incoming.python.requirement_lines import MAX_BYTES, requirement_lines
from envcatalog.formats.incoming.python.requirement_text import decode, logical_lines
from envcatalog.model.draft import Draft, Files, Note, Wanted

_PYTHON = re.compile(r"python\s*(={1,3}|~=|[<>]=?)\s*(3\.[0-9]{1,2})(?:\.[0-9]+)?(?:=\S*)?\Z", re.IGNORECASE)
# What `conda list --export` writes, and pip does not know.
_LISTED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*=[^=\s]+(?:=[^=\s]+)?\Z")


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`. A line ``python==3.9`` says the version, although it is no package of pip."""
    if len(data) > MAX_BYTES:
        raise refusal(origin, 0, f"the file has {len(data)} bytes, and at most {MAX_BYTES} are read")
    text = decode(data)
    if _is_listing(text):
        from envcatalog.formats.incoming.conda.read_conda_list import read as read_listing

        return read_listing(text.encode(), origin, files, wanted)
    found = requirement_lines(text, origin, files)
    refused = next((note for note in found.notes if note.lost), None)
    if not found.packages and refused is not None:
        raise refusal(refused.file, refused.line, f"nothing could be carried over; here, {refused.reason}")
    return draft_of(wanted, origin, found, asked=_asked(found.notes))


def _is_listing(text: str) -> bool:
    lines = [line for _, line in logical_lines(text)]
    return bool(lines) and 2 * sum(_LISTED.match(line) is not None for line in lines) > len(lines)


def _asked(notes: tuple[Note, ...]) -> Asked | None:
    for note in notes:
        match = _PYTHON.match(note.text)
        if match:
            sign = "==" if match[1] == "=" else match[1]
            specifier = f"{sign}{match[2]}.*" if sign in ("==", "===") else f"{sign}{match[2]}"
            return Asked(
                specifier=specifier.replace("===", "=="), file=note.file, line=note.line, text=note.text
            )
    return None
