"""Jars of a Spark environment: files of its folder, and files of Maven repositories."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from envcatalog.definition.finding import nearest
from envcatalog.lock.download import GoneError
from envcatalog.lock.maven import SOURCE as MAVEN
from envcatalog.lock.maven import Coordinates, repositories
from envcatalog.lock.pyspark import measure
from envcatalog.model.errors import Refusal
from envcatalog.model.files import MODE_FILE, MODE_PROGRAM, FolderFile
from envcatalog.model.lock import LockedFile

if TYPE_CHECKING:
    from envcatalog.lock.fetch import ArtefactStore
    from envcatalog.lock.work import Work

FOLDER = "folder"


def folder_jars(work: Work) -> tuple[LockedFile, ...]:
    """The jars that the definition names in its folder, sorted by path. Raises Refusal: one is not there."""
    present = {file.path: file for file in work.files}
    found = []
    for path in sorted(set(work.environment.spark.jars if work.environment.spark else ())):
        wrong = jar_problem(path, present, work.environment.name)
        if wrong is not None:
            raise Refusal(*wrong)
        data = present[path].read()
        found.append(
            LockedFile(
                name=path,
                version="",
                file=path.rpartition("/")[2],
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                source=FOLDER,
            )
        )
    return tuple(found)


def jar_problem(path: str, present: Mapping[str, FolderFile], name: str) -> tuple[str, str] | None:
    """A message and a hint where a jar of an environment's folder cannot be taken; it is not read.

    Args:
        present: the folder's files by path.
        name: the environment's.
    """
    if path not in present:
        jars = [known.removesuffix(".jar") for known in present if known.endswith(".jar")]
        near = nearest(path.removesuffix(".jar"), jars)
        return (
            f"the folder of `{name}` has no file `{path}`, which `spark.jars` names",
            f"did you mean `{near}.jar`?"
            if near
            else "paths are relative to the folder of `environment.yaml`, and what Git ignores is not seen",
        )
    if present[path].mode not in (MODE_FILE, MODE_PROGRAM):  # a link's bytes would be its target's name
        return f"`{path}`, which `spark.jars` names, is no plain file", "put the jar itself there"
    return None


def maven_jars(
    work: Work, jars: Sequence[Coordinates], last: Mapping[str, LockedFile]
) -> Iterator[LockedFile]:
    """The entries of jars by coordinates; what the last lock has is kept. Raises Refusal: one is nowhere."""
    for jar in jars:
        keep = last.get(jar.name)
        if (
            keep
            and keep.version == jar.version
            and not work.upgrade
            and jar.name not in work.upgrade_packages
        ):
            yield keep
            continue
        work.progress.step(f"looking up {jar.name}:{jar.version}")
        yield _maven_jar(work, jar)


def _maven_jar(work: Work, jar: Coordinates) -> LockedFile:
    asked = repositories(work.settings)
    for repository in asked:
        try:
            size, sha256 = measure(jar.url(repository), work.settings)
        except GoneError:
            continue
        return LockedFile(
            name=jar.name,
            version=jar.version,
            file=jar.file,
            size=size,
            sha256=sha256,
            source=MAVEN + repository.name,
        )
    told = " and ".join(f"`{repository.name}`" for repository in asked)
    raise Refusal(
        f"there is no jar `{jar.name}:{jar.version}` in the Maven repository {told}",
        "check group, artifact and version of `spark.packages`",
    )


def changed_jar(files: Sequence[FolderFile], locked: Sequence[LockedFile]) -> str | None:
    """The path of a jar of the environment's folder that is no longer the locked one; None where all are."""
    present = {file.path: file for file in files}
    for jar in locked:
        if jar.source == FOLDER:
            file = present.get(jar.name)
            if file is None or hashlib.sha256(file.read()).hexdigest() != jar.sha256:
                return jar.name
    return None


def keep_jars(files: Sequence[FolderFile], locked: Sequence[LockedFile], store: ArtefactStore) -> None:
    """Put the jars of an environment's folder where a builder finds them.

    Raises:
        Refusal: one is gone, or another than the lock says.
    """
    present = {file.path: file for file in files}
    for jar in locked:
        if jar.source != FOLDER or store.has(jar):
            continue
        if jar.name not in present:
            raise Refusal(f"the jar `{jar.name}` is not in the environment's folder")
        store.keep(jar, present[jar.name].read())
