"""The rules of a policy about sizes: of the download, of what it unpacks to, and how much the download grew."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.definition.finding import Path
from envcatalog.definition.policy.subject import (
    Breach,
    Subject,
    download_sizes,
    locked_artefacts,
    size_text,
)
from envcatalog.model.known import installed_size, learnt
from envcatalog.model.policy import LimitRule, SizeRule


def size(subject: Subject, rule: SizeRule | None) -> Iterator[Breach]:
    """Each platform that is too large; a warning where the installed size is not known and could be too large."""
    if rule is None:
        return
    if rule.download is not None:
        yield from _download(subject, rule.download, rule.reason)
    if rule.installed is not None:
        yield from _installed(subject, rule.installed, rule.reason)


def growth(subject: Subject, rule: LimitRule | None) -> Iterator[Breach]:
    """Each platform whose download grew too much against the newest version."""
    if rule is None:
        return
    before = subject.before()
    if before.unknown:
        yield Breach(
            rule="growth",
            message=f"the growth cannot be judged: {before.unknown}",
            path=_heavy(subject),
            at_key=True,
            warning=True,
        )
        return
    for platform, found in download_sizes(subject).items():
        old = before.sizes.get(platform)
        if old is not None and found * 100 > old * (100 + rule.most):
            yield Breach(
                rule="growth",
                message=f"the locked files of {platform} grew from {size_text(old)} in `{before.version}` "
                f"to {size_text(found)}, and at most {rule.most} % is allowed",
                path=_heavy(subject),
                reason=rule.reason,
                at_key=True,
            )


def _download(subject: Subject, most: int, reason: str) -> Iterator[Breach]:
    for platform, found in download_sizes(subject).items():
        if found > most:
            yield Breach(
                rule="size",
                message=f"the locked files of {platform} are {size_text(found)}, "
                f"and at most {size_text(most)} are allowed",
                path=_heavy(subject),
                reason=reason,
                at_key=True,
            )


def _installed(subject: Subject, most: int, reason: str) -> Iterator[Breach]:
    known = learnt(subject.locks)
    for platform, artefacts in locked_artefacts(subject).items():
        found = installed_size(artefacts, known)
        if found.size > most:
            least = "at least " if found.unknown else ""
            yield Breach(
                rule="size",
                message=f"the locked files of {platform} take {least}{size_text(found.size)} when unpacked, "
                f"and at most {size_text(most)} are allowed",
                path=_heavy(subject),
                reason=reason,
                at_key=True,
            )
        elif found.unknown:
            yield Breach(
                rule="size",
                message=f"the installed size for {platform} cannot be judged: "
                f"it is not known of {found.unknown} of {found.files} files",
                path=_heavy(subject),
                at_key=True,
                warning=True,
                hint=_relock(subject, platform),
            )


def _relock(subject: Subject, platform: str) -> str:
    """Which environments were locked without a question for sizes; empty where all was asked, perhaps in vain."""
    known = learnt(subject.locks)
    names = [
        environment.name
        for environment, lock in zip(subject.chain, subject.locks, strict=True)
        for part in (lock.platforms if lock else ())
        if part.platform == platform and any(item.sha256 not in known for item in part.artefacts)
    ]
    return f"run `envcat lock {' '.join(names)}`" if names else ""


def _heavy(subject: Subject) -> Path:
    if subject.environment.python:
        return ("python", "packages")
    return ("conda", "packages") if subject.environment.conda else ("apt",)
