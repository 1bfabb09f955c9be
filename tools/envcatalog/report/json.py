"""The JSON contract: keys and their order are stable from the first release. ASCII only, one object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from envcatalog.model.change import Change, Download, Installed
from envcatalog.model.image import BuiltImage
from envcatalog.model.plan import Action
from envcatalog.model.problem import Problem
from envcatalog.model.result import CheckReport, Finding, Listed, Locked, Published
from envcatalog.model.version import Version
from envcatalog.report.deprecation import deprecated_value


def validate_json(checked: int, problems: Sequence[Problem]) -> str:
    """``{"checked": n, "problems": [...]}``."""
    return dump({"checked": checked, "problems": [_problem(item) for item in problems]})


def plan_json(actions: Sequence[Action]) -> str:
    """``{"actions": [{"environment", "action", "reason", "plan", "version"}]}``; plan null for refuse."""
    return dump({"actions": [_action(item) for item in actions]})


def publish_json(published: Sequence[Published]) -> str:
    """``{"published": [{"environment", "version", "image", "digest", "status"}]}``, then others."""
    return dump({"published": [_published(item) for item in published]})


def list_json(environments: Sequence[Listed]) -> str:
    """``{"environments": [{"name", "kind", "version", "aliases", "description"}]}``, then others."""
    return dump(
        {
            "environments": [
                {
                    "name": item.name,
                    "kind": item.kind,
                    "version": item.version,
                    "aliases": dict(item.aliases),
                    "description": item.description,
                    "deprecated": deprecated_value(item.deprecated),
                    "archived": item.archived,
                }
                for item in environments
            ]
        }
    )


def log_json(versions: Sequence[Version]) -> str:
    """``{"versions": [{"version", "commit", "date", "author", "message", "image"}]}``, then others."""
    return dump({"versions": [version_value(item) for item in versions]})


def diff_json(
    changes: Sequence[Change], downloads: Sequence[Download] = (), installed: Sequence[Installed] = ()
) -> str:
    """``{"changes": [{"path", "kind", "before", "after"}]}``, then others; sizes in bytes."""
    sizes = {item.platform: {"before": item.before, "after": item.after} for item in downloads}
    unpacked = {item.platform: _installed(item) for item in installed}
    return dump(
        {
            "changes": [change_value(item) for item in changes],
            "sizes": {"download": sizes, "installed": unpacked},
        }
    )


def lock_json(locked: Sequence[Locked]) -> str:
    """``{"locks": [{"environment", "status", "lock", "changes"}]}``."""
    return dump(
        {
            "locks": [
                {
                    "environment": item.environment,
                    "status": item.status,
                    "lock": item.lock or None,
                    "changes": [change_value(change) for change in item.changes],
                }
                for item in locked
            ]
        }
    )


def build_json(images: Sequence[BuiltImage]) -> str:
    """``{"images": [{"environment", "plan", "digest", "platforms", "checks"}]}``; sizes in bytes, compressed."""
    return dump({"images": [_image(item) for item in images]})


def doctor_json(findings: Sequence[Finding]) -> str:
    """``{"findings": [{"name", "state", "detail", "hint"}]}``."""
    return dump(
        {
            "findings": [
                {"name": item.name, "state": item.state, "detail": item.detail, "hint": item.hint}
                for item in findings
            ]
        }
    )


def dump(value: Mapping[str, Any]) -> str:
    """The text of one answer, with a line end."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _problem(item: Problem) -> dict[str, Any]:
    return {
        "code": item.code,
        "severity": item.severity,
        "message": item.message,
        "file": item.file,
        "line": item.line,
        "column": item.column,
        "hint": item.hint,
    }


def _action(item: Action) -> dict[str, Any]:
    return {
        "environment": item.environment,
        "action": item.action,
        "reason": item.reason,
        "plan": item.plan or None,
        "version": item.version,
        "hint": item.hint,
        "builder": item.builder,
        "builder_reason": item.builder_reason,
    }


def _published(item: Published) -> dict[str, Any]:
    return {
        "environment": item.environment,
        "version": item.version,
        "image": item.image or None,
        "digest": item.digest or None,
        "status": item.status,
        "reason": item.reason,
        "checks": item.checks or None,
    }


def version_value(item: Version) -> dict[str, Any]:
    """A version's keys, the contract's first."""
    return {
        "version": item.number,
        "commit": item.commit,
        "date": item.date,
        "author": item.author,
        "message": item.message,
        "image": item.image or None,
        "environment": item.name,
        "plan": item.plan or None,
        "lock": item.lock or None,
        "checks": item.checks or None,
        "signed": item.signed,
    }


def change_value(item: Change) -> dict[str, Any]:
    """A change's keys, the contract's first."""
    licenses = item.license
    return {
        "path": item.path,
        "kind": item.kind,
        "before": item.before,
        "after": item.after,
        "direct": item.direct,
        "inherited_from": item.inherited_from or None,
        "license": {"before": licenses.before, "after": licenses.after} if licenses else None,
    }


def _installed(item: Installed) -> dict[str, Any]:
    """As a download; null where it is not all known, with what is known, and of how many files nothing is."""
    before, after = item.before, item.after
    return {
        "before": before.exact if before else None,
        "after": after.exact if after else None,
        "at_least": {"before": before.size if before else None, "after": after.size if after else None},
        "unknown": {"before": before.unknown if before else None, "after": after.unknown if after else None},
        "growth": item.growth,
    }


def _image(item: BuiltImage) -> dict[str, Any]:
    return {
        "environment": item.environment,
        "plan": item.plan,
        "digest": item.digest,
        "platforms": [
            {
                "platform": platform.platform,
                "digest": platform.manifest_digest,
                "layers": len(platform.layers),
                "size": sum(layer.size for layer in platform.layers),
            }
            for platform in item.platforms
        ],
        "checks": [_check(report) for report in item.checks],
    }


def _check(report: CheckReport) -> dict[str, Any]:
    """Of what passed: a check that fails ends the command."""
    return {
        "platform": report.platform,
        "how": report.how,
        "note": report.note,
        "results": [
            {"command": result.command, "seconds": round(result.seconds, 3), "output": result.output}
            for result in report.results
        ],
    }
