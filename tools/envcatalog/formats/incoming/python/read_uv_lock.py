"""`uv.lock` to a definition: what the project needs on Linux, at the versions that were locked.

A lock of uv holds all platforms, extras and groups at once, so the way goes from the project along its
dependencies, as ``uv sync`` goes. Source: uv's documentation, "The lockfile".
"""

from __future__ import annotations

from collections import Counter

from envcatalog.definition.finding import bare, listed
from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import Node, read_text, refusal
from envcatalog.definition.text.foreign_plain import read_toml
from envcatalog.formats.incoming.python.drafting import draft_of, note_at
from envcatalog.formats.incoming.python.python_choice import Asked, choose_python
from envcatalog.formats.incoming.python.requirement_lines import Line, read_lines
from envcatalog.formats.incoming.python.requirement_one import MACHINES
from envcatalog.formats.incoming.python.uv_walk import PROJECTS, Package, Walk, source_of
from envcatalog.model.draft import Draft, Files, Note, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM

_VERSIONS = ("1",)
_HASHES = "the hashes of its files are not in a definition; the lock holds those of the files it chooses"
_INDEX = "packages come from the machine's index, or from `indexes` of `catalog.yaml`"


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    root = read_toml(read_text(data, origin), origin)
    version = root.get("version")
    if version is None or version.text not in _VERSIONS:
        line = version.line if version is not None else 0
        raise refusal(
            origin, line, "it is no lock of uv in version 1", "import the `pyproject.toml` beside it"
        )
    packages = tuple(Package(node) for node in (root.get("package") or Node(None)).items)
    asked = _asked(root, origin)
    python = choose_python(wanted, asked, origin).version
    platforms = wanted.platforms or (DEFAULT_PLATFORM,)
    walk = Walk(packages=packages, extras=wanted.extras, groups=wanted.groups)
    projects = _projects(root, packages, wanted, origin)
    needed: dict[int, set[str]] = {}
    for platform in platforms:
        for index in walk.needed(projects, _manifest(root), python, MACHINES[platform]):
            needed.setdefault(index, set()).add(platform)
    notes = [*_optional(projects, wanted, origin), *_indexes(packages, needed, origin)]
    notes += _left_out(packages, needed, projects, origin)
    lines = [
        _line(packages[index], found, platforms, origin)
        for index, found in sorted(needed.items())
        if packages[index].registry
    ]
    if lines:
        notes.append(Note(file=origin, line=lines[0].number, text="hashes", reason=_HASHES, lost=False))
    return draft_of(wanted, origin, read_lines(lines, files), asked=asked, notes=notes)


def _asked(root: Node, origin: str) -> Asked | None:
    node = root.get("requires-python")
    if node is None or not node.text:
        return None
    return Asked(
        specifier=node.text, file=origin, line=node.line, text=f'requires-python = "{bare(node.text)}"'
    )


def _manifest(root: Node) -> tuple[Node, ...]:
    """Requirements of a script, which is no package."""
    node = root.get("manifest", "requirements")
    return node.items if node is not None else ()


def _projects(root: Node, packages: tuple[Package, ...], wanted: Wanted, origin: str) -> tuple[Package, ...]:
    """The project that the lock was made for, or all members of a workspace without one."""
    found = [package for package in packages if package.kind in PROJECTS]
    main = [package for package in found if package.place in (".", "")]
    members = {
        package_name(item.text or "") for item in (root.get("manifest", "members") or Node(None)).items
    }
    projects = tuple(main or [package for package in found if not members or package.name in members])
    if not projects and not _manifest(root):
        raise refusal(origin, 0, "it names no project, so nothing says what is needed of it")
    for kind, names, key in (("extra", wanted.extras, "extras"), ("group", wanted.groups, "groups")):
        known = {name for project in projects for name in getattr(project, key)}
        for name in names:
            if package_name(name) not in known:
                hint = f"it has {listed(sorted(known))}" if known else "it has none"
                raise refusal(origin, 0, f"there is no {kind} `{bare(name)}` in this lock", hint)
    return projects


def _optional(projects: tuple[Package, ...], wanted: Wanted, origin: str) -> list[Note]:
    notes = []
    for kind, names, key in (("extra", wanted.extras, "extras"), ("group", wanted.groups, "groups")):
        chosen = {package_name(name) for name in names}
        for project in projects:
            for name, nodes in getattr(project, key).items():
                if name not in chosen and nodes:
                    reason = f"it is optional; taken with `--{kind} {bare(name)}`"
                    notes.append(note_at(origin, nodes[0], f"{kind} {name}", reason, lost=False))
    return notes


def _line(package: Package, found: set[str], platforms: tuple[str, ...], origin: str) -> Line:
    marker = ""
    if len(found) < len(platforms):
        marker = f' ; platform_machine == "{MACHINES[next(iter(found))]}"'
    text = f"{package.name}=={package.version}{marker}"
    return Line(text=text, file=origin, number=package.node.line)


def _indexes(packages: tuple[Package, ...], needed: dict[int, set[str]], origin: str) -> list[Note]:
    """The index of most packages is taken for the machine's; packages of each other one are noted."""
    counted = Counter(package.place for package in packages if package.registry)
    usual = next((place for place, _ in counted.most_common(1)), "")
    notes, seen = [], set()
    for index in sorted(needed):
        package = packages[index]
        if not package.registry or (package.place == usual and usual in seen):
            continue
        seen.add(package.place)
        text = f"{package.name} {package.version}: {package.place}"
        notes.append(note_at(origin, package.node, text, _INDEX, lost=package.place != usual))
    return notes


def _left_out(
    packages: tuple[Package, ...], needed: dict[int, set[str]], projects: tuple[Package, ...], origin: str
) -> list[Note]:
    notes = []
    for index in sorted(needed):
        package = packages[index]
        if package.registry:
            continue
        reason = (
            f"it is installed from its `{source_of(package.node)}`; a definition names packages of an index"
        )
        lost = package not in projects
        if not lost:
            reason = "the project itself is not in the image, only what it depends on"
        notes.append(note_at(origin, package.node, package.name, reason, lost=lost))
    return notes
