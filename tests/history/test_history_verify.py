"""`verify` finds each way in which a version can stop to be what it was, and names both sides."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.catalogs import Workplace, definition, git


@pytest.fixture
def place(with_origin: Workplace) -> Workplace:
    """Two published versions, known to the remote."""
    with_origin.add("demo", "alpha<2")
    with_origin.published()
    with_origin.edit("demo", "alpha<2", "alpha>=2")
    with_origin.lock()
    with_origin.edit("demo", "description:", "aliases: {staging: 1}\ndescription:")
    with_origin.commit("Take alpha 2")
    with_origin.published()
    git(with_origin.root, "push", "-q", "origin", "main")
    return with_origin


def findings(place: Workplace, *arguments: str, code: int = 1) -> list[tuple[str, str, str, str, str]]:
    """Reference, code, severity, expected and found."""
    done = place.run("verify", *arguments, "--format", "json")
    assert done.code == code, done.out + done.err
    keys = ("reference", "code", "severity", "expected", "found")
    return [tuple(item[key] or "" for key in keys) for item in done.json["findings"]]


def codes(place: Workplace, *arguments: str, code: int = 1) -> list[tuple[str, str]]:
    return [(item[0], item[1]) for item in findings(place, *arguments, code=code)]


def registry(place: Workplace) -> tuple[str, str]:
    return ("--registry", place.images)


def retag(place: Workplace, folder: Path, tag: str, **changes: str) -> str:
    """Write a version's tag again with other trailers or another commit."""
    text = git(place.root, "cat-file", "tag", tag)
    for before, after in changes.items():
        old = next(line for line in text.splitlines() if line.startswith(f"{before}"))
        text = text.replace(old, after)
    made = git(folder, "hash-object", "-t", "tag", "-w", "--stdin", stdin=text + "\n")
    git(folder, "update-ref", f"refs/tags/{tag}", made)
    return made


def rewrite_index(place: Workplace, name: str, digest: str | None) -> None:
    """Move or remove a tag of the OCI layout by hand."""
    path = Path(place.images.removeprefix("oci:")) / "index.json"
    document = json.loads(path.read_text())
    key = "org.opencontainers.image.ref.name"
    kept = []
    for entry in document["manifests"]:
        if entry.get("annotations", {}).get(key) == name:
            if digest is None:
                continue
            entry["digest"] = digest
        kept.append(entry)
    path.write_text(json.dumps({**document, "manifests": kept}))


def test_all_is_well(place: Workplace) -> None:
    assert tuple(place.run("verify")) == (0, "2 versions verified, no errors, no warnings\n", "")
    assert tuple(place.run("verify", "demo@1", "--offline")) == (
        0,
        "1 version verified, no errors, no warnings\n",
        "",
    )
    assert place.run("verify", *registry(place), "--format", "json").json == {"verified": 2, "findings": []}
    done = place.run("verify", "--rebuild", "demo@latest")
    assert (done.code, done.out) == (0, "1 version verified, no errors, no warnings\n"), done.err
    assert "building demo@2 anew" in done.err


def test_a_moved_tag_here(place: Workplace) -> None:
    there = git(place.root, "rev-parse", "demo@1")
    here = retag(place, place.root, "demo@1", tagger="tagger Eve <eve@example.com> 1700000000 +0000")
    assert findings(place, "demo") == [("demo@1", "tag-moved", "error", f"{there} on origin", f"{here} here")]
    done = place.run("verify", "demo@1")
    assert done.out == (
        "error  demo@1  tag-moved  the tag `demo@1` is another one on `origin`\n"
        f"  expected  {there} on origin\n"
        f"  found     {here} here\n"
        "1 version verified, 1 error, no warnings\n"
    )
    assert codes(place, "demo@2", code=0) == []
    assert codes(place, "--offline", code=0) == [], "this clone alone has nothing to compare with"


