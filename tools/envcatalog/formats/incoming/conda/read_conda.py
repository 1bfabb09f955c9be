"""conda's `environment.yml`, as people and `conda env export` write it.

Source: conda's documentation, "Managing environments". Comments mean nothing there; a selector such as ``# [win]``,
which conda-build and conda-lock obey, is obeyed here too, so that an image gets what Linux gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, read_yaml, refusal
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS
from envcatalog.formats.incoming.conda.systems import excludes_linux, made_on, only_for, selector_of
from envcatalog.model.draft import Draft, Files, Wanted
from envcatalog.model.errors import Refusal

MAX_BYTES = 1 << 20
_TEMPLATE = re.compile(r"^[^#\n]*?(\{\{|\{%|<%)", re.MULTILINE)
_SELECTED = re.compile(r"sel\((.*)\)\Z")
_NAME = re.compile(r"(?:.*::)?\s*([A-Za-z0-9_.-]+)")


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    if len(data) > MAX_BYTES:
        raise refusal(origin, 0, f"the file has {len(data)} bytes, and at most {MAX_BYTES} are read")
    text = read_text(data, origin)
    try:
        root = read_yaml(text, origin)
    except Refusal as error:
        raise _template(text, origin) or error from None
    return read_conda_node(root, origin, files, wanted, lines=text.split("\n"))


def read_conda_node(
    root: Node, origin: str, files: Files, wanted: Wanted, *, lines: Sequence[str] = ()
) -> Draft:
    """The same for what was read of it already, such as a mapping within another file.

    Args:
        lines: of the file, for selectors in comments.
    """
    if root.value is None:
        raise refusal(origin, root.line, "the file is empty")
    if not isinstance(root.value, dict):
        raise refusal(origin, root.line, f"it is {root.kind}, and a conda environment is a mapping")
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    reading.begin = (root.get("dependencies") or root).line
    listed = tuple(_listed(root, reading, lines))
    prefix = root.get("prefix")
    reading.system = made_on((prefix.text if prefix else None) or "", map(_name, listed))
    for node in _texts(root, "channels", reading):
        reading.channel(node.text or "", node.line)
    for node in listed:
        _dependency(node, reading)
    _rest(root, reading)
    return reading.draft()


def _template(text: str, origin: str) -> Refusal | None:
    match = _TEMPLATE.search(text)
    if match is None:
        return None
    line = text.count("\n", 0, match.start(1)) + 1
    return refusal(origin, line, f"`{match[1]}` begins a template", "fill it in first, and import the result")


def _listed(root: Node, reading: CondaReading, lines: Sequence[str]) -> Iterator[Node]:
    """Items of `dependencies` that are for Linux; those of lists within it, too."""
    node = root.get("dependencies")
    if node is None or node.value is None:
        return
    if not isinstance(node.value, tuple):
        hint = "write each package after a `- `"
        raise refusal(reading.origin, node.line, f"`dependencies` is {node.kind}, and must be a list", hint)
    for item in node.items:
        for inner in item.items or (item,):
            if not _left_out(inner, reading, lines):
                yield inner


def _left_out(item: Node, reading: CondaReading, lines: Sequence[str]) -> bool:
    selector = selector_of(lines[item.line - 1]) if item.line <= len(lines) else ""
    if not selector:
        return False
    excluded = excludes_linux(selector)
    text = item.text or item.kind
    if excluded:
        reading.note(item.line, text, f"its selector `[{bare(selector)}]` leaves Linux out", lost=False)
    elif excluded is None:
        reading.note(
            item.line, text, f"its selector `[{bare(selector)}]` is not understood; it is kept", lost=False
        )
    return bool(excluded)


def _name(item: Node) -> str:
    match = _NAME.match(item.text or "")
    return match[1].lower() if match else ""


def _dependency(item: Node, reading: CondaReading) -> None:
    if item.value is None or item.value == "":
        reading.note(item.line, "-", "it says nothing", lost=False)
        return
    if isinstance(item.value, str):
        system = only_for(_name(item))
        if system:
            reading.note(
                item.line, item.text or "", f"it is a package for {system}, and images are for Linux"
            )
        else:
            reading.package(item.text or "", item.line)
        return
    if not isinstance(item.value, dict):
        reading.note(item.line, item.kind, "it is no package")
        return
    for key, node in item.value.items():
        if key == "pip":
            _pip(node, reading)
        elif isinstance(node.value, str) or node.value is None:
            _mapped(key, node, reading)
        else:
            reading.note(node.line, key, "conda knows no such part; only `pip:` may stand here")


def _mapped(key: str, node: Node, reading: CondaReading) -> None:
    """``- sel(linux): gdb`` of micromamba; ``- numpy: 1.2``, which conda does not take, but says what is meant."""
    selector = _SELECTED.match(key)
    if selector and node.text:
        if excludes_linux(selector[1]) is False:
            reading.package(node.text, node.line)
        else:
            reading.note(node.line, f"{key}: {node.text}", "it is not for Linux", lost=False)
        return
    if node.value is None or not re.match(r"[0-9=<>!~*]", node.text or ""):
        reading.note(node.line, f"{key}: {node.text or ''}".strip(), "conda knows no such part")
        return
    version = node.text or ""
    reading.package(f"{key}={version}" if version[:1].isdigit() else f"{key}{version}", node.line)


def _pip(node: Node, reading: CondaReading) -> None:
    """The list of pip's lines; one text is one line, or several."""
    if isinstance(node.value, str):
        for text in node.value.splitlines():
            reading.requirement(text, node.line)
        return
    for item in node.items:
        if isinstance(item.value, str):
            reading.requirement(item.value, item.line)
        elif item.value is not None:
            reading.note(item.line, next(iter(item.mapping), item.kind), "it is no line for pip")
    if isinstance(node.value, dict):
        reading.note(node.line, "pip:", f"it is {node.kind}, and must be a list")


