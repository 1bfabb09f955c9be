"""`conda-lock.yml`, format 1: every conda package and every wheel by address and hash, for all platforms.

Source: the model of the format in conda-lock's own documentation and code, `conda_lock.lockfile.v1`.
"""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.definition.writing.dump import Plain, dump_yaml
from envcatalog.formats.outgoing.conda_parts import SUBDIRS, channel_list, conda_of, in_order
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.formats.outgoing.write_conda_explicit import BESIDE
from envcatalog.formats.outgoing.write_conda_explicit import HELD as CONDA_HELD
from envcatalog.formats.outgoing.write_pylock import address_of
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, TextFile, Written
from envcatalog.model.lock import CondaPackage, PlatformLock, Wheel

HELD = CONDA_HELD | {("python", "packages")}
REASON = "a conda-lock file holds conda and Python packages and nothing else"


def write_conda_lock(given: Exported) -> Written:
    """One file for all platforms that are exported; inherited packages too.

    Raises:
        Refusal: the environment has no conda packages, a wheel's address is not known, or a conda
            package's MD5 is not.
    """
    conda = conda_of(given)
    subdirs = [SUBDIRS[lock.platform] for lock in given.locks]
    content: dict[str, Plain] = {
        "version": 1,
        "metadata": {
            "content_hash": {subdir: given.definition.removeprefix("sha256:") for subdir in subdirs},
            "channels": [{"url": url, "used_env_vars": []} for url in channel_list(conda.channels, given)],
            "platforms": subdirs,
            "sources": ["environment.yaml"],
        },
        "package": [package for lock in given.locks for package in _packages(lock, given)],
    }
    text = "\n".join(header(given, "conda-lock")) + "\n" + dump_yaml(content)
    return Written(
        files=(TextFile(name="conda-lock.yml", text=text),),
        left=left_out(given.environment, HELD, REASON, beside=BESIDE),
    )


def _packages(lock: PlatformLock, given: Exported) -> Iterator[Plain]:
    for package in in_order(lock.conda):
        url = given.addresses[package.sha256]
        hashes = {"md5": _md5(package, given), "sha256": package.sha256}
        yield _entry(package, "conda", lock.platform, url, hashes, _depends(package))
    for wheel in lock.wheels:
        url = address_of(wheel.sha256, wheel.file, given)
        yield _entry(wheel, "pip", lock.platform, url, {"sha256": wheel.sha256}, {})


def _entry(
    package: CondaPackage | Wheel,
    manager: str,
    platform: str,
    url: str,
    hashes: dict[str, str],
    dependencies: dict[str, Plain],
) -> Plain:
    return {
        "name": package.name,
        "version": package.version,
        "manager": manager,
        "platform": SUBDIRS[platform],
        "dependencies": dependencies,
        "url": url,
        "hash": hashes,
        "category": "main",
        "optional": False,
    }


def _md5(package: CondaPackage, given: Exported) -> str:
    """conda-lock takes no conda package without it, so it is asked of the channel."""
    try:
        return given.md5[package.sha256]
    except KeyError:
        raise Refusal(
            f"the channel `{package.channel}` gives no MD5 of `{package.file}`, which conda-lock demands",
            "run `envcat lock` again, or choose `conda-explicit`",
        ) from None


def _depends(package: CondaPackage) -> dict[str, Plain]:
    found: dict[str, str] = {}
    for text in package.depends:
        name, _, condition = text.strip().partition(" ")
        found[name] = ",".join(part for part in (found.get(name), condition.strip()) if part)
    return dict(sorted(found.items()))
