"""What is refused, in whole sentences; and that nothing was published then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envcatalog.registry.open import open_registry
from support.catalogs import PYTHON, Workplace, definition, git

COMMIT_HINT = "hint: run `git add catalog` and `git commit`, then publish\n"


def untouched(place: Workplace) -> bool:
    """No version in Git, no tag in the layout."""
    return place.tags() == [] and place.layout() == {}


def test_no_lock(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha"))
    workplace.commit()
    done = workplace.run("publish", "--registry", workplace.images)
    assert (done.code, done.out) == (
        1,
        "refused  demo  -  no lock\n0 published, 0 retagged, 0 unchanged, 1 refused\n",
    )
    assert done.err == "refused demo: no lock (run `envcat lock demo`)\n"
    checked = workplace.run("lock", "--check")
    assert (checked.code, checked.out.split(), checked.err) == (1, ["stale", "demo"], "")
    assert untouched(workplace)


def test_a_stale_lock_in_every_format(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    workplace.edit("demo", "alpha<2", "alpha")
    assert workplace.run("plan", "--format", "json").json == {
        "actions": [
            {
                "environment": "demo",
                "action": "refuse",
                "reason": "lock is stale: definition changed",
                "plan": None,
                "version": None,
                "hint": "run `envcat lock demo`",
                "builder": "embedded",
                "builder_reason": "",
            }
        ]
    }
    for form, code in (("github", 1), ("sarif", 1), ("github-matrix", 1), ("markdown", 1)):
        done = workplace.run("plan", "--format", form)
        assert (done.code, done.err) == (code, ""), form
        assert "demo" in done.out or form == "github-matrix"
    assert workplace.run("build", "demo").err == (
        "error: `demo` cannot be planned: lock is stale: definition changed\nhint: run `envcat lock demo`\n"
    )
    assert workplace.run("build", "demo").code == 1


def test_uncommitted_edits(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.add("other", "alpha")
    workplace.edit("demo", "For a test", "For another test")
    refused = (1, "", f"error: `demo` has uncommitted changes, and a version is a commit\n{COMMIT_HINT}")
    assert tuple(workplace.publish()) == refused
    git(workplace.root, "add", "-A")
    assert tuple(workplace.publish()) == refused
    (workplace.root / "catalog/other/lock.json").unlink()
    (workplace.root / "catalog/third").mkdir()
    (workplace.root / "catalog/third/environment.yaml").write_text(definition("third"))
    assert workplace.publish().err == (
        "error: `demo`, `other`, `third` have uncommitted changes, and a version is a commit\n" + COMMIT_HINT
    )
    assert untouched(workplace)


def test_only_the_chosen_environments_must_be_committed(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.write("other", "not yet: [")
    assert workplace.published("demo") == [("demo", 1, "published", "new")]


def test_uncommitted_settings(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    (workplace.root / "catalog/catalog.yaml").write_text("aliases: [prod]\n")
    assert tuple(workplace.publish()) == (
        1,
        "",
        f"error: `catalog/catalog.yaml` has uncommitted changes, and a version is a commit\n{COMMIT_HINT}",
    )
    assert untouched(workplace)


@pytest.mark.parametrize(
    "command",
    [
        ["validate"],
        ["lock"],
        ["plan"],
        ["build"],
        ["publish", "--registry", "oci:x"],
        ["show"],
        ["log"],
        ["diff"],
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(workplace: Workplace, command: list[str]) -> None:
    workplace.add("sklearn", "alpha")
    assert tuple(workplace.run(*command, "skleran")) == (
        2,
        "",
        "error: there is no environment `skleran` in this catalog\nhint: did you mean `sklearn`\n",
    )
    done = workplace.run(*command, "quite-another")
    assert done.err == (
        "error: there is no environment `quite-another` in this catalog\n"
        "hint: run `envcat list` to see what there is\n"
    )
    assert workplace.run(*command, "../../etc/passwd").code == 2


def test_an_alias_needs_its_version(workplace: Workplace) -> None:
    workplace.write("demo", definition("demo", "alpha", more="aliases: {prod: 7}\n"))
    workplace.lock()
    workplace.commit()
    assert workplace.plan() == [
        ("demo", "refuse", "alias `prod` names version 7, which does not exist", None)
    ]
    done = workplace.run("publish", "--registry", workplace.images)
    assert (done.code, done.err) == (
        1,
        "refused demo: alias `prod` names version 7, which does not exist (the next version is 1)\n",
    )
    assert untouched(workplace)
    workplace.edit("demo", "prod: 7", "prod: 1")
    workplace.commit()
    assert workplace.published() == [("demo", 1, "published", "new")]
    workplace.edit("demo", "prod: 1", "prod: 2")
    workplace.commit()
    assert workplace.plan() == [("demo", "refuse", "alias `prod` names version 2, which does not exist", 1)]
    assert workplace.plan(registry=False) == [
        ("demo", "refuse", "alias `prod` names version 2, which does not exist", 1)
    ]


def test_a_lock_edited_by_hand(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    path = workplace.root / "catalog/demo/lock.json"
    lock = json.loads(path.read_text())
    right = lock["platforms"]["linux/amd64"]["wheels"][0]["sha256"]
    wrong = "0" * 64
    path.write_text(path.read_text().replace(right, wrong))
    workplace.commit()
    done = workplace.publish()
    assert done.code == 1
    assert "alpha-1.0-py3-none-any.whl" in done.err.splitlines()[-2]
    assert done.err.splitlines()[-2].startswith("error: ")
    assert "envcat lock" in done.err.splitlines()[-1]
    assert untouched(workplace)

    path.write_text("{}\n")
    workplace.commit()
    validated = workplace.run("validate", "--format", "json")
    assert (validated.code, validated.json["problems"][0]["code"]) == (1, "lock-invalid")
    [row] = workplace.plan()
    assert (row[1], row[2].startswith("`catalog/demo/lock.json` is not a valid lock")) == ("refuse", True)
    assert workplace.run("lock").code == 2
    assert workplace.run("lock", "--upgrade", "demo").code == 0


def test_somebody_moved_a_version_in_the_registry(workplace: Workplace) -> None:
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock()
    workplace.commit()
    workplace.published()
    one, two = (workplace.trailers(f"demo@{number}")["Image"] for number in (1, 2))
    registry = open_registry(workplace.images, cache=workplace.cache)
    repository = registry.repository("demo")
    manifest = repository.manifest("1")
    assert manifest is not None
    repository.put_manifest(manifest.data, manifest.media_type, tag="2")
    registry.close()
    reason = f"registry tag 2 is {one[:19]}, Git recorded {two[:19]}"
    hint = "a published version never changes: find out who moved the tag, then delete it and publish again"
    assert workplace.plan() == [("demo", "refuse", reason, 2)]
    done = workplace.run("publish", "--registry", workplace.images)
    assert (done.code, done.err) == (1, f"refused demo: {reason} ({hint})\n")
    assert workplace.layout()["demo:2"] == one, "an error, not mended behind anybody's back"


def test_a_rebuilt_image_that_differs(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha<2")
    workplace.published()
    version = workplace.trailers("demo@1")
    right, wrong = version["Image"], "sha256:" + "1" * 64
    text = git(workplace.root, "cat-file", "tag", "demo@1").replace(right, wrong)
    made = git(workplace.root, "mktag", stdin=text + "\n")
    git(workplace.root, "update-ref", "refs/tags/demo@1", made)
    workplace.images = f"oci:{tmp_path / 'another'}"
    done = workplace.run("publish", "--registry", workplace.images)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2:] == [
        f"error: `demo@1` was {wrong}, but building it again gives {right}",
        "hint: the recorded image is not reproduced: look for an edited lock, or another release of envcat",
    ]
    assert workplace.layout() == {}


def test_a_version_that_records_the_image_of_an_old_one(workplace: Workplace) -> None:
    """A tag by hand, whose plan and lock are right and whose image would take everybody back to version 1."""
    workplace.add("demo", "alpha==1.0")
    workplace.published()
    old = workplace.trailers("demo@1")["Image"]
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock()
    workplace.commit()
    workplace.published()
    text = git(workplace.root, "cat-file", "tag", "demo@2")
    text = text.replace(workplace.trailers("demo@2")["Image"], old)
    git(workplace.root, "update-ref", "refs/tags/demo@2", git(workplace.root, "mktag", stdin=text + "\n"))
    layout = Path(workplace.images.removeprefix("oci:")) / "index.json"
    index = json.loads(layout.read_text())
    index["manifests"] = [
        item
        for item in index["manifests"]
        if item.get("annotations", {}).get("org.opencontainers.image.ref.name")
        not in ("demo:2", "demo:latest")
    ]
    layout.write_text(json.dumps(index))
    done = workplace.run("publish", "--registry", workplace.images)
    assert done.code == 1, done
    assert done.err.splitlines()[-2:] == [
        f"error: Git records {old[:19]} for `demo@2`, which was made from another plan",
        "hint: run `envcat verify demo@2`: somebody forged the tag",
    ]
    assert set(workplace.layout()) == {"demo:1"}


def test_problems_in_the_definition_stop_everything(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    workplace.add("good", "alpha")
    workplace.edit("demo", "python:", "pyhton:")
    assert workplace.run("lock", "good").code == 0
    done = workplace.run("lock", "demo")
    assert done.code == 1
    assert done.err.splitlines()[1] == " --> catalog/demo/environment.yaml:4:1"
    assert done.err.splitlines()[-1] == "error: 1 problem found"
    assert workplace.plan(registry=False) == [
        ("good", "build", "new", 1),
        ("demo", "refuse", "1 problem found", None),
    ]
    workplace.commit()
    done = workplace.publish()
    assert [(row["environment"], row["status"]) for row in done.json["published"]] == [
        ("good", "published"),
        ("demo", "refused"),
    ]
    assert done.code == 1


def test_unsatisfiable_requirements_leave_the_old_lock(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    path = workplace.root / "catalog/demo/lock.json"
    before = path.read_bytes()
    workplace.edit("demo", "alpha<2", "alpha>5")
    done = workplace.run("lock")
    assert done.code == 1
    assert f"error: no set of wheels for Python {PYTHON} on linux/amd64 fits\n" in done.err
    assert "alpha>5" in done.err
    assert path.read_bytes() == before
    assert {item.name for item in path.parent.iterdir()} == {"environment.yaml", "lock.json"}


def test_a_version_that_does_not_exist(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    assert workplace.run("show", "demo@1").err == (
        "error: `demo` has no version 1\nhint: run `envcat publish` to make one\n"
    )
    workplace.published()
    assert workplace.run("show", "demo@2").err == "error: `demo` has no version 2\nhint: it has 1\n"
    assert workplace.run("show", "demo@lates").err == (
        "error: `demo` has no `lates`\nhint: did you mean `demo@latest`\n"
    )
    assert workplace.run("diff", "demo@", "demo").err == (
        "error: `demo@` has nothing after the `@`\nhint: write `demo` or `demo@latest`\n"
    )
    assert workplace.run("show", "demo@--output=x").code == 2
    assert not (workplace.root / "x").exists()
