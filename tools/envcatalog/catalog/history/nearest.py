"""After a search that found nothing: whether the very name is known, since an all-clear may come of a typing error."""

from __future__ import annotations

import difflib
import re
from itertools import islice

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.wanted import read_license, read_wanted
from envcatalog.git.trees import LOCK
from envcatalog.model.errors import Refusal
from envcatalog.model.history import PackageKind

_NAME = re.compile(rb'"name": *"([^"\\]{1,200})"')
_LOCKS = 1000  # enough to know how packages are called, and read in a blink


def note_of_name(content: Content, text: str, kind: PackageKind | None = None) -> str:
    """What to add where nothing was found; empty where a lock on disk holds the package in another version.

    Args:
        text: what was searched for; see `wanted.read_wanted`.
    """
    if read_license(text, kind) is not None:
        return ""
    wanted = read_wanted(text, kind).names
    there: set[bytes] = set()
    try:
        for _, data in islice(content.source.read_each(LOCK), _LOCKS):
            there.update(_NAME.findall(data))
    except Refusal:  # the search itself has said so
        pass
    names = {name.decode(errors="replace") for name in there}
    if not names or not names.isdisjoint(wanted.values()):
        return ""
    asked = next(iter(wanted.values()))
    near = difflib.get_close_matches(asked, sorted(names), n=1, cutoff=0.75)
    return f"note: no lock on disk holds a package `{asked}`" + (
        f"; did you mean `{near[0]}`?" if near else ""
    )
