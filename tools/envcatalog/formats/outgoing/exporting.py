"""The formats that environments are exported to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from envcatalog.formats.outgoing.write_azureml import write_azureml
from envcatalog.formats.outgoing.write_conda import write_conda
from envcatalog.formats.outgoing.write_conda_explicit import write_conda_explicit
from envcatalog.formats.outgoing.write_conda_lock import write_conda_lock
from envcatalog.formats.outgoing.write_devcontainer import write_devcontainer
from envcatalog.formats.outgoing.write_dockerfile import write_dockerfile
from envcatalog.formats.outgoing.write_kubernetes import write_kubernetes
from envcatalog.formats.outgoing.write_pixi import write_pixi
from envcatalog.formats.outgoing.write_pylock import write_pylock
from envcatalog.formats.outgoing.write_requirements import write_requirements
from envcatalog.model.export import Exported, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format, and what its writer must be given.

    Attributes:
        file: the name of its (first) file.
        about: what it is, for the list of formats.
        lock: it holds what is locked, so that the lock must be up to date.
        addresses: it demands the addresses of ``wheels`` or ``conda`` packages, and the ``md5`` of these.
        one_platform: a file is for one platform.
        image: it prefers the published image.
    """

    name: str
    file: str
    about: str
    write: Callable[[Exported], Written]
    lock: bool = False
    addresses: tuple[str, ...] = ()
    one_platform: bool = False
    image: bool = False


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format(
            name="requirements",
            file="requirements.txt",
            about="every wheel with its hash, for pip and uv",
            write=write_requirements,
            lock=True,
        ),
        Format(
            name="pylock",
            file="pylock.toml",
            about="every wheel with address, size and hash (PEP 751)",
            write=write_pylock,
            lock=True,
            addresses=("wheels",),
        ),
        Format(
            name="conda",
            file="environment.yml",
            about="what is asked for, for conda, mamba and micromamba",
            write=write_conda,
        ),
        Format(
            name="conda-explicit",
            file="conda-linux-64.txt",
            about="every conda package with address and hash, for one platform",
            write=write_conda_explicit,
            lock=True,
            addresses=("conda",),
            one_platform=True,
        ),
        Format(
            name="conda-lock",
            file="conda-lock.yml",
            about="every conda package and wheel with address and hash",
            write=write_conda_lock,
            lock=True,
            addresses=("conda", "md5", "wheels"),
        ),
        Format(name="pixi", file="pixi.toml", about="what is asked for, for pixi", write=write_pixi),
        Format(
            name="dockerfile",
            file="Dockerfile",
            about="from the published image by digest, or built anew",
            write=write_dockerfile,
            lock=True,
            image=True,
        ),
        Format(
            name="azureml",
            file="azureml.yml",
            about="an Azure ML v2 environment with the image by digest",
            write=write_azureml,
            lock=True,
            image=True,
        ),
        Format(
            name="devcontainer",
            file="devcontainer.json",
            about="a development container with the image by digest",
            write=write_devcontainer,
            lock=True,
            image=True,
        ),
        Format(
            name="kubernetes",
            file="job.yaml",
            about="a Job that runs the image by digest",
            write=write_kubernetes,
            image=True,
        ),
    )
}
