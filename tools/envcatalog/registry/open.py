"""From what the user wrote to a registry: ``oci:DIR`` or ``HOST[:PORT]/PREFIX``."""

from __future__ import annotations

import os
from pathlib import Path

from envcatalog.model.errors import UserError
from envcatalog.model.seams import Registry
from envcatalog.registry.reference import LAYOUT_PREFIX, check_path, parse_host

FORMS = "write `oci:DIR` for a folder, or `HOST[:PORT]/PREFIX` for a registry"


def open_registry(where: str, *, cache: Path, insecure: bool = False) -> Registry:
    """Open a registry; nothing is written, and no connection is made, before it is used.

    Args:
        where: ``oci:DIR``, relative to the current folder, or ``HOST[:PORT]/PREFIX`` (prefix optional).
        cache: folder for large temporary files.
        insecure: speak http also to a host that is not a loopback one.

    Raises:
        UserError: outside the grammar, or something else is in the folder's place.
    """
    if where.startswith(LAYOUT_PREFIX):
        return _open_layout(where, cache)
    if not where:
        raise UserError("no registry is given", FORMS)
    if "://" in where:
        raise UserError("a registry address has no scheme such as `https://`", FORMS)
    host, _, prefix = where.partition("/")
    parse_host(host, where)
    from envcatalog.registry.http import HttpRegistry

    prefix = prefix.removesuffix("/")
    return HttpRegistry(host, check_path(prefix, where) if prefix else "", scratch=cache, insecure=insecure)


def _open_layout(where: str, cache: Path) -> Registry:
    from envcatalog.registry.layout import LayoutRegistry

    folder = where.removeprefix(LAYOUT_PREFIX)
    if not folder:
        raise UserError("`oci:` names no folder", FORMS)
    if ":" in folder and os.name != "nt":
        # `oci:DIR:name:tag` is split at the first colon by every tool that reads it.
        raise UserError(f"the folder of `{where}` has a colon in it", "choose a folder without a colon")
    return LayoutRegistry(folder, scratch=cache)
