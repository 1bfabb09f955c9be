"""The actions that the workflows use, each by the commit that its release's tag named when it was looked up."""

from __future__ import annotations

from collections.abc import Mapping

PINS: Mapping[str, tuple[str, str, str]] = {
    "checkout": ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "setup-python": ("actions/setup-python", "5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "upload-artifact": ("actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "download-artifact": ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "github-script": ("actions/github-script", "ed597411d8f924073f98dfc5c65a23a2325f34cd", "v8.0.0"),
}


def pinned(name: str) -> str:
    """``actions/checkout@<commit> # v7.0.1``."""
    repository, commit, version = PINS[name]
    return f"{repository}@{commit} # {version}"
