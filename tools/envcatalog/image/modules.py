"""Byte code for the modules of a layer."""

from __future__ import annotations

import io

from envcatalog.image.bytecode import Compiler, has_bytecode, pyc_path
from envcatalog.image.tree import File, Spool, Tree, read_all
from envcatalog.model.plan import PythonTarget


def add_bytecode(
    tree: Tree, target: PythonTarget, compiler: Compiler, spool: Spool, *, below: tuple[str, ...]
) -> frozenset[str]:
    """Compile the modules below some folders and add what comes out to the tree; the sources that compiled.

    Args:
        spool: takes what comes out; it must live until the tree is written.

    Raises:
        Refusal: see `Compiler.compile`; or the tree has a byte code file of its own already.
    """
    folders = tuple(folder + "/" for folder in below)
    sources = {
        path: node
        for path, node in tree.files()
        if path.startswith(folders) and has_bytecode(path, node.content.size)
    }
    compiled = set()
    asked = (("/" + path, read_all(node.content)) for path, node in sources.items())
    for absolute, data in compiler.compile(asked):
        if data is None:
            continue
        path = absolute[1:]
        content = spool.add(io.BytesIO(data))
        tree.add(pyc_path(path, target), File(content=content, owner=sources[path].owner))
        compiled.add(path)
    return frozenset(compiled)
