"""Debian packages as the files that they leave in an image; what is left out and changed is told in `debs`."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable

from envcatalog.formats.archives.deb import BadDeb, DebArchive
from envcatalog.image.paths import safe_parts, shown
from envcatalog.image.tree import Bytes, Directory, File, Link, Spool, Tree, read_all
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb
from envcatalog.model.seams import Artefacts

MERGED = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libx32"})

_LEFT_OUT = re.compile(r"usr/share/(man|info|locale|lintian|linda|groff|bug)(/|\Z)")
_DOCUMENTATION = "usr/share/doc/"
_CERTIFICATES = "usr/share/ca-certificates/"
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_DIRECTORY_BITS = 0o1777


def package_tree(debs: Iterable[Deb], artefacts: Artefacts, spool: Spool) -> Tree:
    """The files of several packages as they are in an image.

    Args:
        spool: takes the contents, since a package's files come in one pass and in its own order.

    Raises:
        Refusal: a package is damaged or hostile, or two of them hold the same path with different contents.
    """
    tree = Tree()
    for deb in debs:
        try:
            with DebArchive(artefacts.path(deb)) as archive:
                with archive.data() as data:
                    left_out = _add_files(tree, deb, data, spool)
                _add_record(tree, deb, archive, left_out)
        except BadDeb as error:
            raise Refusal(f"`{deb.file}`: {error.message}", error.hint) from None
        except tarfile.TarError as error:
            raise Refusal(f"`{deb.file}` holds a damaged tar: {error}") from None
        if deb.name == "ca-certificates":
            _add_bundle(tree, deb.file)
    return tree


def merged(path: str) -> str:
    """A path with UsrMerge applied: ``lib/x`` is ``usr/lib/x``."""
    top, slash, rest = path.partition("/")
    return f"usr/{top}{slash}{rest}" if top in MERGED else path


def _add_files(tree: Tree, deb: Deb, data: tarfile.TarFile, spool: Spool) -> frozenset[str]:
    """Add all files of a package that an image keeps; the paths of those it does not keep, as the package has them."""
    left_out = set()
    for member in data:
        name = member.name.removeprefix("./").rstrip("/")
        if name in ("", "."):
            continue
        safe_parts(name)
        path = merged(name)
        if _is_left_out(path, member):
            left_out.add(name)
            continue
        if member.isdir():
            tree.add(path, Directory(mode=member.mode & _DIRECTORY_BITS, owner=deb.file))
        elif member.issym():
            tree.add(path, Link(target=_target(name, member.linkname), owner=deb.file))
        elif member.islnk():
            tree.add(path, _linked(tree, deb, member))
        elif member.isreg():
            stream = data.extractfile(member)
            assert stream is not None
            executable = bool(member.mode & 0o111)
            tree.add(path, File(content=spool.add(stream), owner=deb.file, executable=executable))
        else:
            raise Refusal(
                f"`{shown(name)}` in `{deb.file}` is a device or a pipe, which an image cannot hold"
            )
    return frozenset(left_out)


def _is_left_out(path: str, member: tarfile.TarInfo) -> bool:
    if _LEFT_OUT.match(path):
        return True
    if not path.startswith(_DOCUMENTATION) or member.isdir():
        return False
    # A package may share another's documentation folder by a link; its copyright file is there.
    inner = path.removeprefix(_DOCUMENTATION)
    is_folder_link = member.issym() and "/" not in inner
    return not is_folder_link and posixpath.basename(path) != "copyright"


def _linked(tree: Tree, deb: Deb, member: tarfile.TarInfo) -> File:
    first = member.linkname.removeprefix("./")
    node = tree.node(merged(first))
    if not isinstance(node, File) or node.owner != deb.file:
        raise Refusal(
            f"`{shown(member.name)}` in `{deb.file}` is another name of `{shown(first)}`, which is no file before it"
        )
    return node


def _target(name: str, target: str) -> str:
    """A symbolic link's target after UsrMerge has moved the link, its target or both."""
    if target.startswith("/"):
        return "/" + merged(target.lstrip("/"))
    folder = posixpath.dirname(name)
    there = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
    if merged(name) == name and merged(there) == there:
        return target
    if posixpath.dirname(there) == folder:
        return target  # both moved together
    return posixpath.relpath("/" + merged(there), "/" + posixpath.dirname(merged(name)))


def _add_record(tree: Tree, deb: Deb, archive: DebArchive, left_out: frozenset[str]) -> None:
    fields = archive.control()
    if fields.get("Package") != deb.name:
        raise Refusal(
            f"`{deb.file}` is the package `{shown(fields.get('Package', ''))}` and not `{deb.name}`"
        )
    text = "".join(f"{name}: {value}\n".replace("\n", "\n ").rstrip(" ") for name, value in fields.items())
    sums = [line for line in archive.md5sums().splitlines(keepends=True) if _sum_path(line) not in left_out]
    for name, data in ((deb.name, text.encode()), (f"{deb.name}.md5sums", b"".join(sums))):
        tree.add(f"var/lib/dpkg/status.d/{name}", File(content=Bytes(data), owner=deb.file))


def _sum_path(line: bytes) -> str:
    return line.partition(b"  ")[2].rstrip(b"\n").decode(errors="surrogateescape")


def _add_bundle(tree: Tree, owner: str) -> None:
    """What ``update-ca-certificates`` would make: a configuration that trusts all, and the bundle."""
    names = [path for path, _ in tree.files() if path.startswith(_CERTIFICATES) and path.endswith(".crt")]
    bundle = io.BytesIO()
    for path in names:
        node = tree.node(path)
        assert isinstance(node, File)
        bundle.write(read_all(node.content).rstrip(b"\n") + b"\n")
    listed = "".join(name.removeprefix(_CERTIFICATES) + "\n" for name in names)
    tree.add(_BUNDLE, File(content=Bytes(bundle.getvalue()), owner=owner))
    tree.add("etc/ca-certificates.conf", File(content=Bytes(listed.encode()), owner=owner))
    # The folder of hashed names would need openssl; its default file is read as well, by Python too.
    tree.add("usr/lib/ssl/cert.pem", Link(target=f"/{_BUNDLE}", owner=owner))
