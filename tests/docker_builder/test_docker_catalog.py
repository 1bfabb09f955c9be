"""What the other commands say of environments with Dockerfiles: validate, diff, policy, and a registry that refuses."""

from __future__ import annotations

import json
import os

import pytest
from docker_support import Engine, add, edit_file, user_managed

from envcatalog.model.digest import sha256_digest
from support.catalogs import Workplace
from support.fake_registry import Answer, running

BASE = "{image: 'oci:bases:tools'}"
FROM_BASE = "ARG BASE\nFROM ${BASE}\n"

WRONG = """\
ARG V=0
FROM registry.example.com/base:$V
ADD https://example.com/x.tgz /x
ADD ["git@example.com:a/b.git", "/x"]
ONBUILD ADD --chown=1 ftp://example.com/x /x
COPY ../secret /s
COPY nope /n
COPY data /data
COPY link /l
COPY link/passwd /l
COPY ignored.txt environment.yaml /l/
COPY --from=nowhere.example.com/x:1 /a /b
COPY d?ta/* /data/
FROM $X
"""


def problems(place: Workplace) -> list[tuple[str, int, int, str, str]]:
    done = place.run("validate", "--format", "json")
    return [
        (item["file"].removeprefix("catalog/"), item["line"], item["column"], item["message"], item["hint"])
        for item in done.json["problems"]
    ]


def test_every_problem_of_a_dockerfile_with_its_line(place: Workplace) -> None:
    place.write("app", user_managed("app"))
    folder = place.root / "catalog/app"
    (folder / "data").mkdir()
    (folder / "data/evil").symlink_to("../../../../etc/passwd")
    (folder / "data/fine").symlink_to("/usr/bin/env")
    (folder / "link").symlink_to("/etc")
    (folder / "ignored.txt").write_text("")
    (folder / ".dockerignore").write_text("ignored.txt\n!\n")
    (folder / "Dockerfile").write_text(WRONG)
    download = "download the file once and commit it, or let a `RUN` step get it and check its digest"
    outside = "`data/evil` is a symbolic link out of the context, to `../../../../etc/passwd`"
    etc = "`link` is a symbolic link out of the context, to `/etc`"
    itself, where, ours = (
        "put the file itself there",
        "app/Dockerfile",
        "`environment.yaml` is never part of the context",
    )
    expected = [
        ("app/.dockerignore", 2, 1, "`!` stands alone", ""),
        (where, 3, 5, "`ADD` takes a file from the network", download),
        (where, 4, 7, "`ADD` takes a file from the network", download),
        (where, 5, 23, "`ADD` takes a file from the network", download),
        (where, 6, 6, "`COPY` takes `../secret` from outside of the context",
         "set `dockerfile.context` to a folder that holds it, or move it"),
        (where, 7, 6, "there is no `nope` in the context", "it may be a file that Git ignores, or one that is nowhere"),
        (where, 8, 6, outside, itself),
        (where, 9, 6, etc, itself),
        (where, 10, 6, etc, itself),
        (where, 11, 6, "`ignored.txt` is left out by `.dockerignore`", "add a line with `!` for it there"),
        (where, 11, 18, "there is no `environment.yaml` in the context", ours),
        (where, 13, 6, outside, itself),
        (where, 14, 6, "`$X` in `FROM` has no value",
         "give it a default by `ARG` before the first `FROM`, or set it in `dockerfile.args`"),
    ]  # fmt: skip
    assert problems(place) == expected
    place.commit("Add app")
    # The same from a commit as from the disk, and neither lock nor plan goes past it.
    from envcatalog.catalog.content import Content
    from envcatalog.catalog.validating import validate
    from envcatalog.git.repository import CatalogRepository
    from envcatalog.git.source import Revision

    with CatalogRepository.open(place.root) as repository:
        found = validate(Content(Revision(repository, repository.require_head()))).problems
    assert [(item.line, item.message) for item in found] == [(line, text) for _, line, _, text, _ in expected]
    assert place.run("lock", "app").code == 1


