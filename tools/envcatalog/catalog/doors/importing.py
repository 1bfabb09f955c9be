"""`new NAME --from`: a definition made of someone else's file, folder or image."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from envcatalog.catalog.create import new_path, write_new
from envcatalog.definition.reader import read_environment
from envcatalog.definition.text.foreign import MAX_BYTES, refusal
from envcatalog.definition.writing.template import render_environment
from envcatalog.formats.incoming.importing import (
    check_options,
    detect,
    detect_folder,
    importer_of,
    read_foreign,
)
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.errors import ProblemsFound, Refusal, UserError
from envcatalog.model.imported import Imported, NotWhole
from envcatalog.model.problem import Problem

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog

IMAGE = "image"
IMAGE_PREFIX = "image:"
DOCKERFILE = "dockerfile"
MAX_NAMES = 200_000


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files of a folder of this machine; nothing outside of it is read, whatever links say."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """See `model.draft.Files`."""
        if not _is_inside(path):
            return None
        place = self.root / path
        try:
            if not place.resolve().is_relative_to(self.root.resolve()):
                return None
            return read_file(place)
        except (OSError, RuntimeError, ValueError):
            return None

    def names(self, folder: str) -> tuple[str, ...]:
        """See `model.draft.Files`; links to folders are not followed."""
        if not _is_inside(folder):
            return ()
        found: list[str] = []
        top = self.root / folder
        if not top.resolve().is_relative_to(self.root.resolve()):
            return ()
        for place, _, files in os.walk(top):
            below = Path(place).relative_to(top)
            found += [(below / file).as_posix() for file in files]
            if len(found) > MAX_NAMES:
                raise Refusal(f"`{top}` holds more than {MAX_NAMES} files")
        return tuple(sorted(found))


def _is_inside(path: str) -> bool:
    return (
        "\0" not in path and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    )


def _nothing_there(path: Path, source: str) -> UserError:
    hint = "an image is named `HOST/PATH:TAG` or `oci:DIR:TAG`"
    try:
        if path.exists():
            return UserError(f"`{source}` is neither a file nor a folder", "name a file or a folder")
        near = difflib.get_close_matches(path.name, sorted(item.name for item in path.parent.iterdir()), n=1)
    except (OSError, ValueError):
        near = []
    if near:
        hint = f"did you mean `{path.with_name(near[0]).name}`?"
    return UserError(f"there is no file or folder `{source}`", hint)


def read_file(path: Path) -> bytes:
    """A regular file, of a size that is read.

    Raises:
        OSError: there is none, or it is no file.
        Refusal: it is too large.
    """
    # Not to wait for a pipe that nobody writes to.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError(path)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise refusal(str(path), 0, f"the file has more than {MAX_BYTES} bytes")
    return data


def import_environment(
    catalog: OpenCatalog,
    source: str,
    wanted: Wanted,
    *,
    kind: str | None = None,
    strict: bool = False,
    context: str | None = None,
) -> Imported:
    """Write `catalog/<name>/environment.yaml` from a file, a folder or an image.

    Args:
        source: a path, or an image's reference.
        wanted: what is asked for whatever the source says; its channels are filled in here.
        kind: what the source is; None to find out.
        strict: refuse to leave anything out.
        context: the folder that a Dockerfile is built with; None for its own.

    Raises:
        UserError: there is no such source, kind or folder, or the environment exists.
        Refusal: the source cannot be read.
        NotWhole: with `strict`, something cannot be carried over. In all cases nothing was written.
    """
    root = catalog.repository.root
    relative = new_path(root, wanted.name)
    draft, files = read_source(catalog, source, _knowing_channels(catalog, wanted), kind, context)
    lost = [note for note in draft.notes if note.lost]
    done = Imported(environment=wanted.name, path=relative, notes=draft.notes)
    if strict and lost:
        raise NotWhole(replace(done, path=""))
    # Whoever reads the definition knows the file by its name, and not where it was on this machine.
    named = [replace(note, file=PurePosixPath(note.file).name) for note in lost]
    text = render_environment(draft.environment, named).encode()
    problems = read_environment(text, relative, folder=wanted.name).problems
    if problems:
        raise _not_valid(problems, draft, source)
    beside = {place: _copied(files, path) for place, path in draft.copies.items()}
    beside |= {place: made.encode() for place, made in draft.texts.items()}
    programs = {place for place, path in draft.copies.items() if os.access(files.root / path, os.X_OK)}
    write_new(root, wanted.name, text, beside, programs=programs)
    return done


def read_source(
    catalog: OpenCatalog, source: str, wanted: Wanted, kind: str | None, context: str | None = None
) -> tuple[Draft, FolderFiles]:
    """What a source says, whatever it is, and the folder that it speaks of; see `import_environment`."""
    path = Path(source)
    root = catalog.repository.root
    if kind == IMAGE or (kind is None and not path.exists() and _looks_like_image(source)):
        from envcatalog.catalog.doors.importing_image import read_image

        return read_image(catalog, source.removeprefix(IMAGE_PREFIX), wanted), FolderFiles(root)
    if kind is not None:
        importer_of(kind)
    if path.is_dir():
        return _read_folder(path, source, wanted, kind)
    try:
        data = read_file(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise _nothing_there(path, source) from None
    origin = source.replace(os.sep, "/")
    if context is not None:
        return _read_with_context(path, origin, data, wanted, kind, context)
    files = FolderFiles(path.parent)
    return read_foreign(origin, data, files, wanted, kind), files


def _read_with_context(
    path: Path, origin: str, data: bytes, wanted: Wanted, kind: str | None, context: str
) -> tuple[Draft, FolderFiles]:
    """A Dockerfile whose `COPY` sees another folder than its own."""
    from envcatalog.formats.incoming.docker.read_dockerfile import read_built

    importer = importer_of(kind) if kind else detect(origin, data)
    if importer.kind != DOCKERFILE:
        message = f"`--context` says nothing about a file of the type `{importer.kind}`"
        raise UserError(message, "leave it out")
    check_options(wanted, importer.kind, importer.takes)
    folder = Path(context)
    if not folder.is_dir():
        raise UserError(
            f"there is no folder `{context}`", "`--context` names the folder that `docker build` gets"
        )
    files = FolderFiles(folder)
    inside = path.resolve().is_relative_to(folder.resolve())
    below = path.resolve().relative_to(folder.resolve()).as_posix() if inside else ""
    return read_built(data, origin, files, wanted, path=below), files


def _knowing_channels(catalog: OpenCatalog, wanted: Wanted) -> Wanted:
    """With the names that channels have here, and how this machine makes an address of any other name."""
    from rattler import Channel

    from envcatalog.lock.conda.condarc import machine_configuration

    machine = machine_configuration()
    known = {name: f"{url.rstrip('/')}/{name}" for name, url in machine.custom.items()}
    known |= {channel.name: channel.url for channel in catalog.content.settings.channels}
    aliases = [Channel("x").base_url.rstrip("/").removesuffix("x")]
    aliases += [f"{machine.alias.rstrip('/')}/"] if machine.alias else []
    return replace(wanted, channels=known, channel_aliases=tuple(aliases))


def _copied(files: FolderFiles, path: str) -> bytes:
    data = files.read(path)
    if data is None:
        raise Refusal(f"`{path}` cannot be read")
    return data


def _read_folder(path: Path, source: str, wanted: Wanted, kind: str | None) -> tuple[Draft, FolderFiles]:
    files = FolderFiles(path)
    importer = importer_of(kind) if kind else detect_folder(files)
    if importer is None or not importer.marker:
        raise Refusal(
            f"`{source}` is a folder, and neither a conda environment nor an Azure ML one",
            "name the file in it that says what the environment is",
        )
    data = files.read(importer.marker)
    if data is None and importer is not detect_folder(files):
        raise Refusal(f"`{source}` has no `{importer.marker}`, so it is no `{importer.kind}`")
    origin = f"{source.replace(os.sep, '/').rstrip('/')}/{importer.marker}"
    return read_foreign(origin, data or b"", files, wanted, importer.kind), files


def _looks_like_image(source: str) -> bool:
    from envcatalog.definition.references import image_error

    return source.startswith(("oci:", IMAGE_PREFIX)) or image_error(source) is None


def _not_valid(problems: tuple[Problem, ...], draft: Draft, source: str) -> Refusal:
    """The first problem, at the line of the source that it comes from."""
    problem = problems[0]
    line = problem.source.strip()
    found = [text for text in draft.places if text in line or text in problem.message]
    # A line of its own tells more than a word in some line, and a long word more than a short one.
    found.sort(key=lambda text: (line.startswith((f"{text}:", f"- {text}", f'- "{text}')), len(text)))
    if found:
        file, number = draft.places[found[-1]]
        return refusal(file, number, problem.message, problem.hint)
    if draft.places:
        return refusal(source, 0, problem.message, problem.hint)
    return ProblemsFound(problems)
