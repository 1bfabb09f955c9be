"""Signals to `run --on docker`, and its sudden death."""

from __future__ import annotations

import os
import signal

import pytest
from run_command_support import add, shell_tag, started, until

from envcatalog.run.containers.plan import LABEL

pytestmark = pytest.mark.engine

LOOP = "echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def box(engine, shells):
    """An environment, in the engine already."""
    add(shells, "box")
    assert shells.run("run", "box", "--", "ls").code == 0
    return shells


def end(process):
    """Close what is open; the exit code."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_is_passed_on(box, name):
    script = f"trap 'echo {name}; exit 42' {name.removeprefix('SIG')}; {LOOP}"
    process = started(box, "box", "--", "sh", "-c", script)
    os.kill(process.pid, getattr(signal, name))
    assert end(process) == (42, f"{name}\n", "")


def test_a_signal_that_is_not_handled_ends_the_command(box):
    process = started(box, "box", "--", "sh", "-c", LOOP)
    os.kill(process.pid, signal.SIGTERM)
    assert end(process)[0] == 128 + signal.SIGTERM


def test_the_third_interrupt_kills(box):
    process = started(box, "box", "--", "sh", "-c", f"trap 'echo no' INT; {LOOP}")
    for _ in range(2):
        os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "no\n"
    os.kill(process.pid, signal.SIGINT)
    assert end(process)[0] == 128 + signal.SIGKILL


def test_the_container_goes_with_us(box, engine):
    process = started(box, "box", "--", "sh", "-c", LOOP)
    mine = {"label": [LABEL, f"base={shell_tag(box)}"]}
    try:
        until(lambda: len(engine.containers(filters=mine)) == 1)
    finally:
        process.kill()
        end(process)
    until(lambda: engine.containers(all=True, filters=mine) == [])
