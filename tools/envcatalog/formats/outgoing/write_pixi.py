"""`pixi.toml`, from the definition: what is asked for, not what is locked.

Source: pixi's documentation, "Pixi manifest", and its JSON schema. That has no environment markers of Python
packages, so they are answered here, for each platform and the definition's Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.definition.requirements import Requirement, read_requirement
from envcatalog.formats.outgoing.conda_parts import (
    SUBDIRS,
    channel_list,
    conda_of,
    python_spec,
    shell_variables,
)
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.formats.outgoing.toml import toml_inline, toml_key, toml_list, toml_string
from envcatalog.formats.outgoing.wheel_groups import MACHINES
from envcatalog.model.environment import Conda, Environment
from envcatalog.model.export import Exported, Left, TextFile, Written

HELD = frozenset(
    {
        ("python", "version"),
        ("python", "packages"),
        ("conda", "channels"),
        ("conda", "packages"),
        ("conda", "channel_priority"),
        ("conda", "virtual_packages"),
        ("variables",),
        ("platforms",),
    }
)
BESIDE = frozenset({("base",)})
REASON = "a pixi manifest has no place for it"
_SYSTEM = {"__cuda": "cuda", "__linux": "linux", "__archspec": "archspec"}


def write_pixi(given: Exported) -> Written:
    """One file for all platforms that are exported.

    Raises:
        Refusal: the environment has no `conda`.
    """
    conda = conda_of(given)
    environment = given.environment
    variables, left = shell_variables(environment)
    more: list[Left] = []
    lines = [
        *header(given, "pixi"),
        "[workspace]",
        f"name = {toml_string(environment.name)}",
        f"channels = {toml_list(channel_list(conda.channels, given))}",
        f"platforms = {toml_list(SUBDIRS[platform] for platform in environment.platforms)}",
    ]
    if conda.channel_priority != "strict":
        lines.append(f"channel-priority = {toml_string(conda.channel_priority)}")
    lines += _table("system-requirements", _system(conda, more))
    lines += _table("dependencies", _conda(environment, given, more))
    for platform, packages in _pip(environment, more).items():
        lines += _table(f"target.{platform}.pypi-dependencies" if platform else "pypi-dependencies", packages)
    lines += _table("activation.env", {name: toml_string(value) for name, value in variables.items()})
    return Written(
        files=(TextFile(name="pixi.toml", text="\n".join(lines) + "\n"),),
        left=(*left_out(environment, HELD, REASON, beside=BESIDE), *more, *left),
    )


def _table(name: str, values: Mapping[str, str]) -> Iterator[str]:
    if values:
        yield ""
        yield f"[{name}]"
        yield from (f"{toml_key(key)} = {value}" for key, value in values.items())


def _system(conda: Conda, left: list[Left]) -> dict[str, str]:
    found = {}
    for name, version in conda.virtual_packages:
        if name in _SYSTEM:
            found[_SYSTEM[name]] = toml_string(version)
        elif name == "__glibc":
            found["libc"] = toml_inline({"family": '"glibc"', "version": toml_string(version)})
        else:
            text = f"conda.virtual_packages.{name}: {version}"
            left.append(Left(key=("conda", "virtual_packages"), text=text, reason=REASON))
    return found


def _conda(environment: Environment, given: Exported, left: list[Left]) -> dict[str, str]:
    assert environment.conda is not None
    python = python_spec(environment)
    found: dict[str, str] = {}
    for text in (*((python,) if python else ()), *environment.conda.packages):
        spec = read_spec(text)
        if not isinstance(spec, MatchSpec):
            raise ValueError(f"{text!r} was validated as a MatchSpec")
        if "build_number" in text or "sha256" in text or "md5" in text:
            left.append(
                Left(
                    key=("conda", "packages"),
                    text=f"conda.packages: {text}",
                    reason="only its version, build and channel are in the manifest",
                )
            )
        if spec.name in found:  # `python` by its minor version, and by a condition of its own
            spec = spec._replace(
                version=f"{_series(python)},{spec.version}" if spec.version else _series(python)
            )
        found[spec.name] = _spec(spec, given)
    return found


def _series(python: str) -> str:
    return f"{python.removeprefix('python=')}.*"


def _spec(spec: MatchSpec, given: Exported) -> str:
    version = toml_string(spec.version or "*")
    if not spec.build and not spec.channel:
        return version
    values = {"version": version}
    if spec.build:
        values["build"] = toml_string(spec.build)
    if spec.channel:
        values["channel"] = toml_string(given.channels.get(spec.channel, spec.channel))
    return toml_inline(values)


def _pip(environment: Environment, left: list[Left]) -> dict[str, dict[str, str]]:
    """Packages for all platforms (by the empty name), then those for one alone."""
    python = environment.python
    if python is None:
        return {}
    read = [item for text in python.packages if isinstance(item := read_requirement(text), Requirement)]
    for item in read:
        if item.marker:
            reason = "its marker was answered for the platforms and the Python of the definition"
            text = f"python.packages: {item}"
            left.append(Left(key=("python", "packages"), text=text, reason=reason, lost=False))
    wanted = {
        SUBDIRS[platform]: _merged(item for item in read if _holds(item.marker, platform, python.version))
        for platform in environment.platforms
    }
    common = set.intersection(*(set(packages.items()) for packages in wanted.values()))
    rest = {name: dict(sorted(packages.items() - common)) for name, packages in wanted.items()}
    return {"": dict(sorted(common)), **rest}


def _merged(read: Iterable[Requirement]) -> dict[str, str]:
    """One for each package, with the conditions and extras of all."""
    found: dict[str, Requirement] = {}
    for item in read:
        known = found.get(item.name)
        if known is not None:
            clauses = [clause for clause in (known.specifier, item.specifier) if clause]
            extras = tuple(sorted({*known.extras, *item.extras}))
            item = item._replace(specifier=",".join(dict.fromkeys(clauses)), extras=extras)
        found[item.name] = item
    return {name: _requirement(item) for name, item in found.items()}


def _requirement(requirement: Requirement) -> str:
    version = toml_string(requirement.specifier or "*")
    if not requirement.extras:
        return version
    return toml_inline({"version": version, "extras": toml_list(requirement.extras)})


def _holds(marker: str, platform: str, python: str) -> bool:
    if not marker:
        return True
    from packaging.markers import Marker

    return Marker(marker).evaluate(
        {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "os_name": "posix",
            "platform_machine": MACHINES[platform],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
            "platform_system": "Linux",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": "linux",
        }
    )
