"""Whatever the bytes are, an importer gives a definition that validates, or a refusal that names the file."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.formats.incoming.importing import read_foreign
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.errors import Refusal

OURS = ("conda", "conda-explicit", "conda-lock", "pixi", "pixi-lock", "conda-folder")


class Files:
    """What lies beside the imported file."""

    def __init__(self, found: dict[str, bytes] | None = None) -> None:
        self.found = found or {}

    def read(self, path: str) -> bytes | None:
        """See `model.draft.Files`."""
        return self.found.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """See `model.draft.Files`."""
        prefix = f"{folder}/"
        return tuple(sorted(name.removeprefix(prefix) for name in self.found if name.startswith(prefix)))


def attempt(
    data: bytes, kind: str | None, origin: str = "some.file", files: Files | None = None
) -> Draft | None:
    """The draft, which must validate; None for a refusal, which must say where."""
    wanted = Wanted(name="example")
    try:
        draft = read_foreign(origin, data, files or Files(), wanted, kind)
    except Refusal as refusal:
        assert origin.rpartition("/")[2] in refusal.message or "conda-meta" in refusal.message
        assert refusal.message.isprintable()
        assert len(refusal.message) < 1500
        return None
    text = render_environment(draft.environment, draft.notes)
    reading = read_environment(text.encode(), "environment.yaml", folder="example")
    assert reading.problems == ()
    assert reading.environment == draft.environment
    for note in draft.notes:
        assert note.reason.isprintable()
        assert note.text.isprintable()
        assert note.line >= 0
    return draft


PIECES = r"""
name: x\n|channels:|dependencies:|variables:|prefix: C:\\x\n|platforms:|pip:|  - |\n| |- python=3.11\n|  - a=1=b\n
  - numpy >=1.2 , <2\n|  - x::y[version='>1']\n|  - pip:\n    - |-r x|-e .|--hash=sha256:1|git+https://h/x|\t|é|\0
; python_version<'3'|# [win]|\u202e|'|"|{{ x }}|{%|!!python/object:os.system |&a |*a|<<: |---\n|...|[|]|{|}|,|: |~
python|=|==|<|*|3.11|2.7|null|@EXPLICIT\n|https://h/c/linux-64/a-1-0.conda\n|#|version: 1\n|version: 6\n|package:\n
metadata:\n  content_hash:\n|environments:\n  default:\n|[workspace]\n|[dependencies]\n|a = "1.*"\n|[feature.x]\n
channels = ['c']\n|__cuda|sel(linux): """
pieces = [
    piece.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0").replace("\\u202e", "\u202e")
    for line in PIECES.strip("\n").split("\n")
    for piece in line.split("|")
]
texts = st.lists(st.sampled_from(pieces), max_size=14).map("".join)
marks = st.text(alphabet="ab.12=<>!*,| []'\"();:~_-+/@#$%{}\\", max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([None, *OURS[:-1]]), texts | st.text(max_size=40))
def test_no_text_makes_a_traceback(kind: str | None, text: str) -> None:
    attempt(text.encode("utf-8", "surrogatepass"), kind)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([None, *OURS]), st.binary(max_size=60))
def test_no_bytes_make_a_traceback(kind: str | None, data: bytes) -> None:
    attempt(data, kind)


KEYS = [
    "pip",
    "name",
    "url",
    "conda",
    "pypi",
    "version",
    "default",
    "channels",
    "packages",
    "linux-64",
    "dependencies",
    "channel",
    "build",
    "manager",
    "platform",
    "category",
    "hash",
    "features",
    "env",
    "scripts",
    "extras",
]
TABLES = [
    "name",
    "channels",
    "dependencies",
    "variables",
    "prefix",
    "platforms",
    "version",
    "metadata",
    "package",
    "packages",
    "environments",
    "workspace",
    "project",
    "feature",
    "target",
    "activation",
    "system-requirements",
    "pypi-dependencies",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | marks,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
manifests = st.dictionaries(st.sampled_from(TABLES), values, max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(marks | marks.map("numpy{}".format) | marks.map("python{}".format), max_size=4),
    st.lists(marks, max_size=3),
    st.lists(marks | marks.map("requests{}".format), max_size=3),
    st.dictionaries(marks | st.just("A"), marks, max_size=2),
)
def test_whatever_is_listed_is_valid_or_noted(
    packages: list[str], channels: list[str], pip: list[str], variables: dict[str, str]
) -> None:
    value = {"channels": channels, "dependencies": ["xz", *packages, {"pip": pip}], "variables": variables}
    attempt(json.dumps(value).encode(), "conda")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["conda", "conda-lock", "pixi-lock"]), manifests, st.sampled_from([1, 6]))
def test_no_shape_makes_a_traceback(kind: str, value: dict[str, object], version: int) -> None:
    # JSON is YAML.
    attempt(json.dumps({"version": version, **value}).encode(), kind)


@settings(max_examples=150, deadline=None)
@given(
    values,
    texts,
    st.dictionaries(st.sampled_from(["a.json", "state", "pinned", "b.json"]), values, max_size=3),
)
def test_no_installed_environment_makes_a_traceback(
    record: object, history: str, more: dict[str, object]
) -> None:
    found = {f"conda-meta/{name}": json.dumps(value).encode() for name, value in more.items()}
    if isinstance(record, dict):
        found["conda-meta/x.json"] = json.dumps({"name": "python", "version": "3.11.5", **record}).encode()
    found["lib/python3.11/site-packages/a-1.dist-info/METADATA"] = b""
    found["lib/python3.11/site-packages/a-1.dist-info/direct_url.json"] = b"[1]"
    attempt(f"# update specs: {history}".encode(), "conda-folder", "x/conda-meta/history", Files(found))


BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(20))


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"dependencies:\n" + b"- " * 50_000,
        b"{" * 50_000,
        BOMB.encode(),
        b"dependencies:\n" + b"  - a=1\n" * 60_000,
        b"dependencies:\n" + b"".join(b"  - p%d=1.2.3=h0_0\n" % i for i in range(3000)),
        b"channels: [" + b"c,http://h/x/," * 3000 + b"]\n",
        b"a = " + b"[" * 5000,
        b"[workspace]\nchannels=['c']\n[dependencies]\n"
        + b"".join(b'"\\u0041%d" = "1"\n' % i for i in range(9000)),
        b"x = '''" * 4000,
        b"a." * 3000 + b"b = 1",
        b"@EXPLICIT\n" + b"https://h/" + b"a-" * 30_000 + b".conda\n",
        b"@EXPLICIT\n" + b"-" * 100_000 + b"\n",
        b"dependencies:\n  - a" + b"=" * 3000 + b"\n  - a" + b">" * 3000 + b"\n  - " + b"a " * 1900,
        b"dependencies:\n  - x[" + b"a=1," * 900 + b"]\n",
        b"# update specs: " + b"[" * 20_000,
        b"# update specs: " + b"('a', " * 5000,
    ],
    ids=range(17),
)
def test_hostile_files_end_at_once(kind: str, data: bytes) -> None:
    found = {"conda-meta/x.json": b'{"name": "python", "version": "3.11.5"}'}
    start = time.process_time()
    attempt(data, kind, files=Files(found))
    assert time.process_time() - start < 5  # of the processor, so that a busy machine does not matter


@pytest.mark.parametrize("kind", OURS)
def test_nothing_is_refused(kind: str) -> None:
    assert attempt(b"", kind) is None
