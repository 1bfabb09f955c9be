"""Whether tags are signed, and by whom: `git verify-tag`, with programs that no catalog can choose.

A repository's own settings may name keys and the file of allowed signers, but the programs that check
signatures are taken from the user's and the system's settings alone, since a check is a read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from envcatalog.git.process import Result, last_line
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.tag_object import TAG_LIMIT, is_signed

SignatureState = Literal["good", "bad", "unknown", "unsigned"]

# Setting and Git's own default (git-config(1), gpg.program and gpg.<format>.program).
_PROGRAMS = {"gpg.program": "gpg", "gpg.ssh.program": "ssh-keygen", "gpg.x509.program": "gpgsm"}
_GPG_STATUS = re.compile(r"^\[GNUPG:\] (?P<word>[A-Z_]+) (?P<rest>.*)$", re.MULTILINE)
_BAD = frozenset({"BADSIG", "REVKEYSIG"})
_OLD = frozenset({"EXPSIG", "EXPKEYSIG"})
_SSH_GOOD = re.compile(r'^Good "git" signature for (?P<who>.+) with (?P<key>\S+ key \S+)$', re.MULTILINE)
_SSH_KEY = re.compile(r'^Good "git" signature with (?P<key>\S+ key \S+)$', re.MULTILINE)
_SSH_BAD = (
    "incorrect signature",
    "Could not verify signature",
    "is revoked",
    "Signature verification failed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What is known of one tag's signature.

    Attributes:
        state: ``unknown`` is a signature that this machine cannot judge: a key it does not know or trust, or no
            program to check with.
        detail: who signed, or why it is not good; for people, may be empty.
    """

    state: SignatureState
    detail: str = ""


def signatures(repository: CatalogRepository, tags: Iterable[str]) -> Mapping[str, Signature]:
    """Object id of a tag to its signature. A process for each signed tag; the unsigned cost one reading.

    The name that a tag object was made for is no part of this: `versions.scan` passes over one that stands
    under another name, which `git verify-tag` accepts.
    """
    programs: tuple[str, ...] | None = None
    found = {}
    for item in repository.objects.read_many(dict.fromkeys(tags), limit=TAG_LIMIT, missing_too=True):
        if item.kind != "tag" or not is_signed(item.data):
            found[item.id] = Signature(state="unsigned")
            continue
        programs = programs or _programs(repository)
        arguments = (*programs, "verify-tag", "--raw", item.id)
        found[item.id] = _judged(repository.processes.read(*arguments))
    return found


def _programs(repository: CatalogRepository) -> tuple[str, ...]:
    options = []
    for setting, default in _PROGRAMS.items():
        chosen = default
        for scope in ("--system", "--global"):
            answer = repository.processes.read("config", scope, "--get", setting)
            chosen = answer.out.decode(errors="surrogateescape").strip() or chosen
        options += ["-c", f"{setting}={chosen}"]
    return tuple(options)


def _judged(result: Result) -> Signature:
    words = {match["word"]: match["rest"] for match in _GPG_STATUS.finditer(result.err)}
    if words.keys() & _BAD:
        return Signature(state="bad", detail=_who(words, _BAD) or "the signature is bad")
    if words.keys() & _OLD:
        return Signature(state="unknown", detail=f"expired: {_who(words, _OLD)}")
    if result.code == 0:
        ssh = _SSH_GOOD.search(result.err)
        who = f"{ssh['who']}, {ssh['key']}" if ssh else _who(words, {"GOODSIG"}) or last_line(result.err)
        return Signature(state="good", detail=who)
    if any(text in result.err for text in _SSH_BAD):
        return Signature(state="bad", detail=last_line(result.err))
    if "NO_PUBKEY" in words:
        return Signature(state="unknown", detail=f"no public key {words['NO_PUBKEY'].strip()}")
    if stranger := _SSH_KEY.search(result.err + "\n" + result.out.decode(errors="replace")):
        return Signature(state="unknown", detail=f"no allowed signer has the {stranger['key']}")
    return Signature(state="unknown", detail=_reason(result))


def _reason(result: Result) -> str:
    lines = [line for line in result.err.splitlines() if line and not line.startswith("[GNUPG:]")]
    return " ".join(lines[-1:]).removeprefix("error: ") or f"exit code {result.code}"


def _who(words: Mapping[str, str], keys: Iterable[str]) -> str:
    """The signer's name; gpg writes the key's id before it."""
    return next((words[key].partition(" ")[2] for key in keys if key in words), "")
