"""Byte code for the modules of a layer."""

from __future__ import annotations

import io

from envcatalog.image.bytecode import Compiler, has_bytecode, pyc_path
from envcatalog.image.tree import File, Link, Node, Spool, Tree, read_all
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
    sources: dict[str, File] = {}
    for path, node in tree.items():
        file = _file(tree, node)
        if file is not None and path.startswith(folders) and has_bytecode(path, file.content.size):
            sources[path] = file
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


def _file(tree: Tree, node: Node | None) -> File | None:
    # Debian's `sitecustomize.py` is a link to a configuration file; each start would compile it.
    if isinstance(node, Link) and node.target.startswith("/"):
        node = tree.node(node.target[1:])
    return node if isinstance(node, File) else None
