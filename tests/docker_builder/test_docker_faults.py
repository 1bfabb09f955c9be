"""What goes wrong with an engine: a clear error, no version, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_support import Engine, add, edit_file, end_containers, lines_until, wait_for

from envcatalog.model.host import host_platform
from support.catalogs import Workplace
from support.servers import missing, running_engine

BASE = "{image: 'oci:bases:tools'}"
FROM_BASE = "ARG BASE\nFROM ${BASE}\n"
# A container's first process gets no signal that it has not asked for, so a sleep alone would not end.
FOREVER = "RUN echo now-it-waits && sleep 600\n"


def untouched(place: Workplace) -> bool:
    """No version, and nothing in the registry."""
    return place.tags() == [] and place.layout() == {}


def test_without_an_engine(place: Workplace) -> None:
    add(place, "app", FROM_BASE + "RUN true\n", base=BASE)
    assert place.run("validate").code == place.run("lock", "--check").code == place.run("plan").code == 0
    done = place.publish()
    assert (done.code, done.out, done.err) == (
        2,
        "",
        "building app: new\n"
        "error: `app` is built by a Docker Engine, and no engine answers\n"
        "hint: start one, or name it by `DOCKER_HOST`; nothing was built\n",
    )
    assert untouched(place)


def test_the_embedded_builder_cannot(place: Workplace) -> None:
    add(place, "app", FROM_BASE + "RUN true\n", base=BASE)
    done = place.run("build", "app", "--builder", "embedded")
    assert (done.code, done.err) == (
        1,
        "error: `app` has a Dockerfile, which the embedded builder cannot build\n"
        "hint: leave `--builder` out, or use `--builder docker`\n",
    )
    planned = place.run("plan", "app", "--builder", "embedded")
    assert planned.code == 1
    assert planned.out.startswith(
        "refuse  app  -  `app` has a Dockerfile, which the embedded builder cannot build\n"
    )


@pytest.mark.engine
def test_another_platform(place: Workplace, engine: Engine) -> None:
    other = "linux/arm64" if host_platform() == "linux/amd64" else "linux/amd64"
    # Nothing is built for the one before the other is refused.
    add(place, "app", "FROM scratch\nCOPY f /f\n", "platforms: [linux/amd64, linux/arm64]\n", f="1")
    done = place.publish()
    assert (done.code, done.err) == (
        1,
        "building app: new\n"
        f"error: `app` is for `{other}`, and the Docker Engine here builds for `{host_platform()}`\n"
        "hint: name an engine of that platform by `DOCKER_HOST`, or leave the platform out of `platforms`\n",
    )
    assert untouched(place)


@pytest.mark.engine
def test_a_failing_step(place: Workplace, engine: Engine) -> None:
    text = f"{FROM_BASE}\n# a comment\nRUN echo one\nRUN echo two; \\\n  echo three; sh -c 'exit 3'\nRUN echo four\n"
    add(place, "app", text, base=BASE)
    done = place.run("publish", "app", "--registry", place.images, "--network", "none")
    shown = "RUN echo two;   echo three; sh -c 'exit 3'"
    reason = f"The command '/bin/sh -c {shown[4:]}' returned a non-zero code: 3"
    assert done.code == 1
    assert done.err.endswith(
        f"error: building `app` failed at `catalog/app/Dockerfile:6`, `{shown}`: {reason}\n"
        "two\nthree\nhint: nothing was published; mend that step, commit, and run the command again\n"
    )
    assert engine.tags() == []
    assert untouched(place)
    # Mended, it is built.
    edit_file(place, "app", "Dockerfile", text.replace("exit 3", "exit 0"))
    assert place.run("publish", "app", "--registry", place.images, "--network", "none").code == 0


@pytest.mark.engine
@pytest.mark.parametrize("mount", ["", "--mount=type=tmpfs,target=/mnt "], ids=["classic", "buildkit"])
def test_a_build_that_takes_too_long(place: Workplace, engine: Engine, mount: str) -> None:
    add(place, "app", FROM_BASE + FOREVER.replace("RUN ", f"RUN {mount}"), base=BASE)
    done = place.run(
        "publish", "app", "--registry", place.images, "--network", "none", "--build-timeout", "3"
    )
    assert done.code == 1
    assert re.search(
        r"^error: building `app` failed at .*: it was not done after 3 seconds$", done.err, re.MULTILINE
    )
    wait_for(lambda: not engine.containers(), "the engine to stop the build")
    assert untouched(place)


@pytest.mark.engine
@pytest.mark.parametrize("mount", ["", "--mount=type=tmpfs,target=/mnt "], ids=["classic", "buildkit"])
def test_an_interrupt_leaves_nothing_behind(place: Workplace, engine: Engine, mount: str) -> None:
    add(
        place,
        "app",
        FROM_BASE + "RUN echo first > /first\n" + FOREVER.replace("RUN ", f"RUN {mount}"),
        base=BASE,
    )
    with place.start(
        "publish", "app", "--registry", place.images, "--network", "none", stderr=subprocess.PIPE
    ) as process:
        for line in lines_until(process, "now-it-waits"):
            # The step's own text has the word, too; its output is the word alone.
            assert "error" not in line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    wait_for(lambda: not engine.containers() and not engine.dangling(), "the engine to stop the build")
    assert engine.tags() == []
    assert untouched(place)


@pytest.mark.engine
def test_what_a_killed_process_left_is_removed_by_the_next(place: Workplace, engine: Engine) -> None:
    add(place, "app", FROM_BASE + "RUN echo first > /first\n" + FOREVER, base=BASE)
    with place.start("build", "app", "--network", "none", stderr=subprocess.PIPE) as process:
        for line in lines_until(process, "app: now-it-waits"):
            assert "error" not in line
        process.kill()
        process.communicate(timeout=60)
    wait_for(lambda: not engine.containers(), "the engine to stop the build")
    assert engine.dangling()
    assert len(engine.tags("envcatalog-base")) == 1
    edit_file(place, "app", "Dockerfile", FROM_BASE + "RUN echo other > /first\n")
    assert place.run("build", "app", "--network", "none").code == 0
    assert engine.dangling() == []


@pytest.mark.engine
def test_several_builds_at_once(place: Workplace, engine: Engine) -> None:
    for name in ("one", "two"):
        add(place, name, FROM_BASE + f"RUN echo {name} > /x && sleep 0.2\nRUN cat /x\n", base=BASE)
    started = [
        place.start("build", name, "--network", "none", stderr=subprocess.PIPE)
        for name in ("one", "two", "one")
    ]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    assert len({out for out, _ in outputs}) == 2


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        missing("the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@pytest.mark.engine
@pytest.mark.slow
def test_a_full_disk_and_an_engine_that_is_killed(
    place: Workplace, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    add(place, "app", FROM_BASE + "RUN cat /dev/zero > /full\n", base=BASE)
    # No other engine than one of our own, which may be killed.
    place.monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with small_disk(tmp_path / "disk") as disk, running_engine(disk) as host:
        place.monkeypatch.setenv("DOCKER_HOST", host)
        done = place.run("publish", "app", "--registry", place.images, "--network", "none")
        assert done.code == 1
        assert "no space left on device" in done.err.lower()
        assert (
            "error: building `app` failed at `catalog/app/Dockerfile:3`, `RUN cat /dev/zero > /full`"
            in done.err
        )
        assert untouched(place)
        edit_file(place, "app", "Dockerfile", FROM_BASE + FOREVER)
        with place.start(
            "publish", "app", "--registry", place.images, "--network", "none", stderr=subprocess.PIPE
        ) as process:
            for line in lines_until(process, "app: now-it-waits"):
                assert "error" not in line
            pid = int(Path(host.removeprefix("unix://")).with_name("engine.pid").read_text())
            os.kill(pid, signal.SIGKILL)
            try:
                _, err = process.communicate(timeout=60)
            finally:
                end_containers(Path(host.removeprefix("unix://")).parent)
        assert (process.returncode, err) == (
            2,
            "error: the Docker Engine failed while it built `app`: it stopped before the image was complete\n"
            "hint: nothing was published; see whether the engine runs and has room on its disk, and run the command "
            "again\n",
        )
    assert untouched(place)
