"""What an engine made, in its normal form: the same files in any order and at any time give the same bytes."""

from __future__ import annotations

import gzip
import io
import json
import py_compile
import random
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

import pytest

from envcatalog.image.docker.archive import read_archive
from envcatalog.image.docker.image import take_out
from envcatalog.image.docker.layers import Sources, write_normal
from envcatalog.image.docker.secrets import Guard, Guarded
from envcatalog.model.digest import sha256_digest
from envcatalog.model.docker import BuildSecret, DockerBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import Layer

FIXED = 315532800


def member(name: str, data: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), more.pop("mtime", 1_700_000_000)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def normal(data: bytes, sources: Sources | None = None) -> bytes:
    out = io.BytesIO()
    write_normal(io.BytesIO(data), out, sources or Sources())
    return out.getvalue()


def listed(data: bytes) -> dict[str, tuple[Any, ...]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert all(item.mtime == FIXED and not item.uname for item in archive)
        return {
            item.name: (item.type, item.mode, item.uid, item.linkname or archive.extractfile(item).read())
            if item.isreg() or item.linkname
            else (item.type, item.mode, item.uid)
            for item in archive
        }  # type: ignore[union-attr]


MEMBERS = (
    member("etc/", type=tarfile.DIRTYPE, mode=0o755),
    member("etc/passwd", b"root", mode=0o640, uid=7, uname="ada"),
    member("etc/.wh.old"),
    member("etc/+before", b"x"),
    member("usr/.wh..wh..opq"),
    member("usr/bin/tool", b"tool", mode=0o4755),
    member("usr/bin/same", type=tarfile.LNKTYPE, linkname="usr/bin/tool", mode=0o4755),
    member("usr/bin/link", type=tarfile.SYMTYPE, linkname="../tool", mode=0o777),
    member("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    member("opt/" + "long/" * 40 + "file", b"deep"),
    member("opt/ünï", b"name"),
    member("var/log/dpkg.log", b"today"),
    member("var/log/link", type=tarfile.SYMTYPE, linkname="/dev/stdout", mode=0o777),
    member("var/cache/apt/pkgcache.bin", b"x"),
    member("var/lib/apt/lists/.wh.gone"),
    member("var/lib/apt/lists/index", b"x"),
    member("var/lib/dpkg/status", b"kept"),
)


def test_order_and_time_do_not_matter() -> None:
    first = normal(tar(*MEMBERS))
    # A hard link stands behind the name that it links to, whatever the order.
    mixed = [item for item in MEMBERS if not item[0].islnk()]
    random.Random(1).shuffle(mixed)
    mixed += [item for item in MEMBERS if item[0].islnk()]
    for info, _ in mixed:
        info.mtime += 1000.5
    assert normal(tar(*mixed)) == first
    assert normal(first) == first


def test_what_is_kept_and_what_is_not() -> None:
    found = listed(normal(tar(*MEMBERS)))
    assert list(found) == [
        "dev/null",
        "etc",
        "etc/.wh.old",
        "etc/+before",
        "etc/passwd",
        "opt/" + "long/" * 40 + "file",
        "opt/ünï",
        "usr/.wh..wh..opq",
        "usr/bin/link",
        "usr/bin/same",
        "usr/bin/tool",
        "var/lib/apt/lists/.wh.gone",
        "var/lib/dpkg/status",
        "var/log/dpkg.log",
        "var/log/link",
    ]
    assert found["etc/passwd"] == (tarfile.REGTYPE, 0o640, 7, b"root")
    assert found["usr/bin/same"] == (tarfile.REGTYPE, 0o4755, 0, b"tool")
    assert found["usr/bin/tool"] == (tarfile.LNKTYPE, 0o4755, 0, "usr/bin/same")
    assert found["usr/bin/link"] == (tarfile.SYMTYPE, 0o777, 0, "../tool")
    assert found["var/log/dpkg.log"] == (tarfile.REGTYPE, 0o644, 0, b"")
    assert found["dev/null"] == (tarfile.CHRTYPE, 0o666, 0)


def test_extended_attributes_of_any_bytes_are_kept() -> None:
    capability = "\x01\x00\x00\x02\x00\x20\x00\x00\udcff"
    info, data = member("bin/ping", b"x")
    info.pax_headers = {"SCHILY.xattr.security.capability": capability, "mtime": "1700000000.123"}
    with tarfile.open(fileobj=io.BytesIO(normal(tar((info, data))))) as archive:
        assert archive.getmember("bin/ping").pax_headers == {"SCHILY.xattr.security.capability": capability}


def test_a_layer_without_members() -> None:
    assert normal(tar()) == bytes(1024)
    assert normal(b"") == bytes(1024)


def test_what_leads_out_of_the_image_is_refused() -> None:
    with pytest.raises(Refusal, match="the engine gave a layer with the path `a/"):
        normal(tar(member("a/../../b", b"x")))
    with pytest.raises(Refusal, match="the engine gave a layer that cannot be read"):
        normal(b"x" * 2000)


def compiled(folder: Path, mtime: int) -> bytes:
    source = folder / "module.py"
    source.write_text("x = 1\n")
    import os

    os.utime(source, (mtime, mtime))
    return Path(py_compile.compile(str(source), str(folder / "out.pyc"), dfile="/module.py")).read_bytes()


def test_byte_code_still_belongs_to_its_source(tmp_path: Path) -> None:
    before, after = compiled(tmp_path, 1_700_000_000), compiled(tmp_path, FIXED)
    source = member("app/module.py", b"x = 1\n", mtime=1_700_000_000.75)
    code = member("app/__pycache__/module.cpython-311.pyc", before)
    assert listed(normal(tar(source, code)))["app/__pycache__/module.cpython-311.pyc"][3] == after
    # Its source in a lower layer of ours, in a base, and one that is of another time.
    sources = Sources()
    normal(tar(source), sources)
    assert listed(normal(tar(code), sources))["app/__pycache__/module.cpython-311.pyc"][3] == after
    assert listed(normal(tar(code)))["app/__pycache__/module.cpython-311.pyc"][3] == before
    other = member("app/module.py", b"x = 1\n", mtime=1_600_000_000)
    assert listed(normal(tar(other, code)))["app/__pycache__/module.cpython-311.pyc"][3] == before


def saved(*layers: bytes, config: dict[str, Any] | None = None, cut: int = 0) -> list[bytes]:
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["A=1"],
            "Hostname": "x",
            "Image": "y",
            "Labels": {"io.envcatalog.build": "u", "a": "b"},
        },
        "container": "abc",
        "docker_version": "20",
        "created": "2026-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [sha256_digest(layer) for layer in layers]},
        "history": [
            {"created": "2026-01-01T00:00:00Z", "created_by": "base"},
            {
                "created": "x",
                "created_by": "/bin/sh -c #(nop)  LABEL io.envcatalog.build=u",
                "empty_layer": True,
            },
            {"created": "x", "created_by": "RUN two", "comment": "z"},
        ],
        **(config or {}),
    }
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": names}]
    members = [member(name, layer) for name, layer in zip(names, layers, strict=True)]
    members += [
        member("c.json", json.dumps(settings).encode()),
        member("manifest.json", json.dumps(manifest).encode()),
    ]
    data = tar(*members)
    data = data[:cut] if cut else data
    return [data[start : start + 777] for start in range(0, len(data), 777)]