def test_a_recreated_tag_everywhere_differs_from_commit_and_registry(place: Workplace) -> None:
    """Somebody moved version 1 to the newer commit, here and on the remote."""
    head = git(place.root, "rev-parse", "HEAD")
    assert place.origin is not None
    for folder in (place.root, place.origin):
        retag(place, folder, "demo@1", object=f"object {head}")
    old, new = place.trailers("demo@1"), place.trailers("demo@2")
    assert findings(place) == [
        ("demo@1", "lock-edited", "error", f"{old['Lock']} in the tag", f"{new['Lock']} there"),
        ("demo@1", "plan-differs", "error", f"{old['Plan']} in the tag", f"{new['Plan']} from the commit"),
    ]
    for folder in (place.root, place.origin):
        lines = {
            "Plan": f"Plan: {new['Plan']}",
            "Lock": f"Lock: {new['Lock']}",
            "Image": f"Image: {new['Image']}",
        }
        retag(place, folder, "demo@1", **lines)
    assert codes(place, code=0) == [("demo@2", "plan-twice")]
    assert findings(place, *registry(place))[0] == (
        "demo",
        "alias-moved",
        "error",
        f"{new['Image']} (version 1)",
        old["Image"],
    )
    assert ("demo@1", "registry-tag-moved", "error", new["Image"], old["Image"]) in findings(
        place, *registry(place)
    )


@pytest.mark.parametrize("number", [1, 2])
def test_a_tag_deleted_on_the_remote(place: Workplace, number: int) -> None:
    assert place.origin is not None
    here = git(place.root, "rev-parse", f"demo@{number}")
    git(place.origin, "tag", "-d", f"demo@{number}")
    assert findings(place) == [(f"demo@{number}", "tag-deleted", "error", f"{here} on origin", "nothing")]


def test_a_tag_deleted_here(place: Workplace) -> None:
    git(place.root, "tag", "-d", "demo@2")
    there = git(place.origin or place.root, "rev-parse", "demo@2")
    assert findings(place, code=0) == [
        ("demo@2", "tag-unfetched", "warning", f"{there} on origin", "nothing")
    ]


def test_a_tag_deleted_everywhere(place: Workplace) -> None:
    assert place.origin is not None
    one, two = (place.trailers(f"demo@{number}")["Image"] for number in (1, 2))
    for folder in (place.root, place.origin):
        git(folder, "tag", "-d", "demo@1")
    assert findings(place) == [
        ("demo", "number-gap", "error", "versions 1 to 2", "none with number 1"),
        ("demo@1", "alias-unknown", "error", "version 1", "versions 2"),
    ]
    for folder in (place.root, place.origin):
        git(folder, "tag", "-d", "demo@2")
    assert codes(place, code=0) == [], "Git alone cannot know"
    assert findings(place, *registry(place)) == [
        ("demo@1", "registry-tag-unknown", "error", "a version tag in Git", one),
        ("demo@2", "registry-tag-unknown", "error", "a version tag in Git", two),
    ]
    place.edit("demo", "aliases: {staging: 1}\n", "")
    place.commit()
    [(_, action, reason, number)] = place.plan()
    assert (action, number) == ("refuse", None)
    assert reason == f"registry tag 1 is {one[:19]}, but Git has no version 1"
    done = place.publish()
    assert done.code == 1
    assert place.tags() == [], "a number is never given twice"


def test_lightweight_and_renamed_tags(place: Workplace) -> None:
    git(place.root, "tag", "-d", "demo@1")
    git(place.root, "tag", "demo@1", "HEAD~1")
    git(place.root, "update-ref", "refs/tags/demo@3", git(place.root, "rev-parse", "demo@2"))
    found = findings(place, "--offline")
    assert [item[:2] for item in found] == [
        ("demo@1", "alias-unknown"),
        ("demo@1", "tag-lightweight"),
        ("demo@3", "tag-renamed"),
    ]
    assert found[2][3:] == (
        "an annotated tag made for `demo@3`",
        "holds a tag object that was made for `demo@2`",
    )
    assert place.plan(registry=False) == [
        ("demo", "refuse", "tag `demo@1` is a lightweight tag of a commit", None)
    ]
    assert ("demo@3", "tag-deleted") in codes(place, "demo@3")


