"""Rules of a user-managed environment: what its keys may be together. They look at values of any shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from envcatalog.definition.finding import Finding
from envcatalog.model.environment import Environment
from envcatalog.model.problem import Problem

if TYPE_CHECKING:
    from envcatalog.definition.reader import Reading

BASE_ARG = "BASE"
BUILDKIT = "BUILDKIT_"
_INSTALLED = ("apt", "python", "conda", "r", "spark")


def dockerfile_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """Everything about `managed`, `dockerfile` and `builder` that a schema cannot say."""
    managed, dockerfile = value.get("managed", "system"), value.get("dockerfile")
    base = value.get("base")
    if managed == "user":
        yield from _user(value, base, has_dockerfile="dockerfile" in value)
    elif dockerfile is not None and managed == "system":
        message = "a Dockerfile installs everything itself, so `managed` must be `user`"
        yield Finding("managed-dockerfile", message, ("dockerfile",), "add `managed: user`", True)
    yield from _args(dockerfile, has_base=base is not None)
    yield from _builder(value, managed, has_dockerfile="dockerfile" in value)


def _user(value: dict[str, Any], base: Any, *, has_dockerfile: bool) -> Iterator[Finding]:
    for key in _INSTALLED:
        if key in value:
            message = f"`{key}` cannot be installed into a user-managed environment"
            hint = "install it in the base image or the Dockerfile, or leave `managed: user` out"
            yield Finding("managed-user", message, (key,), hint, True)
    kinds = set(base) if isinstance(base, dict) else set()
    if "debian" in kinds:
        message = "a user-managed environment cannot begin with Debian packages, which we would choose"
        hint = "set `base.image`, or `dockerfile`"
        yield Finding("managed-base", message, ("base", "debian"), hint, True)
    elif "environment" in kinds and not has_dockerfile:
        message = "a user-managed environment on another one needs a `dockerfile` that adds to it"
        yield Finding("managed-base", message, ("base", "environment"), "add `dockerfile: {}`", True)


def _args(dockerfile: Any, *, has_base: bool) -> Iterator[Finding]:
    args = dockerfile.get("args") if isinstance(dockerfile, dict) else None
    if has_base and isinstance(args, dict) and BASE_ARG in args:
        message = f"the build argument `{BASE_ARG}` has its value from `base`"
        yield Finding(
            "dockerfile-args", message, ("dockerfile", "args", BASE_ARG), "remove one of them", True
        )
    for name in args if isinstance(args, dict) else ():
        if isinstance(name, str) and name.upper().startswith(BUILDKIT):
            # `BUILDKIT_SYNTAX` names an image that builds in the place of Docker's own program.
            message = f"the build argument `{name[:60]}` would change the builder itself"
            path = ("dockerfile", "args", name)
            yield Finding("dockerfile-args", message, path, "remove it; `# syntax=` is locked", True)


def _builder(value: dict[str, Any], managed: Any, *, has_dockerfile: bool) -> Iterator[Finding]:
    builder = value.get("builder")
    if builder == "embedded" and has_dockerfile:
        message = "the embedded builder cannot build a Dockerfile"
        yield Finding("builder-dockerfile", message, ("builder",), "leave `builder` out")
    elif builder == "docker" and managed == "user" and not has_dockerfile:
        message = "there is nothing to build: the base image is the environment"
        yield Finding("builder-nothing", message, ("builder",), "leave `builder` out")


def built_base_problems(
    reading: Reading, environment: Environment, chain: Sequence[Environment]
) -> Iterator[Problem]:
    """What a Dockerfile builds is no set of layers that is known beforehand, so only a Dockerfile can go on from it."""
    if chain and chain[0].dockerfile is not None and environment.dockerfile is None:
        message = (
            f"the base `{chain[0].name}` is built from a Dockerfile, and only a Dockerfile can add to it"
        )
        hint = "add `managed: user` and a `dockerfile` with `FROM ${BASE}`, or name its image by `base.image`"
        yield reading.problem("base-built", message, ("base", "environment"), hint)
