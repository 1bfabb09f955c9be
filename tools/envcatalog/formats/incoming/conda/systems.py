"""Which lines of a conda file are for Windows or macOS: by selectors, by names, by where a listing was made."""

from __future__ import annotations

import re
from collections.abc import Iterable

WINDOWS = "Windows"
MACOS = "macOS"
_SELECTOR = re.compile(r"\s#\s*\[([^\]]+)\]\s*\Z")
_WORD = re.compile(r"[a-z0-9_-]+\Z")
_LINUX = {
    **dict.fromkeys(("linux", "unix"), True),
    **dict.fromkeys(
        ("win", "win32", "win64", "win-64", "osx", "osx-64", "osx-arm64", "macos", "windows"), False
    ),
}
# Packages that no channel has for Linux.
_WINDOWS_ONLY = re.compile(
    r"""(?:vc|vc1[0-9]_runtime|vcomp1[0-9]|vs20[0-9]{2}_(?:runtime|win-(?:32|64))|ucrt|wincertstore|pywin32(?:-ctypes)?
      |pywinpty|winpty|win_inet_pton|win_unicode_console|pyreadline[0-9]?|msys2-conda-epoch|m2w?(?:64)?-.+
      |console_shortcut(?:_miniconda)?|powershell_shortcut(?:_miniconda)?|icc_rt|pypiwin32|windows-curses
      |xmltodict-win|libwinpthread|comtypes|wmi)\Z""",
    re.VERBOSE,
)
_MAC_ONLY = re.compile(
    r"(?:appnope|libcxx|libcxxabi|python\.app|pyobjc(?:-.+)?|macfsevents|ld64(?:_osx.*)?|clang(?:xx)?_osx-.*)\Z"
)


def selector_of(line: str) -> str:
    """What stands in ``# [...]`` at a line's end; empty for none."""
    match = _SELECTOR.search(line)
    return match[1].strip() if match else ""


def excludes_linux(selector: str) -> bool | None:
    """Whether a selector leaves Linux out; None where it is about something else."""
    answers = []
    for part in re.split(r"\s+or\s+|\s*\|\|\s*", selector.lower()):
        words = part.split()
        negated = words[:1] == ["not"]
        word = words[-1] if len(words) == 1 + negated else ""
        if word not in _LINUX:
            return None
        answers.append(_LINUX[word] is not negated)
    return not any(answers)


def only_for(name: str) -> str:
    """The system that a package is for, where that is not Linux; empty for all others."""
    if _WINDOWS_ONLY.match(name):
        return WINDOWS
    return MACOS if _MAC_ONLY.match(name) else ""


def made_on(prefix: str, names: Iterable[str]) -> str:
    """The system where a listing was made; empty for Linux, and where nothing tells."""
    if re.match(r"[A-Za-z]:[\\/]", prefix):
        return WINDOWS
    if prefix.startswith(("/Users/", "/opt/homebrew/")):
        return MACOS
    if prefix.startswith("/"):
        return ""
    return next((system for system in map(only_for, names) if system), "")