BASE = tar(member("base", b"base"))
OWN = tar(member("own", b"own"))


def base_of(*layers: bytes) -> DockerBase:
    config = json.dumps({"history": [{"created": "1980-01-01T00:00:00Z", "created_by": "base"}]}).encode()
    kept = tuple(
        Layer(key="", digest=f"sha256:{64 * 'b'}", size=1, diff_id=sha256_digest(item)) for item in layers
    )
    return DockerBase(reference="base", config=config, layers=kept)


def folder(tmp_path: Path) -> Path:
    place = tmp_path / "saved"
    place.mkdir()
    return place


def test_an_image_is_taken_out(tmp_path: Path) -> None:
    base = base_of(BASE)
    image = read_archive(saved(BASE, OWN), folder(tmp_path), frozenset({sha256_digest(BASE)}))
    assert [item.name for item in (tmp_path / "saved").iterdir()] == ["1.tar"]
    taken = take_out(image, (base_of(OWN), base), tmp_path / "cache", name="u", guard=Guard())
    assert list((tmp_path / "saved").iterdir()) == []
    assert taken.layers[0] == base.layers[0]
    own = taken.layers[1]
    assert own.path is not None
    assert sha256_digest(own.path.read_bytes()) == own.digest
    assert own.diff_id == sha256_digest(normal(OWN))
    assert json.loads(taken.config) == {
        "architecture": "amd64",
        "os": "linux",
        "created": "1980-01-01T00:00:00Z",
        "config": {"Env": ["A=1"], "Labels": {"a": "b"}},
        "history": [
            {"created": "1980-01-01T00:00:00Z", "created_by": "base"},
            {"created": "1980-01-01T00:00:00Z", "created_by": "RUN two"},
        ],
        "rootfs": {"type": "layers", "diff_ids": [sha256_digest(BASE), own.diff_id]},
    }


