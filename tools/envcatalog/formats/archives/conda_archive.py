"""Conda packages (``.conda`` and ``.tar.bz2``) as a stream of members; nothing is unpacked.

Sources: conda's "Package specification": a ``.conda`` is a zip of stored members, ``pkg-*.tar.zst`` and
``info-*.tar.zst``; a ``.tar.bz2`` is one tar of both. A package is hostile until proven otherwise: each name, link and
size is checked before it is handed on, so that whoever writes the members down can leave no folder of theirs.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Self, cast

from envcatalog.formats.archives.conda_info import BadConda, CondaInfo, parse_info, shown
from envcatalog.formats.archives.conda_names import Names
from envcatalog.formats.archives.inflate import open_inflated
from envcatalog.formats.archives.tar_strict import StrictInfo, StrictTar, open_strict

EXPANSION_MAX = 200  # times the stored size; the densest real packages stay below 60
EXPANSION_FREE = 512 << 20  # bytes that any package may expand to
INFO_LIMIT = (
    64 << 20
)  # bytes of all files below ``info/`` that are kept; the largest `paths.json` have some ten MB

_ZIP_MEMBERS = 64
_LOCAL_HEADER = 30
_INFO = "info/"
# Tests, recipes and the like are of no use to an installation and may be large.
_INFO_KEPT = frozenset(
    {"index.json", "paths.json", "link.json", "about.json", "files", "has_prefix", "no_link"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a package holds at one path.

    Attributes:
        path: relative, without empty, ``.`` or ``..`` components.
        target: of a symbolic link, as it stands there; of a hard link, the path of a file that came before.
        content: of a file; to be read before the next member is asked for.
    """

    path: str
    kind: Literal["file", "symlink", "hardlink", "directory"]
    executable: bool = False
    size: int = 0
    target: str = ""
    content: BinaryIO | None = None


