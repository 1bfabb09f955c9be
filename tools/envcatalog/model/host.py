"""Which platform this machine is, in the words of OCI and of locks: only that one's programs can run here."""

from __future__ import annotations

import platform

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_platform() -> str:
    """``linux/amd64``, ``linux/arm64``, ``darwin/arm64`` ..."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"
