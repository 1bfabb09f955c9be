"""`promote`, `deprecate`, `archive` and `restore`: edits of one definition's metadata, to be reviewed and committed.

The file is edited in the work tree and nothing else happens: a pull request moves an alias, and `publish` of its
commit moves the registry's tag. A tag whose alias was removed stays in the registry, since not every registry can
delete one; `plan --registry` names it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from envcatalog.catalog.alone import alone
from envcatalog.catalog.history.reference import one_name, parse_reference
from envcatalog.catalog.history.resolve import Resolved, resolve_reference
from envcatalog.catalog.lifecycle import refuse_archived_use
from envcatalog.catalog.places import definition_path
from envcatalog.catalog.writing import write_file
from envcatalog.definition.reader import Reading, read_environment
from envcatalog.definition.rules.deprecation import replacement_parts
from envcatalog.definition.rules.lifecycle import jumps, lifecycle_problems
from envcatalog.definition.writing.edit import Edit, edit_value
from envcatalog.model.change import Change, ChangeKind
from envcatalog.model.environment import Deprecated, Environment, EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.ranges import show_ranges, to_ranges
from envcatalog.model.result import Edited

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


@alone
def promote(catalog: Catalog, reference: str, alias: str, *, archived: bool = False) -> Edited:
    """Let an alias name the version of a reference.

    Args:
        archived: also of what is archived.

    Raises:
        UserError: there is no such version or alias.
        Refusal: the alias would leave the one before it behind, or another one would leave this one; or the
            environment is archived and `archived` False.
    """
    order = catalog.content.settings.aliases
    if alias not in order:
        raise _unknown_alias(alias, order)
    found = catalog.find(reference)
    name = found.name
    environment = catalog.content.environment(name)
    number = _number_of(catalog, found, reference)
    if not archived:
        refuse_archived_use(catalog.content, name, "promote")
    before = dict(environment.aliases)
    broken = {(jump.alias, jump.before) for jump in jumps(before, order)}
    for jump in jumps({**before, alias: number}, order):
        if (jump.alias, jump.before) not in broken:
            target, at = (jump.before, jump.number) if jump.alias == alias else (jump.alias, number)
            raise Refusal(jump.message, f"run `envcat promote {name}@{at} {target}` first")
    if before.get(alias) == number:
        return _unchanged(name, f"`{alias}` is version {number} already")
    step = f"commit it, then run `envcat publish {name}`, which moves the registry's tag `{alias}`"
    return _edit(catalog, name, ("aliases", alias), number, step)


@alone
def demote(catalog: Catalog, name: str, alias: str) -> Edited:
    """Take an alias away.

    Raises:
        Refusal: an alias after it would stand without it.
    """
    name = one_name(name, f"run `envcat promote NAME {alias[:80]} --remove`")
    order = catalog.content.settings.aliases
    before = dict(catalog.content.environment(name).aliases)
    if alias not in before:
        if alias not in order:
            raise _unknown_alias(alias, order)
        return _unchanged(name, f"`{alias}` is not set")
    after = {key: number for key, number in before.items() if key != alias}
    broken = {(jump.alias, jump.before) for jump in jumps(before, order)}
    for jump in jumps(after, order):
        if (jump.alias, jump.before) not in broken:
            raise Refusal(
                f"`{jump.alias}` is version {jump.number}, and needs `{alias}`, which comes before it",
                f"run `envcat promote {name} {jump.alias} --remove` first",
            )
    step = f"commit it; the registry's tag `{alias}` stays until you delete it there"
    return _edit(catalog, name, ("aliases", alias), None, step)


@alone
def deprecate(
    catalog: Catalog,
    name: str,
    *,
    reason: str,
    versions: str | None = None,
    replacement: str | None = None,
    until: str | None = None,
) -> Edited:
    """Say of versions (all without `versions`) that they should no longer be used; what was said before is replaced.

    `name` may be a reference to one version instead.

    Raises:
        UserError: a value has not the form that the schema asks for, or names what does not exist.
    """
    name, versions = _deprecated_of(catalog, name, versions)
    value = {"versions": versions, "reason": reason, "replacement": replacement, "until": until}
    wanted = {key: text for key, text in value.items() if text is not None}
    environment = catalog.content.environment(name)
    data = edit_value(_data(catalog, name), definition_path(name), ("deprecated",), wanted)
    reading = _checked(data, name)
    assert reading.environment is not None
    new = reading.environment
    assert new.deprecated is not None
    _require_versions(catalog, name, new.deprecated)
    _require_replacement(catalog, reading, new)
    if new.deprecated == environment.deprecated:
        return _unchanged(name, "it is deprecated in these words already")
    return _edit(catalog, name, ("deprecated",), wanted, "commit it: whoever uses these versions is warned")


@alone
def undeprecate(catalog: Catalog, name: str) -> Edited:
    """Take the statement of `deprecate` away."""
    name = one_name(name, "run `envcat deprecate NAME --remove`: a file has one such statement")
    if catalog.content.environment(name).deprecated is None:
        return _unchanged(name, "it is not deprecated")
    return _edit(catalog, name, ("deprecated",), None, "commit it")


@alone
def archive(catalog: Catalog, name: str) -> Edited:
    """Keep an environment, and publish it no more."""
    name = one_name(name, "run `envcat archive NAME`, or `envcat deprecate REF` for a version")
    if catalog.content.environment(name).archived:
        return _unchanged(name, "it is archived already")
    children = []
    for other in catalog.content.names:
        found = catalog.content.reading(other).environment
        if found and isinstance(found.base, EnvironmentBase) and found.base.environment == name:
            children.append(f"`{other}`")
    if children:
        listed = ", ".join(children[:5]) + (" ..." if len(children) > 5 else "")
        catalog.progress.step(
            f"warning: {listed} inherits from it"
            if len(children) == 1
            else f"warning: {listed} inherit from it"
        )
    return _edit(catalog, name, ("archived",), True, "commit it; `envcat restore` brings it back")


@alone
def restore(catalog: Catalog, name: str) -> Edited:
    """Bring an archived environment back."""
    name = one_name(name, "run `envcat restore NAME`")
    if not catalog.content.environment(name).archived:
        return _unchanged(name, "it is not archived")
    return _edit(catalog, name, ("archived",), None, "commit it")


def _deprecated_of(catalog: Catalog, text: str, versions: str | None) -> tuple[str, str | None]:
    """Name and versions, of a name or of a reference to a version."""
    reference = parse_reference(text)
    if reference.is_worktree:
        return reference.name, versions
    if versions is not None:
        raise UserError(f"`{text[:80]}` names a version, and so does `--versions`", "leave one of them out")
    return reference.name, str(_number_of(catalog, resolve_reference(catalog, text), text))


def _number_of(catalog: Catalog, found: Resolved, text: str) -> int:
    """The number of the version that a reference named; UserError where it is no version."""
    if found.version is not None:
        return found.version.number
    name = found.name
    have = show_ranges(to_ranges(version.number for version in catalog.versions(name)))
    hint = f"it has {have}, such as `{name}@latest`" if have else f"run `envcat publish {name}` to make one"
    raise UserError(f"`{text[:80]}` is not a version of `{name}`", hint)


def _edit(catalog: Catalog, name: str, path: tuple[str, ...], value: Edit, step: str) -> Edited:
    before = _values(catalog.content.environment(name), path)
    data = edit_value(_data(catalog, name), definition_path(name), path, value)
    new = _checked(data, name).environment
    assert new is not None
    write_file(catalog.repository.root / definition_path(name), data)
    catalog.content.forget(name)
    after = _values(new, path)
    changes = tuple(
        Change(
            path=key,
            kind=_kind(before.get(key), after.get(key)),
            before=before.get(key),
            after=after.get(key),
        )
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )
    return Edited(environment=name, file=definition_path(name), changes=changes, note=step)


def _unchanged(name: str, note: str) -> Edited:
    return Edited(environment=name, file=definition_path(name), note=note)


def _data(catalog: Catalog, name: str) -> bytes:
    data = catalog.content.source.read(definition_path(name))
    if data is None:
        raise UserError(f"there is no `{definition_path(name)}`")
    return data


def _checked(data: bytes, name: str) -> Reading:
    """The reading of an edited file; UserError in the words of its first problem."""
    reading = read_environment(data, definition_path(name), folder=name)
    if reading.environment is None:
        raise UserError(reading.problems[0].message, reading.problems[0].hint)
    return reading


def _values(environment: Environment, path: tuple[str, ...]) -> Mapping[str, str]:
    if path[0] == "aliases":
        return {f"aliases.{alias}": str(number) for alias, number in environment.aliases}
    if path[0] == "archived":
        return {"archived": "true"} if environment.archived else {}
    said = environment.deprecated
    if said is None:
        return {}
    values = {
        "versions": show_ranges(said.versions),
        "reason": said.reason,
        "replacement": said.replacement,
        "until": said.until,
    }
    return {f"deprecated.{key}": text for key, text in values.items() if text}


def _kind(before: str | None, after: str | None) -> ChangeKind:
    if before is None:
        return "added"
    return "changed" if after is not None else "removed"


def _unknown_alias(alias: str, order: tuple[str, ...]) -> UserError:
    near = difflib.get_close_matches(alias[:80], order, n=1)
    listed = ", ".join(f"`{item}`" for item in order)
    there = f"the aliases are {listed}" if order else "name it in `aliases` of `catalog/catalog.yaml`"
    hint = f"did you mean `{near[0]}`; {there}" if near else there
    return UserError(f"the catalog has no alias `{alias[:80]}`", hint)


def _require_versions(catalog: Catalog, name: str, deprecated: Deprecated) -> None:
    have = {version.number for version in catalog.versions(name)}
    for number in (number for item in deprecated.versions for number in item if number is not None):
        if number not in have:
            listed = show_ranges(to_ranges(have))
            hint = (
                f"it has {listed}; a range such as `{max(have)}-` holds later ones, too"
                if have
                else ("leave `--versions` out to deprecate all that will come")
            )
            raise UserError(f"`{name}` has no version {number}", hint)


def _require_replacement(catalog: Catalog, reading: Reading, new: Environment) -> None:
    content = catalog.content
    assert new.deprecated is not None
    if new.deprecated.replacement is None:
        return
    name, number = replacement_parts(new.deprecated.replacement)
    found = content.reading(name).environment if name in content.names else None
    environments = {name: found} if found and name != new.name else {}
    for problem in lifecycle_problems(reading, new, environments, content.names, order=(), today=""):
        if problem.code != "deprecated-replacement":
            continue
        if problem.severity == "error":
            raise UserError(problem.message, problem.hint)
        catalog.progress.step(f"warning: {problem.message}")
    if number is not None:
        resolve_reference(catalog, new.deprecated.replacement)
