"""Version tags on a remote. Fetches and pushes run with the user's own settings, hooks and credentials.

A remote's answer to a new reference is the compare-and-swap of the catalog: without force, Git refuses a tag
that is already there. Nothing here ever forces, deletes or prunes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from envcatalog.git.process import Result, last_line
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.git.versions import TAGS, tag_ids
from envcatalog.model.errors import UserError

_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """How the version tags here and on a remote compare, as full reference names.

    Attributes:
        fetched: were new here.
        unpushed: are here alone.
        differing: name different objects on both sides; neither was touched.
    """

    fetched: tuple[str, ...] = ()
    unpushed: tuple[str, ...] = ()
    differing: tuple[Suspicion, ...] = ()


def default_remote(repository: CatalogRepository) -> str | None:
    """``origin`` where it is configured; otherwise None: this repository alone then decides on versions."""
    return "origin" if _remote_url(repository, "origin") else None


def source_url(repository: CatalogRepository, remote: str = "origin") -> str | None:
    """The remote's address for people, without user and password; None for none, and for a path."""
    url = _remote_url(repository, remote)
    if url is None or "://" not in url:
        return url.split("@")[-1] if url and ":" in url and not url.startswith(("/", ".")) else None
    parts = urlsplit(url)
    if parts.scheme == "file":
        return None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def sync_versions(
    repository: CatalogRepository, remote: str, names: Iterable[str] | None = None
) -> SyncReport:
    """Fetch the version tags that are missing here, for these environments or for all.

    One look at the remote, and one fetch where something is new.

    Raises:
        UserError: the remote cannot be reached.
    """
    wanted = None if names is None else frozenset(names)
    patterns = [f"{TAGS}*@*"] if wanted is None else [f"{TAGS}{name}@*" for name in sorted(wanted)]
    there = remote_tags(repository, remote, *patterns)
    here = tag_ids(repository)
    if wanted is not None:
        here = {ref: object_id for ref, object_id in here.items() if _name_of(ref) in wanted}
    missing = sorted(there.keys() - here.keys())
    if missing:
        fetch_tags(repository, remote, missing)
    differing = sorted(ref for ref in there.keys() & here.keys() if there[ref] != here[ref])
    return SyncReport(
        fetched=tuple(missing),
        unpushed=tuple(sorted(here.keys() - there.keys())),
        differing=tuple(
            Suspicion(where=ref, reason=f"is `{here[ref][:12]}` here but `{there[ref][:12]}` on `{remote}`")
            for ref in differing
        ),
    )


def remote_tags(repository: CatalogRepository, remote: str, *patterns: str) -> dict[str, str]:
    """Full reference name to object id of the remote's tags in the place of a version.

    Raises:
        UserError: the remote cannot be reached.
    """
    _check_remote(remote)
    # So many names do not fit on a command line; all tags are then listed and sorted out here.
    patterns = patterns if len(patterns) <= 500 else (f"{TAGS}*@*",)
    result = repository.processes.write("ls-remote", "--refs", "--end-of-options", remote, *patterns)
    if result.code != 0:
        raise _unreachable(remote, result)
    found = {}
    for line in result.out.decode(errors="surrogateescape").splitlines():
        object_id, _, ref = line.partition("\t")
        if ref.startswith(TAGS) and parse_tag_name(ref.removeprefix(TAGS)) is not None:
            found[ref] = object_id
    return found


def fetch_tags(repository: CatalogRepository, remote: str, refs: Iterable[str]) -> None:
    """Fetch these tags; those that are here already stay as they are.

    Raises:
        UserError: the remote cannot be reached, or a tag here differs.
    """
    # With `fetch.prune` set, the refspecs given here would make Git delete every version not yet pushed.
    options = [
        *("--no-tags", "--no-prune", "--no-write-fetch-head", "--no-auto-maintenance", "--quiet"),
        *("--recurse-submodules=no", "--stdin", "--end-of-options"),
    ]
    _check_remote(remote)
    refspecs = "".join(f"{ref}:{ref}\n" for ref in refs).encode()
    result = repository.processes.write("fetch", *options, remote, stdin=refspecs)
    if result.code != 0:
        raise _unreachable(remote, result)
    repository.objects.close()  # the running reader does not look for packs that came later


def push_tag(repository: CatalogRepository, remote: str, ref: str, object_id: str) -> str:
    """Offer a new tag to the remote; empty when it is there now, otherwise the reason of the refusal.

    Raises:
        UserError: the remote cannot be reached.
    """
    _check_remote(remote)
    options = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--end-of-options")
    result = repository.processes.write("push", *options, remote, f"{object_id}:{ref}")
    for line in result.out.decode(errors="replace").splitlines():
        flag, _, rest = line.partition("\t")
        if rest.endswith(ref) or f":{ref}\t" in rest:
            return rest.partition("\t")[2] if flag == "!" else ""
    raise _unreachable(remote, result)


def _remote_url(repository: CatalogRepository, remote: str) -> str | None:
    result = repository.processes.read("config", "--get", f"remote.{remote}.url")
    return result.out.decode(errors="surrogateescape").strip() or None


def _check_remote(remote: str) -> None:
    # An address in place of a name would carry a transport, which may start programs.
    if not _REMOTE.match(remote):
        raise UserError("a remote is given by its configured name", "look at `git remote`")


def _name_of(ref: str) -> str:
    return ref.removeprefix(TAGS).rpartition("@")[0]


def _unreachable(remote: str, result: Result) -> UserError:
    reason = last_line(result.err) or f"exit code {result.code}"
    return UserError(
        f"the remote `{remote}` did not answer as it should: {reason}",
        f"check `git ls-remote {remote}`",
    )
