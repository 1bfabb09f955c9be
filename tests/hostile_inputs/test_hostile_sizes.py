"""Files whose reading once took more time or memory than their size; what is asserted is that they are refused."""

from __future__ import annotations

import pytest

from envcatalog.definition.text.foreign_plain import read_toml
from envcatalog.formats.docker.dockerignore import MAX_PATTERNS, read_dockerignore
from envcatalog.model.errors import Refusal


@pytest.mark.parametrize(
    "text",
    [
        "a." * 100_000 + "b = 1\n",
        "[" + "a . " * 100_000 + "b]\n",
        "x = {" + '"a".' * 100_000 + "b = 1}\n",
        "['" + "a'.'" * 100_000 + "b']\n",
    ],
)
def test_a_long_dotted_key_is_refused_before_it_is_parsed(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_toml(text, "pylock.toml")
    assert caught.value.message == "pylock.toml: values are nested too deep"


@pytest.mark.parametrize("text", ["a" * 4_000_000, '"' * 1_000_000, "a." * 60 + "\n" + "'a.'" * 500_000])
def test_looking_for_dotted_keys_is_quick_by_itself(text: str) -> None:
    with pytest.raises(Refusal, match="this is not TOML"):
        read_toml(text, "pylock.toml")


def test_ordinary_dotted_keys_are_read() -> None:
    read_toml("[tool.a.'b.c'.\"d\"]\ne.f = 'a.b.c'\n", "pyproject.toml")


def test_an_ignore_file_has_so_many_patterns_at_most() -> None:
    found = read_dockerignore("".join(f"*a*b*c{number}\n" for number in range(50_000)))
    assert len(found.patterns) == MAX_PATTERNS
    assert found.wrong == ((MAX_PATTERNS + 1, f"the file has more than {MAX_PATTERNS} patterns"),)
