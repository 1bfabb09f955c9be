"""Whatever the bytes are, an importer gives a definition that validates, or a refusal that names the file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.formats.incoming.docker.read_image import read_image
from envcatalog.formats.incoming.importing import importer_of, read_foreign
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.errors import ProblemsFound, Refusal
from support.python_imports import MemoryFiles

# The same examples each time, however slow the machine.
CALM = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = {
    "requirements": "requirements.txt",
    "pyproject": "pyproject.toml",
    "pylock": "pylock.toml",
    "uv-lock": "uv.lock",
    "azureml": "azure.yml",
    "azureml-v1": "azureml_environment.json",
    "dockerfile": "Dockerfile",
}
BESIDE: Mapping[str, str | bytes] = {
    "a.txt": "six\n-r requirements.txt\n",
    "conda.yml": "dependencies: [python=3.11, {pip: [six]}]\n",
    "Dockerfile": "FROM h.example/a:1\nCOPY . /\n",
    "x": "1",
}


def valid(draft: Draft) -> None:
    text = render_environment(draft.environment, draft.notes)
    reading = read_environment(text.encode(), "environment.yaml", folder="example")
    assert [problem.message for problem in reading.problems] == []
    assert reading.environment == draft.environment
    for note in draft.notes:
        assert note.reason.isprintable()
        assert note.text.isprintable()
        assert note.line >= 0


def attempt(kind: str, data: bytes, **wanted: Any) -> None:
    try:
        draft = read_foreign(NAMES[kind], data, MemoryFiles(BESIDE), Wanted(name="example", **wanted), kind)
    except ProblemsFound as refusal:
        assert all(problem.file and problem.line for problem in refusal.problems)
    except Refusal as refusal:
        assert refusal.message.isprintable()
        assert any(f"{name}:" in refusal.message for name in (*NAMES.values(), *BESIDE))
        assert len(refusal.message) < 1500
    else:
        valid(draft)


LINES = r"""
six|numpy==1.26|[a,b]|>=1,<2| ; |python_version|'3.9'|"|sys_platform == 'win32'|extra == 'x'|==|~=|===|!=|1.*|\
 \|#|-r a.txt|-c a.txt|-r |-e .|--hash=sha256:0|--index-url https://u:p@h/s|${X}|{{x}}|a @ file:///croot/a_1/work
a=1=b|\n|\r\n|\f|\t|é|\0|‮|./x|x.whl|git+https://h/r|(|)|,|@| -- |--|-|=|python=3.9|platform_release>'1'
FROM |h.example/a:1|python|AS b|\nRUN |COPY |ADD |. /|x /|https://h/x /|<<EOF|EOF|--from=b |ARG |BASE|$|${BASE}|ONBUILD
# escape=`\n|# syntax=x\n|--mount=type=bind,source=x |["a"|] |"a"|LABEL a=b
"""
words = [
    word.replace("\\n", "\n")
    .replace("\\r", "\r")
    .replace("\\f", "\f")
    .replace("\\t", "\t")
    .replace("\\0", "\0")
    for line in LINES.strip("\n").split("\n")
    for word in line.split("|")
]
texts = st.lists(st.sampled_from(words), max_size=14).map("".join)


@settings(CALM, max_examples=400)
@given(st.sampled_from(["requirements", "dockerfile"]), texts | st.text(max_size=40))
def test_no_text_makes_a_traceback(kind: str, text: str) -> None:
    attempt(kind, text.encode("utf-8", "surrogatepass"))


@settings(CALM, max_examples=150)
@given(st.sampled_from(sorted(NAMES)), st.binary(max_size=60))
def test_no_bytes_make_a_traceback(kind: str, data: bytes) -> None:
    attempt(kind, data)


scalars = (
    st.sampled_from(
        [
            "",
            "six",
            "six==1",
            "^1.2",
            "~1",
            "1.*",
            ">=3.9",
            "==3.12.*",
            "<3",
            "x y",
            "é",
            "‮",
            "a\nb",
            ".",
            "../x",
            "x",
        ]
    )
    | st.none()
    | st.booleans()
    | st.integers(-1, 70000)
)
KEYS = """
project name version description requires-python dependencies dynamic optional-dependencies tool poetry uv
sources index group dev-dependencies extras python file git url markers platform optional source marker packages
package lock-version created-by registry virtual editable extra wheels requirements manifest
image build path dockerfile_path conda_file tags os_type inference_config liveness_route scoring_route port
environment docker baseImage baseDockerfile baseImageRegistry address condaDependencies condaDependenciesFile
userManagedDependencies channels pip spark r cranPackages environmentVariables shmSize architecture
"""
keys = st.sampled_from(KEYS.split())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
SHAPES: dict[str, list[tuple[str, ...]]] = {
    "pyproject": [
        ("project",),
        ("tool", "poetry"),
        ("tool", "uv"),
        ("dependency-groups",),
        ("tool", "setuptools", "dynamic"),
    ],
    "pylock": [("packages",)],
    "uv-lock": [("package",), ("manifest",)],
    "azureml": [(), ("image",), ("build",), ("conda_file",), ("tags",), ("inference_config",)],
    "azureml-v1": [("python",), ("docker",), ("spark",), ("r",), ("environmentVariables",)],
}


@st.composite
def shaped(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(sorted(SHAPES)))
    whole: dict[str, Any] = draw(st.dictionaries(keys, values, max_size=3))
    for way in draw(st.lists(st.sampled_from(SHAPES[kind]), max_size=3)):
        if not way:
            continue
        place = whole
        for key in way[:-1]:
            inner = place.get(key)
            place[key] = inner if isinstance(inner, dict) else {}
            place = place[key]
        many = way[-1] in ("packages", "package")
        shape = st.dictionaries(keys, values, max_size=5)
        place[way[-1]] = draw(st.lists(shape, max_size=3) if many else shape | values)
    return kind, whole


def toml(value: Any) -> str:
    """A value in TOML's inline form; what TOML has not is left out."""
    if isinstance(value, dict):
        inner = ", ".join(
            f"{json.dumps(key)} = {toml(item)}" for key, item in value.items() if item is not None
        )
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(toml(item) for item in value if item is not None)}]"
    return json.dumps(value)


