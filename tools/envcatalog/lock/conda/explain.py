"""Why there are no packages: the solver's words, and what can be done about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envcatalog.lock.conda.channels import without_secrets
from envcatalog.model.errors import Refusal, UserError

_PREFIX = "Cannot solve the request because of: "
_VIRTUAL = re.compile(r"(__[a-z0-9_]+)[^\n]*, for which no candidates were found")
_UNKNOWN = re.compile(r"No candidates were found for ([a-z0-9_][a-z0-9_.-]*)")


def no_solution(reason: str, *, platform: str, channels: Sequence[str], parent: str, strict: bool) -> Refusal:
    """The solver's answer is no.

    Args:
        parent: the environment whose packages are kept; empty where there is none.
        strict: a package is taken from the first channel that has it, and from no other.
    """
    reason = _shown(reason).removeprefix(_PREFIX).rstrip()
    missing = _VIRTUAL.search(reason)
    unknown = _UNKNOWN.search(reason)
    if missing:
        hint = f"if that is there where the image runs, say so in `conda.virtual_packages`: `{missing[1]}`"
    elif unknown:
        named = ", ".join(f"`{channel}`" for channel in channels)
        hint = f"no package or version of `{unknown[1]}` for {platform} is in {named}"
    else:
        hint = "change the packages that the reason names"
    if parent:
        hint += f"; packages of the base environment `{parent}` keep their versions"
    elif strict and len(channels) > 1 and not missing:
        hint += "; with `channel_priority: disabled` packages of all channels are considered"
    return Refusal(f"no set of conda packages for {platform} fits\n{reason}", hint)


def unreachable(error: Exception, channels: Sequence[str]) -> UserError:
    """A channel cannot be read."""
    named = ", ".join(f"`{channel}`" for channel in channels)
    reason = _shown(str(error) or type(error).__name__).replace("\n", "; ")
    return UserError(
        f"conda channels cannot be read ({named}): {reason}",
        "is the channel's address right, and reachable? name it under `channels` in `catalog/catalog.yaml`",
    )


def _shown(text: str) -> str:
    """Without secrets, and with everything invisible escaped: some of it comes from the channel."""
    lines = without_secrets(text).split("\n")
    return "\n".join("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines)
