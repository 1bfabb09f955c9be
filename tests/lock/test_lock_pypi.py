"""Wheels: solved by the real uv against an index that the test makes."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from envcatalog.lock.pypi import WheelRequest, lock_wheels
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Wheel
from envcatalog.model.settings import PackageIndex, Settings
from support.wheelhouse import AMD, ARM, Server, write_wheel

NONE = Settings()


def request(*requirements: str, platform: str = "linux/amd64", **more: object) -> WheelRequest:
    plain = WheelRequest(requirements=requirements, python="3.11.2", platform=platform, glibc=36)
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def names(wheels: tuple[Wheel, ...]) -> list[str]:
    return [f"{wheel.name}=={wheel.version}" for wheel in wheels]


def test_a_wheel_is_locked_with_file_size_and_sha256(only_index: Server, cache: Path) -> None:
    path = only_index.add("acme-lib", "1.0")
    assert lock_wheels(request("Acme.Lib"), settings=NONE, cache=cache) == (
        Wheel(
            name="acme-lib",
            version="1.0",
            file="acme_lib-1.0-py3-none-any.whl",
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        ),
    )


def test_an_index_that_tells_no_hash_is_measured(only_index: Server, cache: Path) -> None:
    path = only_index.add("lib", "1")
    only_index.hashes = False
    (wheel,) = lock_wheels(request("lib"), settings=NONE, cache=cache)
    assert (wheel.size, wheel.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def test_dependencies_come_along_sorted(only_index: Server, cache: Path) -> None:
    only_index.add("top", "1", requires=["zebra", "ant>=2", "windows; sys_platform == 'win32'"])
    for version in ("1", "2", "3"):
        only_index.add("ant", version)
    only_index.add("zebra", "1")
    assert names(lock_wheels(request("top"), settings=NONE, cache=cache)) == ["ant==3", "top==1", "zebra==1"]


@pytest.mark.parametrize(
    ("platform", "glibc", "file"),
    [
        ("linux/amd64", 36, "lib-1-cp311-cp311-manylinux_2_34_x86_64.whl"),
        ("linux/amd64", 28, f"lib-1-{AMD}.whl"),
        ("linux/arm64", 36, f"lib-1-{ARM}.whl"),
    ],
)
def test_the_file_fits_the_platform_and_its_c_library(
    only_index: Server, cache: Path, platform: str, glibc: int, file: str
) -> None:
    for tag in (
        AMD,
        ARM,
        "cp311-cp311-manylinux_2_34_x86_64",
        "cp312-cp312-manylinux_2_34_x86_64",
        "py3-none-any",
    ):
        only_index.add("lib", "1", tag=tag)
    (wheel,) = lock_wheels(request("lib", platform=platform, glibc=glibc), settings=NONE, cache=cache)
    assert wheel.file == file


def test_the_full_python_version_decides(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1")
    only_index.add("lib", "2", requires_python=">=3.11.5")
    assert names(lock_wheels(request("lib"), settings=NONE, cache=cache)) == ["lib==1"]
    assert names(lock_wheels(request("lib", python="3.11.9"), settings=NONE, cache=cache)) == ["lib==2"]


def test_versions_are_kept_until_they_are_upgraded(only_index: Server, cache: Path) -> None:
    only_index.add("one", "1", requires=["two"])
    only_index.add("two", "1")
    first = lock_wheels(request("one"), settings=NONE, cache=cache)
    only_index.add("one", "2", requires=["two"])
    only_index.add("two", "2")
    cache_of_index = {"cache": cache, "settings": NONE}
    fresh = lock_wheels(request("one>=1"), **cache_of_index)  # type: ignore[arg-type]
    kept = lock_wheels(request("one>=1", preferred=first), settings=NONE, cache=cache)
    partly = lock_wheels(request("one>=1", preferred=first[1:]), settings=NONE, cache=cache)
    forced = lock_wheels(request("one>=1", "two>1", preferred=first), settings=NONE, cache=cache)
    assert kept == first
    assert [names(fresh), names(partly), names(forced)] == [
        ["one==2", "two==2"],
        ["one==2", "two==1"],
        ["one==1", "two==2"],
    ]


def test_a_build_that_is_uploaded_later_changes_nothing(only_index: Server, cache: Path) -> None:
    only_index.add("lib", "1")
    first = lock_wheels(request("lib"), settings=NONE, cache=cache)
    only_index.add("lib", "1", tag=AMD)
    (upgraded,) = lock_wheels(request("lib"), settings=NONE, cache=cache)
    assert lock_wheels(request("lib", preferred=first), settings=NONE, cache=cache) == first
    assert upgraded.file == f"lib-1-{AMD}.whl"


PARENT = (Wheel(name="two", version="1", file="two-1-py3-none-any.whl", size=1, sha256="a" * 64),)


def test_what_the_parent_has_keeps_its_version_and_is_not_locked_again(
    only_index: Server, cache: Path
) -> None:
    only_index.add("one", "1", requires=["two"])
    only_index.add("two", "1")
    only_index.add("two", "2")
    wheels = lock_wheels(
        request("one", "two>=1", installed=PARENT, parent="base"), settings=NONE, cache=cache
    )
    assert names(wheels) == ["one==1"]


def test_a_requirement_against_the_parent_is_explained(only_index: Server, cache: Path) -> None:
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("Two>1.5", installed=PARENT, parent="base"), settings=NONE, cache=cache)
    assert caught.value.message == "`Two>1.5` contradicts `two==1` of the base environment `base`"
    assert caught.value.hint == "an environment keeps the versions of its base; change one of the two"


def test_an_indirect_requirement_against_the_parent_is_explained(only_index: Server, cache: Path) -> None:
    only_index.add("one", "1", requires=["two>1"])
    only_index.add("two", "1")
    only_index.add("two", "2")
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("one", installed=PARENT, parent="base"), settings=NONE, cache=cache)
    assert "two==1" in caught.value.message and "two>1" in caught.value.message
    assert caught.value.hint.endswith("packages of the base environment `base` keep their versions")


def test_no_solution_gives_the_reason_of_the_solver(only_index: Server, cache: Path) -> None:
    only_index.add("one", "1", requires=["two>1"])
    only_index.add("two", "1")
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("one"), settings=NONE, cache=cache)
    assert caught.value.message == (
        "no set of wheels for Python 3.11 on linux/amd64 fits\n"
        "No solution found when resolving dependencies\n"
        "Because only two==1 is available and all versions of one depend on two>1, we can conclude that all "
        "versions of one cannot be used.\n"
        "And because you require one, we can conclude that your requirements are unsatisfiable."
    )
    assert caught.value.hint == "change the requirements that the reason names"


def test_pips_extra_index_is_named_when_it_could_have_helped(
    only_index: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_index.add("private", "1", index="extra")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", only_index.index("extra"))
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("private"), settings=NONE, cache=cache)
    assert "private was not found" in caught.value.message
    assert "pip's `extra-index-url` is not used" in caught.value.hint


def test_a_source_distribution_is_never_built(only_index: Server, cache: Path, tmp_path: Path) -> None:
    files = only_index.root / "main" / "files"
    files.mkdir(parents=True)
    (files / "src-1.0.tar.gz").write_bytes(b"never opened")
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("src"), settings=NONE, cache=cache)
    assert caught.value.message.splitlines()[0] == (
        "`src` has no wheel, and building a source distribution would run its code"
    )
    assert (
        caught.value.hint
        == "ask for a version that has a wheel for Python 3.11 on linux/amd64, or leave it out"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--index-url=http://example.com", "`--index-url=http://example.com` is not a requirement"),
        ("-r /etc/passwd", "`-r /etc/passwd` is not a requirement"),
        ("lib @ file:///etc/passwd", "`lib @ file:///etc/passwd` is a direct reference"),
        ("one\ntwo", "`one\ntwo` is not a requirement"),
    ],
)
def test_what_is_no_plain_requirement_never_reaches_uv(cache: Path, text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        lock_wheels(request(text), settings=NONE, cache=cache)
    assert caught.value.message == message
    assert not cache.exists()


def test_an_index_that_fails_is_an_error_without_its_password(
    only_index: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", only_index.index().replace("//", "//ann:s3cret@"))
    only_index.logins["main"] = "ann:other"
    only_index.add("lib", "1")
    with pytest.raises(UserError) as caught:
        lock_wheels(request("lib"), settings=NONE, cache=cache)
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_find_links_of_pip_are_used(
    only_index: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_index.add("lib", "1")
    path = write_wheel(tmp_path / "links", "lib", "1+cpu")
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nfind-links = {path.parent}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    (wheel,) = lock_wheels(request("lib"), settings=NONE, cache=cache)
    assert (wheel.version, wheel.size) == ("1+cpu", path.stat().st_size)


def test_the_same_index_gives_the_same_wheels_in_any_order(
    only_index: Server, cache: Path, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        only_index.add(name, "1", requires=["shared"])
    only_index.add("shared", "1")
    one = lock_wheels(request("a", "b", "c"), settings=NONE, cache=cache)
    assert lock_wheels(request("c", "a", "b"), settings=NONE, cache=tmp_path / "other") == one


def acme(server: Server, *packages: str) -> Settings:
    url = server.index("acme").replace("//", "//ann:s3cret@")
    return Settings(indexes=(PackageIndex(name="acme", url=url, packages=packages),))


def test_packages_of_a_named_index_come_from_it_alone(only_index: Server, cache: Path) -> None:
    """A public package of a private name, with a higher version, is the classic attack."""
    only_index.logins["acme"] = "ann:s3cret"
    only_index.add("top", "1", requires=["acme-app"])
    only_index.add("acme-app", "99", requires=["evil"])
    only_index.add("acme-core", "99")
    only_index.add("evil", "1")
    only_index.add("acme-app", "1", index="acme", requires=["acme-core", "six"])
    only_index.add("acme-core", "1", index="acme")
    only_index.add("six", "99", index="acme")
    only_index.add("six", "1")
    wheels = lock_wheels(request("top"), settings=acme(only_index, "acme-*"), cache=cache)
    assert [(wheel.name, wheel.version, wheel.index) for wheel in wheels] == [
        ("acme-app", "1", "acme"),
        ("acme-core", "1", "acme"),
        ("six", "1", "default"),
        ("top", "1", "default"),
    ]


def test_private_packages_that_are_nowhere_else_are_found(only_index: Server, cache: Path) -> None:
    only_index.add("acme-app", "1", index="acme", requires=["acme-core"])
    only_index.add("acme-core", "1", index="acme", requires=["acme-deep"])
    only_index.add("acme-deep", "1", index="acme")
    wheels = lock_wheels(request("acme-app"), settings=acme(only_index, "acme-*"), cache=cache)
    assert names(wheels) == ["acme-app==1", "acme-core==1", "acme-deep==1"]


def test_a_private_package_that_is_no_longer_needed_is_let_go(only_index: Server, cache: Path) -> None:
    only_index.add("acme-core", "1", index="acme")
    only_index.add("top", "1", requires=["acme-core"])
    first = lock_wheels(request("top"), settings=acme(only_index, "acme-*"), cache=cache)
    only_index.add("top", "2")
    wheels = lock_wheels(request("top>1", preferred=first), settings=acme(only_index, "acme-*"), cache=cache)
    assert names(first) == ["acme-core==1", "top==1"]
    assert names(wheels) == ["top==2"]


def test_a_private_name_is_not_taken_from_the_public_index(only_index: Server, cache: Path) -> None:
    only_index.add("acme-app", "1")
    with pytest.raises(Refusal) as caught:
        lock_wheels(request("acme-app"), settings=acme(only_index, "acme-*"), cache=cache)
    assert "acme-app was not found" in caught.value.message


def test_a_named_index_may_be_a_folder_of_wheels(only_index: Server, cache: Path, tmp_path: Path) -> None:
    write_wheel(tmp_path / "house", "acme-app", "1", requires=["six"])
    write_wheel(tmp_path / "house", "six", "99")
    only_index.add("six", "1")
    index = PackageIndex(name="house", url=str(tmp_path / "house"), packages=("acme-app",))
    wheels = lock_wheels(request("acme-app"), settings=Settings(indexes=(index,)), cache=cache)
    assert [(wheel.name, wheel.version, wheel.index) for wheel in wheels] == [
        ("acme-app", "1", "house"),
        ("six", "1", "default"),
    ]


@pytest.mark.network
def test_the_machines_own_index_solves_a_real_set(cache: Path) -> None:
    wheels = lock_wheels(request("pandas", "scikit-learn"), settings=NONE, cache=cache)
    assert {"numpy", "pandas", "scikit-learn", "scipy"} <= {wheel.name for wheel in wheels}
    assert all(wheel.size > 1000 and len(wheel.sha256) == 64 for wheel in wheels)
