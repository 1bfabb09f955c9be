"""Signatures of tags: SSH and GPG, good, bad, unknown and none; no program of the repository's choice runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_support import digest, facts, git

from envcatalog.git.claim import claim
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.signatures import Signature, signatures
from envcatalog.model.version import Version

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="needs gpg")


def make(repository: CatalogRepository, number: int = 1) -> Version:
    plan = "abcdef"[number]
    return claim(repository, "alpha", number, facts(repository.require_head(), plan), remote=None)


def forged(repository: CatalogRepository, version: Version) -> str:
    """The same signature below other trailers."""
    text = git(repository.root, "cat-file", "tag", version.tag)
    assert digest("e") in text
    text = text.replace(digest("e"), digest("f")) + "\n"
    return git(repository.root, "hash-object", "-t", "tag", "-w", "--stdin", stdin=text)


def judge(repository: CatalogRepository, tag: str) -> Signature:
    return signatures(repository, [tag])[tag]


def use_ssh(root: Path, folder: Path) -> Path:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(key)}.items():
        git(root, "config", name, value)
    return key


@needs_ssh
def test_ssh(repository: CatalogRepository, tmp_path: Path) -> None:
    root = repository.root
    key = use_ssh(root, tmp_path)
    version = make(repository)
    assert judge(repository, version.tag) == Signature(
        state="unknown",
        detail="gpg.ssh.allowedSignersFile needs to be configured and exist for ssh signature verification",
    )
    allowed = tmp_path / "allowed"
    git(root, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other / "key")], check=True)
    allowed.write_text(f"bob@example.com {(other / 'key.pub').read_text()}")
    stranger = judge(repository, version.tag)
    assert stranger.state == "unknown"
    assert stranger.detail.startswith("no allowed signer has the ED25519 key SHA256:")
    allowed.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    good = judge(repository, version.tag)
    assert good.state == "good"
    assert good.detail.startswith("ada@example.com, ED25519 key SHA256:")
    assert judge(repository, forged(repository, version)).state == "bad"


@pytest.fixture
def gnupg(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring with one key; its agent ends with the test."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    options = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(
        ["gpg", *options, "--quick-gen-key", "Ada Example <ada@example.com>", "ed25519", "sign", "never"],
        check=True,
        capture_output=True,
    )
    yield home
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


@needs_gpg
def test_gpg(
    repository: CatalogRepository, gnupg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository.root, "config", "tag.gpgSign", "true")
    version = make(repository)
    git(repository.root, "verify-tag", "alpha@1")
    assert judge(repository, version.tag) == Signature(state="good", detail="Ada Example <ada@example.com>")
    assert judge(repository, forged(repository, version)) == Signature(
        state="bad", detail="Ada Example <ada@example.com>"
    )
    empty = tmp_path / "gnupg"
    empty.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(empty))
    unknown = judge(repository, version.tag)
    assert unknown.state == "unknown"
    assert unknown.detail.startswith("no public key ")
    assert gnupg.is_dir()


def test_unsigned_missing_and_lightweight(repository: CatalogRepository) -> None:
    version = make(repository)
    head = repository.require_head()
    found = signatures(repository, [version.tag, head, "1" * len(head)])
    assert {item.state for item in found.values()} == {"unsigned"}
    assert len(found) == 3


@needs_ssh
def test_programs_of_the_repository_are_not_run(repository: CatalogRepository, tmp_path: Path) -> None:
    root = repository.root
    use_ssh(root, tmp_path)
    version = make(repository)
    canary = tmp_path / "canary"
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {canary}\necho '[GNUPG:] GOODSIG 0 Eve'\n")
    script.chmod(0o755)
    for name in ("gpg.program", "gpg.ssh.program", "gpg.x509.program", "gpg.ssh.defaultKeyCommand"):
        git(root, "config", name, str(script))
    git(root, "config", "gpg.ssh.allowedSignersFile", os.devnull)
    subprocess.run(["git", "-C", str(root), "verify-tag", "alpha@1"], check=False, capture_output=True)
    assert canary.exists(), "Git itself runs it, so this test can fail"
    canary.unlink()
    assert judge(repository, version.tag).state == "unknown"
    assert not canary.exists()


@needs_ssh
def test_programs_of_the_user_are(repository: CatalogRepository, tmp_path: Path) -> None:
    use_ssh(repository.root, tmp_path)
    version = make(repository)
    git(repository.root, "config", "gpg.ssh.allowedSignersFile", os.devnull)
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path / 'canary'}\nexit 1\n")
    script.chmod(0o755)
    git(repository.root, "config", "--global", "gpg.ssh.program", str(script))
    assert judge(repository, version.tag).state != "good"
    assert (tmp_path / "canary").exists()
