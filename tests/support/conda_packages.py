"""Conda packages written in the test, right or wrong: ``.conda`` (a zip of two zstd tars) and ``.tar.bz2``."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from envcatalog.model.lock import CondaPackage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Kind = Literal["conda", "tar.bz2"]
EPOCH = (1980, 1, 1, 0, 0, 0)
# As long as those that the ecosystem's builders use, so that any real prefix fits into its place.
PLACEHOLDER = "/build/" + "_placehold" * 24
SCRIPT_KINDS = ("pre-link", "post-link", "pre-unlink")


@dataclass(frozen=True)
class Text:
    """A file of a package.

    Attributes:
        placeholder: the prefix that its content holds; empty for none.
        mode: how the prefix is replaced.
    """

    data: bytes
    executable: bool = False
    placeholder: str = ""
    mode: Literal["text", "binary"] = "text"


@dataclass(frozen=True)
class Soft:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Hard:
    """Another name of a file of the same package."""

    target: str


Node = Text | Soft | Hard | bytes | str


@dataclass(frozen=True)
class Member:
    """An entry of a tar as it is written, whatever it says."""

    info: tarfile.TarInfo
    data: bytes = b""


def member(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644
) -> Member:
    """One entry."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, target, mode, len(data)
    return Member(info, data)


def write_package(
    folder: Path,
    name: str,
    version: str = "1.0",
    build: str = "0",
    *,
    files: Mapping[str, Node] | None = None,
    subdir: str = "linux-64",
    kind: Kind = "conda",
    depends: Iterable[str] = (),
    noarch: Literal["", "python", "generic"] = "",
    entry_points: Iterable[str] = (),
    index: Mapping[str, Any] | None = None,
    paths: list[dict[str, Any]] | None = None,
    info: Mapping[str, bytes] | None = None,
    members: Iterable[Member] = (),
    level: int = 1,
) -> Path:
    """A package below ``folder/<subdir>``; `index`, `paths` and `info` replace what is right, `members` come last."""
    nodes = dict(files or {})
    number = build.rpartition("_")[2]
    record: dict[str, Any] = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": int(number) if number.isdigit() else 0,
        "depends": list(depends),
        "subdir": subdir,
        "license": "BSD-3-Clause",
        **({"noarch": noarch} if noarch else {}),
        **(index or {}),
    }
    entries = paths if paths is not None else [_path(nodes, path) for path in sorted(nodes)]
    about = {
        "info/index.json": _json(record),
        "info/paths.json": _json({"paths": entries, "paths_version": 1}),
        "info/files": "".join(f"{path}\n" for path in sorted(nodes)).encode(),
        "info/about.json": _json({"license": "BSD-3-Clause", "summary": f"{name} for a test"}),
        "info/licenses/LICENSE.txt": b"Do what you like.\n",
    }
    if noarch == "python":
        link = {
            "noarch": {"type": "python", "entry_points": list(entry_points)},
            "package_metadata_version": 1,
        }
        about["info/link.json"] = _json(link)
    about |= info or {}
    place = folder / subdir
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}-{version}-{build}.{kind}"
    meta = [member(inner, data) for inner, data in about.items() if data]
    content = [_member(inner, node) for inner, node in _hard_links_last(nodes)] + list(members)
    if kind == "tar.bz2":
        path.write_bytes(bz2.compress(tar_bytes(meta + content), 1))
        return path
    stem = f"{name}-{version}-{build}"
    write_conda(path, {
        "metadata.json": b'{"conda_pkg_format_version": 2}',
        f"pkg-{stem}.tar.zst": zstd.compress(tar_bytes(content), level),
        f"info-{stem}.tar.zst": zstd.compress(tar_bytes(meta), level),
    })  # fmt: skip
    return path


def write_conda(path: Path, members: Mapping[str, bytes]) -> None:
    """The outer zip, all members stored."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)


def tar_bytes(members: Iterable[Member]) -> bytes:
    """A tar of the entries, in order, twice the same where one is given twice."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in members:
            archive.addfile(entry.info, io.BytesIO(entry.data))
    return out.getvalue()


def locked_package(path: Path, channel: str = "local") -> CondaPackage:
    """A package file as a lock names it."""
    stem = path.name.removesuffix(".conda").removesuffix(".tar.bz2")
    name, version, build = stem.rsplit("-", 2)
    return CondaPackage(
        name=name,
        version=version,
        build=build,
        channel=channel,
        subdir=path.parent.name,
        file=path.name,
        size=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()


def _node(node: Node) -> Text | Soft | Hard:
    if isinstance(node, str):
        return Text(node.encode())
    return Text(node) if isinstance(node, bytes) else node


def _member(path: str, node: Node) -> Member:
    node = _node(node)
    if isinstance(node, Soft):
        return member(path, kind=tarfile.SYMTYPE, target=node.target, mode=0o777)
    if isinstance(node, Hard):
        return member(path, kind=tarfile.LNKTYPE, target=node.target)
    # 0664 and 0775: what a group's umask leaves, and what no image should have.
    return member(path, node.data, mode=0o775 if node.executable else 0o664)


def _hard_links_last(nodes: Mapping[str, Node]) -> list[tuple[str, Node]]:
    return sorted(nodes.items(), key=lambda item: (isinstance(item[1], Hard), item[0]))


def _path(nodes: Mapping[str, Node], path: str) -> dict[str, Any]:
    node = _node(nodes[path])
    if isinstance(node, Soft):
        inner = str(Path(path).parent / node.target)
        there = nodes.get(inner.removeprefix("./"))
        data = _data(nodes, there) if there is not None else b""
        return {"_path": path, "path_type": "softlink", "sha256": _sha256(data), "size_in_bytes": len(data)}
    data = _data(nodes, node)
    entry: dict[str, Any] = {
        "_path": path, "path_type": "hardlink", "sha256": _sha256(data), "size_in_bytes": len(data)
    }  # fmt: skip
    while isinstance(node, Hard):
        node = _node(nodes[node.target])
    if isinstance(node, Text) and node.placeholder:
        entry |= {"prefix_placeholder": node.placeholder, "file_mode": node.mode}
    return entry


def _data(nodes: Mapping[str, Node], node: Node) -> bytes:
    node = _node(node)
    if isinstance(node, Hard):
        return _data(nodes, nodes[node.target])
    return node.data if isinstance(node, Text) else b""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
