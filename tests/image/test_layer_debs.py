"""Debian packages in a layer: what is kept, moved, added and refused."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb
from support.debs import ar, make_deb
from support.layers import MINOR, TAG, NoCompiler, contents, layer_bytes, locked_deb, read_tar

LIBRARY = f"usr/lib/python{MINOR}"


def deb(folder: Path, name: str, files: dict[str, bytes | str], **fields: str) -> Deb:
    return locked_deb(make_deb(folder, name, files=files, **fields))


def raw_deb(folder: Path, name: str, members: list[tarfile.TarInfo]) -> Deb:
    """A package whose data is made of headers alone."""
    deb = make_deb(folder, name, compression="")
    data, control = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    with tarfile.open(fileobj=control, mode="w") as archive:
        text = f"Package: {name}\nVersion: 1.0-1\nArchitecture: amd64\n".encode()
        info = tarfile.TarInfo("./control")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    deb.write_bytes(
        ar([("debian-binary", b"2.0\n"), ("control.tar", control.getvalue()), ("data.tar", data.getvalue())])
    )
    return locked_deb(deb)


def info(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, size: int = 0
) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode, found.size = kind, link, mode, size
    return found


def refusal(folder: Path, *debs: Deb) -> str:
    with pytest.raises(Refusal) as caught:
        layer_bytes("debs", debs, folder, compiler=NoCompiler())
    return caught.value.message


def test_documentation_is_left_out_and_the_record_says_so(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "usr/bin/tool": b"\x7fELF",
        "etc/tool.conf": b"a = b\n",
        "usr/share/doc/tool/copyright": b"public\n",
        "usr/share/doc/tool/changelog.gz": b"x",
        "usr/share/doc/tool-extra": "tool",
        "usr/share/man/man1/tool.1.gz": b"x",
        "usr/share/info/tool.info": b"x",
        "usr/share/locale/de/LC_MESSAGES/tool.mo": b"x",
        "usr/share/lintian/overrides/tool": b"x",
        "usr/share/bug/tool/script": b"x",
    }
    data = layer_bytes("debs", (deb(tmp_path, "tool", files),), tmp_path, python=None)
    found = contents(data)
    record = found.pop("var/lib/dpkg/status.d/tool").decode()
    sums = found.pop("var/lib/dpkg/status.d/tool.md5sums").decode()
    assert found == {
        "usr/bin/tool": b"\x7fELF",
        "etc/tool.conf": b"a = b\n",
        "usr/share/doc/tool/copyright": b"public\n",
    }
    assert record == (
        "Package: tool\nVersion: 1.0-1\nArchitecture: amd64\nDescription: a package for tests\n It does nothing.\n"
    )
    assert [line.split("  ")[1] for line in sums.splitlines()] == [
        "usr/bin/tool",
        "etc/tool.conf",
        "usr/share/doc/tool/copyright",
    ]
    entries = read_tar(data)
    assert entries["usr/share/doc/tool-extra"].linkname == "tool"
    assert entries["usr/bin/tool"].mode == 0o755 and entries["etc/tool.conf"].mode == 0o644
    assert {entry.mtime for entry in entries.values()} == {315532800}
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries.values()} == {(0, 0, "")}


def test_folders_that_moved_below_usr(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "bin/sh": "dash",
        "bin/dash": b"sh",
        "sbin/up": "../bin/dash",
        "lib/arm/libx.so.1": b"x",
        "lib/arm/libx.so": "libx.so.1",
        "lib/arm/liby.so": "../../usr/lib/arm/liby.so.1",
        "lib64/ld.so": "/lib/arm/ld.so",
        "usr/lib/arm/liby.so.1": b"y",
        "usr/lib/arm/libz.so": "../../../lib/arm/libx.so.1",
        "usr/bin/other": "/bin/dash",
        "opt/link": "../lib/arm/libx.so.1",
    }
    entries = read_tar(layer_bytes("debs", (deb(tmp_path, "moved", files),), tmp_path, python=None))
    links = {path: entry.linkname for path, entry in entries.items() if entry.issym()}
    assert links == {
        "usr/bin/sh": "dash",
        "usr/sbin/up": "../bin/dash",
        "usr/lib/arm/libx.so": "libx.so.1",
        "usr/lib/arm/liby.so": "liby.so.1",
        "usr/lib64/ld.so": "/usr/lib/arm/ld.so",
        "usr/lib/arm/libz.so": "libx.so.1",
        "usr/bin/other": "/usr/bin/dash",
        "opt/link": "../usr/lib/arm/libx.so.1",
    }
    assert not {path for path in entries if path.split("/")[0] in ("bin", "sbin", "lib", "lib64")}


def test_modes_and_hard_links(tmp_path: Path) -> None:
    package = raw_deb(
        tmp_path,
        "modes",
        [
            info("./", tarfile.DIRTYPE),
            info("./var", tarfile.DIRTYPE, mode=0o755),
            info("./var/mail", tarfile.DIRTYPE, mode=0o2775),
            info("./tmp/", tarfile.DIRTYPE, mode=0o1777),
            info("./usr/bin/z-first", mode=0o4755, size=600),
            info("./usr/bin/a-second", tarfile.LNKTYPE, "./usr/bin/z-first"),
        ],
    )
    entries = read_tar(layer_bytes("debs", (package,), tmp_path, python=None))
    assert entries["var/mail"].mode == 0o775
    assert entries["tmp"].mode == 0o1777
    assert entries["usr/bin/a-second"].mode == 0o755 and entries["usr/bin/a-second"].size == 600
    assert entries["usr/bin/z-first"].islnk() and entries["usr/bin/z-first"].linkname == "usr/bin/a-second"


def test_modules_come_with_byte_code(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        f"{LIBRARY}/os.py": b"name = 'posix'\n",
        f"{LIBRARY}/test/test_os.py": b"x = 1\n",
        f"{LIBRARY}/lib2to3/broken.py": b"print 1\n",
        "usr/lib/python3/dist-packages/apt.py": b"x = 1\n",
        "usr/share/tool/tool.py": b"x = 1\n",
        f"{LIBRARY}/sitecustomize.py": "/etc/python/sitecustomize.py",
        "etc/python/sitecustomize.py": b"x = 1\n",
    }
    package = deb(tmp_path, "python3.x", files)
    found = contents(layer_bytes("debs", (package,), tmp_path))
    assert {path for path in found if path.endswith(".pyc")} == {
        f"{LIBRARY}/__pycache__/os.{TAG}.pyc",
        f"{LIBRARY}/__pycache__/sitecustomize.{TAG}.pyc",
        f"usr/lib/python3/dist-packages/__pycache__/apt.{TAG}.pyc",
    }
    assert f"/{LIBRARY}/os.py".encode() in found[f"{LIBRARY}/__pycache__/os.{TAG}.pyc"]


def test_certificates_come_as_a_bundle(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "usr/share/ca-certificates/mozilla/B.crt": b"two\n\n",
        "usr/share/ca-certificates/mozilla/A.crt": b"one",
        "usr/share/ca-certificates/mozilla/notes.txt": b"no",
    }
    data = layer_bytes("debs", (deb(tmp_path, "ca-certificates", files),), tmp_path, python=None)
    found = contents(data)
    assert found["etc/ssl/certs/ca-certificates.crt"] == b"one\ntwo\n"
    assert found["etc/ca-certificates.conf"] == b"mozilla/A.crt\nmozilla/B.crt\n"
    assert read_tar(data)["usr/lib/ssl/cert.pem"].linkname == "/etc/ssl/certs/ca-certificates.crt"


def test_two_packages_at_one_path(tmp_path: Path) -> None:
    one, two = (deb(tmp_path, name, {"usr/lib/x": name.encode()}) for name in ("one", "two"))
    assert refusal(tmp_path, one, two) == (
        "`one_1.0-1_amd64.deb` and `two_1.0-1_amd64.deb` both hold `usr/lib/x`, with different contents"
    )
    same = deb(tmp_path, "three", {"usr/lib/x": b"one"})
    layer_bytes("debs", (one, same), tmp_path, compiler=NoCompiler())
    folder = deb(tmp_path, "four", {"usr/lib/x/y": b""})
    assert refusal(tmp_path, one, folder) == (
        "`one_1.0-1_amd64.deb` and `four_1.0-1_amd64.deb` both hold `usr/lib/x`, with different contents"
    )


BAD = "`bad_1.0-1_amd64.deb`"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (info("../etc/passwd"), "the path `../etc/passwd` has an empty, `.` or `..` component"),
        (info("/etc/passwd"), "the path `/etc/passwd` is absolute"),
        (
            info("./dev/null", tarfile.CHRTYPE),
            f"`dev/null` in {BAD} is a device or a pipe, which an image cannot hold",
        ),
        (
            info("./pipe", tarfile.FIFOTYPE),
            f"`pipe` in {BAD} is a device or a pipe, which an image cannot hold",
        ),
        (
            info("./x", tarfile.LNKTYPE, "../../etc/shadow"),
            f"`./x` in {BAD} is another name of `../../etc/shadow`, which is no file before it",
        ),
    ],
)
def test_members_that_no_honest_package_has(tmp_path: Path, member: tarfile.TarInfo, message: str) -> None:
    assert refusal(tmp_path, raw_deb(tmp_path, "bad", [member])) == message


def test_a_member_twice_and_a_wrong_package(tmp_path: Path) -> None:
    twice = raw_deb(tmp_path, "bad", [info("./x", size=1), info("./x", size=2)])
    assert refusal(tmp_path, twice) == f"{BAD} holds `x` twice"
    make_deb(tmp_path, "real").rename(tmp_path / "fake_1.0-1_amd64.deb")
    fake = locked_deb(tmp_path / "fake_1.0-1_amd64.deb")
    assert refusal(tmp_path, fake) == "`fake_1.0-1_amd64.deb` is the package `real` and not `fake`"
    (tmp_path / fake.file).write_bytes(b"!<arch>\nnot really")
    assert refusal(tmp_path, fake) == "`fake_1.0-1_amd64.deb`: the Debian package is cut off"


def test_order_of_members_does_not_matter(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        f"usr/lib/{name}/{name}": name.encode() for name in ("c", "a", "b-x", "b")
    }
    one = layer_bytes("debs", (deb(tmp_path / "1", "some", files),), tmp_path / "1", python=None)
    other = deb(tmp_path / "2", "some", dict(sorted(files.items())), compression=".gz")
    sums = "var/lib/dpkg/status.d/some.md5sums"
    two = contents(layer_bytes("debs", (other,), tmp_path / "2", python=None))
    assert {**contents(one), sums: b""} == {**two, sums: b""}


def test_the_root_folder(tmp_path: Path) -> None:
    data = layer_bytes("root", (), tmp_path, python=None)
    entries, found = read_tar(data), contents(data)
    assert {path: entry.linkname for path, entry in entries.items() if entry.issym()} == {
        "bin": "usr/bin",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "sbin": "usr/sbin",
    }
    assert entries["tmp"].mode == entries["var/tmp"].mode == 0o1777
    assert entries["root"].mode == 0o700
    assert (entries["home/app"].uid, entries["home/app"].gid) == (1000, 1000)
    assert {path for path in entries if path.startswith("etc")} == {
        "etc",
        "etc/group",
        "etc/nsswitch.conf",
        "etc/passwd",
    }
    assert b"app:x:1000:1000:app:/home/app:/bin/sh\n" in found["etc/passwd"]
    done = subprocess.run(["tar", "t"], input=data, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == len(entries)


def test_the_skeleton_is_a_virtual_environment(tmp_path: Path) -> None:
    data = layer_bytes("environment", (), tmp_path)
    entries, found = read_tar(data), contents(data)
    assert list(found) == ["opt/env/pyvenv.cfg"]
    assert b"home = /usr/bin\ninclude-system-site-packages = false\n" in found["opt/env/pyvenv.cfg"]
    assert {path: entry.linkname for path, entry in entries.items() if entry.issym()} == {
        "opt/env/bin/python": f"/usr/bin/python{MINOR}",
        "opt/env/bin/python3": "python",
        f"opt/env/bin/python{MINOR}": "python",
        "opt/env/lib64": "lib",
    }
    assert entries[f"opt/env/lib/python{MINOR}/site-packages"].isdir()
