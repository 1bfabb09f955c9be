"""A package's placeholder for its prefix becomes the real one, in text and in binary files, as a stream.

Rules as conda and rattler have them ("Making packages relocatable" in conda-build's documentation): in text all
occurrences are replaced and the file's length changes; in a binary file each string that ends with a NUL is padded
with NULs to its old length, so that nothing after it moves. A first line that Linux would cut off is led through `sh`
where it starts Python, else through `env`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envcatalog.image.tar import Source
from envcatalog.image.tree import pieces, read_exactly
from envcatalog.model.errors import Refusal

SHEBANG_MAX = 127  # bytes; Linux before 5.1 cuts off the rest (binfmt_script.c)
STRING_MAX = 64 * 1024 * 1024  # bytes without a NUL in a binary file, the most that is held

_FIRST_LINE = 64 * 1024
_PYTHON = re.compile(rb"/python(\d+(\.\d+)?)?\Z")
_SHEBANG = re.compile(rb"#! *(?P<program>/(?:\\ |[^ \n\r\t])*)(?P<rest>.*)\Z", re.DOTALL)


def replace_text(stream: Source, old: bytes, new: bytes) -> Iterator[bytes]:
    """The stream with every `old` replaced."""
    start = read_exactly(stream, _FIRST_LINE)
    # A "line" that is longer than any is none.
    if start.startswith(b"#!") and (b"\n" in start or len(start) < _FIRST_LINE):
        line, newline, start = start.partition(b"\n")
        yield _first_line(line, old, new) + newline
    tail = start
    for piece in pieces(stream):
        whole, tail = _split(tail, old, new)
        yield whole
        tail += piece
    yield tail.replace(old, new)


def replace_binary(stream: Source, old: bytes, new: bytes) -> Iterator[bytes]:
    """The stream, as long as before, with `old` replaced in every string.

    Raises:
        Refusal: the new prefix does not fit into the place of the old one, or there is a string without an end.
    """
    if len(new) > len(old):
        raise Refusal(f"its placeholder has room for {len(old)} bytes, and the prefix has {len(new)}")
    tail = b""
    for piece in pieces(stream):
        tail += piece
        end = tail.rfind(b"\0") + 1
        if end:
            yield _strings(tail[:end], old, new)
            tail = tail[end:]
        elif len(tail) > STRING_MAX:
            raise Refusal(f"it holds {STRING_MAX} bytes and more without an end of a string")
    yield _strings(tail, old, new)


def _first_line(line: bytes, old: bytes, new: bytes) -> bytes:
    line = line.replace(old, new)
    found = _SHEBANG.match(line)
    if len(line) <= SHEBANG_MAX or found is None:
        return line
    program, rest = found["program"], found["rest"]
    if _PYTHON.search(program):
        # A shell starts Python with the file; Python then sees a string where the shell saw its command.
        return b"#!/bin/sh\n'''exec' \"" + program + b'"' + rest + b' "$0" "$@" #' + b"'''"
    return b"#!/usr/bin/env " + program.rpartition(b"/")[2] + rest


def _split(data: bytes, old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """What can be written, replaced, and the end in which an occurrence may have begun."""
    out = []
    done = 0
    while (start := data.find(old, done)) >= 0:
        out += [data[done:start], new]
        done = start + len(old)
    cut = max(done, len(data) - len(old) + 1)
    return b"".join([*out, data[done:cut]]), data[cut:]


def _strings(data: bytes, old: bytes, new: bytes) -> bytes:
    out = []
    done = 0
    while (start := data.find(old, done)) >= 0:
        end = data.find(b"\0", start)
        end = len(data) if end < 0 else end
        fresh = data[start:end].replace(old, new)
        out += [data[done:start], fresh, bytes(end - start - len(fresh))]
        done = end
    return b"".join([*out, data[done:]])
