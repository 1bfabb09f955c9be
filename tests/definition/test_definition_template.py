"""What `init` and `new` write reads back to just what went in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.model.draft import Note
from envcatalog.model.environment import (
    Conda,
    Container,
    DebianBase,
    Deprecated,
    Environment,
    EnvironmentBase,
    ImageBase,
    Inference,
    Python,
)

one_line = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\xad"), max_size=30
)
printable = one_line.filter(lambda text: not any("\x7f" <= letter <= "\x9f" for letter in text))
reason = printable.filter(lambda text: bool(text.strip()))
words = st.lists(reason, max_size=3).map(lambda items: tuple(items) or None)


def subset(*items: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(items), max_size=4).map(dict.fromkeys).map(tuple)


def pairs(names: list[str], values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    found = st.lists(st.tuples(st.sampled_from(names), values), max_size=3)
    return found.map(dict).map(lambda items: tuple(sorted(items.items())))


pythons = st.builds(
    Python,
    version=st.sampled_from(["3.8", "3.10", "3.11"]),
    packages=subset("numpy", "pandas>=2.2,<3", "uvicorn[standard]", 'scipy; python_version < "3.13"'),
)
condas = st.builds(
    Conda,
    channels=subset("conda-forge", "3.10").filter(bool),
    packages=subset("numpy", "pandas>=2.2,<3", "blas=*=openblas", "xz=5.2.5=h62dcd97_0").filter(bool),
    channel_priority=st.sampled_from(["strict", "disabled"]),
    virtual_packages=pairs(["__cuda", "__glibc"], st.sampled_from(["12.4", "12"])),
)
containers = st.builds(
    Container,
    user=st.sampled_from([None, "1000", "app:app"]),
    workdir=st.sampled_from([None, "/home/app"]),
    entrypoint=words,
    command=words,
    ports=st.sampled_from([(), (80,), (80, 8080)]),
    shm_size=st.sampled_from([None, "2g"]),
    gpus=st.sampled_from([None, "all", "1"]),
)
environments = st.builds(
    Environment,
    name=st.just("example"),
    base=st.sampled_from(
        [DebianBase(suite="bookworm"), ImageBase(image="oci:a:b:1"), EnvironmentBase(environment="3.10")]
    ),
    apt=subset("libgomp1", "g++", "a-very-long-package-name-1", "a-very-long-package-name-2"),
    python=st.none() | pythons,
    conda=st.none() | condas,
    variables=pairs(["A", "Y", "_b", "OMP_NUM_THREADS"], printable),
    container=containers,
    inference=st.none()
    | st.builds(Inference, port=st.integers(1, 9), scoring=st.sampled_from([None, "/", "/score"])),
    platforms=st.sampled_from([("linux/amd64",), ("linux/arm64",), ("linux/amd64", "linux/arm64")]),
    checks=subset("python -c 'import numpy'", "true"),
    description=printable.map(str.strip),
    owners=subset("@acme/ml", "a@example.com"),
    tags=pairs(["a", "no", "3.10", "Task"], printable),
    aliases=pairs(["prod", "staging"], st.integers(1, 20)),
    deprecated=st.none()
    | st.builds(
        Deprecated,
        reason=reason,
        versions=st.sampled_from([(), ((1, 2), (4, 4)), ((3, None),)]),
        replacement=st.sampled_from([None, "other@5"]),
        until=st.sampled_from([None, "2026-12-31"]),
    ),
    archived=st.booleans(),
)
notes = st.builds(
    Note,
    file=st.text(max_size=9),
    line=st.integers(0, 9),
    text=st.text(max_size=9),
    reason=st.text(max_size=9),
)


@settings(max_examples=200, deadline=None)
@given(environments, st.lists(notes, max_size=3))
def test_a_rendered_definition_reads_back(environment: Environment, lost: list[Note]) -> None:
    text = render_environment(environment, lost)
    reading = read_environment(text.encode(), "f", folder="example")
    assert reading.problems == ()
    assert reading.environment == environment


def test_the_text_is_what_a_person_would_write() -> None:
    text = render_environment(
        Environment(
            name="sklearn",
            base=DebianBase(suite="bookworm"),
            description="Scikit-learn training on CPU",
            owners=("@acme/ml-platform",),
            apt=("libgomp1",),
            python=Python(version="3.11", packages=("scikit-learn==1.6.1", "pandas>=2.2,<3")),
            variables=(("OMP_NUM_THREADS", "1"),),
            checks=("python -c 'import sklearn'",),
        )
    )
    assert text == (
        "# yaml-language-server: $schema=../../schemas/environment.schema.json\n"
        "name: sklearn\n"
        "description: Scikit-learn training on CPU\n"
        'owners: ["@acme/ml-platform"]\n'
        "\n"
        "base: {debian: bookworm}\n"
        "apt: [libgomp1]\n"
        "python:\n"
        '  version: "3.11"\n'
        '  packages: ["scikit-learn==1.6.1", "pandas>=2.2,<3"]\n'
        "variables:\n"
        '  OMP_NUM_THREADS: "1"\n'
        "# These must succeed in the image before a version is published.\n"
        "checks: [\"python -c 'import sklearn'\"]\n"
    )
