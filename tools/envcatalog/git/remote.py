"""Version tags on a remote. Fetches and pushes run with the user's own settings, hooks and credentials.

A remote's answer to a new reference is the compare-and-swap of the catalog: without force, Git refuses a tag
that is already there. Nothing here ever forces, deletes or prunes.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from envcatalog.git.image_record import IMAGES
from envcatalog.git.process import Result, last_line
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.git.versions import TAGS, image_ids, tag_ids
from envcatalog.model.errors import UserError

_PUSH_ATTEMPTS = 20
_PUSH_TOGETHER = 200  # tags; a command line of some 30 kB
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
    there = remote_tags(repository, remote, wanted)
    here = local_tags(repository, wanted)
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


def local_tags(repository: CatalogRepository, names: Collection[str] | None = None) -> dict[str, str]:
    """Full reference name to object id of the tags in the place of a version or of an image's record, here."""
    only = next(iter(names)) if names is not None and len(names) == 1 else None
    found = tag_ids(repository, only)
    found |= {IMAGES + reference: object_id for reference, object_id in image_ids(repository, only).items()}
    return {ref: object_id for ref, object_id in found.items() if names is None or _name_of(ref) in names}


def remote_tags(
    repository: CatalogRepository, remote: str, names: Collection[str] | None = None
) -> dict[str, str]:
    """The same on a remote. One look at it.

    Raises:
        UserError: the remote cannot be reached.
    """
    check_remote(remote)
    patterns = [f"{TAGS}*@*"]
    # So many names do not fit on a command line; all tags are then listed and sorted out here.
    if names is not None and len(names) <= 500:
        patterns = [f"{folder}{name}@*" for name in sorted(names) for folder in (TAGS, IMAGES)]
    result = repository.processes.write("ls-remote", "--refs", "--end-of-options", remote, *patterns)
    if result.code != 0:
        raise unreachable(remote, result)
    found = {}
    for line in result.out.decode(errors="surrogateescape").splitlines():
        object_id, _, ref = line.partition("\t")
        if _is_ours(ref) and (names is None or _name_of(ref) in names):
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
    check_remote(remote)
    refspecs = "".join(f"{ref}:{ref}\n" for ref in refs).encode()
    result = repository.processes.write("fetch", *options, remote, stdin=refspecs)
    if result.code != 0:
        raise unreachable(remote, result)
    repository.objects.close()  # the running reader does not look for packs that came later


def push_tag(repository: CatalogRepository, remote: str, ref: str, object_id: str) -> str:
    """Offer a new tag to the remote; empty when it is there now, otherwise the reason of the refusal.

    Raises:
        UserError: the remote cannot be reached.
    """
    check_remote(remote)
    options = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--end-of-options")
    result = repository.processes.write("push", *options, remote, f"{object_id}:{ref}")
    for line in result.out.decode(errors="replace").splitlines():
        flag, _, rest = line.partition("\t")
        if rest.endswith(ref) or f":{ref}\t" in rest:
            return rest.partition("\t")[2] if flag == "!" else ""
    raise unreachable(remote, result)


def push_tags(repository: CatalogRepository, remote: str, objects: Mapping[str, str]) -> frozenset[str]:
    """Offer new tags, by full reference name, in one push; those that the remote did not say it took.

    All of them where it cannot be reached; `offer_tag` then says why.
    """
    check_remote(remote)
    taken: set[str] = set()
    refs = sorted(objects)
    for start in range(0, len(refs), _PUSH_TOGETHER):
        refspecs = [f"{objects[ref]}:{ref}" for ref in refs[start : start + _PUSH_TOGETHER]]
        options = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--end-of-options")
        result = repository.processes.write("push", *options, remote, *refspecs)
        for line in result.out.decode(errors="replace").splitlines():
            flag, _, rest = line.partition("\t")
            if flag in ("*", "="):
                taken.add(rest.partition("\t")[0].rpartition(":")[2])
    return frozenset(refs) - taken


def offer_tag(repository: CatalogRepository, remote: str, ref: str, object_id: str) -> str:
    """Offer a new tag to the remote until it takes or refuses it; the id of what it has there afterwards.

    Where that is another object, it has been fetched.

    Raises:
        UserError: the remote cannot be reached, refuses for another reason, or is too busy.
    """
    shown = ref.removeprefix(TAGS)
    for attempt in range(_PUSH_ATTEMPTS):
        refusal = push_tag(repository, remote, ref, object_id)
        if not refusal:
            return object_id
        there = remote_tags(repository, remote, {_name_of(ref)}).get(ref)
        if there is not None:
            if there != object_id:
                fetch_tags(repository, remote, [ref])
            return there
        if not _is_passing(refusal):
            raise UserError(f"the remote `{remote}` refuses the tag `{shown}`: {refusal}")
        time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311
    raise UserError(f"the remote `{remote}` is too busy to take the tag `{shown}`", "run it again")


def _is_passing(refusal: str) -> bool:
    """Two pushes met at the remote's lock; who comes later is refused though the tag may yet not be there."""
    return any(
        words in refusal for words in ("failed to update ref", "cannot lock ref", "incorrect old value")
    )


def _is_ours(ref: str) -> bool:
    text = ref.removeprefix(IMAGES) if ref.startswith(IMAGES) else ref.removeprefix(TAGS)
    return ref.startswith(TAGS) and parse_tag_name(text) is not None


def _remote_url(repository: CatalogRepository, remote: str) -> str | None:
    result = repository.processes.read("config", "--get", f"remote.{remote}.url")
    return result.out.decode(errors="surrogateescape").strip() or None


def check_remote(remote: str) -> None:
    """UserError for anything but the configured name of a remote."""
    # An address in place of a name would carry a transport, which may start programs.
    if not _REMOTE.match(remote):
        raise UserError("a remote is given by its configured name", "look at `git remote`")


def _name_of(ref: str) -> str:
    return ref.removeprefix(IMAGES).removeprefix(TAGS).rpartition("@")[0]


def unreachable(remote: str, result: Result) -> UserError:
    """What to say where the remote did not answer as it should."""
    reason = last_line(result.err) or f"exit code {result.code}"
    return UserError(
        f"the remote `{remote}` did not answer as it should: {reason}",
        f"check `git ls-remote {remote}`",
    )
