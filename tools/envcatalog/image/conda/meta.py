"""The records in `conda-meta/`, by which conda, its relatives and scanners know what is installed.

One file for each package, complete but for what only a machine could say: no address it came from (the channel's name
stands in its place, and a package URL), no folder it was unpacked in, no time. Fields as conda's `PrefixRecord` has
them. `history` holds what was asked for, for ``conda env export --from-history`` and for conda's own solver.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from envcatalog.formats.archives.conda_info import PathEntry
from envcatalog.image.bytecode import pyc_path
from envcatalog.image.conda.files import Placed, Unpacked
from envcatalog.image.prefix import PREFIX
from envcatalog.image.tree import Content, Directory, File, Link, pieces
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import PythonTarget

_COPY = 3  # conda's LinkType: the file is the environment's own, not another name of one in a cache
_FROM_INDEX = (
    "arch",
    "build_number",
    "constrains",
    "features",
    "legacy_bz2_md5",
    "legacy_bz2_size",
    "license",
    "license_family",
    "noarch",
    "platform",
    "python_site_packages_path",
    "timestamp",
    "track_features",
)
_KINDS = {"file": "hardlink", "softlink": "softlink", "directory": "directory"}


def record(
    unpacked: Unpacked, compiled: frozenset[str], target: PythonTarget | None, requested: str
) -> bytes:
    """``<name>-<version>-<build>.json``.

    Args:
        compiled: paths in the image of the modules that have byte code.
        requested: the MatchSpec that asked for the package; empty for none.
    """
    package, index = unpacked.package, unpacked.info.index
    paths = [_path(item) for item in unpacked.files]
    if target is not None:
        cached = (pyc_path(item.path, target) for item in unpacked.files if item.path in compiled)
        paths += [{"_path": _inside(path), "path_type": "pyc_file"} for path in cached]
    paths.sort(key=lambda path: str(path["_path"]))
    value: dict[str, Any] = {name: index[name] for name in _FROM_INDEX if _is_plain(index.get(name))}
    value |= {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "channel": package.channel,
        "subdir": package.subdir,
        "fn": package.file,
        "url": package_url(package),
        "size": package.size,
        "sha256": package.sha256,
        "depends": list(package.depends),
        "files": [path["_path"] for path in paths if path["path_type"] != "directory"],
        "paths_data": {"paths": paths, "paths_version": 1},
        "link": {"source": "", "type": _COPY},
    }
    if requested:
        value |= {"requested_spec": requested, "requested_specs": [requested]}
    return _json(value)


def package_url(package: CondaPackage) -> str:
    """A package URL ("purl", type ``conda``): says what it is, and no place where it would be."""
    kind = "conda" if package.file.endswith(".conda") else "tar.bz2"
    qualifiers = {"build": package.build, "channel": package.channel, "subdir": package.subdir, "type": kind}
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in qualifiers.items())
    return f"pkg:conda/{quote(package.name, safe='')}@{quote(package.version, safe='')}?{text}"


def _path(item: Placed) -> dict[str, Any]:
    path = _inside(item.path)
    if isinstance(item.node, Directory):
        return {"_path": path, "path_type": "directory"}
    if isinstance(item.node, Link):
        data = item.node.target.encode()
        digest = hashlib.sha256(data).hexdigest()
        said = item.entry.sha256 if item.entry else ""
        size = item.entry.size if item.entry and item.entry.size is not None else len(data)
        return {
            "_path": path,
            "path_type": "softlink",
            "sha256": said or digest,
            "sha256_in_prefix": digest,
            "size_in_bytes": size,
        }
    if item.entry is None:
        digest = _digest(item.node.content)
        return {
            "_path": path,
            "path_type": "unix_python_entry_point",
            "sha256": digest,
            "sha256_in_prefix": digest,
            "size_in_bytes": item.node.content.size,
        }
    return _file(path, item, item.node, item.entry)


def _file(path: str, item: Placed, node: File, entry: PathEntry) -> dict[str, Any]:
    raw = item.raw or node.content
    original = entry.sha256 or _digest(raw)
    value: dict[str, Any] = {
        "_path": path,
        "path_type": "hardlink",
        "sha256": original,
        "sha256_in_prefix": original if not entry.placeholder else _digest(node.content),
        "size_in_bytes": node.content.size,  # of what is installed, as the second digest
    }
    if entry.placeholder:
        value |= {"file_mode": entry.mode, "prefix_placeholder": entry.placeholder}
    return value


def _is_plain(value: object) -> bool:
    """Whether a field of a stranger's has one spelling in JSON, and is of a kind that such fields are."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int)


def _inside(path: str) -> str:
    return path.removeprefix(PREFIX + "/")


def _digest(content: Content) -> str:
    digest = hashlib.sha256()
    with content.open() as stream:
        for piece in pieces(stream):
            digest.update(piece)
    return digest.hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
