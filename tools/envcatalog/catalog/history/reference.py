"""References: how a user names an environment at a moment.

``name`` and ``name@{worktree}`` are the work tree, uncommitted edits included. What stands behind any other ``@`` is
taken as the first of these that it can be: a version number (``name@3``), ``latest``, a date or time
(``name@2026-03-31``), an alias of the definition in the work tree (``name@prod``), then what Git knows, in Git's own
order: a tag, a branch, a full or short commit id, each also with ``~N``. What an earlier meaning hides can be spelled
out: ``name@refs/heads/prod`` is the branch where ``prod`` is an alias, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from envcatalog.model.errors import UserError
from envcatalog.model.names import is_name

WORKTREE = "{worktree}"
LATEST = "latest"
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?\Z",
    re.ASCII,
)
# What people carry over from files, containers, packages and tags: `catalog/web`, `web:3`, `web==3`, `web/v3`, `Web`.
_ALMOST = re.compile(
    r"(?:\./)?(?:catalog/)?(?P<name>[A-Za-z0-9._-]+)"
    r"(?:/(?:environment\.yaml|lock\.json)?|(?:==?|[:/@ ])v?(?P<at>[\w][\w./-]*))?\Z",
    re.ASCII,
)
_FORMS = "a reference is `name`, `name@3`, `name@latest`, `name@prod`, `name@2026-03-31` or `name@<commit>`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed reference; `at` is empty for the work tree."""

    name: str
    at: str = ""

    @property
    def is_worktree(self) -> bool:
        """Whether it names the files on disk."""
        return self.at in ("", WORKTREE)

    @property
    def number(self) -> int | None:
        """The version number, if it is one: no sign, no leading zero, at most nine digits."""
        canonical = (
            self.at.isascii() and self.at.isdigit() and not self.at.startswith("0") and len(self.at) < 10
        )
        return int(self.at) if canonical else None

    @property
    def moment(self) -> datetime | None:
        """The last moment that is meant, if it is a date or a time: a day's end; UTC unless an offset is given.

        Raises:
            UserError: there is no such day or time.
        """
        match = _DATE.match(self.at)
        if match is None:
            return None
        time = match["time"] or "T00:00"
        try:
            moment = datetime.fromisoformat(f"{match['day']}T{time[1:]}{match['zone'] or 'Z'}")
            if not match["time"]:
                moment += timedelta(days=1, microseconds=-1)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise UserError(
                f"`{self.at}` is no date", "write `2026-03-31` or `2026-03-31T18:00+02:00`"
            ) from None


def parse_reference(text: str) -> Reference:
    """Split at the first ``@``.

    Raises:
        UserError: the name is none, or nothing follows the ``@``.
    """
    name, separator, at = text.partition("@")
    if not is_name(name):
        near = _near(text)
        raise UserError(f"`{text[:80]}` is no reference", f"did you mean `{near}`" if near else _FORMS)
    if separator and not at:
        raise UserError(f"`{text[:80]}` has nothing after the `@`", f"write `{name}` or `{name}@latest`")
    return Reference(name=name, at=at)


def _near(text: str) -> str:
    match = _ALMOST.match(text[:200])
    name = match["name"].lower() if match else ""
    if match is None or not is_name(name) or name == text:
        return ""
    return f"{name}@{match['at']}" if match["at"] else name


def one_name(text: str, instead: str) -> str:
    """The name for a command that is about all of an environment; ``name@{worktree}`` is such a name, too.

    Args:
        instead: what to write, with ``NAME`` and ``REF`` in it.

    Raises:
        UserError: a reference to one moment of it.
    """
    name, separator, at = text.partition("@")
    if not separator or not is_name(name) or not at:
        return text
    if at == WORKTREE:
        return name
    hint = instead.replace("NAME", name).replace("REF", text[:80])
    raise UserError(f"`{text[:80]}` is one moment of `{name}`, and this command is about all of it", hint)


def worktree_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names for a command that works on the files on disk, each once; ``name@{worktree}`` is such a name, too.

    Raises:
        UserError: a reference to another moment.
    """
    names = []
    for text in texts:
        name, separator, at = text.partition("@")
        if separator and is_name(name) and at and at != WORKTREE:
            raise UserError(
                f"`{text[:80]}` is not what is on disk, and this command works on the files there",
                f"run `envcat checkout {text[:80]} DIR`, and work there",
            )
        names.append(name if separator and at == WORKTREE else text)
    return tuple(dict.fromkeys(names))
