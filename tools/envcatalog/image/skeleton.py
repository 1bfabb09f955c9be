"""The environment's folder: a virtual environment without pip, whose interpreter is the image's.

Source: PEP 405 and the `venv` module for `pyvenv.cfg`; `site` reads ``home`` and ``include-system-site-packages``.
"""

from __future__ import annotations

from envcatalog.image.prefix import BIN, PREFIX, site_packages
from envcatalog.image.tar import TarWriter
from envcatalog.image.tree import Bytes, Directory, File, Link, Tree
from envcatalog.model.plan import LayerPlan, PythonTarget

_OWNER = "the environment"
_CONFIGURATION = """\
home = {home}
include-system-site-packages = false
version = {version}
executable = {interpreter}
"""


def own_paths(target: PythonTarget) -> frozenset[str]:
    """The files and links that no package may take."""
    return frozenset(path for path, node in _nodes(target).items() if not isinstance(node, Directory))


def write(layer: LayerPlan, tar: TarWriter) -> None:
    """Write a layer of kind ``environment``."""
    assert layer.python is not None, "the plan of an environment names the interpreter"
    tree = Tree()
    for path, node in _nodes(layer.python).items():
        tree.add(path, node)
    tree.write(tar)


def _nodes(target: PythonTarget) -> dict[str, File | Link | Directory]:
    text = _CONFIGURATION.format(
        home=target.interpreter.rpartition("/")[0], version=target.bytecode, interpreter=target.interpreter
    )
    return {
        f"{PREFIX}/pyvenv.cfg": File(content=Bytes(text.encode()), owner=_OWNER),
        f"{BIN}/python": Link(target=target.interpreter, owner=_OWNER),
        f"{BIN}/python3": Link(target="python", owner=_OWNER),
        f"{BIN}/python{target.version}": Link(target="python", owner=_OWNER),
        f"{PREFIX}/lib64": Link(target="lib", owner=_OWNER),
        site_packages(target): Directory(mode=0o755, owner=_OWNER),
    }
