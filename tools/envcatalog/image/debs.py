"""Debian packages unpacked as distroless images are: no maintainer script runs, no package database but a record.

What differs from a package's own files:

- folders that are one with their namesakes in `usr/` are spelt that way, in link targets too (UsrMerge);
- left out: manual and info pages, translations, lintian's and bug reports' files, and all documentation but
  `copyright`, as Debian's own slim images leave them out;
- files are 0755 or 0644 and belong to root, so that no program is set-uid; folders keep their mode, but for
  set-uid and set-gid;
- `/var/lib/dpkg/status.d/NAME` and `NAME.md5sums` say what is installed, where scanners look for it;
- ``ca-certificates`` comes with the bundle that its script would make, and OpenSSL's default file links to it;
- the modules of the interpreter and of `dist-packages` come with byte code, which their scripts would make.

What only a script does (alternatives, users, caches, `ld.so.conf`) is not done.
"""

from __future__ import annotations

from envcatalog.image.bytecode import Compiler
from envcatalog.image.deb_files import package_tree
from envcatalog.image.modules import add_bytecode
from envcatalog.image.tar import TarWriter
from envcatalog.image.tree import Spool
from envcatalog.model.lock import Deb
from envcatalog.model.plan import LayerPlan
from envcatalog.model.seams import Artefacts


def write(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter) -> None:
    """Write a layer of kind ``debs``.

    Raises:
        Refusal: a package is damaged or hostile, or two of them hold the same path with different contents.
    """
    debs = tuple(deb for deb in layer.artefacts if isinstance(deb, Deb))
    with Spool() as spool:
        tree = package_tree(debs, artefacts, spool)
        if layer.python is not None:
            version = layer.python.version
            below = (f"usr/lib/python{version}", "usr/lib/python3/dist-packages")
            add_bytecode(tree, layer.python, compiler, spool, below=below)
        tree.write(tar)
