"""`conda-meta/history`: what was asked for, for ``conda env export --from-history`` and for conda's own solver."""

from __future__ import annotations

import json
from collections.abc import Iterable

from envcatalog.image.prefix import PREFIX

META = f"{PREFIX}/conda-meta"
HISTORY = f"{META}/history"

_SPECS = "# update specs: "


def history(specs: Iterable[str]) -> str:
    """One transaction at the time that all files have."""
    return f"==> 1980-01-01 00:00:00 <==\n# cmd: envcat\n{_SPECS}{json.dumps(list(specs))}\n"


def specs_of(text: str) -> list[str]:
    """What was asked for, out of a `history` of ours."""
    return [str(spec) for spec in json.loads(text.partition(_SPECS)[2])]
