"""What Git says of a version, as OCI annotations.

They are on the descriptor of an OCI layout and on a referrer artifact, never in the image: the same definition and
lock give the same image digest in every repository and at every commit.
Source: OCI image specification, annotations.md, "Pre-Defined Annotation Keys".
"""

from __future__ import annotations

from envcatalog.model.image import KEY_ENVIRONMENT, KEY_PLAN
from envcatalog.model.version import Version

PREFIX = "org.opencontainers.image."


def version_facts(version: Version, source: str | None) -> dict[str, str]:
    """Annotations of one version; `source` is the remote's address without credentials."""
    facts = {
        f"{PREFIX}title": version.name,
        f"{PREFIX}version": str(version.number),
        f"{PREFIX}revision": version.commit,
        f"{PREFIX}created": version.date,
        KEY_ENVIRONMENT: version.name,
        KEY_PLAN: version.plan,
    }
    if source:
        facts[f"{PREFIX}source"] = source
    return facts
