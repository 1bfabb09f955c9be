"""Wheels as an installer would leave them in `/opt/env`, without an installer running.

What goes where, which shebangs change, what is executable and what RECORD says follow the PyPA specifications
("Binary distribution format", "Entry points", "Recording installed projects") and pip. Deliberate differences:
scripts are always executable, as the specification asks; ``__pycache__`` folders of a wheel are left out, since
nobody can tell what is in them; REQUESTED is not written, for it would say who asked and not what is installed.
The launchers and RECORD are written here, not by ``installer``, whose spelling may change under a published layer.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from envcatalog.image.bytecode import Compiler, pyc_path
from envcatalog.image.modules import add_bytecode
from envcatalog.image.paths import shown
from envcatalog.image.prefix import BIN, PREFIX, is_conda, site_packages
from envcatalog.image.skeleton import own_paths
from envcatalog.image.tar import Source, TarWriter
from envcatalog.image.tree import Bytes, Content, File, Spool, Tree, pieces
from envcatalog.image.wheel_files import Member, WheelArchive
from envcatalog.image.wheel_metadata import check_format, entry_points, record_hashes
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Wheel
from envcatalog.model.plan import LayerPlan, PythonTarget
from envcatalog.model.seams import Artefacts

INSTALLER = b"envcat\n"

_SHEBANG = b"#!python"
_SHEBANG_MAX = 8192
_LAUNCHER = """\
#!/{interpreter}
import sys

from {module} import {name}

if __name__ == "__main__":
    sys.exit({call}())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One file of a wheel, at its place.

    Attributes:
        path: in the image, without a leading slash.
        recorded: ``sha256=...`` for RECORD, where the wheel's own RECORD says it; empty when it must be computed.
    """

    path: str
    content: Content
    executable: bool
    recorded: str = ""


def write(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter) -> None:
    """Write a layer of kind ``wheels``.

    Raises:
        Refusal: a wheel is malformed or hostile, or two of them hold the same path with different contents.
    """
    target = layer.python
    assert target is not None, "the plan of a layer of wheels names the interpreter"
    wheels = {
        wheel.file: _installed(wheel, artefacts, target)
        for wheel in layer.artefacts
        if isinstance(wheel, Wheel)
    }
    tree = Tree()
    for file, (_, files) in wheels.items():
        for item in files:
            tree.add(item.path, File(content=item.content, owner=file, executable=item.executable))
    with Spool() as spool:
        compiled = add_bytecode(tree, target, compiler, spool, below=(site_packages(target),))
        for file, (info, files) in wheels.items():
            record = f"{site_packages(target)}/{info}/RECORD"
            tree.add(record, File(content=Bytes(_record(record, files, compiled, target)), owner=file))
        tree.write(tar)


def _installed(wheel: Wheel, artefacts: Artefacts, target: PythonTarget) -> tuple[str, tuple[Installed, ...]]:
    """The name of the ``.dist-info`` folder, and all files but RECORD and the byte code."""
    archive = WheelArchive(artefacts.path(wheel), wheel)
    check_format(archive)
    hashes = record_hashes(archive)
    scripts = entry_points(archive)
    files = []
    own = own_paths(target)
    for member in archive.members:
        if "__pycache__" in member.name.split("/")[:-1]:
            continue
        if member.name in (f"{archive.info}/RECORD", f"{archive.info}/INSTALLER"):
            continue
        item = _place(archive, member, target, name=wheel.name, recorded=hashes.get(member.name, ""))
        if item.path.removeprefix(BIN + "/") not in scripts:
            files.append(item)
    files += [_launcher(script, *call) for script, call in scripts.items()]
    installer = f"{site_packages(target)}/{archive.info}/INSTALLER"
    files.append(Installed(path=installer, content=Bytes(INSTALLER), executable=False))
    for item in files:
        if item.path in own:
            raise Refusal(f"`{wheel.file}` would replace `/{item.path}` of the environment itself")
    return archive.info, tuple(files)


def _place(
    archive: WheelArchive, member: Member, target: PythonTarget, *, name: str, recorded: str
) -> Installed:
    top, _, rest = member.name.partition("/")
    if not top.endswith(".data"):
        path = f"{site_packages(target)}/{member.name}"
        return Installed(path=path, content=member, executable=member.executable, recorded=recorded)
    scheme, _, inner = rest.partition("/")
    folders = {
        "purelib": site_packages(target),
        "platlib": site_packages(target),
        "data": PREFIX,
        "scripts": BIN,
        "headers": f"{PREFIX}/include/{'' if is_conda(target) else 'site/'}python{target.version}/{name}",
    }
    if not inner or scheme not in folders:
        raise Refusal(f"`{archive.file}` holds `{shown(member.name)}`, which has no place in an environment")
    path = f"{folders[scheme]}/{inner}"
    if scheme == "data" and inner.startswith("lib64/"):
        path = (
            f"{PREFIX}/lib/{inner.removeprefix('lib64/')}"  # a virtual environment's lib64 is a link to lib
        )
    if scheme != "scripts":
        return Installed(path=path, content=member, executable=member.executable, recorded=recorded)
    content = _fix_shebang(member)
    unchanged = content is member
    return Installed(path=path, content=content, executable=True, recorded=recorded if unchanged else "")


def launcher(module: str, attribute: str) -> str:
    """The program of an entry point ``module:attribute``."""
    return _LAUNCHER.format(
        interpreter=f"{BIN}/python", module=module, name=attribute.partition(".")[0], call=attribute
    )


def _launcher(script: str, module: str, attribute: str) -> Installed:
    content = Bytes(launcher(module, attribute).encode())
    return Installed(path=f"{BIN}/{script}", content=content, executable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    """A script whose first line names the environment's interpreter."""

    member: Member
    first: bytes
    skip: int

    @property
    def size(self) -> int:
        return self.member.size - self.skip + len(self.first)

    @contextmanager
    def open(self) -> Iterator[Source]:
        with self.member.open() as stream:
            yield _Replaced(self.first, self.skip, stream)


