"""What is learnt of archives on servers: a few parts of each, and of a hostile server or archive nothing."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
import time
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.lock.learning.remote import Answers, ask
from envcatalog.lock.urls import Origin, credentials_in, origin_of
from envcatalog.model.lock import Artefact, Known, LockedFile, Wheel
from support.conda_packages import Kind, Soft, locked_package, write_package
from support.range_server import Manner, RangeServer, running_ranges
from support.spark import make_sdist
from support.wheelhouse import write_wheel

LINES = ("License-Expression: MIT",)


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with running_ranges() as running:
        yield running


def wheel(data: bytes, name: str = "demo") -> Wheel:
    sha256 = hashlib.sha256(data).hexdigest()
    return Wheel(name=name, version="1", file=f"{name}-1-py3-none-any.whl", size=len(data), sha256=sha256)


def bytes_of(folder: Path) -> bytes:
    return write_wheel(folder, "demo", "1", says=LINES).read_bytes()


def put(server: RangeServer, artefact: Artefact, data: bytes, manner: Manner = "right") -> tuple[str, ...]:
    path = f"/{artefact.file}"
    server.files[path] = data
    server.manners[path] = manner
    return (f"{server.url}{path}",)


def asked(*places: tuple[Artefact, tuple[str, ...]], patience: float = 20.0) -> Answers:
    return ask(places, {}, broken=Counter(), patience=patience)


def unpacked(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(info.file_size for info in archive.infolist())


def test_a_wheel_takes_two_requests_and_a_small_part_of_its_bytes(
    server: RangeServer, tmp_path: Path
) -> None:
    noise = random.Random(1)
    path = tmp_path / "demo-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo/data.bin", noise.randbytes(4_000_000))
        for number in range(900):
            archive.writestr(f"demo/some/folder/module_{number}.py", noise.randbytes(20))
        archive.writestr("demo-1.dist-info/METADATA", "Name: demo\nLicense: Apache-2.0\n")
        archive.writestr("demo-1.dist-info/RECORD", noise.randbytes(30_000))
    data = path.read_bytes()
    item = wheel(data)
    found = asked((item, put(server, item, data)))
    assert found.known == {item.sha256: Known(installed=unpacked(data), license="Apache-2.0")}
    assert found.whole == []
    ranges = [said.removeprefix("bytes=").split("-") for _, said, _ in server.requests]
    assert len(ranges) == 2
    assert sum(int(last) - int(first) + 1 for first, last in ranges) < 300_000


def test_a_conda_package_by_its_list_of_files(server: RangeServer, tmp_path: Path) -> None:
    files = {"lib/a.so": b"a" * 5000, "lib/b.so": Soft("a.so"), "share/c": "hello"}
    kinds: tuple[Kind, ...] = ("conda", "tar.bz2")
    for kind in kinds:
        path = write_package(tmp_path / kind, "demo", files=files, kind=kind)
        item = locked_package(path)
        found = asked((item, put(server, item, path.read_bytes())))
        assert found.known == {item.sha256: Known(installed=5005)}


def test_a_source_archive_by_its_beginning_alone(server: RangeServer, tmp_path: Path) -> None:
    info = b"Name: pyspark\nLicense: Apache License, Version 2.0\n"
    rest = random.Random(1).randbytes(1_000_000)
    path = make_sdist(tmp_path, "3.5.1", files={"PKG-INFO": info, "deps/jars/x.jar": rest})
    data = path.read_bytes()
    item = LockedFile(
        name="pyspark",
        version="3.5.1",
        file=path.name,
        size=len(data),
        sha256="0" * 64,
        source="index:default",
    )
    found = asked((item, put(server, item, data)))
    assert found.known == {item.sha256: Known(license="Apache-2.0")}
    assert len(server.requests) <= 3
    assert max(int(said.rpartition("-")[2]) for _, said, _ in server.requests) < len(data) // 2


@pytest.mark.parametrize(
    "manner",
    ["other part", "other size", "cut off", "more", "busy", "refused", "gone", "encoded"],
)
def test_of_a_server_that_does_not_answer_rightly_nothing_is_learnt(
    server: RangeServer, tmp_path: Path, manner: Manner
) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    assert asked((item, put(server, item, data, manner))) == Answers()


def test_another_place_is_asked_where_the_first_one_fails(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    good = put(server, item, data)
    server.files["/wrong"] = data + b"x"
    bad = tuple(f"{server.url}/{name}" for name in ("missing", "wrong"))
    assert asked((item, (*bad, *good))).known == {item.sha256: Known(installed=unpacked(data), license="MIT")}


def test_where_no_parts_are_sent_small_files_are_wanted_whole_and_none_is_read(
    server: RangeServer, tmp_path: Path
) -> None:
    data = bytes_of(tmp_path)
    small = wheel(data)
    assert asked((small, put(server, small, data, "whole"))) == Answers(whole=[small])
    large = bytes(17 * 1024 * 1024)
    big = wheel(large, "big")
    assert asked((big, put(server, big, large, "whole"))) == Answers(known={big.sha256: Known()})
    # A login page says nothing of the file, so that it is asked for again.
    portal = wheel(data, "portal")
    assert asked((portal, put(server, portal, data, "page"))) == Answers()


def test_a_silent_server_is_not_waited_for(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    fine = wheel(data)
    mute = replace(fine, file="mute-1-py3-none-any.whl", sha256="f" * 64)
    places = [(mute, put(server, mute, data, "silent")), (fine, put(server, fine, data))]
    begun = time.monotonic()
    broken: Counter[Origin] = Counter()
    assert list(ask(places, {}, broken=broken, patience=0.5).known) == [fine.sha256]
    # Nor is it by the next environment that is locked.
    assert ask([(mute, (f"{server.url}/another",))], {}, broken=broken) == Answers()
    assert time.monotonic() - begun < 5
    server.open.set()
    for thread in threading.enumerate():
        if thread.name == "learn":
            thread.join(timeout=10)
            assert not thread.is_alive()


def test_there_is_an_end_to_all_waiting(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    begun = time.monotonic()
    broken: Counter[Origin] = Counter()
    places = [(item, put(server, item, data, "silent"))]
    assert ask(places, {}, broken=broken, patience=600.0, longest=0.2) == Answers()
    assert broken == {origin_of(server.url): 2}
    assert time.monotonic() - begun < 60


def test_a_server_that_is_not_there_is_asked_twice_at_most(tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    url = "http://127.0.0.1:9/x.whl"
    broken: Counter[Origin] = Counter({origin_of(url): 2})
    begun = time.monotonic()
    assert ask([(wheel(data), (url,))], {}, broken=broken) == Answers()
    assert time.monotonic() - begun < 1


def test_credentials_go_to_their_host_alone(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    with running_ranges() as other:
        other.files["/moved"] = data
        server.redirects["/first"] = f"{other.url}/moved"
        url = f"{server.url}/first"
        credentials = credentials_in([url.replace("//", "//ann:s3cret@")])
        found = ask([(item, (url,))], credentials, broken=Counter())
        assert found.known[item.sha256].license == "MIT"
        assert {login for _, _, login in server.requests} == {"ann:s3cret"}
        assert {login for _, _, login in other.requests} == {""}


def test_no_server_sends_us_to_a_file_of_this_machine(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    server.redirects["/first"] = next(tmp_path.glob("*.whl")).as_uri()
    assert asked((item, (f"{server.url}/first",))) == Answers()


@pytest.mark.parametrize("target", ["http://[", "http://example.com:99999/x", "http://example.com:x/y"])
def test_a_redirect_to_no_address_is_a_failure_of_its_server(
    server: RangeServer, tmp_path: Path, target: str
) -> None:
    data = bytes_of(tmp_path)
    server.redirects["/first"] = target
    broken: Counter[Origin] = Counter()
    url = f"{server.url}/first"
    assert ask([(wheel(data), (url,))], {}, broken=broken) == Answers()
    assert broken == {origin_of(url): 1}


def test_a_chunk_of_negative_length_is_a_failure_of_its_server(server: RangeServer, tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    item = wheel(data)
    (url,) = put(server, item, data, "negative")
    broken: Counter[Origin] = Counter()
    assert ask([(item, (url,))], {}, broken=broken) == Answers()
    assert broken == {origin_of(url): 1}


def _bomb(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.dist-info/METADATA", b"License: MIT\n" + b" " * size)
    return out.getvalue()


def _lying_bomb() -> bytes:
    """Its directory says that the metadata has 13 bytes."""
    data = bytearray(_bomb(50_000_000))
    for place, offset in ((data.index(b"PK\1\2"), 24), (0, 22)):
        data[place + offset : place + offset + 4] = (13).to_bytes(4, "little")
    return bytes(data)


def _huge_directory() -> bytes:
    """Its end says that the directory has four gigabytes."""
    data = bytearray(_bomb(10))
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 16] = b"\xff\xff\xff\x7f"
    return bytes(data)


def _many_members(count: int = 60_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number:0150}"), b"")
    return out.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"PK\5\6",
        lambda: b"<html>" * 10_000,
        lambda: _bomb(2_000_000),
        _lying_bomb,
        _huge_directory,
        _many_members,
        lambda: _bomb(10)[:-1],
        lambda: _bomb(10).replace(b"PK\3\4", b"PK\0\0"),
    ],
)
def test_of_a_hostile_wheel_nothing_is_learnt_and_it_is_not_asked_for_again(
    server: RangeServer, make: Callable[[], bytes]
) -> None:
    data = make() or b"x"
    item = wheel(data)
    assert asked((item, put(server, item, data))).known == {item.sha256: Known()}


def test_no_damage_is_more_than_a_wrong_or_empty_answer(server: RangeServer, tmp_path: Path) -> None:
    noise = random.Random(7)
    source = bytes_of(tmp_path)
    package = write_package(tmp_path, "demo", files={"a": b"a" * 100})
    places: list[tuple[Artefact, tuple[str, ...]]] = []
    for number in range(300):
        data = bytearray(source if number % 2 else package.read_bytes())
        for _ in range(noise.randint(1, 6)):
            data[noise.randrange(len(data))] = noise.randrange(256)
        name, sha256 = f"damaged{number}", f"{number:064x}"
        item = wheel(bytes(data), name) if number % 2 else locked_package(package)
        server.files[f"/{number}"] = bytes(data)
        places.append((replace(item, sha256=sha256), (f"{server.url}/{number}",)))
    found = ask(places, {}, broken=Counter())
    assert sorted(found.known) == [f"{number:064x}" for number in range(300)]


def test_a_file_of_this_machine_is_read_within_the_same_bounds(tmp_path: Path) -> None:
    data = bytes_of(tmp_path)
    (place,) = tmp_path.glob("*.whl")
    item = wheel(data)
    assert asked((item, (place.as_uri(),))).known == {
        item.sha256: Known(installed=unpacked(data), license="MIT")
    }
    place.write_bytes(data + b"x")
    assert asked((item, (place.as_uri(),))) == Answers()
    place.unlink()
    assert asked((item, (place.as_uri(),))) == Answers()
    os.mkfifo(place)
    assert asked((item, (place.as_uri(),))) == Answers()
    place.unlink()
    many = _many_members()
    place.write_bytes(many)
    assert asked((wheel(many), (place.as_uri(),))).known == {wheel(many).sha256: Known()}


def test_several_large_directories_of_this_machine_take_the_memory_of_one(tmp_path: Path) -> None:
    data = _many_members(8_000)
    places: list[tuple[Artefact, tuple[str, ...]]] = []
    for number in range(4):
        place = tmp_path / f"{number}.whl"
        place.write_bytes(data)
        places.append((replace(wheel(data), sha256=f"{number:064x}"), (place.as_uri(),)))

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            assert len(asked(*places[:count]).known) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(4) < 2 * peak(1)
