"""The machine's index configuration, read where pip has it."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
from packaging.tags import sys_tags

from envcatalog.lock.indexes import machine_indexes
from envcatalog.lock.tags import best_file, glibc_minor, tag_ranks, uv_platform
from envcatalog.lock.urls import credentials_in, redacted, same_place, without_credentials


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Variables of a machine without any configuration but what a test writes below HOME."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_later_files_win_and_variables_win_over_files(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / "xdg/pip/pip.conf", "[global]\nindex-url = https://site.example.com/simple\n")
    write(tmp_path / ".pip/pip.conf", "[global]\nindex_url = https://old.example.com/simple\n")
    assert machine_indexes(home).default == "https://old.example.com/simple"
    write(tmp_path / ".config/pip/pip.conf", "[install]\nindex-url = https://user.example.com/simple\n")
    assert machine_indexes(home).default == "https://user.example.com/simple"
    special = tmp_path / "special.conf"
    write(special, "[global]\nindex-url = https://special.example.com/simple\n")
    with_file = {**home, "PIP_CONFIG_FILE": str(special)}
    assert machine_indexes(with_file).default == "https://special.example.com/simple"
    with_variable = {**with_file, "PIP_INDEX_URL": "https://variable.example.com/simple"}
    assert machine_indexes(with_variable).uv_arguments() == [
        "--default-index=https://variable.example.com/simple"
    ]


def test_dev_null_means_no_file(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / ".pip/pip.conf", "[global]\nindex-url = https://user.example.com/simple\n")
    assert machine_indexes({**home, "PIP_CONFIG_FILE": "/dev/null"}).uv_arguments() == []


def test_find_links_and_no_index_are_passed_on(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "[global]\nfind-links =\n    wheels\n    https://example.com/links\nno-index = true\n"
    write(tmp_path / ".pip/pip.conf", text)
    assert machine_indexes(home).uv_arguments() == [
        f"--find-links={tmp_path}/wheels",
        "--find-links=https://example.com/links",
        "--no-index",
    ]


def test_extra_indexes_are_known_but_not_used(home: dict[str, str]) -> None:
    found = machine_indexes(
        {**home, "PIP_EXTRA_INDEX_URL": "https://one.example.com https://two.example.com"}
    )
    assert found.ignored == ("https://one.example.com", "https://two.example.com")
    assert found.uv_arguments() == []


def test_uv_settings_win_over_those_of_pip(home: dict[str, str]) -> None:
    variables = {
        "PIP_INDEX_URL": "https://pip.example.com",
        "PIP_FIND_LINKS": "/wheels",
        "UV_DEFAULT_INDEX": "https://ann:s3cret@uv.example.com/simple?a=b",
        "UV_FIND_LINKS": "/other",
        "UV_INDEX": "corp=https://bob:pw@corp.example.com",
    }
    found = machine_indexes({**home, **variables})
    assert found.uv_arguments() == []
    assert credentials_in(found.credentials) == {
        ("https", "uv.example.com", 443): ("ann", "s3cret"),
        ("https", "corp.example.com", 443): ("bob", "pw"),
    }


def test_a_broken_pip_file_means_nothing_is_configured(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / ".pip/pip.conf", "index-url = no section\n")
    assert machine_indexes(home).uv_arguments() == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at `https://ann:s3cret@example.com/x`", "at `https://***@example.com/x`"),
        ("https://ann:p@ss@example.com/x and http://token@h/", "https://***@example.com/x and http://***@h/"),
        ("https://example.com/@scope/x", "https://example.com/@scope/x"),
    ],
)
def test_passwords_are_never_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_urls_are_compared_without_credentials_and_final_slash() -> None:
    assert without_credentials("https://ann:s3cret@example.com/simple") == "https://example.com/simple"
    assert same_place("https://ann:s3cret@Example.com/simple/", "https://example.com/simple")
    assert not same_place("https://example.com/simple", "https://example.com/other")
    assert same_place("/wheels/", "file:///wheels")


@pytest.mark.parametrize(
    ("suite", "glibc", "uv"),
    [
        ("bookworm", 36, "x86_64-manylinux_2_36"),
        ("trixie", 41, "x86_64-manylinux_2_40"),
        (None, 28, "x86_64-manylinux_2_28"),
        ("unknown", 28, "x86_64-manylinux_2_28"),
    ],
)
def test_the_c_library_of_the_base(suite: str | None, glibc: int, uv: str) -> None:
    assert glibc_minor(suite) == glibc
    assert uv_platform("linux/amd64", glibc) == uv


@pytest.mark.parametrize(
    ("target", "files", "best"),
    [
        ("linux/amd64", ["a-1-py3-none-any.whl", "a-1-cp311-abi3-manylinux_2_5_x86_64.whl"], 1),
        (
            "linux/amd64",
            ["a-1-cp38-abi3-manylinux1_x86_64.whl", "a-1-cp311-cp311-manylinux2014_x86_64.whl"],
            1,
        ),
        ("linux/amd64", ["a-1-py3-none-any.whl", "a-1-2-py3-none-any.whl", "a-1-10-py3-none-any.whl"], 2),
        (
            "linux/amd64",
            ["a-1-cp311-cp311-musllinux_1_2_x86_64.whl", "a-1-cp312-cp312-linux_x86_64.whl"],
            None,
        ),
        ("linux/amd64", ["a-1-cp311-cp311-manylinux_2_37_x86_64.whl"], None),
        (
            "linux/arm64",
            ["a-1-cp311-cp311-manylinux1_x86_64.whl", "a-1-cp311-none-manylinux2014_aarch64.whl"],
            1,
        ),
        ("linux/amd64", ["not a wheel", "a-1.whl"], None),
    ],
)
def test_the_best_file(target: str, files: list[str], best: int | None) -> None:
    ranks = tag_ranks("3.11", target, 36)
    assert best_file(files, ranks) == (None if best is None else files[best])
    assert best_file(files[::-1], ranks) == (None if best is None else files[best])


def test_tags_agree_with_those_of_packaging() -> None:
    """The order of a real machine's tags, as `packaging` has them, is ours for the same C library."""
    libc, version = platform.libc_ver()
    if libc != "glibc" or platform.machine() != "x86_64":
        pytest.skip("needs a machine with glibc on x86_64")
    minor = "{}.{}".format(*sys.version_info[:2])
    ranks = tag_ranks(minor, "linux/amd64", int(version.split(".")[1]))
    assert sorted(ranks, key=ranks.__getitem__) == [str(tag) for tag in sys_tags()]