def test_plan_tells_of_problems_before_it_asks_for_a_lock(place: Workplace) -> None:
    place.write("app", user_managed("app"))
    (place.root / "catalog/app/Dockerfile").write_text("FROM scratch\nCOPY nope /\n")
    place.write("plain", user_managed("plain"))
    (place.root / "catalog/plain/Dockerfile").write_text("FROM scratch\n")
    place.write("rules", "name: rules\nbase: {image: registry.example.com/x}\nr: {packages: [abind]}\n")
    refused = {
        action["environment"]: (action["action"], action["reason"], action["hint"])
        for action in place.run("plan", "--format", "json").json["actions"]
    }
    assert refused == {
        "app": ("refuse", "1 problem found", "run `envcat validate`"),
        "plain": ("refuse", "no lock", "run `envcat lock plain`"),
        "rules": ("refuse", "1 problem found", "run `envcat validate`"),
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no `Dockerfile` in the environment's folder"),
        (lambda path: path.symlink_to("/etc/passwd"), "`Dockerfile` is not a plain file"),
        (lambda path: path.write_bytes(b"FROM \xff"), "`Dockerfile` is not text in UTF-8"),
        (lambda path: path.write_bytes(b"FROM a\0"), "`Dockerfile` is not text, since it has a zero byte"),
        (lambda path: path.write_bytes(b"#" * (1 << 20) + b"\n"), "`Dockerfile` is larger than 1024 KiB"),
    ],
    ids=["missing", "link", "latin", "zero", "large"],
)
def test_a_dockerfile_that_cannot_be_read(place: Workplace, make: object, message: str) -> None:
    place.write("app", user_managed("app"))
    make(place.root / "catalog/app/Dockerfile")  # type: ignore[operator]
    ((file, line, column, found, _),) = problems(place)
    assert (file, line, column, found) == ("app/environment.yaml", 3, 1, message)


def test_a_base_that_the_dockerfile_does_not_use(place: Workplace) -> None:
    place.write("app", user_managed("app", base=BASE))
    (place.root / "catalog/app/Dockerfile").write_text("FROM scratch\n")
    assert [item[1:4] for item in problems(place)] == [
        (1, 1, "the definition has a `base`, and no `FROM ${BASE}` starts from it")
    ]


def test_only_a_dockerfile_goes_on_from_a_dockerfile(place: Workplace) -> None:
    place.write("app", user_managed("app"))
    (place.root / "catalog/app/Dockerfile").write_text("FROM scratch\n")
    place.write("child", "name: child\nbase: {environment: app}\nvariables: {A: b}\n")
    assert [item[3] for item in problems(place)] == [
        "the base `app` is built from a Dockerfile, and only a Dockerfile can add to it"
    ]


def test_what_git_ignores_is_no_part_of_the_context(place: Workplace) -> None:
    """The lock is made from the work tree and checked at the commit: both must see the same files."""
    (place.root / ".gitignore").write_text("*.tmp\n")
    add(place, "app", FROM_BASE + "COPY . /all\n", base=BASE, kept="1")
    (place.root / "catalog/app/scratch.tmp").write_text("anything")
    assert place.run("lock", "--check").code == 0
    (place.root / "catalog/app/kept").chmod(0o755)
    stale = place.run("lock", "--check")
    assert (stale.code, stale.out.split()) == (1, ["stale", "app"])


def test_diff_says_what_changed(place: Workplace) -> None:
    add(place, "app", FROM_BASE + "COPY f /f\n", base=BASE, f="1")
    edit_file(place, "app", "f", "2")
    changes = place.run("diff", "app@HEAD~1", "app", "--format", "json").json["changes"]
    assert [(item["path"], item["kind"], item["before"], item["after"]) for item in changes] == [
        ("dockerfile.context.f", "changed", sha256_digest(b"1"), sha256_digest(b"2"))
    ]
    edit_file(place, "app", "Dockerfile", FROM_BASE + "COPY f /g\n")
    changes = place.run("diff", "app@HEAD~1", "app", "--format", "json").json["changes"]
    assert [item["path"] for item in changes] == ["dockerfile.content"]
    assert changes[0]["after"] == sha256_digest((FROM_BASE + "COPY f /g\n").encode())


