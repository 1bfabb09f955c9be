"""What a policy judges, and what it may find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envcatalog.definition.finding import Path
from envcatalog.model.environment import Environment
from envcatalog.model.lock import Artefact, Lock
from envcatalog.model.policy import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What an environment's newest version would download.

    Attributes:
        sizes: platform to bytes; empty where there is no version to compare with.
        unknown: why it cannot be told; empty where it can.
    """

    version: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerfileVariable:
    """What a line of a Dockerfile sets by `ENV`, or proposes by `ARG`; the value without its quotes."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An environment that is judged, with those that it inherits from.

    Attributes:
        chain: the root first, the environment itself last.
        locks: of the chain, in the same order; None where there is none that can be read.
        before: asked for the rule `growth` alone.
        dockerfile: its variables, read for the rule `secrets` alone.
    """

    chain: tuple[Environment, ...]
    locks: tuple[Lock | None, ...]
    dockerfile: tuple[DockerfileVariable, ...] = ()
    before: Callable[[], Before] = Before

    @property
    def environment(self) -> Environment:
        """The environment itself."""
        return self.chain[-1]

    @property
    def lock(self) -> Lock | None:
        """Its own lock."""
        return self.locks[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Something that breaks a rule.

    Attributes:
        path: where in the definition.
        package: which one, for rules about packages.
        locked: it is only in the lock, so `path` says where in the definition it comes from.
        warning: it could not be judged.
    """

    rule: Rule
    message: str
    path: Path
    reason: str = ""
    at_key: bool = False
    package: str = ""
    locked: bool = False
    warning: bool = False
    hint: str = ""


def locked_artefacts(subject: Subject) -> dict[str, tuple[Artefact, ...]]:
    """Platform to all files that the locks of the chain name, each once. Empty where a lock is missing."""
    if None in subject.locks:
        return {}
    found: dict[str, dict[str, Artefact]] = {platform: {} for platform in subject.environment.platforms}
    for lock in filter(None, subject.locks):
        for part in lock.platforms:
            if part.platform in found:
                found[part.platform] |= {item.sha256: item for item in part.artefacts}
    return {platform: tuple(artefacts.values()) for platform, artefacts in found.items()}


def download_sizes(subject: Subject) -> dict[str, int]:
    """Platform to bytes of `locked_artefacts`; a base image is not counted."""
    return {
        platform: sum(item.size for item in artefacts)
        for platform, artefacts in locked_artefacts(subject).items()
    }


def fits(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether the text is one of the patterns; ``*`` at a pattern's end stands for any rest."""
    return any(
        text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern for pattern in patterns
    )


def size_text(size: int) -> str:
    """As people read it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
