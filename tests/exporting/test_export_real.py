"""Exports of environments that are really locked and published: from a conda channel, and to a registry."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.catalogs import PYTHON, SETTINGS, Workplace
from support.conda_channel import HOST, conda_channel

__all__ = ["conda_channel"]
PLATFORM = {"linux-64": "linux/amd64", "linux-aarch64": "linux/arm64"}[HOST]


@pytest.fixture
def conda(workplace: Workplace, conda_channel: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """An environment with conda packages and wheels on a real channel, which the settings name by its folder."""
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"channels:\n  local: {{url: '{conda_channel.as_uri()}'}}\n")
    monkeypatch.setenv("ENVCATALOG_FOLDERS", str(conda_channel))
    workplace.write(
        "science",
        f"name: science\nbase: {{debian: bookworm}}\npython: {{version: '{PYTHON}', packages: [alpha]}}\n"
        f"conda:\n  channels: [local]\n  packages: [greeting, extension=3]\nplatforms: [{PLATFORM}]\n",
    )
    return workplace


def exported(place: Workplace, to: str, folder: Path) -> str:
    """The text of an export's file."""
    done = place.run("export", "science", "--to", to, "--output", str(folder))
    assert done.code == 0, done.err
    return Path(done.out.splitlines()[0]).read_text()


def test_an_explicit_list_names_the_very_files(conda: Workplace, tmp_path: Path) -> None:
    conda.lock("science")
    text = exported(conda, "conda-explicit", tmp_path)
    lines = text.split("\n@EXPLICIT\n")[1].splitlines()
    assert [Path(line.partition("#")[0]).name.partition("-")[0] for line in lines] == [
        *("native", "python", "python", "python_abi", "extension", "greeting"),
    ]
    for line in lines:
        url, _, digest = line.partition("#sha256:")
        data = Path(unquote(urlsplit(url).path)).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest


def test_rattler_installs_what_a_conda_lock_file_says(conda: Workplace, tmp_path: Path) -> None:
    import asyncio

    import rattler

    conda.lock("science")
    exported(conda, "conda-lock", tmp_path)
    environment = rattler.LockFile.from_path(tmp_path / "conda-lock.yml").default_environment()
    assert environment is not None
    (records,) = environment.conda_repodata_records().values()
    assert all(record.md5 and record.sha256 for record in records)
    prefix = tmp_path / "prefix"
    asyncio.run(rattler.install(records, prefix, cache_dir=tmp_path / "cache", show_progress=False))
    ran = subprocess.run(
        [prefix / "bin/python", "-c", "import extension, greeting; print(greeting.VERSION)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1.1\n"


def test_a_conda_file_is_solved_to_the_same(conda: Workplace, tmp_path: Path) -> None:
    """The MatchSpecs of `environment.yml` and of `pixi.toml`, given to the solver that both tools have."""
    import asyncio
    import tomllib

    import rattler
    import yaml

    conda.lock("science")
    locked = exported(conda, "conda-explicit", tmp_path).split("\n@EXPLICIT\n")[1]
    asked = yaml.safe_load(exported(conda, "conda", tmp_path))
    manifest = tomllib.loads(exported(conda, "pixi", tmp_path))
    assert asked["channels"] == [*manifest["workspace"]["channels"], "nodefaults"]
    assert manifest["pypi-dependencies"] == {"alpha": "*"}
    specs = [text for text in asked["dependencies"] if isinstance(text, str) and text != "pip"]
    for wanted in (specs, [f"{name} {version}" for name, version in manifest["dependencies"].items()]):
        records = asyncio.run(
            rattler.solve(
                manifest["workspace"]["channels"],
                wanted,
                platforms=[HOST, "noarch"],
                virtual_packages=[
                    rattler.GenericVirtualPackage(
                        rattler.PackageName("__glibc"), rattler.Version("2.36"), rattler.BuildString("0")
                    )
                ],
                channel_relations="disabled",
            )
        )
        assert sorted(record.url for record in records) == sorted(
            line.partition("#")[0] for line in locked.splitlines()
        )


def test_addresses_of_channels_hold_no_credentials(
    conda: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conda.lock("science")
    settings = conda.root / "catalog/catalog.yaml"
    settings.write_text(SETTINGS)
    condarc = tmp_path / "condarc"
    condarc.write_text("custom_channels:\n  local: https://robot:s3cret@conda.example.com/t/T0KEN/\n")
    monkeypatch.setenv("CONDARC", str(condarc))
    text = exported(conda, "conda-explicit", tmp_path)
    assert "https://conda.example.com/" in text
    assert all(secret not in text for secret in ("robot", "s3cret", "T0KEN"))
    # What is asked for names the channel, and whoever reads it has an address of their own for that.
    assert exported(conda, "conda", tmp_path).split("\n")[3:6] == ["channels:", "  - local", "  - nodefaults"]


@pytest.mark.engine
@pytest.mark.registry
def test_an_engine_starts_from_the_published_image(
    workplace: Workplace, docker_registry: str, docker_engine: str, tmp_path: Path
) -> None:
    from docker import APIClient

    workplace.images = f"{docker_registry}/export"
    workplace.add("one", "alpha", more="variables: {GREETING: 'hello $HOME'}\n")
    workplace.published("one")
    done = workplace.run(
        "export",
        "one@1",
        "--to",
        "dockerfile",
        "--registry",
        workplace.images,
        "--output",
        str(tmp_path / "Dockerfile"),
    )
    assert (done.code, done.err) == (0, "")
    client = APIClient(base_url=docker_engine, version="auto")
    try:
        steps = list(client.build(path=str(tmp_path), rm=True, forcerm=True, decode=True))
        (built,) = [step["aux"]["ID"] for step in steps if "aux" in step]
        config = client.inspect_image(built)["Config"]
        client.remove_image(built, force=True)
    finally:
        client.close()
    assert "GREETING=hello $HOME" in config["Env"]
    assert config["Labels"]["io.envcatalog.environment"] == "one"
