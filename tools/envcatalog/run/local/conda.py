"""Conda prefixes of locked packages on this machine, installed by the conda library itself.

Scripts of packages are not run, as in an image.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.formats.archives.conda_archive import CondaArchive
from envcatalog.formats.archives.conda_info import BadConda
from envcatalog.lock.conda.loop import wait
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.seams import Artefacts, Progress

if TYPE_CHECKING:
    from rattler import RepoDataRecord


def make_prefix(
    folder: Path, cache: Path, packages: Sequence[CondaPackage], artefacts: Artefacts, progress: Progress
) -> None:
    """Make `folder`/env with the packages.

    Args:
        cache: where unpacked packages are kept; environments share them by hard links.

    Raises:
        UserError: the library refuses.
        Refusal: a package is damaged, or as `Artefacts.path`.
    """
    from rattler import install

    artefacts.prefetch(tuple(packages))
    many = "1 conda package" if len(packages) == 1 else f"{len(packages)} conda packages"
    progress.step(f"making an environment of {many}")
    with tempfile.TemporaryDirectory(prefix=".conda-", dir=folder) as scratch:
        records = [_record(package, artefacts.path(package), Path(scratch)) for package in packages]
        try:
            wait(
                install(
                    records,
                    folder / "env",
                    cache_dir=cache / "conda",
                    show_progress=False,
                    execute_link_scripts=False,
                )
            )
        except Exception as error:
            raise UserError(
                f"the conda packages were not installed: {error}", "run with `--on docker`, or try again"
            ) from error


def _record(package: CondaPackage, path: Path, scratch: Path) -> RepoDataRecord:
    """What the library installs from: the file itself, under its own name."""
    from rattler import PackageRecord, RepoDataRecord

    place = scratch / package.subdir
    place.mkdir(exist_ok=True)
    (place / package.file).symlink_to(path)
    try:
        with CondaArchive(path) as archive:
            index = archive.info().index
    except BadConda as error:
        raise Refusal(f"`{package.file}` is damaged: {error}") from None
    told = place / f"{package.file}.json"
    told.write_text(json.dumps(dict(index)), encoding="utf-8")
    record = PackageRecord.from_index_json(told, size=package.size, sha256=package.sha256)
    return RepoDataRecord(record, package.file, (place / package.file).as_uri(), scratch.as_uri())
