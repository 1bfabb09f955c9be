"""`pylock.toml` (PEP 751): the wheels with their addresses, sizes and hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.formats.outgoing.toml import toml_inline, toml_list, toml_string
from envcatalog.formats.outgoing.wheel_groups import MACHINES, Package, packages_of
from envcatalog.formats.outgoing.write_requirements import BESIDE
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, TextFile, Written
from envcatalog.model.lock import Wheel

HELD = frozenset({("python", "packages"), ("python", "version"), ("platforms",)})
REASON = "a pylock file holds Python packages and nothing else"


def write_pylock(given: Exported) -> Written:
    """Every wheel, inherited ones too, for all platforms that are exported.

    Raises:
        Refusal: the environment has no Python packages that we know of, or a wheel's address is not known.
    """
    python = given.environment.python
    if python is None:
        raise Refusal(
            f"`{given.label}` has no `python:`, so no Python packages are locked", "choose another format"
        )
    minor = int(python.version.partition(".")[2])
    lines = [
        *header(given, "pylock", python=python.version),
        'lock-version = "1.0"',
        f"environments = {toml_list(_environment(lock.platform) for lock in given.locks)}",
        f"requires-python = {toml_string(f'>=3.{minor},<3.{minor + 1}')}",
        'created-by = "envcatalog"',
    ]
    for package in packages_of(given.locks):
        lines += ["", *_package(package, given)]
    return Written(
        files=(TextFile(name="pylock.toml", text="\n".join(lines) + "\n"),),
        left=left_out(given.environment, HELD, REASON, beside=BESIDE),
    )


def _environment(platform: str) -> str:
    return f'sys_platform == "linux" and platform_machine == "{MACHINES[platform]}"'


def _package(package: Package, given: Exported) -> Iterator[str]:
    yield "[[packages]]"
    yield f"name = {toml_string(package.name)}"
    yield f"version = {toml_string(package.version)}"
    if package.marker:
        yield f"marker = {toml_string(package.marker)}"
    yield "wheels = ["
    for wheel in package.wheels:
        yield f"    {toml_inline(_wheel(wheel, address_of(wheel.sha256, wheel.file, given)))},"
    yield "]"


def _wheel(wheel: Wheel, address: str) -> Mapping[str, str]:
    parts = urlsplit(address)
    where = {"path": unquote(parts.path)} if parts.scheme == "file" else {"url": address}
    return {
        "name": toml_string(wheel.file),
        **{key: toml_string(value) for key, value in where.items()},
        "size": str(wheel.size),
        "hashes": toml_inline({"sha256": toml_string(wheel.sha256)}),
    }


def address_of(sha256: str, file: str, given: Exported) -> str:
    """Where a file is.

    Raises:
        Refusal: nobody knows.
    """
    try:
        return given.addresses[sha256]
    except KeyError:
        raise Refusal(
            f"no index that this machine knows has `{file}` of `{given.label}`",
            "see `indexes` in `catalog/catalog.yaml`, or run `envcat lock` again",
        ) from None
