"""`run --on local`: a virtual environment of the locked wheels, without an engine."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from run_command_support import LOCAL, started

from envcatalog.catalog.running.local import _missing
from envcatalog.catalog.sdk import Catalog
from envcatalog.model.environment import DebianBase, Environment, R
from envcatalog.model.errors import UserError
from envcatalog.run.local.venv import find_interpreter
from support.catalogs import BASE, PYTHON, Workplace
from support.wheelhouse import write_wheel

NOTE = f"note: not had without an engine: the image `{BASE}`"
MADE = f"making a virtual environment of Python {PYTHON}"


@pytest.fixture
def one(workplace: Workplace) -> Workplace:
    """An environment with a package and variables."""
    workplace.add(
        "one",
        "alpha==1.0",
        more="variables: {COLOUR: blue, PLACE: /opt/env/share}\n",
    )
    return workplace


def python(script: str) -> tuple[str, ...]:
    return ("--", "python", "-c", script)


def environments(place: Workplace) -> list[Path]:
    return [path for path in (place.cache / "local").iterdir() if path.is_dir()]


def test_the_locked_packages_are_there(one, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    script = "import alpha, sys, os; print(alpha.version, sys.prefix, os.getcwd()); sys.exit(7)"
    done = one.run("run", "one", "-C", str(one.root), *LOCAL, *python(script), at=work)
    [folder] = environments(one)
    assert (done.code, done.out) == (7, f"1.0 {folder}/env {work}\n")
    assert NOTE in done.err
    assert MADE in done.err


def test_the_second_run_needs_nothing(one, monkeypatch):
    one.run("run", "one", *LOCAL, *python("pass"))
    (one.cache / "artefacts").rename(one.cache / "gone")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    asked = len(one.index.requests)
    done = one.run("run", "one", *LOCAL, *python("import alpha; print(alpha.version)"))
    assert (done.code, done.out, done.err) == (0, "1.0\n", f"{NOTE}\n")
    assert len(one.index.requests) == asked


def test_variables(one, monkeypatch):
    monkeypatch.setenv("MINE", "mine")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    names = "COLOUR PLACE MINE PYTHONPATH ENVCAT_ENVIRONMENT ENVCAT_VERSION ENVCAT_IMAGE ASKED VIRTUAL_ENV"
    script = (
        f"import os; print([os.environ.get(name) for name in '{names}'.split()]); print(os.environ['PATH'])"
    )
    done = one.run("run", "one", *LOCAL, "--env", "ASKED=yes", *python(script))
    [folder] = environments(one)
    env = f"{folder}/env"
    values, path = done.out.splitlines()
    assert values == str(["blue", f"{env}/share", None, None, "one", "", "", "yes", env])
    assert path.startswith(f"{env}/bin:")


def test_what_is_the_callers_stays_the_callers(one, monkeypatch):
    """As in a container: what a laptop has set would make it another environment, and some of it is secret."""
    secrets = (
        "PIP_INDEX_URL",
        "UV_INDEX_INTERNAL_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "HTTPS_PROXY",
    )
    for name in (*secrets, "PYTHONWARNINGS", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "/callers")
    machine = {"HOME": "/home/me", "USER": "me", "TERM": "dumb", "TZ": "UTC", "LANG": "C", "LC_TIME": "C"}
    one.run("run", "one", *LOCAL, *python("pass"))
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    done = one.run(
        "run",
        "one",
        *LOCAL,
        "--env",
        "GITHUB_TOKEN",
        *python("import json, os; print(json.dumps(dict(os.environ)))"),
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {name for name, value in found.items() if value == "/callers"} == {"GITHUB_TOKEN"}
    assert machine.items() <= found.items()


def test_the_version_is_told(one):
    one.published()
    done = one.run("run", "one@1", *LOCAL, *python("import os; print(os.environ['ENVCAT_VERSION'])"))
    assert done.out == "1\n"


def test_the_process_becomes_the_command(one):
    script = "import os, time; print('ready', flush=True); time.sleep(600)"
    process = started(one, "one", *LOCAL, *python(script))
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_a_reader_that_leaves_ends_it_as_it_would_end_the_command(one):
    script = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: print('y')"
    process = started(one, "one", *LOCAL, *python(script), says="y")
    process.stdout.close()
    process.stderr.read()
    assert process.wait(60) == -signal.SIGPIPE
    process.stderr.close()


def test_what_is_not_there(one):
    done = one.run("run", "one", *LOCAL, "--", "nowhere")
    assert done.code == 127
    assert done.err.endswith("error: there is no program `nowhere` in the environment or on PATH\n")
    (one.root / "plain").write_text("no program")
    done = one.run("run", "one", *LOCAL, "--", "./plain")
    assert (done.code, done.err.splitlines()[-1]) == (126, "error: `./plain` cannot be executed")
    (one.root / "script").write_text("#!/nowhere/sh\n")
    (one.root / "script").chmod(0o755)
    done = one.spawn("run", "one", *LOCAL, "--", "./script")
    assert (done.code, done.err.splitlines()[-1]) == (
        127,
        "error: what `./script` is to be run by is not there",
    )
    done = one.run("run", "one", *LOCAL)
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        ["error: `one` has no command of its own", "hint: say what to run after `--`"],
    )


@pytest.mark.parametrize(
    "option", [("--volume", "a:/b"), ("--port", "80"), ("--user", "me"), ("--gpus", "1"), ("--entrypoint",)]
)
def test_what_needs_a_container(one, option):
    done = one.run("run", "one", *LOCAL, *option, *python("pass"))
    assert (done.code, done.err) == (
        2,
        f"error: `{option[0]}` needs a container\nhint: leave it out, or run with `--on docker`\n",
    )


def test_an_interpreter_that_is_not_here(tmp_path):
    with pytest.raises(UserError) as caught:
        find_interpreter("3.5", tmp_path)
    assert caught.value.message == "there is no Python 3.5 on this machine"
    assert caught.value.hint == "install Python 3.5, or run with `--on docker`"


def test_a_platform_that_this_is_not(workplace, monkeypatch):
    workplace.add("one", "alpha==1.0")
    monkeypatch.setattr("envcatalog.catalog.running.local.host_platform", lambda: "darwin/arm64")
    done = workplace.run("run", "one", *LOCAL, *python("pass"))
    assert (done.code, done.err) == (
        2,
        "error: `one` is not made for `darwin/arm64`, which this machine is\nhint: run with `--on docker`\n",
    )


def test_an_environment_that_was_begun_is_made_anew(one):
    one.run("run", "one", *LOCAL, *python("pass"))
    [folder] = environments(one)
    (folder / "complete").unlink()
    next(folder.glob("env/lib/*/site-packages/alpha/__init__.py")).write_text("broken")
    done = one.run("run", "one", *LOCAL, *python("import alpha; print(alpha.version)"))
    assert done.out == "1.0\n"
    assert MADE in done.err


def test_an_interpreter_that_has_gone(one):
    one.run("run", "one", *LOCAL, *python("pass"))
    [folder] = environments(one)
    (folder / "complete").write_text("/nowhere/python")
    assert MADE in one.run("run", "one", *LOCAL, *python("pass")).err


def test_a_wheel_that_was_changed_is_refused(one, tmp_path):
    wheel = one.index.root / "main/files/alpha-1.0-py3-none-any.whl"
    data = wheel.read_bytes()
    folder = one.cache / "artefacts/sha256"
    one.run("run", "one", *LOCAL, *python("pass"))
    [held] = [path for path in folder.iterdir() if path.read_bytes() == data]
    other = write_wheel(tmp_path / "other", "alpha", "1.0", content="version = '6.6'\n").read_bytes()
    assert len(other) == len(data)
    held.write_bytes(other)
    [made] = environments(one)
    (made / "complete").unlink()
    done = one.run("run", "one", *LOCAL, *python("import alpha"))
    assert done.code == 2
    assert "error: the packages do not fit this machine: " in done.err
    assert "Hash mismatch" in done.err
    assert not (made / "complete").exists()


def test_two_at_once(one):
    script = "import alpha; print(alpha.version)"
    processes = [one.start("run", "one", *LOCAL, *python(script)) for _ in range(3)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [(out, code) for (out, _), code in ended] == [("1.0\n", 0)] * 3
    assert sum(MADE in err for (_, err), _ in ended) == 1


def test_the_sdk(one):
    out, err = io.BytesIO(), io.BytesIO()
    script = (
        "import sys, os; print('out', flush=True); print('err', file=sys.stderr); os.kill(os.getpid(), 9)"
    )
    with Catalog.open(one.root, cache=one.cache) as catalog:
        done = catalog.run("one", ["python", "-c", script], on="local", stdout=out, stderr=err)
    assert (out.getvalue(), err.getvalue()) == (b"out\n", b"err\n")
    assert (done.environment, done.version, done.image, done.exit_code) == ("one", None, "", 137)


def test_what_only_a_system_has():
    chain = (
        Environment(name="a", base=DebianBase(suite="bookworm"), apt=("libgomp1",)),
        Environment(name="b", base=DebianBase(suite="bookworm"), apt=("git",), r=R(packages=())),
    )
    assert list(_missing(chain)) == ["the Debian packages git, libgomp1", "R and its packages"]


def test_the_readers_python_is_not_ours(one):
    """The command sees the environment's packages, not those of the tool."""
    done = one.run("run", "one", *LOCAL, *python("import envcatalog"))
    assert done.code == 1
    assert "No module named 'envcatalog'" in done.err
    assert subprocess.run([sys.executable, "-c", "import envcatalog"], check=False).returncode == 0


def test_options_of_the_command_need_the_dashes(one):
    done = one.run("run", "one", *LOCAL, "python", "-c", "pass")
    assert (done.code, done.err) == (
        2,
        "error: `envcat run` has no option `-c`\n"
        "hint: what belongs to the command comes after `--`: `envcat run REF -- CMD`\n",
    )
    assert one.run("run", "one", *LOCAL, "python", "--", "-c", "print(1)").out == "1\n"
