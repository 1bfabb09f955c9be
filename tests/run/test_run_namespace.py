"""Checks in a real user namespace."""

import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from conftest_run import local, member

from envcatalog.model.seams import Silent
from envcatalog.run.checks import run_checks
from envcatalog.run.sandbox import kernel
from envcatalog.run.sandbox.namespace import NamespaceRunner


@pytest.fixture
def runner(tmp_path):
    return NamespaceRunner(tmp_path / "cache")


@pytest.fixture(params=["overlay", "merge"])
def each_runner(request, tmp_path, monkeypatch):
    """With overlayfs, and as on a kernel that refuses it."""
    runner = NamespaceRunner(tmp_path / "cache")
    if request.param == "merge":
        probe = runner._probe

        def no_overlay():
            probe()
            runner._overlay = False

        monkeypatch.setattr(runner, "_probe", no_overlay)
    return runner


def check(runner, image, *commands, timeout=20.0):
    return run_checks(
        image,
        image.platforms[0],
        commands,
        runners=[runner],
        blob=local,
        timeout=timeout,
        progress=Silent(),
    )


def test_this_machine_allows_namespaces(runner):
    from envcatalog.model.host import host_platform

    assert runner.unavailable(host_platform()) is None
    assert runner._overlay is True


def test_checks_run_in_the_image(each_runner, make_image):
    image = make_image(Env=["PATH=/bin", "GREETING=hello"], WorkingDir="/home/app")
    report = check(
        each_runner,
        image,
        "sh -c 'echo $GREETING; pwd; id -u; echo $HOME'",
        "ls /",
        "sh -c 'echo x > /tmp/x; head -c 2 /dev/zero | wc -c; cat /dev/null; readlink /proc/self/exe'",
    )
    assert report.note == ""
    assert report.how == "namespace"
    assert [result.exit_code for result in report.results] == [0, 0, 0]
    first, second, third = (result.output for result in report.results)
    assert first == "hello\n/home/app\n0\n/root\n"
    assert {"bin", "dev", "etc", "home", "proc", "tmp"} <= set(second.split())
    assert not set(second.split()) & set(os.listdir("/")) - {
        "bin", "dev", "etc", "home", "lib", "lib64", "proc", "root", "sys", "tmp", "usr",
    }  # fmt: skip
    assert third == "2\n/bin/readlink\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "0 0 /root"),
        ("app", "1000 1001 /home/app"),
        ("1000", "1000 1001 /home/app"),
        ("1000:7", "1000 7 /home/app"),
        ("4242", "4242 0 /"),
    ],
)
def test_the_command_has_the_users_numbers(runner, make_image, user, expected):
    report = check(runner, make_image(User=user), "sh -c 'echo $(id -u) $(id -g) $HOME'")
    assert report.note == ""
    assert report.results[0].output == expected + "\n"


def test_an_unknown_user_is_told(runner, make_image):
    report = check(runner, make_image(User="nobody-here"), "id")
    assert report.how == "not-run"
    assert report.note == "namespace: the namespace was not made: the image has no user `nobody-here`"


def test_a_failed_check_ends_the_run(each_runner, make_image):
    report = check(each_runner, make_image(), "sh -c 'echo oh; echo no >&2; exit 7'", "ls")
    assert [(result.exit_code, result.output) for result in report.results] == [(7, "oh\nno\n")]
    assert not report.ok


@pytest.mark.parametrize(
    ("command", "code", "output"),
    [
        ("nowhere", 127, "nowhere: No such file or directory\n"),
        ("/etc/passwd", 126, "/etc/passwd: Permission denied\n"),
        ("sh -c 'kill -9 $$'", 137, ""),
    ],
)
def test_what_cannot_start_or_is_killed(runner, make_image, command, code, output):
    [result] = check(runner, make_image(), command).results
    assert (result.exit_code, result.output) == (code, output)


