"""Rules that hold between the files of a catalog: bases, platforms, Python versions, aliases.

A reading without an environment has problems of its own already; rules that would need it are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcatalog.definition.finding import listed, nearest
from envcatalog.definition.matchspecs import allows_python
from envcatalog.definition.reader import Reading
from envcatalog.definition.rules.conda import INTERPRETER as CONDA_INTERPRETER
from envcatalog.definition.rules.conda import python_condition
from envcatalog.definition.rules.dockerfile import built_base_problems
from envcatalog.definition.rules.lifecycle import lifecycle_problems
from envcatalog.definition.rules.spark import spark_problems
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, ImageBase, Python
from envcatalog.model.problem import Problem
from envcatalog.model.settings import Settings

# Every base adds layers to the image, and container runtimes mount at most about 127.
MAX_BASES = 16

_BASE = ("base", "environment")


def check_catalog(
    readings: Mapping[str, Reading], settings: Settings, *, today: str = ""
) -> tuple[Problem, ...]:
    """All problems between files, by environment and then in the order of its file.

    Args:
        readings: by folder name, of all environments of the catalog.
        settings: the catalog's, or the defaults where its own file has problems.
        today: ``YYYY-MM-DD``, for rules that depend on the day; empty to pass over them.
    """
    environments = {name: reading.environment for name, reading in readings.items() if reading.environment}
    circles = _circles(environments)
    found: list[Problem] = []
    for name in sorted(environments):
        reading, environment = readings[name], environments[name]
        problems = [*_aliases(reading, environment, settings), *_base(reading, environment, readings)]
        problems += lifecycle_problems(
            reading, environment, environments, readings, order=settings.aliases, today=today
        )
        if name in circles:
            problems.append(_circle(reading, circles[name]))
        else:
            chain = _ancestors(environment, environments)
            problems += [*_depth(reading, chain), *built_base_problems(reading, environment, chain)]
            problems += [*_apt(reading, environment, chain), *_platforms(reading, environment, chain)]
            problems += [*_python(reading, environment, chain), *_conda(reading, environment, chain)]
            problems += spark_problems(reading, environment, chain)
        found += sorted(problems, key=lambda problem: (problem.line, problem.column))
    return tuple(found)


def _parent(environment: Environment) -> str | None:
    return environment.base.environment if isinstance(environment.base, EnvironmentBase) else None


def _ancestors(environment: Environment, environments: Mapping[str, Environment]) -> list[Environment]:
    """The bases, nearest first, as far as they can be read; one more than `MAX_BASES` at most.

    The limit also ends the way into a circle that the environment itself is not part of.
    """
    chain: list[Environment] = []
    parent = _parent(environment)
    while parent is not None and parent in environments and len(chain) <= MAX_BASES:
        chain.append(environments[parent])
        parent = _parent(environments[parent])
    return chain


def _circles(environments: Mapping[str, Environment]) -> dict[str, tuple[str, ...]]:
    """Each environment that is its own base in the end, with its way around."""
    circles: dict[str, tuple[str, ...]] = {}
    done: set[str] = set()
    for start in environments:
        way: dict[str, None] = {}
        name: str | None = start
        while name is not None and name in environments and name not in done and name not in way:
            way[name] = None
            name = _parent(environments[name])
        if name in way:
            names = list(way)
            around = names[names.index(str(name)) :]
            for index, member in enumerate(around):
                circles[member] = (*around[index:], *around[:index], member)
        done.update(way)
    return circles


def _circle(reading: Reading, way: tuple[str, ...]) -> Problem:
    if len(way) > 8:
        way = (*way[:6], "…", way[-1])
    path = " -> ".join(f"`{name}`" for name in way)
    hint = "give one of them another base"
    return reading.problem("base-cycle", f"the bases go round in a circle: {path}", _BASE, hint)


def _base(reading: Reading, environment: Environment, readings: Mapping[str, Reading]) -> Iterator[Problem]:
    parent = _parent(environment)
    if parent is None or parent in readings:
        return
    near = nearest(parent, readings)
    hint = f"did you mean `{near}`?" if near else "`envcat list` shows the environments there are"
    yield reading.problem("base-unknown", f"there is no environment `{parent}` in this catalog", _BASE, hint)


def _depth(reading: Reading, chain: list[Environment]) -> Iterator[Problem]:
    if len(chain) > MAX_BASES:
        message = f"more than {MAX_BASES} environments lie below this one"
        yield reading.problem("base-depth", message, _BASE, "begin with an environment nearer to the root")


def _apt(reading: Reading, environment: Environment, chain: list[Environment]) -> Iterator[Problem]:
    root = (chain[-1] if chain else environment).base
    if environment.apt and isinstance(root, ImageBase):
        message = "`apt` needs a Debian base, and the base in the end is an image"
        hint = "begin with `base: {debian: ...}`, or install the packages in the base image"
        yield reading.problem("apt-base", message, ("apt",), hint)


def _platforms(reading: Reading, environment: Environment, chain: list[Environment]) -> Iterator[Problem]:
    if not chain:
        return
    parent = chain[0]
    missing = [platform for platform in environment.platforms if platform not in parent.platforms]
    if missing:
        message = f"the base `{parent.name}` is not built for {listed(missing)}"
        hint = f"add the platform to `{parent.name}`, or remove it here"
        yield reading.problem("platform-base", message, ("platforms",), hint)


def _python(reading: Reading, environment: Environment, chain: list[Environment]) -> Iterator[Problem]:
    python = environment.python
    if python is None:
        return
    owner = next((ancestor for ancestor in chain if ancestor.python is not None), None)
    if owner is None or owner.python is None:
        return
    if owner.python.version != python.version:
        theirs = owner.python.version
        message = f"`python.version` is `{python.version}`, and the base `{owner.name}` has `{theirs}`"
        hint = f'write `version: "{theirs}"`, or choose another base'
        yield reading.problem("python-base", message, ("python", "version"), hint)
    theirs = _interpreter(owner.python, chain[-1], conda=_has_conda(owner, chain))
    if python.interpreter is not None and python.interpreter != theirs:
        message = f"`python.interpreter` is not the one of the base `{owner.name}`, `{theirs}`"
        yield reading.problem("python-base", message, ("python", "interpreter"), "leave the key out")


def _conda(reading: Reading, environment: Environment, chain: list[Environment]) -> Iterator[Problem]:
    if environment.conda is None:
        return
    owner = next((ancestor for ancestor in reversed(chain) if ancestor.python is not None), None)
    if owner is None or owner.python is None:
        return
    if not _has_conda(owner, chain):
        message = f"the base `{owner.name}` has its Python packages in `/opt/env`, where conda's would be"
        hint = f"add `conda` to `{owner.name}`, or choose another base"
        yield reading.located.problem("conda-base", message, ("conda",), hint, at_key=True)
        return
    for index, text in enumerate(environment.conda.packages):
        condition = python_condition([text])
        if condition and not allows_python(condition, owner.python.version):
            message = f"`{text}` is not the Python of the base `{owner.name}`, `{owner.python.version}`"
            yield reading.problem(
                "python-base", message, ("conda", "packages", index), "leave the package out"
            )


def _has_conda(owner: Environment, chain: list[Environment]) -> bool:
    """Whether it, or what lies below it, has conda packages; `chain` has the nearest first."""
    return any(ancestor.conda is not None for ancestor in chain[chain.index(owner) :])


def _interpreter(python: Python, root: Environment, *, conda: bool) -> str:
    if python.interpreter is not None:
        return python.interpreter
    if conda:
        return f"{CONDA_INTERPRETER}{python.version}"
    folder = "/usr/bin" if isinstance(root.base, DebianBase) else "/usr/local/bin"
    return f"{folder}/python{python.version}"


def _aliases(reading: Reading, environment: Environment, settings: Settings) -> Iterator[Problem]:
    for alias, _ in environment.aliases:
        if alias in settings.aliases:
            continue
        near = nearest(alias, settings.aliases)
        hint = f"did you mean `{near}`?" if near else "add it to `aliases` in `catalog/catalog.yaml`"
        message = f"the catalog has no alias `{alias}`"
        yield reading.located.problem("alias-unknown", message, ("aliases", alias), hint, at_key=True)
