"""A catalog that is open: its repository, its content at any commit, and what building needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content
from envcatalog.catalog.places import cache_folder
from envcatalog.catalog.publishing.known import PassedOver, VersionsByName
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision, not_a_file
from envcatalog.git.trees import FOLDER
from envcatalog.git.versions import has_tags, scan
from envcatalog.git.worktree import WorkTree
from envcatalog.model.docker import BuildOptions
from envcatalog.model.environment import BuilderName
from envcatalog.model.errors import UserError
from envcatalog.model.seams import Progress, Registry, Silent
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.history.resolve import Resolved


class OpenCatalog:
    """What every use case stands on. A context manager; `close` gives back processes and files."""

    def __init__(self, repository: CatalogRepository, *, cache: Path, progress: Progress) -> None:
        self.repository = repository
        self.cache = cache
        self.progress = progress
        # What the command asks for; set before the catalog is used.
        self.builder: BuilderName | None = None
        self.build_options = BuildOptions()
        self._at: dict[str, Content] = {}
        self._warned: set[str] = set()

    @classmethod
    def open(cls, folder: Path, *, cache: Path | None = None, progress: Progress | None = None) -> Self:
        """The catalog that a folder belongs to.

        Raises:
            UserError: the folder is in no Git repository, or the repository holds no `catalog/`.
        """
        repository = CatalogRepository.open(folder)
        try:
            _require_folder(repository)
        except UserError:
            repository.close()
            raise
        return cls(repository, cache=cache or cache_folder(), progress=progress or Silent())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is open."""
        self.repository.close()
        if "workshop" in self.__dict__:
            self.workshop.close()

    @cached_property
    def content(self) -> Content:
        """The work tree's content, uncommitted edits included."""
        return Content(WorkTree(self.repository.root, self.repository), self.builder)

    def at(self, commit: str) -> Content:
        """The content at a commit, by its full id."""
        if commit not in self._at:
            self._at[commit] = Content(Revision(self.repository, commit), self.builder)
        return self._at[commit]

    def forget(self, commit: str) -> None:
        """Give back the memory of a commit's content; it is read again when it is needed again."""
        self._at.pop(commit, None)

    @cached_property
    def workshop(self) -> Workshop:
        """What building needs on this machine."""
        return Workshop(
            root=self.repository.root,
            cache=self.cache,
            settings=self.content.settings,
            progress=self.progress,
            options=self.build_options,
        )

    def all_names(self) -> tuple[str, ...]:
        """Names of the work tree's environments, sorted; says what looks like one and is passed over."""
        for item in self.content.source.skipped()[: PassedOver.FEW]:
            self.say_once(f"warning: `{item.where}` {item.reason}, so it is passed over")
        return self.content.names

    def say_once(self, text: str) -> None:
        """A step, unless it was said before."""
        if text not in self._warned:
            self._warned.add(text)
            self.progress.step(text)

    def warn_without_tags(self) -> None:
        """Say that versions may be missing: a shallow clone comes without tags, and so looks like a new catalog."""
        if self.repository.is_shallow and not has_tags(self.repository):
            self.say_once(
                "warning: this clone is shallow and has no version tag, so versions may be missing: "
                "run `git fetch --tags`"
            )

    @cached_property
    def passed_over(self) -> PassedOver:
        """Says what looks like a version and is none, once for this catalog."""
        return PassedOver(self.progress)

    def versions(self, name: str, *, gone: bool = False) -> tuple[Version, ...]:
        """Versions of one environment, newest first; `gone`: it may be missing from the work tree."""
        found = self.known(name)
        if not found and not gone:
            self.content.reading(name)  # an unknown name is an error, an unpublished one is not
        return tuple(sorted(found, key=lambda version: version.number, reverse=True))

    def known(self, name: str) -> tuple[Version, ...]:
        """Versions of one environment, ascending; says what looks like one and is passed over."""
        self.warn_without_tags()
        found = scan(self.repository, name)
        for item in found.suspicious:
            self.passed_over(item)
        return found.versions

    def find(self, text: str) -> Resolved:
        """What a reference points at: content, commit and version. `catalog.history.reference` says what it may be."""
        from envcatalog.catalog.history.resolve import resolve_reference
        from envcatalog.catalog.lifecycle import warning_of_use as warning

        found = resolve_reference(self, text)
        number = found.version.number if found.version else None
        text = warning(self.content, found.name, number)
        if text:
            self.say_once(text)
        return found

    def resolve(self, text: str) -> tuple[str, Content]:
        """The name of a reference and the content it points at; the work tree for a bare name."""
        found = self.find(text)
        return found.name, found.content

    def open_registry(self, where: str) -> Registry:
        """A registry or OCI layout; a relative folder is below the current one."""
        from envcatalog.registry.open import open_registry

        return open_registry(where, cache=self.cache)

    def _registry_of_settings(self) -> str | None:
        where = self.content.settings.registry
        if where and where.startswith("oci:"):
            return f"oci:{self.repository.root / where.removeprefix('oci:')}"
        return where

    def versions_of(self, names: Sequence[str], *, remote: str | None = None) -> VersionsByName:
        """Versions by name, ascending, for many names at once."""
        self.warn_without_tags()
        return VersionsByName(self.repository, names, self.passed_over, remote=remote)


def _require_folder(repository: CatalogRepository) -> None:
    folder = repository.root / FOLDER
    if folder.is_symlink():
        raise not_a_file(FOLDER, "is a symbolic link")
    if folder.is_dir():
        return
    head = repository.head()
    committed = head and repository.objects.read(f"{head}:{FOLDER}", limit=0, missing_too=True).kind == "tree"
    raise UserError(
        f"there is no `{FOLDER}/` in `{repository.root}`",
        "it is committed, but not checked out: run `git checkout -- catalog` or `git sparse-checkout add catalog`"
        if committed
        else "run `envcat init` to make one",
    )
