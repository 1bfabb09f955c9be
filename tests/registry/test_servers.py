"""The servers that other tests rely on start, answer and leave nothing behind."""

from __future__ import annotations

import os
import socket
import urllib.request

import pytest

from support.servers import running_registry


@pytest.mark.registry
def test_registry_answers_and_ends(tmp_path):
    with running_registry(tmp_path) as address:
        with urllib.request.urlopen(f"http://{address}/v2/_catalog", timeout=5) as answer:
            assert answer.read() == b'{"repositories":[]}\n'
        host, port = address.split(":")
    with pytest.raises(OSError), socket.create_connection((host, int(port)), timeout=5):
        pass


@pytest.mark.engine
def test_engine_answers(docker_engine):
    import docker

    assert os.environ["DOCKER_HOST"] == docker_engine
    client = docker.from_env()
    try:
        assert client.info()["OSType"] == "linux"
    finally:
        client.close()


def test_the_home_of_a_test_is_empty_and_ours(isolation, tmp_path):
    assert os.environ["HOME"] == str(isolation)
    assert list(tmp_path.iterdir()) == []
    assert "ENVCAT_REGISTRY" not in os.environ


def test_a_missing_program_is_left_out_in_plain_words(pytester_run):
    output = pytester_run(
        "from support.servers import program\ndef test_one():\n    program('no-such-program')\n", {}
    )
    assert "left out: 1 test needs no-such-program, which is not installed" in output


def test_a_missing_program_fails_where_everything_is_required(pytester_run):
    source = "from support.servers import program\ndef test_one():\n    program('no-such-program')\n"
    output = pytester_run(source, {"ENVCATALOG_REQUIRE": "1"})
    assert "1 failed" in output
    assert "needs no-such-program, which is not installed" in output


@pytest.fixture
def pytester_run(tmp_path):
    """Run a test file of its own with this project's conftest."""
    import subprocess
    import sys
    from pathlib import Path

    tests = Path(__file__).parents[1]

    def run(source: str, variables: dict[str, str]) -> str:
        (tmp_path / "test_inner.py").write_text(source)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "conftest",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            ".",
        ]
        environ = {**os.environ, "PYTHONPATH": str(tests), **variables}
        if "ENVCATALOG_REQUIRE" not in variables:
            environ.pop("ENVCATALOG_REQUIRE", None)
        return subprocess.run(
            [*command, "test_inner.py"],
            cwd=tmp_path,
            env=environ,
            text=True,
            capture_output=True,
            check=False,
        ).stdout

    return run
