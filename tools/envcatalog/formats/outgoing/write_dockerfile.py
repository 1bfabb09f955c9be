"""A Dockerfile: from the published image by its digest, else built anew from the base and the locked files.

Source: Dockerfile reference, "Environment replacement" and "Shell and exec form". What is built anew has the same
packages in the same places, and not the same bytes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

from envcatalog.formats.outgoing.flatten import BASE_PATH
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import CONTENT, LABELS, left_out
from envcatalog.formats.outgoing.write_requirements import requirements_text
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, ImageBase
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, Left, TextFile, Written

ENV_ROOT = "/opt/env"
DEBIAN_USER = "1000:1000"
DEBIAN_HOME = "/home/app"
_LABEL = "io.envcatalog."
# What a base made of Debian packages would otherwise lack.
_PYTHON_PACKAGES = ("python{0}", "python{0}-venv")
_DIGESTED = re.compile(r"(?P<name>[^@]+?)(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?(?:@.*)?\Z")


def write_dockerfile(given: Exported) -> Written:
    """The published image as a start, or `Dockerfile` and `requirements.txt` that build the environment.

    Raises:
        Refusal: it is not published, and has what only its image holds.
    """
    held = CONTENT | LABELS
    if given.image:
        lines = [*header(given, "dockerfile"), f"FROM {given.image}"]
        start = TextFile(name="Dockerfile", text="\n".join(lines) + "\n")
        return Written(files=(start,), left=left_out(given.environment, held, ""))
    files = rebuilding_files(given)
    return Written(files=files, left=(*rebuilding_notes(given), *left_out(given.environment, held, "")))


def rebuilding_files(given: Exported) -> tuple[TextFile, ...]:
    """`Dockerfile` and, where there are Python packages, `requirements.txt`; Refusal as above."""
    environment = given.environment
    _check(given)
    has_wheels = any(lock.wheels for lock in given.locks)
    lines = [*header(given, "dockerfile"), f"FROM {base_reference(given)}"]
    packages = _debian_packages(environment)
    if packages:
        lines += _apt(packages)
    if environment.python:
        lines.append(f"RUN {_interpreter(environment)} -m venv {ENV_ROOT}")
    if has_wheels:
        lines += [
            "COPY requirements.txt /tmp/requirements.txt",
            f"RUN {ENV_ROOT}/bin/pip install --no-cache-dir --no-deps --require-hashes "
            "-r /tmp/requirements.txt && rm /tmp/requirements.txt",
        ]
    lines += _settings(environment)
    files = [TextFile(name="Dockerfile", text="\n".join(lines) + "\n")]
    if has_wheels:
        files.append(TextFile(name="requirements.txt", text=requirements_text(given)))
    return tuple(files)


def base_reference(given: Exported) -> str:
    """What to start from: the locked image by its digest, or Debian's own by its suite.

    Raises:
        Refusal: the base is a folder of this catalog.
    """
    base = given.environment.base
    if isinstance(base, DebianBase):
        return f"debian:{base.suite}-slim"
    assert isinstance(base, ImageBase)
    if base.image.startswith("oci:"):
        raise _unpublished(given, f"its base `{base.image}` is a folder of the catalog")
    match = _DIGESTED.match(base.image)
    assert match is not None
    assert given.base is not None
    return f"{match['name']}@{given.base.digest}"


def not_same_bytes(given: Exported) -> Left:
    """What is to be known of all that is built anew."""
    return Left(
        key=("base",),
        text="image",
        reason=f"there is no published image to start from ({given.unpublished}); what is built from these "
        "files is not the same bit for bit",
        lost=False,
    )


def rebuilding_notes(given: Exported) -> Iterator[Left]:
    """What is to be known of files that build an environment anew."""
    yield not_same_bytes(given)
    if isinstance(given.environment.base, DebianBase):
        yield Left(
            key=("base",),
            text=f"base: debian {given.environment.base.suite}",
            reason="Debian packages are those of the day of the build, and not the locked ones",
        )


def _check(given: Exported) -> None:
    environment = given.environment
    if environment.managed == "user" and not isinstance(environment.base, ImageBase):
        raise _unpublished(given, "it has a Dockerfile of its own")
    for name, value in (("conda", environment.conda), ("spark", environment.spark)):
        if value is not None:
            raise _unpublished(given, f"a Dockerfile cannot build what `{name}:` asks for")
    if isinstance(environment.base, EnvironmentBase):
        raise ValueError("a flattened environment has no environment below it")


def _unpublished(given: Exported, reason: str) -> Refusal:
    return Refusal(
        f"`{given.label}` has no image that can be pulled ({given.unpublished}), and {reason}",
        "publish it to a registry, and give that with `--registry`",
    )


def _debian_packages(environment: Environment) -> list[str]:
    packages = list(environment.apt)
    if isinstance(environment.base, DebianBase):
        packages.append("ca-certificates")
        if environment.python:
            packages += [name.format(environment.python.version) for name in _PYTHON_PACKAGES]
    if environment.r is not None:
        packages += ["r-base-core", *(f"r-cran-{name.lower()}" for name in environment.r.packages)]
    return sorted(set(packages))


def _apt(packages: Sequence[str]) -> list[str]:
    return [
        "# hadolint ignore=DL3008",
        "RUN apt-get update \\",
        "    && apt-get install -y --no-install-recommends \\",
        *(f"        {shlex.quote(package)} \\" for package in packages),
        "    && rm -rf /var/lib/apt/lists/*",
    ]


def _interpreter(environment: Environment) -> str:
    assert environment.python is not None
    python = environment.python
    folder = "/usr/bin" if isinstance(environment.base, DebianBase) else "/usr/local/bin"
    return python.interpreter or f"{folder}/python{python.version}"


def _settings(environment: Environment) -> Iterator[str]:
    debian = isinstance(environment.base, DebianBase)
    container, inference = environment.container, environment.inference
    for name, value in _variables(environment).items():
        yield f"ENV {name}={quote(value, expand=name == 'PATH')}"
    for name, value in _labels(environment).items():
        yield f"LABEL {name}={quote(value)}"
    ports = {*container.ports, *([inference.port] if inference else [])}
    if ports:
        yield f"EXPOSE {' '.join(map(str, sorted(ports)))}"
    workdir = container.workdir or (DEBIAN_HOME if debian else "")
    if debian and not container.workdir:
        yield f"RUN install -d -o {DEBIAN_USER.partition(':')[0]} {DEBIAN_HOME}"
    if workdir:
        yield f"WORKDIR {workdir}"
    user = container.user or (DEBIAN_USER if debian else "")
    if user:
        yield f"USER {user}"
    if container.entrypoint:
        yield f"ENTRYPOINT {_words(container.entrypoint)}"
    if container.command:
        yield f"CMD {_words(container.command)}"
    elif debian and environment.python and not container.entrypoint:
        yield f"CMD {_words(('python',))}"


def _variables(environment: Environment) -> dict[str, str]:
    own = dict(environment.variables)
    values = {"LANG": "C.UTF-8"} if isinstance(environment.base, DebianBase) else {}
    path = own.pop("PATH", BASE_PATH)
    if environment.python:
        values["VIRTUAL_ENV"] = ENV_ROOT
        path = path.replace(BASE_PATH, f"{ENV_ROOT}/bin:{BASE_PATH}")
    if path != BASE_PATH:
        values["PATH"] = path
    return dict(sorted({**values, **own}.items()))


def _labels(environment: Environment) -> dict[str, str]:
    """Those of our images, so that what reads them finds the same."""
    container, inference = environment.container, environment.inference
    values = {"shm-size": container.shm_size, "gpus": container.gpus}
    if inference:
        values["inference.port"] = str(inference.port)
        for name in ("liveness", "readiness", "scoring"):
            values[f"inference.{name}"] = getattr(inference, name)
    return {_LABEL + name: value for name, value in values.items() if value}


def quote(value: str, *, expand: bool = False) -> str:
    """A value between double quotes, where a Dockerfile replaces nothing.

    Args:
        expand: keep ``${PATH}``, which stands for what the base has there.
    """
    if expand:
        return f'"{BASE_PATH.join(quote(part)[1:-1] for part in value.split(BASE_PATH))}"'
    escaped = re.sub(r'([\\"$])', r"\\\1", value)
    return f'"{escaped}"'


def _words(words: Sequence[str]) -> str:
    return json.dumps(list(words))
