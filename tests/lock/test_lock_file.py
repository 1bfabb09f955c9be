"""`lock.json`: canonical bytes, and a reader that lets nothing through that is not safe to use."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.lock.file import dump_lock, load_lock, lock_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import (
    Bytecode,
    Deb,
    Known,
    Lock,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
    Wheel,
)

ORIGIN = "catalog/sklearn/lock.json"
HINT = "run `envcat lock sklearn`"
DIGEST = "sha256:" + "a" * 64


def deb(name: str, architecture: str = "amd64") -> Deb:
    path = f"pool/main/{name[0]}/{name}/{name}_1.2-3+b1_{architecture}.deb"
    return Deb(name=name, version="1:1.2-3+b1", architecture=architecture, path=path, size=7, sha256="b" * 64)


def wheel(name: str, index: str = "default") -> Wheel:
    file = f"{name.replace('-', '_')}-2.0-py3-none-any.whl"
    return Wheel(name=name, version="2.0", file=file, size=9, sha256="c" * 64, index=index)


GOLDEN = f"""{{
 "base": {{
  "environment": "base",
  "plan": "sha256:{"d" * 64}"
 }},
 "bytecode": null,
 "definition": "{DIGEST}",
 "format": 1,
 "inputs": {{
  "wheels": "{DIGEST}"
 }},
 "platforms": {{
  "linux/amd64": {{
   "debs": [],
   "wheels": [
    {{
     "file": "six-2.0-py3-none-any.whl",
     "index": "default",
     "name": "six",
     "sha256": "{"c" * 64}",
     "size": 9,
     "version": "2.0"
    }}
   ]
  }}
 }}
}}
"""

LOCK = Lock(
    definition=DIGEST,
    base=None,
    bytecode=Bytecode(
        python="3.11.2", interpreters=(("linux/amd64", (deb("libc6"), deb("python3.11-minimal"))),)
    ),
    platforms=(
        PlatformLock(
            platform="linux/amd64",
            debs=(deb("libc6"), deb("tzdata", "all")),
            wheels=(wheel("pandas"), wheel("six")),
        ),
        PlatformLock(platform="linux/arm64", wheels=(wheel("scikit-learn", "acme"),)),
    ),
)


@pytest.mark.parametrize(
    "lock",
    [
        LOCK,
        dataclasses.replace(
            LOCK, base=LockedEnvironment(environment="python-3.11", plan=DIGEST), bytecode=None
        ),
        dataclasses.replace(
            LOCK,
            base=LockedImage(image="oci:my dir:python", digest=DIGEST, manifests=(("linux/amd64", DIGEST),)),
        ),
    ],
)
def test_what_is_dumped_is_loaded(lock: Lock) -> None:
    data = dump_lock(lock)
    assert load_lock(data, ORIGIN) == lock
    assert dump_lock(load_lock(data, ORIGIN)) == data


def test_the_bytes_are_golden() -> None:
    """These bytes may change with the format's number only."""
    lock = Lock(
        definition=DIGEST,
        base=LockedEnvironment(environment="base", plan="sha256:" + "d" * 64),
        bytecode=None,
        platforms=(PlatformLock(platform="linux/amd64", wheels=(wheel("six"),)),),
        inputs=(("wheels", DIGEST),),
    )
    assert dump_lock(lock).decode() == GOLDEN
    assert lock_digest(lock) == "sha256:cacc7bc303dd4e34b83d77146dae2b755d143886ff86f3f08540595ae848570e"


def test_order_of_entries_changes_nothing() -> None:
    first = LOCK.platforms[0]
    turned = dataclasses.replace(first, debs=first.debs[::-1], wheels=first.wheels[::-1])
    assert lock_digest(dataclasses.replace(LOCK, platforms=(LOCK.platforms[1], turned))) == lock_digest(LOCK)


Edit = Callable[[Any], None]
AMD = "linux/amd64"
DEB = f"platforms.{AMD}.debs[0]"
WHEEL = f"platforms.{AMD}.wheels[0]"
PATH = "is not a path below an archive such as `pool/main/z/zlib/zlib1g_1_amd64.deb`"


def setting(value: object, *path: str | int) -> Edit:
    def edit(root: Any) -> None:
        for key in path[:-1]:
            root = root[key]
        root[path[-1]] = value

    return edit


def wheel_field(field: str, value: object) -> Edit:
    return setting(value, "platforms", AMD, "wheels", 0, field)


def deb_field(field: str, value: object) -> Edit:
    return setting(value, "platforms", AMD, "debs", 0, field)


