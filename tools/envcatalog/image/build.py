"""The embedded builder: an image plan becomes layers, manifests and an index, without a daemon or root.

A layer comes from the local cache, else from what the target registry is known to hold, else it is made. What
those to be made need is fetched in a few batches by one thread while others make the layers that can be made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, Protocol

from envcatalog.image.assemble import assemble_image, assemble_platform
from envcatalog.image.cache import LayerCache
from envcatalog.image.codec import BlockGzip, Compressed, check_codec
from envcatalog.image.conda.scripts import unrun_script
from envcatalog.image.conflicts import check_conflicts, meeting
from envcatalog.image.tar import Entry, TarWriter
from envcatalog.model.image import BaseImage, BuiltImage, Layer
from envcatalog.model.lock import Artefact
from envcatalog.model.plan import BaseManifest, ImagePlan, LayerPlan, PlatformPlan, PythonTarget
from envcatalog.model.seams import Artefacts, Bar, Progress

if TYPE_CHECKING:
    from envcatalog.image.bytecode import Compiler

_BATCH = 32 * 1024 * 1024  # bytes to fetch before the first of them are worked on
Check = Callable[[Artefact, Path], None]

_LISTS = 64  # lists of paths held at once; the largest packages have about 5 MB each


class WriteLayer(Protocol):
    """Writes what a layer holds; see `image.layers`."""

    def __call__(self, layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter, /) -> None:
        """Everything but the end of the archive, in order."""


class Builder:
    """Builds images.

    Args:
        cache: the cache folder; layers go below it.
        workers: how many layers are made at once; None means one for each processor.
        write_layer: another writer of contents, in tests.
    """

    def __init__(
        self,
        cache: Path,
        artefacts: Artefacts,
        progress: Progress,
        workers: int | None = None,
        *,
        write_layer: WriteLayer | None = None,
    ) -> None:
        self._folder = cache
        self._cache = LayerCache(cache)
        # Environments share layers; reading a list again for each would be most of an unchanged build.
        self._entries = lru_cache(_LISTS)(self._cache.entries)
        self._artefacts = artefacts
        self._progress = progress
        self._workers = workers or _processors()
        self._write_layer = write_layer or _write_layer

    def cached(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of the layer keys that are in the local cache."""
        return frozenset(key for key in keys if self._cache.find(key))

    def build(
        self,
        plan: ImagePlan,
        *,
        known: Mapping[str, Layer],
        bases: Callable[[BaseManifest], BaseImage],
        check: Check | None = None,
    ) -> BuiltImage:
        """Make what is missing and put the image together.

        Args:
            known: layers that the target registry already holds, by key.
            bases: the base image of one platform.
            check: is given every artefact of a layer that is made, and may refuse it.

        Raises:
            Refusal: an artefact cannot be had or is malformed; two packages hold different files at one path.
            UserError: the installed codec is another one.
        """
        wanted = {layer.key: layer for platform in plan.platforms for layer in platform.layers}
        layers = self._found(wanted, known)
        layers |= self._make(plan, [layer for key, layer in wanted.items() if key not in layers], check)
        layers |= self._make(plan, [wanted[key] for key in self._to_compare(plan, layers)], check)
        for platform in plan.platforms:
            self._check_conflicts(plan.environment, platform)
        self._tell_scripts(layers.values())
        return assemble_image(
            plan,
            [
                assemble_platform(
                    plan,
                    platform,
                    bases(platform.base) if platform.base else None,
                    [layers[layer.key] for layer in platform.layers],
                )
                for platform in plan.platforms
            ],
        )

    def _tell_scripts(self, layers: Iterable[Layer]) -> None:
        """Each time, whoever built the layers: nobody must find out by a program that fails."""
        paths = {claim for layer in layers for claim in layer.claims}
        for said in sorted(filter(None, map(unrun_script, paths))):
            self._progress.step(said)

    def _found(self, wanted: Iterable[str], known: Mapping[str, Layer]) -> dict[str, Layer]:
        found = {}
        for key in wanted:
            local, remote = self._cache.find(key), known.get(key)
            if local and remote and remote.digest == local.digest:
                found[key] = replace(local, repository=remote.repository)
            elif layer := local or remote:
                found[key] = layer
        return found

    def _make(self, plan: ImagePlan, missing: list[LayerPlan], check: Check | None) -> dict[str, Layer]:
        if not missing:
            return {}
        check_codec()
        ordered = sorted(missing, key=_urgency)
        noun = "layer" if len(ordered) == 1 else "layers"
        total = sum(_size(layer) for layer in ordered)
        with (
            self._progress.bar(f"building {len(ordered)} {noun}", total) as bar,
            _Compilers(plan, self._artefacts, self._folder) as compilers,
            _Run(self._workers) as run,
        ):
            jobs: dict[Future[Layer], LayerPlan] = {}
            for batch in _batches(ordered):
                artefacts = tuple(artefact for layer in batch for artefact in layer.artefacts)
                if artefacts:
                    self._artefacts.prefetch(artefacts)
                for layer in batch:
                    compiler = compilers.of(layer.python)
                    jobs[run.layers.submit(self._make_layer, layer, compiler, run, check)] = layer
                _raise_early(jobs)
            return dict(_results(jobs, bar))

    def _make_layer(self, layer: LayerPlan, compiler: Compiler, run: _Run, check: Check | None) -> Layer:
        if check is not None:
            for artefact in layer.artefacts:
                check(artefact, self._artefacts.path(artefact))

        def fill(out: BinaryIO) -> tuple[Compressed, tuple[Entry, ...]]:
            blob = BlockGzip(out, run.blocks)
            try:
                with TarWriter(_Stoppable(blob, run.stopped)) as tar:
                    self._write_layer(layer, self._artefacts, compiler, tar)
                return blob.close(), tar.entries
            finally:
                blob.abandon()

        return self._cache.store(layer.key, fill)

    def _to_compare(self, plan: ImagePlan, layers: Mapping[str, Layer]) -> list[str]:
        """Layers that only a registry holds, but whose claims meet another layer's: their paths must be known."""
        keys: set[str] = set()
        for platform in plan.platforms:
            keys |= meeting({layer.key: layers[layer.key].claims for layer in platform.layers})
        return sorted(key for key in keys if layers[key].path is None and not self._cache.entries(key))

    def _check_conflicts(self, environment: str, platform: PlatformPlan) -> None:
        """Layers whose paths are not known here have no claim in common with any other."""
        # What the plan itself says stands above what lower layers hold: that is what it is for.
        compared = (layer for layer in platform.layers if layer.kind != "files")
        listed = ((layer.title, self._entries(layer.key)) for layer in compared)
        check_conflicts(environment, [(title, entries) for title, entries in listed if entries])


