"""Every test runs in a world of its own; real servers start once a session; what is left out is said."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.servers import program, running_engine, running_registry

# No test is timed, and these machines are noisy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

GIT_CONFIG = """\
[user]
\tname = Ada Example
\temail = ada@example.com
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[tag]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
GIT_DATE = "2026-01-02T03:04:05+00:00"
# Where the machine says which certificates to trust; a company's proxy needs it for Git too.
KEPT = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})
LEAKS = ("GIT_", "ENVCAT_", "ENVCATALOG_", "XDG_", "GITHUB_", "DOCKER_")
ENGINE_VARIABLES = frozenset({"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"})
SWITCHES = frozenset({"ENVCATALOG_REQUIRE"})
SINGLE_LEAKS = (
    "SOURCE_DATE_EPOCH",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CI",
    "COLUMNS",
    "EDITOR",
    "VISUAL",
    "PAGER",
)


def _leaks(name: str) -> bool:
    if name in KEPT or name in ENGINE_VARIABLES or name in SWITCHES:
        return False
    return name.startswith(LEAKS) or name in SINGLE_LEAKS


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache of downloads, the only thing that tests of one session share."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture(scope="session")
def machine_config() -> dict[str, str]:
    """Variables that keep the user's own pip and uv configuration reachable once HOME has moved."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    found: dict[str, str] = {}
    for variable, places in {
        "PIP_CONFIG_FILE": (config / "pip/pip.conf", home / ".pip/pip.conf"),
        "UV_CONFIG_FILE": (config / "uv/uv.toml",),
    }.items():
        for place in places:
            if variable not in os.environ and place.is_file():
                found.setdefault(variable, str(place))
    return found


@pytest.fixture(autouse=True)
def isolation(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    uv_cache: Path,
    machine_config: dict[str, str],
) -> Path:
    """A fresh HOME, cache, Git and Docker configuration; fixed dates; `tmp_path` stays empty."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if _leaks(name)]:
        monkeypatch.delenv(name)
    config = home / "gitconfig"
    config.write_text(GIT_CONFIG)
    variables = {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_STATE_HOME": home / ".local/state",
        "ENVCATALOG_CACHE": home / "envcatalog-cache",
        "DOCKER_CONFIG": home / ".docker",
        "UV_CACHE_DIR": uv_cache,
        "GIT_CONFIG_GLOBAL": config,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_DATE": GIT_DATE,
        "GIT_COMMITTER_DATE": GIT_DATE,
        **machine_config,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return home


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``127.0.0.1:PORT`` of a real docker-registry with an empty storage."""
    with running_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``DOCKER_HOST`` of a Docker Engine, set in the environment too; its networks are host and none."""
    before = os.environ.get("DOCKER_HOST")
    with running_engine(tmp_path_factory.mktemp("engine")) as host:
        os.environ["DOCKER_HOST"] = host
        yield host
    if before is None:
        os.environ.pop("DOCKER_HOST", None)
    else:
        os.environ["DOCKER_HOST"] = before


@pytest.fixture(scope="session")
def skopeo() -> str:
    """The path of skopeo."""
    return program("skopeo")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in plain words what was left out and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in sorted(reasons.items()):
        tests = f"{count} test{'s' if count > 1 else ''}"
        if reason.startswith("needs "):
            verb = "need" if count > 1 else "needs"
            terminalreporter.write_line(f"left out: {tests} {verb} {reason.removeprefix('needs ')}")
        else:
            terminalreporter.write_line(f"left out: {tests}: {reason}")