def test_the_starting_point_is_valid() -> None:
    assert load_lock(json.dumps(json.loads(dump_lock(LOCK))).encode(), ORIGIN) == LOCK


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (setting(2, "format"), " at `format`: format 2 is unknown to this release, which writes 1"),
        (setting(True, "format"), " at `format`: it is not a whole number"),
        (setting(1.0, "format"), " at `format`: it is not a whole number"),
        (setting(1, "extra"), ": the key `extra` is unknown"),
        (setting(1, "\x1b[2J`"), ": the key `\\x1b[2J'` is unknown"),
        (lambda root: root.pop("definition"), " at `definition`: it is missing"),
        (
            setting("sha256:12", "definition"),
            " at `definition`: `sha256:12` is not a digest `sha256:<64 hexadecimal digits>`",
        ),
        (
            setting(DIGEST + "\n", "definition"),
            f" at `definition`: `{(DIGEST + 'x')[:57]}...` is not a digest `sha256:<64 hexadecimal digits>`",
        ),
        (setting({}, "platforms"), " at `platforms`: no platform is locked"),
        (setting([], "platforms"), " at `platforms`: it is not an object"),
        (setting({}, "platforms", "../x"), " at `platforms`: the key `../x` is unknown"),
        (
            setting({"debs": "x"}, "inputs"),
            " at `inputs.debs`: `x` is not a digest `sha256:<64 hexadecimal digits>`",
        ),
        (setting({"r": DIGEST}, "inputs"), " at `inputs`: the key `r` is unknown"),
        (setting([], "base"), " at `base`: it is not an object"),
        (
            setting({"environment": "../x", "plan": DIGEST}, "base"),
            " at `base.environment`: `../x` is not a name",
        ),
        (
            setting({"image": "-x", "digest": DIGEST, "manifests": {}}, "base"),
            " at `base.image`: `-x` is not allowed",
        ),
        (
            setting({"image": "a\nb", "digest": DIGEST, "manifests": {}}, "base"),
            " at `base.image`: `a\\nb` is not allowed",
        ),
        (
            setting("3.11", "bytecode", "python"),
            " at `bytecode.python`: `3.11` is not a full version such as `3.11.2`",
        ),
        (setting(None, "platforms", AMD, "debs"), f" at `platforms.{AMD}.debs`: it is not a list"),
        (setting([1], "platforms", AMD, "debs"), f" at `{DEB}`: it is not an object"),
        (
            deb_field("path", "pool/../../x_1_amd64.deb"),
            f" at `{DEB}.path`: `pool/../../x_1_amd64.deb` {PATH}",
        ),
        (
            deb_field("path", "//example.com/x_1_amd64.deb"),
            f" at `{DEB}.path`: `//example.com/x_1_amd64.deb` {PATH}",
        ),
        (
            deb_field("path", "pool/%2e%2e/x_1_amd64.deb"),
            f" at `{DEB}.path`: `pool/%2e%2e/x_1_amd64.deb` {PATH}",
        ),
        (deb_field("name", "Libc"), f" at `{DEB}.name`: `Libc` is not a Debian package name"),
        (deb_field("version", "1 2"), f" at `{DEB}.version`: `1 2` is not a Debian version"),
        (
            deb_field("architecture", "arm64"),
            f" at `{DEB}.architecture`: `arm64` is none of `all`, `amd64`",
        ),
        (deb_field("name", "zlib1g"), f" at `platforms.{AMD}.debs[1].name`: it must not come after `zlib1g`"),
        (deb_field("name", "tzdata"), f" at `platforms.{AMD}.debs[1].name`: it is there twice"),
        (wheel_field("size", 0), f" at `{WHEEL}.size`: it is not between 1 and 68719476736"),
        (wheel_field("size", "9"), f" at `{WHEEL}.size`: it is not a whole number"),
        (
            wheel_field("sha256", "C" * 64),
            f" at `{WHEEL}.sha256`: `{'C' * 57}...` is not 64 hexadecimal digits",
        ),
        (wheel_field("name", "Pandas"), f" at `{WHEEL}.name`: `Pandas` is not a normalised project name"),
        (wheel_field("version", "1/../2"), f" at `{WHEEL}.version`: `1/../2` is not a version"),
        (
            wheel_field("file", "../pandas-2.0-py3-none-any.whl"),
            f" at `{WHEEL}.file`: `../pandas-2.0-py3-none-any.whl` is not a wheel's file name",
        ),
        (
            wheel_field("file", "six-2.0-py3-none-any.whl"),
            f" at `{WHEEL}.file`: `six-2.0-py3-none-any.whl` is not a wheel of `pandas`",
        ),
        (wheel_field("index", "a/b"), f" at `{WHEEL}.index`: `a/b` is not a name"),
        (wheel_field("file", "x" * 600), f" at `{WHEEL}.file`: it is longer than 512 characters"),
        (wheel_field("file", None), f" at `{WHEEL}.file`: it is not a string"),
    ],
)
def test_a_bad_field_is_refused_with_its_place(edit: Edit, message: str) -> None:
    root = json.loads(dump_lock(LOCK))
    edit(root)
    with pytest.raises(Refusal) as caught:
        load_lock(json.dumps(root).encode(), ORIGIN)
    assert caught.value.message == f"`{ORIGIN}` is not a valid lock{message}"
    assert caught.value.hint == HINT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "line 1, column 1 is not JSON"),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"a":' * 100_000, "it is nested too deep"),
        (b'{"a": 1, "a": 2}', "it holds the same key twice in one block"),
        (b'{"format": ' + b"1" * 5000 + b"}", "it holds a number that is too long"),
        (b'{"format": NaN}', "it holds `NaN`"),
        (b"[]", "it is not an object"),
        (b" " * (8 * 1024 * 1024 + 1), "it is larger than 8 MiB"),
    ],
)
def test_what_is_no_lock_at_all_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        load_lock(data, ORIGIN)
    assert caught.value.message == f"`{ORIGIN}` is not a valid lock: {reason}"


