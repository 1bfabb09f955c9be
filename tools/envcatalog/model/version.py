"""Versions: annotated Git tags ``<name>@<N>`` with trailers, and what Git says of commits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version tag.

    Attributes:
        commit: full object id of the tagged commit.
        date: of the tag, ISO 8601 with offset.
        author: ``Name <email>`` of the tagger.
        message: the tag's subject.
        plan, image, lock: the trailers, digests in the OCI spelling; empty where a trailer is missing.
        checks: how the checks were run: ``engine``, ``namespace``, ``none`` (nothing to run) or ``not-run``; where
            platforms differ, ``linux/amd64=engine, linux/arm64=not-run``.
        tag: object id of the tag object.
        signed: whether the tag carries a signature; `verify` says whether it is a good one.
    """

    name: str
    number: int
    commit: str
    date: str
    author: str
    message: str
    plan: str = ""
    image: str = ""
    lock: str = ""
    checks: str = ""
    tag: str = ""
    signed: bool = False

    @property
    def reference(self) -> str:
        """``name@N``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit, as `log` shows it between versions."""

    id: str
    date: str
    author: str
    message: str
