"""The rule of a policy about licences: of wheels, source archives, jars and conda packages.

Debian packages are not judged: their index names no licence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcatalog.definition.finding import Path, listed, show
from envcatalog.definition.licenses import is_allowed, is_banned
from envcatalog.definition.policy.conda import PACKAGES as CONDA
from envcatalog.definition.policy.conda import conda_specs
from envcatalog.definition.policy.packages import requirements
from envcatalog.definition.policy.subject import Breach, Subject
from envcatalog.definition.requirements import package_name
from envcatalog.model.environment import Environment
from envcatalog.model.known import learnt, license_of
from envcatalog.model.lock import Artefact, CondaPackage, Deb, Known, LockedFile
from envcatalog.model.policy import LicensesRule

_PYTHON: Path = ("python", "packages")
_JARS: Path = ("spark", "packages")
_KEYS = (_PYTHON, CONDA, _JARS)
_SHOWN = 20  # of the licences that are allowed
_REPLACE = "replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`"
_EXCLUDE = "exclude it, or replace the package that brings it; then run `envcat lock`"


def licenses(subject: Subject, rule: LicensesRule | None) -> Iterator[Breach]:
    """Each package of the environment's own lock whose licence is banned, is not allowed, or is not known."""
    if rule is None or subject.lock is None:
        return
    known = learnt((subject.lock,))
    asked = _asked(subject.environment)
    seen = set()
    silent = not subject.lock.known  # from before locks knew anything, so to name each package says nothing
    for item in sorted(_judged(subject), key=lambda item: (item.name, item.sha256)):
        license_, place = license_of(item, known), _place(item, asked)
        if (item.name, license_, place) in seen:
            continue
        seen.add((item.name, license_, place))
        if license_:
            yield from _named(item.name, license_, place, rule)
        elif rule.unknown == "refuse" and not (silent and _is_asked_of_an_index(item)):
            yield _unknown(item, place, rule, known, subject.environment.name)
    if rule.unknown == "refuse" and silent and any(map(_is_asked_of_an_index, _judged(subject))):
        yield Breach(
            rule="licenses",
            message="the lock knows the licence of no Python package",
            path=_PYTHON,
            at_key=True,
            reason=rule.reason,
            hint=f"run `envcat lock {subject.environment.name}`",
        )


def _named(name: str, license_: str, place: Path, rule: LicensesRule) -> Iterator[Breach]:
    if is_banned(license_, rule.banned, rule.allowed):
        verdict, hint = "is banned", _EXCLUDE if place in _KEYS else ""
    elif rule.allowed and not is_allowed(license_, rule.allowed):
        more = len(rule.allowed) - _SHOWN
        shown = f"{', '.join(f'`{item}`' for item in rule.allowed[:_SHOWN])} and {more} more"
        verdict = "is not allowed"
        hint = f"the policy allows {shown if more > 0 else listed(rule.allowed)}"
    else:
        return
    yield Breach(
        rule="licenses",
        message=f"`{name}` has the licence {show(license_)}, which {verdict}",
        path=place,
        at_key=place in _KEYS,
        reason=rule.reason,
        package=name,
        hint=hint,
    )


def _unknown(
    item: Artefact, place: Path, rule: LicensesRule, known: Mapping[str, Known], environment: str
) -> Breach:
    not_asked = item.sha256 not in known and _is_asked_of_an_index(item)
    return Breach(
        rule="licenses",
        message=f"the licence of `{item.name}` is not known",
        path=place,
        at_key=place in _KEYS,
        reason=rule.reason,
        package=item.name,
        hint=f"run `envcat lock {environment}`" if not_asked else _REPLACE,
    )


def _judged(subject: Subject) -> list[Artefact]:
    platforms = subject.lock.platforms if subject.lock else ()
    return [item for part in platforms for item in part.artefacts if not isinstance(item, Deb)]


def _is_asked_of_an_index(item: Artefact) -> bool:
    """Whether `lock` asks for its licence: conda's records have it already, and nothing says that of a jar."""
    return not isinstance(item, CondaPackage) and not _is_jar(item)


def _is_jar(item: Artefact) -> bool:
    return isinstance(item, LockedFile) and not item.is_project


def _place(item: Artefact, asked: Mapping[tuple[str, str], Path]) -> Path:
    """Where the definition asks for it; the key of all such packages where it does not."""
    if _is_jar(item):
        return asked.get(("jar", item.name), _JARS)
    kind, key = ("conda", CONDA) if isinstance(item, CondaPackage) else ("python", _PYTHON)
    project = asked.get(("python", package_name(item.name)), key)
    return asked.get((kind, item.name), project)


def _asked(environment: Environment) -> dict[tuple[str, str], Path]:
    """Kind and name of what the definition asks for, and where."""
    asked: dict[tuple[str, str], Path] = {}
    if environment.spark is not None:
        asked["python", "pyspark"] = ("spark", "version")
        for index, path in enumerate(environment.spark.jars):
            asked["jar", path] = ("spark", "jars", index)
        for index, text in enumerate(environment.spark.packages):
            asked["jar", text.rpartition(":")[0]] = (*_JARS, index)
    for index, found in requirements(environment):
        asked["python", found.name] = (*_PYTHON, index)
    for place, spec in conda_specs(environment):
        asked["conda", spec.name] = place
    return asked
