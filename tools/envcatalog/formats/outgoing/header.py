"""What stands at the top of an exported file."""

from __future__ import annotations

from envcatalog.model.export import Exported


def header(given: Exported, to: str, *, python: str = "") -> list[str]:
    """Comment lines that say what it is and how it is made again; nothing of a definition but its name is in them."""
    about = [f"Python {python}"] if python else []
    about += [lock.platform for lock in given.locks]
    for_what = f", for {', '.join(about)}" if about else ""
    return [
        f"# {given.label}{for_what}",
        f"# Made by `envcat export {given.label} --to {to}`; edit the definition, not this file.",
    ]
