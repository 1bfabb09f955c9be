"""A layer that an engine made, written anew so that its bytes follow from what the image holds, as far as they can.

Members are sorted, times fixed and owners numbers; logs are emptied, and caches that differ each time are left
out. Whiteouts, links, devices, owners, modes and extended attributes stay as they are.

A ``.pyc`` names the time of its source, which becomes another one here: where the two belonged together they still do
afterwards, or Python would compile each of them at every start. Source: PEP 552, "Specification".
"""

from __future__ import annotations

import io
import re
import tarfile
from contextlib import suppress
from typing import IO

from envcatalog.image.tar import MTIME, Sink
from envcatalog.model.errors import Refusal

WHITEOUT = ".wh."
_CHUNK = 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE
_XATTR = "SCHILY.xattr."
_PYC = re.compile(r"(?P<folder>.*/)?__pycache__/(?P<name>[^/]+)\.cpython-[0-9]+(?:\.opt-[0-9])?\.pyc\Z")

# Made again by the programs that they belong to, and different each time.
_DROPPED = re.compile(
    r"var/cache/apt/[^/]*\.bin|var/cache/apt/archives/.*\.deb|var/lib/apt/lists/.*|var/cache/ldconfig/aux-cache"
    r"|var/cache/debconf/[^/]*-old|var/lib/dpkg/[^/]*-old|(?:root|home/[^/]+)/\.cache/(?:pip|uv|conda)/.*"
)
_EMPTIED = re.compile(r"var/log/.*")


class Sources:
    """Times of the Python sources that were normalised, over all layers of an image so far."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def learn(self, path: str, time: float) -> None:
        """A source of an own layer, and the time that its byte code was made for."""
        self._times[path] = int(time) & 0xFFFFFFFF

    def time(self, path: str) -> int | None:
        """Of a source by its path; None for one that was not normalised."""
        return self._times.get(path)

    def adapt(self, path: str, header: bytes) -> bytes:
        """The first 16 bytes of a ``.pyc`` for the fixed time, where it belongs to its source."""
        source = _source(path)
        if source is None or len(header) < 16 or header[4:8] != bytes(4):
            return header
        time = self.time(source)
        if time is None or header[8:12] != time.to_bytes(4, "little"):
            return header
        return header[:8] + MTIME.to_bytes(4, "little") + header[12:]


def _source(path: str) -> str | None:
    """Of a ``.pyc`` the path of its source; None for another file."""
    match = _PYC.match(path)
    return f"{match['folder'] or ''}{match['name']}.py" if match else None


def times_below(layer: IO[bytes], sources: Sources) -> dict[str, int]:
    """All that the normal form of an uncompressed layer takes from the own layers below it.

    Returns:
        By path, the times of sources there that byte code of this layer may belong to.
    """
    with suppress(tarfile.ReadError), tarfile.open(fileobj=layer, mode="r:") as archive:
        members = _members(archive)
        wanted = {source for path in members if (source := _source(path)) is not None}
        below = {path for path in wanted if path not in members or not members[path].isreg()}
        return {path: time for path in sorted(below) if (time := sources.time(path)) is not None}
    return {}


def learn_sources(layer: IO[bytes], sources: Sources) -> None:
    """Only what later layers must know of an uncompressed layer; nothing of one that cannot be read."""
    with suppress(tarfile.ReadError), tarfile.open(fileobj=layer, mode="r:") as archive:
        _learn(_members(archive), sources)


def write_normal(layer: IO[bytes], out: Sink, sources: Sources) -> None:
    """Write an uncompressed layer in its normal form.

    Raises:
        Refusal: it is no tar, or has a member that leads out of the image.
    """
    try:
        with tarfile.open(fileobj=layer, mode="r:") as archive:
            members = _members(archive)
            _learn(members, sources)
            _write(archive, members, out, sources)
    except tarfile.ReadError as error:
        if layer.seek(0, io.SEEK_END) == 0:  # a step that changed nothing
            out.write(bytes(2 * _BLOCK))
            return
        raise Refusal(f"the engine gave a layer that cannot be read: {error}") from error


def _learn(members: dict[str, tarfile.TarInfo], sources: Sources) -> None:
    for path, member in members.items():
        if member.isreg() and path.endswith(".py"):
            sources.learn(path, member.mtime)


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """By path, sorted; of two of one name the last counts, as it does for whoever unpacks the layer."""
    found = {}
    for member in archive:
        path = member.name.removeprefix("./").strip("/")
        if not path or path == ".":
            continue
        if ".." in path.split("/"):
            raise Refusal(f"the engine gave a layer with the path `{path[:100]}`")
        found[path] = member
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _is_whiteout(path: str) -> bool:
    return path.rpartition("/")[2].startswith(WHITEOUT)


def _order(path: str) -> list[tuple[bool, str]]:
    # Whiteouts come before the files beside them. Source: OCI image specification, "Whiteouts".
    return [(not part.startswith(WHITEOUT), part) for part in path.split("/")]


def _write(
    archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], out: Sink, sources: Sources
) -> None:
    first: dict[str, str] = {}  # of several names of one file, the one that is written with its content
    for path, member in members.items():
        target = _target(member, members)
        if member.isreg() and _DROPPED.fullmatch(path) and not _is_whiteout(path):
            continue
        if target is None:
            _entry(out, path, member)
        elif target not in first:
            first[target] = path
            content = members.get(target)
            if content is None or not content.isreg():  # a link to what another layer holds
                _entry(out, path, member)
            else:
                _file(archive, out, path, content, sources)
        else:
            link = archive.tarinfo(path)
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, first[target], member.mode
            link.uid, link.gid = member.uid, member.gid
            _entry(out, path, link)
    out.write(bytes(2 * _BLOCK))


def _target(member: tarfile.TarInfo, members: dict[str, tarfile.TarInfo]) -> str | None:
    """The path that stands for a file's content; None for what has none."""
    if member.isreg():
        return member.name.removeprefix("./").strip("/")
    if not member.islnk():
        return None
    path = member.linkname.removeprefix("./").strip("/")
    seen = set()
    while (next_one := members.get(path)) is not None and next_one.islnk() and path not in seen:
        seen.add(path)
        path = next_one.linkname.removeprefix("./").strip("/")
    return path


