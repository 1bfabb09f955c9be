"""What a user may write to name a commit, and the commit it names.

Git's own revision language can name any object by content, time or path, and some spellings look like
options; a catalog needs names and ids only, so the rest is refused before Git sees it (gitrevisions(7)).
"""

from __future__ import annotations

import difflib
import re

from envcatalog.git.repository import CatalogRepository
from envcatalog.model.errors import UserError

_LONGEST = 255
_REVISION = re.compile(r"(?P<name>[\w][\w./+@#=,%&!-]*)(?P<steps>~[0-9]{1,6})?\Z")
_FORBIDDEN = re.compile(r"\.\.|@\{|//|/\.|\.lock(/|\Z)|[./]\Z|[\x00-\x20\x7f]")
_CANDIDATE = re.compile(r"^hint: +([0-9a-f]{4,}) commit ", re.MULTILINE)
# `git describe` spelling: Git takes the id after `-g` and ignores all before it, even a misspelt name.
_DESCRIBED = re.compile(r"-g[0-9a-f]{4,}\Z")


def is_revision(text: str) -> bool:
    """True for what `resolve` accepts: a full or short id, a branch, a tag, or one of them and ``~N``."""
    if len(text.encode(errors="surrogateescape")) > _LONGEST:
        return False
    match = _REVISION.match(text)
    return match is not None and _FORBIDDEN.search(match["name"]) is None


def resolve(repository: CatalogRepository, text: str) -> str:
    """Full id of the commit that a full or abbreviated id, a branch or a tag names.

    Raises:
        UserError: the text is none of these, or names nothing or more than one thing.
    """
    if not is_revision(text):
        raise UserError(f"{quote(text)} cannot name a commit", "use a commit id, a branch or a tag")
    for name in _described(repository, text) if _DESCRIBED.search(text) else [text]:
        result = repository.processes.read("rev-parse", "--verify", "--end-of-options", name + "^{commit}")
        if result.code == 0:
            return result.out.decode().strip()
        if "is ambiguous" in result.err:
            # Git says with its error which ones there are.
            candidates = _CANDIDATE.findall(result.err)[:5]
            raise UserError(
                f"{quote(text)} is the start of more than one commit id",
                "write more of its digits" + "".join(f", `{one}`" for one in candidates).replace(",", ":", 1),
            )
    raise UserError(f"no commit, branch or tag is called {quote(text)}", _instead(repository, text))


def _instead(repository: CatalogRepository, text: str) -> str:
    if repository.is_shallow:
        return "run `git fetch --unshallow`: this clone is shallow"
    known = (*branches(repository), *branches(repository, remote=True))
    same = [branch for branch in known if branch.partition("/")[2] == text]
    near = same or difflib.get_close_matches(text[:80], known, n=1)
    return f"did you mean `{near[0]}`" if near else ""


def branches(repository: CatalogRepository, *, remote: bool = False) -> tuple[str, ...]:
    """Short names of the local branches, or of those seen on remotes (``origin/main``).

    At most 100, the ones with the newest commits first.
    """
    arguments = ("for-each-ref", "--count=100", "--sort=-committerdate", "--format=%(refname:lstrip=2)")
    out = repository.processes.output(*arguments, "refs/remotes/" if remote else "refs/heads/")
    return tuple(name for name in out.decode(errors="surrogateescape").splitlines() if is_revision(name))


def _described(repository: CatalogRepository, text: str) -> list[str]:
    names = [f"refs/heads/{text}", f"refs/tags/{text}"]
    return [
        name for name in names if repository.processes.read("show-ref", "--verify", "--quiet", name).code == 0
    ]


def quote(text: str) -> str:
    """A text from outside in backticks: control characters and stray bytes escaped, cut to 60 characters."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return "`" + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown) + "`"
