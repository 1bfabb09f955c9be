"""A place for the benchmarks: a temporary folder with a HOME of its own, catalogs in Git, registries that are real."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import output

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ENVCAT = BIN / "envcat"
_ACCESS = re.compile(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) (\S+) HTTP/[0-9.]+" (\d{3}) (\d+)')
_KEPT = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_LEAKS = ("GIT_", "ENVCAT", "XDG_", "GITHUB_", "DOCKER_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line of a registry's access log; `size` is the answer's, in bytes."""

    method: str
    path: str
    status: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRegistry:
    """A running docker-registry with nothing else in it."""

    address: str
    folder: Path

    def requests(self) -> list[Request]:
        """All so far."""
        found = _ACCESS.findall((self.folder / "registry.log").read_text(errors="replace"))
        return [
            Request(method=method, path=path, status=int(status), size=int(size))
            for method, path, status, size in found
        ]

    def stored(self) -> int:
        """Bytes of all blobs and manifests."""
        blobs = self.folder / "storage/docker/registry/v2/blobs"
        return sum(path.stat().st_size for path in blobs.rglob("data")) if blobs.is_dir() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where everything happens; nothing outside `folder` is written."""

    folder: Path
    env: dict[str, str]

    def machine(self, name: str) -> dict[str, str]:
        """Variables of a machine that has never worked on any catalog: empty caches."""
        return {
            **self.env,
            "ENVCATALOG_CACHE": str(self.folder / name / "cache"),
            "UV_CACHE_DIR": str(self.folder / name / "uv"),
        }

    @contextlib.contextmanager
    def registry(self, name: str) -> Iterator[LocalRegistry]:
        """An empty registry for as long as it is needed."""
        from support.servers import running_registry

        folder = self.folder / f"registry-{name}"
        folder.mkdir()
        try:
            with running_registry(folder) as address:
                yield LocalRegistry(address=address, folder=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def git(self, folder: Path, *arguments: str) -> str:
        """Run Git there."""
        return output(["git", *arguments], cwd=folder, env=self.env)

    def commit(self, catalog: Path, message: str) -> None:
        """Commit all and push the branch."""
        self.git(catalog, "add", "-A")
        self.git(catalog, "commit", "-q", "-m", message)
        self.git(catalog, "push", "-q", "origin", "HEAD")

    def clone(self, catalog: Path, name: str) -> Path:
        """A fresh clone of a catalog's remote, as on another machine."""
        target = self.folder / name / "clone"
        target.parent.mkdir(parents=True, exist_ok=True)
        self.git(self.folder, "clone", "-q", f"{catalog}.git", str(target))
        return target

    def catalog(self, name: str, definitions: dict[str, str]) -> Path:
        """A catalog with `curated-python`, as shipped and locked, and these definitions; with a remote."""
        catalog = self.folder / name
        self.git(self.folder, "init", "-q", "--bare", f"{catalog}.git")
        self.git(self.folder, "init", "-q", str(catalog))
        self.git(catalog, "remote", "add", "origin", f"{catalog}.git")
        (catalog / "catalog").mkdir()
        shutil.copy(ROOT / "catalog/catalog.yaml", catalog / "catalog/catalog.yaml")
        shutil.copytree(ROOT / "catalog/curated-python", catalog / "catalog/curated-python")
        for environment, text in definitions.items():
            write_definition(catalog, environment, text)
        return catalog


def write_definition(catalog: Path, name: str, text: str) -> None:
    """Write or replace one definition."""
    path = catalog / "catalog" / name / "environment.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def pinned(name: str, requirements: list[str]) -> str:
    """A definition on `curated-python` whose requirements are all pinned."""
    listed = "".join(f'    - "{requirement}"\n' for requirement in requirements)
    return (
        f"name: {name}\ndescription: An environment of the benchmarks\n"
        f'base: {{environment: curated-python}}\npython:\n  version: "3.11"\n  packages:\n{listed}'
        "platforms: [linux/amd64]\n"
    )


@contextlib.contextmanager
def temporary_world() -> Iterator[World]:
    """Made, and removed with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="envcat-bench-", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        home = folder / "home"
        home.mkdir()
        (home / "gitconfig").write_text(
            "[user]\n\tname = Ada Example\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
            "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
        )
        env = {
            name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_LEAKS)
        }
        env |= {
            **_pip_configuration(),
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "DOCKER_CONFIG": str(home / ".docker"),
            "ENVCATALOG_CACHE": str(folder / "cache"),
            "UV_CACHE_DIR": str(folder / "uv"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        yield World(folder=folder, env=env)


def version_of(command: list[str], env: dict[str, str] | None = None) -> str:
    """What a tool says of itself, or that it is not here."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    except OSError:
        return "not here"
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def _pip_configuration() -> dict[str, str]:
    """The user's own, which a HOME that has moved would hide."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for place in (config / "pip/pip.conf", Path.home() / ".pip/pip.conf"):
        if "PIP_CONFIG_FILE" not in os.environ and place.is_file():
            return {"PIP_CONFIG_FILE": str(place)}
    return {}