def test_an_edited_lock(place: Workplace) -> None:
    """A commit whose lock was edited by hand, tagged with the trailers of the sound one."""
    lock = place.root / "catalog/demo/lock.json"
    text = lock.read_text()
    document = json.loads(text)
    wheel = document["platforms"]["linux/amd64"]["wheels"][0]
    document.get("known", {}).pop(wheel["sha256"], None)
    wheel["sha256"] = "0" * 64
    lock.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    commit = place.commit("Edit the lock")
    retag(place, place.root, "demo@2", object=f"object {commit}")
    found = findings(place, "--offline")
    assert [item[:2] for item in found] == [("demo@2", "lock-edited"), ("demo@2", "plan-differs")]
    assert found[0][3] == f"{place.trailers('demo@2')['Lock']} in the tag"

    lock.write_text(text)
    place.edit("demo", "alpha>=2", "alpha>1")
    commit = place.commit("Edit the definition alone")
    retag(place, place.root, "demo@2", object=f"object {commit}")
    assert codes(place, "--offline") == [("demo@2", "definition-edited")]

    (place.root / "catalog/demo/lock.json").write_text("{}")
    commit = place.commit("Break the lock")
    retag(place, place.root, "demo@2", object=f"object {commit}")
    assert codes(place, "--offline") == [("demo@2", "content-unreadable")]
    lock.unlink()
    commit = place.commit("Remove the lock")
    retag(place, place.root, "demo@2", object=f"object {commit}")
    assert codes(place, "--offline") == [("demo@2", "lock-missing")]


def test_tags_of_the_registry(place: Workplace) -> None:
    one, two = (place.trailers(f"demo@{number}")["Image"] for number in (1, 2))
    rewrite_index(place, "demo:1", two)
    rewrite_index(place, "demo:latest", one)
    rewrite_index(place, "demo:staging", None)
    assert findings(place, *registry(place)) == [
        ("demo", "alias-moved", "error", f"{two} (version 2)", f"{one} (version 1)"),
        ("demo", "alias-moved", "error", f"{one} (version 1)", "nothing"),
        ("demo@1", "registry-tag-moved", "error", one, two),
    ]
    rewrite_index(place, "demo:1", None)
    assert ("demo@1", "registry-tag-missing", "error", one, "nothing") in findings(place, *registry(place))
    assert codes(place, code=0) == [], "the registry is asked only when the operator names it"


def test_missing_and_damaged_pieces_of_an_image(place: Workplace) -> None:
    blobs = Path(place.images.removeprefix("oci:")) / "blobs/sha256"
    image = place.trailers("demo@2")["Image"]
    index = blobs / image.removeprefix("sha256:")
    [platform] = json.loads(index.read_bytes())["manifests"]
    manifest = blobs / platform["digest"].removeprefix("sha256:")
    layer = json.loads(manifest.read_bytes())["layers"][-1]["digest"]
    (blobs / layer.removeprefix("sha256:")).unlink()
    assert findings(place, "demo@2", *registry(place)) == [
        ("demo@2", "image-incomplete", "error", "all of them", f"without {layer}")
    ]
    manifest.unlink()
    assert findings(place, "demo@2", *registry(place)) == [
        ("demo@2", "image-incomplete", "error", "all of them", f"without {platform['digest']}")
    ]
    index.write_text("not JSON")
    assert codes(place, "demo@2", *registry(place)) == [("demo@2", "image-unreadable")]
    index.unlink()
    assert ("demo@2", "image-missing") in codes(place, "demo@2", *registry(place))


def test_an_image_of_another_plan(place: Workplace) -> None:
    """Tag and registry agree on an image that was not made for this plan."""
    other = place.trailers("demo@1")
    rewrite_index(place, "demo:2", other["Image"])
    retag(place, place.root, "demo@2", Image=f"Image: {other['Image']}")
    plan = place.trailers("demo@2")["Plan"]
    assert findings(place, "demo@2", "--offline", *registry(place)) == [
        ("demo@2", "image-plan", "error", plan, other["Plan"])
    ]
    assert [item[:2] for item in findings(place, "--offline", "--rebuild", "demo@2")] == [
        ("demo@2", "image-not-reproduced")
    ]


