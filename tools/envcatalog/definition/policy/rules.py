"""The rules of a policy: what in an environment breaks each of them. Reasons and exceptions come later."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.definition.finding import listed, show
from envcatalog.definition.policy.licenses import licenses
from envcatalog.definition.policy.packages import banned, pinned, required
from envcatalog.definition.policy.size import growth, size
from envcatalog.definition.policy.subject import Breach, Subject, fits
from envcatalog.model.environment import DebianBase, EnvironmentBase, ImageBase
from envcatalog.model.policy import Policy
from envcatalog.model.settings import Settings


def breaches(subject: Subject, policy: Policy, settings: Settings) -> Iterator[Breach]:
    """All breaches but those of `secrets`, which need a detector (`policy.secrets`)."""
    yield from _base(subject, policy)
    yield from _dockerfile(subject, policy)
    for package in policy.banned:
        yield from banned(subject, package)
    for package in policy.required:
        yield from required(subject, package)
    yield from pinned(subject, policy)
    yield from licenses(subject, policy.licenses)
    yield from _owners(subject, policy)
    yield from _reserved(subject, policy, settings)
    yield from size(subject, policy.size)
    yield from growth(subject, policy.growth)


def _base(subject: Subject, policy: Policy) -> Iterator[Breach]:
    rule, base = policy.base, subject.environment.base
    if rule is None:
        return
    if isinstance(base, DebianBase):
        key, value, allowed = "debian", base.suite, rule.debian
    elif isinstance(base, ImageBase):
        key, value, allowed = "image", base.image, rule.images
    elif isinstance(base, EnvironmentBase):
        key, value, allowed = "environment", base.environment, rule.environments
    else:
        return
    if not fits(value, allowed):
        hint = (
            f"the policy allows {listed(allowed)}" if allowed else f"the policy allows no `{key}` as a base"
        )
        yield Breach(
            rule="base",
            message=f"the base {show(value)} is not allowed",
            path=("base", key),
            reason=rule.reason,
            hint=hint,
        )


def _dockerfile(subject: Subject, policy: Policy) -> Iterator[Breach]:
    """A Dockerfile's images are bases, too; the lock names each of them."""
    rule, lock = policy.base, subject.lock
    if rule is None or subject.environment.dockerfile is None:
        return
    if lock is None or lock.dockerfile is None:
        message = "what the Dockerfile starts from is not locked, so it cannot be judged"
        yield Breach(rule="base", message=message, path=("dockerfile",), at_key=True, warning=True)
        return
    for image in lock.dockerfile.images:
        if not fits(image.image, rule.images):
            allowed = listed(rule.images) if rule.images else "no `image` as a base"
            yield Breach(
                rule="base",
                message=f"the Dockerfile uses the image {show(image.image)}, which is not allowed",
                path=("dockerfile",),
                at_key=True,
                locked=True,
                reason=rule.reason,
                hint=f"the policy allows {allowed}",
            )


def _owners(subject: Subject, policy: Policy) -> Iterator[Breach]:
    rule, owners = policy.owners, subject.environment.owners
    if rule is None:
        return
    if len(owners) < rule.minimum:
        message = f"the environment has {len(owners) or 'no'} owner{'s' if len(owners) > 1 else ''}"
        if rule.minimum > 1:
            message += f", and needs {rule.minimum}"
        yield Breach(
            rule="owners",
            message=message,
            path=("owners",),
            reason=rule.reason,
            at_key=True,
            hint="add `owners`",
        )
    for index, owner in enumerate(owners):
        if rule.allowed and not fits(owner, rule.allowed):
            yield Breach(
                rule="owners",
                message=f"the owner {show(owner)} is not allowed",
                path=("owners", index),
                reason=rule.reason,
                hint=f"the policy allows {listed(rule.allowed)}",
            )


def _reserved(subject: Subject, policy: Policy, settings: Settings) -> Iterator[Breach]:
    rule, environment = policy.reserved, subject.environment
    prefix = next((item for item in settings.reserved if environment.name.startswith(item)), None)
    if rule is None or prefix is None:
        return
    if rule.names and environment.name not in rule.names:
        yield Breach(
            rule="reserved",
            message=f"names that begin with `{prefix}` are reserved",
            path=("name",),
            reason=rule.reason,
            hint="choose another name, or add it to `policy.reserved.names` in `catalog/catalog.yaml`",
        )
    if rule.owners and not any(fits(owner, rule.owners) for owner in environment.owners):
        yield Breach(
            rule="reserved",
            message=f"names that begin with `{prefix}` are reserved for {listed(rule.owners)}",
            path=("owners",),
            reason=rule.reason,
            at_key=True,
        )
