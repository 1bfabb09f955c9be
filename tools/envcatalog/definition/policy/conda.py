"""The rules of a policy about conda packages: banned, required and pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envcatalog.definition.finding import Path, listed, show
from envcatalog.definition.matchspecs import MatchSpec, accepts_version, read_spec
from envcatalog.definition.policy.subject import Breach, Subject
from envcatalog.definition.requirements import package_name
from envcatalog.model.environment import Environment
from envcatalog.model.lock import CondaPackage, Lock
from envcatalog.model.policy import PackageRule, PlainRule

PACKAGES: Path = ("conda", "packages")
_ON_PYTHON = re.compile(r"python(?=[\s=<>!~\[]|\Z)")
_HINT = "exclude it, or replace the package that brings it; then run `envcat lock`"


def conda_specs(environment: Environment) -> Iterator[tuple[Path, MatchSpec]]:
    """What the definition asks conda for, and where."""
    for index, text in enumerate(environment.conda.packages if environment.conda else ()):
        found = read_spec(text)
        if isinstance(found, MatchSpec):
            yield (*PACKAGES, index), found


def project_versions(lock: Lock | None, name: str) -> set[str]:
    """Locked versions of the conda package of Python modules that is called like a project."""
    return {
        item.version
        for item in _locked(lock)
        if package_name(item.name) == name and any(map(_ON_PYTHON.match, item.depends))
    }


def banned_conda(subject: Subject, rule: PackageRule) -> Iterator[Breach]:
    """One conda package in the definition, or in the lock alone."""
    versions = sorted({item.version for item in _locked(subject.lock) if item.name == rule.name})
    locked = [version for version in versions if accepts_version(rule.specifier, version)]
    places = [
        path
        for path, spec in conda_specs(subject.environment)
        if spec.name == rule.name and (locked or not rule.specifier or _pinned_within(spec, rule))
    ]
    have = f", and {listed(locked)} is locked" if locked and (rule.specifier or not places) else ""
    for path in places or ([PACKAGES] if locked else []):
        yield Breach(
            rule="banned",
            message=f"{_shown(rule)} is banned{have}",
            path=path,
            reason=rule.reason,
            package=rule.name,
            locked=not places,
            hint="" if places else _HINT,
        )


def required_conda(subject: Subject, rule: PackageRule) -> Iterator[Breach]:
    """One conda package that neither the environment nor its bases have, or not in the right version."""
    if not any(item.conda for item in subject.chain):
        return
    versions = {item.version for lock in subject.locks for item in _locked(lock) if item.name == rule.name}
    asked = any(spec.name == rule.name for item in subject.chain for _, spec in conda_specs(item))
    wrong = sorted(version for version in versions if not accepts_version(rule.specifier, version))
    if wrong:
        message = f"{_shown(rule)} is required, and {listed(wrong)} is locked"
    elif not versions and not asked:
        message = f"{_shown(rule)} is required"
    else:
        return
    own = (path for path, spec in conda_specs(subject.environment) if spec.name == rule.name)
    path = next(own, PACKAGES)
    yield Breach(
        rule="required",
        message=message,
        path=path,
        reason=rule.reason,
        at_key=path == PACKAGES,
        package=rule.name,
        hint="" if wrong else "add it to `conda.packages` and run `envcat lock`",
    )


def pinned_conda(subject: Subject, rule: PlainRule) -> Iterator[Breach]:
    """Each MatchSpec that allows more than one version."""
    for path, spec in conda_specs(subject.environment):
        if not spec.version.startswith("==") or "," in spec.version or "|" in spec.version:
            yield Breach(
                rule="pinned",
                message=f"{show(spec.text)} is not pinned to one version",
                path=path,
                reason=rule.reason,
                package=spec.name,
                hint=f"write `{spec.name}==VERSION`",
            )


def _locked(lock: Lock | None) -> tuple[CondaPackage, ...]:
    return tuple(item for part in (lock.platforms if lock else ()) for item in part.conda)


def _pinned_within(spec: MatchSpec, rule: PackageRule) -> bool:
    return spec.version.startswith("==") and accepts_version(rule.specifier, spec.version.removeprefix("=="))


def _shown(rule: PackageRule) -> str:
    separator = " " if rule.specifier[:1].isalnum() else ""
    return f"`{rule.name}{separator}{rule.specifier}`"
