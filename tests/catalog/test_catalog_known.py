"""What locks know of their files: learnt beside them, kept, asked for once, and compared when an image is built."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.catalogs import Workplace, definition, git

WARNING = "warning: of {} of `demo` neither size nor licence was learnt; `envcat lock demo` asks again"


def lock_of(place: Workplace, name: str = "demo") -> dict[str, Any]:
    value: dict[str, Any] = json.loads((place.root / f"catalog/{name}/lock.json").read_bytes())
    return value


def known(place: Workplace, name: str = "demo") -> dict[str, Any]:
    """What the lock knows, by the packages' names."""
    lock = lock_of(place, name)
    names = {item["sha256"]: item["name"] for item in lock["platforms"]["linux/amd64"]["wheels"]}
    return {names[sha256]: value for sha256, value in lock.get("known", {}).items()}


def say(place: Workplace, package: str, value: dict[str, Any] | None, name: str = "demo") -> None:
    """Write something else of a package into the lock, or take out what it knows."""
    lock = lock_of(place, name)
    wheels = lock["platforms"]["linux/amd64"]["wheels"]
    sha256 = next(item["sha256"] for item in wheels if item["name"] == package)
    if value is None:
        lock["known"].pop(sha256)
    else:
        lock["known"][sha256] = value
    text = json.dumps(lock, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    (place.root / f"catalog/{name}/lock.json").write_text(text)


def forget(place: Workplace, name: str = "demo") -> None:
    """The lock as an older release wrote it."""
    for package in known(place, name):
        say(place, package, None, name)
    text = (place.root / f"catalog/{name}/lock.json").read_text()
    (place.root / f"catalog/{name}/lock.json").write_text(text.replace(' "known": {},\n', ""))


def locked(place: Workplace, *names: str) -> tuple[list[dict[str, Any]], str]:
    done = place.run("lock", *names, "--format", "json")
    assert done.code == 0, done.err
    return done.json["locks"], done.err


@pytest.fixture
def gpl(workplace: Workplace) -> Workplace:
    """A catalog whose `demo` has `delta`, under the GPL, and `alpha`, which says nothing."""
    workplace.index.add("delta", "1.0", says=["License-Expression: GPL-3.0-only"])
    workplace.add("demo", "delta", "alpha")
    return workplace


def test_a_lock_knows_sizes_and_licences_and_is_then_asked_for_nothing(gpl: Workplace) -> None:
    found = known(gpl)
    assert {name: value.get("license") for name, value in found.items()} == {
        "alpha": None,
        "delta": "GPL-3.0-only",
    }
    assert all(value["installed"] > 200 for value in found.values())
    assert not (gpl.cache / "artefacts").exists()
    gpl.index.requests.clear()
    rows, err = locked(gpl)
    assert ([row["status"] for row in rows], err) == (["unchanged"], "locking demo\n")
    assert gpl.index.requests == []


def test_what_is_missing_is_learnt_and_nothing_else_changes(gpl: Workplace) -> None:
    whole = lock_of(gpl)
    forget(gpl)
    (before,) = gpl.run("lock", "--check", "--format", "json").json["locks"]
    gpl.index.requests.clear()
    (after,), _ = locked(gpl)
    assert (before["status"], after["status"]) == ("unchanged", "written")
    assert before["lock"] == after["lock"]
    assert after["changes"] == []
    assert lock_of(gpl) == whole
    # Two wheels, one part each: they are small.
    assert sorted(gpl.index.paths()) == [
        "/main/files/alpha-2.0-py3-none-any.whl",
        "/main/files/delta-1.0-py3-none-any.whl",
    ]


def test_a_lock_says_only_once_that_it_asked_in_vain(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    say(workplace, "alpha", {})
    workplace.index.requests.clear()
    rows, err = locked(workplace)
    assert ([row["status"] for row in rows], err) == (["unchanged"], "locking demo\n")
    assert workplace.index.requests == []
    assert known(workplace) == {"alpha": {}}


def test_a_failure_costs_no_lock_and_is_told_in_one_line(gpl: Workplace) -> None:
    whole = lock_of(gpl)
    forget(gpl)
    path = gpl.index.root / "main/files/delta-1.0-py3-none-any.whl"
    data = path.read_bytes()
    path.unlink()
    (row,), err = locked(gpl)
    assert row["status"] == "written"
    assert err.splitlines()[-1] == WARNING.format("1 file")
    assert list(known(gpl)) == ["alpha"]
    path.write_bytes(data)
    assert "warning" not in locked(gpl)[1]
    assert lock_of(gpl) == whole


def test_without_a_network_the_lock_stays_as_it_is(gpl: Workplace) -> None:
    forget(gpl)
    before = lock_of(gpl)
    gpl.index.logins["main"] = "ann:s3cret"
    (row,), err = locked(gpl)
    assert row["status"] == "unchanged"
    assert err.splitlines()[-1] == WARNING.format("2 files")
    assert lock_of(gpl) == before


def test_where_an_index_sends_no_parts_small_wheels_are_fetched_as_the_build_would(gpl: Workplace) -> None:
    whole = lock_of(gpl)
    forget(gpl)
    gpl.index.ranges = False
    locked(gpl)
    assert lock_of(gpl) == whole
    gpl.index.requests.clear()
    assert gpl.run("build").code == 0
    assert gpl.index.requests == []


def test_files_that_are_here_are_read_here(gpl: Workplace) -> None:
    whole = lock_of(gpl)
    assert gpl.run("build").code == 0
    forget(gpl)
    gpl.index.requests.clear()
    locked(gpl)
    assert lock_of(gpl) == whole
    assert gpl.index.requests == []


def test_environments_that_share_a_file_ask_for_it_once(gpl: Workplace) -> None:
    gpl.add("other", "alpha")
    for name in ("demo", "other"):
        forget(gpl, name)
    gpl.index.requests.clear()
    locked(gpl)
    assert sorted(gpl.index.paths()) == [
        "/main/files/alpha-2.0-py3-none-any.whl",
        "/main/files/delta-1.0-py3-none-any.whl",
    ]
    assert known(gpl, "other")["alpha"] == known(gpl)["alpha"]


def test_plans_do_not_depend_on_what_is_known(gpl: Workplace) -> None:
    def digest() -> str:
        done = gpl.run("plan", "--format", "json")
        return str(done.json["actions"][0]["plan"])

    before = digest()
    forget(gpl)
    assert digest() == before


def test_an_update_takes_knowledge_along_but_is_none_for_its_sake(gpl: Workplace) -> None:
    forget(gpl)
    gpl.commit("Forget")
    done = gpl.run("update", "--format", "json")
    assert (done.code, done.json["updates"]) == (0, [])
    gpl.index.add("delta", "2.0", says=["License: MIT"])
    gpl.monkeypatch.setenv("UV_CACHE_DIR", str(gpl.cache / "uv"))
    done = gpl.run("update", "--format", "json")
    assert [row["status"] for row in done.json["updates"]] == ["created"]
    lock = json.loads(git(gpl.root, "show", "envcat/demo:catalog/demo/lock.json"))
    assert sorted(value.get("license", "") for value in lock["known"].values()) == ["", "MIT"]


def test_register_learns_where_it_locks(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha"))
    workplace.commit("Ask for alpha")
    done = workplace.run("register", "demo")
    assert done.code == 0, done.err
    assert list(known(workplace)) == ["alpha"]


def test_a_lie_about_a_licence_gets_into_no_image(gpl: Workplace) -> None:
    size = known(gpl)["delta"]["installed"]
    say(gpl, "delta", {"installed": size, "license": "MIT"})
    gpl.commit("Relicense delta")
    assert gpl.run("lock", "--check").code == 0
    done = gpl.publish()
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2:] == [
        "error: the lock of `demo` says that `delta` 1.0 has the licence `MIT`, "
        "but the file itself names `GPL-3.0-only`",
        "hint: run `envcat lock demo`; on another machine, take `known` out of the lock first",
    ]
    assert gpl.tags() == []
    assert gpl.layout() == {}
    (row,), _ = locked(gpl)
    assert row["status"] == "written"
    assert known(gpl)["delta"] == {"installed": size, "license": "GPL-3.0-only"}
    gpl.commit("Tell the truth")
    assert gpl.published() == [("demo", 1, "published", "new")]


def test_a_lie_about_a_size_or_a_licence_that_is_none(gpl: Workplace) -> None:
    sizes = {name: value["installed"] for name, value in known(gpl).items()}
    say(gpl, "alpha", {"installed": 1})
    done = gpl.run("build")
    assert done.code == 1
    assert done.err.splitlines()[-2] == (
        "error: the lock of `demo` says that `alpha` 2.0 takes 1 bytes when installed, "
        f"but the file itself says {sizes['alpha']}"
    )
    say(gpl, "alpha", {"license": "MIT"})
    done = gpl.run("build")
    assert done.code == 1
    assert done.err.splitlines()[-2] == (
        "error: the lock of `demo` says that `alpha` 2.0 has the licence `MIT`, "
        "but the file itself names no licence"
    )
    say(gpl, "alpha", {})
    assert gpl.run("build").code == 0


def test_a_lie_of_a_base_is_told_of_the_base(gpl: Workplace) -> None:
    gpl.write("child", definition("child", "beta", base="{environment: demo}"))
    gpl.lock()
    say(gpl, "delta", {"license": "MIT"})
    gpl.commit("Relicense delta")
    done = gpl.run("build", "child")
    assert done.code == 1
    assert done.err.splitlines()[-2].startswith("error: the lock of `demo` says that `delta` 1.0 has")


def test_a_lie_is_found_though_the_layer_was_made_for_another_environment(gpl: Workplace) -> None:
    assert gpl.run("build").code == 0
    gpl.add("other", "delta", "alpha")
    assert gpl.run("build", "other").code == 0
    size = known(gpl)["delta"]["installed"]
    say(gpl, "delta", {"installed": size, "license": "MIT"}, "other")
    done = gpl.run("build", "other")
    assert (done.code, done.err.splitlines()[-2]) == (
        1,
        "error: the lock of `other` says that `delta` 1.0 has the licence `MIT`, "
        "but the file itself names `GPL-3.0-only`",
    )


def test_what_is_said_of_a_file_that_cannot_be_read_is_a_lie(workplace: Workplace) -> None:
    workplace.index.add("delta", "1.0", says=["License: GPL-3.0-only", *["Keywords: x" + "x" * 999] * 1100])
    workplace.add("demo", "delta")
    assert known(workplace) == {"delta": {}}
    say(workplace, "delta", {"license": "MIT"})
    done = workplace.run("build")
    assert (done.code, done.err.splitlines()[-2]) == (
        1,
        "error: the lock of `demo` says that `delta` 1.0 has the licence `MIT`, "
        "but the file itself names no licence",
    )
    say(workplace, "delta", {"installed": 1})
    done = workplace.run("build")
    assert (done.code, done.err.splitlines()[-2]) == (
        1,
        "error: the lock of `demo` says that `delta` 1.0 takes 1 bytes when installed, "
        "but the file itself does not say how many",
    )
    say(workplace, "delta", {})
    assert workplace.run("build").code == 0


def test_what_was_found_true_is_not_read_again(gpl: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    gpl.add("other", "delta", "alpha")
    assert gpl.run("build", "demo").code == 0

    def read(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("envcatalog.lock.learning.archives.read_archive", read)
    done = gpl.run("build", "other")
    assert done.code == 0, done.err


def test_what_was_built_is_not_opened_again(gpl: Workplace) -> None:
    assert gpl.published() == [("demo", 1, "published", "new")]
    say(gpl, "delta", {"license": "MIT"})
    gpl.commit("Relicense delta")
    assert gpl.published() == [("demo", 1, "unchanged", "is version 1")]


def test_every_name_that_the_file_gives_its_licence_is_true(workplace: Workplace) -> None:
    says = ["License-Expression: mit", "License: Expat"]
    workplace.index.add("delta", "1.0", says=says)
    workplace.add("demo", "delta")
    for name in ("MIT", "Mit", "Expat"):
        say(workplace, "delta", {"license": name})
        assert workplace.run("build").code == 0