def test_no_shell_reads_the_command(runner, make_image):
    [result] = check(runner, make_image(), "env echo '$HOME' ';' '|' '*' 'a  b'").results
    assert result.exit_code == 127
    [result] = check(runner, make_image(), "sh -c 'echo \"$@\"' x '$HOME' ';' '*'").results
    assert result.output == "$HOME ; *\n"


def processes_with(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if mark in (folder / "cmdline").read_text():
                    found.append(folder.name)
            except OSError:
                continue
    return found


def test_time_is_limited_and_everything_is_killed(each_runner, make_image):
    mark = "86399.125"
    start = time.monotonic()
    report = check(
        each_runner, make_image(), f"sh -c 'echo begin; sleep {mark} & sleep {mark} & wait'", "ls", timeout=1
    )
    assert time.monotonic() - start < 10
    assert [(result.exit_code, result.output) for result in report.results] == [(None, "begin\n")]
    assert processes_with(mark) == []


def test_time_is_limited_when_the_output_is_closed(runner, make_image):
    report = check(runner, make_image(), "sh -c 'exec >&- 2>&-; exec sleep 86399.25'", timeout=1)
    assert report.results[0].exit_code is None
    assert processes_with("86399.25") == []


def test_what_stays_in_the_background_ends_with_the_check(runner, make_image):
    report = check(runner, make_image(), "sh -c 'sleep 86399.5 & echo done'")
    assert report.results[0].output == "done\n"
    assert processes_with("86399.5") == []


def test_of_a_huge_output_the_end_is_kept(runner, make_image):
    [result] = check(runner, make_image(), "sh -c 'head -c 20000000 /dev/zero; printf \"\\377 end\"'").results
    assert result.exit_code == 0
    assert len(result.output) == 4096
    assert result.output.endswith("\0\ufffd end")


def test_there_is_no_network_but_the_loopback(runner, make_image):
    [result] = check(runner, make_image(), "cat /proc/net/dev").results
    devices = [line.split(":")[0].strip() for line in result.output.splitlines()[2:]]
    # Some kernels give every network namespace their fallback tunnels too, down and without a route.
    [routes] = check(runner, make_image(), "cat /proc/net/route").results
    assert "lo" in devices
    assert len(routes.output.splitlines()) <= 1


def test_a_check_reaches_neither_the_cache_nor_the_kernels_settings(each_runner, make_image, tmp_path):
    hostile = (
        "sh -c 'echo bad > /bin/ls; echo bad > /etc/passwd; echo bad > /proc/sys/kernel/hostname; "
        "echo b > /proc/sysrq-trigger; mkdir /new; true'"
    )
    image = make_image()
    before = Path("/proc/sys/kernel/hostname").read_text()
    check(each_runner, image, hostile)
    assert Path("/proc/sys/kernel/hostname").read_text() == before
    assert check(each_runner, image, "ls /etc/passwd").results[0].output == "/etc/passwd\n"
    [tree] = (tmp_path / "cache/rootfs").glob(f"{image.platforms[0].layers[0].diff_id[7:]}/tree")
    assert b"root:x:0:0" in (tree / "etc/passwd").read_bytes()
    assert not (tree / "new").exists()


def test_a_write_that_is_left_is_gone_for_the_next_check(runner, make_image):
    report = check(runner, make_image(), "touch /home/app/x", "sh -c 'ls /home/app'")
    assert [(result.exit_code, result.output) for result in report.results] == [(0, ""), (0, "")]


def test_whiteouts_hide_what_is_below(each_runner, make_image, make_layer):
    folder = {"kind": tarfile.DIRTYPE}
    lower = make_layer(
        [
            member("a", **folder),
            member("a/one", b"1"),
            member("a/two", b"2"),
            member("b", **folder),
            member("b/three", b"3"),
            member("c", b"c"),
        ]
    )
    middle = make_layer(
        [
            member("a/.wh.one"),
            member("b/.wh..wh..opq"),
            member("b/four", b"4"),
            member(".wh.c"),
            member("d", b"d"),
        ]
    )
    upper = make_layer([member("a/five", b"5"), member("c", b"again")])
    report = check(each_runner, make_image(lower, middle, upper), "sh -c 'echo /a/* /b/* /d; cat /c'")
    assert report.results[0].output == "/a/five /a/two /b/four /d\nagain"


def test_a_hundred_layers_are_composed(each_runner, make_image, make_layer):
    layers = [
        make_layer(
            [member("n", kind=tarfile.DIRTYPE), member(f"n/{number}", b"x"), member("top", b"%d" % number)]
        )
        for number in range(100)
    ]
    report = check(each_runner, make_image(*layers), "sh -c 'ls /n | wc -l; cat /top'")
    assert report.results[0].output == "100\n99"


def test_the_layers_are_unpacked_once(runner, make_image, tmp_path):
    image = make_image()
    assert check(runner, image, "ls").ok
    calls = []

    def blob(layer):
        calls.append(layer)
        return local(layer)

    report = run_checks(
        image, image.platforms[0], ("ls",), runners=[runner], blob=blob, timeout=20, progress=Silent()
    )
    assert report.ok
    assert calls == []
    assert [path.name for path in (tmp_path / "cache/rootfs").iterdir()] == [
        image.platforms[0].layers[0].diff_id[7:]
    ]


def test_an_interrupt_leaves_nothing_running(make_image, tmp_path):
    """A process that is killed hard takes the namespace with it."""
    image = make_image()
    mark = "86399.75"
    program = f"""
import sys
from pathlib import Path
from envcatalog.run.sandbox.namespace import NamespaceRunner
from envcatalog.model.image import BuiltPlatform, Layer
layer = Layer(key="", digest="sha256:x", size=0, diff_id={image.platforms[0].layers[0].diff_id!r})
platform = BuiltPlatform(platform="", config=b"{{}}", manifest=b"", manifest_digest="", layers=(layer,))
with NamespaceRunner(Path({str(tmp_path / "cache")!r})).open(platform, None) as session:
    session.run(("sh", "-c", "echo up > /dev/shm/x; sleep {mark}"), timeout=60)
"""
    assert check(NamespaceRunner(tmp_path / "cache"), image, "ls").ok
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        deadline = time.monotonic() + 20
        while not any(process != str(os.getpid()) for process in processes_named("sleep", mark)):
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.kill()
    deadline = time.monotonic() + 20
    while processes_named("sleep", mark):
        assert time.monotonic() < deadline


def processes_named(program: str, mark: str) -> list[str]:
    found = []
    for number in processes_with(mark):
        try:
            if Path(f"/proc/{number}/cmdline").read_bytes().startswith(program.encode() + b"\0"):
                found.append(number)
        except OSError:
            continue
    return found


def test_a_foreign_platform_is_refused(runner):
    from envcatalog.model.host import host_platform

    assert (
        runner.unavailable("linux/riscv64") == f"this machine runs `{host_platform()}`, not `linux/riscv64`"
    )


def test_a_machine_without_namespaces_says_so(runner, monkeypatch, make_image):
    # A kernel that says no to unshare, as a hardened one does: the same program, one constant changed.
    from envcatalog.run.sandbox import namespace

    refused = namespace.START.replace(
        "from envcatalog.run.sandbox.inside",
        "from envcatalog.run.sandbox import kernel; kernel.CLONE_NEWUSER = 1; from envcatalog.run.sandbox.inside",
    )
    monkeypatch.setattr(namespace, "START", refused)
    report = check(runner, make_image(), "ls")
    assert report.how == "not-run"
    assert report.note == "namespace: user namespaces are refused: unshare: Invalid argument"
    assert report.results == ()
    assert kernel.CLONE_NEWUSER != 1


def test_the_host_has_a_name_of_its_own_that_can_be_looked_up(runner, make_image):
    report = check(runner, make_image(Env=["PATH=/bin"]), "cat /proc/sys/kernel/hostname /etc/hosts")
    assert report.results[0].output == "check\n127.0.0.1 localhost check\n::1 localhost\n"
