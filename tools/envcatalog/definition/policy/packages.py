"""The rules of a policy about packages: banned, required and pinned."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.definition.finding import Path, listed
from envcatalog.definition.policy.conda import (
    banned_conda,
    conda_specs,
    pinned_conda,
    project_versions,
    required_conda,
)
from envcatalog.definition.policy.subject import Breach, Subject
from envcatalog.definition.requirements import Requirement, package_name, read_requirement
from envcatalog.model.environment import DebianBase, Environment
from envcatalog.model.lock import Lock
from envcatalog.model.policy import PackageRule, Policy


def banned(subject: Subject, rule: PackageRule) -> Iterator[Breach]:
    """One package in the definition, or in the lock alone."""
    if rule.conda:
        yield from banned_conda(subject, rule)
        return
    locked = [
        version
        for version in _versions(subject.lock, rule.name, debian=rule.debian)
        if _within(version, rule.specifier)
    ]
    places: list[Path] = []
    if rule.debian:
        places = [("apt", index) for index, name in enumerate(subject.environment.apt) if name == rule.name]
    else:
        for index, found in requirements(subject.environment):
            pinned = _pin(found)
            if found.name == rule.name and (
                locked or not rule.specifier or (pinned and _within(pinned, rule.specifier))
            ):
                places.append(("python", "packages", index))
        for path, spec in conda_specs(subject.environment):
            if package_name(spec.name) == rule.name and project_versions(subject.lock, rule.name) & set(
                locked
            ):
                places.append(path)
    shown = f"`{rule.name}{rule.specifier}`"
    have = f", and {listed(locked)} is locked" if locked and (rule.specifier or not places) else ""
    for path in places:
        yield Breach(
            rule="banned",
            message=f"{shown} is banned{have}",
            path=path,
            reason=rule.reason,
            package=rule.name,
        )
    if locked and not places:
        yield Breach(
            rule="banned",
            message=f"{shown} is banned{have}",
            path=("apt",) if rule.debian else ("python", "packages"),
            reason=rule.reason,
            package=rule.name,
            locked=True,
            hint="exclude it, or replace the package that brings it; then run `envcat lock`",
        )


def required(subject: Subject, rule: PackageRule) -> Iterator[Breach]:
    """One package that neither the environment nor its bases have, or not in the right version."""
    if rule.conda:
        yield from required_conda(subject, rule)
        return
    root = subject.chain[0].base
    if rule.debian and not isinstance(root, DebianBase):
        return
    if not rule.debian and not any(item.python for item in subject.chain):
        return
    versions = {
        version for lock in subject.locks for version in _versions(lock, rule.name, debian=rule.debian)
    }
    if rule.debian:
        asked = any(rule.name in item.apt for item in subject.chain)
    else:
        asked = any(found.name == rule.name for item in subject.chain for _, found in requirements(item))
    wrong = sorted(version for version in versions if not _within(version, rule.specifier))
    shown = f"`{rule.name}{rule.specifier}`"
    if not versions and not asked:
        message = f"{shown} is required"
    elif wrong:
        message = f"{shown} is required, and {listed(wrong)} is locked"
    else:
        return
    path: Path = ("apt",) if rule.debian else ("python", "packages")
    for index, found in requirements(subject.environment):
        if found.name == rule.name and not rule.debian:
            path = ("python", "packages", index)
    yield Breach(
        rule="required",
        message=message,
        path=path,
        reason=rule.reason,
        at_key=not isinstance(path[-1], int),
        package=rule.name,
        hint="" if wrong else f"add it to `{'.'.join(map(str, path))}` and run `envcat lock`",
    )


def pinned(subject: Subject, policy: Policy) -> Iterator[Breach]:
    """Each Python requirement and MatchSpec that allows more than one version."""
    if policy.pinned is None:
        return
    for index, found in requirements(subject.environment):
        if not _pin(found):
            yield Breach(
                rule="pinned",
                message=f"`{found}` is not pinned to one version",
                path=("python", "packages", index),
                reason=policy.pinned.reason,
                package=found.name,
                hint=f"write `{found.name}==VERSION`",
            )
    yield from pinned_conda(subject, policy.pinned)


def requirements(environment: Environment) -> Iterator[tuple[int, Requirement]]:
    """What the definition asks of Python package indexes, and at which place of `python.packages`."""
    for index, text in enumerate(environment.python.packages if environment.python else ()):
        found = read_requirement(text)
        if isinstance(found, Requirement):
            yield index, found


def _versions(lock: Lock | None, name: str, *, debian: bool) -> tuple[str, ...]:
    """The locked versions of one package over all platforms; a project's may come from conda."""
    found = {
        item.version
        for part in (lock.platforms if lock else ())
        for item in (part.debs if debian else part.projects)
        if item.name == name
    }
    if not debian:
        found |= project_versions(lock, name)
    return tuple(sorted(found))


def _within(version: str, specifier: str) -> bool:
    if not specifier:
        return True
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _pin(requirement: Requirement) -> str:
    """The one version that a requirement allows; empty where it allows others."""
    text = requirement.specifier
    if "," in text or not text.startswith("==") or text.endswith("*"):
        return ""
    return text.lstrip("=").strip()
