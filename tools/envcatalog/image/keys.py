"""Layer keys: a digest of all that determines a layer's bytes, and of nothing else.

Titles, platforms and the environment's name are left out on purpose: two environments, or two platforms, that
hold the same wheel share its layer. Golden keys stand in the tests; what a layer kind writes may only change
together with `LAYER_FORMAT`.
"""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.image.codec import CODEC
from envcatalog.image.prefix import PREFIX
from envcatalog.model.digest import Json, json_digest
from envcatalog.model.lock import Artefact, CondaPackage
from envcatalog.model.plan import LAYER_FORMAT, LayerKind, PythonTarget


def layer_key(
    kind: LayerKind,
    artefacts: Iterable[Artefact] = (),
    python: PythonTarget | None = None,
    *,
    links: Iterable[tuple[str, str]] = (),
    texts: Iterable[tuple[str, str]] = (),
    requested: Iterable[tuple[str, str]] = (),
) -> str:
    """The key, in the OCI spelling of a digest; the order of the artefacts does not matter.

    An artefact counts by file name and content: the name of a wheel is part of what an installer reads. A conda
    package counts with all that its record in `conda-meta/` takes from the lock, too.
    """
    artefacts = tuple(artefacts)
    value: dict[str, Json] = {
        "format": LAYER_FORMAT,
        "codec": CODEC,
        "kind": kind,
        "artefacts": sorted([artefact.file, artefact.sha256] for artefact in artefacts),
        "python": _python_values(python),
    }
    if kind == "files":  # in no other, so that the keys of the other kinds stay as they were
        value |= {"links": dict(links), "texts": dict(texts)}
    if kind == "conda":
        packages = sorted(
            (one for one in artefacts if isinstance(one, CondaPackage)), key=lambda one: one.file
        )
        records = [_conda_values(package) for package in packages]
        value |= {"prefix": f"/{PREFIX}", "requested": dict(requested), "records": records}
    return json_digest(value)


def _conda_values(package: CondaPackage) -> list[Json]:
    return [package.file, package.subdir, package.channel, list(package.depends)]


def _python_values(python: PythonTarget | None) -> Json:
    if python is None:
        return None
    return {"version": python.version, "interpreter": python.interpreter, "bytecode": python.bytecode}
