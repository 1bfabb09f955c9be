"""An image to a registry: blobs, then configurations and manifests, then the index. No tag is touched.

The order makes the index's presence mean that all is there, so an unchanged image costs one HEAD request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX, MEDIA_MANIFEST, BuiltImage, BuiltPlatform, Layer
from envcatalog.model.seams import Progress, Registry, Repository
from envcatalog.registry.errors import BlobUnknown
from envcatalog.registry.memory import Memory
from envcatalog.registry.source import Sources

PARALLEL = 4

Outcome = Literal["uploaded", "mounted", "present"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push did.

    Attributes:
        uploaded, mounted, present: numbers of blobs, configurations included.
        bytes_uploaded: of blobs.
        requests: to the registry, by HTTP method, sorted; empty for a folder.
    """

    uploaded: int = 0
    mounted: int = 0
    present: int = 0
    bytes_uploaded: int = 0
    requests: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    """A layer, or a configuration with its bytes."""

    digest: str
    size: int
    layer: Layer | None = None
    data: bytes = b""


def push_image(
    registry: Registry, repository: Repository, image: BuiltImage, *, progress: Progress
) -> PushReport:
    """Push by digest.

    Raises:
        UserError: the registry cannot be reached or refuses, or a layer can be copied from nowhere.
    """
    # A registry of another making, as in tests, has no memory of ours.
    memory = getattr(registry, "memory", None) or Memory()
    before = Counter(memory.requests)
    done: dict[str, tuple[Outcome, int]] = {}
    # A folder is not asked so shortly: looking at each file costs nothing, and mends what somebody removed.
    if memory.host is None or repository.head(image.digest) != image.digest:
        push = _Push(repository, memory, Sources(memory.scratch))
        try:
            done = push.blobs(image, progress)
            push.manifests(image)
        finally:
            push.sources.close()
    else:
        done = {blob.digest: ("present", blob.size) for blob in _blobs(image.platforms)}
    return _report(done, memory.requests - before)


class _Push:
    def __init__(self, repository: Repository, memory: Memory, sources: Sources) -> None:
        self.repository = repository
        self.memory = memory
        self.sources = sources
        self._asked = Counter[bool]()

    def blobs(self, image: BuiltImage, progress: Progress) -> dict[str, tuple[Outcome, int]]:
        """All blobs, the largest first, some at a time."""
        blobs = sorted(_blobs(image.platforms), key=lambda blob: -blob.size)
        total = sum(blob.size for blob in blobs)
        with progress.bar(f"push {image.environment}", total) as bar:

            def one(blob: _Blob) -> tuple[str, tuple[Outcome, int]]:
                outcome = self._blob(blob)
                self.memory.saw(blob.digest, self.repository.name)
                bar.advance(blob.size)
                return blob.digest, (outcome, blob.size)

            return dict(_parallel(one, blobs))

    def manifests(self, image: BuiltImage) -> None:
        """Manifests by digest, then the index; what a registry lost after all is sent again, once."""
        for item in image.platforms:
            self._manifest(item)
        try:
            self.repository.put_manifest(image.index, MEDIA_INDEX)
        except BlobUnknown:
            for item in image.platforms:
                self._manifest(item)
            self.repository.put_manifest(image.index, MEDIA_INDEX)

    def _manifest(self, item: BuiltPlatform) -> None:
        try:
            self.repository.put_manifest(item.manifest, MEDIA_MANIFEST)
        except BlobUnknown as error:
            # After a cancelled push, HEAD may say of a blob that it is there, and the manifest is refused.
            named = [blob for blob in _blobs([item]) if blob.digest in error.digests]
            for blob in named or _blobs([item]):
                self.memory.forget(blob.digest, self.repository.name)
                self._upload(blob)
            self.repository.put_manifest(item.manifest, MEDIA_MANIFEST)

    def _blob(self, blob: _Blob) -> Outcome:
        if self.memory.host is None:
            return self._to_folder(blob)
        places = self._places(blob)
        if self.repository.name in places:
            return "present"
        mount_first = bool(places) and self._looks_new()
        if not mount_first and self._has(blob):
            return "present"
        if any(self.repository.mount_blob(blob.digest, place) for place in places[:2]):
            return "mounted"
        if mount_first and self._has(blob):
            return "present"
        self._upload(blob)
        return "uploaded"

    def _has(self, blob: _Blob) -> bool:
        found = self.repository.has_blob(blob.digest)
        self._asked[found] += 1
        return found

    def _looks_new(self) -> bool:
        """Whether asking before mounting is likely in vain. A mount costs a registry three times a HEAD."""
        return self._asked[False] >= PARALLEL and not self._asked[True]

    def _to_folder(self, blob: _Blob) -> Outcome:
        # Nothing later refuses a manifest whose blobs are missing, so what is known is not relied on.
        if self.repository.has_blob(blob.digest):
            return "present"
        self._upload(blob)
        return "uploaded"

    def _places(self, blob: _Blob) -> tuple[str, ...]:
        """Repositories that hold the blob, the likeliest first."""
        layer = blob.layer
        known = [layer.repository] if layer and layer.repository else []
        base = self.sources.mount_path(layer.source, self.memory.host) if layer and layer.source else None
        return tuple(dict.fromkeys([*known, *self.memory.places(blob.digest), *([base] if base else [])]))

    def _upload(self, blob: _Blob) -> None:
        layer = blob.layer
        if layer is None:
            self.repository.put_blob(blob.digest, blob.data)
        elif layer.path is not None:
            self.repository.put_blob(blob.digest, layer.path)
        elif layer.source is not None:
            with self.sources.copy(layer.source, blob.digest, blob.size) as path:
                self.repository.put_blob(blob.digest, path)
        else:
            message = f"layer `{blob.digest}` of `{self.repository.name}` is no longer in the registry"
            raise UserError(message, "build the image again, then publish it")


def _blobs(platforms: Iterable[BuiltPlatform]) -> list[_Blob]:
    """Each blob once; platforms may share layers."""
    found: dict[str, _Blob] = {}
    for item in platforms:
        for layer in item.layers:
            held = found.get(layer.digest)
            if held is None or (held.layer is not None and held.layer.path is None):
                found[layer.digest] = _Blob(digest=layer.digest, size=layer.size, layer=layer)
        digest = sha256_digest(item.config)
        found[digest] = _Blob(digest=digest, size=len(item.config), data=item.config)
    return list(found.values())


def _parallel(
    work: Callable[[_Blob], tuple[str, tuple[Outcome, int]]], blobs: list[_Blob]
) -> list[tuple[str, tuple[Outcome, int]]]:
    """Results in order; the first error stops what has not begun."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="push") as pool:
        tasks = [pool.submit(work, blob) for blob in blobs]
        try:
            return [task.result() for task in tasks]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _report(done: dict[str, tuple[Outcome, int]], requests: Counter[str]) -> PushReport:
    count = Counter(outcome for outcome, _ in done.values())
    return PushReport(
        uploaded=count["uploaded"],
        mounted=count["mounted"],
        present=count["present"],
        bytes_uploaded=sum(size for outcome, size in done.values() if outcome == "uploaded"),
        requests=tuple(sorted(requests.items())),
    )
