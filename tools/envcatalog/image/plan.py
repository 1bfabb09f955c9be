"""Lock -> image plan: what an image will consist of, computed without reading or building anything.

The plan digest is a digest of definition, lock, budget, and of what says how layers are made. It says
whether an image must be built, so nothing that cannot change the image may come into it.
"""

from __future__ import annotations

import re

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.additions import spark_layers, system_layers, variables
from envcatalog.image.codec import CODEC
from envcatalog.image.keys import layer_key
from envcatalog.image.runtime import runtime_config
from envcatalog.image.split import split_artefacts
from envcatalog.model.digest import json_digest
from envcatalog.model.environment import DebianBase, Environment
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import (
    Artefact,
    Deb,
    Interpreters,
    Lock,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
    Wheel,
)
from envcatalog.model.plan import (
    LAYER_FORMAT,
    BaseManifest,
    ImagePlan,
    LayerKind,
    LayerPlan,
    PlatformPlan,
    PythonTarget,
)

LAYERS_MAX = 127  # overlay file systems of Linux, and Docker, mount no more
BUDGET_MIN = 4  # one layer of each kind but conda's

# Debian Python policy, 3.3 "Module Package Names" and the interpreter's own packages: these hold modules that
# their maintainer scripts would compile.
_PYTHON_DEB = re.compile(r"(lib)?python3")


def plan_image(
    environment: Environment, lock: Lock, *, lock_digest: str, parent: ImagePlan | None, budget: int
) -> ImagePlan:
    """The plan of one environment.

    Args:
        lock_digest: digest of the lock's canonical bytes.
        parent: the plan of the environment that this one inherits; None for another base.
        budget: how many layers the environment may add to its base or parent.

    Raises:
        Refusal: the lock is not of this definition or not of this parent, lacks a platform or the byte code's
            interpreter; more layers than can be mounted; a budget too small for one layer of each kind.
    """
    definition = definition_digest(environment)
    _check(environment, lock, definition, parent, budget)
    digest = json_digest(
        {
            "layer-format": LAYER_FORMAT,
            "codec": CODEC,
            "budget": budget,
            "definition": definition,
            "lock": lock_digest,
        }
    )
    python = _python_target(environment, lock, parent)
    platforms = tuple(
        _plan_platform(environment, lock, platform, digest, python, parent, budget)
        for platform in environment.platforms
    )
    return ImagePlan(
        environment=environment.name,
        digest=digest,
        platforms=platforms,
        python=python,
        bytecode_interpreters=_interpreters(lock, parent),
    )


def check_layer_count(environment: str, platform: str, count: int) -> None:
    """Whether an image of so many layers can be mounted.

    Raises:
        Refusal: it cannot.
    """
    if count > LAYERS_MAX:
        raise Refusal(
            f"the image of `{environment}` for `{platform}` would have {count} layers, and no more than"
            f" {LAYERS_MAX} can be mounted",
            "set `layers` in `catalog/catalog.yaml` lower, or inherit fewer environments",
        )


def _check(
    environment: Environment, lock: Lock, definition: str, parent: ImagePlan | None, budget: int
) -> None:
    name = environment.name
    relock = f"run `envcat lock {name}`"
    kinds = BUDGET_MIN + (environment.conda is not None)
    if budget < kinds:
        raise Refusal(
            f"a budget of {budget} layers is too small, since there are {kinds} kinds of layers",
            "set `layers` in `catalog/catalog.yaml` higher",
        )
    if lock.definition != definition:
        raise Refusal(f"the lock of `{name}` was made from another definition", relock)
    inherited = lock.base if isinstance(lock.base, LockedEnvironment) else None
    if inherited is None and parent is None:
        return
    if inherited is None or parent is None or inherited.environment != parent.environment:
        raise Refusal(f"the lock of `{name}` was made for another base", relock)
    if inherited.plan != parent.digest:
        raise Refusal(f"the lock of `{name}` was made for another state of `{parent.environment}`", relock)


def _python_target(environment: Environment, lock: Lock, parent: ImagePlan | None) -> PythonTarget | None:
    if parent is not None and parent.python is not None:
        return parent.python
    if any(platform.conda for platform in lock.platforms):
        from envcatalog.image.conda.plan import conda_target

        conda = conda_target(environment, lock)
        if conda is not None:
            return conda
    if environment.python is None:
        return None
    if lock.bytecode is None:
        raise Refusal(
            f"the lock of `{environment.name}` does not name the interpreter that compiles byte code",
            f"run `envcat lock {environment.name}`",
        )
    version = environment.python.version
    folder = "/usr/bin" if _is_debian(environment, parent) else "/usr/local/bin"
    return PythonTarget(
        version=version,
        interpreter=environment.python.interpreter or f"{folder}/python{version}",
        bytecode=lock.bytecode.python,
    )


