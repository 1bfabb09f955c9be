"""Layers merged into one tree of hard links, with whiteouts applied: where an overlay cannot do it.

The result shares its files with the layers, so it may only be mounted read-only or as an overlay's lower.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from envcatalog.run.sandbox.rootfs import rename_into

MOUNT_POINTS = ("dev", "proc", "sys", "tmp")


def whiteouts_of(layer: Path) -> list[str]:
    """What the unpacked layer hides of the layers below it."""
    value: list[str] = json.loads((layer / "whiteouts").read_text())
    return value


def merged(layers: Sequence[Path], folder: Path) -> Path:
    """The tree of the unpacked layers, lowest first; made once for each sequence of layers."""
    chain = hashlib.sha256("\n".join(layer.name for layer in layers).encode()).hexdigest()
    place = folder / f"merged-{chain}"
    if place.is_dir():
        os.utime(place)
        return place / "tree"
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        tree = made / "tree"
        tree.mkdir()
        for layer in layers:
            for path in whiteouts_of(layer):
                _hide(tree, path)
            _link_tree(layer / "tree", tree)
        for name in MOUNT_POINTS:
            if not os.path.lexists(tree / name):
                (tree / name).mkdir()
        rename_into(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place / "tree"


def _hide(tree: Path, path: str) -> None:
    target = tree
    for part in path.rstrip("/").split("/"):
        if target.is_symlink() or not target.is_dir():
            return
        target = target / part if part else target
    if not path.endswith("/"):
        _remove(target)
    elif target.is_dir() and not target.is_symlink():
        for entry in target.iterdir():
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link_tree(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                if place.is_symlink() or not place.is_dir():
                    _remove(place)
                    place.mkdir()
                _link_tree(source / entry.name, place)
                place.chmod(entry.stat(follow_symlinks=False).st_mode & 0o1777)
            else:
                _remove(place)
                _link(source / entry.name, place)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        # A file system may lack hard links or have used up a file's.
        shutil.copy2(source, place, follow_symlinks=False)
