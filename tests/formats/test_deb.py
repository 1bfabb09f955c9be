"""Debian packages are read as deb(5) says, and hostile ones are refused before they cost memory."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from envcatalog.formats.archives.deb import BadDeb, DebArchive
from envcatalog.formats.archives.tar_strict import HEADER_LIMIT
from support.conda_packages import zstd
from support.debs import AR_MAGIC, ar, ar_member, make_deb, tar

CONTROL = ("control.tar", tar({"control": b"Package: a\nVersion: 1\n"}))
DATA = ("data.tar", tar({"usr/bin/a": b"#!/bin/sh\n"}))
FORMAT = ("debian-binary", b"2.0\n")


def read_all(path: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    with DebArchive(path) as deb, deb.data() as stream:
        for member in stream:
            content = stream.extractfile(member) if member.isreg() else None
            found[member.name] = content.read() if content else member.linkname
    return found


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("compression", [".xz", ".gz", ""])
def test_a_package_is_read_whole(tmp_path: Path, compression: str) -> None:
    files: dict[str, bytes | str] = {
        "usr/bin/hello": b"hello\n" * 100_000,
        "usr/bin/hi": "hello",
        "etc/hello": b"",
    }
    path = make_deb(
        tmp_path,
        "hello",
        "1:2.0-1",
        files=files,
        scripts={"postinst": "#!/bin/sh\n", "conffiles": "/etc/hello\nremove-on-upgrade /etc/old\n"},
        compression=compression,
        depends="libc6",
    )
    with DebArchive(path) as deb:
        control = deb.control()
        assert (control["Package"], control["Version"], control["Depends"]) == ("hello", "1:2.0-1", "libc6")
        assert control["Description"] == "a package for tests\nIt does nothing."
        assert deb.scripts() == {"postinst": b"#!/bin/sh\n"}
        assert deb.conffiles() == ("/etc/hello",)
        assert deb.md5sums().endswith(b"  etc/hello\n")
    assert read_all(path) == {
        "./usr": "",
        "./usr/bin": "",
        "./usr/bin/hello": b"hello\n" * 100_000,
        "./usr/bin/hi": "hello",
        "./etc": "",
        "./etc/hello": b"",
    }


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb here")
def test_dpkg_deb_and_we_see_the_same_package(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: real\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: d\n"
    )
    (root / ("long" * 40)).write_bytes(b"long name\n")
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "real.deb"], check=True, capture_output=True)
    assert read_all(tmp_path / "real.deb")["./" + "long" * 40] == b"long name\n"


def test_extension_members_and_trailing_slashes_are_as_in_deb_5(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.deb", ar([("debian-binary/", b"2.0\n"), ("_gpg", b"xyz"), CONTROL, DATA, ("x", b"")])
    )
    assert read_all(path)["./usr/bin/a"] == b"#!/bin/sh\n"


def huge_name() -> bytes:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, HEADER_LIMIT + 1
    return info.tobuf(tarfile.GNU_FORMAT)


def negative_size() -> bytes:
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def damaged_second_header() -> bytes:
    good = DATA[1]
    return good[:1024] + b"x" * 512 + good[1536:]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is not a Debian package: it is no ar archive"),
    "magic only": (AR_MAGIC, "the Debian package is cut off"),
    "another format": (ar([("debian-binary", b"3.0\n")]), "the file is not a Debian package of format 2"),
    "data before control": (
        ar([FORMAT, DATA, CONTROL]),
        "the Debian package holds `data.tar` where `control.tar` belongs",
    ),
    "no data": (ar([FORMAT, CONTROL]), "the Debian package is cut off"),
    "size beyond the end": (
        ar([FORMAT, CONTROL]) + ar_member("data.tar", b"x", size="9999999999"),
        "the Debian package is cut off",
    ),
    "size no number": (
        AR_MAGIC + ar_member("debian-binary", b"2.0\n", size="-4"),
        "the Debian package has a damaged ar header",
    ),
    "unknown compression": (
        ar([FORMAT, CONTROL, ("data.tar.lz4", b"x")]),
        "`x.deb`: the compression `.lz4` is not known",
    ),
    "cut off inside xz": (
        ar([FORMAT, CONTROL, ("data.tar.xz", lzma.compress(DATA[1])[:-30])]),
        "`x.deb`: the compressed data is cut off",
    ),
    "long name of a megabyte": (
        ar([FORMAT, CONTROL, ("data.tar", huge_name())]),
        "the Debian package holds a tar header of an absurd size",
    ),
    "negative size": (
        ar([FORMAT, CONTROL, ("data.tar", negative_size())]),
        "the Debian package holds a tar header of an absurd size",
    ),
    "a header that tarfile would take for the end": (
        ar([FORMAT, CONTROL, ("data.tar", damaged_second_header())]),
        "the Debian package holds a damaged tar: invalid header",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_packages_are_refused(tmp_path: Path, name: str) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(BadDeb) as caught:
        read_all(write(tmp_path / "x.deb", data))
    assert caught.value.message == message


def test_zstd_is_read(tmp_path: Path) -> None:
    data = zstd.compress(tar({"hello": b"hello\n" * 1000}))
    path = write(tmp_path / "x.deb", ar([FORMAT, CONTROL, ("data.tar.zst", data)]))
    assert read_all(path) == {"./hello": b"hello\n" * 1000}
    with pytest.raises(BadDeb) as caught:
        read_all(write(tmp_path / "x.deb", ar([FORMAT, CONTROL, ("data.tar.zst", b"x" * 100)])))
    assert caught.value.message.startswith("`x.deb`: the compressed data is damaged: ")


def test_a_control_bomb_stops_at_its_limit(tmp_path: Path) -> None:
    bomb = lzma.compress(tar({"control": b"Package: a\n" + b" x\n" * (20 << 20)}), preset=0)
    with (
        pytest.raises(BadDeb) as caught,
        DebArchive(write(tmp_path / "x.deb", ar([FORMAT, ("control.tar.xz", bomb), DATA]))) as deb,
    ):
        deb.control()
    assert caught.value.message == "`x.deb`: the compressed data grows over its limit"


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envcatalog.formats.archives.tar_strict.MEMBER_LIMIT", 3)
    path = make_deb(tmp_path, "many", files={f"f{number}": b"" for number in range(4)})
    with pytest.raises(BadDeb) as caught:
        read_all(path)
    assert caught.value.message == "the Debian package holds over 3 files"


@pytest.mark.parametrize(
    ("control", "message"),
    [
        (b" early\n", "the control file begins with a continuation line"),
        (b"Package a\n", "the control file has a malformed line `Package a`"),
        (b"Package: a\nPackage: b\n", "the control file has a malformed line `Package: b`"),
    ],
)
def test_malformed_control_files(tmp_path: Path, control: bytes, message: str) -> None:
    path = write(tmp_path / "x.deb", ar([FORMAT, ("control.tar", tar({"control": control})), DATA]))
    with pytest.raises(BadDeb) as caught, DebArchive(path) as deb:
        deb.control()
    assert caught.value.message == message


def test_every_damaged_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """Whatever single byte is flipped, the outcome is a whole read or BadDeb, never another exception."""
    data = make_deb(tmp_path, "small", files={"a": b"a" * 100}, compression="").read_bytes()
    outcomes = set()
    for place in range(0, len(data), 7):
        mutated = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
        outcomes.add(outcome(lambda m=mutated: read_all(write(tmp_path / "m.deb", m))))
    assert outcomes == {"read", "refused"}


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except (BadDeb, tarfile.ReadError):
        return "refused"
    return "read"


def test_memory_stays_small_for_a_large_member(tmp_path: Path) -> None:
    path = make_deb(tmp_path, "large", files={"usr/lib/large": bytes(64 << 20)})
    code = (
        "import sys\nfrom pathlib import Path\nfrom envcatalog.formats.archives.deb import DebArchive\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "with DebArchive(Path(sys.argv[1])) as deb, deb.data() as tar:\n"
        "    files = (tar.extractfile(member) for member in tar if member.isreg())\n"
        "    total = sum(len(chunk) for file in files for chunk in iter(lambda: file.read(1 << 18), b''))\n"
        "print(total, peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    total, grown = map(int, done.stdout.split())
    assert total == 64 << 20
    assert grown < 16 << 10  # KiB


def test_reading_again_is_possible(tmp_path: Path) -> None:
    path = make_deb(tmp_path, "again")
    with DebArchive(path) as deb:
        for _ in range(2):
            with deb.data() as stream:
                assert [member.name for member in stream][-1] == "./usr/share/doc/again/copyright"
            assert deb.control()["Package"] == "again"
    assert io.BytesIO(path.read_bytes()).read(8) == AR_MAGIC
