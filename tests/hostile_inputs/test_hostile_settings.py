"""Secrets that would be committed with the settings."""

from __future__ import annotations

import pytest

from envcatalog.definition.reader import read_settings


@pytest.mark.parametrize("path", ["/t/to-ken/a", "/conda/t/to-ken", "/t/to-ken/"])
def test_a_token_of_conda_is_no_part_of_a_channel(path: str) -> None:
    text = f"channels:\n  a: {{url: 'https://conda.example.com{path}'}}\n"
    found = read_settings(text.encode(), "catalog/catalog.yaml").problems
    assert [(item.line, "without user, password or token" in item.message) for item in found] == [(2, True)]


@pytest.mark.parametrize(
    "url", ["https://conda.example.com/a/t", "https://t/c", "a/t/b", "https://h.example.com/at/b"]
)
def test_other_addresses_with_that_letter_are(url: str) -> None:
    text = f"channels:\n  a: {{url: '{url}'}}\n"
    assert read_settings(text.encode(), "catalog/catalog.yaml").problems == ()