class _Run:
    """The threads of one build. After an error the layers under way stop at their next write."""

    def __init__(self, workers: int) -> None:
        self.stopped = Event()
        self.layers = ThreadPoolExecutor(workers, thread_name_prefix="layer")
        self.blocks = ThreadPoolExecutor(workers, thread_name_prefix="gzip")

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is not None:
            self.stopped.set()
        self.layers.shutdown(cancel_futures=True)
        self.blocks.shutdown(cancel_futures=True)


class _StoppedError(Exception):
    """Another layer failed, and its error is the one to be seen."""


class _Stoppable:
    def __init__(self, out: BlockGzip, stopped: Event) -> None:
        self._out = out
        self._stopped = stopped

    def write(self, data: bytes, /) -> None:
        if self._stopped.is_set():
            raise _StoppedError
        self._out.write(data)


class _Compilers:
    """The compiler of each interpreter; they own processes, which end with the build."""

    def __init__(self, plan: ImagePlan, artefacts: Artefacts, cache: Path) -> None:
        self._plan = plan
        self._artefacts = artefacts
        self._cache = cache
        self._stack = ExitStack()
        self._made: dict[PythonTarget, Compiler] = {}

    def __enter__(self) -> _Compilers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, target: PythonTarget | None) -> Compiler:
        """The compiler for a target; a layer without one gets one that it does not use."""
        from envcatalog.image.bytecode import compiler_for

        python = target or PythonTarget(version="", interpreter="", bytecode="")
        if python not in self._made:
            interpreters = self._plan.bytecode_interpreters
            compiler = compiler_for(python, interpreters, self._artefacts, self._cache)
            self._made[python] = self._stack.enter_context(compiler)
        return self._made[python]


def _write_layer(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter, /) -> None:
    from envcatalog.image.layers import write_layer

    write_layer(layer, artefacts, compiler, tar)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _size(layer: LayerPlan) -> int:
    return sum(artefact.size for artefact in layer.artefacts)


def _urgency(layer: LayerPlan) -> tuple[bool, int, str]:
    """Debian packages first, since the interpreter that compiles is among them; then the heaviest."""
    return layer.kind in ("spark", "wheels"), -_size(layer), layer.key


def _batches(layers: Iterable[LayerPlan]) -> Iterator[list[LayerPlan]]:
    batch: list[LayerPlan] = []
    for layer in layers:
        batch.append(layer)
        if sum(map(_size, batch)) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _raise_early(jobs: Iterable[Future[Layer]]) -> None:
    for job in jobs:
        if job.done():
            job.result()


def _results(jobs: Mapping[Future[Layer], LayerPlan], bar: Bar) -> Iterator[tuple[str, Layer]]:
    for job in as_completed(jobs):
        layer = job.result()
        bar.advance(_size(jobs[job]))
        yield layer.key, layer
