"""`run --on docker` under a real engine: what goes in, and what comes out."""

from __future__ import annotations

import io
import os
import queue
import socket
import subprocess
import sys
import threading

import pytest
from run_command_support import add, data_lines, shell_tag

from envcatalog.catalog.sdk import Catalog
from envcatalog.model.errors import UserError
from envcatalog.run.containers.events import attend, wait_for_reader
from envcatalog.run.containers.plan import ContainerPlan, Port, create_arguments

pytestmark = pytest.mark.engine


@pytest.fixture
def box(engine, shells):
    """An environment with variables."""
    add(shells, "box", "variables: {COLOUR: blue, SIZE: big}\n")
    return shells


def test_output_exit_code_and_files(box, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "in").write_text("data\n")
    script = "cat in; echo oh >&2; echo made > out; pwd; exit 7"
    done = box.run("run", "box", "-C", str(box.root), "--", "sh", "-c", script, at=work)
    assert (done.code, done.out) == (7, "data\n/workspace\n")
    assert done.err.endswith("oh\n")
    assert (work / "out").read_text() == "made\n"
    assert (work / "out").stat().st_uid == os.getuid()


def test_variables_are_the_definitions_then_the_callers(box, monkeypatch):
    monkeypatch.setenv("SIZE", "small")
    script = 'echo "$COLOUR $SIZE $MORE $ENVCAT_ENVIRONMENT [$ENVCAT_VERSION] $LEAK"'
    monkeypatch.setenv("LEAK", "leak")
    done = box.run("run", "box", "--env", "SIZE", "--env", "MORE=a=b c", "--", "sh", "-c", script)
    assert done.out == "blue small a=b c box [] \n"


def test_what_is_no_variable(box):
    assert box.run("run", "box", "--env", "A-B=1", "--", "env").err == (
        "error: `A-B=1` is no variable\nhint: write `NAME=VALUE`, or `NAME` for the caller's\n"
    )
    assert box.run("run", "box", "--env", "NOT_SET_HERE", "--", "env").err == (
        "error: `NOT_SET_HERE` is not set here\nhint: write `--env NOT_SET_HERE=VALUE`\n"
    )