class _Replaced:
    def __init__(self, first: bytes, skip: int, stream: Source) -> None:
        self._first = first
        self._skip = skip
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        while self._skip:
            self._skip -= len(self._stream.read(self._skip))
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
            return data
        return self._stream.read(size)


def _fix_shebang(member: Member) -> Content:
    with member.open() as stream:
        start = stream.read(_SHEBANG_MAX)
    if not start.startswith(_SHEBANG):
        return member
    line = start.partition(b"\n")[0] + b"\n"
    if len(line) > len(start):
        raise Refusal(f"`{shown(member.name)}` in `{member.archive.file}` has no end to its first line")
    return _Script(member=member, first=f"#!/{BIN}/python\n".encode(), skip=len(line))


def _record(record: str, files: Iterable[Installed], compiled: frozenset[str], target: PythonTarget) -> bytes:
    """RECORD as of PEP 376: paths are relative to site-packages; neither byte code nor RECORD has a hash."""
    folder = record.rsplit("/", 2)[0]
    rows = [(_relative(record, folder), "", "")]
    for item in files:
        value = item.recorded or _hash(item.content)
        rows.append((_relative(item.path, folder), value, str(item.content.size)))
        if item.path in compiled:
            rows.append((_relative(pyc_path(item.path, target), folder), "", ""))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    return text.getvalue().encode()


def _relative(path: str, folder: str) -> str:
    if path.startswith(folder + "/"):
        return path[len(folder) + 1 :]
    inside = folder.removeprefix(PREFIX + "/")
    return "../" * (inside.count("/") + 1) + path.removeprefix(PREFIX + "/")


def _hash(content: Content) -> str:
    digest = hashlib.sha256()
    with content.open() as stream:
        for piece in pieces(stream):
            digest.update(piece)
    return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
