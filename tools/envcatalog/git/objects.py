"""Objects by id, through one long-lived `git cat-file --batch`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from envcatalog.git.process import GitProcesses, Result, end, failure
from envcatalog.model.errors import UserError

# So many ids fit a pipe (64 KiB on Linux, 16 KiB on macOS): neither side ever waits for the other.
_WINDOW = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GitObject:
    """One object.

    Attributes:
        kind: ``blob``, ``tree``, ``commit`` or ``tag``; ``missing`` only where that was asked for.
        size: of the whole object, in bytes.
        data: the first bytes of it, at most the reader's limit plus one.
    """

    id: str
    kind: str
    size: int
    data: bytes


class ObjectReader:
    """Reads objects; starts its process at the first use, and again after `close`."""

    def __init__(self, processes: GitProcesses) -> None:
        self._processes = processes
        self._running: Any = None

    def read_many(self, ids: Iterable[str], *, limit: int, missing_too: bool = False) -> Iterator[GitObject]:
        """The objects in the order of the ids (full hexadecimal ids only).

        An object over `limit` bytes comes cut off after `limit` + 1 of them; the rest is not read.

        Raises:
            UserError: an object is broken, or it is missing and not `missing_too`.
        """
        remaining = iter(ids)
        while window := list(islice(remaining, _WINDOW)):
            for found in self._read_window(window, limit):
                if found.kind == "missing" and not missing_too:
                    raise _missing(found.id)
                yield found

    def read(self, object_id: str, *, limit: int, missing_too: bool = False) -> GitObject:
        """One object; the same rules. Also ``<id>:<path>``, with a path of plain letters and without white space.

        What is found has the object's own id, what is missing the one that was asked for.
        """
        (found,) = self.read_many((object_id,), limit=limit, missing_too=missing_too)
        return found

    def close(self) -> None:
        """End the process."""
        if self._running is not None:
            end(self._running.proc)
            self._running = None

    def _read_window(self, window: list[str], limit: int) -> Iterator[GitObject]:
        while window:
            self._ask(window)
            in_step = False
            try:
                for position, object_id in enumerate(window, start=1):
                    found = self._answer(object_id, limit)
                    if found.size > limit:
                        # Reading on could take minutes: drop this process and ask for the rest again.
                        self.close()
                        yield found
                        window = window[position:]
                        break
                    in_step = position == len(window)
                    yield found
                else:
                    return
                in_step = True
            finally:
                if not in_step:  # given up in the middle: answers are still on their way
                    self.close()

    def _ask(self, ids: list[str]) -> None:
        if self._running is None:
            self._running = self._processes.start("cat-file", "--batch")
        pipe = self._running.proc.stdin
        try:
            pipe.write("".join(f"{object_id}\n" for object_id in ids).encode("ascii"))
            pipe.flush()
        except BrokenPipeError:
            raise self._broken() from None

    def _answer(self, object_id: str, limit: int) -> GitObject:
        pipe = self._running.proc.stdout
        header = pipe.readline().split()
        if len(header) != 3:
            if header[1:] == [b"missing"]:
                return GitObject(id=object_id, kind="missing", size=0, data=b"")
            raise self._broken()
        size = int(header[2])
        data = pipe.read(min(size, limit + 1))
        if size <= limit:
            pipe.read(1)  # the line end after each object
            if len(data) != size:
                raise self._broken()
        return GitObject(id=header[0].decode(), kind=header[1].decode(), size=size, data=data)

    def _broken(self) -> UserError:
        process = self._running.proc
        try:
            code = process.wait(timeout=5)
            message = process.stderr.read().decode(errors="replace").strip()
        finally:
            self.close()
        return failure(Result(code=code, out=b"", err=message), ("cat-file",))


def _missing(object_id: str) -> UserError:
    return UserError(f"object `{object_id}` is missing from the repository", "run `git fsck`")
