"""`envcat export`: what it prints and writes, and what it says of the rest."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from samples import REGISTRY

from envcatalog.catalog.doors.export_addresses import index_options
from envcatalog.catalog.sdk import Catalog
from envcatalog.formats.outgoing.exporting import FORMATS
from envcatalog.model.errors import UserError
from envcatalog.model.settings import Settings
from history.light import IMAGE, Light, digest
from support.catalogs import BASE, PYTHON, Workplace, base_layout
from support.wheelhouse import AMD, ARM, write_wheel

VARIABLES = "variables: {OMP_NUM_THREADS: '1'}\n"
BOTH = "platforms: [linux/amd64, linux/arm64]\n"


@pytest.fixture
def family(light: Light) -> Light:
    """`child` inherits `parent`; no index and no registry is anywhere near."""
    light.put("parent", {"alpha": "1.0"}, more=VARIABLES, asked=("alpha<2",))
    light.put("child", {"beta": "1.0", "gamma": "1.0"}, base="parent", asked=("beta",))
    light.commit()
    return light


def requirements(label: str = "child") -> str:
    """What `child` is as a requirements file."""
    lines = [
        f"# {label}, for Python 3.11, linux/amd64",
        f"# Made by `envcat export {label} --to requirements`; edit the definition, not this file.",
    ]
    for name in ("alpha", "beta", "gamma"):
        lines += [f"{name}==1.0 \\", f"    --hash={digest(f'{name}-1.0-py3-none-any.whl')}"]
    return "\n".join(lines) + "\n"


def edit(light: Light, name: str, before: str, after: str) -> None:
    """Edit a definition."""
    path = light.root / "catalog" / name / "environment.yaml"
    path.write_text(path.read_text().replace(before, after))


def image_of(light: Light) -> str:
    """The image of version 1 of `child`."""
    return digest(light.plan("child"))


LEFT = (
    f"note: catalog/child/environment.yaml:5: `python.version: 3.11`: a requirements file holds Python packages "
    "and nothing else\n"
    f"note: catalog/parent/environment.yaml:3: `base: image {IMAGE}`: a requirements file holds Python packages "
    "and nothing else\n"
    "left out: catalog/parent/environment.yaml:8: `variables: OMP_NUM_THREADS=1`: a requirements file holds Python "
    "packages and nothing else\n"
)


def test_inherited_packages_are_in_the_file_and_the_rest_is_named(family: Light) -> None:
    assert tuple(family.run("export", "child", "--to", "requirements")) == (0, requirements(), LEFT)


def test_strict_writes_nothing_where_something_is_lost(family: Light, tmp_path: Path) -> None:
    done = family.run(
        "export", "child", "--to", "requirements", "--strict", "--output", str(tmp_path / "r.txt")
    )
    assert (done.code, done.out) == (1, "")
    assert done.err == LEFT + (
        "error: `requirements` cannot hold 1 part of `child`\n"
        "hint: leave out `--strict`, or choose another format\n"
    )
    assert not (tmp_path / "r.txt").exists()


def test_strict_is_content_where_nothing_is_lost(family: Light) -> None:
    done = family.run("export", "child", "--to", "conda", "--strict")
    assert done.code == 0
    assert done.out == (
        "# child\n"
        "# Made by `envcat export child --to conda`; edit the definition, not this file.\n"
        "name: child\n"
        "dependencies:\n"
        '  - "python=3.11"\n'
        "  - pip\n"
        "  - pip:\n"
        '      - "alpha<2"\n'
        "      - beta\n"
        "variables:\n"
        '  OMP_NUM_THREADS: "1"\n'
    )


def test_a_version_stays_what_it_was(family: Light) -> None:
    family.version("child")
    family.put("parent", {"alpha": "2.0"}, more=VARIABLES)
    family.put("child", {"beta": "1.0", "gamma": "1.0"}, base="parent", asked=("beta",))
    now = family.run("export", "child", "--to", "requirements").out
    assert "alpha==2.0 " in now
    for reference in ("child@1", "child@latest", "child@HEAD"):
        assert family.run("export", reference, "--to", "requirements").out == requirements("child@1")


def test_an_alias_names_a_version(family: Light) -> None:
    family.version("child")
    family.put("child", {}, base="parent", more="aliases: {staging: 1}\n")
    assert family.run("export", "child@staging", "--to", "requirements").out == requirements("child@1")


def test_a_stale_lock_is_no_source(family: Light) -> None:
    edit(family, "parent", "alpha<2", "alpha")
    done = family.run("export", "child", "--to", "requirements")
    assert tuple(done) == (
        1,
        "",
        "error: `parent` cannot be planned: lock is stale: definition changed\nhint: run `envcat lock parent`\n",
    )
    assert family.run("export", "child", "--to", "conda").code == 0  # what is asked for needs no lock


def test_a_file_and_a_folder_are_written(family: Light, tmp_path: Path) -> None:
    file, folder = tmp_path / "new" / "child.txt", tmp_path / "folder"
    folder.mkdir()
    assert family.run("export", "child", "--to", "requirements", "--output", str(file)).out == f"{file}\n"
    assert file.read_text() == requirements()
    done = family.run("export", "child", "--to", "requirements", "--output", str(folder))
    assert done.out == f"{folder / 'requirements.txt'}\n"
    assert [path.name for path in folder.iterdir()] == ["requirements.txt"]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_check_says_what_is_not_up_to_date(family: Light, tmp_path: Path) -> None:
    file = tmp_path / "child.txt"
    check = ("export", "child", "--to", "requirements", "--check", "--output", str(file))
    assert (family.run(*check).code, family.run(*check).out) == (1, f"{file}\n")
    assert not file.exists()
    family.run("export", "child", "--to", "requirements", "--output", str(file))
    assert (family.run(*check).code, family.run(*check).out) == (0, "")
    file.write_text(file.read_text() + "\n")
    assert (family.run(*check).code, family.run(*check).out) == (1, f"{file}\n")
    done = family.run("export", "child", "--to", "requirements", "--check")
    assert done.code == 2
    assert done.err.endswith("error: --check needs --output\nhint: run `envcat export --help`\n")


def test_json_holds_files_and_notes(family: Light, tmp_path: Path) -> None:
    file = tmp_path / "r.txt"
    done = family.run("export", "child", "--to", "requirements", "--format", "json", "--output", str(file))
    values = done.json
    assert values["files"] == [{"name": "requirements.txt", "path": str(file), "text": requirements()}]
    assert (values["environment"], values["reference"], values["version"]) == ("child", "child", None)
    assert values["to"] == "requirements"
    assert [(note["file"], note["line"], note["lost"]) for note in values["notes"]] == [
        ("catalog/child/environment.yaml", 5, False),
        ("catalog/parent/environment.yaml", 3, False),
        ("catalog/parent/environment.yaml", 8, True),
    ]
    done = family.run("export", "child", "--to", "requirements", "--format", "json")
    assert done.json["files"][0]["path"] is None


def test_the_sdk_gives_the_same(family: Light) -> None:
    with Catalog.open(family.root) as catalog:
        done = catalog.export("child", "requirements")
    assert done.files[0].text == requirements()
    assert [note.text for note in done.notes if note.lost] == ["variables: OMP_NUM_THREADS=1"]


def test_what_is_published_is_named_by_its_digest(family: Light) -> None:
    family.version("child")
    digest = image_of(family)
    for reference in ("child", "child@1"):
        done = family.run("export", reference, "--to", "dockerfile", "--registry", REGISTRY)
        assert (done.code, done.err) == (0, "")
        assert done.out.split("\n")[2:] == [f"FROM {REGISTRY}/child:1@{digest}", ""]
    for to, at in (("azureml", "@"), ("devcontainer", ":1@"), ("kubernetes", ":1@")):
        done = family.run("export", "child", "--to", to, "--registry", REGISTRY)
        assert (done.code, f"{REGISTRY}/child{at}{digest}" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("registry", "reason"),
    [(None, "no registry is given"), ("oci:images", "nothing can be pulled from `oci:images`")],
)
def test_an_image_that_nobody_can_pull_is_none(family: Light, registry: str | None, reason: str) -> None:
    family.version("child")
    more = ("--registry", registry) if registry else ()
    assert family.run("export", "child", "--to", "kubernetes", *more).err == (
        f"error: `child` has no image that can be pulled ({reason})\n"
        "hint: publish it to a registry, and give that with `--registry`\n"
    )


def test_the_registry_of_the_settings_is_the_default(family: Light) -> None:
    family.version("child")
    settings = family.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"registry: {REGISTRY}\n")
    done = family.run("export", "child", "--to", "dockerfile")
    assert done.out.split("\n")[2] == f"FROM {REGISTRY}/child:1@{image_of(family)}"


def test_an_edit_is_not_what_was_published(family: Light) -> None:
    family.version("child")
    family.put("child", {"beta": "1.1"}, base="parent", asked=("beta",))
    done = family.run("export", "child", "--to", "kubernetes", "--registry", REGISTRY)
    assert done.err.startswith(
        "error: `child` has no image that can be pulled (no version is what it is now)\n"
    )


def test_several_files_need_a_folder(light: Light, tmp_path: Path) -> None:
    light.put("one", {"alpha": "1.0"}, asked=("alpha",))
    done = light.run("export", "one", "--to", "devcontainer")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        "error: there are devcontainer.json and Dockerfile and requirements.txt to write; give --output a folder\n"
        "hint: run `envcat export --help`\n"
    )
    file = tmp_path / "file"
    file.touch()
    assert light.run("export", "one", "--to", "dockerfile", "--output", str(file)).err.endswith(
        f"error: `{file}` is a file, and there are `Dockerfile`, `requirements.txt` to write\nhint: choose a folder\n"
    )
    done = light.run("export", "one", "--to", "devcontainer", "--output", str(tmp_path / "d"))
    names = ("devcontainer.json", "Dockerfile", "requirements.txt")
    assert (done.code, done.out) == (0, "".join(f"{tmp_path / 'd' / name}\n" for name in names))
    assert (tmp_path / "d/Dockerfile").read_text().split("\n")[
        2
    ] == f"FROM registry.example.com/python@{digest('i')}"
    assert done.err == (
        "note: catalog/one/environment.yaml:3: `image`: there is no published image to start from (no version is what "
        "it is now); what is built from these files is not the same bit for bit\n"
    )


def test_platforms_are_in_one_file_with_markers(workplace: Workplace) -> None:
    base_layout(workplace.root / "bases", platforms=("amd64", "arm64"))
    for tag in (AMD, ARM):
        workplace.index.add("native", "1.0", tag=tag.replace("cp311", f"cp{PYTHON.replace('.', '')}"))
    workplace.index.add("onlyarm", "3.0")
    workplace.write(
        "both",
        f"name: both\nbase: {{image: '{BASE}'}}\npython:\n  version: '{PYTHON}'\n  packages:\n    - native\n"
        f"    - onlyarm; platform_machine == 'aarch64'\n{BOTH}",
    )
    workplace.lock("both")
    lines = workplace.run("export", "both", "--to", "requirements").out.split("\n")
    assert lines[0] == f"# both, for Python {PYTHON}, linux/amd64, linux/arm64"
    assert [line for line in lines if "==" in line] == [
        "native==1.0 \\",
        'onlyarm==3.0 ; platform_machine == "aarch64" \\',
    ]
    assert sum("--hash=" in line for line in lines) == 3
    one = workplace.run("export", "both", "--to", "requirements", "--platform", "linux/amd64").out
    assert [line for line in one.split("\n") if "==" in line] == ["native==1.0 \\"]
    assert workplace.run("export", "both", "--to", "requirements", "--platform", "linux/riscv64").err == (
        "error: `both` is not for `linux/riscv64`\nhint: it is for `linux/amd64`, `linux/arm64`\n"
    )
    assert workplace.run("export", "both", "--to", "conda-explicit").err == (
        "error: a file of the format `conda-explicit` is for one platform\n"
        "hint: add `--platform`, one of `linux/amd64`, `linux/arm64`\n"
    )


def test_a_format_that_is_none_is_refused(family: Light) -> None:
    done = family.run("export", "child", "--to", "poetry")
    assert done.code == 2
    *most, last = (f"`{name}`" for name in FORMATS)
    listed = f"{', '.join(most)} or {last}"
    assert done.err == f"error: `--to` is {listed}, and not `poetry`\nhint: run `envcat export --help`\n"
    with Catalog.open(family.root) as catalog, pytest.raises(UserError) as error:
        catalog.export("child", "poetry")
    assert str(error.value) == "there is no format `poetry`"


def test_addresses_hold_no_credentials(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index asks for a password, which is in the machine's configuration and nowhere else."""
    url = workplace.index.index().replace("http://", "http://robot:s3cret@")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    workplace.index.logins["main"] = "robot:s3cret"
    workplace.add("one", "alpha")
    for to, more in (("pylock", ()), ("requirements", ("--with-index",)), ("requirements", ())):
        done = workplace.run("export", "one", "--to", to, *more)
        assert done.code == 0, done.err
        assert "s3cret" not in done.out + done.err
        assert "robot" not in done.out + done.err
    assert (
        f"\n--index-url {workplace.index.index()}\n"
        in workplace.run("export", "one", "--to", "requirements", "--with-index").out
    )
    assert workplace.index.url not in workplace.run("export", "one", "--to", "requirements").out


