"""Fetching what a lock names: verified, with the ecosystem's credentials, and never another host's."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conda_lock_support import AMD64, Locking
from conda_server import ChannelServer, running_channel

from envcatalog.lock.conda import download, solve
from envcatalog.lock.fetch import ArtefactStore, Gone
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.seams import Silent
from envcatalog.model.settings import CondaChannel, Settings
from support.conda_channel import index_channel
from support.conda_packages import write_package

PATH = "/own/noarch/tool-1.0-0.conda"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChannelServer]:
    """A channel with one package, ``tool``."""
    folder = tmp_path / "server" / "own"
    write_package(folder, "tool", subdir="noarch", noarch="generic", files={"share/tool": "x" * 100_000})
    index_channel(folder)
    with running_channel(folder.parent) as running:
        yield running


@pytest.fixture
def tool(server: ChannelServer, cache: Path) -> CondaPackage:
    """Its entry in a lock."""
    lock = Locking(cache, {"own": f"{server.url}/own"})
    [package] = lock("tool").platform(AMD64).conda
    server.requests.clear()
    return package


def store(server: ChannelServer, cache: Path, login: str = "") -> ArtefactStore:
    url = server.url.replace("http://", f"http://{login}@") if login else server.url
    settings = Settings(channels=(CondaChannel(name="own", url=f"{url}/own"),))
    return ArtefactStore(cache, settings, Silent())


def test_the_file_is_fetched_once(server: ChannelServer, tool: CondaPackage, cache: Path) -> None:
    path = store(server, cache).path(tool)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == tool.sha256
    assert path.read_bytes() == (server.folder / PATH.lstrip("/")).read_bytes()
    assert store(server, cache).path(tool) == path
    assert [asked for asked, _ in server.requests] == [PATH]


def test_a_folder_is_a_channel(server: ChannelServer, tool: CondaPackage, cache: Path) -> None:
    settings = Settings(channels=(CondaChannel(name="own", url=str(server.folder / "own")),))
    assert ArtefactStore(cache, settings, Silent()).path(tool).stat().st_size == tool.size
    assert server.requests == []
    (server.folder / PATH.lstrip("/")).unlink()
    with pytest.raises(Gone) as gone:
        ArtefactStore(cache / "new", settings, Silent()).path(tool)
    assert gone.value.message == "`tool-1.0-0.conda` of `tool` is no longer in the conda channel `own`"
    assert gone.value.hint == "run `envcat lock --upgrade-package tool`"


def test_a_file_that_is_gone(server: ChannelServer, tool: CondaPackage, cache: Path) -> None:
    (server.folder / PATH.lstrip("/")).unlink()
    with pytest.raises(Gone) as gone:
        store(server, cache).path(tool)
    assert gone.value.message == "`tool-1.0-0.conda` of `tool` is no longer in the conda channel `own`"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-1] + b"?", "its sha256 is `"),
        (lambda data: data[:-1], "bytes"),
        (lambda data: data + b"?", "it is larger than "),
    ],
)
def test_other_bytes_are_refused(
    server: ChannelServer, tool: CondaPackage, cache: Path, change: object, reason: str
) -> None:
    server.replaced[PATH] = change((server.folder / PATH.lstrip("/")).read_bytes())  # type: ignore[operator]
    with pytest.raises(Refusal) as refusal:
        store(server, cache).path(tool)
    assert refusal.value.message.startswith("`tool-1.0-0.conda` of `tool` differs from the lock: ")
    assert reason in refusal.value.message
    assert list((cache / "artefacts" / "sha256").iterdir()) == []


def test_a_broken_download_begins_anew(server: ChannelServer, tool: CondaPackage, cache: Path) -> None:
    server.broken[PATH] = 2
    assert store(server, cache).path(tool).stat().st_size == tool.size
    assert len(server.requests) == 3
    server.broken[PATH] = 99
    with pytest.raises(UserError) as error:
        store(server, cache / "new").path(tool)
    assert error.value.message.startswith(f"`{server.url}{PATH}` cannot be read: ")


def test_credentials_of_the_address(server: ChannelServer, tool: CondaPackage, cache: Path) -> None:
    server.login = "me:hidden"
    assert store(server, cache, login="me:hidden").path(tool).is_file()
    with pytest.raises(UserError) as error:
        store(server, cache / "new", login="me:wrong-hidden").path(tool)
    assert error.value.message == f"`{server.url}{PATH}` cannot be read: HTTP status 401"
    assert "RATTLER_AUTH_FILE" in error.value.hint


def auth_file(server: ChannelServer, folder: Path) -> dict[str, str]:
    path = folder / "auth.json"
    login = {"BasicHTTP": {"username": "me", "password": "hidden"}}
    path.write_text(json.dumps({"127.0.0.1": login, "other.example.com": login}))
    return {"RATTLER_AUTH_FILE": str(path)}


def netrc(server: ChannelServer, folder: Path) -> dict[str, str]:
    path = folder / "netrc"
    path.write_text("machine 127.0.0.1 login me password hidden\n")
    path.chmod(0o600)
    return {"NETRC": str(path)}


@pytest.mark.parametrize("configure", [auth_file, netrc])
def test_credentials_of_the_ecosystem(
    server: ChannelServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: object
) -> None:
    server.login = "me:hidden"
    for name, value in configure(server, tmp_path).items():  # type: ignore[operator]
        monkeypatch.setenv(name, value)
    lock = Locking(cache, {"own": f"{server.url}/own"})
    [tool] = lock("tool").platform(AMD64).conda
    assert store(server, cache).path(tool).is_file()
    assert {login for _, login in server.requests} == {"me:hidden"}
    text = "".join(path.read_text("latin-1") for path in cache.rglob("*") if path.is_file())
    assert "hidden" not in text
    assert os.environ["HOME"] not in ("", "/root")


@pytest.mark.parametrize(
    ("user", "token"), [("me:hidden@", ""), ("", "t/hidden"), ("me:hidden@", "t/hidden")]
)
def test_secrets_of_an_address_are_kept_nowhere(
    server: ChannelServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, token: str
) -> None:
    server.login = user.rstrip("@")
    if token:
        (server.folder / token).mkdir(parents=True)
        (server.folder / "own").rename(server.folder / token / "own")
    rc = tmp_path / "condarc"
    rc.write_text(f"channel_alias: http://{user}127.0.0.1:{server.port}/{token}\n")
    monkeypatch.setenv("CONDARC", str(rc))
    settings = Settings()
    request = solve.CondaRequest(specs=("tool",), channels=("own",), platform=AMD64)
    [tool] = solve.solve_conda(request, settings=settings, cache=cache)
    assert tool.channel == "own"
    assert ArtefactStore(cache, settings, Silent()).path(tool).is_file()
    kept = [path for path in cache.rglob("*") if path.is_file() and b"hidden" in path.read_bytes()]
    assert kept == []
    assert not [path for path in cache.rglob("*") if "hidden" in path.name]


def test_without_credentials_the_channel_is_said_to_refuse(server: ChannelServer, cache: Path) -> None:
    server.login = "me:hidden"
    with pytest.raises(UserError) as error:
        Locking(cache, {"own": f"{server.url}/own"})("tool")
    assert error.value.message.startswith("conda channels cannot be read (`own`): ")
    assert "401" in error.value.message


@pytest.mark.parametrize("login", ["me:hidden", ""])
def test_another_host_gets_no_credentials(
    server: ChannelServer,
    tool: CondaPackage,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    login: str,
) -> None:
    if not login:
        monkeypatch.setenv("RATTLER_AUTH_FILE", auth_file(server, tmp_path)["RATTLER_AUTH_FILE"])
    other = tmp_path / "elsewhere" / "file"
    other.parent.mkdir()
    other.write_bytes((server.folder / PATH.lstrip("/")).read_bytes())
    with running_channel(other.parent) as elsewhere:
        server.redirects[PATH] = f"http://localhost:{elsewhere.port}/file"
        assert store(server, cache, login=login).path(tool).is_file()
        assert server.requests == [(PATH, "me:hidden")]
        assert elsewhere.requests == [("/file", "")]


def test_a_package_may_be_in_any_of_several_places(
    server: ChannelServer, tool: CondaPackage, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rc = tmp_path / "condarc"
    rc.write_text(f"default_channels: [{server.url}/nothing, {server.url}/own]\n")
    monkeypatch.setenv("CONDARC", str(rc))
    package = replace(tool, channel="defaults")
    assert ArtefactStore(cache, Settings(), Silent()).path(package).is_file()
    assert [path for path, _ in server.requests] == ["/nothing/noarch/tool-1.0-0.conda", PATH]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_channel_is_given_up(
    tool: CondaPackage, cache: Path, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SILENCE", 0.05)
    settings = Settings(channels=(CondaChannel(name="own", url=silent),))
    with pytest.raises(UserError) as error:
        ArtefactStore(cache, settings, Silent()).path(tool)
    assert error.value.message == (
        f"`{silent}/noarch/tool-1.0-0.conda` cannot be read: nothing came for 0.05 s"
    )


def test_a_silent_channel_does_not_hold_up_a_solve(
    cache: Path, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "READ_LIMIT", 0.05)
    with pytest.raises(UserError) as error:
        Locking(cache, {"own": silent})("tool")
    assert error.value.message == "conda channels cannot be read (`own`): no answer within 0.05 s"
