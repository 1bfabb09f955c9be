"""The Dockerfile of a system-managed environment: what is in it, and that nothing else can get into it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from docker_render_support import AMD, PINNED, deb, debian, hexadecimal, on_image, plan_of, rendered, wheel
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.formats.docker.dockerfile import Parsed, parse_dockerfile
from envcatalog.image.docker.render import SCRIPT, layers_to_make, needed_by_scripts, runs_scripts
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import Container, Environment, Inference
from envcatalog.model.errors import Refusal
from envcatalog.model.plan import LayerPlan
from support.servers import program

DEBS = ("base-passwd", "dpkg", "libc6", "python3.11-minimal", "zlib1g")
FIRST = frozenset({"base-passwd", "dpkg", "libc6"})

UNPACKED = """\
# Made by envcat from a lock. What the image starts as is set when it is assembled.
FROM scratch
ADD layers/ROOT.tar.gz /
ADD layers/DEBS.tar.gz /
ADD layers/ENVIRONMENT.tar.gz /
ADD layers/WHEELS.tar.gz /
"""
ON_IMAGE = f"""\
# Made by envcat from a lock. What the image starts as is set when it is assembled.
FROM {PINNED}
ADD layers/ENVIRONMENT.tar.gz /
ADD layers/WHEELS.tar.gz /
"""
INSTALLED = """\
# Made by envcat from a lock. What the image starts as is set when it is assembled.
FROM scratch AS debian
ADD layers/ROOT.tar.gz /
ADD layers/DEBS.tar.gz /
ADD layers/DEBS.tar.gz /
ADD layers/DEBS.tar.gz /
COPY debian /.envcatalog/
RUN ["/bin/sh", "/.envcatalog/install"]
FROM scratch
ADD layers/ROOT.tar.gz /
COPIED
ADD layers/ENVIRONMENT.tar.gz /
ADD layers/WHEELS.tar.gz /
"""

INSTALLED = INSTALLED.replace(
    "COPIED",
    "\n".join(
        f"COPY --from=debian /{name} /{name}/" for name in ["etc", "home", "opt", "root", "srv", "usr", "var"]
    ),
)


def shown(plan, build, first=frozenset()) -> str:
    """The Dockerfile with the kinds of layers for their keys."""
    made = layers_to_make(plan, {AMD: first}).platforms[0].layers
    kinds = {layer.key.removeprefix("sha256:")[:32]: layer.kind.upper() for layer in made}
    return re.sub(r"[0-9a-f]{32}", lambda match: kinds.get(match[0], match[0]), build.dockerfile)


def test_without_dpkg_packages_are_unpacked() -> None:
    plan = plan_of(debian(), ["libc6"])
    build = rendered(plan)
    assert not runs_scripts(plan.platforms[0])
    assert shown(plan, build) == UNPACKED
    assert build.network == "none"
    assert [file.path for file in build.context] == sorted(file.path for file in build.context)


def test_on_an_image() -> None:
    plan = plan_of(on_image())
    build = rendered(plan)
    assert shown(plan, build) == ON_IMAGE
    assert [base.reference for base in build.bases] == [PINNED]


def test_with_dpkg_packages_are_installed() -> None:
    plan = plan_of(debian(), DEBS)
    build = rendered(plan, FIRST)
    assert runs_scripts(plan.platforms[0])
    assert shown(plan, build, FIRST) == INSTALLED
    files = {file.path: file.source for file in build.context if file.path.startswith("debian/")}
    assert sorted(files) == [
        "debian/1/base-passwd.deb",
        "debian/2/dpkg.deb",
        "debian/2/libc6.deb",
        "debian/3/python3.11-minimal.deb",
        "debian/3/zlib1g.deb",
        "debian/SHA256SUMS",
        "debian/install",
    ]
    assert files["debian/install"] == SCRIPT.encode()
    assert files["debian/SHA256SUMS"] == b"".join(
        f"{hexadecimal(name)}  {part}/{name}.deb\n".encode()
        for name, part in (
            ("base-passwd", 1),
            ("dpkg", 2),
            ("libc6", 2),
            ("python3.11-minimal", 3),
            ("zlib1g", 3),
        )
    )


def test_links_that_stand_for_scripts_are_left_to_the_scripts() -> None:
    """But not the texts of a definition, such as Spark's properties."""
    plan = plan_of(debian(), DEBS)
    [platform] = plan.platforms
    links = LayerPlan(
        key="sha256:" + 64 * "1",
        kind="files",
        title="links",
        links=(("usr/bin/awk", "mawk"),),
        artefacts=(deb("libc6"),),
    )
    texts = LayerPlan(key="sha256:" + 64 * "2", kind="files", title="texts", texts=(("opt/env/x", "y"),))
    plan = replace(plan, platforms=(replace(platform, layers=(*platform.layers, links, texts)),))
    installed, unpacked = rendered(plan, FIRST).dockerfile, rendered(replace(plan)).dockerfile
    assert (32 * "1" in installed, 32 * "2" in installed) == (False, True)
    assert (32 * "1" in unpacked, 32 * "2" in unpacked) == (True, True)


