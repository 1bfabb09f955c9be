"""Wheels in a layer: pip's meaning, and what no honest wheel would do."""

from __future__ import annotations

import csv
import io
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from envcatalog.image import wheel_files
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Wheel
from support.layers import (
    EPOCH,
    MINOR,
    SITE,
    TAG,
    NoCompiler,
    contents,
    layer_bytes,
    make_wheel,
    read_tar,
)

RICH = {
    "rich_wheel/__init__.py": b"def main():\n    return 0\n\nclass Tool:\n    run = staticmethod(main)\n",
    "rich_wheel/tests/test_it.py": b"assert True\n",
    "rich_wheel/broken.py": b"print 'Python 2'\n",
    "rich_wheel/lib.so": b"\x7fELF" + bytes(1000),
    "rich_wheel.pth": b"import sys\n",
    "Upper.py": b"x = {'a', 'b', 'c'}\n",
    "rich_wheel-1.0.data/scripts/hello": b"#!python -E\nprint('hello')\n",
    "rich_wheel-1.0.data/scripts/window": b"#!pythonw\r\nprint('hello')\n",
    "rich_wheel-1.0.data/scripts/tool": b"#!python\nmade by another installer\n",
    "rich_wheel-1.0.data/scripts/native": b"\x7fELF" + bytes(range(256)) * 40,
    "rich_wheel-1.0.data/data/share/rich/data.txt": b"data\n",
    "rich_wheel-1.0.data/data/lib64/thing.txt": b"lib64 is a link\n",
    "rich_wheel-1.0.data/headers/rich.h": b"/* */\n",
    "rich_wheel-1.0.data/purelib/from_purelib.py": b"y = 1\n",
    "rich_wheel-1.0.data/platlib/from_platlib.py": b"z = 1\n",
}
SCRIPTS = """\
[console_scripts]
tool = rich_wheel:main
other-tool = rich_wheel:Tool.run [extra]
[gui_scripts]
gui=rich_wheel:main
[some.group]
a=b
"""
MODES = {
    "rich_wheel/lib.so": 0o100755,
    "rich_wheel/__init__.py": 0o755,  # no file type, so it says nothing
    "rich_wheel-1.0.data/scripts/native": 0o100755,
}


def rich(folder: Path) -> Wheel:
    return make_wheel(folder, "rich_wheel", RICH, entry_points=SCRIPTS, modes=MODES)


def one(folder: Path, wheel: Wheel) -> dict[str, bytes]:
    return contents(layer_bytes("wheels", (wheel,), folder))


def refusal(folder: Path, *found: Wheel) -> str:
    with pytest.raises(Refusal) as caught:
        layer_bytes("wheels", found, folder, compiler=NoCompiler())
    return caught.value.message


def test_pip_and_we_leave_the_same_files(tmp_path: Path) -> None:
    wheel = rich(tmp_path)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    before = {path for path in venv.rglob("*") if not path.is_dir()}
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin/python", "install", "--no-index", "--no-deps"]
    subprocess.run([*pip, "-q", "--disable-pip-version-check", tmp_path / wheel.file], check=True)
    theirs = {
        path.relative_to(venv).as_posix(): path
        for path in sorted(venv.rglob("*"))
        if path not in before and not path.is_dir()
    }
    data = layer_bytes("wheels", (wheel,), tmp_path)
    ours = {path.removeprefix("opt/env/"): content for path, content in contents(data).items()}
    info = f"{SITE.removeprefix('opt/env/')}/rich_wheel-1.0.dist-info"
    folder = SITE.removeprefix("opt/env/")

    assert theirs.keys() - ours.keys() == {
        f"{info}/REQUESTED",
        f"{info}/direct_url.json",
        f"{folder}/rich_wheel/tests/__pycache__/test_it.{TAG}.pyc",
    }
    # pip follows lib64 when it writes, and so does whoever unpacks our layer.
    assert ours.keys() - theirs.keys() == {"lib/thing.txt"} - theirs.keys()
    differ = {path for path in theirs.keys() & ours.keys() if theirs[path].read_bytes() != ours[path]}
    launchers = {"bin/tool", "bin/other-tool", "bin/gui", "bin/hello", "bin/window"}
    assert {path for path in differ if not path.endswith(".pyc")} == launchers | {
        f"{info}/RECORD",
        f"{info}/INSTALLER",
    }
    modes = {path: bool(entry.mode & 0o111) for path, entry in read_tar(data).items() if entry.isreg()}
    unlike = {
        path for path, file in theirs.items() if modes.get(f"opt/env/{path}") != os.access(file, os.X_OK)
    }
    # pip forgets the bit of scripts whose zip entry has none; the specification asks for it.
    assert unlike & ours.keys() == {"bin/hello", "bin/window"}

    def rows(text: str) -> set[tuple[str, ...]]:
        return {tuple(line) for line in csv.reader(io.StringIO(text))}

    special = ("REQUESTED", "direct_url.json", "INSTALLER", "test_it." + TAG + ".pyc")
    their_rows = {
        line for line in rows(theirs[f"{info}/RECORD"].read_text()) if not line[0].endswith(special)
    }
    our_rows = {line for line in rows(ours[f"{info}/RECORD"].decode()) if not line[0].endswith(special)}
    changed = {line[0] for line in their_rows ^ our_rows if not line[0].startswith("../../../bin/")}
    assert changed == {
        "../../../lib/thing.txt",  # ours: where it is
        "../../../lib64/thing.txt",  # pip's: the way that it took
        "rich_wheel-1.0.data/scripts/tool",  # pip names a script that it did not install
    }


