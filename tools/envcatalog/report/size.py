"""Sizes for people: decimal megabytes, as registries and package indexes show them."""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.model.change import Download, Installed
from envcatalog.model.known import KnownSize


def size_text(size: int) -> str:
    """``12.3 MB``, ``45 kB`` or ``678 bytes``."""
    if size >= 1_000_000:
        return f"{size / 1e6:.1f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 10_000 else f"{size} bytes"


def download_text(download: Download) -> str:
    """``101.2 MB -> 103.4 MB (+2.2 MB)``."""
    if download.before is None or download.after is None:
        return size_text(download.before or download.after or 0)
    if download.before == download.after:
        return f"{size_text(download.after)}, as before"
    growth = growth_text(download.after - download.before)
    return f"{size_text(download.before)} -> {size_text(download.after)} ({growth})"


def growth_text(growth: int) -> str:
    """``+2.2 MB``."""
    return f"{'-' if growth < 0 else '+'}{size_text(abs(growth))}"


def known_size_text(size: KnownSize) -> str:
    """``310.4 MB``, ``at least 310.4 MB (2 of 40 files not known)``, or ``not known``."""
    if size.exact is not None:
        return size_text(size.exact)
    if size.unknown == size.files:
        return "not known"
    return f"at least {size_text(size.size)} ({size.unknown} of {size.files} files not known)"


def installed_text(item: Installed) -> str:
    """``310.4 MB -> 320.1 MB (+9.7 MB)``; the growth only where it is certain. Empty where nothing is known."""
    sides = [side for side in (item.before, item.after) if side is not None]
    if all(side.unknown == side.files for side in sides):
        return ""
    if item.before is None or item.after is None:
        return known_size_text(sides[0])
    if item.before == item.after and item.growth == 0:
        return f"{known_size_text(item.after)}, as before"
    text = f"{known_size_text(item.before)} -> {known_size_text(item.after)}"
    return text if item.growth is None else f"{text} ({growth_text(item.growth)})"


def sizes_text(downloads: Sequence[Download], installed: Sequence[Installed]) -> str:
    """One line for each platform where it differs: what to fetch with nothing here, and what that unpacks to.

    Base images are not counted in either, byte code not in the second.
    """
    text = ""
    for download in downloads:
        if download.before != download.after:
            text += f"download    {download.platform}  {download_text(download)}\n"
    for item in installed:
        shown = installed_text(item) if item.before != item.after else ""
        text += f"installed   {item.platform}  {shown}\n" if shown else ""
    return text
