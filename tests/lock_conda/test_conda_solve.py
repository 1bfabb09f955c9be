"""The solver, asked about channels that are only records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from envcatalog.lock.conda.solve import CondaRequest, solve_conda
from envcatalog.lock.conda.virtual import virtual_packages, wheel_glibc
from envcatalog.model.environment import Conda
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import CondaChannel, Settings
from support.conda_records import RecordChannel

AMD64, ARM64 = "linux/amd64", "linux/arm64"


class Solver:
    """Asks with the two channels configured by the names `own` and `other`."""

    def __init__(self, own: RecordChannel, other: RecordChannel, cache: Path) -> None:
        self.settings = Settings(
            channels=(CondaChannel(name="own", url=own.url), CondaChannel(name="other", url=other.url))
        )
        self.cache = cache

    def __call__(self, *specs: str, **request: Any) -> tuple[CondaPackage, ...]:
        request = {"channels": ("own", "other"), "platform": AMD64, **request}
        if "virtual" not in request:
            request["virtual"] = virtual_packages(Conda(channels=()), request["platform"], "bookworm")
        return solve_conda(CondaRequest(specs=specs, **request), settings=self.settings, cache=self.cache)

    def versions(self, *specs: str, **request: Any) -> dict[str, str]:
        return {package.name: package.version for package in self(*specs, **request)}


@pytest.fixture
def solver(own: RecordChannel, other: RecordChannel, cache: Path) -> Solver:
    return Solver(own, other, cache)


def test_the_lock_holds_what_the_channel_says(solver: Solver, own: RecordChannel) -> None:
    own.add(
        "tool",
        "1.2",
        "h1_0",
        depends=("lib >=1", "__unix"),
        subdirs=("linux-64", "linux-aarch64"),
        license="MIT",
    )
    own.add("lib", "1.5", license=" GPL-3.0-only\nWITH x ")
    lib, tool = solver("tool")
    assert (lib.name, lib.subdir, lib.license) == ("lib", "noarch", "GPL-3.0-only WITH x")
    assert (tool.version, tool.build, tool.channel, tool.subdir) == ("1.2", "h1_0", "own", "linux-64")
    assert (tool.file, tool.size, tool.license) == ("tool-1.2-h1_0.conda", 1000, "MIT")
    assert tool.depends == ("__unix", "lib >=1")
    [_, tool] = solver("tool", platform=ARM64)
    assert tool.subdir == "linux-aarch64"


def test_the_channel_s_rank_decides_unless_it_is_disabled(
    solver: Solver, own: RecordChannel, other: RecordChannel
) -> None:
    own.add("tool", "1.0")
    other.add("tool", "9.0")
    assert solver.versions("tool") == {"tool": "1.0"}
    assert solver.versions("tool", channels=("other", "own")) == {"tool": "9.0"}
    assert solver.versions("tool", priority="disabled") == {"tool": "9.0"}
    [tool] = solver("other::tool")
    assert (tool.version, tool.channel) == ("9.0", "other")


def test_of_two_names_of_one_place_the_first_is_locked(solver: Solver, own: RecordChannel) -> None:
    own.add("tool")
    solver.settings = Settings(channels=tuple(CondaChannel(name=name, url=own.url) for name in ("a", "own")))
    assert [package.channel for package in solver("tool", channels=("own", "a"))] == ["own"]
    assert [package.channel for package in solver("tool", channels=("a", "own"))] == ["a"]


def test_a_name_may_stand_for_several_channels(
    solver: Solver, own: RecordChannel, other: RecordChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rc").write_text(f"default_channels: [{own.url}, {other.url}]\n")
    monkeypatch.setenv("CONDARC", str(tmp_path / "rc"))
    own.add("tool", "1.0", depends=("lib",))
    other.add("tool", "2.0")
    other.add("lib")
    lib, tool = solver("tool", channels=("defaults",))
    assert (lib.channel, tool.channel, tool.version) == ("defaults", "defaults", "1.0")


def test_the_host_is_not_asked_what_it_provides(
    solver: Solver, own: RecordChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA", "GLIBC", "ARCHSPEC", "LINUX"):
        monkeypatch.setenv(f"CONDA_OVERRIDE_{name}", "99.9")
    own.add("fast", "2.0", depends=("__cuda >=12",))
    own.add("fast", "1.5", depends=("__glibc >=2.37",))
    own.add("fast", "1.4", depends=("__archspec 1 x86_64_v3",))
    own.add("fast", "1.0", depends=("__linux >=4.18", "__unix", "__glibc >=2.36", "__archspec * x86_64*"))
    assert solver.versions("fast") == {"fast": "1.0"}
    with_cuda = Conda(channels=(), virtual_packages=(("__cuda", "12.4"),))
    assert solver.versions("fast", virtual=virtual_packages(with_cuda, AMD64, None)) == {"fast": "2.0"}
    newer = Conda(channels=(), virtual_packages=(("__archspec", "x86_64_v3"),))
    assert solver.versions("fast", virtual=virtual_packages(newer, AMD64, None)) == {"fast": "1.4"}


def test_the_default_virtual_packages() -> None:
    conda = Conda(channels=())
    known = {"__unix": "0", "__linux": "4.18"}
    assert virtual_packages(conda, AMD64, "bookworm") == {**known, "__glibc": "2.36", "__archspec": "x86_64"}
    assert virtual_packages(conda, ARM64, None) == {**known, "__glibc": "2.28", "__archspec": "aarch64"}


def test_wheels_may_ask_for_the_same_glibc() -> None:
    assert wheel_glibc(None, "trixie") == 41
    assert wheel_glibc(Conda(channels=()), None) == 28
    assert wheel_glibc(Conda(channels=(), virtual_packages=(("__glibc", "2.17"),)), "trixie") == 17
    assert wheel_glibc(Conda(channels=(), virtual_packages=(("__glibc", "musl"),)), "trixie") == 41


def test_locked_packages_are_kept(solver: Solver, own: RecordChannel) -> None:
    own.add("tool", "1.0", depends=("lib",))
    own.add("lib", "1.0")
    before = solver("tool")
    own.add("tool", "2.0", depends=("lib",))
    own.add("lib", "2.0")
    own.add("lib", "1.0", "1", build_number=1)
    assert solver("tool", preferred=before) == before
    assert solver.versions("tool") == {"lib": "2.0", "tool": "2.0"}
    assert solver.versions("tool >=2", preferred=before) == {"lib": "1.0", "tool": "2.0"}
    own.remove("lib-1.0-0.conda")
    assert solver.versions("tool", preferred=before) == {"lib": "2.0", "tool": "1.0"}


def test_packages_of_the_base_are_pinned_and_not_listed(
    solver: Solver, own: RecordChannel, other: RecordChannel
) -> None:
    other.add("lib", "1.0", constrains=("tool <2",))
    base = solver("lib")
    other.add("lib", "2.0")
    own.add("tool", "1.0", depends=("lib",))
    own.add("tool", "2.0", depends=("lib",))
    assert solver.versions("tool", present=base, parent="base") == {"tool": "1.0"}
    # Its channel need not be one of the child's, and the file may be gone.
    assert solver.versions("tool", present=base, parent="base", channels=("own",)) == {"tool": "1.0"}
    other.remove("lib-1.0-0.conda")
    assert solver.versions("tool", present=base, parent="base", channels=("own",)) == {"tool": "2.0"}
    with pytest.raises(Refusal) as refusal:
        solver("lib >=2", present=base, parent="base")
    assert refusal.value.message.startswith("no set of conda packages for linux/amd64 fits\n")
    assert "lib >=2" in refusal.value.message
    assert refusal.value.hint == (
        "change the packages that the reason names; packages of the base environment `base` keep their versions"
    )


def test_no_solution_is_explained(solver: Solver, own: RecordChannel) -> None:
    own.add("tool", "1.0", depends=("lib >=2",))
    own.add("needy", "1.0", depends=("lib <2",))
    own.add("lib", "1.0")
    own.add("lib", "2.0")
    own.add("fast", depends=("__cuda >=12",))
    with pytest.raises(Refusal) as refusal:
        solver("tool", "needy")
    assert "tool" in refusal.value.message
    assert "lib <2" in refusal.value.message
    assert refusal.value.hint == (
        "change the packages that the reason names; "
        "with `channel_priority: disabled` packages of all channels are considered"
    )
    with pytest.raises(Refusal) as refusal:
        solver("fast")
    assert "__cuda >=12" in refusal.value.message
    assert refusal.value.hint == (
        "if that is there where the image runs, say so in `conda.virtual_packages`: `__cuda`"
    )
    with pytest.raises(Refusal) as refusal:
        solver("tol", channels=("own",))
    assert refusal.value.message == (
        "no set of conda packages for linux/amd64 fits\nNo candidates were found for tol *."
    )
    assert refusal.value.hint == "no package or version of `tol` for linux/amd64 is in `own`"


def test_a_channel_that_is_not_there(solver: Solver, own: RecordChannel, tmp_path: Path) -> None:
    solver.settings = Settings(channels=(CondaChannel(name="own", url=str(tmp_path / "missing")),))
    with pytest.raises(UserError) as error:
        solver("tool", channels=("own",))
    assert error.value.message.startswith(
        "conda channels cannot be read (`own`): could not find subdir 'noarch'"
    )
    assert "`channels` in `catalog/catalog.yaml`" in error.value.hint


def test_secrets_of_an_address_are_not_shown(solver: Solver) -> None:
    url = "http://me:hidden-1@127.0.0.1:9/t/hidden-2/x"
    solver.settings = Settings(channels=(CondaChannel(name="own", url=url),))
    with pytest.raises(UserError) as error:
        solver("tool", channels=("own",))
    assert "hidden" not in error.value.message + error.value.hint
    assert "127.0.0.1:9" in error.value.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sha256": None}, "the channel `own` gives no size or sha256 of `tool-1.0-0.conda`"),
        ({"size": None}, "the channel `own` gives no size or sha256 of `tool-1.0-0.conda`"),
        (
            {"depends": ["lib " + "|".join(["1.0"] * 200)]},
            "a package of `own` cannot be locked: at `conda[1].depends.0` it is longer than 512 characters",
        ),
    ],
)
def test_what_no_lock_may_hold_is_refused(
    solver: Solver, own: RecordChannel, fields: dict[str, Any], message: str
) -> None:
    own.add("lib")
    own.add("tool", **fields)
    with pytest.raises(UserError) as error:
        solver("tool", "lib", channels=("own",))
    assert error.value.message == message


def test_what_a_channel_says_moves_no_cursor(solver: Solver, own: RecordChannel) -> None:
    own.add("tool", depends=("lib >=1\x1b[2J",))
    with pytest.raises(UserError) as error:
        solver("tool", channels=("own",))
    assert "\x1b" not in error.value.message
    assert "lib >=1\\x1b[2J" in error.value.message


def test_a_file_with_another_name_is_refused(solver: Solver, own: RecordChannel) -> None:
    own.add("tool", "1.0")
    record = own.folder / "noarch" / "repodata.json"
    record.write_text(record.read_text().replace("tool-1.0-0.conda", "../tool-1.0-0.conda"))
    with pytest.raises(UserError):
        solver("tool", channels=("own",))


def test_a_caller_may_be_inside_of_an_event_loop(solver: Solver, own: RecordChannel) -> None:
    own.add("tool", "1.0")

    async def notebook() -> dict[str, str]:
        return solver.versions("tool")

    assert asyncio.run(notebook()) == {"tool": "1.0"}


def test_the_order_of_the_specs_means_nothing(solver: Solver, own: RecordChannel) -> None:
    for name in ("a", "b", "c"):
        for version in ("1.0", "2.0"):
            own.add(name, version, depends=tuple(f"{one} >={version}" for one in "abc" if one > name))
    assert solver("a", "b =1", "c") == solver("c", "a", "b =1")