def test_the_form_is_the_one_that_plans_count_with() -> None:
    """Where this fails, what is rendered has changed: raise `docker_plan.RENDERED_FORM`."""
    assert sha256_digest((SCRIPT + INSTALLED + UNPACKED + ON_IMAGE).encode()) == FORM_1


FORM_1 = "sha256:0c85d96bdc7e459d843fc2bf3debc25c9732a3def958b5831ac426512d0beaf7"


def test_the_script_is_sound() -> None:
    subprocess.run(["sh", "-n"], input=SCRIPT.encode(), check=True)
    assert "eval" not in SCRIPT
    assert SCRIPT.isascii()


@pytest.mark.parametrize("kind", ["unpacked", "image", "installed"])
def test_hadolint_finds_nothing(tmp_path: Path, kind: str) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or program("hadolint")
    build = {
        "unpacked": lambda: rendered(plan_of(debian(), ["libc6"])),
        "image": lambda: rendered(plan_of(on_image())),
        "installed": lambda: rendered(plan_of(debian(), DEBS), FIRST),
    }[kind]()
    file = tmp_path / "Dockerfile"
    file.write_text(build.dockerfile)
    done = subprocess.run([hadolint, "--no-color", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_scripts_need() -> None:
    controls = {
        "dpkg": {"Depends": "tar (>= 1.28), libc6:any | libc0.1"},
        "tar": {"Pre-Depends": "libacl1"},
        "libacl1": {},
        "libc6": {"Depends": "virtual (= 1)"},
        "real": {"Provides": "virtual (= 1)"},
        "bash": {"Essential": "yes", "Depends": "gone"},
        "python": {"Depends": "libc6"},
    }
    assert needed_by_scripts(controls) == {"dpkg", "tar", "libacl1", "libc6", "real", "bash"}
    assert needed_by_scripts({}) == frozenset()


# What a Dockerfile or a shell would take for something else.
PIECES = st.sampled_from(
    [
        *("\n", "\r", "\r\n", "\v", "\f", "\x00", "\x1b[2J", "\x85", "\u2028", "\u2029", "\ufeff", "\u202e"),
        *(
            '"',
            "'",
            "`",
            "\\",
            "\\\n",
            "$",
            "${X}",
            "$(id)",
            "`id`",
            "$$",
            "%",
            "{{",
            "#",
            "# ",
            "#\n",
            "\ud800",
        ),
        *(
            "\nRUN id",
            "\nFROM evil",
            "\nUSER root",
            " AS x\nRUN id",
            "# syntax=evil/x",
            "# escape=`",
            "<<EOF\n",
        ),
        *(
            "--from=evil",
            "--mount=type=secret,id=x",
            "@sha256:" + 64 * "a",
            ";",
            "&&",
            "|",
            ">",
            "*",
            "?",
            "~",
        ),
        *(" ", "\t", "a", "Z", "0", "é", "日", "[", "]", ",", "=", ":", "../", "/", "EOF\n"),
    ]
)
HOSTILE = st.lists(PIECES, min_size=1, max_size=8).map("".join)
QUICK = settings(max_examples=100, deadline=None)


def parsed(text: str) -> Parsed:
    found = parse_dockerfile(text, "Dockerfile")
    assert found.problems == ()
    assert (found.syntax, found.escape) == ("", "\\")
    return found


@QUICK
@given(HOSTILE)
def test_nothing_of_a_definition_is_in_it(text: str) -> None:
    """Every string of it, with no schema before it, on each kind of base."""
    values = {
        "variables": ((text, text),),
        "container": Container(
            user=text, workdir=text, entrypoint=(text, text), command=(text,), shm_size=text, gpus=text
        ),
        "inference": Inference(port=1, liveness=text, readiness=text, scoring=text),
        "checks": (text,),
        "description": text,
        "owners": (text,),
        "tags": ((text, text),),
        "apt": (text,),
    }
    text = text.encode("utf-8", "replace").decode()  # a digest of a lone surrogate cannot be made
    clean = {key: _encodable(value) for key, value in values.items()}
    for make, debs, first in (
        (debian, DEBS, FIRST),
        (debian, ("libc6",), frozenset()),
        (on_image, (), frozenset()),
    ):
        plain, hostile = plan_of(make(), debs), plan_of(replace(make(), **clean), debs)
        assert rendered(hostile, first).dockerfile == rendered(plain, first).dockerfile
        parsed(rendered(hostile, first).dockerfile)


def _encodable(value):
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return tuple(_encodable(item) for item in value)
    if isinstance(value, (Container, Inference)):
        return replace(
            value,
            **{
                name: _encodable(getattr(value, name))
                for name in value.__dataclass_fields__
                if name != "ports"
            },
        )
    return value


@QUICK
@given(HOSTILE)
def test_a_wheels_name_is_not_in_it(text: str) -> None:
    text = _encodable(text)
    plan = plan_of(on_image(), wheels=["six"])
    [platform] = plan.platforms
    layers = tuple(
        replace(layer, title=text, artefacts=(replace(wheel(text), file=text, index=text),))
        if layer.kind == "wheels"
        else layer
        for layer in platform.layers
    )
    hostile = replace(plan, environment=text, platforms=(replace(platform, layers=layers),))
    assert rendered(hostile).dockerfile == rendered(plan).dockerfile


@QUICK
@given(HOSTILE)
def test_a_package_of_no_such_name_is_refused(text: str) -> None:
    name = _encodable(text)
    plan = plan_of(debian(), DEBS)
    [platform] = plan.platforms
    more = replace(platform.layers[1], artefacts=(deb(name),))
    hostile = replace(plan, platforms=(replace(platform, layers=(*platform.layers, more)),))
    try:
        build = rendered(hostile, FIRST)
    except Refusal as error:
        assert error.message == f"`{name[:80]}` is no name of a Debian package"
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]*", name)
    assert build.dockerfile == rendered(plan, FIRST).dockerfile


@QUICK
@given(HOSTILE)
def test_a_base_that_is_no_reference_is_refused(text: str) -> None:
    for reference in (
        text,
        f"registry.example.com/{text}@sha256:{64 * 'a'}",
        f"{PINNED}{text}",
        f"{text}{PINNED}",
    ):
        try:
            build = rendered(plan_of(on_image()), reference=reference)
        except Refusal as error:
            assert error.message.endswith(" cannot stand in a Dockerfile")
            continue
        first, *rest = parsed(build.dockerfile).instructions
        assert (first.keyword, first.flags, first.words) == ("FROM", (), (reference,))
        assert {instruction.keyword for instruction in rest} == {"ADD"}


DEFINITION = {
    "name": "one",
    "description": "text",
    "owners": ["@acme/team"],
    "tags": {"framework": "text"},
    "base": {"debian": "bookworm"},
    "apt": ["libgomp1"],
    "python": {"version": "3.11", "packages": ["six"]},
    "variables": {"NAME": "text"},
    "container": {"user": "1000", "workdir": "/home/app", "entrypoint": ["text"], "command": ["text"]},
    "inference": {"port": 5001, "liveness": "/", "readiness": "/", "scoring": "/score"},
    "checks": ["python -V"],
}


def places(value, path=()):
    """Where the strings are, keys of mappings with free keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path in (("tags",), ("variables",)):
                yield (*path, key, None)
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))
    elif isinstance(value, str):
        yield path


def with_text(path, text):
    """The definition with a text at one place; a path that ends with None names a key."""
    made = json.loads(json.dumps(DEFINITION))
    *steps, last = path[:-1] if path[-1] is None else path
    there = made
    for step in steps:
        there = there[step]
    if path[-1] is None:
        there[text] = there.pop(last)
    else:
        there[last] = text
    return made


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(places(DEFINITION))), HOSTILE, st.booleans())
def test_a_file_is_refused_or_changes_no_instruction(path, text: str, ascii: bool) -> None:
    data = json.dumps(with_text(path, text), ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    reading = read_environment(data, "environment.yaml", folder="one")
    environment: Environment | None = reading.environment
    if environment is None:
        assert reading.problems
        return
    plain = rendered(plan_of(debian(), DEBS), FIRST)
    build = rendered(plan_of(environment, DEBS), FIRST)
    assert build.dockerfile == plain.dockerfile
    assert [file.path for file in build.context] == [file.path for file in plain.context]
