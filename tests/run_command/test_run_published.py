"""Which image `run` takes: the published one, by digest, wherever it is."""

from __future__ import annotations

import pytest
from run_command_support import add, data_lines

from support.catalogs import git

pytestmark = pytest.mark.engine

SHOW = ("--", "sh", "-c", "echo $ENVCAT_ENVIRONMENT $ENVCAT_VERSION $ENVCAT_IMAGE $COLOUR")


@pytest.fixture
def box(engine, shells):
    """Two versions; the newest is what is on disk."""
    add(shells, "box", "variables: {COLOUR: red}\n")
    shells.published()
    shells.edit("box", "red", "blue")
    shells.lock("box")
    shells.commit()
    shells.published()
    return shells


def test_versions_come_from_a_folder(box):
    at = ("--registry", box.images)
    first, second = (box.layout()[f"box:{number}"] for number in (1, 2))
    assert box.run("run", "box@1", *at, *SHOW).out == f"box 1 {first} red\n"
    assert box.run("run", "box@2", *at, *SHOW).out == f"box 2 {second} blue\n"
    done = box.run("run", "box", *at, *SHOW)
    assert (done.out, done.err) == (f"box 2 {second} blue\n", "")


def test_a_version_that_is_in_no_registry_is_built_from_its_lock(box):
    image = box.layout()["box:1"]
    done = box.run("run", "box@1", *SHOW)
    assert done.out == f"box 1 {image} red\n"
    assert done.err.splitlines()[0] == "building box from its lock"
    done = box.run("run", "box@2", "--registry", "oci:empty", *SHOW)
    assert done.err.splitlines()[0] == "box@2 is not in `oci:empty`; it is built from its lock"
    assert done.out == f"box 2 {box.layout()['box:2']} blue\n"


@pytest.mark.registry
def test_the_engine_pulls_by_digest(box, docker_registry, engine):
    where = f"{docker_registry}/run-command"
    assert box.run("publish", "--registry", where).code == 0
    image = box.layout()["box:2"]
    done = box.run("run", "box@2", "--registry", where, *SHOW)
    assert (done.out, done.err) == (
        f"box 2 {image} blue\n",
        f"the engine pulls {where}/box@{image}\n",
    )
    assert box.run("run", "box@2", "--registry", where, *SHOW).err == ""


def test_what_is_on_disk_may_become_a_version_first(box):
    box.edit("box", "blue", "green")
    done = box.run("run", "box", "--register", *SHOW)
    assert done.code == 0, done.err
    assert done.out.split()[:2] == ["box", "3"]
    assert done.out.endswith(" green\n")
    assert "box@3 is what runs (registered)" in done.err
    assert git(box.root, "tag", "--list") == "box@1\nbox@2\nbox@3"
    done = box.run("run", "box@1", "--register", *SHOW)
    assert done.err == (
        "error: `box@1` is not what is on disk, and `--register` makes a version of what is\n"
        "hint: run `box`, or leave out `--register`\n"
    )


def test_a_stale_lock_is_refused(box):
    box.edit("box", "blue", "green")
    done = box.run("run", "box", *SHOW)
    assert (done.code, done.err) == (
        1,
        "error: `box` cannot be planned: lock is stale: definition changed\nhint: run `envcat lock box`\n",
    )


def test_deprecated_and_archived(box):
    box.run("deprecate", "box", "--versions", "1", "--reason", "too red")
    done = box.run("run", "box@1", *SHOW)
    assert done.code == 0
    assert data_lines(done.err) == ["warning: `box@1` is deprecated: too red"]
    box.run("archive", "box")
    done = box.run("run", "box@2", *SHOW)
    assert (done.code, done.err) == (
        1,
        "error: `box` is archived\nhint: run `envcat restore box`, or run with `--archived`\n",
    )
    assert box.run("run", "box@2", "--archived", *SHOW).code == 0
