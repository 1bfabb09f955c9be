"""A bare origin with our hooks: the CI of a catalog without a forge."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from hooks_support import push, remote_lines

from envcatalog.lock.file import load_lock, lock_digest
from support.catalogs import Workplace, definition, git

KEPT = (
    "the push is taken; what is not published now is made up for by the next one, or by "
    "`envcat hooks run post-receive` in the bare repository"
)


def add(place: Workplace, name: str = "demo", *packages: str, **more: str) -> str:
    """Write, lock and commit; the commit."""
    place.write(name, definition(name, *(packages or ("alpha<2",)), **more))
    place.lock(name)
    return place.commit(f"Add {name}")


def add_and_push(place: Workplace) -> None:
    """`demo@1`, here too."""
    add(place)
    done = push(place.root, "main")
    assert done.returncode == 0, done.stderr
    git(place.root, "fetch", "-q", "--tags")


def origin_refs(place: Workplace) -> dict[str, str]:
    """Full reference name to id."""
    assert place.origin is not None
    lines = git(place.origin, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)  # type: ignore[misc]


def tag(
    place: Workplace, name: str, commit: str, plan: str, lock: str, image: str = "", inner: str = ""
) -> None:
    """A version tag made by hand; the reference is `name`, the tag object is made for `inner`."""
    trailers = [f"Plan: {plan}", *([f"Image: {image}"] if image else []), f"Lock: {lock}", "Checks: none"]
    text = "\n".join([f"object {commit}", "type commit", f"tag {inner or name}"])
    text += (
        "\ntagger Eve <eve@example.com> 1767323045 +0000\n\n" + f"{inner or name}\n\n" + "\n".join(trailers)
    )
    made = git(place.root, "hash-object", "-t", "tag", "-w", "--stdin", stdin=text + "\n")
    git(place.root, "update-ref", f"refs/tags/{name}", made)


def test_the_whole_loop(served: Workplace) -> None:
    commit = add(served)
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
    assert git(served.root, "rev-parse", "demo@1^{commit}") == commit
    assert served.layout()["demo:1"] == served.trailers("demo@1")["Image"]
    assert served.plan() == [("demo", "skip", "is version 1", 1)]

    served.edit("demo", "alpha<2", "alpha>=2")
    served.edit("demo", "description: For a test\n", "description: For a test\naliases: {staging: 1}\n")
    served.lock("demo")
    served.commit("Take alpha 2, and 1 to staging")
    assert push(served.root, "main").returncode == 0
    assert sorted(served.layout()) == ["demo:1", "demo:2", "demo:latest", "demo:staging"]
    served.edit("demo", "{staging: 1}", "{staging: 2}")
    served.commit("Promote")
    assert remote_lines(push(served.root, "main"))[-2:] == [
        f"retagged  demo  version 2  {served.images}:demo:2",
        "0 published, 1 retagged, 0 unchanged, 0 refused",
    ]
    assert served.layout()["demo:staging"] == served.layout()["demo:2"]
    (served.root / "README.md").write_text("Nothing of the catalog\n")
    served.commit("Write a README")
    assert remote_lines(push(served.root, "main")) == []


@pytest.mark.registry
def test_the_whole_loop_with_a_registry(served: Workplace, docker_registry: str) -> None:
    assert served.origin is not None
    git(served.origin, "config", "--unset", "envcat.registry")
    settings = served.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"registry: {docker_registry}/hooks\n")
    add(served)
    done = push(served.root, "main")
    assert done.returncode == 0, done.stderr
    assert remote_lines(done)[-2] == f"published  demo  version 1  {docker_registry}/hooks/demo:1"
    git(served.root, "fetch", "-q", "--tags")
    with urlopen(f"http://{docker_registry}/v2/hooks/demo/tags/list") as answer:
        assert {"1", "latest"} <= set(json.load(answer)["tags"])


def test_without_a_registry_the_push_is_kept_and_made_up_for(served: Workplace) -> None:
    assert served.origin is not None
    git(served.origin, "config", "--unset", "envcat.registry")
    commit = add(served)
    done = push(served.root, "main")
    assert done.returncode == 0
    assert remote_lines(done) == [
        KEPT,
        "error: nothing was published: this repository does not say where to",
        "hint: run `git config envcat.registry HOST/PREFIX` in the bare repository, then "
        "`envcat hooks run post-receive`",
    ]
    assert origin_refs(served) == {"refs/heads/main": commit}
    git(served.origin, "config", "envcat.registry", "oci:images")
    again = served.spawn("hooks", "run", "post-receive", "-C", str(served.origin))
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        "1 published, 0 retagged, 0 unchanged, 0 refused",
    )
    assert (served.origin / "images/index.json").is_file()


def test_settings_that_are_broken_on_the_branch_can_be_mended_by_a_push(served: Workplace) -> None:
    assert served.origin is not None
    git(served.origin, "config", "--unset", "envcat.registry")
    settings = served.root / "catalog/catalog.yaml"
    sound = settings.read_text()
    settings.write_text("registery: x\n")
    served.commit("Break the settings")
    # As they got there before the hooks did.
    git(served.origin, "fetch", "-q", str(served.root), "+HEAD:refs/heads/main")
    settings.write_text(sound)
    commit = served.commit("Mend the settings")
    done = push(served.root, "main")
    assert done.returncode == 0, done.stderr
    assert origin_refs(served)["refs/heads/main"] == commit


def test_what_does_not_validate_is_refused(served: Workplace) -> None:
    before = origin_refs(served)
    add(served)
    served.edit("demo", "description:", "descriptoin:")
    served.commit("Slip")
    done = push(served.root, "main")
    assert done.returncode == 1
    assert remote_lines(done) == [
        "in main:",
        "error: the key `descriptoin` is not known here",
        " --> catalog/demo/environment.yaml:2:1",
        "  |",
        "2 | descriptoin: For a test",
        "  | ^^^^^^^^^^^",
        "hint: did you mean `description`?",
        "error: the push is refused",
    ]
    assert origin_refs(served) == before
    assert push(served.root, "main:refs/heads/topic").returncode == 1
    assert served.layout() == {}


def test_a_stale_lock_is_refused_on_the_default_branch_only(served: Workplace) -> None:
    add(served)
    served.edit("demo", "alpha<2", "alpha>=2")
    served.commit("Forget the lock")
    done = push(served.root, "main:refs/heads/topic")
    assert done.returncode == 0
    said = [
        "in topic:",
        "warning: the lock of `demo` does not belong to its definition",
        " --> catalog/demo/lock.json:1:1",
        "hint: run `envcat lock demo` and commit the lock",
    ]
    assert remote_lines(done) == said
    done = push(served.root, "main")
    assert done.returncode == 1
    said[:2] = ["in main:", said[1].replace("warning", "error")]
    assert remote_lines(done) == [*said, "error: the push is refused"]


def test_a_branch_without_a_catalog_is_none_of_ours(served: Workplace) -> None:
    git(served.root, "checkout", "-q", "--orphan", "pages")
    git(served.root, "rm", "-rqf", ".")
    git(served.root, "commit", "-q", "--allow-empty", "-m", "Pages")
    done = push(served.root, "pages")
    assert (done.returncode, remote_lines(done)) == (0, [])
    assert push(served.root, ":pages").returncode == 0


REFUSED = "hint: publish a new version instead"


@pytest.mark.parametrize("how", ["moved", "deleted", "lightweight"])
def test_a_version_never_changes(served: Workplace, how: str) -> None:
    add_and_push(served)
    before = origin_refs(served)
    if how == "moved":
        facts = served.trailers("demo@1")
        tag(served, "demo@1", git(served.root, "rev-parse", "HEAD~1"), facts["Plan"], facts["Lock"])
        spec = "+refs/tags/demo@1"
    elif how == "deleted":
        spec = ":refs/tags/demo@1"
    else:
        git(served.root, "tag", "-f", "demo@1", "HEAD")
        spec = "+refs/tags/demo@1"
    done = push(served.root, spec)
    word = "deleted" if how == "deleted" else "moved"
    assert remote_lines(done) == [
        f"error: the tag `demo@1` is {word}, and a published version never changes",
        REFUSED,
        "error: the push is refused",
    ]
    assert (done.returncode, origin_refs(served)) == (1, before)


def forge(place: Workplace, case: str) -> str:
    """Make a false version; the reference."""
    facts = place.trailers("demo@1")
    plan, lock, image = facts["Plan"], facts["Lock"], facts["Image"]
    head = git(place.root, "rev-parse", "HEAD")
    other = "sha256:" + "0" * 64
    if case == "lightweight":
        git(place.root, "tag", "demo@2", "HEAD")
    elif case == "renamed":
        tag(place, "demo@2", head, other, lock, image, inner="demo@1")
    elif case == "plan":
        tag(place, "demo@2", head, other, lock, image)
    elif case == "number":
        tag(place, "demo@7", head, other, lock, image)
        return "demo@7"
    elif case == "same":
        tag(place, "demo@2", head, plan, lock, image)
    elif case == "name":
        tag(place, "other@1", head, plan, lock, image)
        return "other@1"
    elif case == "spelling":
        tag(place, "demo@02", head, other, lock, image)
        return "demo@02"
    elif case in ("unmerged", "lock", "image", "old image"):
        place.edit("demo", "alpha<2", "alpha>=2")
        place.lock("demo")
        commit = place.commit("Take alpha 2")
        (action,) = place.run("plan", "demo", "--format", "json").json["actions"]
        if "image" in case:
            path = place.root / "catalog/demo/lock.json"
            lock = lock_digest(load_lock(path.read_bytes(), str(path)))
            image = other if case == "image" else image
        tag(place, "demo@2", commit, action["plan"], lock, image)
        if case != "unmerged":
            return "main demo@2"
    return "demo@2"


FORGED = {
    "lightweight": "the tag `demo@2` is a lightweight tag",
    "renamed": "the tag `demo@2` holds a tag object that was made for `demo@1`",
    "plan": "the tag `demo@2` does not follow from its commit: its plan is sha256:000000000000, and the commit gives ",
    "number": "the tag `demo@7` is out of turn: the next version is 2",
    "same": "the tag `demo@2` has the plan of `demo@1`",
    "name": "the tag `other@1` does not follow from its commit: there is no environment `other` in this catalog",
    "spelling": "the tag `demo@02` is not a valid name and number",
    "unmerged": "which is not on the default branch",
    "lock": "the tag `demo@2` does not follow from its commit: its lock is ",
    "image": "the tag `demo@2` records the image sha256:000000000000, which the registry does not hold",
    "old image": "which was made from another plan",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_version_is_refused(served: Workplace, case: str) -> None:
    add_and_push(served)
    before = origin_refs(served)
    refs = [ref if ref == "main" else f"refs/tags/{ref}" for ref in forge(served, case).split()]
    done = push(served.root, *refs)
    said = remote_lines(done)
    assert (done.returncode, said[-1]) == (1, "error: the push is refused"), done.stderr
    assert FORGED[case] in said[0]
    assert origin_refs(served) == before


def test_a_forged_record_of_an_image_is_refused(served: Workplace) -> None:
    add_and_push(served)
    image = served.layout()["demo:1"]
    served.edit("demo", "alpha<2", "alpha>=2")
    served.lock("demo")
    served.commit("Take alpha 2")
    assert served.origin is not None
    hook = served.origin / "hooks/post-receive"
    hook.rename(hook.with_name("off"))
    assert push(served.root, "main").returncode == 0
    assert served.run("register", "demo").code == 0
    assert push(served.root, "refs/tags/demo@2").returncode == 0
    text = [f"object {git(served.root, 'rev-parse', 'demo@2')}", "type tag", "tag images/demo@2"]
    text += ["tagger Eve <eve@example.com> 1767323045 +0000", "", "images/demo@2", ""]
    text += [f"Plan: {served.trailers('demo@2')['Plan']}", f"Image: {image}", "Checks: none", ""]
    made = git(served.root, "hash-object", "-t", "tag", "-w", "--stdin", stdin="\n".join(text))
    done = push(served.root, f"{made}:refs/tags/images/demo@2")
    assert remote_lines(done) == [
        f"error: the tag `images/demo@2` records the image {image[:19]}, which was made from another plan",
        "hint: versions are made by `envcat publish`",
        "error: the push is refused",
    ]


def test_without_the_registry_no_version_is_taken(served: Workplace) -> None:
    add_and_push(served)
    assert served.origin is not None
    git(served.origin, "config", "envcat.registry", "127.0.0.1:1/ml")
    done = push(
        served.root, *(f"refs/tags/{ref}" for ref in forge(served, "image").split() if "@" in ref), "main"
    )
    said = remote_lines(done)
    assert said[0].startswith(
        "error: the image of the tag `demo@2` cannot be looked up: `127.0.0.1:1` cannot be"
    )
    assert (done.returncode, said[-1]) == (1, "error: the push is refused")


def test_an_honest_version_of_a_clone_is_taken(served: Workplace) -> None:
    add_and_push(served)
    served.edit("demo", "alpha<2", "alpha>=2")
    served.lock("demo")
    served.commit("Take alpha 2")
    assert served.origin is not None
    hook = served.origin / "hooks/post-receive"
    hook.rename(hook.with_name("off"))
    assert push(served.root, "main").returncode == 0
    assert served.published() == [("demo", 2, "published", "definition changed")]
    assert "refs/tags/demo@2" in origin_refs(served)
    assert push(served.root, "main", "refs/tags/demo@2").returncode == 0


def test_history_that_holds_a_version_is_not_pushed_away(served: Workplace) -> None:
    add_and_push(served)
    (served.root / "README.md").write_text("Nothing of the catalog\n")
    served.commit("Write a README")
    assert push(served.root, "main").returncode == 0
    git(served.root, "commit", "-q", "--amend", "-m", "Say it better")
    assert push(served.root, "+main").returncode == 0, "no version is lost"
    before = origin_refs(served)
    git(served.root, "reset", "-q", "--hard", "HEAD~2")
    for spec in ("+main", "+HEAD:main"):
        done = push(served.root, spec)
        assert remote_lines(done) == [
            "error: the push takes the commit of `demo@1` off the branch, and versions stay on it",
            "hint: pull first, then push without `--force`",
            "error: the push is refused",
        ]
    assert origin_refs(served) == before


def test_tags_that_are_no_versions_pass(served: Workplace) -> None:
    git(served.root, "tag", "v1.0")
    git(served.root, "tag", "-a", "-m", "x", "release-2026")
    assert push(served.root, "v1.0", "release-2026").returncode == 0
    assert push(served.root, ":v1.0").returncode == 0


def test_pushes_at_once_are_published_once(served: Workplace) -> None:
    add(served)
    assert served.origin is not None
    hook = served.origin / "hooks/post-receive"
    hook.rename(hook.with_name("off"))
    assert push(served.root, "main").returncode == 0
    processes = [served.start("hooks", "run", "post-receive", "-C", str(served.origin)) for _ in range(3)]
    outs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outs
    assert sorted(out.splitlines()[-1] for out, _ in outs) == [
        *["0 published, 0 retagged, 1 unchanged, 0 refused"] * 2,
        "1 published, 0 retagged, 0 unchanged, 0 refused",
    ]
    assert [ref for ref in origin_refs(served) if ref.startswith("refs/tags/")] == ["refs/tags/demo@1"]


def test_the_next_push_makes_up_for_what_a_registry_that_was_down_missed(served: Workplace) -> None:
    add_and_push(served)
    assert served.origin is not None
    git(served.origin, "config", "envcat.registry", "127.0.0.1:1/ml")
    served.edit("demo", "description: For a test\n", "description: For a test\naliases: {staging: 1}\n")
    served.commit("Take 1 to staging")
    done = push(served.root, "main")
    assert done.returncode == 0
    assert remote_lines(done)[-3] == KEPT
    assert remote_lines(done)[-2].startswith("error: `127.0.0.1:1` cannot be reached")
    git(served.origin, "config", "envcat.registry", served.images)
    (served.root / "README.md").write_text("Nothing of the catalog\n")
    served.commit("Write a README")
    assert remote_lines(push(served.root, "main"))[-1] == "0 published, 1 retagged, 0 unchanged, 0 refused"
    assert served.layout()["demo:staging"] == served.layout()["demo:1"]
    (served.root / "README.md").write_text("Nothing of the catalog, again\n")
    served.commit("Write more")
    assert remote_lines(push(served.root, "main")) == []


def test_a_person_can_have_everything_compared_with_the_registry(served: Workplace) -> None:
    add_and_push(served)
    before = served.layout()
    shutil.rmtree(served.images.removeprefix("oci:"))
    done = served.spawn("hooks", "run", "post-receive", "-C", str(served.origin))
    assert (done.code, done.out.splitlines()[-1]) == (0, "1 published, 0 retagged, 0 unchanged, 0 refused")
    assert served.layout() == before


@pytest.mark.parametrize(
    "line", ["x", "0000 1111 refs/heads/main", "--help a b", f"{'0' * 40} {'g' * 40} refs/x"]
)
def test_what_is_no_push_is_an_error(served: Workplace, line: str) -> None:
    for name in ("pre-receive", "post-receive"):
        done = subprocess.run(
            [sys.executable, "-m", "envcatalog", "hooks", "run", name, "-C", str(served.origin)],
            input=line,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.endswith("hint: `envcat hooks run` is called by Git; see githooks(5)\n")


def test_a_sha256_repository(workplace: Workplace, tmp_path: Path) -> None:
    origin, clone = tmp_path / "sha256.git", tmp_path / "sha256"
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", str(origin))
    git(tmp_path, "init", "-q", "--object-format=sha256", str(clone))
    for name in ("catalog", "bases"):
        shutil.copytree(workplace.root / name, clone / name)
    git(clone, "remote", "add", "origin", str(origin))
    assert workplace.run("hooks", "install", at=origin).code == 0
    git(origin, "config", "envcat.registry", workplace.images)
    place = replace(workplace, root=clone, origin=origin)
    add(place)
    done = push(clone, "main")
    assert (done.returncode, remote_lines(done)[-1]) == (0, "1 published, 0 retagged, 0 unchanged, 0 refused")
    git(clone, "fetch", "-q", "--tags")
    assert place.tags() == ["demo@1"]
    assert push(clone, ":refs/tags/demo@1").returncode == 1


def test_a_base_and_its_children_are_published_in_order(served: Workplace) -> None:
    served.write("demo", definition("demo", "alpha<2"))
    served.write("child", definition("child", "beta", base="{environment: demo}"))
    served.lock()
    served.commit("Add both")
    said = remote_lines(push(served.root, "main"))
    assert [line.split()[1] for line in said if line.startswith("published")] == ["demo", "child"]
    served.edit("demo", "alpha<2", "alpha>=2")
    served.lock()
    served.commit("Take alpha 2")
    said = remote_lines(push(served.root, "main"))
    assert [line.split()[:4] for line in said if line.startswith("published")] == [
        ["published", "demo", "version", "2"],
        ["published", "child", "version", "2"],
    ]


def test_a_check_that_fails_is_told_and_nothing_is_published(served: Workplace) -> None:
    served.write("demo", definition("demo", "alpha<2", more="checks: ['true']\n"))
    served.lock("demo")
    served.commit()
    assert served.origin is not None
    git(served.origin, "config", "envcat.checks", "engine")
    done = push(served.root, "main")
    assert done.returncode == 0
    assert any(
        line.startswith("error: the checks of `demo` cannot run as chosen: ") for line in remote_lines(done)
    )
    assert [ref for ref in origin_refs(served) if "@" in ref] == []
    git(served.origin, "config", "envcat.checks", "skip")
    assert served.spawn("hooks", "run", "post-receive", "-C", str(served.origin)).code == 0
    assert [ref for ref in origin_refs(served) if "@" in ref] == ["refs/tags/demo@1"]
    git(served.origin, "config", "envcat.checks", "perhaps")
    done = served.spawn("hooks", "run", "post-receive", "-C", str(served.origin))
    assert (done.code, done.err) == (
        2,
        "error: `envcat.checks` is `perhaps`\nhint: it may be `auto`, `engine`, `namespace`, `skip`\n",
    )


def test_a_head_that_names_another_branch_is_told(served: Workplace) -> None:
    assert served.origin is not None
    git(served.origin, "symbolic-ref", "HEAD", "refs/heads/master")
    add(served)
    done = push(served.root, "main")
    assert (done.returncode, remote_lines(done)) == (
        0,
        [
            "nothing is published: HEAD names `refs/heads/master`, which has no commit",
            "if it should be another branch, run `git symbolic-ref HEAD refs/heads/BRANCH` there",
        ],
    )
    git(served.origin, "symbolic-ref", "HEAD", "refs/heads/main")
    assert served.spawn("hooks", "run", "post-receive", "-C", str(served.origin)).code == 0
    assert "refs/tags/demo@1" in origin_refs(served)
