"""The tables of Poetry in a `pyproject.toml`."""

from __future__ import annotations

from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import Node
from envcatalog.formats.incoming.python.drafting import note_at
from envcatalog.formats.incoming.python.poetry import Inexpressible, Poetic, entries, specifier
from envcatalog.formats.incoming.python.project import Group, Project
from envcatalog.formats.incoming.python.requirement_lines import Line
from envcatalog.model.draft import Note


def read_poetry(root: Node, project: Project) -> None:
    """Add what `[tool.poetry]` says to what `[project]` says, which comes first."""
    poetry = root.get("tool", "poetry")
    if poetry is None or not poetry.mapping:
        return
    project.found = True
    for key in ("name", "description"):
        value = poetry.get(key)
        if value is not None and not getattr(project, key):
            setattr(project, key, value.text or "")
    _dependencies(poetry, project, root.get("project", "dependencies") is not None)
    for name, table in (poetry.get("group") or Node(None)).mapping.items():
        dependencies = table.get("dependencies")
        if dependencies is not None:
            _group(name, dependencies, project)
    development = poetry.get("dev-dependencies")
    if development is not None:
        _group("dev", development, project)


def _dependencies(poetry: Node, project: Project, enriched: bool) -> None:
    table = poetry.get("dependencies")
    optional: dict[str, list[Line]] = {}
    for name, value in (table.mapping if table is not None else {}).items():
        if name.lower() == "python":
            _python(value, project)
        elif enriched:  # such an entry only says where a package of `[project]` comes from
            _source(name, value, project)
        else:
            for entry in entries(name, value):
                line = Line(text=entry.text, file=project.origin, number=entry.node.line)
                if entry.reason:
                    project.notes.append(_note(name, entry, project))
                if entry.text and entry.optional:
                    optional.setdefault(package_name(name), []).append(line)
                elif entry.text:
                    project.lines.append(line)
    _extras(poetry, optional, project)


def _extras(poetry: Node, optional: dict[str, list[Line]], project: Project) -> None:
    for name, node in (poetry.get("extras") or Node(None)).mapping.items():
        wanted = [package_name(item.text or "") for item in node.items]
        lines = [line for key in wanted for line in optional.get(key, ())]
        project.extras.setdefault(package_name(name), Group(name, node, lines))


def _python(value: Node, project: Project) -> None:
    text = value.text or ""
    try:
        asked = "||".join(",".join(specifier(part)) for part in text.split("||"))
    except Inexpressible:
        asked = text
    if asked:
        project.ask(asked, value, f'python = "{text}"')


def _source(name: str, value: Node, project: Project) -> None:
    for node in value.items or (value,):
        for key in ("git", "path", "url", "source"):
            found = node.get(key)
            if found is not None:
                reason = "it has a source of its own; a definition names packages of the catalog's indexes"
                project.note(node, f"{name}: {key} {found.text or ''}", reason)
                if key != "source":
                    project.without.add(package_name(name))


def _group(name: str, table: Node, project: Project) -> None:
    found = [(key, entry) for key, value in table.mapping.items() for entry in entries(key, value)]
    lines = [
        Line(text=entry.text, file=project.origin, number=entry.node.line) for _, entry in found if entry.text
    ]
    notes = [_note(key, entry, project) for key, entry in found if entry.reason]
    project.groups.setdefault(package_name(name), Group(name, table, lines, notes))


def _note(name: str, entry: Poetic, project: Project) -> Note:
    return note_at(project.origin, entry.node, f"{name} = {_shown(entry.node)}", entry.reason)


def _shown(node: Node) -> str:
    if node.mapping:
        return "{" + ", ".join(f"{key} = {value.text or '...'}" for key, value in node.mapping.items()) + "}"
    return node.text or ""
