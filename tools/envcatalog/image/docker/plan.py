"""Plans of what a Docker Engine builds: no layer of them is known beforehand, only all that they are built from."""

from __future__ import annotations

from dataclasses import replace

from envcatalog.definition.canonical import definition_digest
from envcatalog.image.codec import CODEC
from envcatalog.image.runtime import runtime_config
from envcatalog.model.digest import json_digest
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal
from envcatalog.model.image import KEY_PLAN
from envcatalog.model.lock import Lock, LockedImage
from envcatalog.model.plan import ImagePlan, PlatformPlan, RuntimeConfig

# How the layers that an engine made are normalised; another number makes other plans of all of them.
NORMAL_FORM = 1
# How a system-managed environment becomes a Dockerfile (`image.docker.render`); likewise.
RENDERED_FORM = 1


def plan_dockerfile(environment: Environment, lock: Lock, *, lock_digest: str) -> ImagePlan:
    """The plan of an environment with a Dockerfile.

    Raises:
        Refusal: the lock was made from another definition, or holds no Dockerfile.
    """
    relock = f"run `envcat lock {environment.name}`"
    definition = definition_digest(environment)
    if lock.definition != definition or lock.dockerfile is None:
        raise Refusal(f"the lock of `{environment.name}` was made from another definition", relock)
    digest = json_digest(
        {
            "builder": "docker",
            "normal-form": NORMAL_FORM,
            "codec": CODEC,
            "definition": definition,
            "lock": lock_digest,
        }
    )
    config = runtime_config(
        environment,
        plan=digest,
        python=None,
        base=lock.base if isinstance(lock.base, LockedImage) else None,
        parent=RuntimeConfig(),  # all that the definition does not set is the Dockerfile's
        adds_python=False,
    )
    return ImagePlan(
        environment=environment.name,
        digest=digest,
        platforms=tuple(
            PlatformPlan(platform=platform, base=None, layers=(), config=config)
            for platform in environment.platforms
        ),
        python=None,
        builder="docker",
    )


def plan_for_docker(plan: ImagePlan) -> ImagePlan:
    """The plan of the same content when an engine builds it: another image, so another plan."""
    digest = json_digest(
        {
            "builder": "docker",
            "normal-form": NORMAL_FORM,
            "rendered-form": RENDERED_FORM,
            "codec": CODEC,
            "plan": plan.digest,
        }
    )

    def labelled(config: RuntimeConfig) -> RuntimeConfig:
        return replace(config, labels=tuple(sorted({**dict(config.labels), KEY_PLAN: digest}.items())))

    platforms = tuple(replace(item, config=labelled(item.config)) for item in plan.platforms)
    return replace(plan, digest=digest, platforms=platforms, builder="docker")
