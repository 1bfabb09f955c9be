"""Nothing of an archive is used that its signature does not cover."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pysequoia import Tsk

from envcatalog.lock.debian.http import Downloads
from envcatalog.lock.debian.indexes import forget, load_indexes
from envcatalog.lock.debian.release import fetch_release, read_keyring
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings
from support.debs import DebianArchive, clear_signed

NOW = datetime(2026, 1, 3, tzinfo=UTC)
KEY_HINT = "set `debian.keyring` in `catalog/catalog.yaml`, or install `debian-archive-keyring`"


def fetch(archive: DebianArchive, suite: str = "bookworm", *, now: datetime = NOW) -> object:
    mirror = DebianMirror(name="m", url=archive.url, suites=("{suite}",))
    with Downloads() as downloads:
        return fetch_release(downloads, mirror, suite, read_keyring([archive.keyring]), now=now)


def refusal(action: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        action()
    return caught.value.message, caught.value.hint


def settings(archive: DebianArchive, *suites: str) -> Settings:
    mirror = DebianMirror(name="m", url=archive.url, suites=suites or ("{suite}",))
    return Settings(mirrors=(mirror,), keyring=str(archive.keyring))


def load(archive: DebianArchive, cache: Path, *suites: str) -> tuple[str, ...]:
    forget()
    indexes = load_indexes(
        "bookworm", ["amd64"], settings=settings(archive, *suites), cache=cache, progress=Silent()
    )
    return tuple(sorted(indexes["amd64"].names()))


def test_a_signed_release_is_read(archive: DebianArchive) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm")
    release = fetch(archive)
    assert release is not None
    assert sorted(release.files) == ["main/binary-amd64/Packages.xz", "main/binary-arm64/Packages.xz"]  # type: ignore[attr-defined]
    assert fetch(archive, "trixie") is None


def unsigned(text: bytes) -> str:
    return f"bookworm/InRelease` is not signed by a key of the keyring: {text.decode()}"


@pytest.mark.parametrize("place", ["Origin: Example", "Codename: bookworm", "main/binary-amd64", "Date: Fri"])
def test_a_changed_byte_is_refused(archive: DebianArchive, place: str) -> None:
    path = archive.write("bookworm")
    data = path.read_bytes()
    assert data.count(place.encode()) >= 1
    path.write_bytes(data.replace(place.encode(), place.swapcase().encode()))
    message, hint = refusal(lambda: fetch(archive))
    assert message.endswith(unsigned(b"Signature verification failed: no valid signatures found"))
    assert hint == KEY_HINT


def test_what_is_around_the_signed_text_is_not_used(archive: DebianArchive) -> None:
    archive.add("bookworm", "hello")
    path = archive.write("bookworm")
    evil = b"Codename: bookworm\nSHA256:\n " + b"0" * 64 + b" 1 main/binary-amd64/evil\n\n"
    before = fetch(archive)
    path.write_bytes(evil + path.read_bytes() + evil)
    assert fetch(archive) == before


def test_text_without_a_signature_is_refused(archive: DebianArchive) -> None:
    path = archive.write("bookworm")
    for data in (b"", b"Codename: bookworm\n", path.read_bytes().partition(b"-----BEGIN PGP SIGNATURE")[0]):
        path.write_bytes(data)
        message, _ = refusal(lambda: fetch(archive))
        assert "bookworm/InRelease` is not signed by a key of the keyring" in message
        assert "\n" not in message


def test_an_unknown_key_is_refused(archive: DebianArchive) -> None:
    path = archive.write("bookworm")
    path.write_bytes(clear_signed(Tsk.generate("Mallory <m@example.com>"), "Codename: bookworm\n"))
    message, hint = refusal(lambda: fetch(archive))
    assert message.endswith(unsigned(b"Signature verification failed: no valid signatures found"))
    assert hint == KEY_HINT


def test_an_expired_key_is_refused(tmp_path: Path) -> None:
    real_now = datetime.now(UTC)
    archive = DebianArchive(tmp_path / "a", key=Tsk.generate("Old <o@example.com>", validity_seconds=86_400))
    archive.write("bookworm")
    assert fetch(archive, now=real_now) is not None
    message, _ = refusal(lambda: fetch(archive, now=real_now + timedelta(days=2)))
    assert message.endswith(unsigned(b"Signature verification failed: no valid signatures found"))


def test_a_keyring_holds_many_keys_and_one_signature_is_enough(archive: DebianArchive) -> None:
    other = bytes(Tsk.generate("Other <x@example.com>").extract_certificate())
    archive.keyring.write_bytes(other + archive.keyring.read_bytes() + other)
    archive.write("bookworm")
    assert fetch(archive) is not None


@pytest.mark.parametrize("data", [b"", b"no keys", None])
def test_a_keyring_that_is_none(archive: DebianArchive, data: bytes | None) -> None:
    archive.write("bookworm")
    archive.keyring.unlink() if data is None else archive.keyring.write_bytes(data)
    message, hint = refusal(lambda: fetch(archive))
    told = f"the keyring `{archive.keyring}` cannot be read"
    assert message in (told, "no keyring with Debian's archive keys is known")
    assert hint == KEY_HINT


def test_another_suites_release_is_refused(archive: DebianArchive) -> None:
    archive.write("bookworm", Codename="buster", Suite="oldoldstable")
    message, _ = refusal(lambda: fetch(archive))
    assert (
        message == f"`{archive.url}/dists/bookworm/InRelease` is the Release of `buster`, not of `bookworm`"
    )


def test_dates_are_checked(archive: DebianArchive) -> None:
    place = f"`{archive.url}/dists/bookworm/InRelease`"
    archive.write("bookworm", Valid_Until="Sat, 03 Jan 2026 00:00:00 UTC")
    assert fetch(archive, now=NOW) is not None
    assert refusal(lambda: fetch(archive, now=NOW + timedelta(seconds=1))) == (
        f"{place} was valid until 2026-01-03 00:00 UTC",
        "use a mirror that is up to date, and check this machine's clock",
    )
    early = datetime(2026, 1, 1, tzinfo=UTC)
    assert refusal(lambda: fetch(archive, now=early)) == (
        f"{place} is dated 2026-01-02 03:04 UTC, in the future",
        "check this machine's clock",
    )
    archive.write("bookworm", Valid_Until="soon")
    assert refusal(lambda: fetch(archive)) == (f"{place} has a malformed date `soon`", "")


@pytest.mark.parametrize("by_hash", [True, False])
def test_an_index_of_other_bytes_is_refused(archive: DebianArchive, tmp_path: Path, by_hash: bool) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm", by_hash=by_hash)
    assert load(archive, tmp_path / "one") == ("hello",)
    folder = archive.root / "dists/bookworm/main/binary-amd64"
    for path in [folder / "Packages.xz", *folder.glob("by-hash/SHA256/*")]:
        path.write_bytes(bytes(len(path.read_bytes())))
    message, hint = refusal(lambda: load(archive, tmp_path / "two"))
    place = f"{archive.url}/dists/bookworm/main/binary-amd64/Packages.xz"
    assert message == f"`{place}` is not the file that the signed Release lists"
    assert hint == "the mirror may be changing, try again later"
    assert list((tmp_path / "two").rglob("*.v*")) == []


def test_an_index_that_grew_is_not_read_to_its_end(archive: DebianArchive, tmp_path: Path) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm", by_hash=False)
    path = archive.root / "dists/bookworm/main/binary-amd64/Packages.xz"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UserError) as caught:
        load(archive, tmp_path)
    assert caught.value.message == f"`{path}` is larger than the {size} bytes it may have"


def test_a_known_index_is_not_fetched_again(archive: DebianArchive, tmp_path: Path) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm")
    assert load(archive, tmp_path / "cache") == ("hello",)
    for path in (archive.root / "dists").rglob("Packages.xz"):
        path.unlink()
    for path in (archive.root / "dists").rglob("by-hash/SHA256/*"):
        path.unlink()
    assert load(archive, tmp_path / "cache") == ("hello",)


def test_a_missing_security_suite_is_not_passed_over(archive: DebianArchive, tmp_path: Path) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm")
    message, hint = refusal(lambda: load(archive, tmp_path, "{suite}", "{suite}-security"))
    assert message == "the Debian mirror `m` has no suite `bookworm-security`"
    assert hint == "check `base.debian`, and the suites of `debian.mirrors` in `catalog/catalog.yaml`"


def test_another_mirror_of_the_same_suite_stands_in(archive: DebianArchive, tmp_path: Path) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm")
    lost = DebianMirror(name="lost", url=(tmp_path / "lost").as_uri(), suites=("{suite}",))
    good = DebianMirror(name="good", url=archive.url, suites=("{suite}",))
    told: list[str] = []

    class Teller(Silent):
        def step(self, text: str) -> None:
            told.append(text)

    both = Settings(mirrors=(lost, good), keyring=str(archive.keyring))
    found = load_indexes("bookworm", ["amd64"], settings=both, cache=tmp_path / "c", progress=Teller())
    assert found["amd64"].names() == ("hello",)
    assert told == ["left out: the Debian mirror `lost` has no suite `bookworm`"]


class Handler(http.server.SimpleHTTPRequestHandler):
    """A static server that asks for a password and fails the first time."""

    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        if len(self.seen) == 1:
            self.send_error(503)
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def served(root: Path) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("Bound", (Handler,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def test_over_http_with_a_password_and_a_retry(archive: DebianArchive, tmp_path: Path) -> None:
    archive.add("bookworm", "hello")
    archive.write("bookworm")
    with served(archive.root) as (host, seen):
        mirror = DebianMirror(name="m", url=f"http://ada:s%40cret@{host}/", suites=("{suite}",))
        chosen = Settings(mirrors=(mirror,), keyring=str(archive.keyring))
        found = load_indexes("bookworm", ["amd64"], settings=chosen, cache=tmp_path / "c", progress=Silent())
        assert found["amd64"].names() == ("hello",)
        assert {login for _, login in seen} == {"Basic YWRhOnNAY3JldA=="}
        assert [path for path, _ in seen][:2] == ["/dists/bookworm/InRelease"] * 2
        assert seen[2][0].startswith("/dists/bookworm/main/binary-amd64/by-hash/SHA256/")
        forget()
        (archive.root / "dists/bookworm/InRelease").write_bytes(b"unsigned")
        message, _ = refusal(
            lambda: load_indexes("bookworm", ["amd64"], settings=chosen, cache=tmp_path, progress=Silent())
        )
        assert message.startswith(f"`http://***@{host}/dists/bookworm/InRelease` is not signed")


def test_a_mirror_that_cannot_be_reached(
    archive: DebianArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envcatalog.lock.debian.http.RETRIES", 1)
    with served(archive.root) as (host, _):
        pass
    mirror = DebianMirror(name="m", url=f"http://ada:secret@{host}", suites=("{suite}",))
    with pytest.raises(UserError) as caught:
        load_indexes(
            "bookworm",
            ["amd64"],
            settings=Settings(mirrors=(mirror,), keyring=str(archive.keyring)),
            cache=tmp_path,
            progress=Silent(),
        )
    assert caught.value.message.startswith(
        f"`http://***@{host}/dists/bookworm/InRelease` cannot be fetched: "
    )
    assert "secret" not in caught.value.message
    assert caught.value.exit_code == 2
