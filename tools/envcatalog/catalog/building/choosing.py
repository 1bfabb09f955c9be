"""Which builder makes an environment's image, and why."""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.model.environment import BuilderName, Environment
from envcatalog.model.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A builder; `reason` is empty where it goes without saying."""

    builder: BuilderName
    reason: str = ""


def own_builder(environment: Environment) -> Choice:
    """The builder that a definition needs or asks for."""
    if environment.dockerfile is not None:
        return Choice(builder="docker", reason="it has a Dockerfile")
    if environment.builder == "docker":
        return Choice(builder="docker", reason="the definition asks for it")
    return Choice(builder="embedded")


def chosen_builder(environment: Environment, asked: BuilderName | None) -> Choice:
    """The same, where a command may ask for another.

    Raises:
        Refusal: the embedded builder is asked to build a Dockerfile.
    """
    own = own_builder(environment)
    if asked is None or asked == own.builder:
        return own
    if asked == "embedded" and environment.dockerfile is not None:
        raise Refusal(
            f"`{environment.name}` has a Dockerfile, which the embedded builder cannot build",
            "leave `--builder` out, or use `--builder docker`",
        )
    if environment.managed == "user":  # its base image is all of it: nothing is built
        return own
    return Choice(builder=asked, reason="`--builder` asks for it")
