"""Which Python an imported conda environment gets: the minor version that its own packages ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from envcatalog.definition.matchspecs import allows_python
from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.incoming.conda.match_spec import Spec

DEFAULT = 11
OLDEST, LATEST = 8, 20
_SERIES_OF = re.compile(r"=(3\.[0-9]{1,2})(?:\.\*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSpec:
    """A MatchSpec with its place."""

    spec: Spec
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What becomes of the package ``python``, and a note about it where there is a reason.

    Attributes:
        version: of `python`; None where the packages alone say which.
        kept: the package stays among the packages.
    """

    version: str | None
    kept: bool = True
    line: int = 0
    text: str = "python"
    reason: str = ""
    lost: bool = False


def settle_python(asked: AskedSpec | None, wanted: str | None, *, pip: bool) -> Settled:
    """Which Python the definition gets.

    Args:
        asked: the package ``python`` of the file, if any.
        wanted: what the user asks for.
        pip: there are packages of pip, which need a version.

    Raises:
        Refusal: the file asks for one that no environment has.
    """
    if asked is None:
        if wanted is not None or not pip:
            return Settled(version=wanted)
        version = minors("")[0]
        return Settled(version=version, reason=f"it names no Python version; {version} was chosen")
    text = str(asked.spec)
    if wanted is not None and wanted not in minors(asked.spec.version):
        reason = f"Python {wanted} was asked for instead"
        return Settled(version=wanted, kept=False, line=asked.line, text=text, reason=reason, lost=True)
    allowed = (wanted,) if wanted else _allowed(asked)
    version = allowed[0]
    if len(allowed) > 1 and not pip:
        return Settled(version=None)  # the lock says which
    reason = f"`python.version` is one minor version; {version} was chosen" if len(allowed) > 1 else ""
    kept = not _says_nothing_more(asked.spec, version)
    return Settled(version=version, kept=kept, line=asked.line, text=text, reason=reason)


@lru_cache(maxsize=1024)
def minors(condition: str) -> tuple[str, ...]:
    """Versions from 3.8 on that a condition lets in, ``3.11`` first and then the nearest to it."""
    wanted = sorted(range(OLDEST, LATEST + 1), key=lambda minor: (abs(minor - DEFAULT), minor))
    return tuple(f"3.{minor}" for minor in wanted if allows_python(condition, f"3.{minor}"))


def _allowed(asked: AskedSpec) -> tuple[str, ...]:
    """The same for a package ``python`` of a file.

    Raises:
        Refusal: there is none.
    """
    found = minors(asked.spec.version)
    if not found:
        message = f"`{asked.spec}` asks for a Python that no environment has; the oldest is 3.{OLDEST}"
        raise refusal(asked.file, asked.line, message, "choose another one, such as `--python 3.11`")
    return found


def _says_nothing_more(spec: Spec, version: str) -> bool:
    """Whether `python.version` says all that a package ``python`` does."""
    if spec.build or spec.channel or spec.keys:
        return False
    match = _SERIES_OF.match(spec.condition)
    return not spec.condition or (match is not None and match[1] == version)
