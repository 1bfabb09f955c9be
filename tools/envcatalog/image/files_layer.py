"""Layers of kind ``files``: what the plan itself says (links, small texts), and Java's certificates.

They hold what maintainer scripts or settings of the definition make, and may replace what lower layers hold: a
child's choice of an alternative, or its Spark properties, stand above its base's.
"""

from __future__ import annotations

from envcatalog.image.deb_files import package_tree
from envcatalog.image.keystore import KEYSTORE, keystore
from envcatalog.image.tar import TarWriter
from envcatalog.image.tree import Bytes, File, Link, Spool, Tree, read_all
from envcatalog.model.lock import Deb
from envcatalog.model.plan import LayerPlan
from envcatalog.model.seams import Artefacts

_OWNER = "the environment"
_CERTIFICATES = "usr/share/ca-certificates/"


def write(layer: LayerPlan, artefacts: Artefacts, tar: TarWriter) -> None:
    """Write a layer of kind ``files``; a Debian package among its artefacts is `ca-certificates`, for Java.

    Raises:
        Refusal: the package is damaged or hostile.
    """
    tree = Tree()
    for path, target in layer.links:
        tree.add(path, Link(target=target, owner=_OWNER))
    for path, text in layer.texts:
        tree.add(path, File(content=Bytes(text.encode()), owner=_OWNER))
    debs = tuple(deb for deb in layer.artefacts if isinstance(deb, Deb))
    if debs:
        data = keystore(_certificates(debs, artefacts))
        tree.add(KEYSTORE, File(content=Bytes(data), owner=debs[0].file))
    tree.write(tar)


def _certificates(debs: tuple[Deb, ...], artefacts: Artefacts) -> dict[str, bytes]:
    with Spool() as spool:
        files = package_tree(debs, artefacts, spool).files()
        return {
            path.rpartition("/")[2]: read_all(file.content)
            for path, file in files
            if path.startswith(_CERTIFICATES) and path.endswith(".crt")
        }
