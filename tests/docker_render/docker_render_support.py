"""Plans of system-managed environments, and what an engine would be given for them; nothing is built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.docker.render import debs_of, layers_to_make, render, runs_scripts
from envcatalog.image.plan import plan_image
from envcatalog.model.docker import KEY_BUILD, DockerBase, DockerBuild
from envcatalog.model.environment import DebianBase, Environment, ImageBase, Python
from envcatalog.model.image import BuiltPlatform, Layer
from envcatalog.model.lock import Bytecode, Deb, Lock, LockedImage, PlatformLock, Wheel
from envcatalog.model.plan import ImagePlan

AMD = "linux/amd64"
DIGEST = "sha256:" + 64 * "d"
PINNED = f"registry.example.com/team/base@{DIGEST}"


def hexadecimal(text: str) -> str:
    """A sum that belongs to a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def deb(name: str, size: int = 1000) -> Deb:
    """A package file."""
    return Deb(
        name=name,
        version="1",
        architecture="amd64",
        path=f"pool/{name}.deb",
        size=size,
        sha256=hexadecimal(name),
    )


def wheel(name: str) -> Wheel:
    """A wheel."""
    return Wheel(name=name, version="1", file=f"{name}.whl", size=9, sha256=hexadecimal(name))


def plan_of(
    environment: Environment, debs: Iterable[str] = (), wheels: Iterable[str] = ("six",)
) -> ImagePlan:
    """The plan of an environment with a made-up lock."""
    on_image = isinstance(environment.base, ImageBase)
    base = (
        LockedImage(image=environment.base.image, digest=DIGEST, manifests=((AMD, DIGEST),))
        if isinstance(environment.base, ImageBase)
        else None
    )
    lock = Lock(
        definition=definition_digest(environment),
        base=base,
        bytecode=Bytecode(
            python="3.11.2", interpreters=() if on_image else ((AMD, (deb("python3.11-minimal"),)),)
        ),
        platforms=(
            PlatformLock(
                platform=AMD,
                debs=tuple(deb(name) for name in debs),
                wheels=tuple(wheel(name) for name in wheels),
            ),
        ),
    )
    return plan_image(environment, lock, lock_digest=DIGEST, parent=None, budget=40)


def rendered(plan: ImagePlan, first: frozenset[str] = frozenset(), reference: str = PINNED) -> DockerBuild:
    """What the engine would be given."""
    [platform] = plan.platforms
    made = layers_to_make(plan, {AMD: first}).platforms[0]
    layers = tuple(
        Layer(key=layer.key, digest=DIGEST, size=1, diff_id=DIGEST, path=Path("/layer"))
        for layer in made.layers
    )
    built = BuiltPlatform(platform=AMD, config=b"", manifest=b"", manifest_digest="", layers=layers)
    base = DockerBase(reference=reference, config=b"{}", layers=()) if platform.base else None
    packages = (
        {item: Path(f"/debs/{item.sha256}") for item in debs_of(platform)} if runs_scripts(platform) else {}
    )
    return render(plan, built, base=base, first=first, packages=packages)


def debian(**values: object) -> Environment:
    """An environment of Debian packages and a wheel."""
    return Environment(
        name="one",
        base=DebianBase(suite="bookworm"),
        python=Python(version="3.11", packages=("six",)),
        **values,
    )  # type: ignore[arg-type]


def on_image(image: str = "registry.example.com/team/base:1", **values: object) -> Environment:
    """An environment on an image."""
    return Environment(
        name="one", base=ImageBase(image=image), python=Python(version="3.11", packages=("six",)), **values
    )  # type: ignore[arg-type]


def forget(client: Any) -> None:
    """Remove what builds of the environments of these tests have left as a cache."""
    for image in client.images(filters={"label": KEY_BUILD}):
        if any("rendered-" in tag for tag in image["RepoTags"] or ()):
            client.remove_image(image["Id"], force=True)
