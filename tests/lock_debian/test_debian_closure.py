"""The packages that a name needs: relations, alternatives, Provides, conflicts, and what is said of failures."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from envcatalog.lock.debian.closure import Wish, close
from envcatalog.lock.debian.packages import PackageIndex, reduce_index
from envcatalog.lock.debian.policy import NOT_FOLLOWED, NOT_FOLLOWED_FROM
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb


def paragraph(name: str, fields: Mapping[str, str]) -> str:
    told = {"Package": name, "Version": "1", "Architecture": "amd64"}
    told |= {
        "Filename": f"pool/{name}.deb",
        "Size": "1",
        "SHA256": "0" * 64,
        **fields,
    }
    return "".join(f"{key}: {value}\n" for key, value in told.items()) + "Description: d\n Depends: nothing\n"


def index(*packages: tuple[str, Mapping[str, str]], sources: int = 1) -> PackageIndex:
    """Packages dealt out over several sources."""
    texts = []
    for source in range(sources):
        text = "\n".join(paragraph(name, fields) for name, fields in packages[source::sources])
        texts.append(b"".join(reduce_index(io.BytesIO(text.encode()))))
    return PackageIndex(texts, architecture="amd64", label="`test` for amd64")


def chosen(found: PackageIndex, *names: str, **wish: object) -> list[str]:
    packages = close(found, Wish(names=names, **wish))  # type: ignore[arg-type]
    return [f"{package.deb.name}={package.deb.version}" for package in packages]


def refused(found: PackageIndex, *names: str, **wish: object) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        chosen(found, *names, **wish)
    return caught.value.message, caught.value.hint


def deb(name: str, version: str) -> Deb:
    return Deb(
        name=name, version=version, architecture="amd64", path=f"pool/{name}.deb", size=1, sha256="1" * 64
    )


def test_the_closure_follows_depends_and_pre_depends() -> None:
    found = index(
        ("a", {"Depends": "b (>= 1), c:any", "Pre-Depends": "d"}),
        ("b", {"Depends": "a"}),
        ("c", {}),
        ("d", {"Recommends": "e"}),
        ("e", {}),
    )
    assert chosen(found, "a") == ["a=1", "b=1", "c=1", "d=1"]


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_the_highest_version_of_all_sources_is_chosen(sources: int) -> None:
    versions = ["1.9", "1.10~rc1", "1.10", "1:0.1~"]
    found = index(*(("a", {"Version": version}) for version in versions), sources=sources)
    assert chosen(found, "a") == ["a=1:0.1~"]


@pytest.mark.parametrize(
    ("relation", "version"),
    [("<< 2", "1"), ("<= 2", "2"), ("= 2", "2"), (">= 2", "3"), (">> 3", None), ("< 2", "2"), ("> 3", "3")],
)
def test_version_relations(relation: str, version: str | None) -> None:
    found = index(
        ("a", {"Depends": f"b ({relation})"}), *(("b", {"Version": number}) for number in ("1", "2", "3"))
    )
    if version is None:
        message = "the Debian package `a` 1 needs `b (>> 3)`, which is not in `test` for amd64"
        assert refused(found, "a") == (message, "")
    else:
        assert chosen(found, "a") == ["a=1", f"b={version}"]


def test_a_later_relation_changes_an_earlier_choice() -> None:
    found = index(
        ("a", {"Depends": "b, c"}),
        ("b", {"Version": "2"}),
        ("b", {"Version": "1"}),
        ("c", {"Depends": "b (<< 2)"}),
    )
    assert chosen(found, "a") == ["a=1", "b=1", "c=1"]


def test_relations_that_contradict_each_other() -> None:
    found = index(
        ("a", {"Depends": "b (>= 2), c"}),
        ("b", {"Version": "2"}),
        ("b", {"Version": "1"}),
        ("c", {"Depends": "b (<< 2)"}),
    )
    message = "the Debian package `a` 1 needs `b (>= 2)`, but `b (<< 2)` is needed too"
    assert refused(found, "a") == (message, "")
    assert refused(found, "a", "b") == (message, "")


def test_the_first_alternative_unless_one_is_there() -> None:
    found = index(("a", {"Depends": "b | c"}), ("b", {}), ("c", {}), ("d", {"Depends": "x | c"}))
    assert chosen(found, "a") == ["a=1", "b=1"]
    assert chosen(found, "a", "c") == ["a=1", "c=1"]
    assert chosen(found, "d") == ["c=1", "d=1"]


def test_provides_with_and_without_versions() -> None:
    found = index(
        ("a", {"Depends": "virtual"}),
        ("b", {"Depends": "virtual (>= 2)"}),
        ("z-plain", {"Provides": "virtual"}),
        ("y-old", {"Provides": "virtual (= 1)"}),
        ("x-new", {"Provides": "other, virtual (= 2)"}),
    )
    assert chosen(found, "a") == ["a=1", "x-new=1"]
    assert chosen(found, "a", "z-plain") == ["a=1", "z-plain=1"]
    assert chosen(found, "b", "z-plain") == ["b=1", "x-new=1", "z-plain=1"]
    assert refused(found, "virtual") == (
        "there is no Debian package `virtual` in `test` for amd64",
        "`virtual` is provided by `x-new`, `y-old`, `z-plain`; name one of them",
    )


def test_another_architecture_is_no_candidate() -> None:
    found = index(
        ("a", {"Depends": "b:arm64 | c:amd64"}), ("b", {}), ("c", {}), ("d", {"Architecture": "arm64"})
    )
    assert chosen(found, "a") == ["a=1", "c=1"]
    assert refused(found, "d")[0] == "there is no Debian package `d` in `test` for amd64"


def test_an_unknown_package_is_told_with_the_nearest_name() -> None:
    found = index(("libgomp1", {}), ("libgl1", {}))
    assert refused(found, "libgomp") == (
        "there is no Debian package `libgomp` in `test` for amd64",
        "did you mean `libgomp1`?",
    )
    assert refused(found, "zzz") == ("there is no Debian package `zzz` in `test` for amd64", "")


@pytest.mark.parametrize("field", ["Conflicts", "Breaks"])
def test_conflicts_name_both(field: str) -> None:
    found = index(
        ("a", {field: "b (<< 3)"}),
        ("b", {"Version": "2"}),
        ("c", {field: "c-api"}),
        ("d", {"Provides": "c-api"}),
    )
    assert refused(found, "a", "b") == (
        "the Debian packages `a` 1 and `b` 2 conflict: the first excludes `b (<< 3)`",
        "",
    )
    assert (
        refused(found, "c", "d")[0]
        == "the Debian packages `c` 1 and `d` 1 conflict: the first excludes `c-api`"
    )


def test_a_package_may_exclude_what_it_provides_itself() -> None:
    found = index(("a", {"Conflicts": "mta, b (<< 2)", "Provides": "mta"}), ("b", {"Version": "2"}))
    assert chosen(found, "a", "b") == ["a=1", "b=2"]


def test_what_is_present_is_taken_as_it_is() -> None:
    found = index(
        ("a", {"Depends": "b, c"}), ("b", {"Version": "2"}), ("c", {}), ("x", {"Depends": "b (>= 2)"})
    )
    assert chosen(found, "a", present=(deb("b", "1"),)) == ["a=1", "c=1"]
    assert refused(found, "x", present=(deb("b", "1"),)) == (
        "the Debian package `x` 1 needs `b (>= 2)`, but the parent environment has 1",
        "lock the parent environment with `--upgrade` first",
    )


def test_kept_versions_are_preferred_where_they_fit() -> None:
    found = index(
        ("a", {"Depends": "b"}),
        ("b", {"Version": "2"}),
        ("b", {"Version": "1"}),
        ("c", {"Depends": "b (>= 2)"}),
    )
    assert chosen(found, "a", kept={"b": ("1",)}) == ["a=1", "b=1"]
    assert chosen(found, "a", kept={"b": ("0", "1")}) == ["a=1", "b=1"]
    assert chosen(found, "a", "c", kept={"b": ("1",)}) == ["a=1", "b=2", "c=1"]


@pytest.mark.parametrize("name", sorted(NOT_FOLLOWED))
def test_what_only_scripts_need_is_not_followed(name: str) -> None:
    found = index(
        ("a", {"Pre-Depends": f"{name} (>= 1) | other"}),
        (name, {"Depends": "perl"}),
        ("perl", {}),
        ("other", {}),
    )
    assert chosen(found, "a") == ["a=1"]
    assert chosen(found, name) == sorted([f"{name}=1", "perl=1"])


@pytest.mark.parametrize(("package", "name"), sorted(NOT_FOLLOWED_FROM))
def test_single_edges_are_not_followed(package: str, name: str) -> None:
    found = index((package, {"Depends": name}), ("other", {"Depends": name}), (name, {}))
    assert chosen(found, package) == [f"{package}=1"]
    assert chosen(found, "other") == sorted([f"{name}=1", "other=1"])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Depends": "b (>= )"}, "malformed relation `b (>= )`"),
        ({"Filename": "pool/../../etc/x.deb"}, "malformed value `pool/../../etc/x.deb`"),
        ({"Filename": "https://evil.example.com/x.deb"}, None),
        ({"SHA256": "0" * 63}, f"malformed value `{'0' * 63}`"),
        ({"Size": "many"}, "malformed value `many`"),
        ({"Size": "-1"}, "malformed value `-1`"),
    ],
)
def test_damaged_paragraphs(fields: Mapping[str, str], reason: str | None) -> None:
    message, _ = refused(index(("a", fields)), "a")
    told = reason or f"malformed value `{fields['Filename']}`"
    assert message == f"the index of `test` for amd64 has a damaged paragraph for `a`: {told}"


def test_folded_fields_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same index in blocks of any size."""
    text = "\n".join(
        paragraph(f"p{number}", {"Depends": f"p{number + 1},\n p{number + 2}"}) for number in range(9)
    )
    text += "\n" + paragraph("p9", {}) + "\n" + paragraph("p10", {})
    wanted = None
    for block in (64, 333, 1 << 20):
        monkeypatch.setattr("envcatalog.lock.debian.packages._BLOCK", block)
        reduced = b"".join(reduce_index(io.BytesIO(text.encode())))
        found = PackageIndex([reduced], architecture="amd64", label="x")
        assert len(chosen(found, "p0")) == 11
        wanted = wanted or reduced
        assert reduced == wanted


def test_where_scripts_run_every_dependency_is_followed() -> None:
    found = index(
        ("a", {"Depends": "debconf, adduser"}),
        ("debconf", {"Pre-Depends": "perl-base"}),
        ("perl-base", {}),
        ("adduser", {}),
    )
    assert chosen(found, "a") == ["a=1"]
    assert chosen(found, "a", complete=True) == ["a=1", "adduser=1", "debconf=1", "perl-base=1"]


def test_where_scripts_run_the_parents_dependencies_are_followed_too() -> None:
    found = index(("a", {"Depends": "debconf"}), ("debconf", {}), ("b", {}))
    assert chosen(found, "b", present=(deb("a", "1"),)) == ["b=1"]
    assert chosen(found, "b", present=(deb("a", "1"),), complete=True) == ["b=1", "debconf=1"]
