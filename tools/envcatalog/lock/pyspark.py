"""`pyspark`'s source archive: found by uv, which reads nothing of it, and never built.

A source distribution is refused elsewhere because building it runs its code. Apache publishes `pyspark` as one alone,
with nothing to compile in it; uv is told its metadata, so that it need not ask the archive for it.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from envcatalog.formats.archives.sdist import BadSdist, SourceArchive
from envcatalog.lock.addresses import index_arguments
from envcatalog.lock.download import Downloader
from envcatalog.lock.indexes import machine_indexes
from envcatalog.lock.provided import Provided
from envcatalog.lock.urls import credentials_in, local_path
from envcatalog.lock.uv import PROJECT, run_uv, uv_folder
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.settings import Settings

SPARK = "pyspark"

_SECTION = re.compile(r"\[([^\]:]*)(?::([^\]]*))?\]\Z")
_FIELDS = ("Requires-Dist", "Provides-Extra")
_INFO, _REQUIRES = "PKG-INFO", f"{SPARK}.egg-info/requires.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A source archive, and where it is."""

    version: str
    file: str
    url: str
    size: int
    sha256: str


def look_up(wanted: str, index: str, settings: Settings, cache: Path) -> Remote | None:
    """The newest source archive that fits; uv chooses it and reads nothing of it.

    Args:
        wanted: a version specifier.

    Raises:
        UserError: the index cannot be reached.
    """
    with uv_folder(cache) as folder:
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "{PROJECT}"\nversion = "0"\ndependencies = [{json.dumps(SPARK + wanted)}]\n'
            # Metadata that is known beforehand is what keeps uv from building the archive to learn it.
            f'[[tool.uv.dependency-metadata]]\nname = "{SPARK}"\nrequires-dist = []\n'
        )
        options = ["--no-header", f"--python={sys.executable}", "--no-deps", "--universal"]
        options += ["--format=pylock.toml", "--python-version=3.11"]
        arguments = [*options, *index_arguments(index, settings), "pyproject.toml"]
        result = run_uv(["pip", "compile", *arguments], folder)
        if not result.ok and not result.unsatisfiable:
            raise UserError(f"`uv` failed: {result.explanation}", "is the package index reachable? try again")
        return _complete(result.output, folder, settings) if result.ok else None


def provided(path: Path, file: str, version: str) -> Provided:
    """What the solver of wheels must know of the archive, which is read for it.

    Raises:
        Refusal: the archive is malformed.
    """
    try:
        with SourceArchive(path, file) as archive:
            texts = archive.texts(_INFO, _REQUIRES)
    except BadSdist as error:
        raise Refusal(error.message) from None
    requires, extras = _metadata(texts.get(_INFO, ""))
    if not requires:
        requires, extras = _sections(texts.get(_REQUIRES, ""))
    return Provided(name=SPARK, version=version, by="spark", requires=requires, extras=extras)


def _complete(pylock: str, folder: Path, settings: Settings) -> Remote | None:
    import tomllib

    packages = tomllib.loads(pylock).get("packages", [])
    sdist = packages[0].get("sdist") if packages else None
    if not sdist:
        return None
    url = sdist.get("url") or (folder / sdist["path"]).resolve().as_uri()
    size, sha256 = int(sdist.get("size", 0)), str(sdist.get("hashes", {}).get("sha256", ""))
    path = local_path(url)
    if path is not None:
        size = path.stat().st_size
    if not (size and sha256):
        size, sha256 = measure(url, settings)
    return Remote(
        version=str(packages[0]["version"]),
        file=str(sdist.get("name") or url.rpartition("/")[2]),
        url=url,
        size=size,
        sha256=sha256,
    )


def measure(url: str, settings: Settings) -> tuple[int, str]:
    """Size and sha256 of a file that is read once and kept nowhere. Raises GoneError, UserError."""
    named = [index.url for index in settings.indexes] + [url]
    downloader = Downloader(credentials_in([*named, *machine_indexes().credentials]))
    try:
        return downloader.measure(url)
    finally:
        downloader.close()


def _metadata(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Requirements and extras of ``PKG-INFO``."""
    found: dict[str, list[str]] = {name: [] for name in _FIELDS}
    for line in text.partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name].append(value.strip())
    return tuple(found["Requires-Dist"]), tuple(found["Provides-Extra"])


def _sections(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same of setuptools' ``requires.txt``, which older archives have instead: ``[extra:marker]`` and lines."""
    requires, extras, marker = [], [], ""
    for line in filter(None, map(str.strip, text.splitlines())):
        section = _SECTION.match(line)
        if section is None:
            requires.append(line + marker)
            continue
        conditions = [f"({section[2]})"] if section[2] else []
        if section[1]:
            extras.append(section[1])
            conditions.append(f'extra == "{section[1]}"')
        marker = f" ; {' and '.join(conditions)}" if conditions else ""
    return tuple(requires), tuple(extras)
