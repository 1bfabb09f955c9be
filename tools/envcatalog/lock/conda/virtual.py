"""Virtual packages: what the place where an image runs provides, as the definition says and never as this host is."""

from __future__ import annotations

import re

from envcatalog.lock.tags import glibc_minor
from envcatalog.model.environment import Conda

ARCHSPEC = "__archspec"
_ARCHSPECS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# The kernel of RHEL 8, which is the oldest with the glibc that is taken where the base is unknown.
_KERNEL = "4.18"
_GLIBC = re.compile(r"2\.([0-9]{1,3})(?:\.|\Z)")


def virtual_packages(conda: Conda, platform: str, suite: str | None) -> dict[str, str]:
    """Name to version; for `__archspec` the microarchitecture. The definition's own come last and win.

    Args:
        suite: of the Debian base; None for an image, whose glibc is not known.
    """
    defaults = {
        "__unix": "0",
        "__linux": _KERNEL,
        "__glibc": f"2.{glibc_minor(suite)}",
        ARCHSPEC: _ARCHSPECS[platform],
    }
    return {**defaults, **dict(conda.virtual_packages)}


def wheel_glibc(conda: Conda | None, suite: str | None) -> int:
    """The N of the glibc 2.N that wheels may ask for."""
    match = _GLIBC.match(dict(conda.virtual_packages).get("__glibc", "")) if conda else None
    return int(match[1]) if match else glibc_minor(suite)
