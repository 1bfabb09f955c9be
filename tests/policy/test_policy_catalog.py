"""A policy in a real repository: `validate`, growth against the newest version, and pushes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.catalogs import SETTINGS, Workplace, git


def set_policy(place: Workplace, policy: str) -> None:
    """Write and commit `catalog.yaml`."""
    (place.root / "catalog/catalog.yaml").write_text(SETTINGS + "policy:\n" + policy)
    place.commit("Agree on a policy")


def found(place: Workplace, *names: str, at: Path | None = None) -> list[tuple[str, str]]:
    """Severity and message of what `validate` finds."""
    done = place.run("validate", *names, "--format", "json", at=at)
    return [(item["severity"], item["message"]) for item in done.json["problems"]]


def test_growth_is_measured_from_the_newest_version(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    set_policy(workplace, "  growth: {percent: 50}\n")
    assert found(workplace) == []
    workplace.published()
    assert found(workplace) == []
    workplace.edit("demo", "    - alpha<2\n", "    - alpha<2\n    - beta\n")
    workplace.lock("demo")
    (problem,) = found(workplace)
    assert problem[0] == "error"
    assert problem[1].startswith("the locked files of linux/amd64 grew from ")
    assert " in `demo@1` to " in problem[1]
    workplace.commit("Grow")
    assert found(workplace) == [problem]
    workplace.published()
    assert found(workplace) == []


def test_growth_in_a_clone_without_tags(with_origin: Workplace, tmp_path: Path) -> None:
    with_origin.add("demo", "alpha<2")
    set_policy(with_origin, "  growth: {percent: 50}\n")
    git(with_origin.root, "push", "-q", "origin", "main")
    with_origin.published()
    url = f"file://{with_origin.origin}"
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-tags", url, "shallow")
    assert found(with_origin, at=tmp_path / "shallow") == [
        (
            "warning",
            "the growth cannot be judged: this clone has no version tags; run `git fetch --tags --unshallow`",
        )
    ]


def test_a_push_is_held_to_the_policy(with_origin: Workplace) -> None:
    with_origin.add("demo", "alpha<2")
    set_policy(with_origin, "  owners: {reason: Somebody must answer a CVE}\n  growth: {percent: 0}\n")
    assert with_origin.run("hooks", "install", "-C", str(with_origin.origin)).code == 0
    command = ["git", "-C", str(with_origin.root), "push", "origin", "main"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 1
    said = [
        line.removeprefix("remote: ").rstrip()
        for line in done.stderr.splitlines()
        if line.startswith("remote: ")
    ]
    assert said == [
        "in main:",
        "error: the environment has no owner: Somebody must answer a CVE",
        " --> catalog/demo/environment.yaml:1:1",
        "  |",
        "1 | name: demo",
        "  | ^",
        "hint: add `owners`",
        "error: the push is refused",
    ]
    exceptions = "  exceptions: [{environment: demo, rule: owners, until: 2999-12-31, reason: A team is being found}]\n"
    set_policy(with_origin, "  owners: {}\n" + exceptions)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_what_wheels_say_of_their_licence_is_judged_and_shown(workplace: Workplace) -> None:
    workplace.index.add("delta", "1.0", says=["License-Expression: GPL-3.0-only OR MIT"])
    workplace.index.add("delta", "2.0", says=["License-Expression: AGPL-3.0-only"])
    workplace.add("demo", "delta<2", "alpha<2")
    set_policy(workplace, "  licenses: {banned: [GPL-3.0*, AGPL-*], reason: Ask legal}\n")
    workplace.published()
    assert found(workplace) == []
    workplace.edit("demo", "    - delta<2\n", "    - delta>=2\n")
    workplace.lock("demo")
    assert found(workplace) == [
        ("error", "`delta` has the licence `AGPL-3.0-only`, which is banned: Ask legal"),
    ]
    lines = workplace.run("diff", "demo").out.splitlines()
    assert (
        lines[0]
        == "upgraded  python.packages.delta  1.0 -> 2.0  licence GPL-3.0-only OR MIT -> AGPL-3.0-only"
    )
    (installed,) = workplace.run("diff", "demo", "--format", "json").json["sizes"]["installed"].values()
    assert installed["unknown"] == {"before": 0, "after": 0}
    assert installed["after"] - installed["before"] == installed["growth"]
    assert "  licences     AGPL-3.0-only 1, unknown 1" in workplace.run("show", "demo").out.splitlines()
    set_policy(workplace, "  licenses: {unknown: refuse}\n")
    assert found(workplace) == [("error", "the licence of `alpha` is not known")]
