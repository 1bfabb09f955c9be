"""Compiles what comes in, in the interpreter of the image. Run as its own process, never imported.

It runs in whatever Python an image holds, so it uses only what Python 3.8 has and only built-in modules.
Standard output: a greeting of two lines (version, implementation), then answers. Standard input: batches.

    batch  = count, count * (length, path, length, source)
    answer = count * (length, pyc)           length 0: the source does not compile
    count, length = 4 bytes, little-endian

Nothing but the source, its path and the interpreter's version may decide the bytes:
- marshal version 2 writes no reference flags, which depend on reference counts and so on what ran before;
- PYTHONHASHSEED is set by the parent, since before Python 3.11 a frozenset is written in its hash's order.
"""

import sys

sys.path[:1] = []  # with -c this is the working folder

import marshal  # noqa: E402
from _frozen_importlib_external import MAGIC_NUMBER  # noqa: E402

TYPE_CHECKING = False  # the module `typing` would cost more than all the rest
if TYPE_CHECKING:
    from typing import BinaryIO

MARSHAL_VERSION = 2


def read_number(stream: "BinaryIO") -> int:
    """Four bytes; the process ends where the input does."""
    data = stream.read(4)
    if len(data) < 4:
        raise SystemExit(0)
    return int.from_bytes(data, "little")


def version() -> str:
    """The full version, spelt as releases are: ``3.11.2``, ``3.14.0rc1``."""
    major, minor, micro, level, serial = sys.version_info
    suffix = "" if level == "final" else {"alpha": "a", "beta": "b", "candidate": "rc"}[level] + str(serial)
    return f"{major}.{minor}.{micro}{suffix}"


def compiled(source: bytes, path: str, mtime: int) -> bytes:
    """The pyc file, in the form that is checked against the source's time and size; empty on any failure."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        body = marshal.dumps(code, MARSHAL_VERSION)
    except Exception:  # SyntaxError, ValueError, RecursionError, MemoryError ...: as pip, leave it out
        return b""
    numbers = (0, mtime, len(source) & 0xFFFFFFFF)
    return MAGIC_NUMBER + b"".join(number.to_bytes(4, "little") for number in numbers) + body


def main() -> None:
    """Answer batches until the input ends."""
    mtime = int(sys.argv[1])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(f"{version()}\n{sys.implementation.name}\n".encode())
    sink.flush()
    while True:
        batch = []
        for _ in range(read_number(source)):
            path = source.read(read_number(source)).decode()
            batch.append((path, source.read(read_number(source))))
        for path, text in batch:
            pyc = compiled(text, path, mtime)
            sink.write(len(pyc).to_bytes(4, "little") + pyc)
        sink.flush()


main()
