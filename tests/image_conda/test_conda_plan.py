"""Plans with conda packages: which layers, what decides their keys, and what a child adds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.conda.history import HISTORY
from envcatalog.image.conda.plan import spec_name
from envcatalog.image.plan import plan_image
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import Conda, DebianBase, Environment, EnvironmentBase, ImageBase, Python
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import (
    Bytecode,
    CondaPackage,
    Deb,
    Lock,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
    Wheel,
)
from envcatalog.model.plan import ImagePlan, LayerPlan, PythonTarget

AMD = "linux/amd64"
TARGET = PythonTarget(version="3.11", interpreter="/opt/env/bin/python3.11", bytecode="3.11.7")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def package(
    name: str, version: str = "1.0", *depends: str, subdir: str = "linux-64", size: int = 1000
) -> CondaPackage:
    file = f"{name}-{version}-0.conda"
    return CondaPackage(
        name=name,
        version=version,
        build="0",
        channel="local",
        subdir=subdir,
        file=file,
        size=size,
        sha256=sha256_digest(file.encode())[7:],
        depends=depends,
    )


PYTHON = package("python", "3.11.7", "libzlib")
LIBRARY = package("libzlib")
NUMPY = package("numpy", "2.2.1", "python >=3.11,<3.12.0a0", "python_abi 3.11.* *_cp311")
PURE = package("requests", "2.32", "python >=3.9", subdir="noarch")
PACKAGES = (LIBRARY, NUMPY, PYTHON, PURE)
LIBC = Deb(name="libc6", version="2.36-9", architecture="amd64", path="pool/l.deb", size=9, sha256="1" * 64)
WHEEL = Wheel(name="six", version="1.0", file="six-1.0-py3-none-any.whl", size=9, sha256="2" * 64)


def environment(*specs: str, **values: object) -> Environment:
    made = Environment(
        name="sci",
        base=DebianBase(suite="bookworm"),
        conda=Conda(channels=("local",), packages=specs or ("numpy=2.2", "local::requests")),
        python=Python(version="3.11"),
    )
    return replace(made, **values)  # type: ignore[arg-type]


def plan(
    env: Environment | None = None,
    packages: tuple[CondaPackage, ...] = PACKAGES,
    *,
    parent: ImagePlan | None = None,
    budget: int = 40,
    **values: object,
) -> ImagePlan:
    env = env or environment()
    python = next((one.version for one in packages if one.name == "python"), None)
    platform = PlatformLock(platform=AMD, debs=() if parent else (LIBC,), conda=packages)
    lock = Lock(
        definition=definition_digest(env),
        base=LockedEnvironment(environment=parent.environment, plan=parent.digest) if parent else None,
        bytecode=Bytecode(python=python, interpreters=((AMD, (PYTHON,)),)) if python else None,
        platforms=(platform,),
    )
    lock = replace(lock, **values)  # type: ignore[arg-type]
    return plan_image(env, lock, lock_digest=sha256_digest(b"lock"), parent=parent, budget=budget)


def layers(made: ImagePlan) -> tuple[LayerPlan, ...]:
    return made.platforms[0].layers


def key(made: ImagePlan, title: str) -> str:
    return next(layer.key for layer in layers(made) if layer.title == title)


def test_conda_layers_stand_in_the_place_of_the_virtual_environment() -> None:
    made = plan()
    assert [(layer.kind, layer.title, layer.python) for layer in layers(made)] == [
        ("root", "Debian root", None),
        ("debs", "libc6 2.36-9", None),
        ("conda", "libzlib 1.0", None),
        ("conda", "numpy 2.2.1", TARGET),
        ("conda", "python 3.11.7", TARGET),
        ("conda", "requests 2.32", TARGET),
        ("files", "conda history", None),
    ]
    assert made.python == TARGET
    assert made.bytecode_interpreters == ((AMD, (PYTHON,)),)
    assert {layer.title: layer.requested for layer in layers(made) if layer.requested} == {
        "numpy 2.2.1": (("numpy", "numpy=2.2"),),
        "python 3.11.7": (("python", "python 3.11.*"),),
        "requests 2.32": (("requests", "local::requests"),),
    }
    assert layers(made)[-1].texts == (
        (
            HISTORY,
            "==> 1980-01-01 00:00:00 <==\n# cmd: envcat\n"
            '# update specs: ["numpy=2.2", "python 3.11.*", "local::requests"]\n',
        ),
    )
    config = made.platforms[0].config
    assert dict(config.env) == {
        "CONDA_PREFIX": "/opt/env",
        "LANG": "C.UTF-8",
        "PATH": f"/opt/env/bin:{SYSTEM_PATH}",
    }
    assert config.command == ("python",)


def test_the_key_is_this() -> None:
    assert (
        key(plan(), "numpy 2.2.1")
        == "sha256:a13d544754ce27b3507a1efe5df42ffe853c596365ed565020025421dfe3d3ab"
    )


def test_keys_hold_what_the_record_holds_and_no_more() -> None:
    before = plan()

    def changed(made: ImagePlan) -> set[str]:
        keys = {layer.key for layer in layers(before)}
        return {layer.title for layer in layers(made) if layer.key not in keys}

    def with_numpy(**values: object) -> ImagePlan:
        return plan(packages=(LIBRARY, replace(NUMPY, **values), PYTHON, PURE))  # type: ignore[arg-type]

    assert changed(plan(environment("numpy>=2", "local::requests"))) == {"numpy 2.2.1", "conda history"}
    assert changed(with_numpy(depends=("python",))) == {"numpy 2.2.1"}
    assert changed(with_numpy(channel="other")) == {"numpy 2.2.1"}
    assert changed(with_numpy(sha256="0" * 64)) == {"numpy 2.2.1"}
    assert changed(with_numpy(license="MIT")) == set()
    newer = replace(PYTHON, version="3.11.8", file="python-3.11.8-0.conda")
    # A library has nothing to do with the interpreter.
    assert changed(plan(packages=(LIBRARY, NUMPY, newer, PURE))) == {
        "numpy 2.2.1",
        "python 3.11.8",
        "requests 2.32",
    }


def test_conda_may_come_without_python() -> None:
    env = environment("libzlib", python=None)
    made = plan(env, (LIBRARY,))
    assert made.python is None
    assert [(layer.kind, layer.title) for layer in layers(made)][2:] == [
        ("conda", "libzlib 1.0"),
        ("files", "conda history"),
    ]
    config = made.platforms[0].config
    assert dict(config.env)["PATH"] == f"/opt/env/bin:{SYSTEM_PATH}"
    assert config.command is None


def test_any_image_may_be_the_base() -> None:
    env = environment(base=ImageBase(image="registry.example.com/base:1"))
    base = LockedImage(
        image="registry.example.com/base:1",
        digest="sha256:" + "1" * 64,
        manifests=((AMD, "sha256:" + "2" * 64),),
    )
    made = plan(env, base=base, platforms=(PlatformLock(platform=AMD, conda=PACKAGES),))
    assert [layer.kind for layer in layers(made)] == ["conda"] * 4 + ["files"]
    assert dict(made.platforms[0].config.env) == {"CONDA_PREFIX": "/opt/env", "PATH": "/opt/env/bin:${PATH}"}


def test_a_child_adds_conda_packages_and_wheels() -> None:
    parent = plan()
    env = Environment(
        name="child",
        base=EnvironmentBase(environment="sci"),
        conda=Conda(channels=("local",), packages=("scipy", "numpy>=2.2")),
        python=Python(version="3.11", packages=("six",)),
    )
    scipy = package("scipy", "1.15", "numpy", "python")
    platform = PlatformLock(platform=AMD, conda=(scipy,), wheels=(WHEEL,))
    made = plan(env, (scipy,), parent=parent, platforms=(platform,), bytecode=None)
    assert layers(made)[:7] == layers(parent)
    assert [(layer.kind, layer.title, layer.python) for layer in layers(made)[7:]] == [
        ("conda", "scipy 1.15", TARGET),
        ("files", "conda history", None),
        ("wheels", "six 1.0", TARGET),
    ]
    history = dict(layers(made)[8].texts)[HISTORY]
    assert history.endswith('specs: ["numpy>=2.2", "python 3.11.*", "local::requests", "scipy"]\n')
    assert made.platforms[0].config.env == parent.platforms[0].config.env


def test_a_child_that_asks_for_nothing_more_has_no_history_of_its_own() -> None:
    parent = plan()
    env = Environment(
        name="child",
        base=EnvironmentBase(environment="sci"),
        python=Python(version="3.11", packages=("six",)),
    )
    platform = PlatformLock(platform=AMD, wheels=(WHEEL,))
    made = plan(env, (), parent=parent, platforms=(platform,), bytecode=None)
    assert [layer.kind for layer in layers(made)[7:]] == ["wheels"]
    assert made.python == TARGET
    assert made.bytecode_interpreters == parent.bytecode_interpreters


def test_many_packages_fit_the_budget() -> None:
    many = tuple(package(f"lib{number:03}", size=number * 1000) for number in range(200))
    platform = PlatformLock(platform=AMD, debs=(LIBC,), conda=(*many, PYTHON), wheels=(WHEEL,))
    env = environment("lib000", python=Python(version="3.11", packages=("six",)))
    for budget in (5, 12, 40):
        made = plan(env, (*many, PYTHON), budget=budget, platforms=(platform,))
        assert len(layers(made)) <= budget
        assert sum(len(layer.artefacts) for layer in layers(made) if layer.kind == "conda") == 201
    with pytest.raises(Refusal) as caught:
        plan(env, (*many, PYTHON), budget=4, platforms=(platform,))
    assert caught.value.message == "a budget of 4 layers is too small, since there are 5 kinds of layers"


def test_a_lock_that_does_not_say_which_python_compiles_is_refused() -> None:
    for bytecode in (None, Bytecode(python="3.11.6")):
        with pytest.raises(Refusal) as caught:
            plan(bytecode=bytecode)
        assert (
            caught.value.message == "the lock of `sci` does not name the interpreter that compiles byte code"
        )
        assert caught.value.hint == "run `envcat lock sci`"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("numpy", "numpy"),
        ("NumPy=2.2", "numpy"),
        ("conda-forge::numpy >=2", "numpy"),
        ("conda-forge/linux-64::ruamel.yaml[version='>=0.18']", "ruamel.yaml"),
        ("python_abi 3.11.* *_cp311", "python_abi"),
        ("_libgcc_mutex==0.1", "_libgcc_mutex"),
        ("jinja2>=3,<4", "jinja2"),
    ],
)
def test_the_name_in_a_spec(spec: str, name: str) -> None:
    assert spec_name(spec) == name
