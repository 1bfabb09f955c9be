"""Byte code that depends on the source, its path and the interpreter's version, and on nothing else."""

from __future__ import annotations

import marshal
import os
import random
import shutil
import stat
import subprocess
import sys
import types
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from envcatalog.image import bytecode, compile_process, interpreters
from envcatalog.image.bytecode import Compiler, compiler_for, has_bytecode, pyc_path
from envcatalog.model.errors import Refusal
from envcatalog.model.plan import PythonTarget
from support.debs import make_deb
from support.layers import OWN_VERSION, TAG, TARGET, Folder, locked_deb

DEBIAN = Path("/usr/bin/python3.11")


# 3.11.2 and 3.11.7 lay out the jumps of this differently.
MATCH = b"""\
def read(words):
    while words:
        match words.pop():
            case "a":
                if words:
                    continue
            case "b":
                continue
        words = words[1:]
"""


def standard_library(count: int) -> list[tuple[str, bytes]]:
    folder = Path(os.__file__).parent
    files = sorted(path for path in folder.glob("[a-z]*.py"))[:count]
    files += sorted((folder / "asyncio").glob("*.py"))
    return [(f"/opt/env/{path.relative_to(folder)}", path.read_bytes()) for path in files]


def compiled(sources: list[tuple[str, bytes]], *, workers: int = 2) -> dict[str, bytes | None]:
    with Compiler(TARGET, (), Folder(), Path("/nonexistent"), workers=workers) as compiler:
        found = list(compiler.compile(sources))
    assert [path for path, _ in found] == [path for path, _ in sources]
    return dict(found)


def test_a_pyc_is_what_the_interpreter_looks_for(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_bytes(b"# coding: latin-1\nprint('\xe4', __file__)\n")
    os.utime(source, (315532800, 315532800))
    path, data = next(iter(compiled([(str(source), source.read_bytes())]).items()))
    assert data is not None and data.startswith(MAGIC_NUMBER + bytes(4))
    cached = tmp_path / pyc_path("/module.py", TARGET)[1:]
    cached.parent.mkdir()
    cached.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-v", "-c", "import module"], cwd=tmp_path, capture_output=True, check=True
    )
    assert f"matches {source}".encode() in done.stderr and b"wrote" not in done.stderr
    code = marshal.loads(data[16:])
    assert isinstance(code, types.CodeType) and code.co_filename == path
    assert cached.name == f"module.{TAG}.pyc"


def test_order_batch_workers_and_callers_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = standard_library(60)
    first = compiled(sources)
    assert None not in first.values()
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("LANG", "de_DE.ISO-8859-1")
    for seed in range(4):
        random.Random(seed).shuffle(sources)
        monkeypatch.setattr(bytecode, "_BATCH_FILES", 1 + 5 * seed)
        assert compiled(sources, workers=1 + seed) == first


def test_sources_that_do_not_compile_get_none() -> None:
    nested = b"(" * 5000 + b")" * 5000
    bad = {
        "/syntax.py": b"print 'Python 2'\n",
        "/template.py": b"x = {{ name }} {% if %}\n",
        "/null.py": b"x = 1\0\n",
        "/coding.py": b"# coding: no-such-coding\n",
        "/not-utf-8.py": b"x = '\xff'\n",
        "/nested.py": nested,
        "/recursion.py": b"x = " + b"-" * 100_000 + b"1\n",
    }
    sources = [("/good.py", b"x = 1\n"), *bad.items(), ("/empty.py", b""), ("/warns.py", b"x = '\\d'\n")]
    found = compiled(sources)
    assert {path for path, data in found.items() if data is None} == set(bad)


def test_a_set_is_written_in_one_order() -> None:
    source = b"def f(x):\n    return x in {'alpha', 'beta', 'gamma', 'delta', b'x', 1, None}\n"
    assert len({compiled([("/m.py", source)], workers=1)["/m.py"] for _ in range(4)}) == 1


def test_what_is_worth_compiling() -> None:
    assert has_bytecode("a/b.py", 10)
    assert has_bytecode("a/tests.py", 10)
    assert not has_bytecode("a/tests/b.py", 10)
    assert not has_bytecode("a/test/c/b.py", 10)
    assert not has_bytecode("a/b.pyi", 10)
    assert not has_bytecode("a/b.py", bytecode.SOURCE_MAX + 1)
    assert pyc_path("a/b.c.py", TARGET) == f"a/__pycache__/b.c.{TAG}.pyc"


def test_sources_are_taken_as_the_work_goes_on() -> None:
    taken = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            taken += 1
            yield f"/m{taken}.py", b"x = 1\n"

    with Compiler(TARGET, (), Folder(), Path("/nonexistent"), workers=2) as compiler:
        answers = compiler.compile(endless())
        next(answers)
        assert taken < 8 * bytecode._BATCH_FILES
        answers.close()  # type: ignore[attr-defined]
    assert compiler._pool is None


