"""Lock Spark: `pyspark`'s source archive and jars, which the image's builder only puts in their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.lock.addresses import recall, remember
from envcatalog.lock.jars import folder_jars, keep_jars, maven_jars
from envcatalog.lock.maven import SOURCE as MAVEN
from envcatalog.lock.maven import Coordinates, address
from envcatalog.lock.named import DEFAULT_INDEX, check_index, index_of
from envcatalog.lock.pyspark import SPARK, look_up
from envcatalog.model.digest import Json, json_digest
from envcatalog.model.environment import Spark
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import LockedFile
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.lock.fetch import ArtefactStore
    from envcatalog.lock.work import Work

INDEX = "index:"
PART = "files"


def lock_files(work: Work, store: ArtefactStore) -> tuple[tuple[LockedFile, ...], str | None]:
    """The archive (unless the parent has it) and the jars, sorted by name: the same for every platform.

    Returns:
        The files, and the digest of what they follow from; None where there are none to lock.

    Raises:
        Refusal: there is no such version, or no such jar, in any of the places.
        UserError: a place cannot be reached.
    """
    spark = work.environment.spark
    if spark is None:
        return (), None
    jars = folder_jars(work)
    digest = _digest(work, spark, jars)
    last = (
        {file.name: file for item in work.previous.platforms for file in item.files} if work.previous else {}
    )
    if last and work.unchanged(PART, digest, list(last)):
        return tuple(last[name] for name in sorted(last)), digest
    found = list(jars)
    if not inherited(work):
        found.append(_archive(work, spark.version, last.get(SPARK)))
    if spark.packages:
        found += maven_jars(work, [Coordinates.of(text) for text in spark.packages], last)
    keep_jars(work.files, jars, store)
    return tuple(sorted(found, key=lambda file: file.name)), digest


def _digest(work: Work, spark: Spark, jars: Sequence[LockedFile]) -> str:
    """Of what Spark's files follow from."""
    value: dict[str, Json] = {
        "version": None if inherited(work) else spark.version,
        "packages": sorted(spark.packages),
        "jars": {jar.name: jar.sha256 for jar in jars},
    }
    return json_digest(value)


def inherited(work: Work) -> LockedFile | None:
    """The archive of the parent environment."""
    platforms = work.parent.platforms if work.parent else ()
    return next((file for item in platforms for file in item.files if file.name == SPARK), None)


def file_places(file: LockedFile, settings: Settings, cache: Path) -> tuple[str, ...]:
    """Addresses of a locked file; none for a jar of a folder, which is kept when it is locked or built.

    Raises:
        Refusal: its index or repository is unknown, or may not serve it.
        UserError: the index cannot be reached.
    """
    if file.source.startswith(MAVEN):
        return (address(file, settings),)
    if not file.source.startswith(INDEX):
        return ()
    check_index(file.name, file.source.removeprefix(INDEX), settings)
    known = recall(cache, file.sha256)
    return ask_again(file, settings, cache) if known is None else (known,)


def ask_again(file: LockedFile, settings: Settings, cache: Path) -> tuple[str, ...]:
    """Where the index has the file now, whatever is remembered. Raises UserError: it cannot be reached."""
    if not file.source.startswith(INDEX):
        return ()
    found = look_up(f"=={file.version}", file.source.removeprefix(INDEX), settings, cache)
    if found is None or found.file != file.file:
        return ()
    remember(cache, [(file.sha256, found.url)])
    return (found.url,)


def _archive(work: Work, version: str, last: LockedFile | None) -> LockedFile:
    wanted = f"=={version}.*" if version.count(".") == 1 else f"=={version}"
    keep = last if last and not work.upgrade and SPARK not in work.upgrade_packages else None
    if keep is not None and (keep.version == version or keep.version.startswith(f"{version}.")):
        return keep
    work.progress.step(f"looking up {SPARK}{wanted}")
    index = index_of(SPARK, work.settings)
    name = index.name if index else DEFAULT_INDEX
    found = look_up(wanted, name, work.settings, work.cache)
    if found is None:
        raise Refusal(
            f"there is no source archive of `{SPARK}{wanted}` in the index `{name}`",
            "see which versions of `pyspark` it has, and set `spark.version`",
        )
    remember(work.cache, [(found.sha256, found.url)])
    return LockedFile(
        name=SPARK,
        version=found.version,
        file=found.file,
        size=found.size,
        sha256=found.sha256,
        source=INDEX + name,
    )