def _is_debian(environment: Environment, parent: ImagePlan | None) -> bool:
    if parent is not None:
        return all(platform.base is None for platform in parent.platforms)
    return isinstance(environment.base, DebianBase)


def _interpreters(lock: Lock, parent: ImagePlan | None) -> Interpreters:
    if parent is not None and parent.python is not None:
        return parent.bytecode_interpreters
    return lock.bytecode.interpreters if lock.bytecode else ()


def _plan_platform(
    environment: Environment,
    lock: Lock,
    platform: str,
    digest: str,
    python: PythonTarget | None,
    parent: ImagePlan | None,
    budget: int,
) -> PlatformPlan:
    locked = _locked_platform(environment, lock, platform)
    below = _parent_platform(environment, parent, platform) if parent else None
    layers: list[LayerPlan] = list(below.layers) if below else []
    is_debian = _is_debian(environment, parent)
    if is_debian and below is None:
        layers.append(_layer("root", "Debian root", (), None))
    adds_python = python is not None and (parent is None or parent.python is None)
    adds_conda = environment.conda is not None
    # Beside conda packages, which bring their libraries along, there are few of Debian's.
    debs_budget = max(1, (budget - 2) // 10 if adds_conda else (budget - 2) * 3 // 10)
    conda_budget = max(1, (budget - 2 - debs_budget) * 3 // 4) if adds_conda else 0
    system = system_layers(locked.debs, below, platform)
    spark = spark_layers(environment.spark, locked.files, python, below)
    layers += [*_deb_layers(locked.debs, debs_budget, python), *system]
    if adds_conda:
        from envcatalog.image.conda.plan import conda_layers

        layers += conda_layers(environment, locked.conda, python, below, conda_budget)
    elif adds_python and python is not None:
        layers.append(_layer("environment", f"Python {python.version} environment", (), python))
    layers += spark
    wheels_budget = max(1, budget - 2 - debs_budget - conda_budget - len(system) - len(spark))
    layers += _wheel_layers(locked.wheels, wheels_budget, python)
    check_layer_count(environment.name, platform, len(layers))
    return PlatformPlan(
        platform=platform,
        base=below.base if below else _base_manifest(environment, lock, platform),
        layers=tuple(layers),
        config=runtime_config(
            environment,
            plan=digest,
            python=python,
            base=lock.base if isinstance(lock.base, LockedImage) else None,
            parent=below.config if below else None,
            adds_python=adds_python and not adds_conda,
            adds_conda=adds_conda,
            variables=variables(locked.debs, below, platform, environment.spark, python),
        ),
    )


def _locked_platform(environment: Environment, lock: Lock, platform: str) -> PlatformLock:
    try:
        return lock.platform(platform)
    except KeyError:
        raise Refusal(
            f"the lock of `{environment.name}` lacks the platform `{platform}`",
            f"run `envcat lock {environment.name}`",
        ) from None


def _parent_platform(environment: Environment, parent: ImagePlan, platform: str) -> PlatformPlan:
    for found in parent.platforms:
        if found.platform == platform:
            return found
    raise Refusal(
        f"`{environment.name}` is for `{platform}`, but `{parent.environment}`, which it inherits, is not",
        f"add `{platform}` to `platforms` of `{parent.environment}`",
    )


def _base_manifest(environment: Environment, lock: Lock, platform: str) -> BaseManifest | None:
    if not isinstance(lock.base, LockedImage):
        return None
    manifests = dict(lock.base.manifests)
    if platform not in manifests:
        raise Refusal(
            f"the lock of `{environment.name}` has no base image for `{platform}`",
            f"run `envcat lock {environment.name}`",
        )
    return BaseManifest(image=lock.base.image, digest=manifests[platform])


def _deb_layers(debs: tuple[Deb, ...], budget: int, python: PythonTarget | None) -> list[LayerPlan]:
    return [
        _layer("debs", _title(group), group, python if _holds_modules(group) else None)
        for group in split_artefacts(debs, budget)
    ]


def _wheel_layers(wheels: tuple[Wheel, ...], budget: int, python: PythonTarget | None) -> list[LayerPlan]:
    return [_layer("wheels", _title(group), group, python) for group in split_artefacts(wheels, budget)]


def _holds_modules(debs: tuple[Deb, ...]) -> bool:
    return any(_PYTHON_DEB.match(deb.name) for deb in debs)


def _layer(
    kind: LayerKind,
    title: str,
    artefacts: tuple[Deb, ...] | tuple[Wheel, ...],
    python: PythonTarget | None,
) -> LayerPlan:
    return LayerPlan(
        key=layer_key(kind, artefacts, python), kind=kind, title=title, artefacts=artefacts, python=python
    )


def _title(group: tuple[Artefact, ...]) -> str:
    if len(group) == 1:
        return f"{group[0].name} {group[0].version}"
    return f"{len(group)} small packages"
