"""Checks under a real Docker Engine."""

import time

import pytest
from conftest_run import local

from envcatalog.model.host import host_platform
from envcatalog.model.image import BuiltPlatform
from envcatalog.model.seams import Silent
from envcatalog.run.archive import docker_archive
from envcatalog.run.checks import run_checks
from envcatalog.run.engine import checks as engine
from envcatalog.run.engine.checks import EngineRunner

pytestmark = pytest.mark.engine


def check(image, *commands, timeout=60.0, blob=local):
    return run_checks(
        image,
        image.platforms[0],
        commands,
        runners=[EngineRunner()],
        blob=blob,
        timeout=timeout,
        progress=Silent(),
    )


@pytest.fixture
def client(docker_engine):
    """The engine; whatever a test leaves on it is an error."""
    from docker import APIClient

    client = APIClient(base_url=docker_engine, version="auto")
    before = (
        {image["Id"] for image in client.images()},
        {container["Id"] for container in client.containers(all=True)},
    )
    yield client
    after = (
        {image["Id"] for image in client.images()},
        {container["Id"] for container in client.containers(all=True)},
    )
    client.close()
    assert after == before


def test_the_engine_is_found(docker_engine):
    assert EngineRunner().unavailable(host_platform()) is None
    assert (
        EngineRunner().unavailable("linux/riscv64")
        == f"the engine runs `{host_platform()}`, not `linux/riscv64`"
    )


def test_checks_run_in_the_image(client, make_image):
    image = make_image(
        Env=["PATH=/bin", "GREETING=hello"], WorkingDir="/home/app", User="app", Entrypoint=["ls"]
    )
    report = check(image, "sh -c 'echo $GREETING; pwd; id -u'", "sh -c 'cat /proc/net/route | wc -l'")
    assert report.note == ""
    assert report.how == "engine"
    assert [result.exit_code for result in report.results] == [0, 0]
    assert report.results[0].output == "hello\n/home/app\n1000\n"
    assert int(report.results[1].output) <= 1


def test_the_host_has_a_name_that_can_be_looked_up(client, make_image):
    report = check(make_image(Env=["PATH=/bin"]), "sh -c 'cat /proc/sys/kernel/hostname; cat /etc/hosts'")
    name, *hosts = report.results[0].output.splitlines()
    assert name == "check"
    assert "127.0.0.1\tcheck" in hosts


def test_a_failed_check_ends_the_run(client, make_image):
    report = check(make_image(), "sh -c 'echo oh; echo no >&2; exit 7'", "ls")
    assert [result.exit_code for result in report.results] == [7]
    assert sorted(report.results[0].output.split()) == ["no", "oh"]


def test_a_program_that_is_not_there(client, make_image):
    [result] = check(make_image(), "nowhere --now").results
    assert result.exit_code == 127
    assert "nowhere" in result.output


def test_time_is_limited(client, make_image):
    start = time.monotonic()
    report = check(make_image(), "sh -c 'echo begin; sleep 86399'", "ls", timeout=1)
    assert time.monotonic() - start < 30
    assert [(result.exit_code, result.output) for result in report.results] == [(None, "begin\n")]


def test_of_a_huge_output_the_end_is_kept(client, make_image):
    [result] = check(make_image(), "sh -c 'head -c 20000000 /dev/zero; printf \"\\377 end\"'").results
    assert result.exit_code == 0
    assert 4000 < len(result.output) <= 4096  # the engine spells a byte that is not UTF-8 in three
    assert result.output.endswith("\0\ufffd end")


def test_an_image_that_was_there_before_stays(client, make_image):
    image = make_image(Env=["KEPT=1"])
    for _ in client.load_image(docker_archive(image.platforms[0], tag="kept:1", blob=local)):
        pass
    asked = []

    def blob(layer):
        asked.append(layer)
        return local(layer)

    try:
        assert check(image, "ls", blob=blob).ok
        assert asked == []
        assert client.inspect_image("kept:1")["RepoTags"] == ["kept:1"]
    finally:
        client.remove_image("kept:1", force=True)


def test_an_interrupt_leaves_no_container_and_no_image(client, make_image, monkeypatch):
    def interrupted(client, name, timeout):
        assert [container["Names"] for container in client.containers()] == [[f"/{name}"]]
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check(make_image(), "sleep 86399")


def test_an_interrupt_while_loading_leaves_nothing(client, make_image):
    def blob(layer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(make_image(Env=["INTERRUPTED=1"]), "ls", blob=blob)


def test_a_layer_the_engine_refuses_is_told(client, make_image, tmp_path):
    (tmp_path / "layer").write_bytes(b"nonsense" * 1000)
    report = check(make_image(Env=["BAD=1"]), "ls", blob=lambda layer: tmp_path / "layer")
    assert report.how == "not-run"
    assert report.note.startswith("engine: the engine did not load the image: ")


def test_no_engine(monkeypatch, make_image):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    report = check(make_image(), "ls")
    assert (report.how, report.note, report.results) == ("not-run", "engine: no engine answers", ())


def test_the_archive_holds_the_blobs_as_they_are(make_image):
    import io
    import json
    import tarfile

    platform: BuiltPlatform = make_image().platforms[0]
    chunks = list(docker_archive(platform, tag="a:b", blob=local))
    assert max(map(len, chunks)) <= 1 << 20
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        [manifest] = json.load(archive.extractfile("manifest.json"))
        assert manifest["RepoTags"] == ["a:b"]
        assert archive.extractfile(manifest["Config"]).read() == platform.config
        [layer] = manifest["Layers"]
        assert archive.extractfile(layer).read() == local(platform.layers[0]).read_bytes()
