"""The licence of a wheel, from the text of its METADATA."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.lock.learning.licences import licences_of

MIT = "Classifier: License :: OSI Approved :: MIT License"
BSD = "Classifier: License :: OSI Approved :: BSD License"
APACHE = "Classifier: License :: OSI Approved :: Apache Software License"


def metadata(*lines: str) -> bytes:
    return "\n".join(["Metadata-Version: 2.4", "Name: demo", *lines, "", "License: WTFPL", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        ((), ""),
        (("License-Expression: mit or apache-2.0", BSD, "License: x"), "MIT OR Apache-2.0"),
        (("license-expression:GPL-3.0-or-later",), "GPL-3.0-or-later"),
        (("License-Expression: Not-A-License-9",), "Not-A-License-9"),
        ((MIT,), "MIT"),
        (("Classifier: Programming Language :: Python", MIT, "License: Expat"), "MIT"),
        (("Classifier: License :: OSI Approved", MIT), "MIT"),
        ((MIT, APACHE), "MIT AND Apache-2.0"),
        ((MIT, APACHE, "License: Apache-2.0 OR MIT"), "Apache-2.0 OR MIT"),
        ((BSD, "License: BSD-3-Clause"), "BSD-3-Clause"),
        ((BSD, "License: new BSD"), "BSD-3-Clause"),
        ((BSD, "License: BSD"), "BSD"),
        ((BSD,), "BSD License"),
        ((BSD, MIT), "BSD License, MIT License"),
        (("License: Apache License, Version 2.0",), "Apache-2.0"),
        (("License: The MIT License",), "MIT"),
        (("License: Apache 2.0",), "Apache-2.0"),
        (("License: Dual License", BSD, APACHE), "Dual License"),
        (("License: My own, ask me",), "My own, ask me"),
        (("License: UNKNOWN", APACHE), "Apache-2.0"),
        (("License: UNKNOWN",), ""),
        (("License: " + "Copyright of somebody. " * 10, BSD), "BSD License"),
        (("License: BSD 3-Clause License", "        ", "        Copyright (c) Somebody"), "BSD-3-Clause"),
        (("License: Copyright (c) Somebody", "        All rights reserved", BSD), "BSD License"),
        (("License: --output=x",), ""),
        (("License: \u202eTIM",), ""),
        (("License-Expression: " + "(" * 400 + "MIT" + ")" * 400,), ""),
        (("License-Expression: " + "(" * 200 + "MIT" + ")" * 200,), "(" * 200 + "MIT" + ")" * 200),
    ],
)
def test_what_is_said_best_comes_first(lines: tuple[str, ...], first: str) -> None:
    assert next(iter(licences_of(metadata(*lines))), "") == first


def test_lines_may_end_as_on_windows_and_the_description_is_not_read() -> None:
    text = b"Name: demo\r\nLicense: MIT\r\n\r\nLicense-Expression: GPL-3.0-only\r\n"
    assert licences_of(text) == ("MIT",)


def test_a_value_of_a_million_lines_is_read_in_one_pass() -> None:
    begun = time.process_time()
    assert licences_of(b"License: MIT\n" + b" y\n" * 700_000 + b"License-Expression: Zlib\n")[:1] == ("Zlib",)
    assert time.process_time() - begun < 3  # it took a minute when each line copied those before


def test_all_that_may_be_meant_is_there_so_that_no_honest_lock_is_taken_for_a_lie() -> None:
    said = metadata("License-Expression: mit", "License: BSD", APACHE)
    assert licences_of(said) == ("MIT", "mit", "Apache-2.0", "BSD", "Apache Software License")


@given(st.lists(st.sampled_from([b"License: ", b"License-Expression:", b"Classifier: License :: "]).flatmap(
    lambda start: st.binary(max_size=700).map(lambda rest: start + rest)), max_size=4))  # fmt: skip
def test_whatever_is_said_what_comes_out_is_fit_for_a_lock(lines: list[bytes]) -> None:
    for text in licences_of(b"\n".join(lines)):
        assert text.strip() == text != ""
        assert text.isprintable()
        assert len(text) <= 512
        assert not text.startswith("-")
