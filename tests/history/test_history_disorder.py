"""What `plan` sees of tags in disorder without asking anybody but Git."""

from __future__ import annotations

import re

from history.light import Light
from support.catalogs import git


def test_plan_sees_that_the_newest_tag_was_moved(light: Light) -> None:
    """Not what the remote has, but what the tag itself says of its commit; both sides are named."""
    light.put("web", {"flask": "1"})
    first = light.commit()
    light.version("web")
    light.put("web", {"flask": "2"})
    second = light.commit()
    light.version("web")
    unchanged = light.run("plan", "web")
    tag = git(light.root, "cat-file", "tag", "web@2")
    lock = re.search(r"^Lock: (.{19})", tag, re.MULTILINE)
    other = re.search(r"^Lock: (.{19})", git(light.root, "cat-file", "tag", "web@1"), re.MULTILINE)
    assert lock and other
    made = git(light.root, "mktag", stdin=tag.replace(second, first) + "\n")
    git(light.root, "update-ref", "refs/tags/web@2", made)
    refused = light.run("plan", "web")
    assert (unchanged.code, unchanged.out.splitlines()[0]) == (0, "skip  web  version 2  is version 2")
    assert (refused.code, refused.out.splitlines()[:2]) == (
        1,
        [
            f"refuse  web  -  tag `web@2` was moved: it records the lock {lock[1]}, and its commit {first[:12]} "
            f"holds {other[1]}",
            "  hint: run `envcat verify web`",
        ],
    )


def test_plan_names_a_number_that_is_missing(light: Light) -> None:
    """It may be in another clone, so nothing is refused."""
    for number in "123":
        light.put("web", {"flask": number})
        light.commit()
        light.version("web")
    git(light.root, "update-ref", "-d", "refs/tags/web@2")
    done = light.run("plan", "web")
    assert (done.code, done.out.splitlines()[:2]) == (
        0,
        [
            "skip  web  version 3  is version 3",
            "  hint: there is web@3, but no version 2: fetch its tag with `git fetch --tags`, or run "
            "`envcat verify web` where it was deleted",
        ],
    )
