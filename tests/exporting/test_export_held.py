"""Every part of a definition is in a format's file, or named with the reason why it is not."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from samples import BOTH, FULL, IMAGE, PLAIN, conda_package, lock, wheel, written

from envcatalog.formats.outgoing.exporting import FORMATS
from envcatalog.formats.outgoing.leaving import CONTENT, LABELS, settings
from envcatalog.model.environment import Container, Dockerfile, Environment, Inference
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Written

METADATA = {"name", "description", "owners", "tags", "aliases", "deprecated", "archived"}
# How an environment is built or who manages it; not what it is.
HOW = {"managed", "builder"}
BY_IMAGE = [name for name, item in FORMATS.items() if item.image]
BY_FILES = [name for name, item in FORMATS.items() if not item.image]


def full(to: str) -> Written:
    """The export of an environment that has everything."""
    platforms = BOTH[:1] if FORMATS[to].one_platform else BOTH
    locks = [lock(name, wheels=[wheel("alpha")], conda=[conda_package("numpy")]) for name in platforms]
    image = {"image": IMAGE} if FORMATS[to].image else {}
    return written(to, FULL, *locks, **image)


def test_every_field_of_an_environment_is_known_to_the_list_of_settings() -> None:
    environment = replace(FULL, dockerfile=Dockerfile())
    keys = [key for key, _ in settings(environment)]
    assert {key[0] for key in keys} == {item.name for item in fields(Environment)} - METADATA - HOW
    assert {key[1] for key in keys if key[0] == "container"} == {item.name for item in fields(Container)}
    assert {key[1] for key in keys if key[0] == "inference"} == {item.name for item in fields(Inference)}
    assert set(keys) - {("checks",)} == CONTENT | LABELS


@pytest.mark.parametrize("to", list(FORMATS))
def test_what_is_not_held_is_named_once_with_a_reason(to: str) -> None:
    done = full(to)
    named = [item.text for item in done.left]
    assert len(named) == len(set(named))
    assert all(item.reason and item.text for item in done.left)
    checks = [item for item in done.left if item.key == ("checks",)]
    assert [(item.text, item.lost) for item in checks] == [("checks: python -c 'import alpha'", False)]


LOST = {
    "requirements": {"apt", "conda", "container", "inference", "r", "spark", "variables"},
    "pylock": {"apt", "conda", "container", "inference", "r", "spark", "variables"},
    "conda": {"apt", "conda", "container", "inference", "r", "spark"},
    "conda-explicit": {"apt", "container", "inference", "python", "r", "spark", "variables"},
    "conda-lock": {"apt", "container", "inference", "r", "spark", "variables"},
    "pixi": {"apt", "container", "inference", "r", "spark"},
    "dockerfile": set(),
    "azureml": {"container"},
    "devcontainer": set(),
    "kubernetes": {"inference"},
}


@pytest.mark.parametrize("to", list(FORMATS))
def test_what_is_lost(to: str) -> None:
    assert {item.key[0] for item in full(to).left if item.lost} == LOST[to]


@pytest.mark.parametrize("to", BY_FILES)
def test_what_is_held_stands_in_the_file(to: str) -> None:
    done = full(to)
    text = done.files[0].text
    left = {item.key for item in done.left}
    values = {
        ("variables",): "OMP_NUM_THREADS",
        ("python", "packages"): "alpha",
        ("conda", "packages"): "numpy",
        ("conda", "channel_priority"): "disabled",
        ("conda", "virtual_packages"): "12.4",
    }
    # A lock says what was solved; how it was solved is in it, too.
    solved = {("conda", "channel_priority"), ("conda", "virtual_packages")} if FORMATS[to].lock else set()
    assert {key for key, value in values.items() if value in text} | left | solved >= values.keys()


@pytest.mark.parametrize("to", ["requirements", "pylock"])
def test_an_environment_without_python_has_no_packages_for_pip(to: str) -> None:
    with pytest.raises(Refusal) as error:
        written(to, replace(PLAIN, python=None), lock())
    assert error.value.message == "`sample@3` has no `python:`, so no Python packages are locked"


@pytest.mark.parametrize("to", ["conda-explicit", "conda-lock", "pixi"])
def test_an_environment_without_conda_has_no_conda_packages(to: str) -> None:
    with pytest.raises(Refusal) as error:
        written(to, PLAIN, lock())
    assert error.value.message == "`sample@3` has no `conda:`"
    assert error.value.hint == "choose another format, such as `requirements`"


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("kubernetes", ""),
        ("azureml", ", and its base is none either"),
        ("dockerfile", ", and a Dockerfile cannot build what `conda:` asks for"),
        ("devcontainer", ", and a Dockerfile cannot build what `conda:` asks for"),
    ],
)
def test_what_needs_the_image_is_refused_without_it(to: str, why: str) -> None:
    with pytest.raises(Refusal) as error:
        written(to, FULL, lock())
    expected = f"`sample@3` has no image that can be pulled (no version is what it is now){why}"
    assert error.value.message == expected
    assert error.value.hint == "publish it to a registry, and give that with `--registry`"


def test_a_wheel_that_is_nowhere_is_named() -> None:
    with pytest.raises(Refusal) as error:
        written("pylock", PLAIN, lock(wheels=[wheel("alpha")]), addresses={})
    expected = "no index that this machine knows has `alpha-1.0-py3-none-any.whl` of `sample@3`"
    assert error.value.message == expected


def test_conda_lock_demands_what_a_channel_may_not_say() -> None:
    with pytest.raises(Refusal) as error:
        written("conda-lock", FULL, lock(conda=[conda_package("numpy")]), md5={})
    expected = "the channel `local` gives no MD5 of `numpy-1.0-h0_0.conda`, which conda-lock demands"
    assert error.value.message == expected
