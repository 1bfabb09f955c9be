"""What exporters to conda's formats have in common: channels, subfolders, Python, and variables that a shell sets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.formats.incoming.conda.python import minors
from envcatalog.model.environment import Conda, Environment
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, Left
from envcatalog.model.lock import CondaPackage

SUBDIRS = {"linux/amd64": "linux-64", "linux/arm64": "linux-aarch64"}

# conda and pixi write values between quotes into scripts for the shell and escape nothing, so that a value with one
# of these would be a command.
_NOT_FOR_SHELLS = re.compile(r"['\"$`\\!]")


def conda_of(given: Exported) -> Conda:
    """The environment's `conda`.

    Raises:
        Refusal: it has none.
    """
    if given.environment.conda is None:
        raise Refusal(f"`{given.label}` has no `conda:`", "choose another format, such as `requirements`")
    return given.environment.conda


def channel_list(names: Sequence[str], given: Exported) -> list[str]:
    """Channels in their order: by address where the catalog's settings give one, else by name."""
    return [given.channels.get(name, name) for name in names]


def python_spec(environment: Environment) -> str:
    """The MatchSpec for `python.version`; empty where there is none, or the packages say as much."""
    if environment.python is None:
        return ""
    version = environment.python.version
    for text in environment.conda.packages if environment.conda else ():
        spec = read_spec(text)
        if isinstance(spec, MatchSpec) and spec.name == "python" and minors(spec.version) == (version,):
            return ""
    return f"python={version}"


def shell_variables(environment: Environment) -> tuple[dict[str, str], tuple[Left, ...]]:
    """Variables that conda and pixi can set as they are, and those that they cannot."""
    held: dict[str, str] = {}
    left = []
    for name, value in environment.variables:
        reason = _unfit(name, value)
        if reason:
            left.append(Left(key=("variables",), text=f"variables.{name}: {value}", reason=reason))
        else:
            held[name] = value
    return held, tuple(left)


def in_order(packages: Sequence[CondaPackage]) -> list[CondaPackage]:
    """What others need comes first, as `conda list --explicit` has it; otherwise by name. A cycle is cut."""
    by_name = {package.name: package for package in packages}
    placed: dict[str, CondaPackage] = {}
    seen: set[str] = set()
    waiting = sorted(by_name, reverse=True)
    while waiting:
        name = waiting[-1]
        needed = sorted(_needs(by_name[name]) & (by_name.keys() - seen), reverse=True)
        if name in seen or not needed:
            seen.add(name)
            placed.setdefault(name, by_name[waiting.pop()])
        else:
            seen.add(name)
            waiting += needed
    return list(placed.values())


def _needs(package: CondaPackage) -> set[str]:
    return {text.split()[0] for text in package.depends if text.strip()}


def _unfit(name: str, value: str) -> str:
    if name == "PATH":
        return "it is the PATH of the image"
    if not value:
        return "it is empty, which conda and pixi take for unset"
    if _NOT_FOR_SHELLS.search(value):
        return "conda and pixi put values into shell commands unescaped, and it holds what a shell obeys"
    return ""
