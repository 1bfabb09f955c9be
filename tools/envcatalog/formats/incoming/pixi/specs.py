"""One dependency of a pixi manifest: a text or a table, for conda or for pip, in the words of conda and pip."""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node

_CONDA_KEYS = ("version", "build", "channel", "build-number", "build_number")
_PIP_KEYS = ("version", "extras", "markers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """What it asks for.

    Attributes:
        text: for conda's or pip's own reader; empty where nothing can be asked for.
        reason: why something of it is missing; empty for nothing.
    """

    text: str
    reason: str = ""


def conda_dependency(name: str, node: Node) -> Dependency:
    """``numpy = "1.*"`` or ``numpy = { version = "1.*", channel = "conda-forge" }``."""
    if not isinstance(node.value, dict):
        return Dependency(text=f"{name} {_version(node)}".strip())
    if source := _source(node):
        return Dependency(text="", reason=source)
    version, build = _version(node.get("version")), _text(node, "build")
    number = _text(node, "build-number") or _text(node, "build_number")
    channel = _text(node, "channel")
    text = f"{channel}::{name}" if channel else name
    if number and not build:
        keys = f"version='{version}'," if version else ""
        text = f"{text}[{keys}build_number='{number}']"
    elif build:
        text = f"{text} {version or '*'} {build}"
    else:
        text = f"{text} {version}".strip()
    return Dependency(text=text, reason=_others(node, _CONDA_KEYS))


def pip_dependency(name: str, node: Node) -> Dependency:
    """``black = "~=24.0"`` or ``black = { version = "~=24.0", extras = ["jupyter"] }``."""
    if not isinstance(node.value, dict):
        return Dependency(text=f"{name}{_pip_version(node)}")
    if source := _source(node):
        return Dependency(text="", reason=source)
    extras = ",".join(item.text or "" for item in (node.get("extras") or Node(())).items)
    markers = _text(node, "markers")
    text = f"{name}{f'[{extras}]' if extras else ''}{_pip_version(node.get('version'))}"
    return Dependency(text=f"{text}; {markers}" if markers else text, reason=_others(node, _PIP_KEYS))


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return (found.text if found else None) or ""


def _version(node: Node | None) -> str:
    text = (node.text if node else None) or ""
    return "" if text == "*" else text


def _pip_version(node: Node | None) -> str:
    version = _version(node)
    return f"=={version}" if version[:1].isdigit() else version


def _source(node: Node) -> str:
    if any(key in node.mapping for key in ("git", "path", "url", "workspace")):
        return "it is installed from an address or a folder; a definition names packages"
    return ""


def _others(node: Node, known: tuple[str, ...]) -> str:
    others = [key for key in node.mapping if key not in known]
    if not others:
        return ""
    return f"`{bare(', '.join(others), 60)}` of it has no place in a definition"
