"""Plans of the layers of conda packages, and of the record of what was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from envcatalog.image.conda.history import HISTORY, history, specs_of
from envcatalog.image.keys import layer_key
from envcatalog.image.prefix import BIN
from envcatalog.image.split import split_artefacts
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import CondaPackage, Lock
from envcatalog.model.plan import LayerPlan, PlatformPlan, PythonTarget

PYTHON = "python"

_MINOR = re.compile(r"[0-9]+\.[0-9]+")
_NAME = re.compile(r"[\w.-]+", re.ASCII)
# `python_abi` is what a package depends on that is compiled for one minor version.
_FOR_PYTHON = re.compile(r"python(_abi)?(?![\w.-])")


def conda_layers(
    environment: Environment,
    packages: tuple[CondaPackage, ...],
    python: PythonTarget | None,
    below: PlatformPlan | None,
    budget: int,
) -> list[LayerPlan]:
    """The packages by size and name, and the record of what was asked for by this environment and its parents.

    Args:
        packages: those that the environment adds.
        budget: layers for the packages, at least one.
    """
    if environment.conda is None and not packages:
        return []
    requested = requested_specs(environment)
    layers = [_packages(group, python, requested) for group in split_artefacts(packages, budget)]
    inherited = _inherited(below)
    specs = (inherited or {}) | requested
    if specs != inherited:
        texts = ((HISTORY, history(spec for _, spec in sorted(specs.items()))),)
        key = layer_key("files", texts=texts)
        layers.append(LayerPlan(key=key, kind="files", title="conda history", texts=texts))
    return layers


def conda_target(environment: Environment, lock: Lock) -> PythonTarget | None:
    """The Python that conda packages bring; None where they bring none.

    Raises:
        Refusal: the lock does not say which Python compiles.
    """
    versions = {
        package.version for platform in lock.platforms for package in platform.conda if package.name == PYTHON
    }
    if not versions:
        return None
    if lock.bytecode is None or versions != {lock.bytecode.python}:
        raise Refusal(
            f"the lock of `{environment.name}` does not name the interpreter that compiles byte code",
            f"run `envcat lock {environment.name}`",
        )
    found = _MINOR.match(lock.bytecode.python)
    version = found[0] if found else lock.bytecode.python
    return PythonTarget(version=version, interpreter=f"/{BIN}/python{version}", bytecode=lock.bytecode.python)


def requested_specs(environment: Environment) -> dict[str, str]:
    """Package name to the MatchSpec that asks for it, as written."""
    specs = environment.conda.packages if environment.conda else ()
    found = {spec_name(spec): " ".join(spec.split()) for spec in specs}
    if environment.conda is not None and environment.python is not None:
        found.setdefault(PYTHON, f"{PYTHON} {environment.python.version}.*")
    return found


def spec_name(spec: str) -> str:
    """The package that a MatchSpec names; the definition's rules have checked the rest of it."""
    found = _NAME.match(spec.rpartition("::")[2].strip())
    return found[0].lower() if found else ""


def _packages(
    group: tuple[CondaPackage, ...], python: PythonTarget | None, requested: Mapping[str, str]
) -> LayerPlan:
    names = {package.name for package in group}
    asked = tuple(sorted((name, spec) for name, spec in requested.items() if name in names))
    target = python if _holds_modules(group) else None
    title = f"{group[0].name} {group[0].version}" if len(group) == 1 else f"{len(group)} small packages"
    return LayerPlan(
        key=layer_key("conda", group, target, requested=asked),
        kind="conda",
        title=title,
        artefacts=group,
        python=target,
        requested=asked,
    )


def _holds_modules(group: Iterable[CondaPackage]) -> bool:
    # A library's layer must not change with the interpreter; `noarch` ones may need it for their place alone.
    return any(
        package.name == PYTHON
        or package.subdir == "noarch"
        or any(_FOR_PYTHON.match(depends) for depends in package.depends)
        for package in group
    )


def _inherited(below: PlatformPlan | None) -> dict[str, str] | None:
    texts = [
        text for layer in (below.layers if below else ()) for path, text in layer.texts if path == HISTORY
    ]
    return {spec_name(spec): spec for spec in specs_of(texts[-1])} if texts else None
