"""A Git pack and its index, written directly: a large history in a minute, where `git fast-import` takes ten.

Sources: gitformat-pack(5) for both files, and for the instructions of a delta.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_OFS_DELTA = 6
_INSERT = 127  # the most bytes of one insert instruction

Copy = tuple[int, int]  # (offset, length) in the base


class PackWriter:
    """Writes `pack-<checksum>.pack` and `.idx` into a folder. SHA-1 repositories only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "tmp_pack"
        self._file = self._path.open("w+b")
        self._offset = 12
        self._entries: dict[bytes, tuple[int, int]] = {}
        self._file.write(b"PACK" + struct.pack(">II", 2, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, kind: str, data: bytes | bytearray) -> bytes:
        """An object; its id in 20 bytes. The same object twice is written once."""
        object_id = object_id_of(kind, data)
        if object_id not in self._entries:
            self._write(object_id, KINDS[kind], len(data), b"", data)
        return object_id

    def add_delta(
        self, kind: str, data: bytes | bytearray, base: bytes, base_size: int, delta: bytes
    ) -> bytes:
        """An object, stored as a delta to one that was added before; `data` only gives its id."""
        object_id = object_id_of(kind, data)
        if object_id not in self._entries:
            instructions = _size(base_size) + _size(len(data)) + delta
            back = _offset(self._offset - self._entries[base][0])
            self._write(object_id, _OFS_DELTA, len(instructions), back, instructions)
        return object_id

    def finish(self) -> None:
        """Write the count, the checksum and the index."""
        self._file.seek(8)
        self._file.write(struct.pack(">I", len(self._entries)))
        self._file.seek(0)
        checksum = hashlib.file_digest(self._file, "sha1").digest()
        self._file.seek(0, 2)
        self._file.write(checksum)
        self._file.close()
        name = f"pack-{checksum.hex()}"
        (self._folder / f"{name}.idx").write_bytes(self._index(checksum))
        self._path.rename(self._folder / f"{name}.pack")

    def _write(
        self, object_id: bytes, code: int, size: int, reference: bytes, data: bytes | bytearray
    ) -> None:
        entry = _header(code, size) + reference + zlib.compress(data, 1)
        self._entries[object_id] = (self._offset, zlib.crc32(entry))
        self._file.write(entry)
        self._offset += len(entry)

    def _index(self, checksum: bytes) -> bytes:
        ids = sorted(self._entries)
        counts = [0] * 256
        for object_id in ids:
            counts[object_id[0]] += 1
        fanout, total = [], 0
        for count in counts:
            total += count
            fanout.append(total)
        assert self._offset < 1 << 31
        found = [self._entries[object_id] for object_id in ids]
        data = b"\377tOc" + struct.pack(">I", 2) + struct.pack(">256I", *fanout) + b"".join(ids)
        data += struct.pack(f">{len(ids)}I", *(crc for _, crc in found))
        data += struct.pack(f">{len(ids)}I", *(offset for offset, _ in found)) + checksum
        return data + hashlib.sha1(data).digest()


def object_id_of(kind: str, data: bytes | bytearray) -> bytes:
    """What Git calls the object, in 20 bytes."""
    digest = hashlib.sha1(f"{kind} {len(data)}\0".encode())
    digest.update(data)
    return digest.digest()


def delta_of(parts: Iterable[Copy | bytes]) -> bytes:
    """The instructions of a delta: copies from the base and new bytes, in the order of the result."""
    return b"".join(_copy(*part) if isinstance(part, tuple) else _insert(part) for part in parts)


def _copy(offset: int, length: int) -> bytes:
    assert length < 1 << 24
    if not length:
        return b""
    flags, operands = 0x80, b""
    for bit, byte in enumerate(offset.to_bytes(4, "little") + length.to_bytes(3, "little")):
        if byte:
            flags |= 1 << bit
            operands += bytes((byte,))
    # A length of exactly 64 KiB has no byte that is its own; Git takes none for that.
    return bytes((flags,)) + operands


def _insert(data: bytes) -> bytes:
    pieces = (data[start : start + _INSERT] for start in range(0, len(data), _INSERT))
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)


def _header(code: int, size: int) -> bytes:
    byte, size = (code << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 127, size >> 7
    out.append(byte)
    return bytes(out)


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _offset(number: int) -> bytes:
    out = [number & 127]
    while number := number >> 7:
        number -= 1
        out.append(number & 127 | 0x80)
    return bytes(reversed(out))
