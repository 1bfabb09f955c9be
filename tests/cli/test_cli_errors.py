"""Whatever goes wrong, a user reads one sentence and what to do, and the exit code says what it was."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from envcatalog.cli.errors import guarded
from envcatalog.cli.main import cli
from support.catalogs import Workplace, definition, git, run_here
from support.fake_registry import FakeRegistry, running


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command in a folder."""
    return lambda folder, *arguments: run_here(monkeypatch, capsys, folder, tmp_path / "cache", arguments)


NO_GIT = "error: Git is not installed or not on `PATH`\nhint: install Git 2.30 or later\n"
COMMANDS = ("validate", "lock", "plan", "build", "publish", "list", "show x", "log x", "diff x", "new x")


@pytest.mark.parametrize("command", COMMANDS)
def test_outside_a_repository(tmp_path: Path, empty, command: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = empty(tmp_path, *command.split())
    assert (code, out) == (2, "")
    assert (
        err == f"error: `{tmp_path}` is not in a Git repository\nhint: run `envcat init` to make a catalog\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_repository_without_a_catalog(tmp_path: Path, empty, command: str) -> None:  # type: ignore[no-untyped-def]
    git(tmp_path, "init", "-q")
    code, out, err = empty(tmp_path, *command.split())
    assert (code, out) == (2, "")
    assert err == f"error: there is no `catalog/` in `{tmp_path}`\nhint: run `envcat init` to make one\n"


def test_no_commit_yet(tmp_path: Path, workplace: Workplace) -> None:
    root = tmp_path / "fresh"
    assert workplace.run("init", str(root)).code == 0
    done = workplace.run("publish", "--registry", "oci:images", at=root)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == "error: the repository has no commit yet"
    assert workplace.run("validate", at=root).code == 0
    assert workplace.run("list", at=root).out.splitlines()[1].split()[:3] == ["example", "system", "-"]
    assert workplace.run("diff", "example", at=root).code == 0


def test_a_folder_that_is_not_there(workplace: Workplace) -> None:
    for arguments in (("-C", "nowhere", "list"), ("list", "-C", "nowhere")):
        assert tuple(workplace.run(*arguments)) == (2, "", "error: there is no folder `nowhere`\n")


def test_usage(workplace: Workplace) -> None:
    assert tuple(workplace.run("publsh")) == (
        2,
        "",
        "error: there is no command `publsh`\nhint: did you mean `envcat publish`\n",
    )
    assert workplace.run("xy\x1bzzy").err == (
        "error: there is no command `xy\\x1bzzy`\nhint: run `envcat --help` to see all\n"
    )
    for arguments, says in (
        (("lock", "--check", "--upgrade"), "--check writes nothing, so it cannot upgrade"),
        (("new", "x", "--debian", "a", "--image", "b"), "give one of --debian, --image and --environment"),
        (("new", "x", "--image", "b", "-p", "c"), "--package needs --python on this base"),
        (("new", "x", "-e", "NOVALUE"), "`NOVALUE` is no NAME=VALUE"),
        (("show",), "missing argument 'REF'"),
        (("list", "extra"), "got unexpected extra argument (extra)"),
    ):
        done = workplace.run(*arguments)
        usage, error, hint = done.err.splitlines()
        assert (done.code, done.out) == (2, "")
        assert usage.startswith(f"Usage: envcat {arguments[0]} [OPTIONS]")
        assert (error, hint) == (f"error: {says}", f"hint: run `envcat {arguments[0]} --help`")
    assert workplace.run("list", "--fromat", "json").err.splitlines()[1:] == [
        "error: there is no option `--fromat`",
        "hint: did you mean `--format`",
    ]
    assert workplace.run("list", "--zzz").err.splitlines()[1:] == [
        "error: there is no option `--zzz`",
        "hint: run `envcat list --help`",
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("list", "--format", "jsn"), "`--format` is `text` or `json`, and not `jsn`", "did you mean `json`"),
        (("list", "--format", "zzz"), "`--format` is `text` or `json`, and not `zzz`", "run `envcat list --help`"),
        (("list", "--format", "\x1b[31m"), "`--format` is `text` or `json`, and not `\\x1b[31m`",
         "run `envcat list --help`"),
        (("run", "x", "--on", "locl", "--", "true"), "`--on` is `docker` or `local`, and not `locl`",
         "did you mean `local`"),
        (("build", "--builder", "Docker"), "`--builder` is `embedded` or `docker`, and not `Docker`",
         "did you mean `docker`"),
        (("hooks", "run", "pre-comit"), "`NAME` is `pre-receive`, `post-receive`, `pre-commit` or `pre-push`, "
         "and not `pre-comit`", "did you mean `pre-commit`"),
        (("new", "x", "--from", ".", "--type", "cond"), "there is no type `cond` of file to import",
         "did you mean `conda`"),
    ],
)  # fmt: skip
def test_a_mistyped_value(workplace: Workplace, arguments: tuple[str, ...], error: str, hint: str) -> None:
    assert tuple(workplace.run(*arguments)) == (2, "", f"error: {error}\nhint: {hint}\n")


def test_names_that_are_none(workplace: Workplace) -> None:
    for name in ("UPPER", "a/b", "../x", "a b", "-", "x" * 65, "x.lock"):
        code, out, err = workplace.run("new", "--", name)
        assert (code, out) == (2, ""), name
        assert err.startswith(f"error: `{name}` is no name for an environment\nhint: names match `"), err
    assert workplace.run("new", "fine").code == 0
    assert workplace.run("new", "fine").err == (
        "error: `catalog/fine` exists already\nhint: edit `catalog/fine/environment.yaml`\n"
    )


