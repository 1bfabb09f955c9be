"""The machine's own package index configuration, as arguments for uv.

uv reads its own configuration (``UV_*``, ``uv.toml``) itself. Pip's ``index-url``, ``no-index`` and
``find-links`` are translated where uv's variables have none of that kind. Pip's ``extra-index-url`` is left
out on purpose: pip takes the best version that *any* index offers, so whoever registers the name of a
private package on a public index owns it ("dependency confusion"). A second index is named in the settings
with the packages that may come from it, so that no package is ever looked for in two indexes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_NAMED = re.compile(r"^[A-Za-z0-9_.-]+=")  # uv spells a named index `name=url`
_UV_OTHER = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineIndexes:
    """What pip is configured to use, and every URL (uv's too) that may carry credentials.

    Attributes:
        default: None means uv's own choice.
        find_links: folders or pages of wheels.
        ignored: pip's extra indexes, not used; known only so that an error can say so.
    """

    default: str | None = None
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    ignored: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()

    def uv_arguments(self) -> list[str]:
        """Options of ``uv pip compile``."""
        arguments = [f"--find-links={link}" for link in self.find_links]
        if self.no_index:
            return [*arguments, "--no-index"]
        return [*arguments, *([f"--default-index={self.default}"] if self.default else [])]


def machine_indexes(environment: Mapping[str, str] | None = None) -> MachineIndexes:
    """Read pip's environment variables and configuration files.

    Args:
        environment: the process's variables by default.
    """
    environment = os.environ if environment is None else environment
    values = _pip_values(environment)
    default = _words(values.get("index-url", ""))[:1]
    uv_urls = [word for name in (*_UV_INDEX, *_UV_OTHER) for word in _words(environment.get(name, ""))]
    uv_decides = any(environment.get(name) for name in _UV_INDEX)
    return MachineIndexes(
        default=None if uv_decides or not default else default[0],
        find_links=() if environment.get("UV_FIND_LINKS") else _links(values.get("find-links", "")),
        no_index=values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        ignored=_words(values.get("extra-index-url", "")),
        credentials=(*default, *(_NAMED.sub("", url) for url in uv_urls)),
    )


def _pip_values(environment: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for path in _pip_files(environment):
        values.update(_read_file(path))
    for name in ("index-url", "extra-index-url", "find-links", "no-index"):
        value = environment.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            values[name] = value
    return values


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """In pip's order, where a later one wins (pip documentation, "Configuration Files", Linux and macOS)."""
    special = environment.get("PIP_CONFIG_FILE")
    if special == os.devnull:
        return
    for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        if folder:
            yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = Path(environment.get("HOME", "/nonexistent"))
    yield home / ".pip" / "pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if special:
        yield Path(special)


def _read_file(path: Path) -> dict[str, str]:
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeDecodeError, Error):
        return {}  # pip itself complains about such a file; here it only means that nothing is configured
    values: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            values.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return values


def _links(text: str) -> tuple[str, ...]:
    # uv runs in a folder of ours, so a relative path must be made absolute here
    return tuple(word if "://" in word else str(Path(word).expanduser().absolute()) for word in _words(text))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
