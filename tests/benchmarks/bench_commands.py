"""Commands that people wait for: the start, and validation."""

from __future__ import annotations

import sys

import bench_validate
from measure import Row, timed
from world import ENVCAT, ROOT, World

RUNS = 15


def rows(world: World) -> list[Row]:
    """`--help` against the import of click, in turns; `validate` on the catalog of this repository."""
    commands = {
        "start": [sys.executable, "-c", "pass"],
        "click": [sys.executable, "-c", "import click"],
        "help": [str(ENVCAT), "--help"],
        "validate": [str(ENVCAT), "validate"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(RUNS + 1):
        for name, command in commands.items():
            seconds = timed(command, cwd=ROOT, env=world.env)
            if number:
                times[name].append(seconds)
    return [
        Row(
            what="envcat --help", ours=tuple(times["help"]), peer=tuple(times["click"]),
            against="python -c 'import click'", aim=2,
        ),
        Row(what="envcat validate, this repository's catalog", ours=tuple(times["validate"])),
        Row(what="the interpreter's own start", ours=tuple(times["start"])),
    ]  # fmt: skip


def validate_rows(count: int) -> list[Row]:
    """`validate` against check-jsonschema, on the same files."""
    (_, theirs), *ours = bench_validate.run(count, 1)
    return [
        Row(
            what=f"{title}, {count} definitions",
            ours=(seconds,),
            peer=(theirs,),
            against="check-jsonschema",
            aim=1 / 4,
        )
        for title, seconds in ours
    ]
