"""Plans of the layers that are neither Debian packages, nor conda packages, nor wheels: system links and Spark."""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.image.alternatives import java_home, system_links
from envcatalog.image.keys import layer_key
from envcatalog.image.prefix import site_packages
from envcatalog.image.split import split_artefacts
from envcatalog.model.environment import Spark
from envcatalog.model.lock import Deb, LockedFile
from envcatalog.model.plan import LayerKind, LayerPlan, PlatformPlan, PythonTarget

SPARK_PROJECT = "pyspark"

_CERTIFICATES = "ca-certificates"
_JAVA_CERTIFICATES = "ca-certificates-java"
_JAR_LAYERS = 4


def system_layers(debs: tuple[Deb, ...], below: PlatformPlan | None, platform: str) -> list[LayerPlan]:
    """One layer with the links and files that scripts of Debian packages would make; none where there are none.

    Args:
        debs: those that the environment adds; its parent's are in `below`.
    """
    inherited = _inherited_debs(below)
    known = system_links(inherited, platform)
    links = {
        path: target
        for path, target in system_links((*inherited, *debs), platform).items()
        if known.get(path) != target
    }
    artefacts: tuple[Deb, ...] = ()
    if any(deb.name == _JAVA_CERTIFICATES for deb in debs):
        artefacts = tuple(deb for deb in (*inherited, *debs) if deb.name == _CERTIFICATES)
    if not links and not artefacts:
        return []
    return [_files("system links", links.items(), artefacts=artefacts)]


def spark_layers(
    spark: Spark | None,
    files: tuple[LockedFile, ...],
    python: PythonTarget | None,
    below: PlatformPlan | None,
) -> list[LayerPlan]:
    """Spark's modules, its jars, the definition's jars, and the properties over those of the parent."""
    if spark is None or python is None:
        return []
    layers = []
    for file in files:
        if file.name == SPARK_PROJECT:
            title = f"{file.name} {file.version}"
            layers += [_files_of("spark", title, (file,), python)]
            layers += [_files_of("jars", f"jars of {title}", (file,), python)]
    jars = tuple(file for file in files if file.name != SPARK_PROJECT)
    for group in split_artefacts(jars, _JAR_LAYERS):
        title = group[0].file if len(group) == 1 else f"{len(group)} jars"
        layers.append(_files_of("jars", title, group, python))
    path = f"{spark_home(python)[1:]}/conf/spark-defaults.conf"
    properties = _properties(below, path) | {name: _escaped(value) for name, value in spark.conf}
    if spark.conf:
        text = "".join(f"{name} {value}\n" for name, value in sorted(properties.items()))
        layers.append(_files("Spark properties", texts=[(path, text)]))
    return layers


def variables(
    debs: tuple[Deb, ...],
    below: PlatformPlan | None,
    platform: str,
    spark: Spark | None,
    python: PythonTarget | None,
) -> dict[str, str]:
    """Variables that programs of these layers look for."""
    home = java_home((*_inherited_debs(below), *debs), platform)
    found = {"JAVA_HOME": home} if home else {}
    if spark is not None and python is not None:
        found["SPARK_HOME"] = spark_home(python)
    return found


def spark_home(python: PythonTarget) -> str:
    """Where pip has Spark, too: the folder of the package."""
    return f"/{site_packages(python)}/{SPARK_PROJECT}"


def _inherited_debs(below: PlatformPlan | None) -> tuple[Deb, ...]:
    layers = below.layers if below else ()
    return tuple(
        deb for layer in layers if layer.kind == "debs" for deb in layer.artefacts if isinstance(deb, Deb)
    )


def _properties(below: PlatformPlan | None, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for layer in below.layers if below else ():
        for name, text in layer.texts:
            if name == path:
                found |= dict(line.split(" ", 1) for line in text.splitlines())
    return found


def _escaped(value: str) -> str:
    """As `java.util.Properties` reads it back: a backslash escapes, and white space before the value is none of it."""
    text = value.replace("\\", "\\\\")
    return f"\\{text}" if text[:1] in (" ", "\t", "\f") else text


def _files(
    title: str,
    links: Iterable[tuple[str, str]] = (),
    texts: Iterable[tuple[str, str]] = (),
    *,
    artefacts: tuple[Deb, ...] = (),
) -> LayerPlan:
    links, texts = tuple(sorted(links)), tuple(sorted(texts))
    key = layer_key("files", artefacts, links=links, texts=texts)
    return LayerPlan(key=key, kind="files", title=title, artefacts=artefacts, links=links, texts=texts)


def _files_of(kind: LayerKind, title: str, files: tuple[LockedFile, ...], python: PythonTarget) -> LayerPlan:
    return LayerPlan(
        key=layer_key(kind, files, python), kind=kind, title=title, artefacts=files, python=python
    )
