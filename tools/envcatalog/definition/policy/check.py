"""The policy of a catalog, applied: breaches become problems, unless an exception lets them pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from envcatalog.definition.finding import show
from envcatalog.definition.policy.rules import breaches
from envcatalog.definition.policy.subject import Breach, Subject
from envcatalog.definition.reader import Reading, SettingsReading
from envcatalog.model.policy import Policy, PolicyException
from envcatalog.model.problem import Problem, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class LockText:
    """A lock file as it is, to point into it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """Which exceptions were needed, by position."""

    positions: set[int] = field(default_factory=set)


def check_policy(
    subjects: Mapping[str, Subject],
    readings: Mapping[str, Reading],
    settings: SettingsReading,
    locks: Mapping[str, LockText],
    *,
    known: frozenset[str] | None,
    today: str,
) -> tuple[Problem, ...]:
    """All problems: breaches that no exception lets pass, and exceptions that are over or not needed.

    Args:
        subjects: the environments to judge, by name; those that cannot be read are left out.
        readings: by name, to point into the definitions.
        settings: sound, with the policy.
        locks: the lock files by name, to point at what only a lock holds.
        known: names of all environments where all are judged; None where only some were asked for.
        today: ``YYYY-MM-DD``; empty to take no exception for over.
    """
    assert settings.settings is not None
    policy = settings.settings.policy
    used = _Used()
    found: list[Problem] = []
    with ExitStack() as stack:
        if policy.secrets is not None:
            from envcatalog.definition.policy.secrets import detectors

            stack.enter_context(detectors())
        for name in sorted(subjects):
            for breach in _all(subjects[name], policy, settings):
                if not _excepted(name, breach, policy, used, today):
                    found.append(_problem(breach, readings[name], locks.get(name)))
    found += _exceptions(policy, settings, used, frozenset(subjects), known, today)
    return tuple(found)


def _all(subject: Subject, policy: Policy, settings: SettingsReading) -> Iterator[Breach]:
    assert settings.settings is not None
    yield from breaches(subject, policy, settings.settings)
    if policy.secrets is not None:
        from envcatalog.definition.policy.secrets import secret_breaches

        yield from secret_breaches(subject, policy.secrets)


def _is_over(item: PolicyException, today: str) -> bool:
    return bool(today) and item.until < today


def _excepted(name: str, breach: Breach, policy: Policy, used: _Used, today: str) -> bool:
    for position, item in enumerate(policy.exceptions):
        if (item.environment, item.rule) != (name, breach.rule) or _is_over(item, today):
            continue
        if item.package in ("", breach.package):
            used.positions.add(position)
            return True
    return False


def _problem(breach: Breach, reading: Reading, lock: LockText | None) -> Problem:
    message = breach.message
    if breach.reason.strip():
        message += f": {breach.reason.strip().removesuffix('.')}"
    code = f"policy-{breach.rule}"
    severity: Severity = "warning" if breach.warning else "error"
    if breach.locked and lock is not None:
        return _in_lock(breach, lock, code, message)
    problem = reading.located.problem(code, message, breach.path, breach.hint, severity, at_key=breach.at_key)
    if breach.rule == "secrets" and not breach.at_key:
        from envcatalog.definition.policy.secrets import without_secret

        return without_secret(problem)
    return problem


def _in_lock(breach: Breach, lock: LockText, code: str, message: str) -> Problem:
    """At the package's name in the lock file, which is written with one value on a line."""
    wanted = f'"name": "{breach.package}"'
    reached = False  # the interpreters of `bytecode` come before, and are in no image
    for number, line in enumerate(lock.text.split("\n"), start=1):
        reached = reached or line.startswith(' "platforms"')
        column = line.find(wanted)
        if reached and column >= 0:
            return Problem(
                code=code,
                message=message,
                file=lock.path,
                line=number,
                column=column + 1,
                hint=breach.hint,
                source=line[:500],
                length=len(wanted),
            )
    return Problem(code=code, message=message, file=lock.path, hint=breach.hint)


def _exceptions(
    policy: Policy,
    settings: SettingsReading,
    used: _Used,
    judged: frozenset[str],
    known: frozenset[str] | None,
    today: str,
) -> Iterator[Problem]:
    for position, item in enumerate(policy.exceptions):
        path = ("policy", "exceptions", position)
        what = f"the exception of {show(item.environment)} from the rule `{item.rule}`"
        if item.package:
            what += f" for `{item.package}`"
        if _is_over(item, today):
            hint = f"make {show(item.environment)} keep the rule, or agree on a later day; then edit the exception"
            message = f"{what} was until {item.until}, which has passed"
            yield settings.located.problem("policy-exception-over", message, (*path, "until"), hint)
        elif known is not None and item.environment not in known:
            message = f"{what} is of no environment in this catalog"
            yield settings.located.problem(
                "policy-exception-unused", message, (*path, "environment"), "remove it", "warning"
            )
        elif position not in used.positions and item.environment in judged:
            message = f"{what} is not needed"
            yield settings.located.problem("policy-exception-unused", message, path, "remove it", "warning")
