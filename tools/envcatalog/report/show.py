"""One environment at one moment: what was asked for, what is locked, its version and image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envcatalog.model.environment import Base, DebianBase, Environment, EnvironmentBase, ImageBase
from envcatalog.model.known import Contents, LicenseUse, PlatformSizes
from envcatalog.model.lock import Lock, LockedEnvironment, LockedImage
from envcatalog.model.version import Version
from envcatalog.report.deprecation import deprecated_text, deprecated_value
from envcatalog.report.json import dump, version_value
from envcatalog.report.safe import visible
from envcatalog.report.size import known_size_text, size_text
from envcatalog.report.style import BOLD, paint
from envcatalog.report.text import aliases_text, table

_LICENSES = 12  # that are shown
_LICENSE = 40  # characters of one


def show_text(
    environment: Environment,
    *,
    lock: Lock | None,
    versions: Sequence[Version],
    version: Version | None = None,
    commit: str | None = None,
    contents: Contents | None = None,
    colour: bool = False,
) -> str:
    """One environment: what was asked for, what is locked, and its version.

    Args:
        version: the one that is shown; None for what is none, or none yet.
        commit: of what is shown; None for the work tree.
        contents: with those of the environments that it inherits from.
    """
    newest = max(versions, key=lambda item: item.number, default=None)
    python, conda = environment.python, environment.conda
    facts = [
        ("description", environment.description),
        ("kind", environment.kind),
        ("owners", ", ".join(environment.owners)),
        ("tags", ", ".join(f"{key}={value}" for key, value in environment.tags)),
        ("aliases", aliases_text(environment.aliases)),
        ("archived", "yes" if environment.archived else ""),
        ("deprecated", deprecated_text(environment.deprecated)),
        ("version", _shown_version(version, newest)),
        ("image", version.image if version else ""),
        ("commit", commit or ""),
        ("base", base_text(environment.base)),
        ("apt", ", ".join(environment.apt)),
        ("python", python.version if python else ""),
        ("packages", ", ".join(python.packages) if python else ""),
        ("channels", ", ".join(conda.channels) if conda else ""),
        ("conda", ", ".join(conda.packages) if conda else ""),
        ("platforms", ", ".join(environment.platforms)),
        ("checks", "; ".join(environment.checks)),
        ("locked", _locked(lock)),
        ("sizes", "; ".join(map(_sizes, contents.sizes)) if contents else ""),
        ("licences", _licenses(contents.licenses) if contents else ""),
    ]
    rows = [(name, value) for name, value in facts if value]
    return paint(visible(environment.name), BOLD, colour=colour) + "\n" + table(rows, indent="  ")


def show_json(
    environment: Environment,
    *,
    definition: Mapping[str, Any],
    lock: Lock | None,
    versions: Sequence[Version],
    at: tuple[str, Version | None] | None = None,
    contents: Contents | None = None,
) -> str:
    """One environment: metadata, the definition's normalised values, what is locked, and the versions.

    Args:
        at: commit and version of what is shown; None for the work tree.
        contents: None where it or an environment that it inherits from is not locked.
    """
    return dump(
        {
            "name": environment.name,
            "kind": environment.kind,
            "description": environment.description,
            "owners": list(environment.owners),
            "tags": dict(environment.tags),
            "aliases": dict(environment.aliases),
            "version": max((item.number for item in versions), default=None),
            "definition": definition,
            "lock": _lock(lock) if lock else None,
            "versions": [version_value(item) for item in versions],
            "deprecated": deprecated_value(environment.deprecated),
            "archived": environment.archived,
            "at": {"commit": at[0], "version": version_value(at[1]) if at[1] else None} if at else None,
            "sizes": _sizes_value(contents.sizes) if contents else None,
            "licenses": [_license_value(use) for use in contents.licenses] if contents else None,
        }
    )


def base_text(base: Base) -> str:
    """``debian bookworm``, ``image HOST/PATH:TAG`` or ``environment NAME``."""
    if isinstance(base, DebianBase):
        return f"debian {base.suite}"
    if isinstance(base, ImageBase):
        return f"image {base.image}"
    return f"environment {base.environment}" if isinstance(base, EnvironmentBase) else "Dockerfile"


def _shown_version(shown: Version | None, newest: Version | None) -> str:
    if newest is None:
        return "not published"
    if shown is None:
        return f"none; the newest is {newest.number}, {newest.date}"
    later = f" (the newest is {newest.number})" if shown.number != newest.number else ""
    return f"{shown.number}, {shown.date}{later}"


def _locked(lock: Lock | None) -> str:
    if lock is None:
        return "no, run `envcat lock`"
    return "; ".join(
        f"{item.platform} {len(item.debs)} debs, "
        + (f"{len(item.conda)} conda packages, " if item.conda else "")
        + f"{len(item.wheels)} wheels"
        + (f", {len(item.files)} other files" if item.files else "")
        for item in lock.platforms
    )


def _sizes(item: PlatformSizes) -> str:
    """``linux/amd64 download 101.2 MB, installed 310.4 MB``."""
    installed = known_size_text(item.installed)
    return f"{item.platform} download {size_text(item.download)}, installed {installed}"


def _licenses(uses: Sequence[LicenseUse]) -> str:
    """``MIT 12, BSD-3-Clause 5, unknown 2``: so many packages each."""
    named = [use for use in uses if use.license]
    parts = [f"{_short(use.license)} {len(use.packages)}" for use in named[:_LICENSES]]
    if len(named) > _LICENSES:
        parts.append(f"others {sum(len(use.packages) for use in named[_LICENSES:])}")
    parts += [f"unknown {len(use.packages)}" for use in uses if not use.license]
    return ", ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= _LICENSE else f"{text[: _LICENSE - 3]}..."


def _sizes_value(sizes: Sequence[PlatformSizes]) -> dict[str, Any]:
    return {
        "download": {item.platform: item.download for item in sizes},
        "installed": {
            item.platform: {
                "size": item.installed.exact,
                "at_least": item.installed.size,
                "unknown": item.installed.unknown,
            }
            for item in sizes
        },
    }


def _license_value(use: LicenseUse) -> dict[str, Any]:
    return {"license": use.license or None, "packages": list(use.packages)}


def _lock(lock: Lock) -> dict[str, Any]:
    return {
        "definition": lock.definition,
        "base": _locked_base(lock.base),
        "platforms": {
            item.platform: {
                "debs": {deb.name: deb.version for deb in item.debs},
                "conda": {package.name: package.version for package in item.conda},
                "wheels": {wheel.name: wheel.version for wheel in item.wheels},
                "files": {file.name: file.version for file in item.files},
            }
            for item in lock.platforms
        },
    }


def _locked_base(base: LockedImage | LockedEnvironment | None) -> dict[str, str] | None:
    if base is None:
        return None
    if isinstance(base, LockedImage):
        return {"image": base.image, "digest": base.digest}
    return {"environment": base.environment, "plan": base.plan}
