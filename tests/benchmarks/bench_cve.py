"""CVE day: many environments share a package; it is upgraded everywhere, and all of them are published again."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from measure import Row, timed
from world import ENVCAT, World, pinned, write_definition

AIM_SECONDS = 15.0
_BEFORE, _AFTER = "urllib3==2.4.0", "urllib3==2.5.0"
_OTHERS = (
    "attrs==25.1.0",
    "certifi==2025.1.31",
    "click==8.1.8",
    "colorama==0.4.6",
    "filelock==3.17.0",
    "idna==3.10",
    "iniconfig==2.0.0",
    "packaging==25.0",
    "platformdirs==4.3.6",
    "pluggy==1.5.0",
    "six==1.17.0",
    "toml==0.10.2",
    "tomli==2.2.1",
    "typing-extensions==4.12.2",
    "wcwidth==0.2.13",
    "zipp==3.21.0",
)


def rows(world: World, count: int) -> list[Row]:
    """Lock and publish all, upgrade, and publish again; the last is what has an aim."""
    catalog = world.catalog("many", _definitions(count, _BEFORE))
    with world.registry("cve") as registry:
        where = f"{registry.address}/ours"
        _timed(world, catalog, f"lock {count}", "lock")
        world.commit(catalog, "Add many environments")
        first = _timed(world, catalog, f"publish {count} for the first time", *_publish(where))
        for name, text in _definitions(count, _AFTER).items():
            write_definition(catalog, name, text)
        lock = _timed(world, catalog, f"lock {count} again", "lock")
        world.commit(catalog, "Upgrade the shared package")
        seen, stored = len(registry.requests()), registry.stored()
        before = os.times()
        again = _timed(world, catalog, f"publish {count} again", *_publish(where))
        after = os.times()
        requests = Counter(item.method for item in registry.requests()[seen:])
        uploaded = registry.stored() - stored
        versions = len(world.git(Path(f"{catalog}.git"), "tag", "--list", "cve-*@2").split())
        unchanged = _timed(world, catalog, f"publish {count} unchanged", *_publish(where))
    if versions != count:
        raise RuntimeError(f"{versions} of {count} environments have a second version")
    by_method = ", ".join(f"{number} {method}" for method, number in sorted(requests.items()))
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    by_method += f"; {spent:.1f} s of processor time for envcat and Git together, the registry's not counted"
    title = f"CVE day, {count} environments"
    return [
        Row(what=f"{title}: publish", ours=(again,), aim=AIM_SECONDS, note=by_method),
        Row(what=f"{title}: bytes uploaded", ours=(uploaded,), unit="bytes"),
        Row(what=f"{title}: lock", ours=(lock,)),
        Row(what=f"{title}: first publish of all", ours=(first,)),
        Row(what=f"{title}: publish unchanged", ours=(unchanged,)),
    ]


def _publish(where: str) -> list[str]:
    return ["publish", "--registry", where, "--checks", "skip"]


def _timed(world: World, catalog: Path, what: str, *arguments: str) -> float:
    seconds = timed([ENVCAT, *arguments], cwd=catalog, env=world.env)
    print(f"  {what}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds


def _definitions(count: int, shared: str) -> dict[str, str]:
    """Each has the shared package and three others."""
    found = {}
    for number in range(count):
        chosen = {_OTHERS[(number * step + step) % len(_OTHERS)] for step in (1, 3, 7)}
        name = f"cve-{number:03d}"
        found[name] = pinned(name, [shared, *sorted(chosen)])
    return found
