"""The codec: golden bytes, valid gzip, whatever the pieces and threads, and never by another library."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deflate
import pytest

from envcatalog.image import codec
from envcatalog.image.codec import BLOCK, BlockGzip, Compressed
from envcatalog.image.tar import TarWriter
from envcatalog.model.errors import UserError

SAMPLE = "419042f5c10f3c40a0ea52b0424ebca80287a4fe4908f09f54b2cdd306e84ba0"


def compressed(pieces: Iterator[bytes], pool: ThreadPoolExecutor | None = None) -> tuple[bytes, Compressed]:
    out = io.BytesIO()
    gzipped = BlockGzip(out, pool)
    for piece in pieces:
        gzipped.write(piece)
    result = gzipped.close()
    return out.getvalue(), result


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.fixture(scope="module")
def data() -> bytes:
    return (codec.sample() * 21)[: 3 * BLOCK + 12345]


def test_the_codec_says_what_decides_its_bytes() -> None:
    assert codec.CODEC == "gzip;deflate=0.9.0;level=1;block=1048576"


def test_the_bytes_are_these() -> None:
    assert hashlib.sha256(codec.compress_block(codec.sample())).hexdigest() == SAMPLE
    member = "1f8b08000000000004ff012100deff" + (b"envcatalog " * 3).hex() + "fb15657821000000"
    assert codec.compress_block(b"envcatalog " * 3).hex() == member


@pytest.mark.parametrize("features", ["", "avx2", "avx512bw,avx512vl,avx2,avx,bmi2,pclmulqdq,ssse3,sse2"])
def test_the_bytes_do_not_depend_on_the_processors_features(features: str) -> None:
    # libdeflate reads this variable only when built for tests; elsewhere it changes nothing and is harmless.
    code = "from envcatalog.image import codec as c, codec; import hashlib; "
    code += "print(hashlib.sha256(c.compress_block(c.sample())).hexdigest())"
    environment = {**os.environ, "LIBDEFLATE_DISABLE_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == SAMPLE


def test_the_output_is_gzip_and_its_digests_are_right(data: bytes) -> None:
    out, result = compressed(pieces_of(data, 100_000))
    assert gzip.decompress(out) == data
    assert result == Compressed(
        diff_id="sha256:" + hashlib.sha256(data).hexdigest(),
        digest="sha256:" + hashlib.sha256(out).hexdigest(),
        size=len(out),
    )


def test_the_output_depends_neither_on_pieces_nor_on_threads(data: bytes) -> None:
    once, result = compressed(iter([data]))
    with ThreadPoolExecutor(3) as pool:
        for size in (511, BLOCK - 1, BLOCK, 2 * BLOCK + 7):
            assert compressed(pieces_of(data, size), pool) == (once, result)
            assert compressed(pieces_of(data, size)) == (once, result)


@pytest.mark.parametrize("size", [0, 1, BLOCK, 2 * BLOCK])
def test_there_is_no_empty_member_after_the_last_block(size: int) -> None:
    expected = codec.compress_block(bytes(min(size, BLOCK))) * max(1, size // BLOCK)
    assert compressed(iter([bytes(size)]))[0] == expected
    with ThreadPoolExecutor(1) as pool:
        assert compressed(iter([bytes(size)]), pool)[0] == expected


def test_few_blocks_are_held_however_slow_the_pool_is() -> None:
    with ThreadPoolExecutor(1) as pool:
        gzipped = BlockGzip(io.BytesIO(), pool)
        for _ in range(20):
            gzipped.write(bytes(BLOCK))
            assert len(gzipped._ahead) < 4
            assert len(gzipped._buffer) < BLOCK
        gzipped.close()


def test_a_large_file_is_never_held(tmp_path: Path) -> None:
    size = 96 * BLOCK

    class Stream:
        left = size

        def read(self, count: int, /) -> bytes:
            count = min(count, self.left)
            self.left -= count
            return bytes(count)

    with ThreadPoolExecutor(2) as pool, (tmp_path / "blob").open("wb") as out:
        codec.check_codec()
        tracemalloc.start()
        try:
            blob = BlockGzip(out, pool)
            with TarWriter(blob) as tar:
                tar.file("large", size, Stream())
            blob.close()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 12 * BLOCK


@pytest.fixture
def unchecked() -> Iterator[None]:
    codec.check_codec.cache_clear()
    yield
    codec.check_codec.cache_clear()


def test_another_version_is_an_error(monkeypatch: pytest.MonkeyPatch, unchecked: None) -> None:
    monkeypatch.setattr(deflate, "__version__", "0.8.1")
    with pytest.raises(UserError) as raised:
        BlockGzip(io.BytesIO())
    assert raised.value.message == "layers are compressed by `deflate` 0.9.0 but 0.8.1 is installed"
    assert raised.value.hint == (
        "run `pip install deflate==0.9.0` to install the one that layers are made with"
    )
    assert raised.value.exit_code == 2


def test_the_same_version_on_another_library_is_an_error(
    monkeypatch: pytest.MonkeyPatch, unchecked: None
) -> None:
    monkeypatch.setattr(deflate, "gzip_compress", lambda data, level: gzip.compress(data, 9, mtime=0))
    with pytest.raises(UserError) as raised:
        BlockGzip(io.BytesIO())
    assert raised.value.message == "the installed `deflate` 0.9.0 gives other bytes than its release does"