def test_an_archive_that_ends_early_or_lies(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the engine stopped while it gave the image"):
        read_archive(saved(BASE, OWN, cut=11000), folder(tmp_path))
    (tmp_path / "more").mkdir()
    rootfs = {"rootfs": {"type": "layers", "diff_ids": [sha256_digest(OWN)]}}
    with pytest.raises(Refusal, match="the engine gave other layers than the image's configuration names"):
        read_archive(saved(BASE, config=rootfs), tmp_path / "more")


SECRET = BuildSecret(id="token", value=b"s3cret-of-many-bytes\n")


@pytest.mark.parametrize("place", ["layer", "name", "history", "label"])
def test_a_secret_in_an_image_is_found_wherever_it_is(tmp_path: Path, place: str) -> None:
    text = "s3cret-of-many-bytes"
    layer = {"layer": tar(member("f", b"." * 300_000 + text.encode())), "name": tar(member(f"a/{text}"))}.get(
        place, OWN
    )
    config: dict[str, Any] = {}
    if place == "label":
        config = {"config": {"Labels": {"x": text}}}
    elif place == "history":
        config = {"history": [{"created_by": f"RUN echo {text}"}]}
    image = read_archive(saved(layer, config=config), folder(tmp_path))
    cache = tmp_path / "cache"
    if place == "history":  # known by the engine alone, it is covered
        taken = take_out(image, (), cache, name="u", guard=Guard([SECRET]))
        assert b"RUN echo ********" in taken.config
        return
    with pytest.raises(Refusal) as caught:
        take_out(image, (), cache, name="u", guard=Guard([SECRET]))
    where = "its configuration or history" if place == "label" else "one of its layers"
    assert str(caught.value) == f"the secret `token` is in the image, in {where}; nothing of it was kept"
    assert [item for item in cache.rglob("*") if item.is_file()] == []


def test_a_secret_across_the_border_of_two_pieces() -> None:
    guarded = Guarded(io.BytesIO(), Guard([SECRET]))
    guarded.write(b"xx s3cret-of-")
    with pytest.raises(Refusal):
        guarded.write(b"many-bytes yy")


def test_which_texts_of_a_secret_file_are_secret() -> None:
    netrc = b"machine packages.example.com login ada password hunter-three\n"
    pip = b"[global]\nindex-url = https://ada:pass-word-x@packages.example.com/simple\n"
    guard = Guard([BuildSecret(id="netrc", value=netrc), BuildSecret(id="pip.conf", value=pip)])
    text = "[global] packages.example.com ada hunter-three https://ada:pass-word-x@x aHVudGVyLXRocmVl"
    assert guard.mask(text) == "[global] packages.example.com ada ******** https://ada:********@x ********"
    assert Guard([BuildSecret(id="ca-bundle", value=b"MII" * 20)]).longest == 0


def test_a_layer_is_made_once_and_byte_code_above_it_still_knows_its_source(tmp_path: Path) -> None:
    before, after = compiled(tmp_path, 1_700_000_000), compiled(tmp_path, FIXED)
    lower = tar(member("app/module.py", b"x = 1\n"))
    upper = tar(member("app/__pycache__/module.cpython-311.pyc", before))
    taken = []
    for number, layers in enumerate([(lower,), (lower, upper), (lower, upper)]):
        place = tmp_path / f"saved-{number}"
        place.mkdir()
        image = take_out(read_archive(saved(*layers), place), (), tmp_path / "cache", name="u", guard=Guard())
        taken.append(image.layers)
        assert list(place.iterdir()) == []
    assert taken[0][0] == taken[1][0]
    assert taken[1] == taken[2]
    assert taken[1][1].path is not None
    code = listed(gzip.decompress(taken[1][1].path.read_bytes()))["app/__pycache__/module.cpython-311.pyc"]
    assert code[3] == after


def test_a_layer_is_not_made_again_for_what_changed_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless that is the source of its byte code."""
    made = []

    def counted(stream: IO[bytes], *rest: Any) -> None:
        made.append(sha256_digest(stream.read()))
        stream.seek(0)
        write_normal(stream, *rest)

    monkeypatch.setattr("envcatalog.image.docker.image.write_normal", counted)
    source, moved = (tar(member("app/m.py", b"x", mtime=time)) for time in (1_700_000_000, 1_700_000_001))
    code = tar(member("app/__pycache__/m.cpython-311.pyc", compiled(tmp_path, 1_700_000_000)))
    other, both = tar(member("a", b"1")), tar(member("b/m.py"), member("b/__pycache__/m.cpython-311.pyc"))

    def take(*layers: bytes) -> list[bytes]:
        made.clear()
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        image = take_out(read_archive(saved(*layers), place), (), tmp_path / "cache", name="u", guard=Guard())
        assert all(layer.path is not None for layer in image.layers)
        return [gzip.decompress(layer.path.read_bytes()) for layer in image.layers if layer.path]

    assert take(source, code, both)[1] == normal(code, learnt(source))
    assert len(made) == 3
    assert take(other, source, code, both)[2] == normal(code, learnt(source))
    assert made == [sha256_digest(other)]
    assert take(other, moved, code, both)[2] == normal(code, learnt(moved)) == normal(code)
    assert made == [sha256_digest(moved), sha256_digest(code)]


def learnt(layer: bytes) -> Sources:
    sources = Sources()
    normal(layer, sources)
    return sources
