"""The `strategy.matrix` of a GitHub workflow: one job for each environment that must be built, or for each group."""

from __future__ import annotations

import json
from collections.abc import Sequence

from envcatalog.model.plan import Action


def plan_matrix(actions: Sequence[Action]) -> str:
    """``{"include": [{"environment", "plan"}]}`` on one line, as ``$GITHUB_OUTPUT`` wants it."""
    return _line(
        [{"environment": item.environment, "plan": item.plan} for item in actions if item.action == "build"]
    )


def groups_matrix(bases: Sequence[Sequence[str]], rest: Sequence[Sequence[str]]) -> str:
    """``bases={"include": [{"group", "environments"}]}``, then ``rest=`` the same: two lines for ``$GITHUB_OUTPUT``.

    `group` is a title, `environments` the names with spaces between them.
    """
    return "".join(
        f"{stage}="
        + _line([{"group": group_title(group), "environments": " ".join(group)} for group in groups])
        for stage, groups in (("bases", bases), ("rest", rest))
    )


def group_title(group: Sequence[str]) -> str:
    """``sklearn`` or ``sklearn and 3 more``."""
    return group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more"


def _line(include: list[dict[str, str]]) -> str:
    return json.dumps({"include": include}, separators=(",", ":"), ensure_ascii=True) + "\n"