def test_scripts_start_the_interpreter_of_the_environment(tmp_path: Path) -> None:
    found = one(tmp_path, rich(tmp_path))
    assert found["opt/env/bin/hello"] == b"#!/opt/env/bin/python\nprint('hello')\n"
    assert found["opt/env/bin/window"] == b"#!/opt/env/bin/python\nprint('hello')\n"
    assert found["opt/env/bin/native"] == RICH["rich_wheel-1.0.data/scripts/native"]
    assert found["opt/env/bin/other-tool"].decode() == (
        "#!/opt/env/bin/python\nimport sys\n\nfrom rich_wheel import Tool\n\n"
        'if __name__ == "__main__":\n    sys.exit(Tool.run())\n'
    )
    assert b"rich_wheel import main" in found["opt/env/bin/tool"]
    assert found[f"opt/env/include/site/python{MINOR}/rich-wheel/rich.h"] == b"/* */\n"


def test_every_row_of_record_is_true(tmp_path: Path) -> None:
    import base64
    import hashlib

    found = one(tmp_path, rich(tmp_path))
    record = found[f"{SITE}/rich_wheel-1.0.dist-info/RECORD"].decode()
    named = set()
    for path, value, size in csv.reader(io.StringIO(record)):
        place = os.path.normpath(f"{SITE}/{path}")
        named.add(place)
        if value:
            digest = hashlib.sha256(found[place]).digest()
            assert value == "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), path
            assert int(size) == len(found[place])
        else:
            assert path.endswith((".pyc", "/RECORD")) and size == ""
    assert named == found.keys()
    assert f"{SITE}/rich_wheel/__pycache__/broken.{TAG}.pyc" not in found


def test_the_bytes_do_not_depend_on_who_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = layer_bytes("wheels", (rich(tmp_path / "a"),), tmp_path / "a")
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("PYTHONHASHSEED", "42")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o077)
    try:
        items = list(RICH.items())
        random.Random(1).shuffle(items)
        other = make_wheel(tmp_path / "b", "rich_wheel", dict(items), entry_points=SCRIPTS, modes=MODES)
        second = layer_bytes("wheels", (other,), tmp_path / "b")
    finally:
        os.umask(umask)
    assert first == second


def test_record_that_lies_or_says_nothing_is_written_anew(tmp_path: Path) -> None:
    lies = "module.py,sha256=AAAA,5\nabsent.py,sha256=abc,3\nlies-1.0.dist-info/RECORD,,\n"
    found = one(tmp_path, make_wheel(tmp_path, "lies", {"module.py": b"x = 1\n"}, record=lies))
    rows = {
        line[0]: line[1:]
        for line in csv.reader(io.StringIO(found[f"{SITE}/lies-1.0.dist-info/RECORD"].decode()))
    }
    assert rows["module.py"] == ["sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q", "6"]
    assert "absent.py" not in rows
    assert rows["lies-1.0.dist-info/WHEEL"][0].startswith("sha256=")


def test_byte_code_of_the_wheel_is_not_believed(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path, "sly", {"sly.py": b"x = 1\n", f"__pycache__/sly.{TAG}.pyc": b"another program"}
    )
    found = one(tmp_path, wheel)
    assert b"another program" not in found[f"{SITE}/__pycache__/sly.{TAG}.pyc"]


