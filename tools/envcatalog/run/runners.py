"""The runners of this machine, in order of preference."""

from __future__ import annotations

from pathlib import Path

from envcatalog.run.checks import Runner
from envcatalog.run.engine.checks import EngineRunner
from envcatalog.run.sandbox.namespace import NamespaceRunner


def default_runners(cache: Path) -> tuple[Runner, ...]:
    """An engine where one answers, otherwise a user namespace. Nothing is tried before it is asked for."""
    return (EngineRunner(), NamespaceRunner(cache))
