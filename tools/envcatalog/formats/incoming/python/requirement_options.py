"""The options of pip's requirements files, and what becomes of each."""

from __future__ import annotations

import re
import shlex
from collections import deque

Option = tuple[str, str]

INCLUDES = frozenset({"-r", "--requirement", "-c", "--constraint"})
_SHORT = re.compile(r"-[a-zA-Z]")
_FLAGS = frozenset(
    {"--pre", "--no-index", "--prefer-binary", "--require-hashes", "--no-deps", "--upgrade", "-U"}
)
_INDEX = "packages come from the machine's index, or from `indexes` of `catalog.yaml`"
_WHEELS = "only wheels are installed, whatever the file says"
_REASONS: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(("-i", "--index-url", "--pypi-url", "--extra-index-url"), (_INDEX, True)),
    **dict.fromkeys(("-f", "--find-links", "--no-index", "--trusted-host"), (_INDEX, True)),
    **dict.fromkeys(("--only-binary", "--prefer-binary"), (_WHEELS, False)),
    "--no-binary": ("source distributions run code when they are built; " + _WHEELS, True),
    "--pre": ("a definition asks for a pre-release by naming one, as in `>=2.0rc1`", True),
    "--require-hashes": ("the lock holds the sha256 of every file", False),
    **dict.fromkeys(
        ("-e", "--editable"), ("it is a project of its own; a definition names packages of an index", True)
    ),
}
_UNKNOWN = ("it is an option of pip, and wheels are installed without pip", True)


def split_line(text: str) -> tuple[str, tuple[Option, ...]]:
    """The requirement at the beginning of a line, empty where there is none, and the options after it."""
    words = text.split(" ")
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    requirement = " ".join(words[:first]).strip()
    if requirement.endswith((",", "=", "<", ">", "~", "!")) and first < len(words):
        return text, ()  # a version that begins with `-`: no requirement, and no option
    return requirement, tuple(_options(" ".join(words[first:])))


def option_reason(name: str) -> tuple[str, bool]:
    """Why it is not in the definition, and whether something is lost."""
    return _REASONS.get(name, _UNKNOWN)


def _options(text: str) -> list[Option]:
    found: list[Option] = []
    words = deque(_words(text.replace("\\", "/")))
    while words:
        name, value = _name(words.popleft())
        if not value and name not in _FLAGS and words and not words[0].startswith("-"):
            value = words.popleft()
        found.append((name, value))
    return found


def _words(text: str) -> list[str]:
    if '"' not in text and "'" not in text:  # shlex is slow
        return text.split()
    try:
        return shlex.split(text)
    except ValueError:  # quotes that are not closed
        return text.split()


def _name(word: str) -> Option:
    if word.startswith("--"):
        name, _, value = word.partition("=")
        return name, value
    if _SHORT.match(word):
        return word[:2], word[2:].removeprefix("=")
    return word, ""
