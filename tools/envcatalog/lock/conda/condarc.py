"""The machine's own conda configuration: how a channel's name becomes an address.

Only what names channels is read. The search path and the merging of files are conda's ("Using the .condarc
configuration file" in its user guide): a later file wins, mappings are merged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envcatalog.definition.source import read_source
from envcatalog.definition.text.compose import compose

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_SYSTEM = ("/etc/conda", "/var/lib/conda")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaConfiguration:
    """What is configured; addresses may hold credentials.

    Attributes:
        alias: what a bare name is appended to; None where nothing is configured.
        custom: name to the address that the name is appended to.
        several: name to the channels that it stands for, in their order.
    """

    alias: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a channel's name, the most important first; empty where nothing says."""
        if name in self.several:
            return tuple(self._address(item) for item in self.several[name])
        if name in self.custom:
            return (f"{self.custom[name].rstrip('/')}/{name}",)
        return (f"{self.alias.rstrip('/')}/{name}",) if self.alias else ()

    def _address(self, text: str) -> str:
        if "://" in text or text.startswith(("/", "~")) or not (self.alias or text in self.custom):
            return text
        return f"{self.custom.get(text, self.alias or '').rstrip('/')}/{text}"


def machine_configuration(environment: Mapping[str, str] | None = None) -> CondaConfiguration:
    """Read conda's files and variables.

    Args:
        environment: the process's variables by default.
    """
    environment = os.environ if environment is None else environment
    alias: str | None = None
    custom: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    for path in _files(environment):
        values = _read(path)
        alias = _text(values.get("channel_alias"), environment) or alias
        custom |= {name: _text(url, environment) for name, url in _mapping(values.get("custom_channels"))}
        several |= {
            name: _texts(urls, environment) for name, urls in _mapping(values.get("custom_multichannels"))
        }
        defaults = _texts(values.get("default_channels"), environment)
        if defaults:
            several["defaults"] = defaults
    return CondaConfiguration(
        alias=environment.get("CONDA_CHANNEL_ALIAS") or alias,
        custom={name: url for name, url in custom.items() if url},
        several={name: urls for name, urls in several.items() if urls},
    )


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME", "/nonexistent"))
    folders = [Path(folder) for folder in _SYSTEM]
    folders += [Path(root) for root in (environment.get("CONDA_ROOT"),) if root]
    xdg = environment.get("XDG_CONFIG_HOME")
    folders += [Path(xdg) / "conda"] if xdg else []
    folders += [home / ".config" / "conda", home / ".conda"]
    for folder in folders:
        yield from _in_folder(folder)
    yield home / ".condarc"
    prefix = environment.get("CONDA_PREFIX")
    if prefix:
        yield from _in_folder(Path(prefix))
    special = environment.get("CONDARC")
    if special:
        yield Path(special).expanduser()


def _in_folder(folder: Path) -> Iterator[Path]:
    yield folder / ".condarc"
    yield folder / "condarc"
    try:
        more = sorted((folder / "condarc.d").iterdir())
    except OSError:
        return
    yield from (path for path in more if path.suffix in (".yml", ".yaml") or path.name == ".condarc")


def _read(path: Path) -> Mapping[str, object]:
    """A file's values. One that cannot be read counts as empty: conda itself complains about it."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    value = compose(read_source(data, path.name)[0]).value
    return value if isinstance(value, dict) else {}


def _mapping(value: object) -> Sequence[tuple[str, object]]:
    return [(str(name), item) for name, item in value.items()] if isinstance(value, dict) else []


def _texts(value: object, environment: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_text(item, environment) for item in value) if isinstance(value, list) else ()


def _text(value: object, environment: Mapping[str, str]) -> str:
    """A string with its variables replaced, as conda does; secrets are often given this way."""
    if not isinstance(value, str):
        return ""
    return _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], match[0]), value)
