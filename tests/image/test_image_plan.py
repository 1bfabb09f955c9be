"""Plans: which layers in which order, how an environment starts, and what changes the digests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.keys import layer_key
from envcatalog.image.plan import plan_image
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import (
    Base,
    Container,
    DebianBase,
    Environment,
    EnvironmentBase,
    ImageBase,
    Inference,
    Python,
)
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import (
    Bytecode,
    Deb,
    Lock,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
    Wheel,
)
from envcatalog.model.plan import BaseManifest, ImagePlan, PythonTarget

AMD, ARM = "linux/amd64", "linux/arm64"
LOCK_DIGEST = sha256_digest(b"lock")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def deb(name: str, version: str = "1.0-1", size: int = 1000, architecture: str = "amd64") -> Deb:
    path = f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb"
    return Deb(
        name=name,
        version=version,
        architecture=architecture,
        path=path,
        size=size,
        sha256=sha256_digest(path.encode())[7:],
    )


def wheel(name: str, version: str = "1.0", size: int = 1000, tag: str = "py3-none-any") -> Wheel:
    file = f"{name}-{version}-{tag}.whl"
    return Wheel(name=name, version=version, file=file, size=size, sha256=sha256_digest(file.encode())[7:])


INTERPRETERS = ((AMD, (deb("python3.11-minimal", "3.11.2-6"),)),)
DEBS = (deb("libc6"), deb("python3.11-minimal", "3.11.2-6"))
WHEELS = (wheel("numpy", "2.2.0", 16_000_000, "cp311-cp311-manylinux"), wheel("six"))


def environment(name: str = "sklearn", base: Base | None = None, **values: object) -> Environment:
    made = Environment(name=name, base=base or DebianBase(suite="bookworm"), python=Python(version="3.11"))
    return replace(made, **values)  # type: ignore[arg-type]


def lock(env: Environment, **values: object) -> Lock:
    made = Lock(
        definition=definition_digest(env),
        base=None,
        bytecode=Bytecode(python="3.11.2", interpreters=INTERPRETERS),
        platforms=(PlatformLock(platform=AMD, debs=DEBS, wheels=WHEELS),),
    )
    return replace(made, **values)  # type: ignore[arg-type]


def plan(
    env: Environment | None = None,
    locked: Lock | None = None,
    *,
    parent: ImagePlan | None = None,
    budget: int = 40,
    lock_digest: str = LOCK_DIGEST,
) -> ImagePlan:
    env = env or environment()
    return plan_image(env, locked or lock(env), lock_digest=lock_digest, parent=parent, budget=budget)


def child(parent: ImagePlan, **values: object) -> ImagePlan:
    locked = {key: values.pop(key) for key in ("bytecode", "platforms") if key in values}
    env = environment("child", EnvironmentBase(environment=parent.environment), **values)
    base = LockedEnvironment(environment=parent.environment, plan=parent.digest)
    empty = {"bytecode": None, "platforms": (PlatformLock(platform=AMD),)}
    return plan(env, lock(env, base=base, **{**empty, **locked}), parent=parent)


def test_a_debian_image_has_root_debs_environment_and_wheels_in_this_order() -> None:
    made = plan().platforms[0]
    target = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.2")
    assert made.base is None
    assert [(layer.kind, layer.title, layer.python) for layer in made.layers] == [
        ("root", "Debian root", None),
        ("debs", "libc6 1.0-1", None),
        ("debs", "python3.11-minimal 3.11.2-6", target),
        ("environment", "Python 3.11 environment", target),
        ("wheels", "numpy 2.2.0", target),
        ("wheels", "six 1.0", target),
    ]
    assert plan().python == target
    assert plan().bytecode_interpreters == INTERPRETERS


def test_layer_keys_are_these() -> None:
    assert [layer.key for layer in plan().platforms[0].layers] == [
        "sha256:9f7cac744769d4857e3806bf42d3d7321d0a6c7ca1c736a14789a529801d7f40",
        "sha256:0c79043c695338beaa32a3fc3e8b1939fcdbde0fa5c1b829221bb56f06c1b764",
        "sha256:3bd9c6f88d9c6a56e76e312d1f4d10465b02b520db8d8a9eafc9a8c62deb54e9",
        "sha256:bc9e49f916b62065ff3b7172d4a051e8b43c2cb702a0762a8bbdd8845778cb22",
        "sha256:b58221cf53823f2d847a7af13713768d4c7309209fe11fc8b17adb45b02ed55c",
        "sha256:70170c3f1b1538d06a4e3d43a2232f2d510e098bd70392b292c98e0805eefb72",
    ]


def test_the_plan_digest_is_this_for_a_definition_and_a_lock() -> None:
    fixed = "sha256:" + "1" * 64
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("envcatalog.image.plan.definition_digest", lambda _: fixed)
        made = plan(locked=lock(environment(), definition=fixed))
    assert made.digest == "sha256:68abd7d99bcedcf64047a7c688bb297054558bb4efa8bb5a59fc251cecf48490"


def test_how_a_debian_image_starts() -> None:
    made = plan()
    config = made.platforms[0].config
    assert config.env == (("LANG", "C.UTF-8"), ("PATH", f"/opt/env/bin:{PATH}"), ("VIRTUAL_ENV", "/opt/env"))
    assert (config.user, config.workdir) == ("1000:1000", "/home/app")
    assert (config.entrypoint, config.command, config.ports) == (None, ("python",), ())
    assert config.labels == (
        ("io.envcatalog.environment", "sklearn"),
        ("io.envcatalog.plan", made.digest),
        ("io.envcatalog.python", "3.11"),
        ("org.opencontainers.image.title", "sklearn"),
    )


def test_the_definition_says_how_it_starts() -> None:
    env = environment(
        variables=(("LANG", "de_DE.UTF-8"), ("PATH", "/opt/tool/bin:${PATH}")),
        container=Container(
            user="0",
            workdir="/srv",
            entrypoint=("/usr/bin/tini", "--"),
            ports=(8080, 80),
            shm_size="2g",
            gpus="all",
        ),
        inference=Inference(port=5001, liveness="/", readiness="/ready", scoring="/score"),
    )
    made = plan(env)
    config = made.platforms[0].config
    assert dict(config.env) == {
        "LANG": "de_DE.UTF-8",
        "PATH": f"/opt/tool/bin:/opt/env/bin:{PATH}",
        "VIRTUAL_ENV": "/opt/env",
    }
    assert (config.user, config.workdir, config.ports) == ("0", "/srv", (80, 5001, 8080))
    assert (config.entrypoint, config.command) == (("/usr/bin/tini", "--"), None)
    assert dict(config.labels) == {
        "io.envcatalog.environment": "sklearn",
        "io.envcatalog.gpus": "all",
        "io.envcatalog.inference.liveness": "/",
        "io.envcatalog.inference.port": "5001",
        "io.envcatalog.inference.readiness": "/ready",
        "io.envcatalog.inference.scoring": "/score",
        "io.envcatalog.plan": made.digest,
        "io.envcatalog.python": "3.11",
        "io.envcatalog.shm-size": "2g",
        "org.opencontainers.image.title": "sklearn",
    }


def test_an_image_base_keeps_its_own_settings_and_its_path_goes_last() -> None:
    env = environment(base=ImageBase(image="registry.example.com/python:3.11"))
    index, manifest = sha256_digest(b"index"), sha256_digest(b"manifest")
    base = LockedImage(image="registry.example.com/python:3.11", digest=index, manifests=((AMD, manifest),))
    locked = lock(env, base=base, platforms=(PlatformLock(platform=AMD, wheels=WHEELS),))
    made = plan(env, locked)
    platform = made.platforms[0]
    assert platform.base == BaseManifest(image="registry.example.com/python:3.11", digest=manifest)
    assert [layer.kind for layer in platform.layers] == ["environment", "wheels", "wheels"]
    assert platform.config.env == (("PATH", "/opt/env/bin:${PATH}"), ("VIRTUAL_ENV", "/opt/env"))
    assert (platform.config.user, platform.config.workdir, platform.config.command) == (None, None, None)
    assert made.python is not None
    assert made.python.interpreter == "/usr/local/bin/python3.11"
    labels = dict(platform.config.labels)
    assert labels["org.opencontainers.image.base.name"] == "registry.example.com/python:3.11"
    assert labels["org.opencontainers.image.base.digest"] == index


def test_a_layout_folder_is_not_named_in_the_labels() -> None:
    env = environment(base=ImageBase(image="oci:bases:python"), python=None)
    base = LockedImage(image="oci:bases:python", digest=LOCK_DIGEST, manifests=((AMD, LOCK_DIGEST),))
    locked = lock(env, base=base, bytecode=None, platforms=(PlatformLock(platform=AMD),))
    made = plan(env, locked).platforms[0]
    assert made.layers == ()
    assert [name for name, _ in made.config.labels] == [
        "io.envcatalog.environment",
        "io.envcatalog.plan",
        "org.opencontainers.image.base.digest",
        "org.opencontainers.image.title",
    ]


def test_a_child_puts_its_layers_on_its_parents() -> None:
    parent = plan(environment(variables=(("A", "1"), ("B", "1"))))
    made = child(
        parent,
        platforms=(PlatformLock(platform=AMD, debs=(deb("libgomp1"),), wheels=(wheel("pandas"),)),),
        variables=(("B", "2"),),
        container=Container(command=("pandas",), ports=(1,)),
    )
    mine, theirs = made.platforms[0], parent.platforms[0]
    assert mine.layers[: len(theirs.layers)] == theirs.layers
    assert [layer.title for layer in mine.layers[len(theirs.layers) :]] == ["libgomp1 1.0-1", "pandas 1.0"]
    assert (made.python, made.bytecode_interpreters) == (parent.python, parent.bytecode_interpreters)
    assert mine.config.env == (("A", "1"), ("B", "2"), *theirs.config.env[2:])
    assert (mine.config.user, mine.config.command) == ("1000:1000", ("pandas",))
    assert dict(mine.config.labels)["io.envcatalog.environment"] == "child"
    assert dict(mine.config.labels)["io.envcatalog.plan"] == made.digest


def test_a_child_can_add_python_to_a_debian_parent_without_it() -> None:
    env = environment("minimal", python=None)
    parent = plan(env, lock(env, bytecode=None, platforms=(PlatformLock(platform=AMD, debs=DEBS[:1]),)))
    assert parent.python is None
    made = child(
        parent,
        bytecode=Bytecode(python="3.11.2", interpreters=INTERPRETERS),
        platforms=(PlatformLock(platform=AMD, debs=DEBS[1:]),),
    )
    assert [layer.kind for layer in made.platforms[0].layers] == ["root", "debs", "debs", "environment"]
    assert made.python is not None
    assert made.python.interpreter == "/usr/bin/python3.11"
    assert dict(made.platforms[0].config.env)["PATH"] == f"/opt/env/bin:{PATH}"


def test_a_child_with_an_entrypoint_drops_the_parents_command() -> None:
    made = child(plan(), container=Container(entrypoint=("serve",)))
    config = made.platforms[0].config
    assert (config.entrypoint, config.command) == (("serve",), None)


def test_platforms_share_the_layers_of_wheels_for_any_platform() -> None:
    env = environment(platforms=(AMD, ARM))
    arm = PlatformLock(
        platform=ARM,
        debs=(deb("libc6", architecture="arm64"),),
        wheels=(wheel("numpy", "2.2.0", 16_000_000, "cp311-cp311-manylinux_aarch64"), wheel("six")),
    )
    made = plan(env, lock(env, platforms=(*lock(env).platforms, arm)))
    keys = [{layer.title: layer.key for layer in platform.layers} for platform in made.platforms]
    shared = {title for title in keys[0] if keys[0][title] == keys[1].get(title)}
    assert shared == {"Debian root", "Python 3.11 environment", "six 1.0"}


def test_the_digest_follows_from_definition_lock_and_budget_alone() -> None:
    env = environment()
    first = plan(env).digest
    assert plan(replace(env, description="other", owners=("@a",), aliases=(("prod", 1),))).digest == first
    assert plan(replace(env, variables=(("A", "1"),))).digest != first
    assert plan(env, lock_digest=sha256_digest(b"other")).digest != first
    assert plan(env, budget=39).digest != first


def test_a_layer_key_depends_on_what_determines_the_bytes_alone() -> None:
    target = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.2")
    key = layer_key("wheels", WHEELS, target)
    assert layer_key("wheels", WHEELS[::-1], target) == key
    assert layer_key("wheels", (replace(WHEELS[0], index="other"), WHEELS[1]), target) == key
    others = [
        layer_key("debs", WHEELS, target),
        layer_key("wheels", WHEELS[:1], target),
        layer_key("wheels", WHEELS, replace(target, bytecode="3.11.3")),
        layer_key("wheels", WHEELS, replace(target, version="3.12")),
        layer_key("wheels", WHEELS, replace(target, interpreter="/usr/local/bin/python3.11")),
        layer_key("wheels", (replace(WHEELS[0], sha256="f" * 64), WHEELS[1]), target),
    ]
    assert len({key, *others}) == 7


def test_an_environment_stays_within_its_budget() -> None:
    env = environment()
    debs = tuple(deb(f"lib{number}", size=number * 20_000) for number in range(90))
    wheels = tuple(wheel(f"w{number}", size=number * 20_000) for number in range(90))
    for budget in (4, 8, 40, 100):
        locked = lock(env, platforms=(PlatformLock(platform=AMD, debs=debs, wheels=wheels),))
        layers = plan(env, locked, budget=budget).platforms[0].layers
        assert len(layers) <= budget
        assert sum(layer.kind == "debs" for layer in layers) <= max(1, (budget - 2) * 3 // 10)
        members = [artefact.name for layer in layers for artefact in layer.artefacts]
        assert len(members) == 180


def refusal(env: Environment, locked: Lock, **values: object) -> Refusal:
    with pytest.raises(Refusal) as raised:
        plan(env, locked, **values)  # type: ignore[arg-type]
    return raised.value


def test_a_stale_lock_is_refused() -> None:
    env = environment()
    error = refusal(env, lock(replace(env, variables=(("A", "1"),))))
    assert error.message == "the lock of `sklearn` was made from another definition"
    assert error.hint == "run `envcat lock sklearn`"


def test_a_lock_for_another_state_of_the_parent_is_refused() -> None:
    parent = plan()
    env = environment("child", EnvironmentBase(environment="sklearn"))
    other = LockedEnvironment(environment="sklearn", plan=LOCK_DIGEST)
    error = refusal(env, lock(env, base=other), parent=parent)
    assert error.message == "the lock of `child` was made for another state of `sklearn`"
    for base, given in ((None, parent), (other, None), (replace(other, environment="else"), parent)):
        error = refusal(env, lock(env, base=base), parent=given)
        assert error.message == "the lock of `child` was made for another base"


def test_a_platform_that_is_not_locked_is_refused() -> None:
    env = environment(platforms=(AMD, ARM))
    assert refusal(env, lock(env)).message == "the lock of `sklearn` lacks the platform `linux/arm64`"


def test_a_platform_that_the_parent_lacks_is_refused() -> None:
    parent = plan()
    env = environment("child", EnvironmentBase(environment="sklearn"), platforms=(ARM,))
    base = LockedEnvironment(environment="sklearn", plan=parent.digest)
    error = refusal(env, lock(env, base=base, platforms=(PlatformLock(platform=ARM),)), parent=parent)
    assert error.message == "`child` is for `linux/arm64`, but `sklearn`, which it inherits, is not"
    assert error.hint == "add `linux/arm64` to `platforms` of `sklearn`"


def test_python_without_its_interpreter_is_refused() -> None:
    env = environment()
    error = refusal(env, lock(env, bytecode=None))
    assert error.message == "the lock of `sklearn` does not name the interpreter that compiles byte code"


def test_a_base_image_without_the_platform_is_refused() -> None:
    env = environment(base=ImageBase(image="registry.example.com/a:1"))
    base = LockedImage(image="registry.example.com/a:1", digest=LOCK_DIGEST, manifests=((ARM, LOCK_DIGEST),))
    error = refusal(env, lock(env, base=base))
    assert error.message == "the lock of `sklearn` has no base image for `linux/amd64`"


def test_a_budget_too_small_is_refused() -> None:
    error = refusal(environment(), lock(environment()), budget=3)
    assert error.message == "a budget of 3 layers is too small, since there are 4 kinds of layers"


def test_more_layers_than_can_be_mounted_are_refused() -> None:
    env = environment()
    wheels = tuple(wheel(f"w{number}") for number in range(140))
    locked = lock(env, platforms=(PlatformLock(platform=AMD, wheels=wheels),))
    error = refusal(env, locked, budget=300)
    assert error.message == (
        "the image of `sklearn` for `linux/amd64` would have 142 layers, and no more than 127 can be mounted"
    )
