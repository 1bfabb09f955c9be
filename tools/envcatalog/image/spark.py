"""Spark from `pyspark`'s source archive, which is only unpacked: its `setup.py` is left where it is.

Apache publishes `pyspark` as a source archive alone. It holds nothing to compile, so where its files go is
all that an installation would decide, and that is told here: ``pyspark/`` as it is, ``lib/`` to
``pyspark/python/lib``, and ``deps/`` into the package, from where ``bin`` is copied onto PATH as well. The result
is what pip leaves, file by file, but for the byte code's form, the text of ``METADATA`` (the archive's own
``PKG-INFO``) and what says who installed it.

The jars are a layer of their own, so that the modules are not sent again with them.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from envcatalog.formats.archives.sdist import BadSdist, SourceArchive
from envcatalog.image.bytecode import Compiler, pyc_path
from envcatalog.image.modules import add_bytecode
from envcatalog.image.prefix import BIN, site_packages
from envcatalog.image.tar import Source, TarWriter
from envcatalog.image.tree import Bytes, Content, File, Spool, Tree, pieces, read_all
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import LockedFile
from envcatalog.model.plan import LayerPlan, PythonTarget
from envcatalog.model.seams import Artefacts

PROJECT = "pyspark"

_JARS = "deps/jars/"
# The first that fits; nothing else of the archive is installed. Source: `package_dir` in its `setup.py`.
PLACES = (
    ("deps/examples/", f"{PROJECT}/examples/src/main/python/"),
    ("deps/", f"{PROJECT}/"),
    ("lib/", f"{PROJECT}/python/lib/"),
    (f"{PROJECT}/", f"{PROJECT}/"),
)
_PROGRAMS = "deps/bin/"
_FINDER = f"{PROJECT}/find_spark_home.py"  # `setup.py` makes a program of it, too
_PYTHON = (b"#!/usr/bin/env python", b"#!python")
_NOTES = {
    "INSTALLER": "envcat\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: envcat\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "top_level.txt": f"{PROJECT}\n",
}


def write(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter) -> None:
    """Write a layer of kind ``spark``: modules with byte code, programs, and the record that pip reads.

    Raises:
        Refusal: the archive is malformed or hostile, or is of another package.
    """
    target, archive = _target(layer), _archive(layer)
    with Spool() as spool, _opened(archive, artefacts) as source:
        package = _Package(archive, target)
        for path, member, content in source.members():
            place = _place(path)
            if path == "PKG-INFO":
                package.add(package.info("METADATA"), spool.add(content))
            elif place is not None and path.startswith(_JARS):
                package.record[place] = _hashed(content)
            elif place is not None:
                file = spool.add(content)
                package.add(place, file, executable=bool(member.mode & 0o111))
                if path == _FINDER or path.startswith(_PROGRAMS):
                    package.add_program(path.rpartition("/")[2], file)
        package.check()
        for name, text in _NOTES.items():
            package.add(package.info(name), Bytes(text.encode()))
        compiled = add_bytecode(package.tree, target, compiler, spool, below=(site_packages(target),))
        package.close(compiled)
        package.tree.write(tar)


def write_jars(layer: LayerPlan, artefacts: Artefacts, tar: TarWriter) -> None:
    """Write a layer of kind ``jars``: those of the archive, or files that are jars themselves.

    Raises:
        Refusal: the archive is malformed or hostile.
    """
    target = _target(layer)
    folder = f"{site_packages(target)}/{PROJECT}/jars"
    tree = Tree()
    with Spool() as spool:
        for artefact in layer.artefacts:
            if not isinstance(artefact, LockedFile):
                continue
            if artefact.name != PROJECT:
                content: Content = _OnDisk(artefacts, artefact)
                tree.add(f"{folder}/{artefact.file}", File(content=content, owner=artefact.file))
                continue
            with _opened(artefact, artefacts) as source:
                for path, _, stream in source.members():
                    if path.startswith(_JARS):
                        place = f"{site_packages(target)}/{_place(path)}"
                        tree.add(place, File(content=spool.add(stream), owner=artefact.file))
        tree.write(tar)


class _OnDisk:
    """The content of a file that is in the store."""

    def __init__(self, artefacts: Artefacts, file: LockedFile) -> None:
        self._path = artefacts.path(file)
        self.size = file.size

    @contextmanager
    def open(self) -> Iterator[Source]:
        with self._path.open("rb") as stream:
            yield stream


def _target(layer: LayerPlan) -> PythonTarget:
    assert layer.python is not None, "the plan of a layer of Spark names the interpreter"
    return layer.python


def _archive(layer: LayerPlan) -> LockedFile:
    return next(item for item in layer.artefacts if isinstance(item, LockedFile))


@contextmanager
def _opened(file: LockedFile, artefacts: Artefacts) -> Iterator[SourceArchive]:
    """The archive; what is wrong with it may be found by whoever reads one of its files."""
    try:
        with SourceArchive(artefacts.path(file), file.file) as archive:
            yield archive
    except BadSdist as error:
        raise Refusal(error.message) from None
    except tarfile.TarError as error:
        raise Refusal(f"`{file.file}` holds a damaged tar: {error}") from None


def _place(path: str) -> str | None:
    """The path below ``site-packages``; None for what is not installed."""
    for before, after in PLACES:
        if path.startswith(before):
            return after + path.removeprefix(before)
    return None


class _Package:
    """What the archive's files become, and the rows of its RECORD: place below ``site-packages`` to hash and size."""

    def __init__(self, archive: LockedFile, target: PythonTarget) -> None:
        self.tree = Tree()
        self.record: dict[str, tuple[str, int]] = {}
        self._archive = archive
        self._target = target

    def info(self, name: str) -> str:
        return f"{PROJECT}-{self._archive.version}.dist-info/{name}"

    def add(self, place: str, content: Content, *, executable: bool = False) -> None:
        path = f"{site_packages(self._target)}/{place}"
        self.tree.add(path, File(content=content, owner=self._archive.file, executable=executable))
        with content.open() as stream:
            self.record[place] = _hashed(stream)

    def add_program(self, name: str, content: Content) -> None:
        if name.endswith(".py"):  # installers write the environment's interpreter into its first line
            first, _, rest = read_all(content).partition(b"\n")
            if first.startswith(_PYTHON):
                content = Bytes(f"#!/{BIN}/python\n".encode() + rest)
        self.tree.add(f"{BIN}/{name}", File(content=content, owner=self._archive.file, executable=True))
        with content.open() as stream:
            self.record[f"../../../bin/{name}"] = _hashed(stream)

    def check(self) -> None:
        """That it is what its name says; an archive of another layout would give a Spark that does not start."""
        file, version = self._archive.file, self._archive.version
        fields = self._text(self.info("METADATA")).partition("\n\n")[0].splitlines()
        if f"Name: {PROJECT}" not in fields or f"Version: {version}" not in fields:
            raise Refusal(f"`{file}` is not `{PROJECT}` {version}")
        for place in (f"{PROJECT}/__init__.py", f"{PROJECT}/bin/spark-submit"):
            if place not in self.record:
                raise Refusal(f"`{file}` holds no `{place}`, so its layout is not known here")

    def close(self, compiled: frozenset[str]) -> None:
        """Write RECORD (PEP 376): neither it nor byte code has a hash."""
        prefix, own = f"{site_packages(self._target)}/", self.info("RECORD")
        rows = [(own, "", ""), *((path, value, str(size)) for path, (value, size) in self.record.items())]
        rows += [(pyc_path(path, self._target).removeprefix(prefix), "", "") for path in compiled]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(sorted(rows))
        content = Bytes(text.getvalue().encode())
        self.tree.add(prefix + own, File(content=content, owner=self._archive.file))

    def _text(self, place: str) -> str:
        node = self.tree.node(f"{site_packages(self._target)}/{place}")
        return read_all(node.content).decode("utf-8", "replace") if isinstance(node, File) else ""


def _hashed(stream: Source) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces(stream):
        digest.update(piece)
        size += len(piece)
    return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode(), size
