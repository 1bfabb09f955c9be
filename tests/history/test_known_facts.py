"""What a lock knows beside its bytes: installed sizes and licences in `diff`, `log` and reviews of pull requests."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.history.sizes import compare_installed
from envcatalog.model.change import Installed, LicenseChange
from envcatalog.model.environment import Environment, ImageBase
from envcatalog.model.known import KnownSize, learnt, license_of
from envcatalog.model.lock import CondaPackage, Deb, Known, Lock, PlatformLock, Wheel
from history.light import Light

AMD64, ARM64 = "linux/amd64", "linux/arm64"
MB = 1_000_000


def wheel(name: str, file: str, version: str = "1.0", size: int = 10) -> Wheel:
    """A wheel whose digest follows from the letter `file`."""
    return Wheel(name=name, version=version, file=f"{name}.whl", size=size, sha256=file * 64)


def side(*wheels: Wheel, known: dict[str, Known] | None = None, arm64: tuple[Wheel, ...] = ()) -> Side:
    """An environment with these locked wheels, and what is known of files by letter."""
    platforms = [PlatformLock(platform=AMD64, wheels=wheels)]
    if arm64:
        platforms.append(PlatformLock(platform=ARM64, wheels=arm64))
    facts = tuple(sorted((letter * 64, item) for letter, item in (known or {}).items()))
    return Side(
        environment=Environment(name="demo", base=ImageBase(image="x"), platforms=(AMD64, ARM64)),
        lock=Lock(definition="", base=None, bytecode=None, platforms=tuple(platforms), known=facts),
    )


def licensed(**licenses: str) -> dict[str, Known]:
    """Licences by letter of the file."""
    return {letter: Known(license=text) for letter, text in licenses.items()}


def moved(before: Side, after: Side) -> list[tuple[str, str, str | None, str | None, str]]:
    """Path, kind, both versions and what is said of the licence."""
    return [
        (item.path, item.kind, item.before, item.after, item.license_note)
        for item in diff_sides(before, after)
    ]


PATH = "python.packages.foo"


def test_the_licence_of_a_package_changes() -> None:
    old = side(wheel("foo", "a"), known=licensed(a="MIT"))
    new = side(wheel("foo", "b", "2.0"), known=licensed(b="AGPL-3.0-only"))
    assert moved(old, new) == [(PATH, "upgraded", "1.0", "2.0", "MIT -> AGPL-3.0-only")]
    # another file of the same version is a change for this reason alone
    again = side(wheel("foo", "b"), known=licensed(b="AGPL-3.0-only"))
    assert moved(old, again) == [(PATH, "changed", "1.0", "1.0", "MIT -> AGPL-3.0-only")]
    assert moved(old, side(wheel("foo", "b"), known=licensed(b="mit"))) == []
    assert moved(side(), new) == [(PATH, "added", None, "2.0", "AGPL-3.0-only")]
    assert moved(old, side()) == [(PATH, "removed", "1.0", None, "")]


def test_to_know_more_or_otherwise_is_no_change() -> None:
    nothing, something = side(wheel("foo", "a")), side(wheel("foo", "a"), known=licensed(a="MIT"))
    otherwise = side(wheel("foo", "a"), known={"a": Known(license="GPL-3.0-only", installed=7)})
    for before, after in product((nothing, something, otherwise), repeat=2):
        assert moved(before, after) == []
        assert compare_installed(before, after)[0].growth == 0
    # of an upgraded package only one side is known
    upgraded = side(wheel("foo", "b", "2.0"), known=licensed(b="MIT"))
    (change,) = diff_sides(nothing, upgraded)
    assert (change.license_note, change.license) == ("", LicenseChange(before=None, after="MIT"))
    assert moved(something, side(wheel("foo", "b"))) == []


def test_the_platforms_of_a_package_are_known_together_or_not() -> None:
    old = side(wheel("foo", "a"), arm64=(wheel("foo", "b"),), known=licensed(a="MIT", b="MIT"))
    files = (wheel("foo", "c", "2.0"), (wheel("foo", "d", "2.0"),))
    half = side(files[0], arm64=files[1], known=licensed(c="MIT"))
    assert moved(old, half) == [(PATH, "upgraded", "1.0", "2.0", "")]
    both = side(files[0], arm64=files[1], known=licensed(c="MIT", d="ISC"))
    assert moved(old, both) == [(PATH, "upgraded", "1.0", "2.0", "MIT -> ISC, MIT")]
    # only the files that one side has count
    other = side(wheel("foo", "a"), arm64=(wheel("foo", "c"),), known=licensed(a="MIT", c="ISC"))
    assert moved(old, other) == [(PATH, "changed", "1.0", "1.0", "MIT -> ISC")]
    assert moved(other, old) == [(PATH, "changed", "1.0", "1.0", "ISC -> MIT")]
    # a platform that is new has nothing to be compared with
    assert moved(side(wheel("foo", "a"), known=licensed(a="MIT")), old) == []


def test_of_two_answers_the_later_one_holds_and_none_is_no_answer() -> None:
    first = side(wheel("foo", "a"), known={"a": Known(installed=5, license="MIT")}).lock
    for other, both in (
        (Known(installed=7), Known(installed=7, license="MIT")),
        (Known(license="ISC"), Known(installed=5, license="ISC")),
        (Known(installed=0), Known(installed=0, license="MIT")),
        (Known(), Known(installed=5, license="MIT")),
    ):
        second = side(wheel("foo", "a"), known={"a": other}).lock
        assert learnt((first, second)) == {"a" * 64: both}


@pytest.mark.parametrize("text", ["", "UNKNOWN", " NoAssertion "])
def test_what_says_nothing_is_no_licence(text: str) -> None:
    foo = wheel("foo", "a")
    assert license_of(foo, {foo.sha256: Known(license=text)}) == ""
    assert license_of(foo, {foo.sha256: Known(license=" MIT  OR ISC")}) == "MIT OR ISC"


def test_conda_records_name_licences_themselves_and_debian_none() -> None:
    package = CondaPackage(
        name="foo", version="1", build="0", channel="own", subdir="noarch", file="f", size=1, sha256="a" * 64,
        license="BSD-3-Clause",
    )  # fmt: skip
    deb = Deb(name="foo", version="1", architecture="amd64", path="pool/f", size=1, sha256="b" * 64)
    lock = Lock(
        definition="",
        base=None,
        bytecode=None,
        platforms=(PlatformLock(platform=AMD64, debs=(deb,), conda=(package,)),),
        known=(("a" * 64, Known(installed=5)), ("b" * 64, Known(license="MIT"))),
    )
    known = learnt((None, lock))
    assert known["a" * 64] == Known(installed=5, license="BSD-3-Clause")
    assert (license_of(package, known), license_of(deb, known)) == ("BSD-3-Clause", "")


def sized(**sizes: int | None) -> dict[str, Known]:
    """Installed sizes by letter of the file; None for what was asked in vain."""
    return {letter: Known(installed=size) for letter, size in sizes.items()}


def test_installed_sizes_are_never_guessed() -> None:
    def size(size: int, unknown: int, files: int) -> KnownSize:
        return KnownSize(size=size, unknown=unknown, files=files)

    foo, bar, baz = wheel("foo", "a"), wheel("bar", "b"), wheel("baz", "c")
    old = side(bar, foo, known=sized(a=100, b=None))
    assert compare_installed(old, side(foo, known=sized(a=100))) == (
        Installed(platform=AMD64, before=size(100, 1, 2), after=size(100, 0, 1)),
    )
    # the file that is not known is on both sides, so the rest tells how much it grew
    assert compare_installed(old, side(bar, baz, foo, known=sized(c=30)))[0].growth == 30
    # the new lock learnt what the old one did not know of the same file
    assert compare_installed(side(foo), side(baz, foo, known=sized(a=100, c=30))) == (
        Installed(platform=AMD64, before=size(100, 0, 1), after=size(130, 0, 2), growth=30),
    )
    assert compare_installed(Side(environment=None, lock=None), old) == (
        Installed(platform=AMD64, before=None, after=size(100, 1, 2)),
    )


LETTERS = "abcdef"
FACTS = st.dictionaries(
    st.sampled_from(LETTERS), st.builds(Known, installed=st.none() | st.integers(0, 99)), max_size=6
)


@given(st.sets(st.sampled_from(LETTERS)), st.sets(st.sampled_from(LETTERS)), FACTS, FACTS)
def test_a_growth_that_is_told_is_right_whatever_is_not_known(
    old: set[str], new: set[str], first: dict[str, Known], second: dict[str, Known]
) -> None:
    def some(letters: set[str], facts: dict[str, Known]) -> Side:
        held = tuple(wheel(letter, letter) for letter in sorted(letters))
        return side(*held, known={letter: item for letter, item in facts.items() if letter in letters})

    before, after = some(old, first), some(new, second)
    known = learnt((before.lock, after.lock))
    for unknown in (0, 1000):
        truth = {
            letter: unknown if (item := known.get(letter * 64, Known())).installed is None else item.installed
            for letter in LETTERS
        }
        for found in compare_installed(before, after):
            if found.growth is not None:
                assert found.growth == sum(truth[x] for x in new) - sum(truth[x] for x in old)
            if found.before is not None:
                assert found.before.size <= sum(truth[x] for x in old)


def facts(license_: str = "", installed: int | None = None) -> Known:
    """In few words."""
    return Known(license=license_, installed=installed)


def test_diff_tells_licences_and_installed_sizes(light: Light) -> None:
    light.put("base", {"idna": "3.7"}, known={"idna": facts("BSD-3-Clause", 2 * MB)})
    light.put(
        "demo", {"foo": "1.0", "six": "1.16"}, base="base",
        known={"foo": facts("MIT", 3 * MB), "six": facts("MIT", MB)},
    )  # fmt: skip
    light.commit()
    light.version("demo")
    light.put(
        "demo", {"foo": "2.0", "six": "1.16", "zoo": "1.0"}, base="base", rebuilt=("six",),
        known={"foo": facts("AGPL-3.0-only", 5 * MB), "six": facts("MIT OR ISC", MB), "zoo": facts("ISC", 9 * MB)},
    )  # fmt: skip
    assert light.run("diff", "demo").out == (
        "upgraded  python.packages.foo (indirect)  1.0 -> 2.0  licence MIT -> AGPL-3.0-only\n"
        "changed   python.packages.six (indirect)  1.16        licence MIT -> MIT OR ISC\n"
        "added     python.packages.zoo (indirect)  1.0         licence ISC\n"
        "download    linux/amd64  3.0 MB -> 4.0 MB (+1.0 MB)\n"
        "installed   linux/amd64  6.0 MB -> 17.0 MB (+11.0 MB)\n"
    )
    assert light.run("diff", "demo", "--format", "markdown").out == (
        "| Change | Path | Before | After | Licence |\n| --- | --- | --- | --- | --- |\n"
        "| upgraded | `python.packages.foo` (indirect) | `1.0` | `2.0` | `MIT -> AGPL-3.0-only` |\n"
        "| changed | `python.packages.six` (indirect) | `1.16` | `1.16` | `MIT -> MIT OR ISC` |\n"
        "| added | `python.packages.zoo` (indirect) |  | `1.0` | `ISC` |\n"
        "\nDownload for `linux/amd64` `3.0 MB -> 4.0 MB (+1.0 MB)`.\n"
        "Installed for `linux/amd64` `6.0 MB -> 17.0 MB (+11.0 MB)`.\n"
    )
    done = light.run("diff", "demo", "--format", "json").json
    assert [row["license"] for row in done["changes"]] == [
        {"before": "MIT", "after": "AGPL-3.0-only"},
        {"before": "MIT", "after": "MIT OR ISC"},
        {"before": None, "after": "ISC"},
    ]
    assert done["sizes"]["installed"] == {
        AMD64: {
            "before": 6 * MB,
            "after": 17 * MB,
            "at_least": {"before": 6 * MB, "after": 17 * MB},
            "unknown": {"before": 0, "after": 0},
            "growth": 11 * MB,
        }
    }
    light.commit()
    assert "[foo 1.0 -> 2.0, +zoo 1.0, six licence MIT -> MIT OR ISC]" in light.run("log", "demo").out


def test_diff_says_what_it_does_not_know(light: Light) -> None:
    light.put("demo", {"foo": "1.0"}, debs={"libc6": "2.36-9"})
    light.commit()
    light.version("demo")
    light.put("demo", {"foo": "2.0"}, debs={"libc6": "2.36-9"})
    assert light.run("diff", "demo").out == "upgraded  python.packages.foo (indirect)  1.0 -> 2.0\n"
    light.put("demo", {"foo": "2.0", "zoo": "1.0"}, debs={"libc6": "2.36-9"}, known={"foo": facts("MIT", MB)})
    assert light.run("diff", "demo").out == (
        "upgraded  python.packages.foo (indirect)  1.0 -> 2.0\n"
        "added     python.packages.zoo (indirect)  1.0\n"
        "download    linux/amd64  1.5 MB -> 2.5 MB (+1.0 MB)\n"
        "installed   linux/amd64  not known -> at least 1.0 MB (2 of 3 files not known)\n"
    )
    found = light.run("diff", "demo", "--format", "json").json
    assert found["sizes"]["installed"][AMD64] == {
        "before": None,
        "after": None,
        "at_least": {"before": 0, "after": MB},
        "unknown": {"before": 2, "after": 2},
        "growth": None,
    }
    # to learn of files makes no version and is no difference
    light.put("demo", {"foo": "1.0"}, debs={"libc6": "2.36-9"}, known={"foo": facts("MIT", MB)})
    assert light.run("diff", "demo").out == "no differences\n"
    assert light.run("plan", "demo").out.startswith("skip  demo")
    light.commit()
    assert "[what is known of locked files]" in light.run("log", "demo").out


# What a package may write as its licence; a lock refuses what is not printable.
HOSTILE = "MIT `x` | @acme/all #1 <img src=x onerror=alert(1)> ::error::no %0A [a](https://example.com) **b**"


def test_a_hostile_licence_is_inert_in_a_diff_and_in_the_comment_of_a_pull_request(light: Light) -> None:
    light.put("demo", {"foo": "1.0"}, known={"foo": facts("MIT", MB)})
    before = light.commit()
    light.put("demo", {"foo": "2.0"}, known={"foo": facts(HOSTILE, 3 * MB)})
    light.commit()
    assert light.run("diff", f"demo@{before}", "demo").out.splitlines()[0] == (
        "upgraded  python.packages.foo (indirect)  1.0 -> 2.0  licence MIT -> "
        "MIT `x` | @acme/all #1 <img src=x onerror=alert(1)> ::error::no %0A [a](https://example.co..."
    )
    row = (
        "| upgraded | `python.packages.foo` (indirect) | `1.0` | `2.0` | `MIT -> MIT \\x60x\\x60 \\x7c @acme/all #1 "
        "<img src=x onerror=alert(1)> ::error::no %0A [a](https://example.com) **b**` |"
    )
    comment = light.run("plan", "--format", "markdown", "--since", before).out
    for text in (light.run("diff", f"demo@{before}", "demo", "--format", "markdown").out, comment):
        assert row in text.splitlines()
        assert "Installed for `linux/amd64` `1.0 MB -> 3.0 MB (+2.0 MB)`." in text.splitlines()


@pytest.mark.parametrize(
    "text", ["MIT\x1b[2J", "MIT\n::error::x", "\u202eTIM", "MIT\u2028", "", " ", "-rf", "x" * 513]
)
def test_a_licence_that_is_not_printable_is_refused(light: Light, text: str) -> None:
    light.put("demo", {"foo": "1.0"}, known={"foo": facts("MITMIT", MB)})
    path = light.root / "catalog/demo/lock.json"
    path.write_bytes(path.read_bytes().replace(b'"MITMIT"', json.dumps(text).encode()))
    done = light.run("show", "demo")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: `catalog/demo/lock.json` is not a valid lock at `known.")
    assert "\x1b" not in done.err and done.err.count("\n") == 2


def test_show_sums_up_what_is_locked_with_its_bases(light: Light) -> None:
    known = {"idna": facts("BSD-3-Clause", 2 * MB), "libc6": facts("GPL-3.0-only", 7 * MB)}
    light.put("base", {"idna": "3.7"}, debs={"libc6": "2.36-9"}, known=known)
    wheels = {"foo": "1.0", "six": "1.16", "zoo": "1.0", "bar": "1"}
    light.put(
        "demo",
        wheels,
        base="base",
        known={"foo": facts("MIT", MB), "six": facts("mit", MB), "bar": facts("ISC")},
    )
    assert light.run("show", "demo").out.splitlines()[-3:] == [
        "  locked       linux/amd64 0 debs, 4 wheels",
        "  sizes        linux/amd64 download 5.5 MB, installed at least 11.0 MB (2 of 6 files not known)",
        "  licences     MIT 2, BSD-3-Clause 1, ISC 1, unknown 1",
    ]
    found = light.run("show", "demo", "--format", "json").json
    assert list(found)[-2:] == ["sizes", "licenses"]
    assert found["sizes"] == {
        "download": {AMD64: 5_500_000},
        "installed": {AMD64: {"size": None, "at_least": 11 * MB, "unknown": 2}},
    }
    assert found["licenses"] == [
        {"license": "MIT", "packages": ["foo", "six"]},
        {"license": "BSD-3-Clause", "packages": ["idna"]},
        {"license": "ISC", "packages": ["bar"]},
        {"license": None, "packages": ["zoo"]},
    ]
    assert light.run("show", "base").out.splitlines()[-2:] == [
        "  sizes        linux/amd64 download 1.5 MB, installed 9.0 MB",
        "  licences     BSD-3-Clause 1",
    ]


def test_show_sums_up_nothing_where_a_lock_is_missing(light: Light) -> None:
    light.put("base", {"idna": "3.7"})
    light.put("demo", {"foo": "1.0"}, base="base", known={"foo": facts("MIT", MB)})
    lock = light.root / "catalog/base/lock.json"
    definition = light.root / "catalog/base/environment.yaml"
    lock.unlink()
    for _ in range(2):
        done = light.run("show", "demo")
        assert (done.code, done.out.splitlines()[-1]) == (0, "  locked       linux/amd64 0 debs, 1 wheels")
        found = light.run("show", "demo", "--format", "json").json
        assert (found["sizes"], found["licenses"]) == (None, None)
        definition.write_text("name: other\n")


def test_show_shortens_many_and_long_licences(light: Light) -> None:
    names = [f"p{number:02}" for number in range(15)]
    known = {name: facts(f"L-{name}") for name in names} | {"p00": facts(HOSTILE)}
    light.put("demo", dict.fromkeys(names, "1.0"), known=known)
    (line,) = [line for line in light.run("show", "demo").out.splitlines() if line.startswith("  licences")]
    shown = ", ".join(f"L-p{number:02} 1" for number in range(1, 13))
    assert line == f"  licences     {shown}, others 3"
    light.put("demo", {"p00": "1.0"}, known={"p00": facts(HOSTILE)})
    assert light.run("show", "demo").out.splitlines()[-1] == (
        "  licences     MIT `x` | @acme/all #1 <img src=x one... 1"
    )


def test_search_finds_packages_under_a_licence(light: Light) -> None:
    light.put(
        "base", {"idna": "3.7"}, debs={"libc6": "2.36-9"}, known={"idna": facts("MIT OR AGPL-3.0-only")}
    )
    light.put("demo", {"foo": "1.0", "six": "1.16"}, base="base", known={"foo": facts("agpl-3.0-or-later")})
    light.put("other", {"zoo": "1.0"}, known={"zoo": facts("MIT")})
    done = light.run("search", "license:AGPL*")
    assert (done.code, done.out) == (
        0,
        "base  idna  3.7  linux/amd64  MIT OR AGPL-3.0-only\n"
        "demo  foo   1.0  linux/amd64  agpl-3.0-or-later\n"
        "demo  idna  3.7  linux/amd64  MIT OR AGPL-3.0-only  from base\n"
        "2 environments, 3 locks searched; of 1 package no licence is known\n",
    )
    found = light.run("search", "licence: mit ", "--format", "json").json
    assert [(row["environment"], row["package"], row["license"]) for row in found["matches"]] == [
        ("base", "idna", "MIT OR AGPL-3.0-only"),
        ("demo", "idna", "MIT OR AGPL-3.0-only"),
        ("other", "zoo", "MIT"),
    ]
    assert (found["unknown"], found["searched"]) == (1, 3)
    done = light.run("search", "license:SSPL-1.0")
    assert (done.code, done.out) == (
        1, "0 environments, 3 locks searched; of 1 package no licence is known\n",
    )  # fmt: skip
    assert light.run("search", "license:MIT", "--conda").code == 1
    light.commit()
    light.version("demo")
    assert [
        row["version"]
        for row in light.run("search", "license:AGPL*", "--all-versions", "--format", "json").json["matches"]
    ] == [1, 1]
    assert light.run("search", "foo", "--format", "json").json["unknown"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("license:",),
            "error: `license:` names no licence\nhint: write `license:MIT` or `license:AGPL-*`\n",
        ),
        (
            ("license:*",),
            "error: `license:*` names no licence\nhint: write `license:MIT` or `license:AGPL-*`\n",
        ),
        (
            ("license:A*B",),
            "error: `license:A*B` names no licence\nhint: write `license:MIT` or `license:AGPL-*`\n",
        ),
        (
            ("license:MIT", "--deb"),
            "error: Debian packages name no licence in a lock\nhint: leave `--deb` out\n",
        ),
    ],
)
def test_a_search_that_names_no_licence(light: Light, arguments: tuple[str, ...], said: str) -> None:
    done = light.run("search", *arguments)
    assert (done.code, done.out, done.err) == (2, "", said)


def test_a_search_of_licences_says_which_locks_it_cannot_read(light: Light) -> None:
    light.put("demo", {"foo": "1.0"}, known={"foo": facts("MITMIT")})
    path = light.root / "catalog/demo/lock.json"
    sound = path.read_bytes()
    for old, new in ((b'"MITMIT"', b"[]"), (b'"foo"', b"7"), (b'"1.0"', b"{}"), (b'"known"', b'"know"')):
        path.write_bytes(sound.replace(old, new))
        done = light.run("search", "license:MIT*")
        assert done.code == (1 if new == b'"know"' else 2), done
        assert done.out.startswith("0 environments, 1 lock searched")
        assert "Traceback" not in done.err
        assert done.err.startswith("warning: `demo` was not searched: ") or new == b'"know"'
