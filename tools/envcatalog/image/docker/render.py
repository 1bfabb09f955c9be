"""A system-managed environment as a Dockerfile, for what needs its packages' maintainer scripts.

Layers are made from the locked files by the same code as the embedded builder's and handed to the engine as archives,
so that all but Debian's packages is the same to the bit. Debian's packages are installed by dpkg in a stage of their
own, their sums checked there once more, and all their scripts run; without dpkg in the lock they are unpacked.

Dangerous ground. What must never change: no text of a definition, a lock or a package comes into the Dockerfile or
into the script that it runs, apart from the reference of a base image, which is held to its grammar here. The names of
files in the context are ours. Variables, user, command, labels and ports are no instructions: they are set when the
image is assembled, as for the embedded builder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from envcatalog.image.keys import layer_key
from envcatalog.image.root import APP
from envcatalog.image.split import split_artefacts
from envcatalog.model.docker import ContextFile, DockerBase, DockerBuild
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BuiltPlatform
from envcatalog.model.lock import Deb
from envcatalog.model.plan import ImagePlan, LayerPlan, PlatformPlan

HEADER = "# Made by envcat from a lock. What the image starts as is set when it is assembled."
STAGE = "debian"
FOLDER = "/.envcatalog"
FIRST_LAYERS = 8
# Copied one by one: what else is at the top is the root layer's, or of the stage alone.
TOPS = ("etc", "home", "opt", "root", "srv", "usr", "var")

# As the layers of the embedded builder have it: neither manuals nor documentation but for the licences.
_LEFT_OUT = ("man", "info", "locale", "lintian", "linda", "groff", "bug", "doc")
_DPKG = (
    "dpkg --force-depends --force-confnew --force-unsafe-io "
    + " ".join(f"--path-exclude='/usr/share/{name}/*'" for name in _LEFT_OUT)
    + " --path-include='/usr/share/doc/*/copyright'"
)
# Always the same, whatever is installed. `base-passwd` comes first and with its own users, to which the root layer's is
# added, since scripts name users without depending on it; then what scripts may call, which is unpacked already; then
# the rest. `dpkg --configure` fails where anything is left unconfigured: it is not told to overlook that. Nothing may
# start a service (invoke-rc.d(8), "policy-rc.d"). Scripts link manuals into folders that they take for granted. Logs
# and backups go: they hold times.
SCRIPT = f"""\
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C SOURCE_DATE_EPOCH=315532800
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd {FOLDER}
sha256sum --check --strict --quiet SHA256SUMS
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
rm /etc/passwd /etc/group
for section in 1 2 3 4 5 6 7 8; do
    mkdir -p "/usr/share/man/man$section"
done
for part in 1 2 3; do
    if [ -d "$part" ]; then
        {_DPKG} --install --recursive "$part"
    fi
    if [ "$part" = 1 ]; then
        echo 'app:x:{APP}:{APP}:app:/home/app:/bin/sh' >> /etc/passwd
        echo 'app:x:{APP}:' >> /etc/group
    fi
