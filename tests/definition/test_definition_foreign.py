"""Other people's YAML, TOML and JSON: the text of each scalar, its line, and what is refused."""

from __future__ import annotations

import pytest

from envcatalog.definition.text import foreign
from envcatalog.definition.text.foreign import Node, read_text, read_yaml
from envcatalog.definition.text.foreign_plain import read_json, read_toml
from envcatalog.model.errors import Refusal


def plain(node: Node) -> object:
    """The values without their places."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    return node.value


def lines(node: Node) -> list[int]:
    """The lines of all scalars, in the order of the file."""
    inner = [*node.mapping.values(), *node.items]
    return [line for item in inner for line in lines(item)] if inner else [node.line]


def test_a_scalar_of_yaml_is_its_text() -> None:
    node = read_yaml(
        "a: 3.10\nb: yes\nc: 0755\nd: 1_000\ne: 2026-01-02\nf: ~\ng:\nh: ''\ni: !!float 1.0\n", "f"
    )
    assert plain(node) == {
        "a": "3.10", "b": "yes", "c": "0755", "d": "1_000", "e": "2026-01-02", "f": None, "g": None,
        "h": "", "i": "1.0",
    }  # fmt: skip
    assert lines(node) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_lines_of_yaml() -> None:
    assert lines(read_yaml("a:\n  - b\n  -\n    c\n  - {d: e}\n  - - f\n", "f")) == [2, 4, 5, 6]


def test_anchors_that_nobody_uses_mean_nothing() -> None:
    assert plain(read_yaml("a: &x 1\nb: &y [2]\n", "f")) == {"a": "1", "b": ["2"]}


TOML = """\
# version = "0"
[workspace]
name = "x"
version = 1.10
dates = [2026-01-02, 03:04:05]

[deps]
a = { version = "1", extras = ["b"] }
"c.d" = true
[deps.e]
version = "3"
"""


def test_a_value_of_toml_is_its_text() -> None:
    node = read_toml(TOML, "f")
    assert plain(node) == {
        "workspace": {"name": "x", "version": "1.10", "dates": ["2026-01-02", "03:04:05"]},
        "deps": {"a": {"version": "1", "extras": ["b"]}, "c.d": "true", "e": {"version": "3"}},
    }
    assert lines(node) == [3, 4, 5, 5, 8, 8, 9, 11]


def test_inline_tables_of_toml_1_1() -> None:
    text = 'a = { # why\n  b = "1 # no",\n  c = [\n    "x",\n    { d = \'}\', },\n  ],\n}\n'
    assert plain(read_toml(text, "f")) == {"a": {"b": "1 # no", "c": ["x", {"d": "}"}]}}
    assert lines(read_toml(text, "f")) == [2, 4, 5]


def test_a_value_of_json_is_its_text() -> None:
    node = read_json('{"a": 1.10,\n "b": [true, null,\n "x"], "c": 10000000000000000000000}', "f")
    assert plain(node) == {"a": "1.10", "b": ["true", None, "x"], "c": "10000000000000000000000"}
    assert lines(node) == [1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_yaml, "a: 1\nb: *x\n", "d/f:2: `*x` is an alias"),
        (read_yaml, "a: 1\n<<: {b: 1}\n", "d/f:2: `<<` is a merge key"),
        (read_yaml, "a: 1\nb: 2\na: 3\n", "d/f:3: the key `a` is here twice"),
        (read_yaml, "a: 1\n---\nb: 2\n", "d/f:2: a second document begins"),
        (read_yaml, "a:\n\tb: 1\n", "d/f:2: a tab stands where YAML wants spaces"),
        (read_yaml, "a: [1\n",
         "d/f:2: this is not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        (read_yaml, "[1]: 2\n", "d/f:1: a key is a list"),
        (read_yaml, "[" * 33, "d/f:1: values are nested more than 32 deep"),
        (read_toml, "a = 1\na = 2\n", "d/f:2: this is not TOML: cannot overwrite a value"),
        (read_toml, "a = \n", "d/f:1: this is not TOML: invalid value"),
        (read_toml, "a = " + "[" * 5000, "d/f: values are nested too deep"),
        (read_json, '{"a": 1,\n "a": 2}', "d/f:2: the key `a` is here twice"),
        (read_json, '{"a":\n', "d/f:2: this is not JSON: expecting value"),
        (read_json, "[" * 100_000, "d/f: values are nested too deep"),
        (read_json, "[" * 40 + "]" * 40, "d/f:1: values are nested more than 32 deep"),
    ],
)  # fmt: skip
def test_what_has_no_plain_meaning_is_refused(read: object, text: str, message: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(text, "d/f")  # type: ignore[operator]
    assert refused.value.message == message


def test_encodings() -> None:
    assert read_text(b"\xef\xbb\xbfa: \xc3\xa9\r\nb\rc\n", "f") == "a: é\nb\nc\n"
    assert read_text("a: é\r\n".encode("utf-16"), "f") == "a: é\n"
    with pytest.raises(Refusal, match=r"^f:2: the byte `0xe9` is not UTF-8$"):
        read_text(b"a\nb: \xe9\n", "f")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "MAX_BYTES", 10)
    with pytest.raises(Refusal, match=r"^f: the file has 11 bytes, and at most 10 are read$"):
        read_text(b"x" * 11, "f")
    monkeypatch.setattr(foreign, "MAX_VALUES", 3)
    with pytest.raises(Refusal, match=r"^f:4: the file has more than 3 values$"):
        read_yaml("- a\n- b\n- c\n- d\n", "f")
