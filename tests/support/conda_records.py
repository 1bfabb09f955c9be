"""Conda channels that are only records: enough to solve, with nothing to fetch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


class RecordChannel:
    """A channel in a folder; packages appear as they are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._subdirs: dict[str, dict[str, Any]] = {"noarch": {}, "linux-64": {}, "linux-aarch64": {}}
        self._write()

    @property
    def url(self) -> str:
        """For the settings."""
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        version: str = "1.0",
        build: str = "0",
        *,
        depends: tuple[str, ...] = (),
        constrains: tuple[str, ...] = (),
        subdirs: tuple[str, ...] = ("noarch",),
        **fields: Any,
    ) -> None:
        """One package in one or more subdirs; `fields` are added to its record, None removes one."""
        for subdir in subdirs:
            file = f"{name}-{version}-{build}.conda"
            record = {
                "name": name,
                "version": version,
                "build": build,
                "build_number": 0,
                "subdir": subdir,
                "depends": list(depends),
                "constrains": list(constrains),
                "sha256": hashlib.sha256(f"{subdir}/{file}".encode()).hexdigest(),
                "size": 1000,
                **({"noarch": "generic"} if subdir == "noarch" else {}),
                **fields,
            }
            self._subdirs[subdir][file] = {key: value for key, value in record.items() if value is not None}
        self._write()

    def remove(self, file: str) -> None:
        """Take a package out of all subdirs."""
        for packages in self._subdirs.values():
            packages.pop(file, None)
        self._write()

    def _write(self) -> None:
        for subdir, packages in self._subdirs.items():
            path = self.folder / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            value = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
            path.write_text(json.dumps(value))
