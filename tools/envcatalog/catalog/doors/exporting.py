"""`export`: an environment at a reference, with all that it inherits, as a file of another tool.

Nothing is built or pulled. Where a format demands addresses, this machine's configuration is asked for them, since
no lock holds any; users and passwords are left out of every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from envcatalog.catalog.doors.export_addresses import (
    channels_of,
    channels_used,
    index_options,
    locate,
    of_this_machine,
)
from envcatalog.catalog.doors.export_image import find_image
from envcatalog.catalog.history.resolve import Resolved
from envcatalog.catalog.lifecycle import refuse_archived_use
from envcatalog.definition.canonical import definition_digest
from envcatalog.formats.outgoing.exporting import FORMATS, Format
from envcatalog.formats.outgoing.flatten import flatten, flatten_locks
from envcatalog.formats.outgoing.leaving import settings as settings_of
from envcatalog.model.draft import Note
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.export import Export, Exported, Left
from envcatalog.model.lock import Lock, LockedImage

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog


def export(
    catalog: OpenCatalog,
    text: str,
    to: str,
    *,
    platform: str | None = None,
    registry: str | None = None,
    with_index: bool = False,
    archived: bool = False,
) -> Export:
    """Export one reference.

    Args:
        to: a name of `formats.outgoing.exporting.FORMATS`.
        platform: only this one; None for all of the environment, where the format can hold several.
        registry: where its images are; the settings' by default.
        with_index: name the package indexes, where the format can do without.
        archived: also what is archived.

    Raises:
        UserError: the reference or the format is none, or the environment is not for the platform.
        Refusal: the lock is stale, or the format has no way to say what the environment is; or it is archived and
            `archived` False.
    """
    chosen = _format(to)
    found = catalog.find(text)
    if not archived:
        refuse_archived_use(catalog.content, found.name, "export")
    chain = found.content.chain(found.name)
    environment = flatten(chain)
    platforms = _platforms(environment, platform, chosen)
    image = find_image(catalog, found, registry) if chosen.image else None
    given = Exported(
        label=_label(found),
        environment=replace(environment, platforms=platforms),
        definition=definition_digest(chain[-1]),
        image=image.reference if image else "",
        unpublished=image.reason if image else "",
        version=image.version if image else found.version.number if found.version else None,
        index=index_options(catalog.workshop.settings) if with_index else (),
    )
    if chosen.lock and not given.image:
        given = _with_locks(found, chain, given)
    located = locate(catalog, catalog.workshop.settings, given.locks, chosen.addresses)
    given = replace(
        given,
        addresses=located.addresses,
        md5=located.md5,
        channels=_channels(catalog, given, chosen),
    )
    written = chosen.write(given)
    return Export(
        environment=found.name,
        label=given.label,
        version=given.version,
        to=to,
        files=written.files,
        notes=_in_order(_note(found, chain, item) for item in (*written.left, *of_this_machine(given))),
    )


def refuse_lost(export: Export) -> None:
    """What `--strict` asks for.

    Raises:
        Refusal: something of the definition is not in the files.
    """
    lost = sum(note.lost for note in export.notes)
    if lost:
        raise Refusal(
            f"`{export.to}` cannot hold {lost} part{'s' if lost != 1 else ''} of `{export.label}`",
            "leave out `--strict`, or choose another format",
        )


def _format(to: str) -> Format:
    if to not in FORMATS:
        raise UserError(f"there is no format `{to[:80]}`", f"there is {', '.join(FORMATS)}")
    return FORMATS[to]


def _label(found: Resolved) -> str:
    if found.version:
        return found.version.reference
    return f"{found.name}@{found.commit[:12]}" if found.commit else found.name


def _platforms(environment: Environment, platform: str | None, chosen: Format) -> tuple[str, ...]:
    there = ", ".join(f"`{name}`" for name in environment.platforms)
    if platform is not None:
        if platform not in environment.platforms:
            raise UserError(f"`{environment.name}` is not for `{platform[:80]}`", f"it is for {there}")
        return (platform,)
    if chosen.one_platform and len(environment.platforms) > 1:
        raise UserError(
            f"a file of the format `{chosen.name}` is for one platform", f"add `--platform`, one of {there}"
        )
    return environment.platforms


def _with_locks(found: Resolved, chain: Sequence[Environment], given: Exported) -> Exported:
    locks: list[Lock] = [found.content.fresh_lock(item.name) for item in chain]
    base = locks[0].base
    return replace(
        given,
        locks=tuple(flatten_locks(locks, platform) for platform in given.environment.platforms),
        base=base if isinstance(base, LockedImage) else None,
    )


def _channels(catalog: OpenCatalog, given: Exported, chosen: Format) -> Mapping[str, str]:
    """Where every channel is, if the format demands it; else where those are that the settings name."""
    settings = catalog.workshop.settings
    used = channels_used(given.environment, given.locks)
    if "conda" not in chosen.addresses:
        used &= {channel.name for channel in settings.channels}
    return channels_of(catalog, settings, used)


def _in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    return tuple(sorted(notes, key=lambda note: (note.file, note.line)))


def _note(found: Resolved, chain: Sequence[Environment], left: Left) -> Note:
    """With the line that it stands in: the environment's own, else of the nearest that it inherits from."""
    owners = [item for item in chain if any(key == left.key for key, _ in settings_of(item))] or [*chain]
    owner = owners[0] if left.key == ("base",) else owners[-1]
    place = found.content.reading(owner.name).problem("", "", left.key)
    return Note(file=place.file, line=place.line, text=left.text, reason=left.reason, lost=left.lost)
