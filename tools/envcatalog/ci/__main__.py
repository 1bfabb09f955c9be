"""``python -m envcatalog.ci``: writes the files of envcatalog's own repository, in the current folder."""

from __future__ import annotations

from pathlib import Path

from envcatalog.ci.github import own_files

for name, text in own_files().items():
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
