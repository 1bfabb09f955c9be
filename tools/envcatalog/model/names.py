"""Names: valid at once as a folder, a Git ref component and an OCI repository path component.

Sources: git-check-ref-format(1); OCI distribution specification, "Pulling manifests" (``<name>``, ``<tag>``).
"""

from __future__ import annotations

import re

NAME_PATTERN = r"[a-z0-9]+([._-][a-z0-9]+)*"
NAME_MAX = 64
NAME = re.compile(NAME_PATTERN + r"\Z")
CURATED_PREFIX = "curated-"


def is_name(text: str) -> bool:
    """True for a valid environment or alias name: the grammar, 64 characters at most, not ``*.lock``."""
    return len(text) <= NAME_MAX and NAME.match(text) is not None and not text.endswith(".lock")
