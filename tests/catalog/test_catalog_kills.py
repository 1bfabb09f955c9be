"""Killed anywhere, run again, all is well; several at once, one version for each content."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envcatalog.catalog.sdk import Catalog
from envcatalog.git import claim
from support.catalogs import Workplace, definition, git
from support.fake_registry import Answer, FakeRegistry, running

WRITES = ("put_blob", "mount_blob", "put_manifest", "referrers_put")
TAGGING = ("make_tag", "offer_tag", "create_reference")


class Killed(BaseException):
    """What no handler may catch."""


class Counter:
    """Lets so many steps pass, and no other after them."""

    def __init__(self, passing: int) -> None:
        self.passing = passing
        self.steps: list[str] = []
        self._lock = threading.Lock()

    def step(self, name: str) -> None:
        with self._lock:
            if len(self.steps) >= self.passing:
                raise Killed(name)
            self.steps.append(name)

    def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.step(name)
            return function(*arguments, **named)

        return counted


class Counted:
    """A registry or repository whose writes are counted."""

    def __init__(self, inner: Any, counter: Counter) -> None:
        self._inner = inner
        self._counter = counter

    def repository(self, name: str) -> Counted:
        return Counted(self._inner.repository(name), self._counter)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._counter.wrap(found, name) if name in WRITES else found


def kill_after(place: Workplace, steps: int) -> list[str]:
    """Publish in this process and stop before step number `steps`; the steps done."""
    counter = Counter(steps)
    opened = Catalog.open_registry
    with place.monkeypatch.context() as patch:
        patch.setattr(Catalog, "open_registry", lambda self, where: Counted(opened(self, where), counter))
        for name in TAGGING:
            patch.setattr(claim, name, counter.wrap(getattr(claim, name), name))
        try:
            done = place.publish()
        except Killed:
            return counter.steps
    assert done.code == 0, done.err
    assert len(counter.steps) < steps or steps == 1000
    return counter.steps


def copy(place: Workplace, folder: Path) -> Workplace:
    """The same catalog, origin, layout and cache elsewhere."""
    assert place.origin is not None
    shutil.copytree(place.root.parent, folder, symlinks=True)
    copied = replace(
        place,
        root=folder / place.root.name,
        origin=folder / place.origin.name,
        images=f"oci:{folder / 'images'}",
        cache=folder / "cache",
    )
    git(copied.root, "remote", "set-url", "origin", str(copied.origin))
    return copied


def prepared(place: Workplace) -> None:
    """Version 1 is published; a second is committed, which moves an alias, too."""
    place.add("demo", "alpha==1.0")
    place.published()
    place.edit("demo", "alpha==1.0", "alpha==2.0")
    place.edit("demo", "description:", "aliases: {prod: 1, staging: 2}\ndescription:")
    place.lock()
    place.commit()


def test_killed_before_each_step(with_origin: Workplace, tmp_path: Path) -> None:
    prepared(with_origin)
    whole = copy(with_origin, tmp_path.parent / f"{tmp_path.name}-whole")
    steps = kill_after(whole, 1000)
    assert steps.count("put_blob") == 2  # the new wheel's layer and the configuration
    position = {name: steps.index(name) for name in (*WRITES[::2], "referrers_put", *TAGGING)}
    assert position["put_blob"] < position["put_manifest"] < position["make_tag"] < position["offer_tag"]
    assert position["offer_tag"] < position["create_reference"] < position["referrers_put"]
    expected = whole.layout()
    assert expected.keys() == {"demo:1", "demo:2", "demo:latest", "demo:prod", "demo:staging"}

    for number in range(len(steps)):
        place = copy(with_origin, tmp_path.parent / f"{tmp_path.name}-{number}")
        before = place.layout()
        assert len(kill_after(place, number)) == number
        halfway = place.layout()
        for tag, digest in halfway.items():
            assert digest in (before.get(tag), expected[tag]), f"step {number}: {tag}"
        assert place.origin is not None
        done = place.publish()
        assert done.code == 0, f"step {number}: {done.err}"
        assert [row["version"] for row in done.json["published"]] == [2], number
        assert place.layout() == expected, number
        assert place.tags() == git(place.origin, "tag", "--list").split() == ["demo@1", "demo@2"], number
        assert place.published() == [("demo", 2, "unchanged", "is version 2")]
        shutil.rmtree(place.root.parent)


class Gate(FakeRegistry):
    """Stops at the first request that matches, until the test lets go."""

    def __init__(self, method: str, pattern: str) -> None:
        super().__init__()
        self.armed = False
        self.wanted = (method, re.compile(pattern))
        self.reached = threading.Event()
        self.go = threading.Event()
        self.completes = True

    def take_fault(self, method: str, path: str) -> Answer | None:
        if self.armed and method == self.wanted[0] and self.wanted[1].search(path) and not self.go.is_set():
            self.reached.set()
            assert self.go.wait(30)
            return None if self.completes else Answer(drop=0)
        return super().take_fault(method, path)

    def tags(self) -> dict[str, str]:
        """Tag to digest."""
        from support.fake_registry import digest_of

        held = self.manifests.get("ml/demo", {})
        return {
            name: digest_of(data)
            for name, (_, data) in held.items()
            if ":" not in name and not name.startswith("sha256-")
        }


@pytest.mark.parametrize("completes", [True, False], ids=["request-served", "request-lost"])
@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        pytest.param("POST", r"blobs/uploads/", id="first-blob"),
        pytest.param("PUT", r"blobs/uploads/", id="blob-bytes"),
        pytest.param("PUT", r"manifests/sha256:", id="manifest-by-digest"),
        pytest.param("PUT", r"manifests/1\Z", id="tag-1"),
        pytest.param("PUT", r"manifests/latest\Z", id="latest"),
    ],
)
def test_sigkill_at_the_registry(with_origin: Workplace, method: str, pattern: str, completes: bool) -> None:
    place = with_origin
    place.add("demo", "alpha")
    with running(Gate(method, pattern)) as gate:
        assert isinstance(gate, Gate)
        gate.armed, gate.completes = True, completes
        place.images = f"{gate.address}/ml"
        process = place.start("publish", "--registry", place.images)
        try:
            assert gate.reached.wait(30)
        finally:
            process.kill()
            process.communicate()
            gate.go.set()
        done = place.publish()
        assert done.code == 0, done.err
        [row] = done.json["published"]
        assert row["version"] == 1
        image = place.trailers("demo@1")["Image"]
        assert gate.tags() == {"1": image, "latest": image}
        assert place.published() == [("demo", 1, "unchanged", "is version 1")]
    assert place.origin is not None
    assert place.tags() == git(place.origin, "tag", "--list").split() == ["demo@1"]


@pytest.mark.parametrize("accepted", [True, False], ids=["tag-accepted", "tag-refused"])
def test_sigkill_while_the_tag_is_pushed(with_origin: Workplace, tmp_path: Path, accepted: bool) -> None:
    place = with_origin
    place.add("demo", "alpha")
    assert place.origin is not None
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo), f"{fifo}.go", f"{fifo}.done"], check=True)
    hook = write_hook(place, "pre-receive", f"echo reached > {fifo}\nread answer < {fifo}.go\nexit $answer\n")
    write_hook(place, "post-receive", f"echo done > {fifo}.done\n")
    # Both ends are open here, so that nothing waits for ever for a process that ended before it came so far.
    reached, go, ended = (os.open(f"{fifo}{end}", os.O_RDWR) for end in ("", ".go", ".done"))
    try:
        process = place.start("publish", "--registry", place.images, start_new_session=True)
        said_within_a_minute(reached, b"reached\n")
        assert place.tags() == []
        process.kill()
        os.write(go, b"0\n" if accepted else b"1\n")
        process.communicate()
        if accepted:  # Git itself was not killed, and ends what it began
            said_within_a_minute(ended, b"done\n")
    finally:
        for end in (reached, go, ended):
            os.close(end)
    hook.unlink()
    hook.with_name("post-receive").unlink()
    again = ("retagged", "tag 1 missing") if accepted else ("published", "new")
    assert place.published() == [("demo", 1, *again)]
    assert place.tags() == git(place.origin, "tag", "--list").split() == ["demo@1"]
    assert place.layout().keys() == {"demo:1", "demo:latest"}
    assert place.published() == [("demo", 1, "unchanged", "is version 1")]


def said_within_a_minute(pipe: int, text: bytes) -> None:
    assert select.select([pipe], [], [], 60)[0], f"nobody said {text!r}"
    assert os.read(pipe, 100) == text


def test_a_refused_push_publishes_no_version(with_origin: Workplace) -> None:
    place = with_origin
    place.add("demo", "alpha")
    assert place.origin is not None
    write_hook(place, "pre-receive", "echo 'tags are closed today' >&2\nexit 1\n")
    done = place.publish()
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("error: the remote `origin` refuses the tag `demo@1`: ")
    assert (place.tags(), place.layout()) == ([], {})


@pytest.fixture
def together() -> Iterator[Callable[..., list[tuple[int, str, str]]]]:
    """Starts several commands and waits for all."""

    def run(*starts: Callable[[], subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
        running_ones = [start() for start in starts]
        found = []
        for process in running_ones:
            out, err = process.communicate(timeout=120)
            found.append((process.returncode, out, err))
        return found

    yield run


def test_two_at_once_with_the_same_content(with_origin: Workplace, tmp_path: Path, together: Any) -> None:
    place = with_origin
    place.add("demo", "alpha")
    git(place.root, "push", "-q", "origin", "main")
    other = clone(place, tmp_path / "other")
    command = ("publish", "--registry", place.images)
    done = together(lambda: place.start(*command), lambda: other.start(*command))
    assert [code for code, _, _ in done] == [0, 0], done
    assert place.origin is not None
    assert git(place.origin, "tag", "--list").split() == ["demo@1"]
    assert place.layout().keys() == {"demo:1", "demo:latest"}
    assert git(place.root, "rev-parse", "demo@1") == git(other.root, "rev-parse", "demo@1")


def test_two_at_once_with_different_environments(
    with_origin: Workplace, tmp_path: Path, together: Any
) -> None:
    place = with_origin
    place.add("demo", "alpha")
    place.add("other", "beta")
    command = ("publish", "--registry", place.images)
    done = together(lambda: place.start(*command, "demo"), lambda: place.start(*command, "other"))
    assert [code for code, _, _ in done] == [0, 0], done
    assert place.tags() == ["demo@1", "other@1"]
    assert place.layout().keys() == {"demo:1", "demo:latest", "other:1", "other:latest"}
    assert place.origin is not None
    assert git(place.origin, "tag", "--list").split() == place.tags()


def test_two_at_once_with_different_content(with_origin: Workplace, tmp_path: Path, together: Any) -> None:
    place = with_origin
    place.add("demo", "alpha==1.0")
    git(place.root, "push", "-q", "origin", "main")
    other = clone(place, tmp_path / "other")
    other.edit("demo", "alpha==1.0", "alpha==2.0")
    other.lock()
    other.commit()
    command = ("publish", "--registry", place.images)
    done = together(lambda: place.start(*command), lambda: other.start(*command))
    assert [code for code, _, _ in done] == [0, 0], done
    assert place.origin is not None
    assert git(place.origin, "tag", "--list").split() == ["demo@1", "demo@2"]
    git(place.root, "fetch", "-q", "--tags")
    layout = place.layout()
    assert {layout["demo:1"], layout["demo:2"]} == {place.trailers(f"demo@{n}")["Image"] for n in (1, 2)}
    assert place.trailers("demo@1")["Plan"] != place.trailers("demo@2")["Plan"]
    # whoever moved `latest` last may have known of one version alone; the next run puts it right
    place.publish()
    assert place.layout()["demo:latest"] == layout["demo:2"]


def test_eight_at_once(workplace: Workplace, together: Any) -> None:
    workplace.add("demo", "alpha")
    command = ("publish", "--registry", workplace.images, "--format", "json")
    done = together(*[lambda: workplace.start(*command)] * 8)
    assert [code for code, _, _ in done] == [0] * 8, done
    assert workplace.tags() == ["demo@1"]
    assert workplace.layout().keys() == {"demo:1", "demo:latest"}
    assert len({out.split('"digest": ')[1].split(",")[0] for _, out, _ in done}) == 1


def test_sigkill_while_locking(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    folder = workplace.root / "catalog/demo"
    before = (folder / "lock.json").read_bytes()
    workplace.edit("demo", "alpha<2", "alpha")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        nowhere = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        variables = {"PIP_INDEX_URL": nowhere, "UV_CACHE_DIR": str(workplace.cache / "uv")}
        process = workplace.start("lock", variables=variables, stderr=subprocess.DEVNULL)
        connection, _ = server.accept()
        process.kill()
        process.wait()
        connection.close()
    process.communicate()
    assert (folder / "lock.json").read_bytes() == before
    assert {item.name for item in folder.iterdir()} == {"environment.yaml", "lock.json"}
    workplace.lock()
    assert workplace.run("lock", "--check").code == 0


def test_eight_environments_at_once(with_origin: Workplace, together: Any) -> None:
    place = with_origin
    names = [f"demo-{number}" for number in range(8)]
    for name in names:
        place.write(name, definition(name, "alpha", more=f"variables: {{NAME: {name}}}\n"))
    place.lock()
    place.commit()
    starts = [lambda name=name: place.start("publish", name, "--registry", place.images) for name in names]
    done = together(*starts)
    assert [code for code, _, _ in done] == [0] * 8, done
    assert place.origin is not None
    expected = [f"{name}@1" for name in names]
    assert place.tags() == git(place.origin, "tag", "--list").split() == expected
    assert place.layout().keys() == {f"{name}:{tag}" for name in names for tag in ("1", "latest")}


def test_two_lock_at_once(workplace: Workplace, together: Any) -> None:
    workplace.write("demo", definition("demo", "alpha", "beta"))
    done = together(*[lambda: workplace.start("lock")] * 2)
    assert [code for code, _, _ in done] == [0, 0], done
    assert workplace.run("lock", "--check").code == 0
    assert sorted(item.name for item in (workplace.root / "catalog/demo").iterdir()) == [
        "environment.yaml",
        "lock.json",
    ]


def write_hook(place: Workplace, name: str, text: str) -> Path:
    """A hook of `origin`."""
    assert place.origin is not None
    hook = place.origin / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n" + text)
    hook.chmod(0o755)
    return hook


def clone(place: Workplace, folder: Path) -> Workplace:
    """Another person's clone, with a cache of its own."""
    git(folder.parent, "clone", "-q", str(place.origin), str(folder))
    return replace(place, root=folder, cache=folder.parent / f"{folder.name}-cache")
