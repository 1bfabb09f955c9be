"""The content of a catalog at one source (the work tree, or a commit), read lazily and once.

Every use case goes through this class, so the work tree, a pull request's head and a commit from last year are
read by the very same code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cached_property

from envcatalog.catalog.building.choosing import chosen_builder, own_builder
from envcatalog.catalog.places import SETTINGS_PATH, definition_path, environment_folder, lock_path
from envcatalog.definition.canonical import definition_digest
from envcatalog.definition.order import base_first
from envcatalog.definition.reader import Reading, read_environment, read_settings
from envcatalog.git.source import Source
from envcatalog.image.plan import plan_image
from envcatalog.lock.file import load_lock, lock_digest
from envcatalog.model.environment import BuilderName, DebianBase, Environment, EnvironmentBase
from envcatalog.model.errors import ProblemsFound, Refusal, UserError
from envcatalog.model.files import FolderFile
from envcatalog.model.lock import Artefact, Lock, LockedEnvironment
from envcatalog.model.names import NAME_MAX, is_name
from envcatalog.model.plan import ImagePlan
from envcatalog.model.settings import Settings


class Stale(Refusal):
    """The lock does not belong to the definition; `reason` is short enough for a plan's line."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"`{name}` cannot be planned: {reason}", f"run `envcat lock {name}`")
        self.reason = reason


