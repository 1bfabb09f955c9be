"""Sizes for people: decimal megabytes, as registries and package indexes show them."""

from __future__ import annotations

from envcatalog.model.change import Download


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
    delta = download.after - download.before
    sign = "+" if delta > 0 else "-"
    return f"{size_text(download.before)} -> {size_text(download.after)} ({sign}{size_text(abs(delta))})"


def downloads_text(downloads: tuple[Download, ...]) -> str:
    """One line for each platform where it differs: what to fetch with nothing here, base images not counted."""
    moved = [item for item in downloads if item.before != item.after]
    return "".join(f"download    {item.platform}  {download_text(item)}\n" for item in moved)
