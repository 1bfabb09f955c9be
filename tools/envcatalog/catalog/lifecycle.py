"""Using what is deprecated warns; using what is archived is refused unless asked twice.

What counts is what the catalog says now, of any version: a statement is metadata, made after the version was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from envcatalog.catalog.content import Content, Stale
from envcatalog.definition.canonical import definition_digest
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.plan import Action
from envcatalog.model.seams import Progress
from envcatalog.model.version import Version

Versions = Callable[[str], Sequence[Version]]
At = Callable[[str], Content]


def warning(environment: Environment, number: int | None) -> str:
    """What to say to whoever uses a version; empty where there is nothing to say.

    Args:
        number: None for no particular version.
    """
    deprecated = environment.deprecated
    if deprecated is None or not deprecated.covers(number):
        return f"warning: `{environment.name}` is archived" if environment.archived else ""
    reference = environment.name if number is None else f"{environment.name}@{number}"
    facts = []
    if deprecated.replacement is not None:
        facts.append(f"use `{deprecated.replacement}` instead")
    if deprecated.until is not None:
        facts.append(f"to be used until {deprecated.until}")
    more = f" ({', '.join(facts)})" if facts else ""
    archived = " and archived" if environment.archived else ""
    return f"warning: `{reference}` is deprecated{archived}: {deprecated.reason}{more}"


def warning_of_use(content: Content, name: str, number: int | None) -> str:
    """What the content says of a version; empty where the environment is gone or cannot be read."""
    try:
        return warning(content.environment(name), number)
    except UserError:
        return ""


def warn_of_actions(
    content: Content, actions: Iterable[Action], versions: Versions, progress: Progress
) -> None:
    """Say what is deprecated of what the actions make, and of all that it inherits from; each once."""
    said = set()
    for action in actions:
        try:
            chain = content.chain(action.environment)
        except UserError:
            continue
        bases = chain[:-1] if action.action != "build" else chain
        for environment in bases:
            if environment.deprecated is None:
                continue
            text = warning(replace(environment, archived=False), _number(content, environment.name, versions))
            if text and text not in said:
                said.add(text)
                progress.step(text)


def archived_in(content: Content, name: str) -> str | None:
    """The environment itself, or the nearest base, that is archived."""
    try:
        chain = content.chain(name)
    except UserError:
        found = content.reading(name).environment
        return name if found is not None and found.archived else None
    return next((item.name for item in reversed(chain) if item.archived), None)


def without_archived(content: Content, names: Iterable[str]) -> tuple[str, ...]:
    """The names whose environments are not archived themselves."""
    found = ((name, content.reading(name).environment) for name in names)
    return tuple(name for name, environment in found if environment is None or not environment.archived)


def refuse_archived_use(content: Content, name: str, verb: str) -> None:
    """Refusal where the content says that an environment is archived; nothing where it is gone."""
    try:
        archived = content.environment(name).archived
    except UserError:
        return
    if archived:
        raise Refusal(f"`{name}` is archived", _hint(name, name, verb))


def refuse_archived(content: Content, name: str) -> None:
    """Refusal where an archived environment would be built, or one on an archived base."""
    archived = archived_in(content, name)
    if archived == name:
        raise Refusal(f"`{name}` is archived", _hint(name, archived, "build"))
    if archived is not None:
        raise Refusal(f"the base `{archived}` of `{name}` is archived", _hint(name, archived, "build"))


def kept_archived(content: Content, action: Action, versions: Sequence[Version], at: At) -> Action:
    """The action, or what stands instead of it where something archived would be built.

    An archived environment whose own definition and lock are those of its newest version is left as it is, even
    where its base went on: an archive must not make a catalog's publish fail for ever.
    """
    name = action.environment
    if action.action in ("skip", "retag") or (action.action == "refuse" and not _is_stale(content, name)):
        return action
    archived = archived_in(content, name)
    if archived is None:
        return action
    newest = max(versions, key=lambda item: item.number, default=None)
    published = newest is not None and action.version is not None and action.version <= newest.number
    if (
        archived == name
        and newest is not None
        and not published
        and _unchanged(content, at(newest.commit), name)
    ):
        return Action(
            environment=name, action="skip", reason="archived", plan=newest.plan, version=newest.number
        )
    reason = "archived" if archived == name else f"base `{archived}` is archived"
    return Action(
        environment=name,
        action="refuse",
        reason=reason,
        plan=action.plan,
        hint=_hint(name, archived, "publish"),
    )


def _hint(name: str, archived: str, verb: str) -> str:
    if archived == name:
        return f"run `envcat restore {name}`, or {verb} with `--archived`"
    return f"choose another base, or {verb} with `--archived`"


def _unchanged(content: Content, before: Content, name: str) -> bool:
    try:
        same = definition_digest(content.environment(name)) == definition_digest(before.environment(name))
        return same and content.lock(name) == before.lock(name)
    except UserError:
        return False


def _is_stale(content: Content, name: str) -> bool:
    try:
        content.plan(name)
    except Stale:
        return True
    except UserError:
        pass
    return False


def _number(content: Content, name: str, versions: Versions) -> int | None:
    """The version that the content of an environment is, or would become."""
    try:
        plan = content.plan(name).digest
    except UserError:
        return None
    known = versions(name)
    same = next((item.number for item in known if item.plan == plan), None)
    return same or max((item.number for item in known), default=0) + 1
