"""The `strategy.matrix` of a GitHub workflow: one job for each environment that must be built."""

from __future__ import annotations

import json
from collections.abc import Sequence

from envcatalog.model.plan import Action


def plan_matrix(actions: Sequence[Action]) -> str:
    """``{"include": [{"environment", "plan"}]}`` on one line, as ``$GITHUB_OUTPUT`` wants it."""
    include = [
        {"environment": item.environment, "plan": item.plan} for item in actions if item.action == "build"
    ]
    return json.dumps({"include": include}, separators=(",", ":"), ensure_ascii=True) + "\n"
