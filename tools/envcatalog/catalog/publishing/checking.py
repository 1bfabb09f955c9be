"""Runs the definition's checks in the built image before a version is claimed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from envcatalog.catalog.building.workshop import Workshop
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import BuiltImage, Layer
from envcatalog.model.result import CheckReport
from envcatalog.model.seams import Repository

if TYPE_CHECKING:
    from envcatalog.run.checks import Runner

CHECK_SECONDS = 600.0
WHERE = ("auto", "engine", "namespace", "skip")


def check_image(
    workshop: Workshop,
    environment: Environment,
    image: BuiltImage,
    repository: Repository | None,
    where: str = "auto",
) -> tuple[CheckReport, ...]:
    """Reports of all platforms; only the machine's own platform can run.

    Args:
        repository: where layers that this machine did not build are fetched from.
        where: ``auto`` (an engine, else a namespace), ``engine``, ``namespace`` or ``skip``.

    Raises:
        Refusal: a check failed; nothing has been published.
        UserError: the chosen place is not available.
    """
    if not environment.checks:
        return tuple(CheckReport(platform=item.platform, how="none") for item in image.platforms)
    if where == "skip":
        return tuple(
            CheckReport(platform=item.platform, how="not-run", note="checks were skipped by request")
            for item in image.platforms
        )
    from envcatalog.model.host import host_platform
    from envcatalog.run.checks import run_checks

    reports = []
    for platform in image.platforms:
        report = run_checks(
            image,
            platform,
            environment.checks,
            runners=_runners(workshop, where),
            blob=lambda layer: layer_file(workshop, layer, repository),
            timeout=CHECK_SECONDS,
            progress=workshop.progress,
        )
        if not report.ok:
            raise CheckFailed(environment.name, report)
        if report.how == "not-run":
            if where != "auto" and platform.platform == host_platform():
                raise UserError(
                    f"the checks of `{environment.name}` cannot run as chosen: {report.note}",
                    "leave `--checks` out to run them wherever it is possible",
                )
            workshop.progress.step(f"{environment.name} {platform.platform}: checks not run: {report.note}")
        reports.append(report)
    return tuple(reports)


class CheckFailed(Refusal):
    """A check of the definition failed in the built image."""

    def __init__(self, name: str, report: CheckReport) -> None:
        failed = report.results[-1]
        how = "ran out of time" if failed.exit_code is None else f"exited with {failed.exit_code}"
        last = "\n".join(failed.output.strip().splitlines()[-8:])
        super().__init__(
            f"check `{failed.command}` of `{name}` {how} on {report.platform}; nothing was published"
            + (f"\n{last}" if last else ""),
            "mend the definition or the check, run `envcat lock` if packages change, commit, publish again",
        )
        self.report = report


def how_checked(reports: Sequence[CheckReport]) -> str:
    """For the version's trailer: one word, or one for each platform where they differ."""
    ways = {report.how for report in reports}
    if len(ways) == 1:
        return ways.pop()
    return ", ".join(f"{report.platform}={report.how}" for report in reports)


def layer_file(workshop: Workshop, layer: Layer, repository: Repository | None) -> Path:
    """The compressed layer as a local file, fetched once where another machine built it.

    Raises:
        UserError: it is nowhere.
    """
    if layer.path is not None:
        return layer.path
    target = workshop.cache / "blobs" / "sha256" / layer.digest.removeprefix("sha256:")
    if target.is_file():
        return target
    from envcatalog.registry.source import Sources

    target.parent.mkdir(parents=True, exist_ok=True)
    if layer.source is not None:
        with (
            closing(Sources(target.parent, workshop.root)) as sources,
            sources.copy(layer.source, layer.digest, layer.size) as copied,
            suppress(FileExistsError),  # another process has fetched it in the meantime
        ):
            os.link(copied, target)
        return target
    if repository is None:
        raise UserError(f"layer {layer.digest[:19]} is not on this machine", "build with `--registry`")
    with repository.open_blob(layer.digest) as stream:
        keep_verified(stream, layer, target)
    return target


def keep_verified(stream: BinaryIO, layer: Layer, target: Path) -> None:
    """Write a layer's blob into the cache in one step; UserError where the bytes are others."""
    sha256 = hashlib.sha256()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".layer-")
    try:
        with os.fdopen(handle, "wb") as part:
            while block := stream.read(1 << 20):
                sha256.update(block)
                part.write(block)
        if f"sha256:{sha256.hexdigest()}" != layer.digest:
            raise UserError(f"the registry answered other bytes for layer {layer.digest[:19]}")
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _runners(workshop: Workshop, where: str) -> tuple[Runner, ...]:
    from envcatalog.run.runners import default_runners

    return tuple(runner for runner in default_runners(workshop.cache) if where in ("auto", runner.name))
