"""GitLab's Code Quality report: problems become annotations on the lines of a merge request.

Source: docs.gitlab.com, Code Quality, "Code Quality report format".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from envcatalog.model.problem import Problem
from envcatalog.report.safe import visible

_SEVERITIES = {"error": "major", "warning": "minor"}


def problems_gitlab(problems: Sequence[Problem]) -> str:
    """A list of ``{"description", "check_name", "fingerprint", "severity", "location"}``."""
    return json.dumps([_finding(problem) for problem in problems], indent=1) + "\n"


def _finding(problem: Problem) -> dict[str, object]:
    text = visible(problem.message)
    if problem.hint:
        text += f" (hint: {visible(problem.hint)})"
    identity = "\0".join(
        (problem.code, problem.file, problem.message, str(problem.line), str(problem.column))
    )
    return {
        "description": text,
        "check_name": problem.code,
        "fingerprint": hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest(),
        "severity": _SEVERITIES.get(problem.severity, "info"),
        "location": {"path": visible(problem.file), "lines": {"begin": max(problem.line, 1)}},
    }
