"""One environment to be locked: which parts it has, and what each of them is solved from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envcatalog.lock.conda.virtual import wheel_glibc
from envcatalog.lock.debian.policy import r_packages, spark_packages
from envcatalog.lock.parent import Parent
from envcatalog.model.digest import Json, json_digest
from envcatalog.model.environment import DebianBase, Environment
from envcatalog.model.files import FolderFile
from envcatalog.model.lock import Bytecode, CondaPackage, Lock, LockedFile
from envcatalog.model.seams import Progress
from envcatalog.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The arguments of `lock_environment`, and what follows from them.

    Attributes:
        files: of the environment's folder.
    """

    environment: Environment
    settings: Settings
    parent: Parent | None
    previous: Lock | None
    upgrade: bool
    upgrade_packages: frozenset[str]
    cache: Path
    progress: Progress
    files: tuple[FolderFile, ...] = ()

    @property
    def suite(self) -> str | None:
        """Of the Debian base at the root of the chain; None where an image is the root."""
        if isinstance(self.environment.base, DebianBase):
            return self.environment.base.suite
        return self.parent.suite if self.parent else None

    @property
    def brings_python(self) -> bool:
        """Whether this environment, and not an ancestor, is the one that adds Python."""
        return self.environment.python is not None and not (self.parent and self.parent.bytecode)

    @property
    def uses_conda(self) -> bool:
        """Whether the interpreter, if there is one, is conda's."""
        return self.environment.conda is not None or bool(self.parent and self.parent.has_conda)

    @property
    def glibc(self) -> int:
        """The N of the glibc 2.N that wheels may ask for."""
        return wheel_glibc(self.environment.conda, self.suite)

    @property
    def runs_scripts(self) -> bool:
        """Whether the image's builder runs the Debian packages' maintainer scripts."""
        return self.suite is not None and self.environment.builder == "docker"

    def deb_names(self) -> tuple[str, ...]:
        """The Debian packages it asks for, without what its ancestors have."""
        names = set(self.environment.apt)
        if self.suite and self.brings_python and self.environment.python and not self.uses_conda:
            from envcatalog.lock.debian.solve import python_packages

            names |= set(python_packages(self.suite, self.environment.python.version))
        if self.suite and self.environment.spark:
            names |= set(spark_packages(self.suite))
        if self.suite and self.environment.r:
            names |= set(r_packages(self.environment.r.packages))
        present = (
            [self.parent.debs(platform) for platform in self.environment.platforms] if self.parent else []
        )
        common = set.intersection(*({deb.name for deb in debs} for debs in present)) if present else set()
        return tuple(sorted(names - common))

    def debs_input(self) -> str | None:
        """What the Debian packages follow from; None where there are none to lock."""
        if self.suite is None:
            return None
        if self.parent is not None and not self.deb_names() and not self.runs_scripts:
            return None
        present = self.parent.deb_versions() if self.parent else ()
        scripts = {"scripts": True} if self.runs_scripts else {}
        return json_digest({"suite": self.suite, "names": self.deb_names(), "present": present, **scripts})

    def bytecode_input(self) -> str | None:
        """What the compiling interpreter follows from; None where conda brings it, which needs no question."""
        if not self.brings_python or self.environment.python is None or self.uses_conda:
            return None
        return json_digest({"suite": self.suite, "python": self.environment.python.version})

    def requirements(self, files: Sequence[LockedFile]) -> list[str]:
        """What the wheels must satisfy; a source archive among the files has requirements of its own."""
        packages = self.environment.python.packages if self.environment.python else ()
        return sorted((*packages, *(f"{file.name}=={file.version}" for file in files if file.is_project)))

    def archive(self, files: Sequence[LockedFile]) -> LockedFile | None:
        """The source archive that is unpacked into the environment, its own or an ancestor's."""
        inherited = [file for item in (self.parent.platforms if self.parent else ()) for file in item.files]
        return next((file for file in (*files, *inherited) if file.is_project), None)

    def wheels_input(
        self,
        bytecode: Bytecode | None,
        conda: Mapping[str, Sequence[CondaPackage]],
        files: Sequence[LockedFile] = (),
    ) -> str | None:
        """What the wheels follow from; None where there are none to lock."""
        requirements = self.requirements(files)
        if not requirements or bytecode is None:
            return None
        indexes: Json = [[index.name, sorted(index.packages)] for index in self.settings.indexes]
        value: dict[str, Json] = {
            "requirements": requirements,
            "python": bytecode.python,
            "glibc": self.glibc,
            "present": self.parent.wheel_versions() if self.parent else (),
            "indexes": indexes,
        }
        if self.uses_conda:
            value["conda"] = sorted(
                {
                    f"{platform}/{package.file}"
                    for platform in self.environment.platforms
                    for package in (*self.inherited_conda(platform), *conda.get(platform, ()))
                }
            )
        if archive := self.archive(files):
            value["archive"] = archive.sha256
        return json_digest(value)

    def inherited_conda(self, platform: str) -> tuple[CondaPackage, ...]:
        """The conda packages of the ancestors."""
        return self.parent.conda(platform) if self.parent else ()

    def unchanged(self, part: str, digest: str | None, names: Sequence[str]) -> bool:
        """Whether the previous lock's part still holds: same inputs, and nothing in it to be upgraded."""
        if self.previous is None or self.upgrade or self.upgrade_packages & set(names):
            return False
        return digest is not None and dict(self.previous.inputs).get(part) == digest