def test_rebuild_takes_no_layer_from_the_cache(place: Workplace) -> None:
    """Damaged layers in the cache do not make a sound version look bad, nor the other way round."""
    image = place.trailers("demo@2")["Image"]
    for path in (place.cache / "layers").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    assert findings(place, "--offline", "--rebuild", "demo@2", code=0) == []
    retag(place, place.root, "demo@2", Image="Image: sha256:" + "0" * 64)
    assert findings(place, "--offline", "--rebuild", "demo@2") == [
        ("demo@2", "image-not-reproduced", "error", "sha256:" + "0" * 64, image)
    ]


def test_a_commit_that_is_not_here(place: Workplace) -> None:
    retag(place, place.root, "demo@1", object="object " + "1" * 40)
    assert ("demo@1", "commit-missing", "error", "1" * 40, "nothing") in findings(place, "--offline")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_signatures(workplace: Workplace, tmp_path: Path) -> None:
    place = workplace
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    place.write("demo", definition("demo", "alpha<2"))
    assert place.run("register", "demo").code == 0
    for name, value in {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(key)}.items():
        git(place.root, "config", name, value)
    place.edit("demo", "alpha<2", "alpha>=2")
    assert place.run("register", "demo").code == 0
    assert codes(place, code=0) == [("demo@2", "signature-unknown")]
    assert codes(place, "--require-signed") == [
        ("demo@1", "signature-missing"),
        ("demo@2", "signature-unknown"),
    ]
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    git(place.root, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    assert codes(place, "demo@2", "--require-signed", code=0) == []
    text = git(place.root, "cat-file", "tag", "demo@2").replace("demo@2\n\n", "demo@2\n\nForged\n\n")
    made = git(place.root, "hash-object", "-t", "tag", "-w", "--stdin", stdin=text + "\n")
    git(place.root, "update-ref", "refs/tags/demo@2", made)
    assert codes(place) == [("demo@2", "signature-bad")]


def test_a_forged_record_of_an_image(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    assert place.run("register", "demo").code == 0
    git(place.root, "tag", "-am", "x", "images/demo@1", "HEAD")
    assert codes(place) == [("demo@1", "tag-renamed")]
    assert place.plan() == [
        ("demo", "refuse", "tag `images/demo@1` was not made for the tag `demo@1` that is here", None)
    ]


def test_names_that_only_look_like_versions_are_warnings(place: Workplace) -> None:
    for tag in ("Demo@3", "demo@03", '"><script>@1', "$(id)@2"):
        git(place.root, "tag", tag)
    done = place.run("verify", "--offline")
    assert done.code == 0
    assert [line.split()[:3] for line in done.out.splitlines() if line.startswith("warning")] == [
        ["warning", f"refs/tags/{tag}", "tag-misnamed"]
        for tag in ('"><script>@1', "$(id)@2", "Demo@3", "demo@03")
    ]
    planned = place.run("plan", "demo")
    assert planned.code == 0
    assert planned.err == "warning: the tag `demo@03` is not a valid name and number, so it is passed over\n"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("demo@9", "`demo` has no version 9"),
        ("nobody", "there is no environment `nobody` in this catalog"),
        ("demo@prod", "`demo` has no `prod`"),
        ("demo@{worktree}", "`demo@{worktree}` names no version"),
        ("--output=x@1", None),
        ("../x", "`../x` is no reference"),
    ],
)
def test_references_to_nothing(place: Workplace, reference: str, message: str | None) -> None:
    done = place.run("verify", "--offline", reference)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    if message:
        assert done.err.splitlines()[0] == f"error: {message}"


def test_the_remote_is_out_of_reach(place: Workplace) -> None:
    assert place.origin is not None
    shutil.rmtree(place.origin)
    done = place.run("verify")
    assert done.code == 2
    assert done.err.startswith("error: the remote `origin` did not answer as it should: ")
    assert place.run("verify", "--offline").code == 0


def test_a_tag_that_is_only_not_fetched_is_neither_lost_nor_deleted(place: Workplace) -> None:
    git(place.root, "update-ref", "-d", "refs/tags/demo@1")
    unfetched = [("demo@1", "tag-unfetched")]
    assert codes(place, "--registry", place.images, code=0) == unfetched
    assert codes(place, "--registry", place.images, "--offline") == [
        ("demo", "number-gap"),
        ("demo@1", "alias-unknown"),
        ("demo@1", "registry-tag-unknown"),
    ]
