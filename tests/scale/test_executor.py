"""`publish --executor`: processes and Dask clusters; a killed worker loses nothing, two clusters share the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from envcatalog.git.clone import clone_url
from envcatalog.git.repository import CatalogRepository
from scale.clusters import family, registry_digest, running_cluster, started, tagged, tags_reach
from support.catalogs import Workplace, definition, git


def rows(out: str) -> dict[str, tuple[int, str]]:
    return {row["environment"]: (row["version"], row["status"]) for row in json.loads(out)["published"]}


def command(place: Workplace, executor: str) -> list[str]:
    return ["publish", "--registry", place.images, "--executor", executor, "--format", "json"]


def assert_published_once(place: Workplace, names: list[str]) -> None:
    """One version each at the origin and here; the registry's tags name the image that Git recorded."""
    assert place.origin is not None
    assert tagged(place.origin) == dict.fromkeys(names, 1)
    assert sorted(place.tags()) == [f"{name}@1" for name in names]
    host, _, prefix = place.images.partition("/")
    for name in names:
        recorded = place.trailers(f"{name}@1")["Image"]
        assert registry_digest(host, f"{prefix}/{name}", "1") == recorded
        assert registry_digest(host, f"{prefix}/{name}", "latest") == recorded


def test_processes_publish_the_same_as_inline(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    names = family(place, 3)
    done = place.spawn(*command(place, "processes:2"))
    assert done.code == 0, done.err
    assert rows(done.out) == dict.fromkeys(names, (1, "published"))
    assert place.origin is not None
    assert tagged(place.origin) == dict.fromkeys(names, 1)
    images = {name: place.trailers(f"{name}@1")["Image"] for name in names}
    place.images, place.cache = f"oci:{tmp_path / 'others'}", tmp_path / "other-cache"
    assert {row[0]: row[2] for row in place.published()} == dict.fromkeys(names, "published")
    layout = place.layout()
    assert {name: layout[f"{name}:1"] for name in names} == images, "built inline, bit for bit the same"


def test_processes_without_a_remote_claim_in_the_repository(workplace: Workplace) -> None:
    workplace.add("first", "alpha")
    workplace.add("second", "alpha")
    done = workplace.spawn(*command(workplace, "processes:2"))
    assert done.code == 0, done.err
    assert workplace.tags() == ["first@1", "second@1"]
    done = workplace.spawn(*command(workplace, "processes:2"))
    assert rows(done.out) == {"first": (1, "unchanged"), "second": (1, "unchanged")}


def test_a_refused_base_refuses_its_children_alone(with_origin: Workplace) -> None:
    place = with_origin
    place.write("ground", definition("ground", "gamma"))
    place.write("child", definition("child", base="{environment: ground}"))
    place.write("alone", definition("alone", "alpha"))
    place.lock()
    lock = place.root / "catalog/ground/lock.json"
    lock.write_text(lock.read_text().replace('"size": ', '"size": 1'))  # no file has this size
    place.lock("child")
    place.commit("A lock of a file that is nowhere")
    git(place.root, "push", "-q", "origin", "main")
    done = place.spawn(*command(place, "processes:1"))
    assert done.code == 1
    assert rows(done.out) == {
        "alone": (1, "published"),
        "child": (None, "refused"),
        "ground": (None, "refused"),
    }
    assert "refused child: its base `ground` was refused" in done.err


@pytest.mark.registry
def test_a_killed_worker_loses_nothing(with_origin: Workplace, docker_registry: str, tmp_path: Path) -> None:
    place = with_origin
    place.images = f"{docker_registry}/{tmp_path.name.replace('_', '-')}"
    names = family(place, 12)
    assert place.origin is not None
    with (
        running_cluster(tmp_path / "cluster") as cluster,
        started(place, *command(place, cluster.executor)) as publish,
    ):
        tags_reach(publish, place.origin, 4)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        assert cluster.workers[0].wait() == -signal.SIGKILL
        assert len(tagged(place.origin)) < len(names), "it was killed midway"
        out, err = publish.communicate(timeout=120)
    assert publish.returncode == 0, err
    assert sorted(rows(out)) == names
    assert_published_once(place, names)


@pytest.mark.registry
def test_two_clusters_at_once_publish_each_version_once(
    with_origin: Workplace, docker_registry: str, tmp_path: Path
) -> None:
    place = with_origin
    place.images = f"{docker_registry}/{tmp_path.name.replace('_', '-')}"
    names = family(place, 6)
    git(tmp_path, "clone", "-q", str(place.origin), str(tmp_path / "other"))
    with (
        running_cluster(tmp_path / "one", 1) as one,
        running_cluster(tmp_path / "two", 1) as two,
        started(place, *command(place, one.executor)) as first,
        started(place, *command(place, two.executor), "-C", str(tmp_path / "other")) as second,
    ):
        answers = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], answers
    for out, _ in answers:
        assert {name: version for name, (version, _) in rows(out).items()} == dict.fromkeys(names, 1)
    assert_published_once(place, names)


