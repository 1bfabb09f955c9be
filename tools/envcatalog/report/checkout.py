"""`checkout`: what was written, and what can be done with it."""

from __future__ import annotations

from pathlib import Path

from envcatalog.report.json import dump
from envcatalog.report.safe import visible


def checkout_text(
    *,
    reference: str,
    name: str,
    folder: Path,
    environments: tuple[str, ...],
    files: int,
    image: str,
    plan: str,
    note: str,
) -> str:
    """The folder, and the next commands."""
    bases = f" with its base{'s' if len(environments) > 2 else ''} {', '.join(environments[:-1])}"
    where = visible(str(folder))
    lines = [f"{visible(reference)}{bases if len(environments) > 1 else ''}: {files} files in {where}"]
    if plan:
        lines.append(f"plan   {plan}")
    if image:
        lines.append(f"image  {image}")
    if note:
        lines.append(f"it cannot be planned as it is: {visible(note)}")
    lines += [
        f"build  envcat -C {where} build {name} --registry oci:{where}/images",
        f"edit   {where}/catalog/{name}/environment.yaml, then envcat -C {where} lock {name}",
    ]
    return "\n".join(lines) + "\n"


def checkout_json(
    *,
    reference: str,
    name: str,
    folder: Path,
    commit: str | None,
    version: int | None,
    environments: tuple[str, ...],
    image: str,
    plan: str,
) -> str:
    """``{"checkout": {"reference", "environment", "folder", "commit", "version", ...}}``."""
    return dump(
        {
            "checkout": {
                "reference": reference,
                "environment": name,
                "folder": str(folder),
                "commit": commit,
                "version": version,
                "environments": list(environments),
                "image": image or None,
                "plan": plan or None,
            }
        }
    )