def test_an_index_of_the_settings_is_named_beside_the_machine_s_own(workplace: Workplace) -> None:
    wheel = write_wheel(workplace.root / "wheels", "inner", "1.0")
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + "indexes:\n  own: {url: wheels, packages: [inner]}\n")
    workplace.add("one", "inner", "alpha")
    text = workplace.run("export", "one", "--to", "requirements", "--with-index").out
    assert text.split("\n")[2:4] == [
        f"--index-url {workplace.index.index()}",
        f"--find-links {wheel.parent.as_uri()}",
    ]
    done = workplace.run("export", "one", "--to", "pylock")
    *_, last = done.err.splitlines()
    assert last.startswith("note: catalog/one/environment.yaml:6: `file://")
    assert last.endswith(": it is a folder or file of this machine")
    packages = tomllib.loads(done.out)["packages"]
    assert packages[0]["wheels"][0]["url"].startswith(f"{workplace.index.url}/main/files/alpha-")
    assert packages[1]["wheels"][0]["path"] == str(wheel)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ()),
        (
            {"PIP_INDEX_URL": "https://u:p@h.example.com/simple?token=x"},
            ("--index-url https://h.example.com/simple",),
        ),
        (
            {
                "PIP_INDEX_URL": "https://pip.example.com",
                "UV_DEFAULT_INDEX": "own=https://u:p@uv.example.com/simple",
            },
            ("--index-url https://uv.example.com/simple",),
        ),
        (
            {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels https://h.example.com/w"},
            ("--no-index", "--find-links /wheels", "--find-links https://h.example.com/w"),
        ),
    ],
)
def test_the_machine_s_own_indexes(variables: dict[str, str], expected: tuple[str, ...]) -> None:
    assert index_options(Settings(), {"PIP_CONFIG_FILE": os.devnull, **variables}) == expected


def test_help_lists_every_format(family: Light) -> None:
    out = family.run("export", "--help").out
    assert all(f"    {item.name:15} {item.about}" in out for item in FORMATS.values())


def test_a_definition_with_problems_is_shown(family: Light) -> None:
    edit(family, "child", "beta", "???")
    done = family.run("export", "child", "--to", "conda")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("error: 1 problem found\n")
