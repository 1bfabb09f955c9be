"""The canonical form of a definition, and its digest.

Written by hand: what stands here decides which locks and images are stale, so a change of any existing digest
needs a new FORMAT. A new field of `Environment` is added only where it is set, and leaves all digests as they
were. The metadata (description, owners, tags, aliases, deprecated, archived) is never part of it.
"""

from __future__ import annotations

from typing import Any

from envcatalog.definition.requirements import Refused, read_requirement
from envcatalog.model.digest import canonical_json, sha256_digest
from envcatalog.model.environment import (
    Base,
    Conda,
    Container,
    DebianBase,
    Dockerfile,
    Environment,
    EnvironmentBase,
    ImageBase,
    Inference,
    Python,
    R,
    Spark,
)

FORMAT = 1


def definition_digest(environment: Environment) -> str:
    """Digest of the definition, in the OCI spelling."""
    return sha256_digest(definition_json(environment))


def definition_json(environment: Environment) -> bytes:
    """The canonical bytes."""
    return canonical_json({"format": FORMAT, **definition_values(environment)})


def definition_values(environment: Environment) -> dict[str, Any]:
    """The definition as plain values; empty ones are left out, lists without order are sorted."""
    return _filled(
        name=environment.name,
        base=_base(environment.base),
        apt=sorted(set(environment.apt)),
        python=_python(environment.python),
        conda=_conda(environment.conda),
        r=_r(environment.r),
        spark=_spark(environment.spark),
        managed=environment.managed if environment.managed != "system" else None,
        dockerfile=_dockerfile(environment.dockerfile),
        builder=environment.builder,
        variables=dict(environment.variables),
        container=_container(environment.container),
        inference=_inference(environment.inference),
        platforms=sorted(set(environment.platforms)),
        checks=list(environment.checks),
    )


def _filled(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, (), [], {})}


def _base(base: Base) -> dict[str, str]:
    if isinstance(base, DebianBase):
        return {"debian": base.suite}
    if isinstance(base, ImageBase):
        return {"image": base.image}
    return {"environment": base.environment} if isinstance(base, EnvironmentBase) else {}


def _python(python: Python | None) -> dict[str, Any] | None:
    if python is None:
        return None
    return _filled(
        version=python.version,
        interpreter=python.interpreter,
        packages=sorted({_requirement(text) for text in python.packages}),
    )


def _conda(conda: Conda | None) -> dict[str, Any] | None:
    if conda is None:
        return None
    priority = conda.channel_priority
    return _filled(
        channels=list(conda.channels),
        packages=sorted({" ".join(spec.split()) for spec in conda.packages}),
        channel_priority=priority if priority != "strict" else None,
        virtual_packages=dict(conda.virtual_packages),
    )


def _r(r: R | None) -> dict[str, Any] | None:
    # With no packages, too, it asks for R, so it is never empty.
    return None if r is None else {"packages": sorted(set(r.packages))}


def _spark(spark: Spark | None) -> dict[str, Any] | None:
    if spark is None:
        return None
    return _filled(
        version=spark.version,
        packages=sorted(set(spark.packages)),
        jars=sorted(set(spark.jars)),
        conf=dict(spark.conf),
    )


def _dockerfile(dockerfile: Dockerfile | None) -> dict[str, Any] | None:
    if dockerfile is None:
        return None
    return _filled(
        path=dockerfile.path,
        context=dockerfile.context,
        args=dict(dockerfile.args),
        target=dockerfile.target,
    )


def _requirement(text: str) -> str:
    requirement = read_requirement(text)
    return text if isinstance(requirement, Refused) else str(requirement)


def _container(container: Container) -> dict[str, Any]:
    return _filled(
        user=container.user,
        workdir=container.workdir,
        entrypoint=list(container.entrypoint or ()),
        command=list(container.command or ()),
        ports=sorted(set(container.ports)),
        shm_size=container.shm_size,
        gpus=container.gpus,
    )


def _inference(inference: Inference | None) -> dict[str, Any] | None:
    if inference is None:
        return None
    return _filled(
        port=inference.port,
        liveness=inference.liveness,
        readiness=inference.readiness,
        scoring=inference.scoring,
    )
