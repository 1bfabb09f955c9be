"""The layer codec: gzip members of 1 MiB of input each, by libdeflate, one after the other.

A member knows nothing of the one before, so blocks are compressed in parallel and no stream is ever held
whole. Several members in one file are valid gzip (RFC 1952, 2.2).

The bytes must follow from the input and from `CODEC` alone, never from the CPU. Why that holds for libdeflate
1.25, which ``deflate`` 0.9.0 carries: its compressor looks at no CPU feature at run time. Only
`lib/adler32.c`, `lib/crc32.c` and `lib/deflate_decompress.c` choose code by CPU, and a checksum is the same
by any code. The vector code of the compressor (`lib/{x86,arm,riscv}/matchfinder_impl.h`) is chosen when it is
compiled and replaces two loops of `lib/matchfinder_common.h`: one fills a table, one subtracts 32768 with
saturation; both are exact integer arithmetic. The hash is a 32-bit multiplication of a value read as
little-endian, and a match's length is the number of equal bytes whatever the word size. zlib-ng and ISA-L,
for contrast, hash by CPU instructions.

`check_codec` compresses a sample before the first layer is made, since a distribution may have linked
``deflate`` to another libdeflate under the same version.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from envcatalog.model.errors import UserError

if TYPE_CHECKING:  # `plan` needs `CODEC` alone, and the import of an executor takes 20 ms
    from concurrent.futures import Executor, Future

DEFLATE = "0.9.0"
LEVEL = 1
BLOCK = 1024 * 1024
CODEC = f"gzip;deflate={DEFLATE};level={LEVEL};block={BLOCK}"

_SAMPLE_SHA256 = "419042f5c10f3c40a0ea52b0424ebca80287a4fe4908f09f54b2cdd306e84ba0"
_AHEAD = 4  # blocks under way at once: at most 8 MiB for one layer, in and out


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What came out: digests in the OCI spelling, size of the compressed bytes."""

    diff_id: str
    digest: str
    size: int


class BlockGzip:
    """Takes a tar in pieces of any size and writes its compressed form to `out`.

    Args:
        out: gets the compressed bytes in order, from the thread that calls `write`.
        pool: compresses blocks ahead; None compresses each at once. Never the pool that the caller itself
            runs in: with all of its threads waiting for blocks no block would ever be compressed.

    Raises:
        UserError: the installed ``deflate`` gives other bytes than the one the layers are made with.
    """

    def __init__(self, out: BinaryIO, pool: Executor | None = None) -> None:
        check_codec()
        self._out = out
        self._pool = pool
        self._buffer = bytearray()
        self._ahead: deque[Future[bytes]] = deque()
        self._tar = hashlib.sha256()
        self._blob = hashlib.sha256()
        self._size = 0
        self._is_empty = True

    def write(self, data: bytes, /) -> None:
        """More of the tar."""
        self._buffer += data
        if len(self._buffer) < BLOCK:
            return
        with memoryview(self._buffer) as view:
            whole = len(view) - len(view) % BLOCK
            for start in range(0, whole, BLOCK):
                self._block(bytes(view[start : start + BLOCK]))
        del self._buffer[:whole]

    def close(self) -> Compressed:
        """Write what is left; call once, when the tar is complete."""
        if self._buffer or self._is_empty:
            self._block(bytes(self._buffer))
        while self._ahead:
            self._put(self._ahead.popleft().result())
        return Compressed(
            diff_id="sha256:" + self._tar.hexdigest(),
            digest="sha256:" + self._blob.hexdigest(),
            size=self._size,
        )

    def abandon(self) -> None:
        """Forget the blocks under way, after an error."""
        for block in self._ahead:
            block.cancel()
        self._ahead.clear()

    def _block(self, data: bytes) -> None:
        self._is_empty = False
        if self._pool is None:
            self._put(compress_block(data))
        else:
            self._ahead.append(self._pool.submit(compress_block, data))
        self._tar.update(data)
        while len(self._ahead) >= _AHEAD:
            self._put(self._ahead.popleft().result())

    def _put(self, member: bytes) -> None:
        self._blob.update(member)
        self._size += len(member)
        self._out.write(member)


def compress_block(data: bytes) -> bytes:
    """One gzip member. Its header holds no time and no system: both fields are fixed by libdeflate."""
    import deflate

    return bytes(deflate.gzip_compress(data, LEVEL))


@cache
def check_codec() -> None:
    """Whether this machine makes the bytes that `CODEC` stands for.

    Raises:
        UserError: another version of ``deflate``, or one that is built on another libdeflate.
    """
    import deflate

    hint = f"run `pip install deflate=={DEFLATE}` to install the one that layers are made with"
    if deflate.__version__ != DEFLATE:
        raise UserError(
            f"layers are compressed by `deflate` {DEFLATE} but {deflate.__version__} is installed", hint
        )
    if hashlib.sha256(compress_block(sample())).hexdigest() != _SAMPLE_SHA256:
        raise UserError(f"the installed `deflate` {DEFLATE} gives other bytes than its release does", hint)


def sample() -> bytes:
    """160 KiB with short and long matches, literals and more than one 32 KiB window."""
    noise = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(256))
    lines = b"".join(b"def function_%d(value):\n    return value * %d\n" % (n, n * n) for n in range(1000))
    return b"".join((noise, lines, bytes(40000), noise[:4000], lines[:50000]))
