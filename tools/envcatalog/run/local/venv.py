"""Virtual environments of locked wheels, each made once and kept in the cache under its plan's digest.

``<cache>/local/<plan digest>/``: ``env`` is the environment; ``complete`` appears when all is there, and names the
interpreter that it was made with. Processes take turns by a lock on ``<plan digest>.lock``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from envcatalog.lock.uv import run_uv
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Wheel
from envcatalog.model.seams import Artefacts, Progress

FOLDER = "local"


def find_interpreter(version: str, folder: Path) -> str:
    """An interpreter of this minor version on this machine.

    Raises:
        UserError: there is none.
    """
    found = run_uv(["python", "find", "--no-project", "--no-config", "--system", version], folder)
    path = found.output.strip()
    if not found.ok or not path:
        raise UserError(
            f"there is no Python {version} on this machine",
            f"install Python {version}, or run with `--on docker`",
        )
    return path


@contextmanager
def kept_folder(cache: Path, plan: str) -> Iterator[tuple[Path, bool]]:
    """The folder of a plan, for one process at a time, and whether it is complete; see the module.

    What is not complete is empty. The caller calls `complete` when it is done.
    """
    parent = cache / FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / plan.removeprefix("sha256:")
    if _is_complete(folder):
        yield folder, True
        return
    with _turn(parent / f"{folder.name}.lock"):
        if _is_complete(folder):
            yield folder, True
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder, False


def complete(folder: Path, interpreter: str) -> None:
    """Say that all is there."""
    part = folder / ".complete"
    part.write_text(interpreter, encoding="utf-8")
    os.replace(part, folder / "complete")


def make_venv(folder: Path, version: str, progress: Progress) -> str:
    """Make `folder`/env without packages; the interpreter it was made with.

    Raises:
        UserError: there is no such interpreter.
    """
    interpreter = find_interpreter(version, folder)
    progress.step(f"making a virtual environment of Python {version}")
    made = run_uv(
        ["venv", "--no-project", "--no-config", "--quiet", "--python", interpreter, str(folder / "env")],
        folder,
    )
    if not made.ok:
        raise UserError(f"the virtual environment was not made: {made.explanation}")
    return interpreter


def add_wheels(folder: Path, wheels: Sequence[Wheel], artefacts: Artefacts, progress: Progress) -> None:
    """Install the wheels into `folder`/env, the hash of each checked.

    Raises:
        UserError: a wheel does not fit this machine.
        Refusal: as `Artefacts.path`.
    """
    if not wheels:
        return
    artefacts.prefetch(tuple(wheels))
    progress.step(f"installing {len(wheels)} Python package{'' if len(wheels) == 1 else 's'}")
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=folder) as scratch:
        links = Path(scratch)
        for wheel in wheels:
            (links / wheel.file).symlink_to(artefacts.path(wheel))
        lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
        (links / "requirements.txt").write_text("".join(lines), encoding="utf-8")
        done = run_uv(
            [
                *("pip", "install", "--no-config", "--quiet", "--no-deps", "--no-index", "--offline"),
                *("--require-hashes", "--only-binary=:all:", "--python", str(folder / "env/bin/python")),
                *("--find-links", str(links), "--requirement", str(links / "requirements.txt")),
            ],
            folder,
        )
    if not done.ok:
        raise UserError(
            f"the packages do not fit this machine: {done.explanation}",
            "run with `--on docker`, where the environment is as it was locked",
        )


def _is_complete(folder: Path) -> bool:
    """Whether all is there, the interpreter included: it may have been removed since."""
    try:
        interpreter = (folder / "complete").read_text(encoding="utf-8")
    except OSError:
        return False
    return not interpreter or os.access(interpreter, os.X_OK)


@contextmanager
def _turn(file: Path) -> Iterator[None]:
    import fcntl

    with file.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
