"""Advisories of Python projects and the conda packages that hold them."""

from __future__ import annotations

from envcatalog.catalog.update.advisories import Advisories, Advisory
from envcatalog.model.lock import CondaPackage, Lock, PlatformLock


def package(name: str, version: str, *depends: str) -> CondaPackage:
    return CondaPackage(
        name=name, version=version, build="0", channel="own", subdir="noarch", file=f"{name}-{version}-0.conda",
        size=1, sha256="0" * 64, depends=depends,
    )  # fmt: skip


def test_a_conda_package_of_python_modules_is_its_project() -> None:
    ranges = ((("introduced", "0"), ("fixed", "2.2")),)
    advisories = Advisories(
        [
            Advisory(id=f"X-{name}", ecosystem="PyPI", package=name, ranges=ranges, versions=frozenset())
            for name in ("urllib3", "zstd", "Typing.Extensions", "requests")
        ]
    )
    conda = (
        package("requests", "2.3", "python >=3.8"),
        package("typing_extensions", "2.0", "python"),
        package("urllib3", "2.0", "python >=3.8", "other"),
        package("zstd", "1.5", "python_abi", "zlib"),  # a library that is called like a project
    )
    lock = Lock(
        definition="",
        base=None,
        bytecode=None,
        platforms=(PlatformLock(platform="linux/amd64", conda=conda),),
    )
    assert advisories.of(lock, None) == {
        "typing_extensions": ("X-Typing.Extensions",),
        "urllib3": ("X-urllib3",),
    }
