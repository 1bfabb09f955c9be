"""Checked plain values to the dataclasses of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envcatalog.definition.rules.policy import policy_from_value
from envcatalog.model.environment import (
    DEFAULT_PLATFORM,
    Base,
    Conda,
    Container,
    DebianBase,
    Deprecated,
    Dockerfile,
    DockerfileBase,
    Environment,
    EnvironmentBase,
    ImageBase,
    Inference,
    Python,
    R,
    Spark,
)
from envcatalog.model.ranges import read_ranges
from envcatalog.model.settings import CondaChannel, DebianMirror, MavenRepository, PackageIndex, Settings


def environment_from_value(value: Mapping[str, Any]) -> Environment:
    """The environment of a value that the schema and the rules accept."""
    return Environment(
        name=value["name"],
        base=_base(value.get("base")),
        apt=tuple(value.get("apt", ())),
        python=_python(value.get("python")),
        conda=_conda(value.get("conda")),
        r=R(packages=tuple(value["r"].get("packages", ()))) if "r" in value else None,
        spark=_spark(value.get("spark")),
        managed=value.get("managed", "system"),
        dockerfile=_dockerfile(value.get("dockerfile")),
        builder=value.get("builder"),
        variables=tuple(sorted(value.get("variables", {}).items())),
        container=_container(value.get("container", {})),
        inference=Inference(**value["inference"]) if "inference" in value else None,
        platforms=tuple(sorted(value.get("platforms", (DEFAULT_PLATFORM,)))),
        checks=tuple(value.get("checks", ())),
        description=value.get("description", "").strip(),
        owners=tuple(value.get("owners", ())),
        tags=tuple(sorted(value.get("tags", {}).items())),
        aliases=tuple(sorted(value.get("aliases", {}).items())),
        deprecated=_deprecated(value.get("deprecated")),
        archived=value.get("archived", False),
    )


def _base(value: Mapping[str, str] | None) -> Base:
    if value is None:
        return DockerfileBase()
    if "debian" in value:
        return DebianBase(suite=value["debian"])
    if "image" in value:
        return ImageBase(image=value["image"])
    return EnvironmentBase(environment=value["environment"])


def _python(value: Mapping[str, Any] | None) -> Python | None:
    if value is None:
        return None
    return Python(
        version=value["version"],
        interpreter=value.get("interpreter"),
        packages=tuple(value.get("packages", ())),
    )


def _conda(value: Mapping[str, Any] | None) -> Conda | None:
    if value is None:
        return None
    return Conda(
        channels=tuple(value["channels"]),
        packages=tuple(value.get("packages", ())),
        channel_priority=value.get("channel_priority", "strict"),
        virtual_packages=tuple(sorted(value.get("virtual_packages", {}).items())),
    )


def _spark(value: Mapping[str, Any] | None) -> Spark | None:
    if value is None:
        return None
    return Spark(
        version=value["version"],
        packages=tuple(value.get("packages", ())),
        jars=tuple(value.get("jars", ())),
        conf=tuple(sorted(value.get("conf", {}).items())),
    )


def _dockerfile(value: Mapping[str, Any] | None) -> Dockerfile | None:
    if value is None:
        return None
    return Dockerfile(
        path=value.get("path", "Dockerfile"),
        context=value.get("context", "."),
        args=tuple(sorted(value.get("args", {}).items())),
        target=value.get("target"),
    )


def _deprecated(value: Mapping[str, str] | None) -> Deprecated | None:
    if value is None:
        return None
    return Deprecated(
        reason=value["reason"],
        versions=read_ranges(value["versions"]) if "versions" in value else (),
        replacement=value.get("replacement"),
        until=value.get("until"),
    )


def _container(value: Mapping[str, Any]) -> Container:
    return Container(
        user=value.get("user"),
        workdir=value.get("workdir"),
        entrypoint=tuple(value.get("entrypoint", ())) or None,
        command=tuple(value.get("command", ())) or None,
        ports=tuple(sorted(value.get("ports", ()))),
        shm_size=value.get("shm_size"),
        gpus=value.get("gpus"),
    )


def settings_from_value(value: Mapping[str, Any]) -> Settings:
    """The settings of a value that the schema and the rules accept. Mirrors keep the order of the file."""
    debian = value.get("debian", {})
    defaults = Settings()
    return Settings(
        registry=value.get("registry"),
        aliases=tuple(value.get("aliases", ())),
        indexes=tuple(
            PackageIndex(name=name, url=index["url"], packages=tuple(sorted(index["packages"])))
            for name, index in sorted(value.get("indexes", {}).items())
        ),
        mirrors=tuple(
            DebianMirror(name=name, url=mirror["url"], suites=tuple(mirror.get("suites", ())))
            for name, mirror in debian.get("mirrors", {}).items()
        ),
        channels=tuple(
            CondaChannel(name=name, url=channel["url"])
            for name, channel in sorted(value.get("channels", {}).items())
        ),
        maven=tuple(
            MavenRepository(name=name, url=repository["url"])
            for name, repository in value.get("maven", {}).items()
        ),
        keyring=debian.get("keyring"),
        layers=value.get("build", {}).get("layers", defaults.layers),
        reserved=tuple(value["reserved"]) if "reserved" in value else defaults.reserved,
        policy=policy_from_value(value["policy"]) if value.get("policy") else defaults.policy,
    )
