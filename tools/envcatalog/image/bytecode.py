"""Byte code that depends on nothing but the source, its path and the interpreter's full version.

Workers (one per processor) are the image's own interpreter, or one of exactly the same version; see
`interpreters` for how it is found and `bytecode_worker` for what keeps the bytes the same.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Self

from envcatalog.image.compile_process import Crash, Source, Worker
from envcatalog.image.interpreters import commands
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Interpreters
from envcatalog.model.plan import PythonTarget
from envcatalog.model.seams import Artefacts

SOURCE_MAX = 4 * 1024 * 1024  # bytes; the syntax tree of a larger file could take over 300 MB

_BATCH_FILES = 32
_BATCH_BYTES = 512 * 1024
_TEST_FOLDERS = {"test", "tests"}


def has_bytecode(path: str, size: int) -> bool:
    """Whether a file is worth compiling: a module that is neither a test nor enormous."""
    return path.endswith(".py") and size <= SOURCE_MAX and _TEST_FOLDERS.isdisjoint(path.split("/")[:-1])


def pyc_path(path: str, target: PythonTarget) -> str:
    """Where the interpreter looks for a module's byte code (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    tag = "cpython-" + target.version.replace(".", "")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"


class Compiler:
    """Compiles for one interpreter. Nothing is started before the first source comes; threads may share it.

    Use it as a context manager, or call `close`: it owns processes.
    """

    def __init__(
        self,
        target: PythonTarget,
        interpreters: Interpreters,
        artefacts: Artefacts,
        cache: Path,
        *,
        workers: int | None = None,
    ) -> None:
        self.target = target
        self._interpreters = interpreters
        self._artefacts = artefacts
        self._cache = cache
        self._count = workers or _processors()
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._command: tuple[str, ...] | None = None
        self._idle: SimpleQueue[Worker | None] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; call when no `compile` is under way."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        pool.shutdown(cancel_futures=True)
        for _ in range(self._count):
            worker = self._idle.get()
            if worker is not None:
                worker.close()

    def compile(self, sources: Iterable[Source]) -> Iterator[tuple[str, bytes | None]]:
        """Compile files, in order.

        Args:
            sources: absolute path in the image, and the file's bytes; taken as the work goes on, so that only a few
                batches of at most 512 KiB (or one file) are held.

        Yields:
            The path and the bytes of its ``.pyc``; None where the source does not compile.

        Raises:
            Refusal: no interpreter of the version that the lock names can be had, or a file takes too long.
        """
        ahead: deque[tuple[list[Source], Future[list[bytes | None]]]] = deque()
        try:
            for batch in _batches(sources):
                ahead.append((batch, self._workers().submit(self._run, batch)))
                if len(ahead) > 2 * self._count:
                    yield from _answers(*ahead.popleft())
            while ahead:
                yield from _answers(*ahead.popleft())
        finally:
            for _, future in ahead:
                future.cancel()

    def _workers(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._idle = SimpleQueue()
                self._idle.put(self._first_worker())
                for _ in range(self._count - 1):
                    self._idle.put(None)  # started when needed
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="compile")
            return self._pool

    def _first_worker(self) -> Worker:
        """Start the first interpreter that is the right one."""
        for command in commands(self.target, self._interpreters, self._artefacts, self._cache):
            worker = Worker.start(command)
            if worker is None:
                continue
            if worker.version == self.target.bytecode and worker.implementation == "cpython":
                self._command = command
                return worker
            worker.close()
        version = self.target.bytecode
        raise Refusal(
            f"no Python {version} is here to compile for this environment",
            f"run `uv python install {version}`, or `envcat lock` to take another version",
        )

    def _run(self, batch: list[Source]) -> list[bytes | None]:
        try:
            return self._once(batch)
        except Crash:
            # The compiler itself fell over one of these files; pip's would have, too. Find it, keep the others.
            return [self._alone(source) for source in batch]

    def _alone(self, source: Source) -> bytes | None:
        try:
            return self._once([source])[0]
        except Crash:
            return None

    def _once(self, batch: list[Source]) -> list[bytes | None]:
        worker = self._idle.get()
        try:
            if worker is None:
                assert self._command is not None
                worker = Worker.start(self._command)
                if worker is None:
                    raise Refusal(f"`{self._command[0]}` could not be started again")
            answers = worker.compile(batch)
        except BaseException:
            if worker is not None:
                worker.close()
            worker = None
            raise
        finally:
            self._idle.put(worker)
        return answers


def compiler_for(
    target: PythonTarget,
    interpreters: Interpreters,
    artefacts: Artefacts,
    cache: Path,
) -> Compiler:
    """A compiler for the interpreter of an image; it costs nothing until it is used.

    Args:
        interpreters: for each platform a builder may run on, the Debian packages with exactly that interpreter.
        cache: interpreters are unpacked below it.
    """
    return Compiler(target, interpreters, artefacts, cache)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size = 0
    for source in sources:
        if batch and (len(batch) == _BATCH_FILES or size + len(source[1]) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(source)
        size += len(source[1])
    if batch:
        yield batch


def _answers(batch: list[Source], future: Future[list[bytes | None]]) -> Iterator[tuple[str, bytes | None]]:
    for (path, _), answer in zip(batch, future.result(), strict=True):
        yield path, answer