@settings(CALM, max_examples=500)
@given(shaped(), st.sampled_from([{}, {"extras": ("x",)}, {"python": "3.12"}, {"managed": "system"}]))
def test_no_shape_makes_a_traceback(made: tuple[str, dict[str, Any]], wanted: dict[str, Any]) -> None:
    kind, value = made
    wanted = {name: given for name, given in wanted.items() if name in ("python", *importer_of(kind).takes)}
    if kind in ("azureml", "azureml-v1"):
        attempt(kind, json.dumps(value).encode(), **wanted)
        return
    start = {"uv-lock": "version = 1\n", "pylock": 'lock-version = "1.0"\ncreated-by = "x"\n'}.get(kind, "")
    lines = [f"{json.dumps(key)} = {toml(item)}" for key, item in value.items() if item is not None]
    attempt(kind, (start + "\n".join(lines)).encode(), **wanted)


@settings(CALM, max_examples=100)
@given(
    values | st.dictionaries(st.sampled_from(["Env", "ExposedPorts", "User", "Cmd", "Entrypoint"]), values)
)
def test_no_image_makes_a_traceback(value: Any) -> None:
    config = json.dumps({"config": value}).encode()
    valid(read_image(config, "h.example/a:1", Wanted(name="example"), ("linux/amd64",)))
    valid(read_image(config, "h.example/a:1", Wanted(name="example", managed="system"), ("linux/arm64",)))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("requirements", b"\xc2\xa0"),
        ("requirements", b"a " * 500_000),
        ("requirements", b"a==1 \\\n" * 100_000),
        ("requirements", b"a; " + b"(" * 4000),
        ("requirements", b"a; " + b"(" * 1800 + b"os_name=='a'" + b")" * 1800),
        ("requirements", b".zip[" * 200_000),
        ("requirements", b"a==" + b"9" * 10_000),
        ("requirements", b"a @ " * 200_000),
        ("requirements", b"-r " + b"../" * 300_000),
        ("requirements", b"--x " * 250_000),
        ("pyproject", b"[project]\ndependencies = " + b"[" * 100_000),
        ("pyproject", b"[tool.poetry.dependencies]\na = '" + b"^1 " * 300_000 + b"'"),
        ("pyproject", b"[tool.poetry.dependencies]\na = '" + b"|" * 900_000 + b"'"),
        ("azureml", b"image: " + b"a/" * 400_000),
        ("azureml", b"build: {path: " + b"../" * 300_000 + b"}"),
        ("azureml-v1", b'{"docker": {"baseDockerfile": "' + b"FROM " * 150_000 + b'"}}'),
        ("dockerfile", b"FROM a:1\nCOPY " + b"*" * 300 + b"z /\n"),
        ("dockerfile", b"FROM " + b"${A:-" * 100_000),
    ],
    ids=range(18),
)
def test_nothing_hangs(kind: str, data: bytes) -> None:
    attempt("requirements", b"six")  # what is imported on the first use counts for none of them
    start = time.process_time()
    attempt(kind, data)
    assert time.process_time() - start < 5
