"""The streams of a running container, joined to ours: two pumps, each in a thread of its own."""

from __future__ import annotations

import codecs
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TextIO, cast

CHUNK = 1 << 16
CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Where a command reads and writes; `stdin` is a descriptor, None for nothing to read."""

    stdin: int | None
    stdout: BinaryIO
    stderr: BinaryIO


def binary(stream: TextIO) -> BinaryIO:
    """A text stream for bytes; a notebook's has no buffer below it."""
    buffer: BinaryIO | None = getattr(stream, "buffer", None)
    return buffer if buffer is not None else cast(BinaryIO, _Decoded(stream))


class _Decoded:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> int:
        self._stream.write(self._decoder.decode(data))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


class Attached:
    """The engine's connection to a container's streams. Made before the container starts, so nothing is missed.

    Args:
        unread: called from a thread when nobody reads our stdout or stderr any longer.
    """

    def __init__(
        self, client: Any, name: str, streams: Streams, *, tty: bool, unread: Callable[[], None]
    ) -> None:
        wanted = {"stdout": 1, "stderr": 1, "stream": 1, "stdin": int(streams.stdin is not None)}
        self._raw = client.attach_socket(name, wanted)
        self._socket: socket.socket = getattr(self._raw, "_sock", self._raw)
        self._streams, self._tty, self._unread = streams, tty, unread
        self._end, self._tell = os.pipe()
        self._output = threading.Thread(target=self._pump_output, name="envcat-output", daemon=True)
        self._input: threading.Thread | None = None

    def start(self) -> None:
        """Begin to pump; the container may be started after this."""
        self._output.start()
        if self._streams.stdin is not None:
            # Reads only when there is something to read, so that `close` can end it at any time.
            self._input = threading.Thread(target=self._pump_input, name="envcat-input", daemon=True)
            self._input.start()

    def finish(self, seconds: float) -> bool:
        """Wait for so long until all output has been passed on; whether it has been."""
        self._output.join(seconds)
        return not self._output.is_alive()

    def close(self) -> None:
        """End both pumps and the connection."""
        os.write(self._tell, b"x")
        if self._input is not None:
            self._input.join()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._output.ident is not None:
            self._output.join(CLOSE_SECONDS)  # it may be stuck with a reader who does not read
        self._raw.close()
        with suppress(OSError):
            self._socket.close()
        os.close(self._tell)
        os.close(self._end)

    def _pump_output(self) -> None:
        from docker.utils import socket as frames

        targets = {1: self._streams.stdout, 2: self._streams.stderr}
        with suppress(OSError, ValueError):
            pieces: Iterator[tuple[int, bytes]] = frames.frames_iter(self._raw, self._tty)  # type: ignore[no-untyped-call]
            for number, data in pieces:
                target = targets.get(number)
                if target is None:
                    continue
                try:
                    target.write(data)
                    target.flush()
                except BrokenPipeError:
                    targets.pop(number)
                    self._unread()

    def _pump_input(self) -> None:
        stdin = self._streams.stdin
        assert stdin is not None
        with suppress(OSError):
            while True:
                ready = select.select([stdin, self._end], [], [])[0]
                if self._end in ready:
                    return
                data = os.read(stdin, CHUNK)
                if not data:
                    break
                self._socket.sendall(data)
            # Over TLS only the whole connection can be closed, so there the command sees no end of its input.
            if not isinstance(self._socket, ssl.SSLSocket):
                self._socket.shutdown(socket.SHUT_WR)
