"""What envcat is compared with: images by `docker build`, with pip or with uv and a cache mount, and `docker push`.

Both run with BuildKit, as Docker has by default since version 23. Both start from the very image that ours starts
from, with pip and uv added, so the interpreter and the Debian packages are the same on all sides.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import output

from envcatalog.lock.indexes import machine_indexes

BASE = "envcat-bench-base:1"
_ARGUMENTS = "ARG SSL_CERT_FILE\nARG PIP_CERT\nARG PIP_INDEX_URL\nARG UV_DEFAULT_INDEX\n"
_SECRET = "--mount=type=secret,id=ca"
_FILES = {
    "pip": f"""\
FROM {BASE}
{_ARGUMENTS}COPY requirements.txt /tmp/requirements.txt
RUN {_SECRET} ["python", "-m", "pip", "install", "--no-cache-dir", "-q", "-r", "/tmp/requirements.txt"]
""",
    "uv": f"""\
FROM {BASE}
{_ARGUMENTS}COPY requirements.txt /tmp/requirements.txt
RUN {_SECRET} --mount=type=cache,target=/var/uv \\
  ["uv", "pip", "install", "-q", "--cache-dir", "/var/uv", "--link-mode", "copy", "--python", "/opt/env/bin/python", \\
  "-r", "/tmp/requirements.txt"]
""",
}
_BASE_FILE = """\
FROM {base}
USER root
COPY pip /opt/env/lib/python3.11/site-packages/pip
COPY uv /usr/bin/uv
RUN ["python", "-m", "compileall", "-q", "/opt/env/lib/python3.11/site-packages/pip"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Seconds of one build and one push."""

    build: float
    push: float

    @property
    def seconds(self) -> float:
        """Both."""
        return self.build + self.push


class Docker:
    """A Docker Engine of our own and a client that speaks BuildKit."""

    def __init__(self, host: str, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = {**env, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        self._docker = _client(self._env)

    def run(self, *arguments: str) -> str:
        """Run the client."""
        return output([self._docker, *arguments], cwd=self._folder, env=self._env)

    def make_base(self, image: str) -> None:
        """The image that both peers start from; not part of any time."""
        context = self._folder / "base"
        context.mkdir()
        site = Path(sys.executable).parents[1] / "lib/python3.11/site-packages"
        shutil.copytree(site / "pip", context / "pip", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(sys.executable).parent / "uv", context / "uv")
        (context / "Dockerfile").write_text(_BASE_FILE.format(base=image))
        self.run("pull", "-q", image)
        self.run("build", "-q", "--network", "host", "-t", BASE, str(context))

    def publish(self, kind: str, requirements: Sequence[str], target: str) -> Built:
        """Build and push; what was cached before is used."""
        context = self._folder / kind
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(_FILES[kind])
        (context / "requirements.txt").write_text("".join(f"{item}\n" for item in requirements))
        start = time.perf_counter()
        self.run("build", "-q", "--network", "host", *self._build_options(), "-t", target, str(context))
        built = time.perf_counter()
        self.run("push", "-q", target)
        return Built(build=built - start, push=time.perf_counter() - built)

    def forget(self, *images: str) -> None:
        """Empty all caches but the base image."""
        for image in images:
            self.run("image", "rm", "-f", image)
        self.run("builder", "prune", "-af")

    def _build_options(self) -> list[str]:
        """The machine's index and certificates, for the time of the build only."""
        options = []
        bundle = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
        if Path(bundle).is_file():
            options += ["--secret", f"id=ca,src={bundle}"]
            options += [
                "--build-arg",
                "SSL_CERT_FILE=/run/secrets/ca",
                "--build-arg",
                "PIP_CERT=/run/secrets/ca",
            ]
        index = machine_indexes().default or os.environ.get("UV_DEFAULT_INDEX")
        if index:
            options += ["--build-arg", f"PIP_INDEX_URL={index}", "--build-arg", f"UV_DEFAULT_INDEX={index}"]
        return options


def _client(env: Mapping[str, str]) -> str:
    """A client with BuildKit: it has buildx, or is one of the versions that had it built in."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/bin"]
    found = [str(Path(folder) / "docker") for folder in folders if (Path(folder) / "docker").is_file()]
    for program in dict.fromkeys(found):
        try:
            said = output([program, "build", "--help"], cwd=Path("/"), env=env)
        except RuntimeError:
            continue
        if "--secret" in said:
            return program
    raise RuntimeError("needs a docker client with BuildKit")
