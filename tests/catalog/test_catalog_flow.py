"""An edit becomes a published image, step by step, with what a user sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.catalogs import SETTINGS, Workplace, base_layout, definition, git

HINT_PUBLISH = "hint: run `git add catalog` and `git commit`, then publish\n"


def test_from_nothing_to_two_versions(with_origin: Workplace) -> None:
    place = with_origin
    place.write("demo", definition("demo", "alpha<2", "beta"))
    assert place.run("validate").out == "1 checked, no problems\n"
    assert tuple(place.run("plan")) == (
        1,
        "refuse  demo  -  no lock\n  hint: run `envcat lock demo`\n"
        "0 to build, 0 to retag, 0 unchanged, 1 refused\n",
        "",
    )
    locked = place.run("lock")
    assert locked.code == 0
    assert locked.out.splitlines()[1:] == [
        "  added  python.packages.alpha             1.0",
        "  added  python.packages.beta              1.0",
        "  added  python.packages.gamma (indirect)  1.0",
    ]
    assert place.run("plan").out == (
        "build  demo  version 1  new\n1 to build, 0 to retag, 0 unchanged, 0 refused\n"
    )
    assert tuple(place.run("publish", "--registry", place.images)) == (
        1,
        "",
        f"error: `demo` has uncommitted changes, and a version is a commit\n{HINT_PUBLISH}",
    )
    first = place.commit("Add demo")

    done = place.run("publish", "--registry", place.images)
    assert (done.code, done.out) == (
        0,
        f"published  demo  version 1  {place.images}:demo:1\n1 published, 0 retagged, 0 unchanged, 0 refused\n",
    )
    steps = [line.partition(" (")[0] for line in done.err.splitlines()]
    assert steps == [
        "building demo: new",
        "building 4 layers",
        "fetching 3 files",
        "push demo",
        "pushed demo: 6 blobs uploaded",
    ]
    assert place.published() == [("demo", 1, "unchanged", "is version 1")]
    assert place.run("diff", "demo").out == "no differences\n"

    place.edit("demo", "alpha<2", "alpha")
    assert place.plan(registry=False) == [("demo", "refuse", "lock is stale: definition changed", None)]
    assert place.run("lock", "--upgrade-package", "Alpha").out.splitlines()[1:] == [
        "  upgraded  python.packages.alpha  1.0 -> 2.0"
    ]
    assert place.run("diff", "demo").out == "upgraded  python.packages.alpha  1.0 -> 2.0\n"
    second = place.commit("Take alpha 2")
    assert place.plan() == [("demo", "build", "definition changed", 2)]
    assert place.published() == [("demo", 2, "published", "definition changed")]

    layout = place.layout()
    assert layout.keys() == {"demo:1", "demo:2", "demo:latest"}
    assert layout["demo:1"] != layout["demo:2"] == layout["demo:latest"]
    assert place.origin is not None
    assert git(place.origin, "tag", "--list").split() == place.tags() == ["demo@1", "demo@2"]
    for number, commit in ((1, first), (2, second)):
        tag = f"demo@{number}"
        assert git(place.origin, "rev-parse", tag) == git(place.root, "rev-parse", tag)
        assert git(place.origin, "rev-parse", f"{tag}^{{commit}}") == commit
        assert place.trailers(tag).keys() == {"Plan", "Image", "Lock", "Checks"}
        assert place.trailers(tag)["Image"] == layout[f"demo:{number}"]
        assert place.trailers(tag)["Checks"] == "none"


def test_history_as_json(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha==1.0", more="variables: {A: '1'}\n"))
    workplace.lock()
    commits = [workplace.commit()]
    published = [workplace.publish("demo").json["published"][0]]
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.edit("demo", "A: '1'", "B: '2'")
    workplace.lock()
    commits.append(workplace.commit())
    published.append(workplace.publish("demo").json["published"][0])

    trailers = [workplace.trailers(f"demo@{number}") for number in (1, 2)]
    assert published == [
        {
            "environment": "demo",
            "version": number,
            "image": f"{workplace.images}:demo:{number}",
            "digest": trailers[number - 1]["Image"],
            "status": "published",
            "reason": reason,
            "checks": "none",
        }
        for number, reason in ((1, "new"), (2, "definition changed"))
    ]
    logged = workplace.run("log", "demo", "--format", "json").json
    assert list(logged) == ["versions"]
    contract = ("version", "commit", "date", "author", "message", "image")
    assert [{key: row[key] for key in contract} for row in logged["versions"]] == [
        {
            "version": number,
            "commit": commits[number - 1],
            "date": "2026-01-02T03:04:05+00:00",
            "author": "Ada Example <ada@example.com>",
            "message": f"demo@{number}",
            "image": trailers[number - 1]["Image"],
        }
        for number in (2, 1)
    ]
    assert [(row["plan"], row["lock"], row["checks"]) for row in logged["versions"]] == [
        (told["Plan"], told["Lock"], "none") for told in reversed(trailers)
    ]
    assert workplace.run("list", "--format", "json").json == {
        "environments": [
            {
                "name": "demo",
                "kind": "system",
                "version": 2,
                "aliases": {},
                "description": "For a test",
                "deprecated": None,
                "archived": False,
            }
        ]
    }
    changes = workplace.run("diff", "demo@1", "demo@2", "--format", "json").json["changes"]
    assert [tuple(row[key] for key in ("path", "kind", "before", "after")) for row in changes] == [
        ("python.packages.alpha", "upgraded", "1.0", "2.0"),
        ("variables.A", "removed", "1", None),
        ("variables.B", "added", None, "2"),
    ]
    shown = workplace.run("show", "demo@1", "--format", "json").json
    assert shown["definition"]["python"]["packages"] == ["alpha==1.0"]
    assert shown["lock"]["platforms"] == {
        "linux/amd64": {"debs": {}, "conda": {}, "wheels": {"alpha": "1.0"}, "files": {}}
    }
    assert [version["version"] for version in shown["versions"]] == [2, 1]
    assert shown["version"] == 2


def test_the_versions_message_is_the_users(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    assert workplace.run("publish", "--registry", workplace.images, "-m", "For the\x1b[2J audit").code == 0
    [version] = workplace.run("log", "demo", "--format", "json").json["versions"]
    assert version["message"].startswith("For the")
    assert "\x1b" not in workplace.run("log", "demo").out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("description: For a test", "description: For another test", id="description"),
        pytest.param("description: For a test", 'owners: ["@a/b"]\ntags: {a: b}', id="owners-and-tags"),
        pytest.param("python:", "# a comment\npython:", id="comment"),
        pytest.param(
            "name: demo\ndescription: For a test", "description: For a test\nname: demo", id="key-order"
        ),
        pytest.param("    - alpha==1.0\n    - beta", "    - beta\n    - alpha==1.0", id="list-order"),
        pytest.param("    - beta", "    - beta  # why", id="comment-on-a-line"),
    ],
)
def test_what_builds_nothing_new_is_skipped(workplace: Workplace, before: str, after: str) -> None:
    workplace.add("demo", "alpha==1.0", "beta")
    workplace.published()
    workplace.edit("demo", before, after)
    assert workplace.run("lock", "--check").code == 0
    workplace.commit()
    assert workplace.plan() == [("demo", "skip", "is version 1", 1)]
    assert workplace.published() == [("demo", 1, "unchanged", "is version 1")]
    assert workplace.tags() == ["demo@1"]


def test_an_alias_alone_moves_a_tag_and_makes_no_version(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock()
    workplace.commit()
    workplace.published()
    workplace.edit("demo", "description:", "aliases: {prod: 1, staging: 2}\ndescription:")
    workplace.commit("Promote")
    assert workplace.plan() == [("demo", "retag", "prod -> 1, staging -> 2", 2)]
    assert workplace.published() == [("demo", 2, "retagged", "prod -> 1, staging -> 2")]
    layout = workplace.layout()
    assert (layout["demo:prod"], layout["demo:staging"]) == (layout["demo:1"], layout["demo:2"])

    workplace.edit("demo", "prod: 1", "prod: 2")
    workplace.commit("Promote again")
    assert workplace.plan(registry=False) == [("demo", "skip", "is version 2", 2)]
    assert workplace.published() == [("demo", 2, "retagged", "prod -> 2")]
    layout = workplace.layout()
    assert layout["demo:prod"] == layout["demo:2"]
    assert workplace.published() == [("demo", 2, "unchanged", "is version 2")]
    assert workplace.tags() == ["demo@1", "demo@2"]
    assert workplace.run("list").out == (
        "NAME  KIND    VERSION  ALIASES            DESCRIPTION\n"
        "demo  system  2        prod=2, staging=2  For a test\n"
    )


def test_an_old_state_makes_no_new_version(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    old = git(workplace.root, "rev-parse", "HEAD")
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock()
    workplace.commit()
    workplace.published()
    git(workplace.root, "checkout", "-q", old, "--", "catalog")
    workplace.commit("Revert")
    before = workplace.layout()
    assert workplace.plan() == [("demo", "skip", "is version 1", 1)]
    assert workplace.published() == [("demo", 1, "unchanged", "is version 1")]
    assert workplace.layout() == before
    assert workplace.tags() == ["demo@1", "demo@2"]
    # the third state is new again, and takes the next number
    workplace.edit("demo", "alpha==1.0", "alpha")
    workplace.lock()
    workplace.commit()
    assert workplace.published() == [("demo", 3, "published", "definition changed")]


def test_a_new_requirement_shows_before_it_is_locked(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    workplace.published()
    workplace.edit("demo", "alpha<2", "alpha<3\n    - beta")
    assert workplace.run("diff", "demo").out == (
        "changed  python.packages.alpha  alpha<2 -> alpha<3\nadded    python.packages.beta   beta\n"
    )


def test_a_lock_alone_is_a_reason(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.published()
    workplace.index.add("alpha", "3.0")
    assert workplace.published() == [("demo", 1, "unchanged", "is version 1")]
    workplace.lock(upgrade=True)
    workplace.commit()
    assert workplace.plan() == [("demo", "build", "lock changed", 2)]
    assert workplace.published() == [("demo", 2, "published", "lock changed")]


def test_another_base_image_under_the_same_name_is_a_reason(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.published()
    base_layout(workplace.root / "bases", files={"etc/passwd": b"another\n"})
    workplace.lock()
    workplace.commit()
    assert workplace.published() == [
        ("demo", 1, "unchanged", "is version 1")
    ]  # the lock holds on to the digest
    workplace.lock(upgrade=True)
    workplace.commit()
    assert workplace.plan() == [("demo", "build", "base changed", 2)]
    assert workplace.published() == [("demo", 2, "published", "base changed")]
    [change] = workplace.run("diff", "demo@1", "demo@2", "--format", "json").json["changes"]
    assert (change["path"], change["kind"]) == ("base.digest", "changed")


def test_what_the_registry_lost_is_made_again(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha")
    workplace.published()
    layout = workplace.layout()
    workplace.images = f"oci:{tmp_path / 'another'}"
    assert workplace.plan() == [("demo", "build", "image missing", 1)]
    assert workplace.published() == [("demo", 1, "published", "image missing")]
    assert workplace.layout() == layout
    index = tmp_path / "another/index.json"
    entries = json.loads(index.read_text())
    key = "org.opencontainers.image.ref.name"
    entries["manifests"] = [
        item for item in entries["manifests"] if item.get("annotations", {}).get(key) not in ("demo:1",)
    ]
    index.write_text(json.dumps(entries))
    assert workplace.plan() == [("demo", "retag", "tag 1 missing", 1)]
    assert workplace.published() == [("demo", 1, "retagged", "tag 1 missing")]
    assert workplace.layout() == layout
    assert workplace.tags() == ["demo@1"]


def test_children_come_after_their_base_and_share_its_layers(workplace: Workplace) -> None:
    workplace.write("zoo", definition("zoo", "alpha<2"))
    workplace.write("child", definition("child", "beta", base="{environment: zoo}"))
    workplace.lock("child")
    assert (workplace.root / "catalog/zoo/lock.json").is_file(), "a base without a lock is locked, too"
    workplace.commit()
    assert workplace.published() == [("zoo", 1, "published", "new"), ("child", 1, "published", "new")]
    parent, child = (layers(workplace, f"{name}:1") for name in ("zoo", "child"))
    assert child[: len(parent)] == parent
    assert len(child) == len(parent) + 2

    workplace.edit("zoo", "alpha<2", "alpha")
    workplace.lock("zoo", upgrade=True)
    checked = workplace.run("lock", "--check")
    assert (checked.code, checked.out.splitlines()[1].split()) == (1, ["stale", "child"])
    assert workplace.plan() == [
        ("zoo", "build", "definition changed", 2),
        ("child", "refuse", "lock is stale: base `zoo` changed", None),
    ]
    workplace.commit()
    done = workplace.publish()
    assert done.code == 1
    assert [(row["environment"], row["status"]) for row in done.json["published"]] == [
        ("zoo", "published"),
        ("child", "refused"),
    ]
    assert "refused child: lock is stale: base `zoo` changed (run `envcat lock child`)\n" in done.err
    workplace.lock()
    workplace.commit()
    assert workplace.plan() == [("zoo", "skip", "is version 2", 2), ("child", "build", "base changed", 2)]
    assert workplace.published("child") == [("child", 2, "published", "base changed")]


def test_two_platforms_from_one_machine(workplace: Workplace) -> None:
    base_layout(workplace.root / "bases", tag="both", platforms=("amd64", "arm64"))
    text = definition(
        "demo", "alpha<2", base="{image: 'oci:bases:both'}", more="platforms: [linux/arm64, linux/amd64]\n"
    )
    workplace.write("demo", text)
    workplace.lock()
    workplace.commit()
    workplace.published()
    index = blob(workplace, workplace.layout()["demo:1"])
    assert [item["platform"] for item in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ]
    configs = [
        blob(workplace, blob(workplace, item["digest"])["config"]["digest"]) for item in index["manifests"]
    ]
    assert [config["architecture"] for config in configs] == ["amd64", "arm64"]
    ours = [config["rootfs"]["diff_ids"][1:] for config in configs]
    assert ours[0] == ours[1], "a pure wheel is the same on both"
    assert configs[0]["rootfs"]["diff_ids"][0] != configs[1]["rootfs"]["diff_ids"][0]


def test_a_base_without_the_platform_is_refused(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha", more="platforms: [linux/arm64]\n"))
    assert tuple(workplace.run("lock")) == (
        1,
        "",
        "locking demo\nlooking up the base image oci:bases:tiny\n"
        "error: the base image `oci:bases:tiny` has no platform `linux/arm64`\nhint: it has `linux/amd64`\n",
    )
    assert not (workplace.root / "catalog/demo/lock.json").exists()


def test_settings_name_the_registry_and_indexes(workplace: Workplace) -> None:
    workplace.index.add("acme-tool", "1.0", index="internal")
    workplace.index.add("acme-tool", "9.0")  # on the public index: somebody else's
    (workplace.root / "catalog/catalog.yaml").write_text(
        SETTINGS
        + "registry: oci:images\n"
        + f"indexes:\n  internal:\n    url: {workplace.index.index('internal')}\n    packages: [acme-*]\n"
    )
    (workplace.root / ".gitignore").write_text("/images/\n")
    workplace.write("demo", definition("demo", "acme-tool", "alpha"))
    workplace.lock()
    workplace.commit()
    done = workplace.run("publish")
    assert done.code == 0, done.err
    lock = json.loads((workplace.root / "catalog/demo/lock.json").read_text())
    wheels = lock["platforms"]["linux/amd64"]["wheels"]
    assert [(item["name"], item["version"], item["index"]) for item in wheels] == [
        ("acme-tool", "1.0", "internal"),
        ("alpha", "2.0", "default"),
    ]
    assert (workplace.root / "images/oci-layout").is_file()
    assert workplace.index.url not in (workplace.root / "catalog/demo/lock.json").read_text()


def blob(place: Workplace, digest: str) -> dict[str, object]:
    """A JSON blob of the layout."""
    folder = Path(place.images.removeprefix("oci:")) / "blobs/sha256"
    found: dict[str, object] = json.loads((folder / digest.removeprefix("sha256:")).read_bytes())
    return found


def layers(place: Workplace, reference: str) -> list[str]:
    """Digests of the first platform's layers."""
    index = blob(place, place.layout()[reference])
    manifest = blob(place, index["manifests"][0]["digest"])  # type: ignore[index]
    return [layer["digest"] for layer in manifest["layers"]]  # type: ignore[attr-defined]
