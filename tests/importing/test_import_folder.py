"""Installed conda environments: one that rattler installed, and the histories that conda writes."""

from __future__ import annotations

import json
from pathlib import Path

from envcatalog.catalog.doors.importing import FolderFiles
from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.formats.incoming.importing import detect_folder, read_foreign
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.environment import Conda, Python
from support.conda_channel import index_channel
from support.conda_oracle import install, solve
from support.conda_packages import write_package

HISTORY = """\
==> 2026-01-02 03:04:05 <==
# cmd: /opt/conda/bin/conda create -n x python=3.11 numpy pandas
# conda version: 24.1.0
+conda-forge/linux-64::python-3.11.5-h0_0_cpython
# update specs: ['python', 'numpy', "pandas[version='>=2']", 'zlib=1']
==> 2026-01-03 03:04:05 <==
# remove specs: ['zlib']
==> 2026-01-04 03:04:05 <==
# update specs: ['numpy=2.2']
"""


def import_folder(prefix: Path, name: str = "/home/someone/env") -> Draft:
    files = FolderFiles(prefix)
    importer = detect_folder(files)
    assert importer is not None
    assert importer.kind == "conda-folder"
    history = files.read(importer.marker) or b""
    wanted = Wanted(name="example", channel_aliases=("https://alias.example.com/",))
    draft = read_foreign(f"{name}/{importer.marker}", history, files, wanted, importer.kind)
    text = render_environment(draft.environment).encode()
    assert read_environment(text, "f", folder="example").environment == draft.environment
    return draft


def record(prefix: Path, name: str, version: str, **more: object) -> None:
    value = {
        "name": name,
        "version": version,
        "build": "h0_0",
        "subdir": "linux-64",
        "channel": "https://alias.example.com/conda-forge/linux-64",
        "url": f"https://alias.example.com/conda-forge/linux-64/{name}-{version}-h0_0.conda",
        **more,
    }
    (prefix / "conda-meta").mkdir(exist_ok=True)
    (prefix / f"conda-meta/{name}-{version}-h0_0.json").write_text(json.dumps(value))


def dist(prefix: Path, name: str, **files: str) -> None:
    folder = prefix / f"lib/python3.11/site-packages/{name}.dist-info"
    folder.mkdir(parents=True)
    for file, text in {"METADATA": "Metadata-Version: 2.1\n", **files}.items():
        (folder / file).write_text(text)


def test_what_was_asked_for_comes_over(tmp_path: Path) -> None:
    for name, version in (("python", "3.11.5"), ("numpy", "2.2.1"), ("pandas", "2.2.3"), ("openssl", "3.0")):
        record(tmp_path, name, version)
    (tmp_path / "conda-meta/history").write_text(HISTORY)
    (tmp_path / "conda-meta/state").write_text('{"env_vars": {"OMP_NUM_THREADS": "1", "PATH": "x"}}')
    (tmp_path / "conda-meta/pinned").write_text("openssl=3.0\n")
    dist(tmp_path, "wandb-0.19.1", INSTALLER="pip\n")
    dist(tmp_path, "ours-1.0", **{"direct_url.json": '{"url": "file:///home/someone/ours"}'})
    dist(tmp_path, "numpy-2.2.1", INSTALLER="conda\n")
    draft = import_folder(tmp_path)
    environment = draft.environment
    assert environment.conda == Conda(
        channels=("conda-forge",), packages=("numpy=2.2", "pandas[version='>=2']")
    )
    assert environment.python == Python(version="3.11", packages=("wandb==0.19.1",))
    assert environment.variables == (("OMP_NUM_THREADS", "1"),)
    assert environment.platforms == ("linux/amd64",)
    assert [(note.line, note.text, note.reason, note.lost) for note in draft.notes] == [
        (5, "python", "`python.version` is the one that is installed, 3.11", False),
        (0, "ours 1.0 (file:///home/someone/ours)",
         "pip installed it from an address or a folder, not from an index", True),
        (0, "PATH", "the image sets it itself", True),
        (0, "openssl=3.0", "it is pinned; add it to the packages where it matters", True),
    ]  # fmt: skip


def test_without_a_history_all_of_it_comes_over(tmp_path: Path) -> None:
    record(tmp_path, "python", "3.11.5")
    record(tmp_path, "xz", "5.2.6")
    draft = import_folder(tmp_path)
    assert draft.environment.conda == Conda(
        channels=("conda-forge",), packages=("python=3.11.5=h0_0", "xz=5.2.6=h0_0")
    )
    assert draft.environment.python == Python(version="3.11")
    assert draft.notes == ()


def test_records_say_what_was_asked_for_where_the_history_does_not(tmp_path: Path) -> None:
    record(tmp_path, "python", "3.11.5", requested_spec="python 3.11.*")
    record(tmp_path, "xz", "5.2.6", requested_spec="None")
    record(tmp_path, "numpy", "2.2.1", requested_specs=["numpy >=2"])
    (tmp_path / "conda-meta/history").write_text("")
    environment = import_folder(tmp_path).environment
    assert environment.conda == Conda(channels=("conda-forge",), packages=("numpy>=2",))
    assert environment.python == Python(version="3.11")


def test_what_rattler_installed(tmp_path: Path) -> None:
    """Its files are not conda's in all details: they have no history, and requests in another form."""
    channel, prefix = tmp_path / "forge", tmp_path / "env"
    files = {"bin/python3.11": b"no program\n", "lib/python3.11/os.py": b""}
    write_package(channel, "python", "3.11.5", "h0_0", subdir="linux-64", files=files, depends=["zlib"])
    write_package(channel, "zlib", "1.3", "h0_0", subdir="linux-64", files={"lib/libz.so": b"z"})
    write_package(
        channel, "greeting", "1.0", "pyh0_0", subdir="noarch", noarch="python", depends=["python"],
        files={"site-packages/greeting.py": "", "site-packages/greeting-1.0.dist-info/METADATA": "Name: greeting\n"},
    )  # fmt: skip
    index_channel(channel)
    records = solve(channel, "greeting", "python", subdir="linux-64")
    install(records, prefix, tmp_path / "cache")
    dist(prefix, "wandb-0.19.1")
    draft = import_folder(prefix)
    assert draft.environment.conda == Conda(
        channels=("forge",),
        packages=("greeting=1.0=pyh0_0", "python=3.11.5=h0_0", "zlib=1.3=h0_0"),
    )
    assert draft.environment.python == Python(version="3.11", packages=("wandb==0.19.1",))
    assert [(note.text.startswith("file:///"), note.lost) for note in draft.notes] == [(True, True)]
