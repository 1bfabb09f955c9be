"""What `init` and `new` write reads back to just what went in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment, read_settings
from envcatalog.definition.template import render, render_settings
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, ImageBase, Python
from envcatalog.model.settings import Settings

one_line = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\xad"), max_size=30
)
printable = one_line.filter(lambda text: not any("\x7f" <= letter <= "\x9f" for letter in text))
packages = st.sampled_from(["numpy", "pandas>=2.2,<3", "uvicorn[standard]", 'scipy; python_version < "3.13"'])


@settings(max_examples=200, deadline=None)
@given(
    description=printable.map(str.strip),
    tags=st.dictionaries(st.sampled_from(["a", "no", "3.10", "Task"]), printable, max_size=3),
    variables=st.dictionaries(st.sampled_from(["A", "Y", "_b", "OMP_NUM_THREADS"]), printable, max_size=3),
    wanted=st.lists(packages, unique=True, max_size=4),
    base=st.sampled_from(
        [DebianBase(suite="bookworm"), ImageBase(image="oci:a:b:1"), EnvironmentBase(environment="3.10")]
    ),
    python=st.sampled_from([None, "3.10", "3.11"]),
)
def test_a_rendered_definition_reads_back(
    description: str,
    tags: dict[str, str],
    variables: dict[str, str],
    wanted: list[str],
    base: DebianBase | ImageBase | EnvironmentBase,
    python: str | None,
) -> None:
    text = render(
        "example",
        base=base,
        description=description,
        owners=["@acme/ml", "a@example.com"],
        tags=tags,
        apt=["libgomp1", "g++", "a-very-long-package-name-1", "a-very-long-package-name-2"],
        python_version=python,
        packages=wanted,
        variables=variables,
        platforms=["linux/amd64", "linux/arm64"],
        checks=["python -c 'import numpy'"],
    )
    reading = read_environment(text.encode(), "f", folder="example")
    assert reading.problems == ()
    assert reading.environment == Environment(
        name="example",
        base=base,
        description=description,
        owners=("@acme/ml", "a@example.com"),
        tags=tuple(sorted(tags.items())),
        apt=("libgomp1", "g++", "a-very-long-package-name-1", "a-very-long-package-name-2"),
        python=Python(version=python, packages=tuple(wanted)) if python else None,
        variables=tuple(sorted(variables.items())),
        platforms=("linux/amd64", "linux/arm64"),
        checks=("python -c 'import numpy'",),
    )


def test_the_text_is_what_a_person_would_write() -> None:
    text = render(
        "sklearn",
        base=DebianBase(suite="bookworm"),
        description="Scikit-learn training on CPU",
        owners=["@acme/ml-platform"],
        apt=["libgomp1"],
        python_version="3.11",
        packages=["scikit-learn==1.6.1", "pandas>=2.2,<3"],
        variables={"OMP_NUM_THREADS": "1"},
        checks=["python -c 'import sklearn'"],
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


def test_rendered_settings_read_back() -> None:
    text = render_settings(registry="oci:images", aliases=["staging", "prod"])
    reading = read_settings(text.encode(), "catalog/catalog.yaml")
    assert reading.problems == ()
    assert reading.settings == Settings(registry="oci:images", aliases=("staging", "prod"))
    assert read_settings(render_settings().encode(), "f").settings == Settings()
