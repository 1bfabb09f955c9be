"""The way through a lock of uv: which packages one Linux image needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import Node
from envcatalog.formats.incoming.python.project import text_of
from envcatalog.formats.incoming.python.requirement_one import image_of

PROJECTS = frozenset({"virtual", "editable", "directory"})
# How uv spells "with this extra" in markers of extras that exclude each other.
_CONFLICT = re.compile(r"extra (==|!=) '(extra|group)-([0-9]+)-([^']*)'")


@dataclass(frozen=True, eq=False)  # one and the same, or another
class Package:
    """One ``[[package]]``."""

    node: Node

    @cached_property
    def name(self) -> str:
        """Normalised."""
        return package_name(text_of(self.node, "name"))

    @cached_property
    def version(self) -> str:
        """Empty where a build decides it."""
        return text_of(self.node, "version")

    @cached_property
    def kind(self) -> str:
        """``registry``, ``editable``, ``git`` and so on."""
        return source_of(self.node)

    @property
    def registry(self) -> bool:
        """Whether it comes from an index, at a version."""
        return self.kind == "registry" and bool(self.version)

    @cached_property
    def place(self) -> str:
        """The index, address or folder."""
        source = self.node.get("source")
        return text_of(source, self.kind) if source is not None else ""

    @cached_property
    def extras(self) -> dict[str, tuple[Node, ...]]:
        """Its optional dependencies."""
        return self._table("optional-dependencies")

    @cached_property
    def groups(self) -> dict[str, tuple[Node, ...]]:
        """Its dependency groups."""
        return self._table("dev-dependencies")

    def _table(self, key: str) -> dict[str, tuple[Node, ...]]:
        table = self.node.get(key)
        return {package_name(name): node.items for name, node in (table.mapping if table else {}).items()}


def source_of(node: Node) -> str:
    """The kind of a package's source."""
    source = node.get("source")
    return next(iter(source.mapping), "") if source is not None else ""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The packages of a lock, and what of the project is wanted."""

    packages: tuple[Package, ...]
    extras: tuple[str, ...]
    groups: tuple[str, ...]

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, package in enumerate(self.packages):
            found.setdefault(package.name, []).append(index)
        return found

    def needed(
        self, projects: Iterable[Package], script: Iterable[Node], python: str, machine: str
    ) -> set[int]:
        """Positions of all packages that an image gets, those of the projects themselves included."""
        holds = _Holds(self._active(projects), python, machine)
        done: set[tuple[int, str]] = set()
        waiting: list[tuple[int, str]] = []
        for project in projects:
            index = self.packages.index(project)
            waiting += [(index, ""), *((index, package_name(extra)) for extra in self.extras)]
            for group in self.groups:
                for edge in project.groups.get(package_name(group), ()):
                    waiting += self._targets(edge, holds)
        for edge in script:
            waiting += self._targets(edge, holds)
        while waiting:
            index, extra = waiting.pop()
            if (index, extra) in done:
                continue
            done.add((index, extra))
            package = self.packages[index]
            dependencies = package.node.get("dependencies")
            edges = package.extras.get(extra, ()) if extra else dependencies.items if dependencies else ()
            for edge in edges:
                waiting += self._targets(edge, holds)
        return {index for index, _ in done}

    def _targets(self, edge: Node, holds: _Holds) -> Iterator[tuple[int, str]]:
        if not holds(text_of(edge, "marker")):
            return
        version, source = text_of(edge, "version"), edge.get("source")
        for index in self._by_name.get(package_name(text_of(edge, "name")), ()):
            package = self.packages[index]
            if version and package.version != version:
                continue
            if source is not None and (source_of(edge), text_of(source, source_of(edge))) != (
                package.kind,
                package.place,
            ):
                continue
            if not version and not holds.any(package.node.get("resolution-markers")):
                continue
            yield index, ""
            extras = edge.get("extra") or edge.get("extras")
            for extra in extras.items if extras is not None else ():
                yield index, package_name(extra.text or "")

    def _active(self, projects: Iterable[Package]) -> frozenset[str]:
        names = [project.name for project in projects]
        wanted = [("extra", extra) for extra in self.extras] + [("group", group) for group in self.groups]
        return frozenset(
            f"{kind}-{len(name)}-{name}-{package_name(part)}" for name in names for kind, part in wanted
        )


class _Holds:
    """Whether markers hold in one image."""

    def __init__(self, active: frozenset[str], python: str, machine: str) -> None:
        self.active = active
        self.image = {**image_of(python, "99", machine), "extra": ""}
        self.known: dict[str, bool] = {"": True}

    def __call__(self, marker: str) -> bool:
        if marker not in self.known:
            self.known[marker] = self._evaluate(_CONFLICT.sub(self._conflict, marker))
        return self.known[marker]

    def any(self, markers: Node | None) -> bool:
        """Whether one of them does; of none, nothing is asked."""
        return markers is None or not markers.items or any(self(item.text or "") for item in markers.items)

    def _conflict(self, match: re.Match[str]) -> str:
        """As a part of the marker that holds, or does not, whatever the image."""
        active = f"{match[2]}-{match[3]}-{match[4]}" in self.active
        return "os_name == 'posix'" if active == (match[1] == "==") else "os_name == ''"

    def _evaluate(self, marker: str) -> bool:
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

        try:
            return Marker(marker).evaluate(self.image)
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
            return True
