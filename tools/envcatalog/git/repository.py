"""A catalog's Git repository: opened once, closed for certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from envcatalog.git.objects import ObjectReader
from envcatalog.git.process import GitProcesses, Result, failure
from envcatalog.model.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What never changes while a repository is open.

    Attributes:
        root: top folder of the work tree, without symbolic links; of a bare repository, a folder with files of
            the commit in question, or the Git folder where no file is needed.
        git_dir: the work tree's own Git folder (a linked work tree's is below the common one).
        common_dir: the Git folder that holds objects, tags and configuration.
        object_format: ``sha1`` or ``sha256``.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    object_format: str
    is_shallow: bool
    is_bare: bool = False


class CatalogRepository:
    """The repository around a folder. Not for several threads at once; open one for each.

    Keeps at most one Git process running between calls (object reads); `close` ends it.
    """

    def __init__(
        self, layout: Layout, *, head: str | None = None, keep: Mapping[str, str] | None = None
    ) -> None:
        self.layout = layout
        self.processes = GitProcesses(layout.git_dir if layout.is_bare else layout.root, keep=keep)
        self.objects = ObjectReader(self.processes)
        self.plain: set[tuple[str, str]] = set()  # (path, id) seen as a regular file, in whatever commit
        self._head = head

    @classmethod
    def open(cls, path: Path) -> CatalogRepository:
        """Open the repository that holds the folder, found from there upward as Git does.

        Raises:
            UserError: Git is missing or too old; the folder is missing, in no repository, or in a bare one;
                the repository belongs to another user.
        """
        if not path.is_dir():
            raise UserError(f"`{path}` is not a folder")
        return cls(_discover(path))

    @classmethod
    def open_bare(
        cls,
        path: Path,
        *,
        root: Path | None = None,
        head: str | None = None,
        keep: Mapping[str, str] | None = None,
    ) -> CatalogRepository:
        """Open a bare repository, for reads at a commit and for version tags.

        Args:
            root: folder that holds files of the commit `head`; see `Layout.root`.
            head: full id of the commit to take for the current one.
            keep: see `GitProcesses`; for objects that a push has brought and that are not accepted yet.

        Raises:
            UserError: as `open`, and for a repository that is not bare.
        """
        if not path.is_dir():
            raise UserError(f"`{path}` is not a folder")
        return cls(_discover_bare(path, root), head=head, keep=keep)

    @property
    def root(self) -> Path:
        """Top folder of the work tree."""
        return self.layout.root

    @property
    def is_shallow(self) -> bool:
        """Whether older commits are missing on purpose (`git clone --depth`), as it was when opened."""
        return self.layout.is_shallow

    def head(self) -> str | None:
        """Full id of the current commit; None before the first one.

        Raises:
            UserError: the commit is named, but it is missing or damaged.
        """
        if self._head is not None:
            return self._head
        options = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        result = self.processes.read(*options, "HEAD^{commit}")
        if result.code == 0:
            return result.out.decode().strip()
        named = self.processes.read(*options, "HEAD").out.decode().strip()
        if named:
            raise UserError(
                f"the current commit `{named[:12]}` is missing from the repository, or damaged",
                "run `git fsck`",
            )
        return None

    def require_head(self) -> str:
        """Full id of the current commit; UserError before the first one."""
        head = self.head()
        if head is None:
            raise UserError("the repository has no commit yet", "run `git add catalog` and `git commit`")
        return head

    def branch(self) -> str | None:
        """Short name of the current branch, also before its first commit; None on a detached HEAD."""
        result = self.processes.read("symbolic-ref", "--quiet", "--short", "HEAD")
        return result.out.decode(errors="surrogateescape").rstrip("\n") if result.code == 0 else None

    def close(self) -> None:
        """End the running Git process, if any. May be called twice; the repository may be used again."""
        self.objects.close()

    def __enter__(self) -> CatalogRepository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_FACTS = (
    "--is-bare-repository",
    "--is-shallow-repository",
    "--show-object-format",
    "--absolute-git-dir",
    "--git-common-dir",
    "--show-toplevel",
)


def _discover(path: Path) -> Layout:
    folder = path.resolve()
    result = GitProcesses(folder).read("rev-parse", *_FACTS)
    lines = result.out.decode(errors="surrogateescape").splitlines()
    if lines[:1] == ["true"]:
        raise UserError(
            f"`{path}` is a bare repository, which has no files to work on", "use a clone with a work tree"
        )
    if result.code != 0:
        raise _cannot_open(path, result)
    if len(lines) != len(_FACTS):
        raise UserError(f"the path of the repository around `{path}` holds a line break", "rename the folder")
    root = Path(lines[5]).resolve()
    if not folder.is_relative_to(root):
        raise UserError(
            f"the repository around `{path}` has its work tree elsewhere, in `{root}`",
            "run `git config --unset core.worktree`, or use `-C` with that folder",
        )
    return Layout(
        root=root,
        git_dir=Path(lines[3]),
        common_dir=(folder / lines[4]).resolve(),
        object_format=lines[2],
        is_shallow=lines[1] == "true",
    )


def is_bare(path: Path) -> bool:
    """Whether the repository around a folder is bare; False where there is none."""
    result = GitProcesses(path.resolve()).read("rev-parse", "--is-bare-repository")
    return result.code == 0 and result.out.strip() == b"true"


def _discover_bare(path: Path, root: Path | None) -> Layout:
    facts = _FACTS[:-1]
    result = GitProcesses(path.resolve()).read("rev-parse", *facts)
    lines = result.out.decode(errors="surrogateescape").splitlines()
    if result.code != 0:
        raise _cannot_open(path, result)
    if lines[0] != "true":
        raise UserError(f"`{path}` is not a bare repository")
    if len(lines) != len(facts):
        raise UserError(f"the path of the repository around `{path}` holds a line break", "rename the folder")
    folder = Path(lines[3])
    return Layout(
        root=root or folder,
        git_dir=folder,
        common_dir=folder,
        object_format=lines[2],
        is_shallow=lines[1] == "true",
        is_bare=True,
    )


def _cannot_open(path: Path, result: Result) -> UserError:
    if "dubious ownership" in result.err:
        return UserError(
            f"the repository around `{path}` belongs to another user",
            f"if you trust it, run `git config --global --add safe.directory {path.resolve()}`",
        )
    if "not a git repository" in result.err:
        return UserError(f"`{path}` is not in a Git repository", "run `envcat init` to make a catalog")
    if "must be run in a work tree" in result.err:
        return UserError(
            f"`{path}` is inside a Git folder, which is not a work tree", "use `-C` with the work tree"
        )
    return failure(result, ("rev-parse",))
