"""Whole catalogs made in the test: real Git, a real package index on loopback, a base image laid out by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envcatalog.cli.errors import guarded
from envcatalog.cli.main import cli
from support.wheelhouse import Server

PYTHON = "{}.{}".format(*sys.version_info[:2])
BASE = "oci:bases:tiny"
SETTINGS = "aliases: [staging, prod]\n"
OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, as JSON."""
        return json.loads(self.out)

    def __iter__(self) -> Any:
        return iter((self.code, self.out, self.err))


def git(folder: Path, *arguments: str, stdin: str = "", **variables: str) -> str:
    """Run Git; its output without the last line end."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def definition(
    name: str,
    *packages: str,
    base: str = f"{{image: '{BASE}'}}",
    description: str = "For a test",
    more: str = "",
    python: bool = True,
) -> str:
    """The text of an `environment.yaml`."""
    lines = [f"name: {name}", f"description: {description}", f"base: {base}"]
    if python:
        lines += ["python:", f'  version: "{PYTHON}"', "  packages:"]
        lines += [f"    - {package}" for package in packages]
        if not packages:
            lines[-1] += " []"
    return "\n".join(lines) + "\n" + more


@dataclass
class Workplace:
    """A catalog and the machine that works on it.

    Attributes:
        root: the repository.
        images: what `--registry` says.
        cache: the machine's cache folder.
        index: the machine's package index.
    """

    root: Path
    images: str
    cache: Path
    index: Server
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    origin: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, at: Path | None = None) -> Ran:
        """A command in this process."""
        return run_here(self.monkeypatch, self.capsys, self.root if at is None else at, self.cache, arguments)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """A command in a process of its own."""
        environ = {**os.environ, "ENVCATALOG_CACHE": str(self.cache), **options.pop("variables", {})}
        return subprocess.Popen(
            [sys.executable, "-m", "envcatalog", *arguments],
            cwd=self.root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            **{"stderr": subprocess.PIPE, **options},
        )

    def spawn(self, *arguments: str, **options: Any) -> Ran:
        """A command in a process of its own, to its end."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def publish(self, *names: str, at: Path | None = None) -> Ran:
        """`publish` to `images`, as JSON."""
        return self.run("publish", *names, "--registry", self.images, "--format", "json", at=at)

    def published(self, *names: str) -> list[tuple[str, int | None, str, str]]:
        """Environment, version, status and reason of what `publish` did; it must succeed."""
        done = self.publish(*names)
        assert done.code == 0, done.err
        return [
            (row["environment"], row["version"], row["status"], row["reason"])
            for row in done.json["published"]
        ]

    def plan(self, *names: str, registry: bool = True) -> list[tuple[str, str, str, int | None]]:
        """Environment, action, reason and version."""
        more = ("--registry", self.images) if registry else ()
        done = self.run("plan", *names, *more, "--format", "json")
        assert done.code in (0, 1), done.err
        return [
            (row["environment"], row["action"], row["reason"], row["version"]) for row in done.json["actions"]
        ]

    def write(self, name: str, text: str) -> Path:
        """A definition."""
        path = self.root / "catalog" / name / "environment.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a piece of a definition that is there exactly once."""
        path = self.root / "catalog" / name / "environment.yaml"
        text = path.read_text()
        assert text.count(before) == 1, text
        path.write_text(text.replace(before, after))

    def lock(self, *names: str, upgrade: bool = False) -> None:
        """`lock`, which must succeed."""
        done = self.run("lock", *names, *(["--upgrade"] if upgrade else []))
        assert done.code == 0, done.err

    def commit(self, message: str = "Edit") -> str:
        """Commit everything; the commit's id."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", message)
        return git(self.root, "rev-parse", "HEAD")

    def add(self, name: str, *packages: str, **more: Any) -> None:
        """Write, lock and commit an environment."""
        self.write(name, definition(name, *packages, **more))
        self.lock(name)
        self.commit(f"Add {name}")

    def tags(self) -> list[str]:
        """Version tags here."""
        return git(self.root, "tag", "--list").splitlines()

    def trailers(self, tag: str) -> dict[str, str]:
        """The trailers of a version's tag."""
        text = git(self.root, "cat-file", "tag", f"refs/tags/{tag}")
        lines = text.rsplit("\n\n", 1)[1].splitlines()
        return dict(line.split(": ", 1) for line in lines)  # type: ignore[misc]

    def layout(self) -> dict[str, str]:
        """``name:tag`` to digest of the OCI layout."""
        path = Path(self.images.removeprefix("oci:")) / "index.json"
        if not path.is_file():
            return {}
        key = "org.opencontainers.image.ref.name"
        entries = json.loads(path.read_text())["manifests"]
        found = {
            entry["annotations"][key]: entry["digest"]
            for entry in entries
            if key in entry.get("annotations", {})
        }
        return {name: digest for name, digest in found.items() if ":sha256-" not in name}


