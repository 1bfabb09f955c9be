"""A repository whose own settings, attributes and hooks make Git run a program while it only reads."""

from __future__ import annotations

from pathlib import Path

from support.catalogs import git

HOOKS = ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc", "fsmonitor-watchman")


def plant(root: Path, canary: Path) -> None:
    """Whatever Git is made to run touches `canary`; a script that does is beside it, `run`."""
    run = f"touch {canary}"
    script = canary.parent / "run"
    _program(script, run)
    for key, value in {
        "core.fsmonitor": str(script),
        "core.pager": run,
        "pager.log": run,
        "pager.diff": run,
        "core.editor": run,
        "core.askPass": str(script),
        "core.sshCommand": run,
        "core.gitProxy": str(script),
        "core.alternateRefsCommand": run,
        "diff.external": str(script),
        "diff.evil.textconv": str(script),
        "diff.evil.command": str(script),
        "filter.evil.clean": run,
        "filter.evil.smudge": run,
        "filter.evil.required": "true",
        "log.showSignature": "true",
        "gpg.program": str(script),
        "gpg.ssh.program": str(script),
        "credential.helper": f"!{run}",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{script}",
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": str(script),
        "extensions.partialClone": "origin",
        "alias.log": f"!{run}",
        "alias.verify-tag": f"!{run}",
        "trailer.plan.command": run,
        "gc.auto": "1",
    }.items():
        git(root, "config", key, value)
    (root / ".git/info/attributes").write_text("* diff=evil filter=evil\n")
    hooks = root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in HOOKS:
        _program(hooks / hook, run)


def _program(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
