"""The quick count of versions is the full reader's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from git_support import facts, git, make_catalog, tag_by_hand, trailers

from envcatalog.git.claim import claim
from envcatalog.git.numbers import newest_numbers
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.versions import latest_of_each, versions


def test_every_kind_of_tag(tmp_path: Path) -> None:
    root = tmp_path / "catalog"
    root.mkdir()
    make_catalog(root)
    commit = git(root, "rev-parse", "HEAD")
    with CatalogRepository.open(root) as repository:
        for name in ("plain", "lightweight", "moved", "bare", "text", "checks", "dated", "extra"):
            claim(repository, name, 1, facts(commit), remote=None)
        claim(
            repository,
            "plain",
            2,
            facts(commit, "b", checks="linux/amd64=engine, linux/arm64=not-run"),
            remote=None,
        )
        claim(repository, "text", 2, facts(commit, "b", message="Words\n\nof the user"), remote=None)
        git(root, "tag", "lightweight@2")
        tag_by_hand(root, "moved@2", f"moved@2\n\n{trailers()}", inner="moved@1")
        tag_by_hand(root, "bare@2", "bare@2\n")
        tag_by_hand(root, "checks@2", f"checks@2\n\n{trailers().replace('none', 'perhaps')}")
        tag_by_hand(root, "extra@2", f"extra@2\n\n{trailers()}Other: x\n")
        tag_by_hand(root, "Plain@3", f"Plain@3\n\n{trailers()}")
        tag_by_hand(root, "plain@03", f"plain@03\n\n{trailers()}")
        full = {name: version.number for name, version in latest_of_each(repository).items()}
        assert newest_numbers(repository, partial(versions, repository)) == full
        assert full == {
            "plain": 2, "lightweight": 1, "moved": 1, "bare": 1, "text": 2, "checks": 1, "dated": 1, "extra": 2,
        }  # fmt: skip
