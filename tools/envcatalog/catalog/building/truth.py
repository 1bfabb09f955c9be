"""What locks say of their artefacts, compared with the artefacts: a lock may come from a stranger's pull request.

Policies on licences and sizes are checked against locks, before anything is fetched. So a lock that writes `MIT` over
another licence must not get into an image.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from envcatalog.catalog.content import Content
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Artefact, CondaPackage, Deb, Known
from envcatalog.model.plan import ImagePlan

if TYPE_CHECKING:
    from envcatalog.lock.learning.archives import Learnt


class Files(Protocol):
    """The files that are here."""

    def has(self, artefact: Artefact) -> bool:
        """Whether it is here."""

    def path(self, artefact: Artefact) -> Path:
        """Where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the lock of an environment says of an artefact.

    Attributes:
        record: the entry of a conda package, which names its licence; None for what stands under `known`.
    """

    environment: str
    known: Known
    record: CondaPackage | None = None

    @property
    def claim(self) -> str:
        """As it is remembered; two that say the same are the same."""
        kind = "known" if self.record is None else "record"
        return f"{kind} {self.known.installed} {self.known.license}"


class Truth:
    """What the locks of an environment and of its bases say.

    Args:
        cache: where it is kept what was compared, and what an artefact says, if a lock says something else.
        listed: the licence that its channel names for a conda package; asked where package and lock differ, since
            channels mend the records of packages that are out.
    """

    def __init__(
        self, content: Content, name: str, cache: Path, *, listed: Callable[[CondaPackage], str]
    ) -> None:
        self._cache = cache
        self._listed = listed
        self._said: dict[str, list[_Said]] = {}
        for environment in content.chain(name):
            lock = content.lock(environment.name)
            for sha256, known in lock.known if lock else ():
                if known != Known():
                    self._say(sha256, _Said(environment=environment.name, known=known))
            for item in (item for part in (lock.platforms if lock else ()) for item in part.conda):
                if item.license:
                    known = Known(license=item.license)
                    self._say(item.sha256, _Said(environment=environment.name, known=known, record=item))

    def check_here(self, plan: ImagePlan, files: Files) -> None:
        """Compare what is here already, since its layers may be, too; raises as `check`."""
        for layer in (layer for platform in plan.platforms for layer in platform.layers):
            for artefact in layer.artefacts:
                if artefact.sha256 in self._said and files.has(artefact):
                    self.check(artefact, files.path(artefact))

    def check(self, artefact: Artefact, path: Path) -> None:
        """Compare an artefact with what is said of it. Any thread may.

        Raises:
            Refusal: a lock says what the artefact does not.
            UserError: neither does a conda package, and its channel cannot be asked.
        """
        # Once: an archive may be in several layers, and an error of one of them ends the build.
        for said in self._said.pop(artefact.sha256, ()):
            if said.record is None:
                self._check_known(artefact, path, said)
            else:
                self._check_record(said.record, path, said)
            from envcatalog.lock.learning.proven import keep_true

            with suppress(OSError):
                keep_true(self._cache, artefact.sha256, said.claim)

    def _say(self, sha256: str, said: _Said) -> None:
        from envcatalog.lock.learning.proven import is_true

        if not is_true(self._cache, sha256, said.claim):
            others = self._said.setdefault(sha256, [])
            if said.claim not in {other.claim for other in others}:  # of another platform, or of a base
                others.append(said)

    def _check_known(self, artefact: Artefact, path: Path, said: _Said) -> None:
        from envcatalog.lock.learning.archives import BadArchiveError, Learnt, read_archive
        from envcatalog.lock.learning.proven import keep_proven

        try:
            with path.open("rb") as file:
                learnt = read_archive(artefact, file)
        except BadArchiveError:
            learnt = Learnt()  # so whatever is said of it was not learnt of it
        lie = _lie(artefact, said.known, learnt)
        if lie:
            with suppress(OSError):
                keep_proven(self._cache, artefact.sha256, learnt.to_known())
            raise Refusal(
                f"the lock of `{said.environment}` says that {lie}",
                f"run `envcat lock {said.environment}`; on another machine, take `known` out of the lock first",
            )

    def _check_record(self, item: CondaPackage, path: Path, said: _Said) -> None:
        from envcatalog.lock.conda.records import license_line
        from envcatalog.lock.learning.archives import BadArchiveError, license_of_conda

        try:
            own = license_line(license_of_conda(path))
        except BadArchiveError:
            own = ""
        folded = item.license.casefold()
        if folded not in (own.casefold(), self._listed(item).casefold() if folded != own.casefold() else ""):
            raise Refusal(
                f"the lock of `{said.environment}` says that {_named(item, item.license, own)}",
                f"run `envcat lock --upgrade-package {item.name} {said.environment}`",
            )


def _lie(artefact: Artefact, known: Known, learnt: Learnt) -> str:
    """What differs, in words; empty where nothing does."""
    if known.license and known.license.casefold() not in map(str.casefold, learnt.licences):
        return _named(artefact, known.license, next(iter(learnt.licences), ""))
    if known.installed in (None, learnt.installed):
        return ""
    if learnt.installed is None:
        # Debian's index says it, too, where a package does not.
        return "" if isinstance(artefact, Deb) else f"{_sized(artefact, known)} does not say how many"
    return f"{_sized(artefact, known)} says {learnt.installed}"


def _sized(artefact: Artefact, known: Known) -> str:
    return f"{_name(artefact)} takes {known.installed} bytes when installed, but the file itself"


def _named(artefact: Artefact, said: str, found: str) -> str:
    from envcatalog.lock.fields import quoted

    truth = quoted(found) if found else "no licence"
    return f"{_name(artefact)} has the licence {quoted(said)}, but the file itself names {truth}"


def _name(artefact: Artefact) -> str:
    return f"`{artefact.name}` {artefact.version}".rstrip()