def test_two_wheels_may_share_what_is_the_same(tmp_path: Path) -> None:
    shared = {"space/__init__.py": b"x = 1\n"}
    found = contents(
        layer_bytes(
            "wheels", (make_wheel(tmp_path, "one", shared), make_wheel(tmp_path, "two", shared)), tmp_path
        )
    )
    assert found["opt/env/lib/python" + MINOR + "/site-packages/space/__init__.py"] == b"x = 1\n"
    for name in ("one", "two"):
        assert (
            f"space/__pycache__/__init__.{TAG}.pyc,," in found[f"{SITE}/{name}-1.0.dist-info/RECORD"].decode()
        )


@pytest.mark.parametrize("size", [3, 6 * 1024 * 1024])
def test_two_wheels_with_different_files_at_one_path(tmp_path: Path, size: int) -> None:
    both = [
        make_wheel(tmp_path, name, {"space/data": name.encode() + bytes(size)}) for name in ("one", "two")
    ]
    assert refusal(tmp_path, *both) == (
        "`one-1.0-py3-none-any.whl` and `two-1.0-py3-none-any.whl` both hold"
        f" `{SITE}/space/data`, with different contents"
    )


def test_a_file_where_another_wheel_has_a_folder(tmp_path: Path) -> None:
    both = [
        make_wheel(tmp_path, "one", {"space": b""}),
        make_wheel(tmp_path, "two", {"space/x-y": b"", "space/x": b""}),
    ]
    assert refusal(tmp_path, *both) == (
        f"`{SITE}/space/x` of `two-1.0-py3-none-any.whl` lies below a file of `one-1.0-py3-none-any.whl`"
    )


FILE = "`bad-1.0-py3-none-any.whl`"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", f"{FILE}: the path `/etc/passwd` is absolute"),
        ("../x.py", f"{FILE}: the path `../x.py` has an empty, `.` or `..` component"),
        ("a/../../x.py", f"{FILE}: the path `a/../../x.py` has an empty, `.` or `..` component"),
        ("a//x.py", f"{FILE}: the path `a//x.py` has an empty, `.` or `..` component"),
        ("a\\x.py", f"{FILE}: the path `a\\x.py` has a backslash"),
        ("a\nx.py", f"{FILE}: the path `a\\nx.py` has a control character"),
        (".wh.x", f"{FILE}: the path `.wh.x` would delete files of other layers"),
        ("x" * 300, f"{FILE}: the path `{'x' * 200}` is longer than Linux allows"),
        (
            "bad-1.0.data/data/pyvenv.cfg",
            f"{FILE} would replace `/opt/env/pyvenv.cfg` of the environment itself",
        ),
        (
            "bad-1.0.data/scripts/python",
            f"{FILE} would replace `/opt/env/bin/python` of the environment itself",
        ),
        ("bad-1.0.data/data/lib64", f"{FILE} would replace `/opt/env/lib64` of the environment itself"),
        ("bad-1.0.data/etc/x", f"{FILE} holds `bad-1.0.data/etc/x`, which has no place in an environment"),
        ("bad-1.0.data/x", f"{FILE} holds `bad-1.0.data/x`, which has no place in an environment"),
        ("x-2.dist-info/y", f"{FILE} holds 2 `.dist-info` folders instead of one"),
    ],
)
def test_paths_that_no_honest_wheel_has(tmp_path: Path, path: str, message: str) -> None:
    wheel = make_wheel(tmp_path, "bad", {}, extra=[(zipfile.ZipInfo(path, EPOCH), b"")])
    assert refusal(tmp_path, wheel) == message


