"""Small real Debian packages, and a real signed archive of them in a folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pysequoia import SignatureMode, Tsk, sign

AR_MAGIC = b"!<arch>\n"
DATE = "Fri, 02 Jan 2026 03:04:05 UTC"
_COMPRESS = {".xz": lambda data: lzma.compress(data, preset=0), ".gz": gzip.compress, "": bytes}


def ar_member(name: str, data: bytes, *, size: str | None = None) -> bytes:
    """One member of an ar archive; `size` is a lie to tell in its header."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{size or len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)


def ar(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A whole ar archive."""
    return AR_MAGIC + b"".join(ar_member(name, data) for name, data in members)


def tar(files: Mapping[str, bytes | str]) -> bytes:
    """A tar as dpkg-deb makes it: ``./`` before each name, folders first; a str is a link's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folders: set[str] = set()
        for name, content in files.items():
            for parent in reversed(Path(name).parents[:-1]):
                if str(parent) not in folders:
                    folders.add(str(parent))
                    info = tarfile.TarInfo(f"./{parent}")
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(info)
            info = tarfile.TarInfo(f"./{name}")
            info.mode = (
                0o755 if "bin/" in name or name in ("preinst", "postinst", "prerm", "postrm") else 0o644
            )
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def make_deb(
    folder: Path,
    name: str,
    version: str = "1.0-1",
    *,
    architecture: str = "amd64",
    files: Mapping[str, bytes | str] | None = None,
    scripts: Mapping[str, str] | None = None,
    compression: str = ".xz",
    **fields: str,
) -> Path:
    """Write ``name_version_arch.deb`` into the folder.

    Args:
        files: path without leading slash to content, or to a link's target as str.
        scripts: ``postinst`` ... to text, and other control files.
        fields: further control fields, ``depends="libc6 (>= 2.36)"``, ``pre_depends=...``.
    """
    told = {"Package": name, "Version": version, "Architecture": architecture}
    told |= {"-".join(part.capitalize() for part in key.split("_")): value for key, value in fields.items()}
    told["Description"] = "a package for tests\n It does nothing."
    control = "".join(f"{key}: {value}\n" for key, value in told.items())
    content = files if files is not None else {f"usr/share/doc/{name}/copyright": b"public\n"}
    sums = "".join(
        f"{hashlib.md5(data).hexdigest()}  {path}\n"
        for path, data in content.items()
        if isinstance(data, bytes)
    )
    control_files: dict[str, bytes | str] = {"control": control.encode(), "md5sums": sums.encode()}
    control_files |= {key: text.encode() for key, text in (scripts or {}).items()}
    pack = _COMPRESS[compression]
    path = folder / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
    folder.mkdir(parents=True, exist_ok=True)
    members = [
        ("debian-binary", b"2.0\n"),
        (f"control.tar{compression}", pack(tar(control_files))),
        (f"data.tar{compression}", pack(tar(content))),
    ]
    path.write_bytes(ar(members))
    return path


class DebianArchive:
    """An archive in a folder: ``dists/`` with a signed InRelease, ``pool/``, and a keyring beside it.

    Args:
        root: the folder; `url` is its ``file:`` URL, and any static web server can serve it.
    """

    def __init__(self, root: Path, *, key: Tsk | None = None) -> None:
        self.root = root
        self.url = root.as_uri()
        self.key = key or Tsk.generate("Archive <archive@example.com>")
        self.keyring = root.parent / f"{root.name}.gpg"
        root.mkdir(parents=True, exist_ok=True)
        self.keyring.write_bytes(bytes(self.key.extract_certificate()))
        self._paragraphs: dict[str, dict[str, list[str]]] = {}

    def add(
        self, suite: str, name: str, version: str = "1.0-1", *, architecture: str = "all", **more: Any
    ) -> Path:
        """Make a package (`make_deb`) and list it in the suite; ``all`` is listed for both architectures."""
        source = name[:4] if name.startswith("lib") else name[:1]
        path = make_deb(
            self.root / "pool/main" / source / name, name, version, architecture=architecture, **more
        )
        data = path.read_bytes()
        fields = {k: v for k, v in more.items() if k not in ("files", "scripts", "compression")}
        lines = [f"Package: {name}", f"Version: {version}", f"Architecture: {architecture}"]
        lines += [
            "-".join(p.capitalize() for p in key.split("_")) + f": {value}" for key, value in fields.items()
        ]
        lines += [
            f"Filename: {path.relative_to(self.root)}",
            f"Size: {len(data)}",
            f"SHA256: {hashlib.sha256(data).hexdigest()}",
            "Description: a package for tests",
            " Depends: this-is-no-field",
        ]
        targets = ("amd64", "arm64") if architecture == "all" else (architecture,)
        for target in targets:
            self._paragraphs.setdefault(suite, {}).setdefault(target, []).append("\n".join(lines) + "\n")
        return path

    def clear(self, suite: str) -> None:
        """Forget what the suite lists, as a mirror does with superseded files; the files stay."""
        self._paragraphs.pop(suite, None)

    def write(self, suite: str, *, by_hash: bool = True, **fields: str) -> Path:
        """Write and sign the suite's indexes; `fields` override those of the Release file. Its InRelease."""
        dists = self.root / "dists" / suite
        entries = []
        for target in ("amd64", "arm64"):
            text = "\n".join(self._paragraphs.get(suite, {}).get(target, [])).encode()
            data = lzma.compress(text, preset=0)
            sha256 = hashlib.sha256(data).hexdigest()
            folder = dists / f"main/binary-{target}"
            (folder / "by-hash/SHA256").mkdir(parents=True, exist_ok=True)
            (folder / "Packages.xz").write_bytes(data)
            if by_hash:
                (folder / "by-hash/SHA256" / sha256).write_bytes(data)
            entries.append(f" {sha256} {len(data)} main/binary-{target}/Packages.xz\n")
        told = {"Origin": "Example", "Suite": "stable", "Codename": suite, "Date": DATE}
        told |= {key.replace("_", "-"): value for key, value in fields.items()}
        if by_hash:
            told["Acquire-By-Hash"] = "yes"
        release = "".join(f"{key}: {value}\n" for key, value in told.items()) + "SHA256:\n" + "".join(entries)
        path = dists / "InRelease"
        path.write_bytes(clear_signed(self.key, release))
        return path


def clear_signed(key: Tsk, text: str) -> bytes:
    """The text with a cleartext signature."""
    return bytes(sign(key.signer(), text.encode(), mode=SignatureMode.CLEAR))