class CondaArchive:
    """One package file, opened for reading.

    Args:
        source: the file, or where it is; its first bytes say the format, since a store may call it what it likes.
        info_limit: bytes of all files below ``info/`` that are kept at most.

    Raises:
        BadConda: by the constructor and by every method, when the file is no such archive, or a hostile one.
        OSError: the file cannot be read.
    """

    def __init__(self, source: Path | BinaryIO, *, info_limit: int | None = None) -> None:
        self._info_files: dict[str, bytes] = {}
        self._info_left = INFO_LIMIT if info_limit is None else info_limit
        self._seen_info = False
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        try:
            self._size = self._file.seek(0, 2)
            self._content, self._about = self._parts()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; contents of members end with it."""
        self._file.close()

    def info(self) -> CondaInfo:
        """What the package says of itself; of a ``.tar.bz2`` cheap only after `members` came to its end."""
        if not self._seen_info:
            for _ in self._walk(self._about or self._content):
                pass
        return parse_info(self._info_files)

    def info_file(self, name: str) -> bytes | None:
        """A file below ``info/``, such as `paths.json`; no more is read than it takes. None where there is none.

        In a ``.tar.bz2`` they mostly come first.
        """
        if name not in self._info_files and not self._seen_info:
            for _ in self._walk(self._about or self._content):
                if name in self._info_files:
                    break
        return self._info_files.get(name)

    def members(self) -> Iterator[Member]:
        """All that is to be installed, in the archive's order; one pass."""
        yield from self._walk(self._content)

    def _walk(self, part: _Part) -> Iterator[Member]:
        names = Names()
        with self._tar(part) as tar:
            for entry in tar:
                member = self._member(tar, entry, names)
                if member is None:
                    continue
                is_info = member.path.startswith(_INFO)
                if is_info and part is (self._about or self._content):
                    self._keep(member)
                elif not is_info and part is self._content:
                    yield member
        self._seen_info |= self._about is None or part is self._about

    def _keep(self, member: Member) -> None:
        name = member.path.removeprefix(_INFO)
        if name not in _INFO_KEPT or name in self._info_files or self._seen_info:
            return
        if member.content is None:
            raise BadConda(f"`{member.path}` is no file")
        self._info_left -= member.size
        if self._info_left < 0:
            raise BadConda(f"`{member.path}` is too large")
        self._info_files[name] = member.content.read()

    def _member(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, names: Names) -> Member | None:
        path = entry.name.removeprefix("./").rstrip("/")
        if entry.isdir() and path in ("", "."):
            return None
        if entry.isdir():
            names.folder(path)
            return Member(path=path, kind="directory")
        if entry.issym():
            names.add(path, "symlink")
            names.check_target(path, entry.linkname)
            return Member(path=path, kind="symlink", target=entry.linkname)
        if entry.islnk():
            target = entry.linkname.removeprefix("./")
            if names.kinds.get(target) != "file":
                raise BadConda(
                    f"`{shown(path)}` is another name of `{shown(target)}`, which is no file before it"
                )
            names.add(path, "hardlink")
            return Member(path=path, kind="hardlink", target=target)
        if not entry.isreg():
            raise BadConda(f"`{shown(path)}` is a device or a pipe")
        names.add(path, "file")
        content = cast(BinaryIO, tar.extractfile(entry))
        return Member(
            path=path, kind="file", executable=bool(entry.mode & 0o111), size=entry.size, content=content
        )

    def _parts(self) -> tuple[_Part, _Part | None]:
        self._file.seek(0)
        magic = self._file.read(4)
        if magic[:3] == b"BZh":
            return _Part(offset=0, size=self._size, suffix=".bz2"), None
        if magic != b"PK\3\4":
            raise BadConda("the file is neither a zip (`.conda`) nor compressed by bzip2 (`.tar.bz2`)")
        try:
            with zipfile.ZipFile(self._file) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError, EOFError):
            raise BadConda("the file is no zip file, or a damaged one") from None
        if len(infos) > _ZIP_MEMBERS:
            raise BadConda(f"the file holds over {_ZIP_MEMBERS} members")
        return self._part(infos, "pkg-"), self._part(infos, "info-")

    def _part(self, infos: list[zipfile.ZipInfo], start: str) -> _Part:
        found = [one for one in infos if one.filename.startswith(start) and one.filename.endswith(".tar.zst")]
        if len(found) != 1:
            raise BadConda(f"the file holds {len(found)} members `{start}*.tar.zst` and not one")
        info = found[0]
        if (
            info.compress_type != zipfile.ZIP_STORED
            or info.flag_bits & 1
            or info.compress_size != info.file_size
        ):
            raise BadConda(f"`{shown(info.filename)}` is compressed once more, or encrypted")
        self._file.seek(max(info.header_offset, 0))  # of a damaged zip it may be negative
        header = self._file.read(_LOCAL_HEADER)
        if len(header) != _LOCAL_HEADER or header[:4] != b"PK\3\4":
            raise BadConda("the file is no zip file, or a damaged one")
        name = self._file.read(int.from_bytes(header[26:28], "little"))
        # Two names for one member are how a zip shows one content to a scanner and another to an installer.
        if name != info.filename.encode():
            raise BadConda("the file is no zip file, or a damaged one")
        offset = self._file.seek(int.from_bytes(header[28:30], "little"), 1)
        if offset + info.file_size > self._size:
            raise BadConda("the file is cut off")
        return _Part(offset=offset, size=info.file_size, suffix=".zst")

    def _tar(self, part: _Part) -> tarfile.TarFile:
        self._file.seek(part.offset)
        limit = max(EXPANSION_FREE, EXPANSION_MAX * part.size)
        stream = open_inflated(self._file, part.suffix, stored=part.size, limit=limit)
        return open_strict(stream, _Tar, _Info, lambda error: BadConda(error.message, error.hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Where a compressed tar lies in the file."""

    offset: int
    size: int
    suffix: str


def _failed(what: str) -> BadConda:
    return BadConda(f"the package holds {what}")


class _Info(StrictInfo):
    failed = staticmethod(_failed)


class _Tar(StrictTar):
    failed = staticmethod(_failed)