def _texts(root: Node, key: str, reading: CondaReading) -> Iterator[Node]:
    """The texts of a list, or the one text that stands in its place."""
    node = root.get(key)
    for item in () if node is None else node.items or (node,):
        if item.text:
            yield item
        elif item.value is not None and item.value != ():
            reading.note(item.line, f"{key}:", f"it is {item.kind}, and a text is meant")


def _rest(root: Node, reading: CondaReading) -> None:
    for key, node in root.mapping.items():
        if key in ("name", "channels", "dependencies"):
            continue
        if key == "variables":
            _variables(node, reading)
        elif key == "platforms":
            _platforms(root, reading)
        elif key == "prefix":
            reason = "it is a folder of the machine where the file was made"
            reading.note(node.line, f"prefix: {node.text or ''}", reason, lost=False)
        elif node.value is not None and node.value not in ((), {}):
            reading.note(node.line, f"{key}: {node.text or ''}".strip(), "conda's format has no such key")


def _variables(node: Node, reading: CondaReading) -> None:
    if isinstance(node.value, dict):
        pairs = [(name, item, item.line) for name, item in node.value.items()]
    else:
        pairs = [(name, item, item.line) for part in node.items for name, item in part.mapping.items()]
        for part in node.items:
            name, sign, value = (part.text or "").partition("=")
            if sign:
                pairs.append((name.strip(), Node(value.strip(), part.line), part.line))
            elif part.text:
                reading.note(part.line, part.text, "it is no variable with a value")
    for name, item, line in pairs:
        if isinstance(item.value, str) or item.value is None:
            reading.variable(name, item.value, line)
        else:
            reading.note(line, name, f"its value is {item.kind}, and must be a text")


def _platforms(root: Node, reading: CondaReading) -> None:
    for node in _texts(root, "platforms", reading):
        platform = SUBDIRS.get(node.text or "")
        if platform:
            reading.platforms.add(platform)
        else:
            reading.note(node.line, node.text or "", "images are for Linux on amd64 and arm64", lost=False)
