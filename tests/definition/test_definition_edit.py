"""Edits keep the layout: exact texts, and properties over files in many styles."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.source import UNSEEN, read_source
from envcatalog.definition.text.compose import compose
from envcatalog.definition.writing.edit import Edit, edit_value
from envcatalog.model.errors import UserError

HEAD = "# first\nname: example   # the name\ndescription: |\n  text # no comment\n"
TAIL = "\n# about the base\nbase: {debian: bookworm}   # last"
STATEMENT = {"versions": "1-2", "reason": "old: see #3", "until": "2026-12-31"}


def edit(text: str, path: str, value: Edit) -> str:
    return edit_value(text.encode(), "f.yaml", tuple(path.split(".")), value).decode()


def values(text: str) -> Any:
    source, problems = read_source(text.encode(), "f.yaml")
    composed = compose(source)
    assert not problems
    assert not composed.problems
    return composed.value


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("aliases: {prod: 3, staging: 5}", "aliases.prod", 5, "aliases: {prod: 5, staging: 5}"),
        ("aliases: { prod : 3 }  # x", "aliases.prod", 10, "aliases: { prod : 10 }  # x"),
        ("aliases: {prod: 3}  # x", "aliases.staging", 4, "aliases: {prod: 3, staging: 4}  # x"),
        ("aliases: {prod: 3,}", "aliases.staging", 4, "aliases: {prod: 3, staging: 4,}"),
        ("aliases: {}", "aliases.staging", 4, "aliases: {staging: 4}"),
        (
            "aliases: {\n  prod: 3, # a\n  dev: 4 # b\n}",
            "aliases.staging",
            4,
            "aliases: {\n  prod: 3, # a\n  dev: 4, staging: 4 # b\n}",
        ),
        (
            "aliases:   # moving\n    prod: 3   # a\n    # b\n",
            "aliases.staging",
            4,
            "aliases:   # moving\n    prod: 3   # a\n    staging: 4\n    # b\n",
        ),
        ('"aliases":\n  "prod" : 3', "aliases.prod", 4, '"aliases":\n  "prod" : 4'),
        ("aliases: {prod: 3, staging: 5}", "aliases.prod", None, "aliases: {staging: 5}"),
        ("aliases: {prod: 3, staging: 5}", "aliases.staging", None, "aliases: {prod: 3}"),
        ("aliases: {prod: 3, }", "aliases.prod", None, "aliases: {}"),
        (
            "aliases: {\n  prod: 3, # a\n  # b\n  dev: 4\n}",
            "aliases.prod",
            None,
            "aliases: {\n  # b\n  dev: 4\n}",
        ),
        ("aliases: {prod: 3,\n  dev: 4}", "aliases.dev", None, "aliases: {prod: 3,\n  }"),
        ("aliases: {prod: 3,\n  dev: 4}", "aliases.prod", None, "aliases: {\n  dev: 4}"),
        ("aliases:\n  prod: 3 # a\n  # b\n  dev: 4", "aliases.prod", None, "aliases:\n  # b\n  dev: 4"),
        ("# a\naliases:\n  prod: 3\n# b", "aliases.prod", None, "# a\n# b"),
        ("tags: {a: b}\n# c", "aliases.prod", 3, "tags: {a: b}\naliases: {prod: 3}\n# c"),
        ("# c", "archived", True, "archived: true\n# c"),
        ("archived: false # c", "archived", True, "archived: true # c"),
        ("archived: true # c\n", "archived", None, ""),
        (
            "aliases: {prod: 3}",
            "deprecated",
            STATEMENT,
            'aliases: {prod: 3}\ndeprecated:\n  versions: "1-2"\n  reason: "old: see #3"\n  until: "2026-12-31"',
        ),
        ("# c", "deprecated", {"reason": "old"}, "deprecated: {reason: old}\n# c"),
        (
            "deprecated: {reason: 'it''s', until: 2026-01-01}  # c",
            "deprecated",
            {"reason": "isn't", "versions": "3-"},
            "deprecated: {reason: 'isn''t', versions: \"3-\"}  # c",
        ),
        (
            "deprecated:\n  # why\n  reason: >-\n    many\n    words\n\n  # when\n  until: 2026-01-01\n",
            "deprecated",
            {"reason": "few", "until": "2026-01-01"},
            "deprecated:\n  # why\n  reason: few\n\n  # when\n  until: 2026-01-01\n",
        ),
        ("deprecated:\n  # why\n  reason: a\n# d\n", "deprecated", None, "# d\n"),
    ],
)
def test_an_edit_changes_nothing_else(before: str, path: str, value: Edit, after: str) -> None:
    for head, tail in ((HEAD, TAIL), (HEAD, f"{TAIL}\n"), (f"\ufeff{HEAD}", TAIL)):
        join = "" if before.endswith("\n") else "\n"
        text, wanted = f"{head}{before}{join}{tail}", f"{head}{after}{join if after else ''}{tail}"
        if not after:
            wanted = f"{head}{tail}"
        assert edit(text, path, value) == wanted
        windows = text.replace("\n", "\r\n")
        assert edit(windows, path, value) == wanted.replace("\n", "\r\n")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_missing_last_line_end_stays_missing(ending: str) -> None:
    text = ending.join(["base: {debian: bookworm}", "name: example"])
    with_key = ending.join([text, "archived: true"])
    assert edit(text, "archived", True) == with_key
    assert edit(with_key, "archived", None) == text
    block = ending.join([text, "aliases:", "  prod: 3"])
    assert edit(block, "aliases.prod", None) == text
    assert edit(block, "aliases.staging", 4) == ending.join([block, "  staging: 4"])


def test_a_file_in_the_style_of_json() -> None:
    text = '{"name": "example", "base": {"debian": "bookworm"},\n "aliases": {"prod": 3}}'
    assert edit(text, "aliases.staging", 4) == text.replace('"prod": 3', '"prod": 3, "staging": 4')
    archived = text.replace('{"prod": 3}', '{"prod": 3}, "archived": true')
    assert edit(text, "archived", True) == archived
    assert edit(archived, "archived", None) == text
    assert edit(text, "aliases", None) == '{"name": "example", "base": {"debian": "bookworm"},\n }'


def test_nothing_to_do_gives_the_very_bytes() -> None:
    text = "name: example\naliases: {prod: 3}\n"
    assert edit(text, "aliases.prod", 3) == text
    assert edit(text, "aliases.staging", None) == text
    assert edit(text, "archived", None) == text


@pytest.mark.parametrize(
    ("text", "path", "value", "line", "entry"),
    [
        ("? name\n: example\n? base\n: {debian: a}\n", "archived", True, 1, ": `archived: true`"),
        ("name: example\n? aliases\n: prod: 3\n", "aliases", None, 2, ""),
        ("name: example\naliases:\n  ? prod\n  : 3\n", "aliases.dev", 4, 2, ": `aliases: {dev: 4}`"),
    ],
)
def test_a_form_that_cannot_be_edited_is_named(
    text: str, path: str, value: Edit, line: int, entry: str
) -> None:
    with pytest.raises(UserError) as caught:
        edit(text, path, value)
    assert caught.value.message == f"`f.yaml` has a form in which `{path}` cannot be edited alone"
    assert caught.value.hint == f"edit line {line} by hand{entry}"


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("\udce9", "the invisible or control character U+DCE9"),
        ("a\u202eb", "the bidirectional control character U+202E"),
        ("a\x1bb", "the invisible or control character U+001B"),
        ("a\u2028b", "the invisible or control character U+2028"),
        ("a\x85b", "the invisible or control character U+0085"),
        ("\ufeff", "the invisible or control character U+FEFF"),
    ],
)
def test_text_that_no_reader_takes_is_never_written(reason: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        edit("name: example\n", "deprecated", {"reason": reason})
    assert caught.value.message == f"the text for `deprecated` holds {what}"


def test_a_file_with_problems_is_left_alone() -> None:
    with pytest.raises(UserError) as caught:
        edit("name: example\nname: twice\n", "archived", True)
    assert caught.value.message == "`f.yaml` has problems and cannot be edited"


quotes = st.sampled_from(["{}", "'{}'", '"{}"'])
comments = st.sampled_from(["", "  # c", " # {x: 1, 'y'"])
reasons = st.one_of(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=30
    ),
    st.sampled_from(
        ["#", "a: b", "- x", "{a", "]", "&a", "*a", "!t", "%", "@", "`", "'", '"', "\\n", "null", "3", "é"]
    ),
).filter(lambda text: text.strip() and not UNSEEN.search(text))


@st.composite
def files(draw: st.DrawFn) -> str:
    """A definition whose metadata is written in any style."""
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    numbers = draw(
        st.dictionaries(st.sampled_from(["dev", "staging", "prod"]), st.integers(1, 99), max_size=3)
    )
    blocks = [["name: example" + draw(comments)], ["base: {debian: bookworm}" + draw(comments)]]
    if draw(st.booleans()):
        blocks.append(
            ["description: " + draw(st.sampled_from(["|", ">-", "|+"])), "  some", "", "  text", ""]
        )
    entries = [f"{draw(quotes).format(key)}: {number}" for key, number in numbers.items()]
    if not entries or draw(st.booleans()):
        joint = draw(st.sampled_from([", ", ",\n  ", " , # c\n    "]))
        blocks.append(f"aliases: {{{joint.join(entries)}}}{draw(comments)}".split("\n"))
    else:
        blocks.append(["aliases:" + draw(comments)])
        for entry in entries:
            blocks[-1] += [*draw(st.sampled_from([[], ["  # c"], [""]])), f"  {entry}{draw(comments)}"]
    if draw(st.booleans()):
        reason = f"reason: {draw(quotes).format('some reason')}"
        more = draw(st.sampled_from([[], ['versions: "1-2"'], ["until: 2026-12-31"]]))
        if draw(st.booleans()):
            blocks.append([f"deprecated: {{{', '.join([reason, *more])}}}" + draw(comments)])
        else:
            blocks.append(["deprecated:", *(f"   {line}{draw(comments)}" for line in [reason, *more])])
    if draw(st.booleans()):
        blocks.append([f"archived: {draw(st.sampled_from(['true', 'false']))}{draw(comments)}"])
    lines = []
    for block in draw(st.permutations(blocks)):
        lines += draw(st.sampled_from([[], ["# c"], ["", "# d: {"], [""]])) + block
    return ending.join(lines) + draw(st.sampled_from(["", ending, ending * 3]))


statements = st.fixed_dictionaries(
    {"reason": reasons}, optional={"versions": st.just("3-"), "until": st.just("2027-01-01")}
)
edits: st.SearchStrategy[tuple[tuple[str, ...], Any]] = st.one_of(
    st.tuples(
        st.sampled_from([("aliases", "dev"), ("aliases", "prod"), ("aliases", "other")]),
        st.none() | st.integers(1, 10**9),
    ),
    st.tuples(st.just(("deprecated",)), st.none() | statements),
    st.tuples(st.just(("archived",)), st.none() | st.booleans()),
)


def edited_or_refused(text: str, path: tuple[str, ...], value: Any) -> str | None:
    try:
        return edit_value(text.encode(), "f", path, value).decode()
    except UserError as error:
        assert error.message == f"`f` has a form in which `{'.'.join(path)}` cannot be edited alone"
        return None


@settings(max_examples=300, deadline=None)
@given(files(), edits)
def test_edit_and_read(text: str, made: tuple[tuple[str, ...], Any]) -> None:
    path, value = made
    edited = edited_or_refused(text, path, value)
    if edited is None:
        assert "|+" in text
        return
    wanted = values(text)
    inner = wanted.setdefault(path[0], {}) if len(path) > 1 else wanted
    inner.pop(path[-1], None)
    if value is not None:
        inner[path[-1]] = value
    found = values(edited)
    assert {key: item for key, item in found.items() if item != {}} == {
        key: item for key, item in wanted.items() if item != {}
    }
    assert [key for key in found if key in values(text)] == [key for key in values(text) if key in found]
    if value is not None:
        assert edited.endswith("\n") == text.endswith("\n")
    assert ("\r\n" in edited) == ("\r\n" in text) or edited.count("\n") == 0
    # Whole lines that do not belong to the key are there as they were.
    before, after = text.splitlines(), edited.splitlines()
    touched = [
        line
        for tag, first, last, _, _ in difflib.SequenceMatcher(
            None, before, after, autojunk=False
        ).get_opcodes()
        if tag != "equal"
        for line in before[first:last]
    ]
    allowed = "".join(before[before_key(before, path[0]) :]) if path[0] in values(text) else ""
    assert len(touched) <= 1 or all(line in allowed for line in touched)


def before_key(lines: list[str], key: str) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith(key))


@settings(max_examples=300, deadline=None)
@given(files(), edits)
def test_edit_and_undo(text: str, made: tuple[tuple[str, ...], Any]) -> None:
    path, value = made
    old = values(text)
    for key in path:
        old = old.get(key) if isinstance(old, dict) else None
    edited = edited_or_refused(text, path, value)
    undone = None if edited is None else edited_or_refused(edited, path, old)
    if undone is None:  # blank lines before what was removed would belong to the text above it
        assert "|+" in text
        return
    before = {key: item for key, item in values(text).items() if item != {}}
    assert {key: item for key, item in values(undone).items() if item != {}} == before
    if isinstance(value, int) and old is not None:
        assert undone == text
    if old is None and path[0] in ("archived", "deprecated"):
        assert undone == text


@settings(max_examples=200, deadline=None)
@given(reasons)
def test_any_visible_reason_can_be_written(reason: str) -> None:
    for text in ("name: e\nbase: {debian: a}\n", "name: e\nbase: {debian: a}\ndeprecated: {reason: 'x'}\n"):
        edited = edit(text, "deprecated", {"reason": reason})
        found = read_environment(edited.encode(), "f", folder="e").environment
        assert found is not None
        assert found.deprecated is not None
        assert found.deprecated.reason == reason