def test_a_lone_surrogate_is_refused() -> None:
    data = dump_lock(LOCK).replace(b'"index": "default"', b'"index": "\\ud800"', 1)
    with pytest.raises(Refusal) as caught:
        load_lock(data, ORIGIN)
    assert caught.value.message.endswith("`\\ud800` is not a name")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["..", "a/../b", "/etc/passwd", "http://example.com/", "sha256:", "\n", "\ud800", "%2e%2e"]
    ),
    st.lists(st.none(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none(), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@given(st.data())
def test_a_lock_with_anything_in_any_place_is_refused_or_is_safe(data: st.DataObject) -> None:
    root = json.loads(dump_lock(LOCK))
    place = data.draw(st.sampled_from(places(root)[1:]))
    setting(data.draw(VALUES), *place)(root)
    try:
        lock = load_lock(json.dumps(root).encode(), ORIGIN)
    except Refusal as error:
        assert error.message.isprintable()
        return
    assert load_lock(dump_lock(lock), ORIGIN) == lock
    for platform in lock.platforms:
        for item in platform.debs:
            assert not {"..", ""} & set(item.path.split("/"))
        for wheel in platform.wheels:
            assert "/" not in wheel.file and not wheel.file.startswith(".")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        load_lock(data, ORIGIN)


LEARNT = (("c" * 64, Known(installed=0, license="MIT OR Apache-2.0")),)


def wheel_lock(known: tuple[tuple[str, Known], ...] = LEARNT) -> Lock:
    platform = PlatformLock(platform="linux/amd64", wheels=(wheel("six"),))
    return Lock(definition=DIGEST, base=None, bytecode=None, platforms=(platform,), known=known)


@pytest.mark.parametrize("known", [LEARNT, (("c" * 64, Known()),)])
def test_what_was_learnt_is_kept_and_is_no_part_of_the_digest(known: tuple[tuple[str, Known], ...]) -> None:
    lock, bare = wheel_lock(known), wheel_lock(())
    assert load_lock(dump_lock(lock), ORIGIN) == lock
    assert dump_lock(lock) != dump_lock(bare)
    assert lock_digest(lock) == lock_digest(bare)


def test_drops_what_was_learnt_of_files_that_are_not_locked() -> None:
    value = json.loads(dump_lock(wheel_lock()))
    value["known"]["d" * 64] = {"license": "MIT"}
    assert load_lock(json.dumps(value).encode(), ORIGIN) == wheel_lock()


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"c" * 64: {"licence": "MIT"}}, f"at `known.{'c' * 64}`: the key `licence` is unknown"),
        (
            {"c" * 64: {"installed": -1}},
            f"at `known.{'c' * 64}.installed`: it is not between 0 and 68719476736",
        ),
        ({"c" * 64: {"license": "\x1b[31m"}}, f"at `known.{'c' * 64}.license`: `\\x1b[31m` is not allowed"),
        ([], "at `known`: it is not an object"),
    ],
)
def test_refuses_what_could_not_have_been_learnt(known: Any, message: str) -> None:
    value = json.loads(dump_lock(wheel_lock()))
    value["known"] = known
    with pytest.raises(Refusal) as caught:
        load_lock(json.dumps(value).encode(), ORIGIN)
    assert caught.value.message == f"`{ORIGIN}` is not a valid lock {message}"
