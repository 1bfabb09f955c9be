"""Which runner is used, and what is said where none is."""

from contextlib import contextmanager

import pytest

from envcatalog.model.errors import UserError
from envcatalog.model.result import CheckReport
from envcatalog.model.seams import Silent
from envcatalog.run.checks import Outcome, RunnerFailed, Tail, run_checks
from envcatalog.run.runners import default_runners


class FakeRunner:
    """A seam: a runner whose faults can be chosen."""

    def __init__(self, name, *, reason=None, fails_at="", outcomes=()):
        self.name = name
        self.reason = reason
        self.fails_at = fails_at
        self.outcomes = list(outcomes)
        self.asked = []

    def unavailable(self, platform):
        return self.reason

    @contextmanager
    def open(self, platform, blob):
        if self.fails_at == "open":
            raise RunnerFailed("it did not open")
        yield self

    def run(self, command, *, timeout):
        self.asked.append((command, timeout))
        if self.fails_at == "run":
            raise RunnerFailed("it went away")
        return self.outcomes.pop(0)


def check(image, *commands, runners, timeout=5.0):
    return run_checks(
        image,
        image.platforms[0],
        commands,
        runners=runners,
        blob=None,
        timeout=timeout,
        progress=Silent(),
    )


def test_nothing_to_run_asks_no_runner(make_image):
    image = make_image(platform="linux/arm64")
    assert check(image, runners=[None]) == CheckReport(platform="linux/arm64", how="none")


def test_the_first_runner_that_can_is_used(make_image):
    first = FakeRunner("engine", reason="no engine answers")
    second = FakeRunner("namespace", fails_at="open")
    third = FakeRunner("engine", outcomes=[Outcome(exit_code=0, output=b"x" * 9000 + b"\xff\n")])
    report = check(make_image(), "a 'b c' #d", runners=[first, second, third])
    assert (report.how, report.note, report.ok) == ("engine", "", True)
    assert third.asked == [(("a", "b c", "#d"), 5.0)]
    assert report.results[0].command == "a 'b c' #d"
    assert report.results[0].output == "x" * 4094 + "\ufffd\n"


def test_where_no_runner_can_every_reason_is_told(make_image):
    runners = [
        FakeRunner("engine", reason="no engine answers"),
        FakeRunner("namespace", fails_at="run"),
    ]
    report = check(make_image(), "true", runners=runners)
    assert report.how == "not-run"
    assert report.note == "engine: no engine answers; namespace: it went away"
    assert report.ok
    assert check(make_image(), "true", runners=[]).note == "no runner"


def test_the_run_ends_at_the_first_failure(make_image):
    runner = FakeRunner(
        "engine", outcomes=[Outcome(exit_code=0, output=b""), Outcome(exit_code=None, output=b"")]
    )
    report = check(make_image(), "a", "b", "c", runners=[runner])
    assert [(result.command, result.exit_code) for result in report.results] == [("a", 0), ("b", None)]
    assert not report.ok


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("a 'b", "the check `a 'b` cannot be split into words: No closing quotation"),
        ("  ", "the check `  ` names no program"),
        ("a \0", "the check `a \0` names no program"),
    ],
)
def test_a_command_that_is_none_is_refused(make_image, command, message):
    with pytest.raises(UserError) as error:
        check(make_image(), command, runners=[])
    assert error.value.message == message


def test_a_foreign_platform_is_not_run(make_image, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    image = make_image(platform="linux/riscv64")
    report = check(image, "true", runners=default_runners(tmp_path))
    assert report.how == "not-run"
    assert report.note.startswith("engine: no engine answers; namespace: this machine runs `linux/")
    assert list(tmp_path.iterdir()) == []


def test_a_tail_is_bounded():
    tail = Tail(4)
    for data in (b"ab", b"cdef", b"g"):
        tail.add(data)
    assert tail.data == b"defg"
