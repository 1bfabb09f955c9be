"""A bare origin with our hooks: the CI of a catalog without a forge."""

from __future__ import annotations

from hooks_support import push, remote_lines

from support.catalogs import Workplace, definition, git


def test_the_whole_loop(served: Workplace) -> None:
    served.write("demo", definition("demo", "alpha<2"))
    served.lock("demo")
    served.commit("Add demo")
    done = push(served.root, "main")
    assert done.returncode == 0, done.stderr
    said = remote_lines(done)
    assert said[0] == "building demo: new", done.stderr
    assert said[-2:] == [
        f"published  demo  version 1  {served.images}:demo:1",
        "1 published, 0 retagged, 0 unchanged, 0 refused",
    ]
    assert served.tags() == []
    git(served.root, "fetch", "-q", "--tags")
    assert served.tags() == ["demo@1"]
    assert served.layout()["demo:1"] == served.trailers("demo@1")["Image"]
    assert served.plan() == [("demo", "skip", "is version 1", 1)]
