"""The files of a lock: found, verified and kept, or refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from envcatalog.lock.download import Downloader, GoneError
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.lock.pypi import WheelRequest, lock_wheels
from envcatalog.lock.urls import credentials_in
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Deb, Wheel
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, PackageIndex, Settings
from support.wheelhouse import AMD, ARM, Server


def locked(*requirements: str, cache: Path, settings: Settings | None = None) -> tuple[Wheel, ...]:
    request = WheelRequest(requirements=requirements, python="3.11.2", platform="linux/amd64", glibc=36)
    return lock_wheels(request, settings=settings or Settings(), cache=cache)


def store(cache: Path, settings: Settings | None = None) -> ArtefactStore:
    return ArtefactStore(cache, settings or Settings(), Silent())


def stored(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "artefacts" / "sha256").glob("*"))


def deb(data: bytes, path: str = "pool/main/a/acme/acme_1_amd64.deb") -> Deb:
    sha256 = hashlib.sha256(data).hexdigest()
    return Deb(name="acme", version="1", architecture="amd64", path=path, size=len(data), sha256=sha256)


def put(server: Server, place: str, data: bytes) -> None:
    path = server.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def mirrors(server: Server, *names: str) -> Settings:
    made = [DebianMirror(name=name, url=f"{server.url}/{name}/", suites=("{suite}",)) for name in names]
    return Settings(mirrors=tuple(made))


def test_a_lock_leaves_the_addresses_so_nothing_is_asked_again(only_index: Server, cache: Path) -> None:
    source = only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    only_index.requests.clear()
    assert store(cache).path(wheel).read_bytes() == source.read_bytes()
    assert only_index.paths() == ["/main/files/lib-1-py3-none-any.whl"]
    assert store(cache).path(wheel).is_file()
    assert len(only_index.requests) == 1
    assert stored(cache) == [wheel.sha256]


def test_another_machine_asks_the_index_where_the_files_are(
    only_index: Server, cache: Path, tmp_path: Path
) -> None:
    for tag in (AMD, ARM, "py3-none-any"):
        only_index.add("lib", "1", tag=tag)
    for version in ("1", "2"):
        only_index.add("pure", version, requires_python=">=3.11")
    wheels = locked("lib", "pure==1", cache=cache) + locked("pure", cache=cache)
    arm = WheelRequest(requirements=("lib",), python="3.11.2", platform="linux/arm64", glibc=36)
    wheels += lock_wheels(arm, settings=Settings(), cache=cache)
    other = tmp_path / "other"
    store(other).prefetch(wheels)
    assert stored(other) == sorted(wheel.sha256 for wheel in wheels)
    assert len(stored(other)) == 4


def test_an_index_that_cannot_be_reached_is_not_taken_for_a_missing_file(
    only_index: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    only_index.logins["main"] = "ann:s3cret"
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with pytest.raises(UserError) as caught:
        store(tmp_path / "other").path(wheel)
    assert not isinstance(caught.value, Refusal)
    assert caught.value.hint == "is the package index reachable? try again"


def test_one_that_is_gone_is_named_and_the_others_are_found(
    only_index: Server, cache: Path, tmp_path: Path
) -> None:
    for name in ("lib", "old"):
        only_index.add(name, "1")
    wheels = locked("lib", "old", cache=cache)
    (only_index.root / "main/files/old-1-py3-none-any.whl").unlink()
    with pytest.raises(Refusal) as caught:
        store(tmp_path / "other").prefetch(wheels)
    assert caught.value.message == "`old-1-py3-none-any.whl` of `old` is no longer in the package index"
    assert caught.value.hint == "run `envcat lock --upgrade-package old`"


def test_a_remembered_address_that_is_out_of_date_is_asked_for_again(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    (cache / "addresses" / wheel.sha256).write_text(f"{only_index.url}/main/files/moved.whl")
    assert store(cache).path(wheel).is_file()


def test_a_changed_file_is_refused_and_not_kept(only_index: Server, cache: Path) -> None:
    path = only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = hashlib.sha256(data).hexdigest()
    with pytest.raises(Refusal) as caught:
        store(cache).path(wheel)
    assert caught.value.message == (
        f"`lib-1-py3-none-any.whl` of `lib` differs from the lock: its sha256 is `{found}` instead of `{wheel.sha256}`"
    )
    assert stored(cache) == []


@pytest.mark.parametrize(
    ("size", "reason"),
    [(-1, "it is larger than {size} bytes"), (1, "it has {real} instead of {size} bytes")],
)
def test_the_size_is_checked(only_index: Server, cache: Path, size: int, reason: str) -> None:
    only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    other = dataclasses.replace(wheel, size=wheel.size + size)
    with pytest.raises(Refusal) as caught:
        store(cache).path(other)
    expected = reason.format(size=other.size, real=wheel.size)
    assert caught.value.message == f"`lib-1-py3-none-any.whl` of `lib` differs from the lock: {expected}"
    assert stored(cache) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    path = store(cache).path(wheel)
    path.write_bytes(b"half")
    assert store(cache).path(wheel).stat().st_size == wheel.size


def test_a_busy_server_is_asked_again_after_what_it_says(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1")
    (wheel,) = locked("lib", cache=cache)
    path = f"/main/files/{wheel.file}"
    only_index.requests.clear()
    only_index.failures[path] = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})]
    assert store(cache).path(wheel).is_file()
    assert only_index.paths().count(path) == 3


def test_waiting_follows_the_server_within_a_limit(index: Server, tmp_path: Path) -> None:
    put(index, "main/files/x", b"data")
    index.failures["/main/files/x"] = [
        (503, {"Retry-After": "7"}),
        (503, {"Retry-After": "86400"}),
        (500, {}),
    ]
    waits: list[float] = []
    downloader = Downloader({}, sleep=waits.append)
    try:
        assert downloader.measure(f"{index.url}/main/files/x") == (4, hashlib.sha256(b"data").hexdigest())
    finally:
        downloader.close()
    assert waits == [7.0, 60.0, 1.2]


def test_a_server_that_stays_busy_is_an_error(index: Server) -> None:
    index.failures["/main/files/x"] = [(503, {})] * 9
    waits: list[float] = []
    downloader = Downloader({}, sleep=waits.append)
    with pytest.raises(UserError) as caught:
        downloader.length(f"{index.url}/main/files/x".replace("//", "//ann:s3cret@"))
    downloader.close()
    shown = f"{index.url}/main/files/x".replace("//", "//***@")
    assert caught.value.message == f"`{shown}` cannot be read: HTTP status 503"
    assert len(waits) == 4


def test_a_connection_that_breaks_is_made_again(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1", content="x = 1\n" * 50_000)
    (wheel,) = locked("lib", cache=cache)
    only_index.truncated.add(f"/main/files/{wheel.file}")
    assert store(cache).path(wheel).is_file()


def test_credentials_do_not_follow_a_redirect_to_another_host(index: Server) -> None:
    put(index, "cdn/files/x", b"data")
    index.logins["acme"] = "ann:s3cret"
    index.redirects["/acme/files/x"] = f"{index.url.replace('127.0.0.1', 'localhost')}/cdn/files/x"
    downloader = Downloader(credentials_in([index.index("acme").replace("//", "//ann:s3cret@")]))
    try:
        assert downloader.length(f"{index.url}/acme/files/x") == 4
    finally:
        downloader.close()
    assert index.requests == [("HEAD", "/acme/files/x", "ann:s3cret"), ("HEAD", "/cdn/files/x", "")]


def test_credentials_in_a_mirrors_url_are_used_and_not_shown(index: Server, cache: Path) -> None:
    item = deb(b"a package")
    put(index, f"private/{item.path}", b"a package")
    index.logins["private"] = "ann:s3cret"
    url = f"{index.url}/private".replace("//", "//ann:s3cret@")
    mirror = DebianMirror(name="private", url=url, suites=("{suite}",))
    assert store(cache, Settings(mirrors=(mirror,))).path(item).is_file()
    wrong = dataclasses.replace(mirror, url=url.replace("s3cret", "0ther"))
    with pytest.raises(UserError) as caught:
        store(cache.parent / "other", Settings(mirrors=(wrong,))).path(item)
    shown = f"{index.url}/private/{item.path}".replace("//", "//***@")
    assert caught.value.message == f"`{shown}` cannot be read: HTTP status 401"


def test_what_a_killed_process_left_is_swept_after_a_day(index: Server, cache: Path) -> None:
    item = deb(b"a package")
    put(index, f"m/{item.path}", b"a package")
    folder = cache / "artefacts" / "sha256"
    folder.mkdir(parents=True)
    for name, time in ((".old.part", 1_000_000_000), (".new.part", None)):
        (folder / name).write_bytes(b"half")
        if time:
            os.utime(folder / name, (time, time))
    store(cache, mirrors(index, "m")).path(item)
    assert stored(cache) == [".new.part", item.sha256]


@pytest.mark.parametrize("target", ["file:///etc/hostname", "http://[", "http://example.com:99999/x"])
def test_a_redirect_never_leads_to_a_local_file_or_to_no_address(index: Server, target: str) -> None:
    index.redirects["/main/files/x"] = target
    downloader = Downloader({})
    with pytest.raises(UserError) as caught:
        downloader.measure(f"{index.url}/main/files/x")
    downloader.close()
    assert "redirects too often or to an address that is not HTTP" in caught.value.message


def test_a_file_that_is_not_there_is_told_apart(index: Server, tmp_path: Path) -> None:
    downloader = Downloader({})
    for url in (f"{index.url}/main/files/none", (tmp_path / "none").as_uri()):
        with pytest.raises(GoneError):
            downloader.measure(url)
    downloader.close()


def test_a_private_index_gets_its_credentials_for_the_files_too(
    only_index: Server, cache: Path, tmp_path: Path
) -> None:
    only_index.logins["acme"] = "ann:s3cret"
    only_index.add("acme-app", "1", index="acme")
    url = only_index.index("acme").replace("//", "//ann:s3cret@")
    settings = Settings(indexes=(PackageIndex(name="acme", url=url, packages=("acme-*",)),))
    (wheel,) = locked("acme-app", cache=cache, settings=settings)
    assert store(cache, settings).path(wheel).is_file()
    assert store(tmp_path / "other", settings).path(wheel).is_file()
    kept = [path.read_text() for path in (cache / "addresses").iterdir()]
    assert kept == [f"{only_index.url}/acme/files/{wheel.file}"]


@pytest.mark.parametrize(
    ("name", "index", "message"),
    [
        ("acme-app", "default", "`acme-app` comes from the index `default` but may only come from `acme`"),
        ("six", "acme", "`six` comes from the index `acme` but may only come from `default`"),
        ("six", "other", "`six` comes from the index `other`, which is unknown"),
    ],
)
def test_a_lock_cannot_move_a_package_to_another_index(
    cache: Path, name: str, index: str, message: str
) -> None:
    settings = Settings(
        indexes=(PackageIndex(name="acme", url="http://acme.example.com/simple", packages=("acme-*",)),)
    )
    file = f"{name.replace('-', '_')}-1-py3-none-any.whl"
    wheel = Wheel(name=name, version="1", file=file, size=1, sha256="a" * 64, index=index)
    with pytest.raises(Refusal) as caught:
        store(cache, settings).path(wheel)
    assert caught.value.message == message


def test_mirrors_are_asked_in_turn_and_archives_last(index: Server, cache: Path) -> None:
    item = deb(b"a package")
    put(index, f"snapshot/{item.path}", b"a package")
    settings = mirrors(index, "first", "second")
    archive = DebianMirror(name="snapshot", url=f"{index.url}/snapshot")
    settings = dataclasses.replace(settings, mirrors=(archive, *settings.mirrors))
    assert store(cache, settings).path(item).read_bytes() == b"a package"
    assert index.paths() == [f"/{name}/{item.path}" for name in ("first", "second", "snapshot")]


def test_a_mirror_that_refuses_is_passed_over(index: Server, cache: Path) -> None:
    item = deb(b"a package")
    put(index, f"second/{item.path}", b"a package")
    index.failures[f"/first/{item.path}"] = [(403, {})]
    assert store(cache, mirrors(index, "first", "second")).path(item).is_file()


def test_a_package_that_all_mirrors_dropped_is_named(index: Server, cache: Path) -> None:
    with pytest.raises(Refusal) as caught:
        store(cache, mirrors(index, "first")).path(deb(b"a package"))
    assert caught.value.message == "`acme_1_amd64.deb` of `acme` is no longer in the Debian mirrors"
    assert caught.value.hint == (
        "run `envcat lock --upgrade-package acme`, or name a snapshot archive in `catalog/catalog.yaml`"
    )


def test_a_mirror_may_be_a_folder(cache: Path, tmp_path: Path) -> None:
    item = deb(b"a package")
    path = tmp_path / "archive" / item.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a package")
    mirror = DebianMirror(name="local", url=(tmp_path / "archive").as_uri(), suites=("{suite}",))
    assert store(cache, Settings(mirrors=(mirror,))).path(item).read_bytes() == b"a package"


def test_what_came_before_an_error_is_kept_and_nothing_half(index: Server, cache: Path) -> None:
    big, small = deb(b"b" * 3_000_000, "pool/b/big_1_amd64.deb"), deb(b"small", "pool/s/small_1_amd64.deb")
    put(index, f"first/{big.path}", b"b" * 3_000_000)
    with pytest.raises(Refusal):
        store(cache, mirrors(index, "first")).prefetch((small, big))
    assert set(stored(cache)) <= {big.sha256}
    put(index, f"first/{small.path}", b"small")
    store(cache, mirrors(index, "first")).prefetch((small, big))
    assert stored(cache) == sorted([big.sha256, small.sha256])


def _fetch_in_process(cache: Path, url: str, items: tuple[Deb, ...]) -> None:
    mirror = DebianMirror(name="m", url=url, suites=("{suite}",))
    ArtefactStore(cache, Settings(mirrors=(mirror,)), Silent()).prefetch(items)


def test_processes_share_a_cache(index: Server, cache: Path) -> None:
    items = tuple(deb(bytes([number]) * 100_000, f"pool/p{number}_1_amd64.deb") for number in range(12))
    for number, item in enumerate(items):
        put(index, f"m/{item.path}", bytes([number]) * 100_000)
    context = multiprocessing.get_context("spawn")
    jobs = [
        context.Process(target=_fetch_in_process, args=(cache, f"{index.url}/m", items)) for _ in range(3)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    assert stored(cache) == sorted(item.sha256 for item in items)


@pytest.mark.network
def test_real_wheels_are_found_again_without_remembered_addresses(cache: Path) -> None:
    wheels = locked("six", "packaging", cache=cache)
    shutil.rmtree(cache / "addresses")
    store(cache).prefetch(wheels)
    assert stored(cache) == sorted(wheel.sha256 for wheel in wheels)
