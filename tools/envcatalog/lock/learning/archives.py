"""What an archive says of itself: read from a file at hand, or through a `RangeFile`; nothing is unpacked.

An archive is hostile until proven otherwise: what is read of it is bounded, and only its metadata is inflated.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from envcatalog.formats.archives.conda_archive import CondaArchive
from envcatalog.formats.archives.conda_info import BadConda, parse_license, parse_paths
from envcatalog.formats.archives.deb import BadDeb, DebArchive
from envcatalog.formats.archives.sdist import BadSdist, SourceArchive
from envcatalog.lock.fields import MAX_FILE
from envcatalog.lock.learning.licences import licences_of
from envcatalog.lock.learning.ranges import RangeFile, TooMuchError
from envcatalog.model.lock import Artefact, CondaPackage, Deb, Known, LockedFile, Wheel

ZIPS = (".whl", ".conda")
METADATA_LIMIT = 1024 * 1024
CONDA_INFO_LIMIT = 8 * 1024 * 1024  # of a package of fifty thousand files

_KIB = 1024
_PKG_INFO = "PKG-INFO"
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    OverflowError,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted member; NotImplementedError is one, too
)
_one_at_a_time = Lock()  # of the large parses of several threads


class BadArchiveError(Exception):
    """Nothing can be learnt of the file: it is damaged, hostile, or not what its name says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a file itself says.

    Attributes:
        installed: bytes of its files when unpacked; None where it does not say.
        licences: as `licences_of` gives them.
    """

    installed: int | None = None
    licences: tuple[str, ...] = ()

    def to_known(self) -> Known:
        """What a lock keeps of it."""
        return Known(installed=self.installed, license=next(iter(self.licences), ""))


def read_archive(artefact: Artefact, file: BinaryIO, *, whole: bool = True) -> Learnt:
    """What a locked file says of itself.

    Args:
        file: can be sought in.
        whole: whether all of it may be read; else only what is needed for the licence of a source archive.

    Raises:
        BadArchiveError: it is damaged, or over a limit.
    """
    if isinstance(artefact, Wheel):
        return _wheel(file)
    if isinstance(artefact, CondaPackage):
        return _conda(file)
    if isinstance(artefact, Deb):
        return _deb(file)
    return _source(artefact, file, whole=whole) if artefact.is_project else Learnt(installed=artefact.size)


def read_local(artefact: Artefact, path: Path, *, large: Lock | None = None) -> Learnt:
    """The same of a file on this machine, within the bounds that a remote one has.

    Args:
        large: as that of a `RangeFile`, where several files are read at once.

    Raises:
        BadArchiveError: it is damaged, or over a limit.
        OSError: it is not there, or has not the size that is locked.
    """
    if path.stat().st_size != artefact.size:  # a pipe, too, which would never end
        raise OSError("another size")
    with path.open("rb") as file:
        if not artefact.file.endswith(ZIPS):
            return read_archive(artefact, file)

        def part(start: int, end: int) -> bytes:
            file.seek(start)
            return file.read(end - start)

        with RangeFile(part, artefact.size, large or Lock()) as bounded:
            try:
                return read_archive(artefact, cast(BinaryIO, bounded))
            except TooMuchError:
                raise BadArchiveError("more of it would have to be read than of an honest one") from None


def license_of_conda(path: Path) -> str:
    """What a conda package says itself of its licence, which its channel's record may say otherwise.

    Raises:
        BadArchiveError: it is damaged, or over a limit.
    """
    try:
        with CondaArchive(path, info_limit=CONDA_INFO_LIMIT) as archive:
            return parse_license(archive.info_file("index.json") or b"{}")
    except (BadConda, OSError) as error:
        raise BadArchiveError(str(error)) from None


def installed_of_deb(control: str | None) -> int | None:
    """Bytes by the field ``Installed-Size``, which is in KiB (Debian Policy 5.6.20)."""
    text = (control or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return None
    return _bounded(int(text) * _KIB)


def _wheel(file: BinaryIO) -> Learnt:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            infos = [info for info in members if _is_metadata(info.filename)]
            metadata = _member(archive, infos[0]) if len(infos) == 1 else b""
    except _BAD_ZIP as error:
        raise BadArchiveError(str(error)) from None
    return Learnt(installed=_bounded(sum(info.file_size for info in members)), licences=licences_of(metadata))


def _is_metadata(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder.endswith(".dist-info") and rest == "METADATA"


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not plain or max(info.file_size, info.compress_size) > METADATA_LIMIT:
        raise BadArchiveError("its metadata is too large, or compressed in an unusual way")
    with archive.open(info) as stream:
        return stream.read(METADATA_LIMIT)


def _conda(file: BinaryIO) -> Learnt:
    try:
        with CondaArchive(file, info_limit=CONDA_INFO_LIMIT) as archive:
            data = archive.info_file("paths.json")
        if data is None:
            return Learnt()
        with _one_at_a_time:  # parsed, it takes twenty times its size
            sizes = [entry.size for entry in parse_paths(data) if entry.kind == "file"]
    except (BadConda, OSError) as error:
        raise BadArchiveError(str(error)) from None
    return Learnt(installed=None if None in sizes else _bounded(sum(filter(None, sizes))))


def _deb(file: BinaryIO) -> Learnt:
    try:
        with DebArchive(file) as archive:
            return Learnt(installed=installed_of_deb(archive.control().get("Installed-Size")))
    except (BadDeb, OSError) as error:
        raise BadArchiveError(str(error)) from None


def _source(artefact: LockedFile, file: BinaryIO, *, whole: bool) -> Learnt:
    try:
        with SourceArchive(file, artefact.file) as archive:
            return _all_of(archive) if whole else _licence_of(archive)
    except (BadSdist, OSError) as error:
        raise BadArchiveError(str(error)) from None


def _all_of(archive: SourceArchive) -> Learnt:
    installed = 0
    licences: tuple[str, ...] = ()
    for path, member, content in archive.members():
        installed += member.size
        if path == _PKG_INFO and not licences and member.size <= METADATA_LIMIT:
            licences = licences_of(content.read())
    return Learnt(installed=_bounded(installed), licences=licences)


def _licence_of(archive: SourceArchive) -> Learnt:
    return Learnt(licences=licences_of(archive.texts(_PKG_INFO).get(_PKG_INFO, "").encode()))


def _bounded(size: int) -> int | None:
    return size if 0 <= size <= MAX_FILE else None