def test_init_overwrites_nothing(workplace: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "new"
    first = workplace.run("init", str(root), "--name", "sklearn")
    assert first.code == 0
    assert first.out.splitlines()[-1] == "catalog/sklearn/environment.yaml"
    assert all((root / line).is_file() for line in first.out.splitlines())
    assert workplace.run("validate", at=root).out == "1 checked, no problems\n"
    again = workplace.run("init", str(root))
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        f"error: `{root}` holds a catalog already\nhint: add an environment with `envcat new NAME`\n"
    )
    assert workplace.run("init", str(tmp_path / "bad"), "--name", "NOT A NAME").code == 2


def test_new_with_bad_values_writes_nothing(workplace: Workplace) -> None:
    done = workplace.run("new", "x", "-p", "not a requirement !!")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "error: 1 problem found"
    assert not (workplace.root / "catalog/x").exists()
    done = workplace.run(
        "new", "x", "-p", "requests>=2", "--apt", "libgomp1", "-e", "A=b=c", "--check", "true"
    )
    assert (done.code, done.out, done.err) == (0, "catalog/x/environment.yaml\n", "next: envcat lock x\n")
    assert workplace.run("validate").code == 0


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc/self/ns/user").exists(), reason="needs a user who is not root"
)
def test_a_folder_that_cannot_be_written(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha"))
    folder = workplace.root / "catalog/demo"
    folder.chmod(0o555)
    try:
        done = not_root(workplace, "lock")
    finally:
        folder.chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(
        r"^error: `.*catalog/demo/.*lock.json` cannot be written: permission denied$", done.stderr, re.M
    ), done.stderr
    assert "bug" not in done.stderr


def not_root(place: Workplace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Without the powers that let root write anywhere."""
    command = [sys.executable, "-m", "envcatalog", *arguments]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv, or a user who is not root")
        command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *command]
    environ = {**os.environ, "ENVCATALOG_CACHE": str(place.cache)}
    return subprocess.run(command, cwd=place.root, env=environ, capture_output=True, text=True, check=False)


def test_the_cache_is_a_file(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha"))
    workplace.cache.write_text("")
    done = workplace.run("lock")
    assert (done.code, done.out) == (2, "")
    assert "bug" not in done.err
    assert str(workplace.cache) in done.err


def test_the_disk_is_full(workplace: Workplace) -> None:
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces")
    workplace.index.add("large", "1.0", content="x = 1\n" + "# filling\n" * 200_000)
    workplace.add("demo", "large")
    workplace.cache.mkdir(exist_ok=True)
    script = f"mount -t tmpfs -o size=300k none {workplace.cache} && exec {sys.executable} -m envcatalog build demo"
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script],
        cwd=workplace.root,
        env={**os.environ, "ENVCATALOG_CACHE": str(workplace.cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.splitlines()[-1] == (
        "hint: make room, or set `ENVCATALOG_CACHE` to a folder on another disk"
    )
    assert done.stderr.splitlines()[-2].endswith("No space left on device")


def test_the_reader_goes_away(workplace: Workplace) -> None:
    for number in range(300):
        workplace.write(f"demo-{number}", definition(f"demo-{number}", description="x" * 500))
    process = workplace.start("list")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.parametrize("command", ["list", "validate", "--help", "plan --format json"])
def test_no_reader_at_all(workplace: Workplace, command: str) -> None:
    workplace.add("demo", "alpha")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "envcatalog", *command.split()],
            cwd=workplace.root,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(workplace: Workplace, closed: str) -> None:
    workplace.add("demo", "alpha")
    for command, code in (("list", 0), ("lock", 0), ("lisst", 2)):
        shell = f'"{sys.executable}" -m envcatalog {command} {closed}'
        done = subprocess.run(["sh", "-c", shell], cwd=workplace.root, capture_output=True, check=False)
        assert done.returncode == code, done
        assert b"bug" not in done.stderr


def test_interrupted(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")

    class Waiting(FakeRegistry):
        reached = threading.Event()
        go = threading.Event()

        def take_fault(self, method: str, path: str):  # type: ignore[no-untyped-def]
            self.reached.set()
            self.go.wait(20)

    with running(Waiting()) as fake:
        process = workplace.start("publish", "--registry", f"{fake.address}/ml")
        assert Waiting.reached.wait(20)
        process.send_signal(signal.SIGINT)
        Waiting.go.set()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in err


def test_a_bug_is_no_traceback(workplace: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise LookupError("secret detail")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("envcatalog.catalog.sdk.Catalog.list", broken)
    done = workplace.run("list")
    [log] = tmp_path.glob("envcat-*.log")
    assert tuple(done) == (
        2,
        "",
        f"error: this is a bug in envcat: LookupError\nhint: report it with the log in {log}\n",
    )
    text = log.read_text()
    assert text.startswith("envcat 0.1.0, Python ")
    assert "secret detail" in text and "Traceback" in text


def test_no_git(workplace: Workplace, tmp_path: Path) -> None:
    done = workplace.spawn("list", variables={"PATH": str(tmp_path / "empty")})
    assert (done.code, done.out) == (2, "")
    assert done.err == NO_GIT


def test_interrupts_and_pipes_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert guarded(cli) == 130


def test_an_address_in_use_by_nobody(workplace: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    workplace.monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    workplace.monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    workplace.write("demo", definition("demo", "alpha"))
    done = workplace.run("lock")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == "hint: is the package index reachable? try again"
