"""conda's `environment.yml`, from the definition: what is asked for, not what is locked.

Source: conda's documentation, "Managing environments". `pip` is added where there are packages for it, since conda
asks for that; `nodefaults` is added, since conda otherwise asks the channels of its configuration, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.definition.writing.dump import Plain, dump_yaml
from envcatalog.formats.outgoing.conda_parts import channel_list, python_spec, shell_variables
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, Left, TextFile, Written

if TYPE_CHECKING:
    from envcatalog.model.environment import Environment

HELD = frozenset(
    {
        ("python", "version"),
        ("python", "packages"),
        ("conda", "channels"),
        ("conda", "packages"),
        ("variables",),
    }
)
BESIDE = frozenset({("base",), ("platforms",)})
REASON = "conda's environment.yml has no place for it"


def write_conda(given: Exported) -> Written:
    """One file, for any platform.

    Raises:
        Refusal: nothing is asked of conda or pip.
    """
    content, left = conda_content(given)
    text = "\n".join(header(given, "conda")) + "\n" + dump_yaml({"name": given.environment.name, **content})
    return Written(
        files=(TextFile(name="environment.yml", text=text),),
        left=(*left_out(given.environment, HELD, REASON, beside=BESIDE), *left),
    )


def conda_content(given: Exported) -> tuple[dict[str, Plain], tuple[Left, ...]]:
    """The file's values without `name`; Refusal as above."""
    environment = given.environment
    dependencies = _dependencies(environment, given)
    if not dependencies:
        raise Refusal(f"`{given.label}` asks for no conda or Python packages", "choose another format")
    variables, left = shell_variables(environment)
    content: dict[str, Plain] = {}
    if environment.conda and environment.conda.channels:
        names = environment.conda.channels
        closing = [] if "defaults" in names else ["nodefaults"]
        content["channels"] = [*channel_list(names, given), *closing]
    content["dependencies"] = dependencies
    if variables:
        content["variables"] = variables
    return content, left


def _dependencies(environment: Environment, given: Exported) -> list[Plain]:
    specs = list(environment.conda.packages) if environment.conda else []
    names = {spec.name for text in specs if isinstance(spec := read_spec(text), MatchSpec)}
    python = python_spec(environment)
    found: list[Plain] = [python] if python else []
    found += [_addressed(text, given) for text in specs]
    packages = environment.python.packages if environment.python else ()
    if packages:
        found += [] if "pip" in names else ["pip"]
        found.append({"pip": list(packages)})
    return found


def _addressed(text: str, given: Exported) -> str:
    """A MatchSpec whose channel, if it names one that only our settings know, is an address."""
    channel, separator, rest = text.partition("::")
    return f"{given.channels.get(channel.strip(), channel.strip())}::{rest.strip()}" if separator else text