def test_links_and_duplicates_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link", EPOCH)
    link.external_attr = 0o120777 << 16
    assert refusal(tmp_path, make_wheel(tmp_path, "bad", {}, extra=[(link, b"/etc/passwd")])) == (
        f"`link` in {FILE} is not a regular file"
    )
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = make_wheel(tmp_path, "bad", {"a.py": b"1"}, extra=[(zipfile.ZipInfo("a.py", EPOCH), b"2")])
    assert refusal(tmp_path, twice) == f"{FILE} holds one name twice"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("../../x = a:b", "../../x = a:b"),
        ("x/y = a:b", "x/y = a:b"),
        (".. = a:b", ".. = a:b"),
        ("x = a", "x = a"),
        ("x = a:b; import os", "x = a:b; import os"),
        ("x = a:b()", "x = a:b()"),
        ("x = a:b\n  c", "x = a:b\\nc"),
        ("x\x07 = a:b", "x\\x07 = a:b"),
    ],
)
def test_scripts_that_cannot_be_made(tmp_path: Path, line: str, shown: str) -> None:
    wheel = make_wheel(tmp_path, "bad", {}, entry_points=f"[console_scripts]\n{line}\n")
    assert refusal(tmp_path, wheel) == f"{FILE} wants the script `{shown}`, which cannot be made"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wheel": "Wheel-Version: 2.0\n"}, f"{FILE} has the format `2.0`, and only 1.x is known"),
        ({"wheel": "\n"}, f"{FILE} has no `Wheel-Version` in its WHEEL"),
        ({"metadata": "Summary: x\n\nName: bad\n"}, f"{FILE} has no `Name` in its METADATA"),
        ({"record": "a,b\n"}, f"{FILE} has a RECORD that cannot be read"),
        ({"entry_points": "no section\n"}, f"{FILE} has an `entry_points.txt` that cannot be read"),
    ],
)
def test_what_a_wheel_must_say_of_itself(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert refusal(tmp_path, make_wheel(tmp_path, "bad", {}, **changes)) == message  # type: ignore[arg-type]


def test_a_wheel_of_another_package_or_no_zip(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "good", {})
    (tmp_path / wheel.file).rename(tmp_path / "other-1.0-py3-none-any.whl")
    other = Wheel(name="other", version="1.0", file="other-1.0-py3-none-any.whl", size=1, sha256="")
    assert refusal(tmp_path, other) == (
        "`other-1.0-py3-none-any.whl` holds `good-1.0.dist-info`, which is of another package"
    )
    (tmp_path / other.file).write_bytes(b"no zip")
    assert refusal(tmp_path, other) == "`other-1.0-py3-none-any.whl` is no zip file, or a damaged one"


def test_sizes_that_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (100, wheel_files.AT_ONCE + 100):
        wheel = make_wheel(tmp_path, "bad", {"data": bytes(size)}, record="")
        data = (tmp_path / wheel.file).read_bytes()
        true = size.to_bytes(4, "little")
        for lie in (size - 1, size + 1):
            # The local header has the same bytes, but only the directory is believed.
            (tmp_path / wheel.file).write_bytes(data.replace(true, lie.to_bytes(4, "little")))
            assert refusal(tmp_path, wheel) == f"`data` in {FILE} is damaged"
    monkeypatch.setattr(wheel_files, "EXPANSION_FREE", 1024)
    wheel = make_wheel(tmp_path, "bad", {"data": bytes(10**6)})
    assert refusal(tmp_path, wheel).startswith(
        f"{FILE} has {wheel.size} bytes but says that it expands to 1000"
    )


def test_a_damaged_byte_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(3000)
    wheel = make_wheel(tmp_path, "bad", {"data": content}, record="")
    path = tmp_path / wheel.file
    good, whole = contents(layer_bytes("wheels", (wheel,), tmp_path)), path.read_bytes()
    assert good[f"{SITE}/data"] == content
    outcomes = set()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            found = contents(layer_bytes("wheels", (wheel,), tmp_path, compiler=NoCompiler()))
        except Refusal:
            outcomes.add("refused")
        else:
            # A time, a version or an attribute may change; the content may not.
            assert found[f"{SITE}/data"] == content
            outcomes.add("harmless")
    assert outcomes == {"refused", "harmless"}


def test_a_local_name_unlike_the_directory_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "bad", {"data": b"x"})
    path = tmp_path / wheel.file
    path.write_bytes(path.read_bytes().replace(b"data", b"atad", 1))
    assert refusal(tmp_path, wheel) == f"`data` in {FILE} is damaged"


def test_a_large_member_is_never_held(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.layers import *
wheel = locked_wheel(Path({path!r}))
layer = LayerPlan(key="", kind="wheels", title="", artefacts=(wheel,), python=TARGET)
class Count:
    size = 0
    def write(self, data): self.size += len(data)
out = Count()
with TarWriter(out) as tar:
    write_layer(layer, Folder(Path({path!r}).parent), NoCompiler(), tar)
assert out.size > 400 << 20
# Not getrusage: its maximum is inherited from the parent.
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(line.split()[1]) // 1024)
"""
    piece = random.Random(1).randbytes(1 << 20) + bytes(3 << 20)
    make_wheel(tmp_path, "big", {})
    path = tmp_path / "big-1.0-py3-none-any.whl"
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("big.so", "w") as out,
    ):
        for _ in range(100):
            out.write(piece)
    text = program.format(tests=str(Path(__file__).parents[1]), path=str(path))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 80, "MiB"
