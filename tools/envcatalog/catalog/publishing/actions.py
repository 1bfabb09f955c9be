"""What is to be done for each environment, and why: desired (plans) minus current (version tags, registry tags)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from envcatalog.catalog.building.choosing import chosen_builder, own_builder
from envcatalog.catalog.content import Content, Stale
from envcatalog.catalog.lifecycle import kept_archived
from envcatalog.catalog.publishing.disorder import Versions, disorder, gap, moved
from envcatalog.git.trees import FOLDER
from envcatalog.model.errors import ProblemsFound, Refusal, UserError
from envcatalog.model.plan import Action, ActionKind, ImagePlan
from envcatalog.model.problem import Problem
from envcatalog.model.seams import Registry, Repository
from envcatalog.model.version import Version

LATEST = "latest"
At = Callable[[str], Content]


def plan_actions(
    content: Content,
    names: Iterable[str],
    versions: Versions,
    at: At,
    registry: Registry | None = None,
    *,
    archived: bool = False,
) -> tuple[Action, ...]:
    """One action for each name, bases before children.

    Args:
        versions: the versions of a name, ascending.
        at: the content at a commit, to say what changed since the last version.
        registry: also compare its tags; None asks Git alone, so nothing is fetched.
        archived: build what is archived, too.

    Raises:
        UserError: the registry cannot be reached.
    """
    actions: dict[str, Action] = {}
    stale: dict[str, Action] = {}
    for name in content.order(names):
        try:
            action = disorder(name, versions) or _settled(content, name, versions, at, registry)
        except Stale as error:
            action = Action(environment=name, action="refuse", reason=error.reason, hint=error.hint)
            stale[name] = action
        known = versions(name)
        kept = action if archived else kept_archived(content, action, known, at)
        actions[name] = kept if kept is action else _archive(content, kept, known, registry)
    actions |= _problems_first(content, [name for name in stale if actions[name] is stale[name]])
    return tuple(_with_builder(content, _with_gap(action, versions)) for action in actions.values())


def _with_gap(action: Action, versions: Versions) -> Action:
    return action if action.hint else replace(action, hint=gap(versions(action.environment)))


def _problems_first(content: Content, names: Sequence[str]) -> dict[str, Action]:
    """Of these, which have no fresh lock, those that are not fit for one either: a lock would not help them."""
    if not names:
        return {}
    from envcatalog.catalog.validating import validate

    errors = [item for item in validate(content, names).problems if item.severity == "error"]
    found: dict[str, list[Problem]] = {name: [] for name in names}
    for problem in errors:
        name = problem.file.removeprefix(f"{FOLDER}/").partition("/")[0]
        if name in found:
            found[name].append(problem)
    return {name: _with_problems(name, ProblemsFound(own)) for name, own in found.items() if own}


def _with_problems(name: str, error: ProblemsFound) -> Action:
    return Action(environment=name, action="refuse", reason=error.message, hint="run `envcat validate`")


def _with_builder(content: Content, action: Action) -> Action:
    environment = content.reading(action.environment).environment
    if environment is None:
        return action
    try:
        choice = chosen_builder(environment, content.builder)
    except Refusal:  # what the command asks for is impossible, and the action says so
        choice = own_builder(environment)
    return replace(action, builder=choice.builder, builder_reason=choice.reason)


def wanted_tags(aliases: Iterable[tuple[str, int]], versions: Sequence[Version]) -> dict[str, Version]:
    """Moving registry tags and the version each should name: every alias, and ``latest``.

    A version without an image is no place for a tag: ``latest`` is the newest with one.

    Raises:
        Refusal: an alias names a version that does not exist.
    """
    by_number = {version.number: version for version in versions}
    wanted = {}
    for alias, number in aliases:
        if number not in by_number:
            raise Refusal(
                f"alias `{alias}` names version {number}, which does not exist",
                f"the versions are {_ranges(sorted(by_number)) or 'none yet'}",
            )
        if by_number[number].image:
            wanted[alias] = by_number[number]
    if built := [version for version in versions if version.image]:
        wanted[LATEST] = max(built, key=lambda version: version.number)
    return wanted


def moving_tags(
    repository: Repository, aliases: Iterable[tuple[str, int]], versions: Sequence[Version]
) -> dict[str, Version]:
    """The moving tags that name something else in the registry than they should."""
    wanted = wanted_tags(aliases, versions)
    return {tag: version for tag, version in wanted.items() if repository.head(tag) != version.image}


def _settled(content: Content, name: str, versions: Versions, at: At, registry: Registry | None) -> Action:
    """The action; Git is asked first, so a publisher who came in between looks like a number that Git has lost."""
    while True:
        action = _action(content, name, versions, at, registry)
        doubtful = registry is not None and action.action == "refuse" and action.plan
        if not doubtful or not versions.again(name):
            return action


def _action(content: Content, name: str, tags: Versions, at: At, registry: Registry | None) -> Action:
    versions = tags(name)
    try:
        plan = content.plan(name)
    except Stale:  # whether a lock would help is asked for all of them at once
        raise
    except ProblemsFound as error:
        return _with_problems(name, error)
    except UserError as error:
        return Action(environment=name, action="refuse", reason=error.message, hint=error.hint)
    if refused := moved(content, name, plan.digest, tags):
        return refused
    existing = next((item for item in versions if item.plan == plan.digest), None)
    repository = registry.repository(name) if registry else None
    if existing is None:
        number = max((item.number for item in versions), default=0) + 1
        reason = _why(content, name, versions, at)
        return _checked(content, name, plan, versions, number, reason, repository)
    return _compared(content, name, plan, existing, versions, repository)


def _checked(
    content: Content,
    name: str,
    plan: ImagePlan,
    versions: Sequence[Version],
    number: int,
    reason: str,
    repository: Repository | None,
) -> Action:
    def refused(why: str, hint: str) -> Action:
        return Action(environment=name, action="refuse", plan=plan.digest, reason=why, hint=hint)

    known = {item.number for item in versions} | {number}
    for alias, target in content.environment(name).aliases:
        if target not in known:
            why = f"alias `{alias}` names version {target}, which does not exist"
            return refused(why, f"the next version is {number}")
    if repository is not None and (tagged := repository.head(str(number))) is not None:
        return refused(
            f"registry tag {number} is {tagged[:19]}, but Git has no version {number}",
            f"look for the lost tag `{name}@{number}`, with `git fetch --tags` or in other clones: a number is "
            "never given twice",
        )
    return Action(environment=name, action="build", reason=reason, plan=plan.digest, version=number)


def _compared(
    content: Content,
    name: str,
    plan: ImagePlan,
    existing: Version,
    versions: Sequence[Version],
    repository: Repository | None,
) -> Action:
    def action(kind: ActionKind, reason: str, hint: str = "") -> Action:
        return Action(
            environment=name,
            action=kind,
            reason=reason,
            plan=plan.digest,
            version=existing.number,
            hint=hint,
        )

    aliases = content.environment(name).aliases
    try:
        wanted_tags(aliases, versions)
    except Refusal as error:
        return action("refuse", error.message, error.hint)
    if not existing.image:
        return action("build", "registered without an image")
    if repository is None:
        return action("skip", f"is version {existing.number}")
    tagged = repository.head(str(existing.number))
    if tagged is not None and tagged != existing.image:
        return action(
            "refuse",
            f"registry tag {existing.number} is {tagged[:19]}, Git recorded {existing.image[:19]}",
            "a published version never changes: find out who moved the tag, then delete it and publish again",
        )
    if tagged is None:
        if repository.head(existing.image) is None:
            return action("build", "image missing")
        return action("retag", f"tag {existing.number} missing")
    moving = moving_tags(repository, aliases, versions)
    left = _left_tags(content, name, repository)
    if moving:
        return action("retag", _moves(moving), left)
    return action("skip", f"is version {existing.number}", left)


def _archive(
    content: Content, kept: Action, versions: Sequence[Version], registry: Registry | None
) -> Action:
    """An archive that is not built again may still have its aliases moved."""
    version = next((item for item in versions if item.number == kept.version), None)
    if kept.action != "skip" or registry is None or version is None:
        return kept
    repository = registry.repository(kept.environment)
    if not version.image or repository.head(version.image) is None:
        return kept
    try:
        moving = moving_tags(repository, content.environment(kept.environment).aliases, versions)
    except Refusal as error:
        return replace(kept, action="refuse", reason=error.message, hint=error.hint)
    return replace(kept, action="retag", reason=_moves(moving)) if moving else kept


def _moves(moving: Mapping[str, Version]) -> str:
    return ", ".join(f"{tag} -> {version.number}" for tag, version in sorted(moving.items()))


def _left_tags(content: Content, name: str, repository: Repository) -> str:
    """A hint where the registry has tags of aliases that are no longer set. Not every registry can delete a tag, and
    somebody may use it, so it is said and left to people."""
    aliases = dict(content.environment(name).aliases)
    left = [alias for alias in content.settings.aliases if alias not in aliases and repository.head(alias)]
    if not left:
        return ""
    tags, alias = ", ".join(f"`{tag}`" for tag in left), "alias is" if len(left) == 1 else "aliases are"
    return f"the registry still has {tags}, whose {alias} not set: delete it there, or set the alias"


def _why(content: Content, name: str, versions: Sequence[Version], at: At) -> str:
    if not versions:
        return "new"
    before = at(max(versions, key=lambda item: item.number).commit)
    try:
        old_lock, new_lock = before.lock(name), content.lock(name)
    except UserError:
        return "last version cannot be read"
    if old_lock is None or new_lock is None:
        return "lock changed"
    if (
        old_lock.definition != new_lock.definition
    ):  # a version's lock is fresh, so no definition need be parsed
        return "definition changed"
    if old_lock.base != new_lock.base:
        return "base changed"
    if old_lock != new_lock:
        return "lock changed"
    return "layer format changed" if content.builder is None else "another builder is asked for"


def _ranges(numbers: Sequence[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
