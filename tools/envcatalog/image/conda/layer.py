"""Conda packages as an installer would leave them in `/opt/env`, without an installer running.

What goes where, which programs are made, how a prefix is replaced and what `conda-meta/` says follow conda and rattler,
whose installer the tests compare with, file by file. Deliberate differences:

- no script of a package runs: neither when it is linked nor when an environment is activated
  (`conda_scripts`);
- byte code is ours, as in all layers: ``__pycache__`` folders of a package are left out;
- files are 0755 or 0644, whatever the umask was where the package was built;
- what two packages hold with different contents is an error, where conda only warns.
"""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.image.bytecode import Compiler
from envcatalog.image.conda.files import Unpacked, library, unpack
from envcatalog.image.conda.history import META
from envcatalog.image.conda.meta import record
from envcatalog.image.modules import add_bytecode
from envcatalog.image.tar import TarWriter
from envcatalog.image.tree import Bytes, File, Spool, Tree
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import LayerPlan
from envcatalog.model.seams import Artefacts


def write(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter) -> None:
    """Write a layer of kind ``conda``.

    Raises:
        Refusal: a package is damaged or hostile, or two of them hold the same path with different contents.
    """
    target, requested = layer.python, dict(layer.requested)
    packages = [package for package in layer.artefacts if isinstance(package, CondaPackage)]
    with Spool() as raw, Spool() as fresh:
        unpacked = [unpack(package, artefacts, target, raw=raw, fresh=fresh) for package in packages]
        tree = _tree(unpacked)
        compiled: frozenset[str] = frozenset()
        if target is not None:
            compiled = add_bytecode(tree, target, compiler, fresh, below=(library(target),))
        for one in unpacked:
            package = one.package
            data = record(one, compiled, target, requested.get(package.name, ""))
            stem = f"{package.name}-{package.version}-{package.build}"
            tree.add(f"{META}/{stem}.json", File(content=Bytes(data), owner=package.file))
        tree.write(tar)


def _tree(unpacked: Iterable[Unpacked]) -> Tree:
    tree = Tree()
    for one in unpacked:
        for item in one.files:
            tree.add(item.path, item.node)
    return tree