def test_diff_needs_no_lock_to_see_a_dockerfile(place: Workplace) -> None:
    place.write("app", user_managed("app", dockerfile="{path: docker/Dockerfile, context: src}"))
    folder = place.root / "catalog/app"
    for name in ("docker", "src"):
        (folder / name).mkdir()
    (folder / "docker/Dockerfile").write_text("FROM scratch\n")
    (folder / "src/gone").write_text("1")
    (folder / "src/tool").write_text("2")
    (folder / "src/link").write_text("3")
    (folder / "outside").write_text("of the context")
    place.commit("Write app")
    assert place.run("diff", "app").out == "no differences\n"
    (folder / "docker/Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "src/gone").unlink()
    (folder / "src/new").write_text("4")
    (folder / "src/tool").chmod(0o755)
    (folder / "src/link").unlink()
    (folder / "src/link").symlink_to("tool")
    (folder / "outside").write_text("anything")
    changes = place.run("diff", "app", "--format", "json").json["changes"]
    assert [(item["path"], item["kind"], item["before"], item["after"]) for item in changes] == [
        (
            "dockerfile.content",
            "changed",
            sha256_digest(b"FROM scratch\n"),
            sha256_digest(b"FROM scratch\nCOPY . /\n"),
        ),
        ("dockerfile.context.gone", "removed", sha256_digest(b"1"), None),
        ("dockerfile.context.link", "changed", sha256_digest(b"3"), "link to tool"),
        ("dockerfile.context.new", "added", None, sha256_digest(b"4")),
        ("dockerfile.context.tool", "changed", sha256_digest(b"2"), f"{sha256_digest(b'2')} (mode 755)"),
    ]


@pytest.mark.registry
def test_the_policy_on_bases_holds_for_a_dockerfile(place: Workplace, registry: str) -> None:
    place.write("tools", f"name: tools\nmanaged: user\nbase: {BASE}\n")
    place.lock("tools")
    place.commit("Add tools")
    assert place.run("publish", "tools", "--registry", registry).code == 0
    add(place, "app", f"FROM {registry}/tools:1\n")
    settings = place.root / "catalog/catalog.yaml"
    settings.write_text(
        "policy: {base: {images: ['oci:*', 'registry.example.com/*'], reason: Ours are scanned.}}\n"
    )
    assert [item[:4] for item in problems(place)] == [
        (
            "app/environment.yaml",
            3,
            1,
            f"the Dockerfile uses the image `{registry}/tools:1`, which is not allowed: Ours are scanned",
        )
    ]
    settings.write_text(f"policy: {{base: {{images: ['oci:*', '{registry}/*']}}}}\n")
    assert problems(place) == []
    (place.root / "catalog/app/lock.json").unlink()
    assert [item[3] for item in problems(place)] == [
        "what the Dockerfile starts from is not locked, so it cannot be judged"
    ]


@pytest.mark.engine
def test_a_registry_that_refuses(place: Workplace, engine: Engine) -> None:
    """Nothing is claimed; the same command finishes later, without a build."""
    add(place, "app", FROM_BASE + "RUN echo x > /x\n", base=BASE)
    with running() as fake:
        fake.fault("PUT", "/manifests/", Answer(status=403), times=20)
        asked = ("publish", "app", "--registry", f"{fake.address}/ml", "--network", "none")
        done = place.run(*asked)
        assert done.code == 2
        assert done.err.splitlines()[-2].startswith("error: ")
        assert (place.tags(), fake.manifests["ml/app"]) == ([], {})
        fake.faults.clear()
        again = place.run(*asked, "--format", "json")
        assert again.code == 0, again.err
        assert "Step" not in again.err
        assert again.json["published"][0]["version"] == 1
        assert place.tags() == ["app@1"]


@pytest.mark.engine
def test_an_image_that_was_lost_and_is_another_now(place: Workplace, engine: Engine) -> None:
    add(place, "app", FROM_BASE + "RUN cat /proc/sys/kernel/random/uuid > /chance\n", base=BASE)
    asked = ("publish", "app", "--registry", place.images, "--network", "none")
    assert place.run(*asked).code == 0
    recorded = place.trailers("app@1")["Image"]
    index = place.root.parent / "images/index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "manifests": []}))
    for blob in (place.root.parent / "images/blobs/sha256").iterdir():
        blob.unlink()
    # From the cache it is the same image again.
    assert place.run(*asked).code == 0
    assert place.layout()["app:1"] == recorded
    for blob in (place.root.parent / "images/blobs/sha256").iterdir():
        blob.unlink()
    place.cache = place.cache.parent / f"cache-{os.urandom(4).hex()}"
    engine.forget()
    done = place.run(*asked)
    assert done.code == 1
    assert "hint: a Docker Engine's images are not reproducible by promise" in done.err
    assert place.tags() == ["app@1"]