def fake_interpreter(folder: Path, body: str) -> Path:
    """A program that the real interpreter runs instead of, or around, the worker."""
    path = folder / "fake-python"
    path.write_text(f"#!{sys.executable} -S\nimport os, signal, sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


CRASHING = """
at = sys.argv.index('-c')
program = sys.argv[at + 1].replace('try:', "if b'crash' in source: os.kill(os.getpid(), signal.{signal})\\n    try:", 1)
assert 'crash' in program
os.execv(sys.executable, [sys.executable, *sys.argv[1:at], '-c', 'import os, signal\\n' + program, *sys.argv[at + 2:]])
"""


def test_a_file_that_the_compiler_falls_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_interpreter(tmp_path, CRASHING.format(signal="SIGSEGV"))
    monkeypatch.setattr(bytecode, "commands", lambda *_: iter([(str(fake),)]))
    sources = [(f"/m{number}.py", b"x = 1\n") for number in range(5)]
    sources.insert(2, ("/bad.py", b"# crash\n"))
    found = compiled(sources, workers=1)
    assert {path for path, data in found.items() if data is None} == {"/bad.py"}


def test_a_killed_interpreter_says_nothing_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_interpreter(tmp_path, CRASHING.format(signal="SIGKILL"))
    monkeypatch.setattr(bytecode, "commands", lambda *_: iter([(str(fake),)]))
    with pytest.raises(Refusal) as caught:
        compiled([("/a.py", b""), ("/bad.py", b"# crash\n")])
    assert caught.value.message == (
        "the interpreter was killed, or took over 300 s, while it compiled `/a.py` ... `/bad.py`"
    )


def test_patience_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"sys.stdout.write('{OWN_VERSION}\\ncpython\\n'); sys.stdout.flush(); sys.stdin.read()"
    fake = fake_interpreter(tmp_path, program)
    monkeypatch.setattr(bytecode, "commands", lambda *_: iter([(str(fake),)]))
    monkeypatch.setattr(compile_process, "PATIENCE", 0.2)
    with pytest.raises(Refusal, match=r"took over 0\.2 s, while it compiled `/a\.py`"):
        compiled([("/a.py", b"")])


def test_an_interpreter_of_another_version_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.99")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal) as caught, compiler_for(target, (), Folder(), tmp_path) as compiler:
        list(compiler.compile([("/a.py", b"")]))
    assert caught.value.message == "no Python 3.11.99 is here to compile for this environment"
    assert caught.value.hint == "run `uv python install 3.11.99`, or `envcat lock` to take another version"


def test_nothing_is_started_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode, "commands", lambda *_: pytest.fail("an interpreter was looked for"))
    with compiler_for(TARGET, (), Folder(), tmp_path) as compiler:
        assert list(compiler.compile([])) == []


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's own Python")
def test_two_patch_versions_differ_in_their_bytes() -> None:
    """Why the full version of the compiling interpreter is locked."""
    version = subprocess.run([DEBIAN, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    if version == OWN_VERSION or not OWN_VERSION.startswith("3.11."):
        pytest.skip("both interpreters are of one version")
    target = PythonTarget(version="3.11", interpreter=str(DEBIAN), bytecode=version)
    sources = [("/m.py", MATCH)]
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{DEBIAN.parent}:{path}"
    try:
        with compiler_for(target, (), Folder(), Path("/nonexistent")) as compiler:
            theirs = dict(compiler.compile(sources))
    finally:
        os.environ["PATH"] = path
    assert theirs != compiled(sources)


def test_a_locked_interpreter_is_unpacked_once_and_safely(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": b"loader",
        "lib/x86_64-linux-gnu/libz.so.1": "libz.so.1.2",
        "lib/x86_64-linux-gnu/libz.so.1.2": b"z",
        "usr/bin/python3.11": b"python",
        "usr/lib/evil": "/etc",
        "usr/lib/evil2": "../../../etc",
        "usr/lib/dots": "..",
        "etc/passwd": b"root",
    }
    good = {path: data for path, data in files.items() if path != "usr/lib/dots"}
    deb = locked_deb(make_deb(tmp_path, "python3.11-minimal", files=good))
    target = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.2")
    root = interpreters.unpack((deb,), Folder(tmp_path), tmp_path / "cache")
    assert interpreters.unpack((deb,), Folder(), tmp_path / "cache") == root
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()} == {
        "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/libz.so.1",
        "usr/lib/x86_64-linux-gnu/libz.so.1.2",
        "usr/bin/python3.11",
    }
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    folder = root / "usr/lib/x86_64-linux-gnu"
    assert interpreters.debian_command(root, target) == (
        f"{folder}/ld-linux-x86-64.so.2",
        "--inhibit-cache",
        "--library-path",
        str(folder),
        f"{root}/usr/bin/python3.11",
    )
    shutil.rmtree(root)
    bad = locked_deb(make_deb(tmp_path, "python3.11-minimal", files=files))
    with pytest.raises(Refusal, match="`usr/lib/dots` links to a folder"):
        interpreters.unpack((bad,), Folder(tmp_path), tmp_path / "cache")
    assert list(root.parent.iterdir()) == []
