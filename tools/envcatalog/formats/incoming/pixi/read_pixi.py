"""`pixi.toml`, and `[tool.pixi]` in a `pyproject.toml`.

Source: pixi's documentation, "pixi manifest". One of its environments becomes the definition: ``default``, or the one
that is asked for as a group. An environment is made of features, and each of them of tables for all platforms and for
some; for Linux, ``unix``, ``linux`` and the platform itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, refusal
from envcatalog.definition.text.foreign_plain import read_toml
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS
from envcatalog.formats.incoming.pixi.specs import conda_dependency, pip_dependency
from envcatalog.model.draft import Draft, Files, Wanted

DEFAULT = "default"
_NOTHING = Node({})
_FOR_LINUX = ("unix", "linux")
_CONDA_TABLES = ("dependencies", "host-dependencies", "build-dependencies")
_VIRTUAL = {"cuda": "__cuda", "libc": "__glibc", "linux": "__linux", "archspec": "__archspec"}
# What says something of the project or of the work on it, and nothing of the environment.
_OTHER_PEOPLES = {
    "tasks": "tasks are for those who work on the project; an environment has none",
    "pypi-options": "packages come from the machine's index, or from `indexes` of `catalog.yaml`",
    "package": "it is the project's own package, which is built from source",
    "dev": "it is built from source; a definition names packages of a channel",
    "constraints": "a definition has no conditions on packages that it does not ask for",
    "exclude-newer": "a lock holds what there was when it was made; a definition has no date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feature:
    """A feature's tables, and its name; the manifest itself is the feature ``default``."""

    name: str
    node: Node


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`. The one of `wanted.groups` says which of the environments is read."""
    root = read_toml(read_text(data, origin), origin)
    manifest = root.get("tool", "pixi") or root
    workspace = manifest.get("workspace") or manifest.get("project")
    if workspace is None or not workspace.mapping:
        hint = "give the manifest that has it" if manifest.get("package") is not None else ""
        raise refusal(origin, 1, "it has no table `workspace` or `project`", hint)
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    features = _features(manifest, origin, wanted, reading)
    _platforms(workspace, features, reading)
    _channels(workspace, features, reading)
    _project(root, manifest, reading)
    for feature in features:
        _feature(feature, reading)
    _left(manifest, workspace, reading)
    return reading.draft()


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if node is not None else ()


def _features(manifest: Node, origin: str, wanted: Wanted, reading: CondaReading) -> list[_Feature]:
    """The features of the environment that is read, the least important last."""
    environments = manifest.get("environments") or Node({}, 1)
    if len(wanted.groups) > 1:
        raise refusal(
            origin, environments.line, "a definition is made of one environment", "give one `--group`"
        )
    name = wanted.groups[0] if wanted.groups else DEFAULT
    environment = environments.get(name)
    if environment is None and name != DEFAULT:
        listed = ", ".join(bare(found, 40) for found in list(environments.mapping)[:20])
        message = f"it has no environment `{bare(name)}`"
        raise refusal(origin, environments.line, message, f"it has {listed}" if listed else "")
    names: list[Node] = []
    plain = False
    if environment is not None:
        names = [*(environment.items or _items(environment.get("features")))]
        flag = environment.get("no-default-feature")
        plain = flag is not None and flag.text == "true"
    found = []
    for node in names:
        feature = manifest.get("feature", node.text or "")
        if feature is None:
            raise refusal(origin, node.line, f"there is no feature `{bare(node.text or node.kind)}`")
        found.append(_Feature(name=node.text or "", node=feature))
    others = [other for other in environments.mapping if other != name]
    if others:
        reading.hint = f"choose another environment with `--group`: {', '.join(others[:20])}"
    for other, node in environments.mapping.items():
        if other != name:
            reason = f"it is another environment than `{bare(name)}`; `--group` reads it"
            reading.note(node.line, f"{other} =", reason, lost=False)
    return found if plain else [*found, _Feature(name=DEFAULT, node=manifest)]


def _platforms(workspace: Node, features: Iterable[_Feature], reading: CondaReading) -> None:
    listed = [item for feature in features for item in _items(feature.node.get("platforms"))]
    for item in listed or _items(workspace.get("platforms")):
        text = item.text or (item.get("platform") or item.get("name") or _NOTHING).text or ""
        platform = SUBDIRS.get(text)
        if platform:
            reading.platforms.add(platform)
            for key, node in item.mapping.items():
                _requirement(key, node, reading)
        else:
            reading.note(item.line, text, "images are for Linux on amd64 and arm64", lost=False)
    if listed and not reading.platforms:
        raise refusal(reading.origin, listed[0].line, "the environment is for no Linux", "choose another one")


def _channels(workspace: Node, features: Iterable[_Feature], reading: CondaReading) -> None:
    listed = [item for feature in features for item in _items(feature.node.get("channels"))]
    for item in [*listed, *_items(workspace.get("channels"))]:
        text = item.text or (item.get("channel") or _NOTHING).text
        if text:
            reading.channel(text, item.line)
    priority = workspace.get("channel-priority")
    if priority is not None and priority.text == "disabled":
        reading.channel_priority = "disabled"


def _project(root: Node, manifest: Node, reading: CondaReading) -> None:
    """What a `pyproject.toml` adds: the dependencies of the project, and the Python that it needs."""
    project = root.get("project")
    if manifest is root or project is None:
        return
    for item in _items(project.get("dependencies")):
        if item.text:
            reading.requirement(item.text, item.line)
    python = project.get("requires-python")
    if python is not None and python.text:
        reading.package(f"python {python.text}", python.line)


def _feature(feature: _Feature, reading: CondaReading) -> None:
    for name, node in _merged(feature.node, _CONDA_TABLES, reading):
        found = conda_dependency(name, node)
        if found.reason:
            reading.note(node.line, name, found.reason)
        if found.text:
            reading.package(found.text, node.line)
    for name, node in _merged(feature.node, ("pypi-dependencies",), reading):
        found = pip_dependency(name, node)
        if found.reason:
            reading.note(node.line, name, found.reason)
        if found.text:
            reading.requirement(found.text, node.line)
    for key, node in (feature.node.get("system-requirements") or _NOTHING).mapping.items():
        _requirement(key, node, reading)
    for table in _tables(feature.node, reading, quietly=True):
        _activation(table.get("activation"), reading)


def _merged(feature: Node, keys: tuple[str, ...], reading: CondaReading) -> Iterator[tuple[str, Node]]:
    """Name and value of all dependencies; what is said for Linux alone wins."""
    found: dict[str, Node] = {}
    for table in _tables(feature, reading, quietly="dependencies" not in keys):
        for key in keys:
            found |= (table.get(key) or _NOTHING).mapping
    yield from found.items()


def _tables(feature: Node, reading: CondaReading, *, quietly: bool) -> Iterator[Node]:
    """The feature itself, and its tables for Linux."""
    yield feature
    targets = (feature.get("target") or _NOTHING).mapping
    wanted = [*_FOR_LINUX, *(subdir for subdir, name in SUBDIRS.items() if name in reading.platforms)]
    for target, node in targets.items():
        if target not in (*wanted, *SUBDIRS) and not quietly:
            reason = "images are for Linux on amd64 and arm64"
            reading.note(node.line, f"[target.{target}]", reason, lost=False)
    for target in wanted:
        if target not in targets:
            continue
        if target in SUBDIRS and len(reading.platforms) > 1 and not quietly:
            reason = "a definition asks for the same on all its platforms; so it is asked for on each"
            reading.note(targets[target].line, f"[target.{target}]", reason)
        yield targets[target]


def _requirement(key: str, node: Node, reading: CondaReading) -> None:
    """``cuda = "12"`` or ``libc = { family = "glibc", version = "2.28" }``."""
    virtual = _VIRTUAL.get(key)
    version = node.text or (node.get("version") or _NOTHING).text
    if virtual and version and virtual != "__linux":
        reading.virtual[virtual] = version


def _activation(node: Node | None, reading: CondaReading) -> None:
    if node is None:
        return
    for name, item in (node.get("env") or _NOTHING).mapping.items():
        if item.text and "$" in item.text:
            reading.note(item.line, name, "its value is made by a shell; an image's variables are plain")
        else:
            reading.variable(name, item.text or "", item.line)
    for item in _items(node.get("scripts")):
        reading.note(item.line, item.text or "", "an image starts without scripts that a shell would source")


def _left(manifest: Node, workspace: Node, reading: CondaReading) -> None:
    for table in (manifest, workspace):
        for key, node in table.mapping.items():
            reason = _OTHER_PEOPLES.get(key, "")
            if reason and node.value not in ({}, (), None):
                reading.note(node.line, f"{key}", reason, lost=key != "tasks")
