"""What locks say of their artefacts, compared with the artefacts: a lock may come from a stranger's pull request.

Policies on licences and sizes are checked against locks, before anything is fetched. So a lock that writes `MIT` over
another licence must not get into an image.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Artefact, Known

if TYPE_CHECKING:
    from envcatalog.lock.learning.archives import Learnt


class Truth:
    """What the locks of an environment and of its bases say.

    Args:
        cache: where it is kept what an artefact says, if a lock says something else.
    """

    def __init__(self, content: Content, name: str, cache: Path) -> None:
        self._cache = cache
        self._said: dict[str, list[tuple[str, Known]]] = {}
        for environment in content.chain(name):
            lock = content.lock(environment.name)
            for sha256, known in lock.known if lock else ():
                if known != Known():
                    self._said.setdefault(sha256, []).append((environment.name, known))

    def check(self, artefact: Artefact, path: Path) -> None:
        """Compare an artefact with what is said of it; one that is malformed is left to the builder. Any thread may.

        Raises:
            Refusal: a lock says what the artefact does not.
        """
        # Once: an archive may be in several layers, and an error of one of them ends the build.
        said = self._said.pop(artefact.sha256, ())
        if not said:
            return
        from envcatalog.lock.learning.archives import BadArchiveError, read_archive
        from envcatalog.lock.learning.proven import keep_proven

        try:
            with path.open("rb") as file:
                learnt = read_archive(artefact, file)
        except BadArchiveError:
            return
        for environment, known in said:
            lie = _lie(artefact, known, learnt)
            if lie:
                with suppress(OSError):
                    keep_proven(self._cache, artefact.sha256, learnt.to_known())
                raise Refusal(
                    f"the lock of `{environment}` says that {lie}",
                    f"run `envcat lock {environment}`; on another machine, take `known` out of the lock first",
                )


def _lie(artefact: Artefact, known: Known, learnt: Learnt) -> str:
    """What differs, in words; empty where nothing does."""
    from envcatalog.lock.fields import quoted

    name = f"`{artefact.name}` {artefact.version}".rstrip()
    if known.license and known.license.casefold() not in map(str.casefold, learnt.licences):
        truth = quoted(learnt.licences[0]) if learnt.licences else "no licence"
        return f"{name} has the licence {quoted(known.license)}, but the file itself names {truth}"
    if None not in (known.installed, learnt.installed) and known.installed != learnt.installed:
        return f"{name} takes {known.installed} bytes when installed, but the file itself says {learnt.installed}"
    return ""
