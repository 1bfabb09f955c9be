"""Which platform this machine is, in the words of OCI: only that one's programs can run here."""

from __future__ import annotations

import platform

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

# What the host of a check is called in there, so that it can be looked up and is the same everywhere.
HOST_NAME = "check"


def host_platform() -> str:
    """``linux/amd64``, ``linux/arm64``, ``darwin/arm64`` ..."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"
