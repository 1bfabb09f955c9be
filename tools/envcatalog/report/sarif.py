"""SARIF 2.1.0, as code scanning services read it.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from envcatalog.model.plan import Action
from envcatalog.model.problem import Problem
from envcatalog.report.safe import visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
INFORMATION = "https://github.com/envcatalog/envcatalog"
# Section 3.11.6: `[text](target)` in a message is a link, unless its bracket is escaped.
_LINK = re.compile(r"\[(?=[^\]]*\]\()")


def problems_sarif(problems: Sequence[Problem], *, version: str) -> str:
    """A log of one run. `version` is envcatalog's own."""
    codes = sorted({problem.code for problem in problems})
    index = {code: number for number, code in enumerate(codes)}
    return _log(codes, [_result(problem, index[problem.code]) for problem in problems], version)


def plan_sarif(actions: Sequence[Action], *, version: str) -> str:
    """What the plan refuses, as results on the definitions."""
    refused = [item for item in actions if item.action == "refuse"]
    problems = [
        Problem(
            code="plan-refuse",
            message=item.reason,
            file=f"catalog/{item.environment}/environment.yaml",
            hint=item.hint,
        )
        for item in refused
    ]
    return problems_sarif(problems, version=version)


def _log(codes: Sequence[str], results: list[dict[str, Any]], version: str) -> str:
    driver = {
        "name": "envcatalog",
        "informationUri": INFORMATION,
        "semanticVersion": version,
        "rules": [
            {"id": code, "shortDescription": {"text": code.replace("-", " ")}, "helpUri": INFORMATION}
            for code in codes
        ],
    }
    run = {
        "tool": {"driver": driver},
        # Our columns count characters; SARIF's default counts UTF-16 units.
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    text = visible(problem.message)
    if problem.hint:
        text += f"\nhint: {visible(problem.hint)}"
    region = {
        "startLine": max(problem.line, 1),
        "startColumn": max(problem.column, 1),
        "endColumn": max(problem.column, 1) + max(problem.length, 1),
    }
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(problem.file, safe="/", errors="surrogateescape")},
            "region": region,
        }
    }
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": _LINK.sub(r"\\[", text)},
        "locations": [location],
    }
