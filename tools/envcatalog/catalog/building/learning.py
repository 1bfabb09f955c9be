"""A solved lock with what is known of its files: kept, or asked for; never a reason not to write it."""

from __future__ import annotations

from dataclasses import replace

from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content
from envcatalog.lock.learning.proven import proven
from envcatalog.model.lock import Lock


def with_known(content: Content, name: str, lock: Lock, *, previous: Lock | None, workshop: Workshop) -> Lock:
    """The lock, knowing what the previous one knew of the same files, and what could be learnt of the others.

    Where all is known, nobody is asked. What could not be asked for has no entry, and is told in a warning.
    """
    artefacts = {item.sha256: item for platform in lock.platforms for item in platform.artefacts}
    before = dict(previous.known) if previous else {}
    known = {sha256: before[sha256] for sha256 in artefacts if sha256 in before}
    known |= proven(workshop.cache, artefacts)
    missing = [item for sha256, item in artefacts.items() if sha256 not in known]
    if missing:
        known |= workshop.learner.learn(missing, content.suite(name))
    left = len(artefacts) - len(known)
    if left:
        files = "1 file" if left == 1 else f"{left} files"
        workshop.progress.step(
            f"warning: of {files} of `{name}` neither size nor licence was learnt; `envcat lock {name}` asks again"
        )
    return replace(lock, known=tuple(sorted(known.items())))
