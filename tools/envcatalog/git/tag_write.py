"""Makes versions' tag objects and, apart from that, their references.

`git tag` would do both at once and leave nothing between them for a remote to decide. Objects without a signature are
written as they are, any number by one process. A signature is Git's work: `git tag` runs in a scratch Git folder that
shares the repository's objects and settings, and its reference is thrown away with the folder.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envcatalog.git.process import checked, failure, last_line
from envcatalog.git.repository import CatalogRepository, Layout
from envcatalog.git.tag_object import TAG_LIMIT, format_message, is_signed
from envcatalog.model.errors import UserError

_PREFIX = "envcat-tag-"
_STALE_SECONDS = 3600
_TARGET_LIMIT = 16 * 1024 * 1024
_NOT_SET = 1  # git-config(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTag:
    """An annotated tag to be made.

    Attributes:
        reference: its inner name, ``name@N``.
        target: full id of the commit, or of the tag, that it names.
        text: the user's own words.
        trailers: what stands at the end of its message; empty values are left out.
    """

    reference: str
    target: str
    text: str = ""
    trailers: Mapping[str, str]

    @property
    def message(self) -> bytes:
        """ValueError for a trailer that cannot be read back."""
        return format_message(self.reference, self.text, self.trailers)


def make_tag(repository: CatalogRepository, tag: NewTag) -> str:
    """`make_tags` for one."""
    (made,) = make_tags(repository, [tag])
    return made


def make_tags(repository: CatalogRepository, tags: Sequence[NewTag]) -> list[str]:
    """Store tag objects, signed where Git is configured so, without references; their ids in order.

    Raises:
        UserError: nobody to name as tagger, the signing failed, or the repository cannot be written.
    """
    if _must_sign(repository):
        return [_signed(repository, tag) for tag in tags]
    arguments = ("var", "GIT_COMMITTER_IDENT")
    result = repository.processes.write(*arguments)
    if result.code != 0:
        raise _refine(failure(result, arguments), result.err)
    tagger = result.out.removesuffix(b"\n")
    with _scratch(repository.layout) as folder:
        paths = [folder / str(number) for number, _ in enumerate(tags)]
        for path, tag in zip(paths, tags, strict=True):
            path.write_bytes(_object(repository, tag, tagger))
        stdin = "".join(f"{_quoted(path)}\n" for path in paths).encode(errors="surrogateescape")
        store = ("hash-object", "-t", "tag", "-w", "--no-filters", "--stdin-paths")
        return checked(repository.processes.write(*store, stdin=stdin), store).decode().split()


def _object(repository: CatalogRepository, tag: NewTag, tagger: bytes) -> bytes:
    """The bytes that `git tag -a` would write (git-mktag(1))."""
    target = repository.objects.read(tag.target, limit=_TARGET_LIMIT)
    headers = f"object {target.id}\ntype {target.kind}\ntag {tag.reference}\ntagger "
    return headers.encode() + tagger + b"\n\n" + tag.message


def _signed(repository: CatalogRepository, tag: NewTag) -> str:
    layout = repository.layout
    with _scratch(layout) as folder:
        _make_git_folder(folder, layout)
        environment = {
            "GIT_DIR": str(folder),
            "GIT_COMMON_DIR": str(folder),
            "GIT_OBJECT_DIRECTORY": str(layout.common_dir / "objects"),
        }
        arguments = (
            "tag",
            "-a",
            "--cleanup=verbatim",
            "-F",
            "-",
            "--end-of-options",
            tag.reference,
            tag.target,
        )
        result = repository.processes.write(*arguments, stdin=tag.message, environment=environment)
        if result.code != 0:
            raise _refine(failure(result, arguments), result.err)
        parse = ("rev-parse", "--verify", "--end-of-options", f"refs/tags/{tag.reference}")
        made = checked(repository.processes.write(*parse, environment=environment), parse).decode().strip()
    # Git 2.39 makes an unsigned tag, and calls it done, where `ssh-keygen` cannot sign.
    if not is_signed(repository.objects.read(made, limit=TAG_LIMIT).data):
        raise _unsigned(last_line(result.err))
    return made


@contextlib.contextmanager
def _scratch(layout: Layout) -> Iterator[Path]:
    _sweep(layout)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=layout.common_dir))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UserError(f"the repository in `{layout.root}` cannot be written: {reason}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_reference(repository: CatalogRepository, ref: str, object_id: str) -> bool:
    """Create a reference at once or not at all; False when there already is one, whatever it names.

    Raises:
        UserError: it cannot be written for another reason.
    """
    arguments = ("update-ref", "--no-deref", "--stdin", "-z")
    command = f"create {ref}\0{object_id}\0".encode()
    result = repository.processes.write(*arguments, stdin=command)
    if result.code == 0:
        return True
    exists = repository.processes.read("rev-parse", "--verify", "--quiet", "--end-of-options", ref)
    if exists.code == 0:
        return False
    raise failure(result, arguments)


def create_references(repository: CatalogRepository, objects: Mapping[str, str]) -> None:
    """Create references by name, all or none; none where one is there already, and no error then."""
    commands = "".join(f"create {ref}\0{object_id}\0" for ref, object_id in objects.items())
    repository.processes.write("update-ref", "--no-deref", "--stdin", "-z", stdin=commands.encode())


def _sweep(layout: Layout) -> None:
    """Remove what killed processes left."""
    for folder in layout.common_dir.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.lstat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _make_git_folder(folder: Path, layout: Layout) -> None:
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    version, extensions = 0, ""
    if layout.object_format != "sha1":
        version, extensions = 1, f"[extensions]\n\tobjectFormat = {layout.object_format}\n"
    # Git reads the format from this very file and follows no include for it; the rest is included.
    files = (layout.common_dir / "config", layout.git_dir / "config.worktree")
    includes = "".join(f"[include]\n\tpath = {_quoted(path)}\n" for path in files if path.is_file())
    text = f"{includes}{extensions}[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n"
    (folder / "config").write_text(text, errors="surrogateescape")
    shallow = layout.common_dir / "shallow"
    if shallow.is_file():
        shutil.copyfile(shallow, folder / "shallow")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _must_sign(repository: CatalogRepository) -> bool:
    arguments = ("config", "--type=bool", "--get", "tag.gpgSign")
    found = repository.processes.write(*arguments)
    if found.code not in (0, _NOT_SET):  # no reason to leave a tag unsigned
        raise failure(found, arguments)
    return found.out.strip() == b"true"


def _unsigned(reason: str) -> UserError:
    return UserError(f"the version's tag could not be signed: {reason}", "check `git config user.signingKey`")


def _refine(error: UserError, message: str) -> UserError:
    nobody = ("Please tell me who you are", "empty ident", "auto-detect", "only of disallowed characters")
    if any(words in message for words in nobody):
        return UserError(
            "Git does not know who you are, so a version cannot be signed with your name",
            "run `git config --global user.name NAME` and `git config --global user.email ADDRESS`",
        )
    if "gpg failed to sign" in message or "unable to sign the tag" in message or "signing" in message:
        return _unsigned(error.message)
    return error
