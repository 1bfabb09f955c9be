"""The registry of a bare repository, and whether it holds the image that a pushed version claims."""

from __future__ import annotations

from pathlib import Path

from envcatalog.catalog.content import Content
from envcatalog.catalog.verify.registry import index_plan
from envcatalog.git.pushed import configured
from envcatalog.git.repository import CatalogRepository
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.seams import Registry
from envcatalog.registry.open import open_registry

REGISTRY_KEY = "envcat.registry"


def registry_of(repository: CatalogRepository, content: Content | None) -> str | None:
    """The operator's word, then the catalog's; a layout folder of the operator is below the bare repository.

    A folder that a catalog names is in somebody's clone, so it is none for a server.
    """
    where = configured(repository, REGISTRY_KEY)
    if where and where.startswith("oci:"):
        return f"oci:{repository.layout.git_dir / where.removeprefix('oci:')}"
    where = where or (content.settings.registry if content else None)
    return None if where is None or where.startswith("oci:") else where


class PushedImages:
    """What tags claim against what the registry holds; one connection for all of them.

    Args:
        where: as `open_registry` takes it.
        cache: folder for large temporary files.
    """

    def __init__(self, where: str, cache: Path) -> None:
        self._where = where
        self._cache = cache
        self._registry: Registry | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._registry is not None:
            self._registry.close()

    def check(self, shown: str, name: str, image: str, plan: str) -> None:
        """Whether the image is there and was made from the plan.

        Args:
            shown: the tag, for messages.

        Raises:
            Refusal: it is not, or the registry does not say; what cannot be checked is not taken.
        """
        try:
            self._registry = self._registry or open_registry(self._where, cache=self._cache)
            index = self._registry.repository(name).manifest(image)
            made = index_plan(index.data) if index else None
        except UserError as error:
            raise Refusal(
                f"the image of the tag `{shown}` cannot be looked up: {error.message}",
                "push the tag again when the registry answers, or push the branch alone to have it published",
            ) from error
        if index is None:
            raise Refusal(
                f"the tag `{shown}` records the image {image[:19]}, which the registry does not hold",
                "push the branch alone to have it published",
            )
        if made != plan:
            raise Refusal(
                f"the tag `{shown}` records the image {image[:19]}, which was made from another plan",
                "versions are made by `envcat publish`",
            )
