"""`new --from` with Python's own files, Dockerfiles and images, in a whole catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.catalogs import BASE, PYTHON, Workplace, base_layout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder beside the catalog."""
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


def test_a_requirements_file_can_be_locked_and_published(workplace: Workplace, source: Path) -> None:
    (source / "requirements.txt").write_bytes("alpha<2\r\n-r more.txt\r\n".encode("utf-16"))
    (source / "more.txt").write_text("beta # and what it needs\n")
    done = workplace.run(
        "new", "demo", "--from", "../src/requirements.txt", "--image", BASE, "--python", PYTHON
    )
    assert tuple(done) == (0, "catalog/demo/environment.yaml\n", "next: envcat lock demo\n")
    text = (workplace.root / done.out.strip()).read_text()
    assert 'packages: ["alpha<2", beta]' in text
    workplace.lock("demo")
    workplace.commit("Add demo")
    assert workplace.published("demo")[0][:3] == ("demo", 1, "published")


def test_a_dockerfile_and_its_files_are_written_and_valid(workplace: Workplace, source: Path) -> None:
    (source / "Dockerfile").write_text("FROM registry.example.com/a:1\nCOPY run.sh lib /app/\n")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / "lib").mkdir()
    (source / "lib/data.bin").write_bytes(bytes(range(256)))
    (source / "other").write_text("")
    outside = source.parent / "secret"
    outside.write_text("secret")
    (source / "lib/link").symlink_to(outside)
    done = workplace.run("new", "web", "--from", "../src/Dockerfile")
    assert (done.code, done.out) == (1, "")
    assert "`lib/link` cannot be read" in done.err
    assert not (workplace.root / "catalog/web").exists()
    (source / "lib/link").unlink()
    done = workplace.run("new", "web", "--from", "../src/Dockerfile")
    assert (done.code, done.out) == (0, "catalog/web/environment.yaml\n")
    folder = workplace.root / "catalog/web"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "Dockerfile",
        "environment.yaml",
        "lib/data.bin",
        "run.sh",
    ]
    assert (folder / "run.sh").stat().st_mode & 0o111
    assert not (folder / "Dockerfile").stat().st_mode & 0o111
    assert (folder / "lib/data.bin").read_bytes() == bytes(range(256))
    assert workplace.run("validate", "web").code == 0


def test_an_image_of_a_layout(workplace: Workplace) -> None:
    done = workplace.run("new", "plain", "--from", BASE)
    assert (done.code, done.out) == (0, "catalog/plain/environment.yaml\n")
    text = (workplace.root / "catalog/plain/environment.yaml").read_text()
    assert f'base: {{image: "{BASE}"}}' in text
    assert "managed: user" in text
    assert "note: oci:bases:tiny: variable PATH: the image says so, and it stays so\n" in done.err
    base_layout(workplace.root / "bases", tag="arm", platforms=("arm64",))
    done = workplace.run("new", "other", "--from", "image:oci:bases:arm", "--managed", "system")
    assert done.code == 0
    text = (workplace.root / "catalog/other/environment.yaml").read_text()
    assert "managed" not in text
    assert "platforms: [linux/arm64]" in text
    done = workplace.run("new", "third", "--from", "oci:bases:nothing")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: there is no image `oci:bases:nothing`\n")
    assert not (workplace.root / "catalog/third").exists()


def test_extras_and_strictness(workplace: Workplace, source: Path) -> None:
    (source / "pyproject.toml").write_text(
        '[project]\nname = "app"\ndependencies = ["alpha", "x @ file:///x"]\n'
        '[project.optional-dependencies]\nmore = ["beta"]\n'
    )
    arguments = ("new", "app", "--from", "../src/pyproject.toml", "--extra", "more")
    done = workplace.run(*arguments, "--strict")
    assert (done.code, done.out) == (1, "")
    assert "lost: ../src/pyproject.toml:3: x @ file:///x: it is installed from an address" in done.err
    assert not (workplace.root / "catalog/app").exists()
    assert workplace.run(*arguments).code == 0
    assert "packages: [alpha, beta]" in (workplace.root / "catalog/app/environment.yaml").read_text()


def test_options_that_a_file_cannot_obey(workplace: Workplace, source: Path) -> None:
    (source / "requirements.txt").write_text("alpha\n")
    arguments = ("new", "app", "--from", "../src/requirements.txt")
    for option, value in (("--extra", "x"), ("--group", "x"), ("--managed", "user"), ("--target", "x")):
        message = (
            f"error: `{option}` says nothing about a file of the type `requirements`\nhint: leave it out\n"
        )
        assert tuple(workplace.run(*arguments, option, value)) == (2, "", message)
    assert not (workplace.root / "catalog/app").exists()


def test_a_dockerfile_with_the_context_of_another_folder(workplace: Workplace, source: Path) -> None:
    (source / "docker").mkdir()
    (source / "docker/Dockerfile").write_text("FROM registry.example.com/a:1\nCOPY requirements.txt /\n")
    (source / "requirements.txt").write_text("alpha\n")
    arguments = ("new", "web", "--from", "../src/docker/Dockerfile")
    done = workplace.run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert (
        "error: there is no `requirements.txt` in the context\n --> ../src/docker/Dockerfile:2:6\n"
        in done.err
    )
    hint = "hint: the folder of a Dockerfile is taken for its context; `--context DIR` names another one\n"
    assert done.err.endswith(hint)
    assert workplace.run(*arguments, "--context", "../src").code == 0
    folder = workplace.root / "catalog/web"
    assert (folder / "docker/Dockerfile").read_text() == (source / "docker/Dockerfile").read_text()
    assert (folder / "requirements.txt").read_text() == "alpha\n"
    assert workplace.run("validate", "web").code == 0
    done = workplace.run(*arguments, "--context", "../nowhere")
    assert (done.code, done.out) == (2, "")


def test_a_dockerfile_outside_of_its_context(workplace: Workplace, source: Path) -> None:
    for name in ("recipes", "app"):
        (source / name).mkdir()
    (source / "recipes/Dockerfile").write_text("FROM registry.example.com/a:1\nCOPY . /app\n")
    (source / "app/Dockerfile").write_text("FROM registry.example.com/other:1\n")
    arguments = ("new", "web", "--from", "../src/recipes/Dockerfile", "--context", "../src/app")
    assert workplace.run(*arguments).code == 0
    folder = workplace.root / "catalog/web"
    assert (folder / "Dockerfile").read_text() == "FROM registry.example.com/other:1\n"
    assert (folder / "Dockerfile.imported").read_text().endswith("COPY . /app\n")
    assert "path: Dockerfile.imported" in (folder / "environment.yaml").read_text()
    assert workplace.run("validate", "web").code == 0
    (source / "requirements.txt").write_text("alpha\n")
    done = workplace.run("new", "app", "--from", "../src/requirements.txt", "--context", "../src")
    message = "error: `--context` says nothing about a file of the type `requirements`\nhint: leave it out\n"
    assert tuple(done) == (2, "", message)
