"""Base images: what the lock needs of a registry, as seams, and which interpreter goes with one."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Protocol

from envcatalog.lock.uv import run_uv, uv_folder
from envcatalog.model.environment import ImageBase
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, LockedImage


class Resolved(Protocol):
    """What a reference names now."""

    @property
    def digest(self) -> str:
        """Of the index or manifest."""

    @property
    def manifests(self) -> tuple[tuple[str, str], ...]:
        """Platform to manifest digest."""


class ImageResolver(Protocol):
    """Finds base images; `registry.base.ImageSource` is one."""

    def resolve(self, reference: str) -> Resolved:
        """Look a reference up; UserError where it cannot be."""


def lock_image(base: ImageBase, platforms: tuple[str, ...], images: ImageResolver) -> LockedImage:
    """The digests of a base image on the given platforms.

    Raises:
        Refusal: the image is not made for one of them.
        UserError: it cannot be looked up.
    """
    found = images.resolve(base.image)
    manifests = dict(found.manifests)
    for name in platforms:
        if name not in manifests:
            known = ", ".join(f"`{known}`" for known in sorted(manifests)) or "none that is known"
            raise Refusal(f"the base image `{base.image}` has no platform `{name}`", f"it has {known}")
    chosen = tuple((name, manifests[name]) for name in sorted(platforms))
    return LockedImage(image=base.image, digest=found.digest, manifests=chosen)


def host_bytecode(version: str, cache: Path) -> Bytecode:
    """The interpreter of a minor version that this machine has; nothing is downloaded.

    A base image is never unpacked, so its own interpreter cannot compile. Any patch release of the same minor
    version writes byte code that all of them read; which one is locked, since their bytes may differ.

    Raises:
        Refusal: there is none here.
    """
    if sys.implementation.name == "cpython" and version == "{}.{}".format(*sys.version_info[:2]):
        return Bytecode(python=platform.python_version())
    with uv_folder(cache) as folder:
        found = run_uv(["python", "find", "--show-version", "--no-project", f"cpython@{version}"], folder)
    full = found.output.strip()
    if not found.ok or not full.startswith(f"{version}."):
        raise Refusal(
            f"this machine has no Python {version} to compile byte code with",
            f"run `uv python install {version}`, or install it as your system does, and lock again",
        )
    return Bytecode(python=full)
