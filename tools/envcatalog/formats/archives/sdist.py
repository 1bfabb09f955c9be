"""Source archives of Python packages (``NAME-VERSION.tar.gz``), read and never built: no code of theirs runs.

Source: the "source distribution format" of the PyPA specifications: one folder ``NAME-VERSION`` at the top with
``PKG-INFO`` in it. An archive is hostile until proven otherwise, and may hold files and folders only.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self

from envcatalog.formats.archives.inflate import BadStream, open_inflated
from envcatalog.formats.archives.tar_strict import StrictInfo, StrictTar, open_strict

DATA_LIMIT = 4 << 30
TEXT_LIMIT = 4 << 20

_SUFFIX = ".tar.gz"


class BadSdist(Exception):
    """The file is no source archive, or one that no honest tool would have made."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SourceArchive:
    """One source archive, opened for reading.

    Args:
        source: the file, or where it is.
        file: its file name, which need not be that of `source`.

    Raises:
        BadSdist: by the constructor and by `members`.
        OSError: the file cannot be read.
    """

    def __init__(self, source: Path | BinaryIO, file: str) -> None:
        if not file.endswith(_SUFFIX):
            raise BadSdist(f"`{file}` is no `{_SUFFIX}` archive")
        self._file = file
        self._top = file.removesuffix(_SUFFIX)
        self._stream: BinaryIO = source.open("rb") if isinstance(source, Path) else source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def members(self) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes]]]:
        """The regular files in the archive's order: the path below the top folder, the header and the content.

        A content must be read before the next one is asked for.
        """
        with self._tar() as tar:
            for member in tar:
                top, _, rest = member.name.removeprefix("./").partition("/")
                if member.isdir():
                    continue
                if not member.isreg():
                    raise BadSdist(
                        f"`{self._file}` holds something that is neither a file nor a folder: `{member.name[:200]}`"
                    )
                if top != self._top or not rest:
                    raise BadSdist(
                        f"`{self._file}` holds `{member.name[:200]}` outside its folder `{self._top}`"
                    )
                content = tar.extractfile(member)
                assert content is not None
                yield rest, member, content

    def texts(self, *names: str) -> dict[str, str]:
        """Some of its text files, by path below the top folder; those that are not there are left out."""
        found: dict[str, str] = {}
        for path, member, content in self.members():
            if path in names and path not in found:
                found[path] = read_text(self._file, path, member, content)
            if len(found) == len(names):
                break
        return found

    def _tar(self) -> tarfile.TarFile:
        size = self._stream.seek(0, 2)
        self._stream.seek(0)
        try:
            inflated = open_inflated(self._stream, ".gz", stored=size, limit=DATA_LIMIT)
            return open_strict(inflated, _Tar, _Info, self._damaged)
        except BadStream as error:
            raise self._damaged(error) from None
        except tarfile.TarError as error:
            raise BadSdist(f"`{self._file}` holds a damaged tar: {error}") from None

    def _damaged(self, error: BadStream) -> BadSdist:
        return BadSdist(f"`{self._file}`: {error.message}")


def read_text(file: str, path: str, member: tarfile.TarInfo, content: IO[bytes]) -> str:
    """A small text file of an archive. Raises BadSdist where it is too large, or no UTF-8."""
    if member.size > TEXT_LIMIT:
        raise BadSdist(f"`{path}` in `{file}` is larger than {TEXT_LIMIT >> 20} MiB")
    try:
        return content.read().decode()
    except UnicodeDecodeError:
        raise BadSdist(f"`{path}` in `{file}` is not UTF-8") from None


def _failed(what: str) -> BadSdist:
    return BadSdist(f"the source archive holds {what}")


class _Info(StrictInfo):
    failed = staticmethod(_failed)


class _Tar(StrictTar):
    failed = staticmethod(_failed)