def test_stdin_is_passed_on_to_its_end(box):
    done = subprocess.run(
        [sys.executable, "-m", "envcatalog", "run", "box", "--", "cat"],
        cwd=box.root,
        env={**os.environ, "ENVCATALOG_CACHE": str(box.cache)},
        input=b"one\n" * 100_000,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"one\n" * 100_000


def test_a_slow_reader_is_waited_for():
    waited = []

    def finish(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) == 1000

    wait_for_reader(finish, queue.SimpleQueue())
    assert len(waited) == 1000


def test_an_interrupt_ends_the_wait_for_a_reader():
    events = queue.SimpleQueue()
    for text in ("SIGUSR1", "SIGINT", "SIGUSR1"):
        events.put(("signal", 0, text))
    wait_for_reader(lambda seconds: False, events)
    assert events.get_nowait() == ("signal", 0, "SIGUSR1")


def test_a_reader_that_leaves(box):
    process = box.start("run", "box", "--", "yes")
    process.stdout.read(10)
    process.stdout.close()
    process.stderr.read()
    assert process.wait(60) != 0
    process.stderr.close()


def test_a_program_that_is_not_there(box):
    done = box.run("run", "box", "--", "nowhere")
    assert done.code == 127
    assert "nowhere" in done.err


def test_without_a_command(box, engine):
    done = box.run("run", "box")
    assert (done.code, data_lines(done.err)) == (
        2,
        ["error: the image has no command of its own", "hint: say what to run after `--`"],
    )
    add(box, "own", 'container: {entrypoint: [sh, -c], command: ["echo own; pwd"], workdir: /tmp}\n')
    assert box.run("run", "own").out == "own\n/tmp\n"
    assert box.run("run", "own", "--entrypoint", "--", "echo through; pwd").out == "through\n/workspace\n"
    assert box.run("run", "own", "--", "echo", "alone").out == "alone\n"


def test_the_user(box, tmp_path, monkeypatch):
    add(box, "app", 'container: {user: "1000"}\n')
    add(box, "child", "")
    box.write("child", "name: child\ndescription: Inherits\nbase: {environment: app}\n")
    box.lock("child")
    show = ("--", "sh", "-c", "echo $(id -u):$(id -g) $HOME")
    mine = f"{os.getuid()}:{os.getgid()}"
    assert box.run("run", "child", *show).out == "1000:1000 /home/app\n"
    assert box.run("run", "app", "--user", "me", *show).out.startswith(f"{mine} ")
    assert box.run("run", "app", "--user", "1234:5678", *show).out == "1234:5678 /tmp\n"
    assert box.run("run", "box", "--user", "image", *show).out == "0:0 /root\n"
    assert box.run("run", "box", "--user", "-x y", *show).err == (
        "error: `-x y` is no user\nhint: write `me`, `image`, or `UID:GID`\n"
    )


def test_files_belong_to_the_caller(box, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir(mode=0o777)
    work.chmod(0o777)
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 5678)
    done = box.run("run", "box", "--folder", str(work), "--", "sh", "-c", "echo > made; echo $HOME; id -u")
    assert done.out == "/tmp\n1234\n"
    status = (work / "made").stat()
    assert (status.st_uid, status.st_gid) == (1234, 5678)


def test_a_user_who_may_not_write_is_told_of(box, tmp_path):
    add(box, "app", 'container: {user: "1000"}\n')
    work = tmp_path / "work"
    work.mkdir(mode=0o755)
    done = box.run("run", "app", "--folder", str(work), "--", "id", "-u")
    assert data_lines(done.err) == [
        f"note: the command runs as user 1000, who may not write in `{work}`; `--user me` runs it as you"
    ]


def test_folders(box, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/file").write_text("more\n")
    volume = ("--volume", f"{tmp_path}/more:/more:ro")
    done = box.run(
        "run", "box", *volume, "--folder", "none", "--", "sh", "-c", "cat /more/file; echo > /more/x"
    )
    assert (done.code, done.out) == (2, "more\n")
    assert "Read-only file system" in done.err
    assert not (tmp_path / "more/x").exists()
    done = box.run("run", "box", "--folder", "none", "--workdir", "/tmp", "--", "pwd")
    assert done.out == "/tmp\n"
    assert box.run("run", "box", "--volume", "/nowhere:/x", "--", "ls").err == (
        "error: there is no `/nowhere` to mount\n"
    )
    assert box.run("run", "box", "--volume", "a:b", "--", "ls").err == (
        "error: `a:b` is no volume\nhint: write `SOURCE:/TARGET` or `SOURCE:/TARGET:ro`\n"
    )
    assert box.run("run", "box", "--folder", "nowhere", "--", "ls").err.endswith(
        f"error: there is no folder `{box.root}/nowhere`\n"
    )


def test_shared_memory(box):
    add(box, "roomy", "container: {shm_size: 48m}\n")
    show = ("--", "sh", "-c", "df -k /dev/shm")
    assert box.run("run", "roomy", *show).out.splitlines()[1].split()[1] == str(48 * 1024)
    sized = box.run("run", "roomy", "--shm-size", "32m", *show)
    assert sized.out.splitlines()[1].split()[1] == str(32 * 1024)


def test_gpus_are_asked_for(box, engine):
    add(box, "gpu", 'container: {gpus: "2"}\n')
    done = box.run("run", "gpu", "--", "ls")
    assert (done.code, data_lines(done.err)) == (
        2,
        [
            "error: the engine has no GPUs to give (`gpus: 2`)",
            "hint: install the engine's GPU support, or run with `--gpus none`",
        ],
    )
    assert box.run("run", "gpu", "--gpus", "none", "--", "echo", "fine").out == "fine\n"
    assert box.run("run", "gpu", "--gpus", "many", "--", "ls").err.endswith(
        "error: `many` is no number of GPUs\nhint: write `all`, a number, or `none`\n"
    )


@pytest.mark.parametrize(("gpus", "count"), [("all", -1), ("2", 2), ("none", None), (None, None)])
def test_what_the_engine_is_asked_for(box, engine, gpus, count):
    box.run("run", "box", "--", "ls")
    [image] = engine.images(filters={"label": f"base={shell_tag(box)}"})
    port = Port(container=5001, host=8001)
    plan = ContainerPlan(
        name=f"envcat-{shell_tag(box)}", image=image["Id"], command=("ls",), gpus=gpus, ports=(port,)
    )
    engine.create_container(**create_arguments(engine, plan, init=True))
    try:
        host = engine.inspect_container(plan.name)["HostConfig"]
    finally:
        engine.remove_container(plan.name, force=True)
    requests = [(item["Count"], item["Capabilities"]) for item in host["DeviceRequests"] or ()]
    assert requests == ([(count, [["gpu"]])] if count else [])
    assert host["PortBindings"] == {"5001/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}]}
    assert (host["AutoRemove"], host["Init"], host["LogConfig"]["Type"]) == (True, True, "none")


def test_the_hosts_network(box):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"hello\n")

        thread = threading.Thread(target=answer)
        thread.start()
        script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3"
        done = box.run("run", "box", "--network", "host", "--port", "80", "--", "bash", "-c", script)
        if done.code:
            socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
    assert done.out == "hello\n"
    refused = box.run("run", "box", "--network", "none", "--", "bash", "-c", script)
    assert refused.code == 1


def test_ports_need_a_bridge(box, engine):
    if engine.networks(names=["bridge"]):
        pytest.skip("needs an engine without a bridge")
    done = box.run("run", "box", "--port", "8001:80", "--", "ls")
    assert (done.code, data_lines(done.err)) == (
        2,
        [
            "error: the engine has no bridge network, so it can publish no port",
            "hint: run with `--network host`",
        ],
    )


def test_the_sdk(box):
    out, err = io.BytesIO(), io.BytesIO()
    read, write = os.pipe()
    os.write(write, b"in\n")
    os.close(write)
    with Catalog.open(box.root, cache=box.cache) as catalog:
        done = catalog.run(
            "box", ["sh", "-c", "cat; echo $A; echo no >&2; exit 3"],
            stdin=read, stdout=out, stderr=err, env={"A": "1"}, folder=box.root,
        )  # fmt: skip
    os.close(read)
    assert (out.getvalue(), err.getvalue()) == (b"in\n1\n", b"no\n")
    assert (done.environment, done.version, done.exit_code) == ("box", None, 3)
    assert done.image.startswith("sha256:")


def test_the_second_run_loads_nothing(box):
    first, second = (box.run("run", "box", "--", "sh", "-c", "echo $ENVCAT_IMAGE") for _ in range(2))
    assert "loading envcatalog/box:" in first.err
    assert second.err == ""
    assert first.out == second.out
    assert first.out.startswith("sha256:")


def test_no_engine(box, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = box.run("run", "box", "--", "ls")
    assert (done.code, done.err) == (
        2,
        "error: no Docker Engine answers\n"
        "hint: start one, say with `DOCKER_HOST` where it is, or use `--on local`, which needs none\n",
    )


def test_an_engine_that_goes_away(box, monkeypatch):
    from docker import APIClient
    from docker.errors import APIError

    def gone(*_: object) -> None:
        raise APIError("the engine is shutting down")

    monkeypatch.setattr(APIClient, "info", gone)
    done = box.run("run", "box", "--", "ls")
    assert (done.code, data_lines(done.err)) == (
        2,
        [
            "error: the Docker Engine failed: the engine is shutting down",
            "hint: see whether it runs, and run the command again",
        ],
    )


def test_the_end_of_the_engine_is_no_end_of_the_command():
    class Client:
        def kill(self, name: str, signal: str) -> None:
            """Nothing is there to be killed."""

    events = queue.SimpleQueue()
    events.put(("signal", 15, "SIGTERM"))
    events.put(("lost", 0, "connection reset"))
    with pytest.raises(UserError) as caught:
        attend(Client(), "name", events, init=True, stdout=None)
    assert caught.value.message == "the engine went away while the command ran"


def test_without_an_init_whoever_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr("envcatalog.run.containers.events.STUBBORN_SECONDS", 0.01)
    sent = []
    events = queue.SimpleQueue()

    class Client:
        def kill(self, name: str, signal: str) -> None:
            sent.append(signal)
            if signal == "SIGKILL":
                events.put(("exit", 137, ""))

    events.put(("signal", 15, "SIGTERM"))
    assert attend(Client(), "name", events, init=False, stdout=None) == 137
    assert sent == ["SIGTERM", "SIGKILL"]


def test_a_container_is_not_started_for_what_cannot_be(box):
    with (
        Catalog.open(box.root, cache=box.cache) as catalog,
        pytest.raises(UserError, match="`x:1` is no port"),
    ):
        catalog.run("box", ["ls"], ports=("x:1",), stdout=sys.stderr.buffer)


def test_a_terminal(box):
    import pty

    leader, follower = pty.openpty()
    script = "test -t 0 && test -t 1 && echo terminal; read line; echo got $line"
    process = subprocess.Popen(
        [sys.executable, "-m", "envcatalog", "run", "box", "--", "sh", "-c", script],
        cwd=box.root,
        env={**os.environ, "ENVCATALOG_CACHE": str(box.cache)},
        stdin=follower,
        stdout=follower,
        stderr=subprocess.PIPE,
    )
    os.close(follower)
    try:
        seen = b""
        while b"terminal" not in seen:
            seen += os.read(leader, 1000)
        os.write(leader, b"words\n")
        while b"got words" not in seen:
            seen += os.read(leader, 1000)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(leader)