def test_interrupted_it_ends_and_run_again_it_finishes(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    names = family(place, 8)
    assert place.origin is not None
    with (
        running_cluster(tmp_path / "cluster", 1) as cluster,
        started(place, *command(place, cluster.executor)) as publish,
    ):
        tags_reach(publish, place.origin, 2)
        publish.send_signal(signal.SIGINT)
        _, err = publish.communicate(timeout=60)
        assert (publish.returncode, err.splitlines()[-1]) == (130, "error: interrupted")
        done = place.spawn(*command(place, cluster.executor))
    assert done.code == 0, done.err
    assert tagged(place.origin) == dict.fromkeys(names, 1)


def worker_processes(publish: subprocess.Popen[str]) -> list[psutil.Process]:
    """Those of `processes:N`; not the tracker of resources, which Python starts beside them."""
    children = psutil.Process(publish.pid).children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


def test_a_killed_process_loses_nothing(with_origin: Workplace) -> None:
    place = with_origin
    names = family(place, 12)
    assert place.origin is not None
    with started(place, *command(place, "processes:2")) as publish:
        tags_reach(publish, place.origin, 3)
        worker_processes(publish)[0].kill()
        out, err = publish.communicate(timeout=120)
    assert publish.returncode == 0, err
    assert sorted(rows(out)) == names
    assert tagged(place.origin) == dict.fromkeys(names, 1)


def test_interrupted_processes_end(with_origin: Workplace) -> None:
    place = with_origin
    family(place, 12)
    assert place.origin is not None
    with started(place, *command(place, "processes:2")) as publish:
        tags_reach(publish, place.origin, 2)
        workers = worker_processes(publish)
        assert len(workers) == 2
        publish.send_signal(signal.SIGINT)
        _, err = publish.communicate(timeout=60)
        assert (publish.returncode, err.splitlines()[-1]) == (130, "error: interrupted")
        assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_a_commit_that_is_not_pushed_is_no_version(with_origin: Workplace) -> None:
    place = with_origin
    family(place, 1)
    place.edit("alone", "- alpha", "- alpha==1.0")
    place.lock("alone")
    head = place.commit("Not pushed")
    done = place.spawn(*command(place, "processes:1"))
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        [
            f"error: the commit {head[:12]} is not in the catalog's origin",
            "hint: push it, then publish again",
        ],
    )
    assert place.tags() == []


def test_no_scheduler_no_dask_no_such_executor(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    workplace.add("first", "alpha")
    done = workplace.run(*command(workplace, "cloud:7"))
    assert (done.code, done.err) == (
        2,
        "error: there is no executor `cloud:7`\nhint: write `inline`, `processes:N` or `dask://HOST:PORT`\n",
    )
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "distributed", None)
        done = workplace.run(*command(workplace, "dask://127.0.0.1:1"))
    assert (done.code, done.err) == (
        2,
        "error: the executor `dask://` needs Dask, which is not installed\n"
        "hint: run `pip install 'envcatalog[dask]'`\n",
    )


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://user:secret@git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("https://token@git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("ssh://git@git.example.com:22/a.git", "ssh://git@git.example.com:22/a.git"),
        ("git@git.example.com:a/b.git", "git@git.example.com:a/b.git"),
    ],
)
def test_no_secret_travels_to_a_worker(workplace: Workplace, url: str, sent: str) -> None:
    git(workplace.root, "remote", "add", "origin", url)
    with CatalogRepository.open(workplace.root) as repository:
        assert clone_url(repository, "origin") == sent