def _file(archive: tarfile.TarFile, out: Sink, path: str, member: tarfile.TarInfo, sources: Sources) -> None:
    size = 0 if _EMPTIED.fullmatch(path) else member.size
    _entry(out, path, member, size)
    if not size:
        return
    stream = archive.extractfile(member)
    assert stream is not None, "it is a regular file"
    with stream:
        out.write(sources.adapt(path, stream.read(16)))
        while chunk := stream.read(_CHUNK):
            out.write(chunk)
    out.write(bytes(-size % _BLOCK))


def _entry(out: Sink, path: str, member: tarfile.TarInfo, size: int = 0) -> None:
    """One header, with a pax header before it where the plain one has no room."""
    records = {
        key.encode("utf-8", "surrogateescape"): value.encode("utf-8", "surrogateescape")
        for key, value in member.pax_headers.items()
        if key.startswith(_XATTR)
    }
    name = path + "/" if member.isdir() else path
    info = tarfile.TarInfo(_plain(name, b"path", records))
    info.type = tarfile.REGTYPE if member.isreg() and not member.islnk() else member.type
    info.size, info.mtime, info.mode = size, MTIME, member.mode & 0o7777
    if member.issym() or member.islnk():
        info.linkname = _plain(member.linkname, b"linkpath", records)
    info.devmajor, info.devminor = member.devmajor, member.devminor
    for field, value, limit in (("uid", member.uid, 8**7), ("gid", member.gid, 8**7), ("size", size, 8**11)):
        if value >= limit:
            records[field.encode()] = b"%d" % value
            value = 0
        setattr(info, field, value)
    if records:
        data = b"".join(_record(key, value) for key, value in sorted(records.items()))
        extended = tarfile.TarInfo("PaxHeaders/" + info.name[:80].rstrip("/"))
        extended.type, extended.size, extended.mtime = tarfile.XHDTYPE, len(data), MTIME
        out.write(extended.tobuf(tarfile.USTAR_FORMAT, "ascii", "replace"))
        out.write(data + bytes(-len(data) % _BLOCK))
    out.write(info.tobuf(tarfile.USTAR_FORMAT, "ascii", "replace"))


def _plain(text: str, field: bytes, records: dict[bytes, bytes]) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if len(data) <= tarfile.LENGTH_NAME and text.isascii():
        return text
    records[field] = data
    return text.encode("ascii", "replace").decode()[: tarfile.LENGTH_NAME]


def _record(key: bytes, value: bytes) -> bytes:
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)