class Content:
    """Settings, definitions, locks and plans of one source.

    Args:
        builder: the builder that a command asks for, instead of the definitions' own.
    """

    def __init__(self, source: Source, builder: BuilderName | None = None) -> None:
        self.source = source
        self.builder = builder
        self._readings: dict[str, Reading] = {}
        self._locks: dict[str, Lock | None] = {}
        self._plans: dict[str, ImagePlan] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all environments, sorted."""
        return self.source.names()

    @cached_property
    def settings(self) -> Settings:
        """`catalog.yaml`, or the defaults where there is none.

        Raises:
            ProblemsFound: the file has problems.
        """
        data = self.source.read(SETTINGS_PATH)
        if data is None:
            return Settings()
        reading = read_settings(data, SETTINGS_PATH)
        if reading.settings is None:
            raise ProblemsFound(reading.problems)
        return reading.settings

    def reading(self, name: str) -> Reading:
        """The definition with positions and problems.

        Raises:
            UserError: there is no such environment.
        """
        if name not in self._readings:
            data = self.source.read(definition_path(name)) if is_name(name) else None
            if data is None:
                raise self._unknown(name)
            self._readings[name] = read_environment(data, definition_path(name), folder=name)
        return self._readings[name]

    def environment(self, name: str) -> Environment:
        """The definition.

        Raises:
            ProblemsFound: the file has problems.
            UserError: there is no such environment.
        """
        reading = self.reading(name)
        if reading.environment is None:
            raise ProblemsFound(reading.problems)
        return reading.environment

    def chain(self, name: str) -> tuple[Environment, ...]:
        """The environment and all that it inherits from, the root first.

        Raises:
            ProblemsFound, UserError: as `environment`.
            Refusal: the bases form a cycle.
        """
        chain = [self.environment(name)]
        seen = {name}
        while isinstance(chain[0].base, EnvironmentBase):
            parent = chain[0].base.environment
            if parent in seen:
                raise Refusal(
                    f"the bases of `{name}` form a cycle through `{parent}`", "run `envcat validate`"
                )
            seen.add(parent)
            chain.insert(0, self.environment(parent))
        return tuple(chain)

    def order(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names, bases before children. Names with problems in their definitions come last."""
        wanted = set(names)
        sound: dict[str, Environment] = {}
        for name in wanted:
            try:
                sound |= {item.name: item for item in self.chain(name)}
            except UserError:
                continue
        ordered = tuple(name for name in base_first(sound) if name in wanted)
        return ordered + tuple(sorted(wanted - set(ordered)))

    def suite(self, name: str) -> str | None:
        """The Debian suite below the environment; None on an image base."""
        base = self.chain(name)[0].base
        return base.suite if isinstance(base, DebianBase) else None

    def lock(self, name: str) -> Lock | None:
        """The lock as it is in the file; None where there is none.

        Raises:
            Refusal: the file is not a lock.
        """
        if name not in self._locks:
            data = self.source.read(lock_path(name))
            self._locks[name] = None if data is None else load_lock(data, lock_path(name))
        return self._locks[name]

    def forget(self, name: str) -> None:
        """Read a definition again that has just been edited."""
        self._readings.pop(name, None)
        self._plans.clear()

    def replace_lock(self, name: str, lock: Lock) -> None:
        """Take a lock that has just been made instead of the file's; plans that depend on it are forgotten."""
        self._locks[name] = lock
        self._plans.clear()

    def fresh_lock(self, name: str) -> Lock:
        """The lock, if it belongs to the definition and to the base's plan.

        Raises:
            Stale: it does not, or there is none.
        """
        environment = self.environment(name)
        lock = self.lock(name)
        if lock is None:
            raise Stale(name, "no lock")
        if lock.definition != definition_digest(environment):
            raise Stale(name, "lock is stale: definition changed")
        if (
            isinstance(lock.base, LockedEnvironment)
            and lock.base.plan != self.locked_plan(lock.base.environment).digest
        ):
            raise Stale(name, f"lock is stale: base `{lock.base.environment}` changed")
        if environment.dockerfile is not None:
            self._check_dockerfile(environment, lock)
        if environment.spark is not None and environment.spark.jars:
            self._check_jars(environment, lock)
        return lock

    def _check_jars(self, environment: Environment, lock: Lock) -> None:
        from envcatalog.lock.jars import changed_jar

        changed = changed_jar(self.folder(environment.name), lock.platforms[0].files)
        if changed is not None:
            raise Stale(environment.name, f"lock is stale: `{changed}` changed")

    def _check_dockerfile(self, environment: Environment, lock: Lock) -> None:
        from envcatalog.lock.dockerfile import is_current

        name, locked = environment.name, lock.dockerfile
        if locked is None or not is_current(locked, environment, self.folder(name)):
            raise Stale(name, "lock is stale: Dockerfile or context changed")

    def folder(self, name: str) -> tuple[FolderFile, ...]:
        """All files of an environment's folder."""
        return self.source.folder(environment_folder(name))

    def is_fresh(self, name: str) -> bool:
        """Whether there is a lock that belongs to the definition. Other errors are those of `fresh_lock`."""
        try:
            self.fresh_lock(name)
        except Stale:
            return False
        return True

    def owner(self, name: str, artefact: Artefact) -> str:
        """Which environment of the chain locks an artefact; the last one where several do."""
        owners = [name]
        for environment in self.chain(name):
            lock = self.lock(environment.name)
            for platform in lock.platforms if lock else ():
                if artefact in (*platform.debs, *platform.conda, *platform.wheels, *platform.files):
                    owners.append(environment.name)
        return owners[-1]

    def plan(self, name: str) -> ImagePlan:
        """What the image will consist of.

        Raises:
            Stale, ProblemsFound, UserError: as `fresh_lock` and `chain`.
            Refusal: the builder that is asked for cannot build it, or it would have more layers than an image may have.
        """
        plan = self.locked_plan(name)
        environment = self.environment(name)
        if self.builder is None or chosen_builder(environment, self.builder) == own_builder(environment):
            return plan
        if self.builder == "embedded":
            return self._image_plan(name)
        from envcatalog.image.docker.plan import plan_for_docker

        return plan_for_docker(plan)

    def plan_of(self, name: str, digest: str) -> ImagePlan:
        """The plan with a digest, by whichever builder; the definition's own plan where neither has it."""
        own = self.locked_plan(name)
        if own.digest == digest or self.environment(name).managed == "user":
            return own
        other = Content(self.source, "embedded" if own.builder == "docker" else "docker").plan(name)
        return other if other.digest == digest else own

    def locked_plan(self, name: str) -> ImagePlan:
        """The same by the definition's own builder, whatever a command asks for: what the lock of a child names."""
        if name not in self._plans:
            self.chain(name)
            plan = self._image_plan(name)
            if plan.builder != own_builder(self.environment(name)).builder:
                from envcatalog.image.docker.plan import plan_for_docker

                plan = plan_for_docker(plan)
            self._plans[name] = plan
        return self._plans[name]

    def _image_plan(self, name: str) -> ImagePlan:
        environment = self.environment(name)
        base = environment.base
        parent = self.locked_plan(base.environment) if isinstance(base, EnvironmentBase) else None
        lock = self.fresh_lock(name)
        if environment.dockerfile is not None:
            from envcatalog.image.docker.plan import plan_dockerfile

            return plan_dockerfile(environment, lock, lock_digest=lock_digest(lock))
        return plan_image(
            environment, lock, lock_digest=lock_digest(lock), parent=parent, budget=self.settings.layers
        )

    def _unknown(self, name: str) -> UserError:
        near = difflib.get_close_matches(name[:NAME_MAX], self.names, n=1)
        hint = f"did you mean `{near[0]}`" if near else "run `envcat list` to see what there is"
        return UserError(f"there is no environment `{name}` in this catalog", hint)
