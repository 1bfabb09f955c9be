"""Conda packages: an image from a lock, against rattler's own installer and `tar` over what it left; and an edit.

The channel is a folder: the Python that runs the benchmark, and wheels of the machine's index packed anew as
``.conda``, so that both read the same local files and no network is measured.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

from measure import Row, output, timed
from world import ENVCAT, World, write_definition

AIM_FIRST, AIM_EDIT = 1.0, 0.2
_WHEELS = (
    "numpy==1.26.4",
    "scipy==1.14.1",
    "pandas==2.2.2",
    "scikit-learn==1.5.2",
    "matplotlib==3.9.4",
    "pillow==11.1.0",
    "fonttools==4.55.3",
    "contourpy==1.3.1",
    "kiwisolver==1.4.8",
    "cycler==0.12.1",
    "joblib==1.4.2",
    "packaging==24.2",
    "pyparsing==3.2.1",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.1",
    "six==1.17.0",
    "threadpoolctl==3.5.0",
    "tzdata==2025.1",
)
_AFTER = "pandas==2.2.3"
_LEVEL = 3  # real channels pack tighter, which changes little for who unpacks


def rows(world: World, repeat: int) -> list[Row]:
    """First builds from empty caches, and builds after one package changed."""
    from support.conda_python import FULL

    channel = world.folder / "conda" / "local"
    before = [*_make_channel(world, channel), f"python=={FULL}"]
    after = [_AFTER if spec.startswith("pandas==") else spec for spec in before]
    catalog = _catalog(world, channel, before)
    ours_first, ours_edit, plain_first, plain_edit, packed_first, packed_edit = ([] for _ in range(6))
    for number in range(repeat):
        cache = world.folder / f"conda-cache-{number}"
        _define(world, catalog, before)
        ours_first.append(_build(world, catalog, cache, f"images-{number}"))
        _define(world, catalog, after)
        ours_edit.append(_build(world, catalog, cache, f"images-{number}"))
        for pack, first, edit in (("cat", plain_first, plain_edit), ("gzip", packed_first, packed_edit)):
            folder = world.folder / f"conda-peer-{pack}-{number}"
            first.append(_peer(world, folder, channel, before, pack))
            edit.append(_peer(world, folder, channel, after, pack))
            shutil.rmtree(folder)
        shutil.rmtree(cache)
        print(
            f"  run {number + 1}: {ours_first[-1]:.2f} s, {ours_edit[-1]:.2f} s", file=sys.stderr, flush=True
        )
    note = "ours has byte code of every module in it, and so starts faster; theirs has none"
    return [
        _row("conda, first build", ours_first, packed_first, "rattler install + tar + gzip", AIM_FIRST, note),
        _row("conda, first build", ours_first, plain_first, "rattler install + tar, not packed"),
        _row("conda, one package changed", ours_edit, packed_edit, "the same again", AIM_EDIT),
        _row("conda, one package changed", ours_edit, plain_edit, "the same again, not packed"),
    ]


def _row(
    what: str, ours: list[float], peer: list[float], against: str, aim: float | None = None, note: str = ""
) -> Row:
    return Row(what=what, ours=tuple(ours), peer=tuple(peer), against=against, aim=aim, note=note)


def _build(world: World, catalog: Path, cache: Path, images: str) -> float:
    env = {**world.env, "ENVCATALOG_CACHE": str(cache)}
    where = f"oci:{world.folder / 'conda' / images}"
    return timed([ENVCAT, "build", "--registry", where, "sci"], cwd=catalog, env=env)


def _peer(world: World, folder: Path, channel: Path, specs: list[str], pack: str) -> float:
    program = Path(__file__).with_name("conda_peer.py")
    install = [sys.executable, str(program), str(channel), str(folder / "env"), str(folder / "cache"), *specs]
    words = " ".join(f"'{word}'" for word in install)
    line = f"set -e; {words}; tar -C {folder / 'env'} -cf - . | {pack} > {folder / 'layer.tar'}"
    folder.mkdir(exist_ok=True)
    return timed(["sh", "-c", line], cwd=world.folder, env=world.env)


def _catalog(world: World, channel: Path, specs: list[str]) -> Path:
    from support.catalogs import base_layout

    catalog = world.folder / "conda" / "catalog"
    world.git(world.folder, "init", "-q", str(catalog))
    (catalog / "catalog").mkdir()
    (catalog / "catalog/catalog.yaml").write_text(f"channels:\n  local: {{url: '{channel.as_uri()}'}}\n")
    world.env["ENVCATALOG_FOLDERS"] = str(channel)
    base_layout(catalog / "bases")
    _define(world, catalog, specs)
    return catalog


def _define(world: World, catalog: Path, specs: list[str]) -> None:
    listed = "".join(f'    - "{spec}"\n' for spec in specs)
    write_definition(
        catalog,
        "sci",
        "name: sci\ndescription: An environment of the benchmarks\nbase: {image: 'oci:bases:tiny'}\n"
        f"conda:\n  channels: [local]\n  packages:\n{listed}platforms: [linux/amd64]\n",
    )
    output([ENVCAT, "lock", "sci"], cwd=catalog, env=world.env)
    world.git(catalog, "add", "-A")
    world.git(catalog, "commit", "-q", "--allow-empty", "-m", "Define")


def _make_channel(world: World, channel: Path) -> list[str]:
    """The packages' specs."""
    from support.conda_channel import index_channel, make_channel

    make_channel(channel, world.folder / "conda" / "python")
    wheels = world.folder / "conda" / "wheels"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", wheels]
    for wanted in (_WHEELS, (_AFTER,)):
        output([*pip, *wanted], cwd=world.folder, env=world.env)
    for wheel in sorted(wheels.glob("*.whl")):
        _repack(wheel, channel)
    index_channel(channel)
    return list(_WHEELS)


def _repack(wheel: Path, channel: Path) -> None:
    from support.conda_channel import HOST, SITE
    from support.conda_packages import Node, Text, write_package

    name, version = wheel.name.split("-")[:2]
    is_pure = wheel.name.endswith("-none-any.whl")
    below = "site-packages" if is_pure else SITE
    files: dict[str, Node] = {}
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            top, _, rest = info.filename.partition("/")
            if info.is_dir() or top.endswith(".data"):
                continue
            files[f"{below}/{info.filename}"] = Text(archive.read(info), executable=".so" in rest)
    write_package(
        channel, name.lower().replace("_", "-"), version, "0", files=files, level=_LEVEL,
        subdir="noarch" if is_pure else HOST, noarch="python" if is_pure else "", depends=["python"],
    )  # fmt: skip
