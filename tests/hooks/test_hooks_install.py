"""Installing hooks: recognised, repeatable, and never over somebody else's."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from hooks_support import push, remote_lines

from envcatalog.catalog.hooks.hooking import MARKER, script
from support.catalogs import Workplace, definition, git


def test_a_hook_is_one_line_that_calls_who_installed_it(served: Workplace) -> None:
    assert served.origin is not None
    for name in ("pre-receive", "post-receive"):
        path = served.origin / "hooks" / name
        assert path.read_text() == script(name, chained=False)
        assert path.read_text().splitlines()[:2] == ["#!/bin/sh", MARKER]
        assert len(path.read_text().splitlines()) == 3
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
        subprocess.run(["sh", "-n", path], check=True)


def test_again_and_away(served: Workplace) -> None:
    folder = str(served.origin)
    assert served.origin is not None
    again = served.run("hooks", "install", "--server", "-C", folder)
    assert [line.split()[0] for line in again.out.splitlines()] == ["unchanged", "unchanged"]
    hook = served.origin / "hooks/pre-receive"
    hook.write_text(hook.read_text().replace("exec ", "exec /old/"))
    again = served.run("hooks", "install", "-C", folder)
    assert [line.split()[0] for line in again.out.splitlines()] == ["installed", "unchanged"]
    away = served.run("hooks", "uninstall", "-C", folder)
    assert away.out.splitlines() == [
        f"removed  {served.origin}/hooks/{n}" for n in ("pre-receive", "post-receive")
    ]
    assert served.run("hooks", "uninstall", "-C", folder).out == ""
    assert not hook.exists()


def test_a_foreign_hook_is_never_overwritten(with_origin: Workplace) -> None:
    assert with_origin.origin is not None
    hook = with_origin.origin / "hooks/post-receive"
    hook.write_text("#!/bin/sh\necho foreign\n")
    done = with_origin.run("hooks", "install", "-C", str(with_origin.origin))
    assert (done.code, done.err) == (
        2,
        f"error: there is a hook `post-receive` already, in `{hook}`\n"
        "hint: use `--chain` to run it first and then ours\n",
    )
    assert hook.read_text() == "#!/bin/sh\necho foreign\n"
    assert not hook.with_name("pre-receive").exists()
    hook.unlink()
    hook.symlink_to("/nonexistent")
    assert with_origin.run("hooks", "install", "-C", str(with_origin.origin)).code == 2
    assert hook.is_symlink()
    assert with_origin.run("hooks", "uninstall", "-C", str(with_origin.origin)).out == ""
    assert hook.is_symlink()


def foreign(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def test_a_chained_hook_runs_first_and_gets_its_place_back(with_origin: Workplace) -> None:
    origin = with_origin.origin
    assert origin is not None
    hook = origin / "hooks/pre-receive"
    foreign(hook, "while read old new ref; do echo foreign $ref; done", 'test ! -e "$GIT_DIR/veto"')
    before = hook.read_text()
    done = with_origin.run("hooks", "install", "--chain", "-C", str(origin))
    assert [line.split()[0] for line in done.out.splitlines()] == ["chained", "installed"]
    git(origin, "config", "envcat.registry", with_origin.images)
    with_origin.add("demo", "alpha<2")
    pushed = push(with_origin.root, "main")
    assert (pushed.returncode, remote_lines(pushed)[:2]) == (
        0,
        ["foreign refs/heads/main", "building demo: new"],
    )
    with_origin.write("other", definition("wrong"))
    with_origin.commit()
    pushed = push(with_origin.root, "main")
    assert (pushed.returncode, remote_lines(pushed)[-1]) == (1, "error: the push is refused")
    (origin / "veto").touch()
    pushed = push(with_origin.root, "main")
    assert (pushed.returncode, remote_lines(pushed)) == (1, ["foreign refs/heads/main"])
    again = with_origin.run("hooks", "install", "-C", str(origin))
    assert [line.split()[0] for line in again.out.splitlines()] == ["unchanged", "unchanged"]
    away = with_origin.run("hooks", "uninstall", "-C", str(origin))
    assert [line.split()[0] for line in away.out.splitlines()] == ["restored", "removed"]
    assert hook.read_text() == before
    assert sorted(path.name for path in hook.parent.iterdir() if not path.name.endswith(".sample")) == [
        "pre-receive"
    ]


def test_a_chained_pre_commit_of_a_clone(with_origin: Workplace) -> None:
    hook = with_origin.root / ".git/hooks/pre-commit"
    foreign(hook, "echo foreign >&2", "exit 3")
    assert with_origin.run("hooks", "install", "--chain").code == 0
    done = subprocess.run(
        ["git", "-C", with_origin.root, "commit", "--allow-empty", "-m", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "foreign\n")


@pytest.mark.parametrize("where", ["elsewhere", "inside"])
def test_a_configured_folder_for_hooks(with_origin: Workplace, tmp_path: Path, where: str) -> None:
    folder = tmp_path / "shared" if where == "elsewhere" else with_origin.root / ".githooks"
    git(with_origin.root, "config", "core.hooksPath", str(folder))
    done = with_origin.run("hooks", "install")
    if where == "inside":
        assert (done.code, sorted(path.name for path in folder.iterdir())) == (0, ["pre-commit", "pre-push"])
        return
    assert (done.code, done.err) == (
        2,
        f"error: `core.hooksPath` sends the hooks to `{folder}`, which other repositories may share\n"
        "hint: run `git config core.hooksPath .git/hooks` here, or call `envcat hooks run NAME` from those hooks\n",
    )
    assert not folder.exists()


def test_the_wrong_place(with_origin: Workplace, tmp_path: Path) -> None:
    done = with_origin.run("hooks", "install", "--server")
    assert done.err.splitlines() == [
        f"error: `{with_origin.root}` is not a bare repository",
        "hint: leave out `--server` for a working clone",
    ]
    done = with_origin.run("hooks", "install", "-C", str(tmp_path))
    assert (done.code, done.err.splitlines()[0]) == (2, f"error: `{tmp_path}` is not in a Git repository")
    done = with_origin.spawn("hooks", "run", "pre-receive", "-C", str(with_origin.root))
    assert (done.code, done.err) == (2, f"error: `{with_origin.root}` is not a bare repository\n")
