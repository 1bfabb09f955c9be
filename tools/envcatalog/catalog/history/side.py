"""One side of a comparison: a definition, its lock, and the locks that it inherits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envcatalog.model.environment import Environment
from envcatalog.model.lock import Artefact, Lock, PlatformLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison.

    Attributes:
        environment: None where it does not exist.
        inherited: name and lock of each environment that it inherits from, the root first.
        files: of its Dockerfile, as `dockerfile.read_files` has them; None where they were not read.
    """

    environment: Environment | None
    lock: Lock | None
    inherited: tuple[tuple[str, Lock | None], ...] = ()
    files: Mapping[str, str] | None = None

    @property
    def locks(self) -> tuple[tuple[str, Lock | None], ...]:
        """All locks whose artefacts are in the image: with the name they are inherited from, empty for its own."""
        return (*self.inherited, ("", self.lock))


def artefacts_of(kind: str, platform: PlatformLock) -> Sequence[Artefact]:
    """The artefacts of one kind of package: ``python.packages``, ``apt``, ``conda.packages`` or ``spark.jars``."""
    if kind == "conda.packages":
        return platform.conda
    if kind == "spark.jars":
        return platform.jars
    return platform.debs if kind == "apt" else platform.projects