def run_here(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    cache: Path,
    arguments: Sequence[str],
) -> Ran:
    """The command line in this process."""
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["envcat", *arguments])
        patch.setenv("ENVCATALOG_CACHE", str(cache))
        if folder.is_dir():
            patch.chdir(folder)
        code = guarded(cli)
    captured = capsys.readouterr()
    return Ran(code, captured.out, captured.err)


def use_index(monkeypatch: pytest.MonkeyPatch, url: str, uv_cache: Path) -> None:
    """Configure the machine for one package index and for no engine."""
    for name in (
        "PIP_FIND_LINKS",
        "PIP_EXTRA_INDEX_URL",
        "UV_CONFIG_FILE",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "UV_EXTRA_INDEX_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{uv_cache}/no-engine.sock")


def sha256(data: bytes) -> str:
    """In the OCI spelling."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_layer(files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A gzip layer that is the same everywhere (stored, so no zlib decides its bytes), and its diff id."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 315532800
            entry.mode = 0o644 if name.startswith("etc/") else 0o755
            archive.addfile(entry, io.BytesIO(data))
    plain = raw.getvalue()
    return gzip.compress(plain, 0, mtime=0), sha256(plain)


def base_layout(
    folder: Path,
    *,
    tag: str = "tiny",
    platforms: Iterable[str] = ("amd64",),
    files: Mapping[str, bytes] | None = None,
) -> str:
    """An OCI layout with one base image, an index over its platforms; the index's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def blob(data: bytes) -> dict[str, Any]:
        digest = sha256(data)
        (blobs / digest.removeprefix("sha256:")).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    manifests = []
    for architecture in platforms:
        data, diff_id = tar_layer(
            files or {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/machine": architecture.encode()}
        )
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Labels": {"base": tag}},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": "1980-01-01T00:00:00Z", "created_by": "by hand"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": {"mediaType": f"{OCI}.config.v1+json", **blob(to_json(config))},
            "layers": [{"mediaType": f"{OCI}.layer.v1.tar+gzip", **blob(data)}],
        }
        manifests.append(
            {
                "mediaType": f"{OCI}.manifest.v1+json",
                **blob(to_json(manifest)),
                "platform": {"os": "linux", "architecture": architecture},
            }
        )
    index = to_json({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests})
    place = folder / "index.json"
    have = json.loads(place.read_text())["manifests"] if place.is_file() else []
    key = "org.opencontainers.image.ref.name"
    entry = {"mediaType": f"{OCI}.index.v1+json", **blob(index), "annotations": {key: tag}}
    have = [item for item in have if item["annotations"][key] != tag]
    place.write_bytes(to_json({"schemaVersion": 2, "manifests": [*have, entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return sha256(index)


def to_json(value: object) -> bytes:
    """Compact."""
    return json.dumps(value, separators=(",", ":")).encode()