done
rm /usr/sbin/policy-rc.d
dpkg --configure --pending
rm -rf /var/log/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/lib/dpkg/*-old
"""

_REFERENCE = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?::[0-9]{1,5})?(?:/[a-z0-9][a-z0-9._-]*)*(?:@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})\Z",
    re.ASCII,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z", re.ASCII)
_RELATED = re.compile(r"[,|]")


def runs_scripts(platform: PlatformPlan) -> bool:
    """Whether Debian's packages are installed by dpkg: it is among them."""
    return platform.base is None and any(deb.name == "dpkg" for deb in debs_of(platform))


def debs_of(platform: PlatformPlan) -> tuple[Deb, ...]:
    """All Debian packages of an image, those of its parents included."""
    debs = (layer for layer in platform.layers if layer.kind == "debs")
    return tuple(item for layer in debs for item in layer.artefacts if isinstance(item, Deb))


def needed_by_scripts(controls: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """The packages that must be there before any script runs: the essential ones and all that they depend on.

    Args:
        controls: the control fields of every package, by name.
    """
    providers: dict[str, list[str]] = {name: [name] for name in controls}
    for name, fields in controls.items():
        for provided in _names(fields.get("Provides", "")):
            providers.setdefault(provided, []).append(name)
    todo = [name for name, fields in controls.items() if fields.get("Essential") == "yes" or name == "dpkg"]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            for field in ("Pre-Depends", "Depends"):
                for wanted in _names(controls[name].get(field, "")):
                    todo += providers.get(wanted, ())
    return frozenset(found)


def layers_to_make(plan: ImagePlan, first: Mapping[str, frozenset[str]]) -> ImagePlan:
    """What the embedded builder is to make for the engine: an image of the layers alone, without a base.

    Args:
        first: platform to what `needed_by_scripts` says of it, where scripts run.
    """
    platforms = tuple(
        replace(item, base=None, layers=_layers(item, first.get(item.platform))) for item in plan.platforms
    )
    return replace(plan, platforms=platforms)


def render(
    plan: ImagePlan,
    made: BuiltPlatform,
    *,
    base: DockerBase | None,
    first: frozenset[str],
    packages: Mapping[Deb, Path],
) -> DockerBuild:
    """What the engine is to build for one platform.

    Args:
        made: the layers of `layers_to_make`, all of them on this machine.
        base: the base image; None on a Debian base.
        first: as for `layers_to_make`; empty where no script runs.
        packages: every Debian package as a local file; empty likewise.

    Raises:
        Refusal: the base's reference or a package's name is not of its grammar.
    """
    platform = next(item for item in plan.platforms if item.platform == made.platform)
    layers = _layers(platform, first or None)
    names = [f"layers/{layer.key.removeprefix('sha256:')[:32]}.tar.gz" for layer in layers]
    context = []
    for name, layer in zip(names, made.layers, strict=True):
        assert layer.path is not None, "layers that are made here are here"
        context.append(ContextFile(path=name, source=layer.path))
    below = [name for name, layer in zip(names, layers, strict=True) if layer.kind in ("root", "debs")]
    if first:
        context += _packages(first, packages)
        lines = [*_stage(below), "FROM scratch", _add(below[0]), *_copied()]
        names = [name for name in names if name not in below]
    else:
        lines = [f"FROM {_reference(base)}"]
    lines += [_add(name) for name in names]
    return DockerBuild(
        environment=plan.environment,
        platform=made.platform,
        dockerfile="\n".join([HEADER, *lines]) + "\n",
        context=tuple(sorted(context, key=lambda file: file.path)),
        bases=(base,) if base else (),
        network="none",
    )


def _layers(platform: PlatformPlan, first: frozenset[str] | None) -> tuple[LayerPlan, ...]:
    """The plan's, or, where scripts run, those that dpkg needs to begin with, and all that Debian has no part in."""
    if not first:
        return platform.layers
    debs = tuple(sorted((deb for deb in debs_of(platform) if deb.name in first), key=lambda deb: deb.name))
    unpacked = [
        LayerPlan(key=layer_key("debs", group, None), kind="debs", title="for dpkg", artefacts=group)
        for group in split_artefacts(debs, FIRST_LAYERS)
    ]
    root = [layer for layer in platform.layers if layer.kind == "root"]
    rest = [
        layer
        for layer in platform.layers
        if layer.kind not in ("root", "debs") and not _stands_for_scripts(layer)
    ]
    return (*root, *unpacked, *rest)


def _stands_for_scripts(layer: LayerPlan) -> bool:
    """Links, and files made from packages; here the scripts make them. What has texts is the definition's."""
    return layer.kind == "files" and not layer.texts


def _packages(first: frozenset[str], packages: Mapping[Deb, Path]) -> Iterator[ContextFile]:
    sums = []
    for deb, path in sorted(packages.items(), key=lambda item: item[0].name):
        if not _NAME.match(deb.name):
            raise Refusal(f"`{deb.name[:80]}` is no name of a Debian package")
        part = 1 if deb.name == "base-passwd" else 2 if deb.name in first else 3
        name = f"{part}/{deb.name}.deb"
        sums.append(f"{deb.sha256}  {name}\n")
        yield ContextFile(path=f"debian/{name}", source=path)
    yield ContextFile(path="debian/SHA256SUMS", source="".join(sums).encode("ascii"))
    yield ContextFile(path="debian/install", source=SCRIPT.encode("ascii"))


def _stage(layers: Sequence[str]) -> Iterator[str]:
    yield f"FROM scratch AS {STAGE}"
    yield from (_add(name) for name in layers)
    yield f"COPY debian {FOLDER}/"
    yield "RUN " + json.dumps(["/bin/sh", f"{FOLDER}/install"])


def _copied() -> Iterator[str]:
    yield from (f"COPY --from={STAGE} /{name} /{name}/" for name in TOPS)


def _add(name: str) -> str:
    return f"ADD {name} /"


def _reference(base: DockerBase | None) -> str:
    if base is None:
        return "scratch"
    if not _REFERENCE.match(base.reference):
        raise Refusal(f"`{base.reference[:80]!r}` cannot stand in a Dockerfile")
    return base.reference


def _names(relations: str) -> Iterator[str]:
    for relation in _RELATED.split(relations):
        name = relation.strip().partition(" ")[0].partition(":")[0].partition("(")[0]
        if name:
            yield name
