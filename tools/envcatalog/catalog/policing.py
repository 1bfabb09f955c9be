"""The policy of `catalog.yaml`, applied to the content of one source. Only files and Git are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import environment_folder, lock_path
from envcatalog.definition.policy.check import LockText, check_policy
from envcatalog.definition.policy.subject import Before, DockerfileVariable, Subject, download_sizes
from envcatalog.definition.reader import Reading, SettingsReading
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.versions import latest_of_each
from envcatalog.lock.file import lock_digest
from envcatalog.model.environment import Environment, EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Lock
from envcatalog.model.policy import Policy
from envcatalog.model.problem import Problem
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.formats.docker.dockerfile import Parsed

Newest = Callable[[str, Lock | None], Before]


def policy_problems(
    content: Content,
    names: Iterable[str],
    readings: Mapping[str, Reading],
    settings: SettingsReading,
    *,
    newest: Newest | None,
    whole: bool,
    today: str,
) -> tuple[Problem, ...]:
    """What the policy has against the named environments; archived ones are not judged, since nothing builds them.

    Args:
        readings: of all environments that are named or inherited from.
        newest: what an environment's newest version would download, given the lock that it is compared with; None
            where Git cannot be asked.
        whole: all environments of the catalog are named.
    """
    if settings.settings is None or settings.settings.policy == Policy():
        return ()
    policy = settings.settings.policy
    needs_locks = bool(policy.banned or policy.required or policy.licenses or policy.size or policy.growth)
    subjects, texts = {}, {}
    for name in names:
        chain = _chain(name, readings)
        if not chain or chain[-1].archived:
            continue
        # A Dockerfile's images are bases, and only its lock says what they are.
        read = needs_locks or (policy.base is not None and chain[-1].dockerfile is not None)
        locks = tuple(_lock(content, item.name) if read else None for item in chain)
        subjects[name] = Subject(
            chain=chain,
            locks=locks,
            dockerfile=_dockerfile(content, chain[-1]) if policy.secrets is not None else (),
            before=_before(newest, name, locks[-1]),
        )
        if locks[-1] is not None and policy.banned:
            data = content.source.read(lock_path(name)) or b""
            texts[name] = LockText(path=lock_path(name), text=data.decode(errors="replace"))
    known = frozenset(readings) if whole else None
    return check_policy(subjects, readings, settings, texts, known=known, today=today)


def newest_version(repository: CatalogRepository, at: Callable[[str], Content]) -> Newest:
    """What the newest version of an environment would download, as its commit says."""

    found: dict[str, Version] = {}
    asked = False

    def newest(name: str, lock: Lock | None) -> Before:
        nonlocal asked
        if not asked:
            found.update(latest_of_each(repository))
            asked = True
        version = found.get(name)
        if version is None:
            if repository.is_shallow:
                return Before(unknown="this clone has no version tags; run `git fetch --tags --unshallow`")
            return Before()
        if lock is not None and lock_digest(lock) == version.lock:
            return Before()  # the bases' plans are in the lock, so nothing else can have grown
        try:
            content = at(version.commit)
            chain = content.chain(name)
            locks = tuple(content.lock(item.name) for item in chain)
        except UserError as error:
            return Before(unknown=f"`{version.reference}` cannot be read: {error.message}")
        return Before(version=version.reference, sizes=download_sizes(Subject(chain=chain, locks=locks)))

    return newest


def _before(newest: Newest | None, name: str, lock: Lock | None) -> Callable[[], Before]:
    if newest is None:
        return lambda: Before(unknown="Git was not asked for the newest version")
    return lambda: newest(name, lock)


def _dockerfile(content: Content, environment: Environment) -> tuple[DockerfileVariable, ...]:
    if environment.dockerfile is None:
        return ()
    from envcatalog.formats.docker.source import read_source

    try:
        found = read_source(
            environment, content.folder(environment.name), environment_folder(environment.name)
        )
    except Refusal:  # reported as `dockerfile-context`
        return ()
    return () if isinstance(found, tuple) else tuple(_set_there(found.parsed))


def _set_there(parsed: Parsed) -> Iterator[DockerfileVariable]:
    from envcatalog.formats.docker.expand import assignments

    for item in parsed.instructions:
        if item.keyword not in ("ENV", "ARG"):
            continue
        pairs = list(assignments(item.value, parsed.escape))
        if item.keyword == "ENV" and pairs and pairs[0][1] is None:  # `ENV NAME the rest`
            name, _, rest = item.value.partition(" ")
            pairs = [(name, rest)]
        for name, value in pairs:
            if value:
                yield DockerfileVariable(name=name, value=value.strip(" \"'"), line=item.line)


def _chain(name: str, readings: Mapping[str, Reading]) -> tuple[Environment, ...]:
    """The environment and what it inherits from, the root first, as far as it can be read; none in a circle."""
    chain: list[Environment] = []
    wanted: str | None = name
    while wanted is not None:
        reading = readings.get(wanted)
        if reading is None or reading.environment is None:
            break
        if any(item.name == wanted for item in chain):
            return ()
        chain.insert(0, reading.environment)
        base = reading.environment.base
        wanted = base.environment if isinstance(base, EnvironmentBase) else None
    return tuple(chain)


def _lock(content: Content, name: str) -> Lock | None:
    try:
        return content.lock(name)
    except Refusal:  # reported as `lock-invalid`
        return None
