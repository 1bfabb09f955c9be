"""`pyproject.toml` to a definition: what a project depends on, without the project itself.

Sources: PEP 621 (``[project]``), PEP 735 (``[dependency-groups]``), Poetry's and uv's tables.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from envcatalog.definition.finding import bare
from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import Node, read_text, refusal
from envcatalog.definition.text.foreign_plain import read_toml
from envcatalog.formats.incoming.python.drafting import draft_of
from envcatalog.formats.incoming.python.poetry_project import read_poetry
from envcatalog.formats.incoming.python.project import Group, Project, text_of
from envcatalog.formats.incoming.python.requirement_lines import Line, read_lines
from envcatalog.model.draft import Draft, Files, Wanted

_NOT_INSTALLED = "the project itself is not in the image, only what it depends on"


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    root = read_toml(read_text(data, origin), origin)
    project = Project(origin=origin)
    _read_project(root, project)
    read_poetry(root, project)
    _read_uv(root, project)
    _read_others(root, project)
    if not project.found:
        hint = "import its `requirements.txt`, or a lock of the tool that it is for"
        raise refusal(
            origin, 0, "the file names no dependencies: it has no `[project]` and no `[tool.poetry]`", hint
        )
    project.expand()
    project.select("extra", project.extras, wanted.extras)
    project.select("group", project.groups, wanted.groups)
    found = read_lines(
        project.from_indexes(), files, folder=posixpath.dirname(origin), constraints=project.constraints
    )
    return draft_of(
        wanted, origin, found, asked=project.asked, notes=project.notes, description=project.description
    )


def _read_project(root: Node, project: Project) -> None:
    table = root.get("project")
    if table is None or not table.mapping:
        groups = root.get("dependency-groups")
        if groups is not None:
            project.found = True
            _groups(groups, project)
        return
    project.found = True
    project.name = text_of(table, "name")
    project.description = text_of(table, "description")
    project.note(table, f"[project] {project.name}", _NOT_INSTALLED, lost=False)
    requires = table.get("requires-python")
    if requires is not None and requires.text:
        project.ask(requires.text, requires, f'requires-python = "{requires.text}"')
    project.lines += project.texts("dependencies", table.get("dependencies"))
    for name, node in (table.get("optional-dependencies") or Node(None)).mapping.items():
        project.extras.setdefault(package_name(name), Group(name, node, project.texts(name, node)))
    _dynamic(root, table, project)
    groups = root.get("dependency-groups")
    if groups is not None:
        _groups(groups, project)


def _dynamic(root: Node, table: Node, project: Project) -> None:
    """What setuptools reads from files; anything else that is worked out by a build is not known here."""
    source = root.get("tool", "setuptools", "dynamic")
    for item in (table.get("dynamic") or Node(None)).items:
        named = source.get(item.text or "") if source is not None else None
        if item.text == "dependencies":
            lines = project.included(named)
            if not lines:
                project.note(
                    item,
                    "dependencies",
                    "they are worked out by building the project, which no import does",
                )
            project.lines += lines
        elif item.text == "optional-dependencies":
            for name, node in (named.mapping if named is not None else {}).items():
                project.extras.setdefault(package_name(name), Group(name, node, project.included(node)))


def _groups(table: Node, project: Project) -> None:
    for name, node in table.mapping.items():
        lines = list(_group(table, name, node, project, ()))
        project.groups.setdefault(package_name(name), Group(name, node, lines))


def _group(table: Node, name: str, node: Node, project: Project, way: tuple[str, ...]) -> Iterator[Line]:
    if name in way or len(way) > 20:
        raise refusal(project.origin, node.line, f"the group `{bare(name)}` includes itself in the end")
    for item in node.items:
        included = item.get("include-group")
        if included is None:
            yield from project.texts(name, Node((item,), item.line))
            continue
        wanted = package_name(included.text or "")
        other = next((key for key in table.mapping if package_name(key) == wanted), None)
        if other is None:
            project.note(item, f"include-group {included.text or ''}", "there is no such group")
        else:
            yield from _group(table, other, table.mapping[other], project, (*way, name))


def _read_uv(root: Node, project: Project) -> None:
    table = root.get("tool", "uv")
    if table is None:
        return
    development = table.get("dev-dependencies")
    if development is not None:
        lines = project.texts("dev-dependencies", development)
        project.groups.setdefault("dev", Group("dev", development, lines))
    project.constraints += project.texts(
        "constraint-dependencies", table.get("constraint-dependencies") or Node(None)
    )
    for item in (table.get("override-dependencies") or Node(None)).items:
        project.note(item, item.text or "", "a definition has no overrides")
    for name, node in (table.get("sources") or Node(None)).mapping.items():
        _source(name, node, project)


def _source(name: str, node: Node, project: Project) -> None:
    """Where uv takes a package from; a package of no index is taken out of the requirements."""
    for way in node.items or (node,):
        index = way.get("index")
        if index is not None:
            reason = "it has an index of its own; name that in `indexes` of `catalog.yaml`"
            project.note(way, f"{name}: index {index.text or ''}", reason)
            continue
        kind = next(
            (key for key in ("git", "url", "path", "workspace") if way.get(key) is not None), "source"
        )
        reason = f"it is installed from its `{kind}`; a definition names packages of an index"
        project.note(way, f"{name}: {kind} {(way.get(kind) or way).text or ''}", reason)
        project.without.add(package_name(name))


def _read_others(root: Node, project: Project) -> None:
    for tool, key in (("uv", "index"), ("poetry", "source"), ("pdm", "source")):
        for item in (root.get("tool", tool, key) or Node(None)).items:
            text = f"[[tool.{tool}.{key}]] {text_of(item, 'url')}"
            project.note(item, text, "name the index in `indexes` of `catalog.yaml`")
    for name, node in (root.get("tool", "pdm", "dev-dependencies") or Node(None)).mapping.items():
        project.groups.setdefault(package_name(name), Group(name, node, project.texts(name, node)))
    pixi = root.get("tool", "pixi")
    if pixi is not None:
        project.note(pixi, "[tool.pixi]", "import the file with `--type pixi` for what Pixi reads there")
