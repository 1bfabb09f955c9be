"""`envcat demo`: the whole flow in an empty folder, with the very commands a user would type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from envcatalog.catalog.places import data_folder
from envcatalog.model.errors import Refusal, UserError

CURATED = ("curated-minimal", "curated-python", "curated-sklearn")
SUBJECT = "curated-sklearn"
# The edit: pin one package to the release before the one that is locked (see `_older_joblib`).
EDITED = "joblib"
IDENTITY = {
    "GIT_AUTHOR_NAME": "envcat demo",
    "GIT_AUTHOR_EMAIL": "demo@example.com",
    "GIT_COMMITTER_NAME": "envcat demo",
    "GIT_COMMITTER_EMAIL": "demo@example.com",
}


def run_demo(folder: str | None) -> int:
    """Run the demo; exit code 0 when every step did what it promises.

    Raises:
        UserError: the folder is not empty, or a step failed.
        Refusal: version 1 was not reproduced.
    """
    root = Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="envcat-demo-"))
    if root.exists() and any(root.iterdir()):
        raise UserError(f"`{folder}` is not empty", "give a folder that does not exist, or an empty one")
    root.mkdir(parents=True, exist_ok=True)
    Demo(root).run()
    return 0


class Demo:
    """The steps, each a command whose output the user sees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.began = time.monotonic()
        self.environ = {**os.environ, **IDENTITY}

    def run(self) -> None:
        """All steps in order."""
        self._say(f"A catalog in {self.root}, from the curated environments")
        self._make()
        self._say("Everything is checked before anything is built")
        self._envcat("validate")
        self._say(f"Publish {SUBJECT}: Debian, Python and wheels become layers; its checks run in the image")
        self._publish_mending()
        self._say(f"Edit one line: ask for another {EDITED}")
        self._edit()
        self._envcat("validate")
        self._envcat("lock", SUBJECT)
        self._envcat("diff", SUBJECT)
        self._envcat("plan", SUBJECT)
        self._git("commit", "-qam", f"Pin {EDITED}")
        self._say("Publish again: one new layer, everything else is there already")
        self._envcat("publish", SUBJECT, *self._registry)
        self._envcat("publish", SUBJECT, *self._registry)
        self._say("Versions and history are Git's own")
        self._envcat("list")
        self._envcat("log", SUBJECT)
        self._git("log", "--oneline", "--", f"catalog/{SUBJECT}", show=True)
        self._say("Version 1 again, from its tag, with an empty cache")
        self._prove()
        seconds = time.monotonic() - self.began
        print(f"\ndone in {seconds:.0f} s; look around in {self.root}")

    @property
    def _registry(self) -> tuple[str, ...]:
        return ("--registry", f"oci:{self.root / 'images'}")

    def _make(self) -> None:
        curated = data_folder("catalog")
        self._git("init", "-q", "-b", "main")
        for name in CURATED:
            shutil.copytree(curated / name, self.root / "catalog" / name)
        shutil.copyfile(curated / "catalog.yaml", self.root / "catalog" / "catalog.yaml")
        shutil.copytree(data_folder("schemas"), self.root / "schemas")
        (self.root / ".gitignore").write_text("/images/\n", encoding="utf-8")
        self._git("add", ".")
        self._git("commit", "-qm", "Start from the curated environments")

    def _publish_mending(self) -> None:
        """Publish; where a mirror has dropped a locked Debian file since, lock its successor first and say so."""
        code = self._run(self._command("publish", SUBJECT, *self._registry), show=True, check=False)
        if code == 0:
            return
        self._say("A locked file is no longer served here, so what is served now is locked instead")
        self._envcat("lock", "--upgrade", *CURATED)
        self._git("commit", "-qam", "Lock what the mirror serves today")
        self._envcat("publish", SUBJECT, *self._registry)

    def _edit(self) -> None:
        path = self.root / "catalog" / SUBJECT / "environment.yaml"
        lock = json.loads((path.parent / "lock.json").read_text(encoding="utf-8"))
        wheels = next(iter(lock["platforms"].values()))["wheels"]
        locked = next(wheel["version"] for wheel in wheels if wheel["name"] == EDITED)
        before = path.read_text(encoding="utf-8")
        after = before.replace(f"    - {EDITED}>=1.4\n", f"    - {EDITED}>=1.4,!={locked}\n")
        if after == before:
            raise UserError(f"`{SUBJECT}` asks for no {EDITED}")
        path.write_text(after, encoding="utf-8")
        self._git("diff", "-U0", "--", str(path.relative_to(self.root)), show=True)

    def _prove(self) -> None:
        log = json.loads(self._output(self._command("log", SUBJECT, "--format", "json")))
        first = next(version for version in log["versions"] if version["version"] == 1)
        with tempfile.TemporaryDirectory(prefix="envcat-rebuild-") as folder:
            clone = Path(folder) / "clone"
            self._git("clone", "-q", str(self.root), str(clone))
            self._git("checkout", "-q", f"{SUBJECT}@1", at=clone)
            # The artefacts stay; layers, byte code and images are made anew.
            cache = Path(folder) / "cache"
            cache.mkdir()
            self._keep_artefacts(cache)
            built = json.loads(
                self._output(
                    [*self._command(), "-C", str(clone), "build", SUBJECT, "--format", "json"],
                    environ={"ENVCATALOG_CACHE": str(cache)},
                )
            )
        digest = built["images"][0]["digest"]
        print(f"  published: {first['image']}\n  rebuilt:   {digest}")
        if digest != first["image"]:
            raise Refusal(f"`{SUBJECT}@1` was not reproduced")
        print("  the same, bit for bit")

    def _keep_artefacts(self, cache: Path) -> None:
        from envcatalog.catalog.places import cache_folder

        for name in ("artefacts", "addresses"):
            source = cache_folder() / name
            if source.is_dir():
                (cache / name).symlink_to(source, target_is_directory=True)

    def _say(self, text: str) -> None:
        print(f"\n[{time.monotonic() - self.began:4.1f} s] {text}", flush=True)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "envcatalog", *arguments]

    def _envcat(self, *arguments: str) -> None:
        self._run(self._command(*arguments), show=True)

    def _git(self, *arguments: str, show: bool = False, at: Path | None = None) -> None:
        self._run(["git", *arguments], show=show, at=at)

    def _run(self, command: list[str], *, show: bool, check: bool = True, at: Path | None = None) -> int:
        if show:
            print(f"$ {_shown(command, self.root)}", flush=True)
        done = subprocess.run(command, cwd=at or self.root, env=self.environ, check=False)
        if check and done.returncode:
            raise UserError(f"`{_shown(command, self.root)}` exited with {done.returncode}")
        return done.returncode

    def _output(self, command: list[str], environ: Mapping[str, str] | None = None) -> str:
        print(f"$ {_shown(command, self.root)}", flush=True)
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environ, **(environ or {})},
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise UserError(f"`{_shown(command, self.root)}` exited with {done.returncode}")
        return done.stdout


def _shown(command: list[str], root: Path) -> str:
    words = ["envcat", *command[3:]] if command[1:3] == ["-m", "envcatalog"] else command
    return " ".join(words).replace(f"{root}/", "")
