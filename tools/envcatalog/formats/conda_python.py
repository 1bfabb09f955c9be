"""Which Python an imported conda environment gets: the minor version that its own packages ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from envcatalog.definition.foreign import refusal
from envcatalog.definition.matchspecs import allows_python
from envcatalog.formats.match_spec import Spec

DEFAULT = 11
OLDEST, LATEST = 8, 20
_SERIES_OF = re.compile(r"=(3\.[0-9]{1,2})(?:\.\*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSpec:
    """A MatchSpec with its place."""

    spec: Spec
    file: str
    line: int


@lru_cache(maxsize=1024)
def minors(condition: str) -> tuple[str, ...]:
    """Versions from 3.8 on that a condition lets in, ``3.11`` first and then the nearest to it."""
    wanted = sorted(range(OLDEST, LATEST + 1), key=lambda minor: (abs(minor - DEFAULT), minor))
    return tuple(f"3.{minor}" for minor in wanted if allows_python(condition, f"3.{minor}"))


def allowed_minors(asked: AskedSpec) -> tuple[str, ...]:
    """The same for a package ``python`` of a file.

    Raises:
        Refusal: there is none.
    """
    found = minors(asked.spec.version)
    if not found:
        message = f"`{asked.spec}` asks for a Python that no environment has; the oldest is 3.{OLDEST}"
        raise refusal(asked.file, asked.line, message, "choose another one, such as `--python 3.11`")
    return found


def says_nothing_more(spec: Spec, version: str) -> bool:
    """Whether `python.version` says all that a package ``python`` does."""
    if spec.build or spec.channel or spec.keys:
        return False
    match = _SERIES_OF.match(spec.condition)
    return not spec.condition or (match is not None and match[1] == version)
