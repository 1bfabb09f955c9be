"""The builder: cache, then known, else made; early stop; files claimed twice; the same digest every time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import platform
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.image.build import Builder
from envcatalog.image.bytecode import Compiler
from envcatalog.image.keys import layer_key
from envcatalog.image.reuse import layers_of
from envcatalog.image.tar import TarWriter
from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BaseImage, BuiltImage, Layer
from envcatalog.model.lock import Artefact, Wheel
from envcatalog.model.plan import (
    BaseManifest,
    ImagePlan,
    LayerPlan,
    PlatformPlan,
    PythonTarget,
    RuntimeConfig,
)
from envcatalog.model.seams import Silent

AMD, ARM = "linux/amd64", "linux/arm64"
MIB = 1024 * 1024

Tree = Mapping[str, bytes]


class Shelf:
    """Artefacts that are there already; remembers what was asked for."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        self.batches.append([artefact.name for artefact in artefacts])

    def path(self, artefact: Artefact) -> Path:
        raise AssertionError("the writer of these tests reads no artefact")


class Writer:
    """Writes the trees given by package name; remembers which layers were made."""

    def __init__(self, trees: Mapping[str, Tree]) -> None:
        self.trees = trees
        self.made: list[str] = []

    def __call__(self, layer: LayerPlan, artefacts: object, compiler: Compiler, tar: TarWriter, /) -> None:
        self.made.append(layer.title)
        files = {
            path: (artefact.name, data)
            for artefact in layer.artefacts
            for path, data in self.trees[artefact.name].items()
        }
        for path in sorted(files, key=lambda path: path.split("/")):
            owner, data = files[path]
            tar.file(path, len(data), data, owner=owner)


def layer_plan(*names: str, size: int = 1000) -> LayerPlan:
    wheels = tuple(
        Wheel(
            name=name,
            version="1.0",
            file=f"{name}-1.0-py3-none-any.whl",
            size=size,
            sha256=sha256_digest(name.encode())[7:],
        )
        for name in names
    )
    title = f"{names[0]} 1.0" if len(names) == 1 else f"{len(names)} small packages"
    return LayerPlan(key=layer_key("wheels", wheels), kind="wheels", title=title, artefacts=wheels)


def image_plan(*layers: LayerPlan, platforms: tuple[str, ...] = (AMD,)) -> ImagePlan:
    return ImagePlan(
        environment="sklearn",
        digest=sha256_digest(b"plan"),
        platforms=tuple(
            PlatformPlan(platform=name, base=None, layers=layers, config=RuntimeConfig())
            for name in platforms
        ),
        python=None,
    )


TREES: dict[str, Tree] = {
    "a": {"opt/a.py": b"a" * 3 * MIB, "opt/shared/__init__.py": b""},
    "b": {"opt/b.py": b"b", "opt/shared/__init__.py": b""},
    "c": {"opt/c.py": b"c"},
}


def no_base(base: BaseManifest) -> BaseImage:
    raise AssertionError("there is no base image")


def build(
    cache: Path,
    plan: ImagePlan,
    writer: Writer,
    *,
    known: Mapping[str, Layer] | None = None,
    shelf: Shelf | None = None,
    workers: int | None = None,
) -> BuiltImage:
    builder = Builder(cache, shelf or Shelf(), Silent(), workers, write_layer=writer)
    return builder.build(plan, known=known or {}, bases=no_base)


def names_in(layer: Layer) -> list[str]:
    assert layer.path
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.path.read_bytes()))) as tar:
        return tar.getnames()


def test_the_layer_and_image_digests_are_these(tmp_path: Path) -> None:
    image = build(tmp_path, image_plan(layer_plan("a"), layer_plan("b", "c")), Writer(TREES))
    assert [layer.digest for layer in image.platforms[0].layers] == [
        "sha256:bce45eeca3b45108ff686e4c8b40cab439df20117f02050786f0f65e7ca2afcb",
        "sha256:6176aaad24d4d70eede59ff35513a4b03b4a357af08cc7b2207249d9ccefccb2",
    ]
    assert image.digest == "sha256:83be0a6bb205b739de47d71ea0b9b18f2c98d0b3a6c5fabed11ab46335ed1f23"


def test_layers_hold_what_was_written_and_are_where_they_say(tmp_path: Path) -> None:
    image = build(tmp_path, image_plan(layer_plan("a"), layer_plan("b", "c")), Writer(TREES))
    first, second = image.platforms[0].layers
    assert names_in(first) == ["opt", "opt/a.py", "opt/shared", "opt/shared/__init__.py"]
    assert names_in(second) == ["opt", "opt/b.py", "opt/c.py", "opt/shared", "opt/shared/__init__.py"]
    for layer in (first, second):
        assert layer.path
        data = layer.path.read_bytes()
        assert (layer.digest, layer.size) == (sha256_digest(data), len(data))
        assert layer.diff_id == sha256_digest(gzip.decompress(data))


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    writer, shelf = Writer(TREES), Shelf()
    plan = image_plan(layer_plan("a"), layer_plan("b"))
    first = build(tmp_path, plan, writer, shelf=shelf)
    assert sorted(writer.made) == ["a 1.0", "b 1.0"]
    assert build(tmp_path, plan, writer, shelf=shelf) == first
    build(tmp_path, image_plan(layer_plan("a"), layer_plan("c")), writer, shelf=shelf)
    assert sorted(writer.made) == ["a 1.0", "b 1.0", "c 1.0"]
    assert [sorted(batch) for batch in shelf.batches] == [["a", "b"], ["c"]]


def test_the_digest_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    plan = image_plan(layer_plan("a"), layer_plan("b"), layer_plan("c"))
    digests = {
        build(tmp_path / str(workers), plan, Writer(TREES), workers=workers).digest for workers in (1, 2, 7)
    }
    assert len(digests) == 1


def test_platforms_share_a_layer_that_is_the_same(tmp_path: Path) -> None:
    writer = Writer(TREES)
    image = build(tmp_path, image_plan(layer_plan("a"), platforms=(AMD, ARM)), writer)
    assert writer.made == ["a 1.0"]
    assert image.platforms[0].layers == image.platforms[1].layers
    assert image.platforms[0].manifest_digest != image.platforms[1].manifest_digest


def test_known_layers_are_neither_made_nor_fetched(tmp_path: Path) -> None:
    plan = image_plan(layer_plan("a"), layer_plan("b"))
    first = build(tmp_path / "one", plan, Writer(TREES))
    (published,) = first.platforms
    known = layers_of(published.manifest, published.config, "sklearn")
    assert len(known) == 2
    writer, shelf = Writer(TREES), Shelf()
    changed = image_plan(layer_plan("a"), layer_plan("c"))
    again = build(tmp_path / "two", changed, writer, known=known, shelf=shelf)
    assert (writer.made, shelf.batches) == (["c 1.0"], [["c"]])
    reused = again.platforms[0].layers[0]
    assert (reused.path, reused.repository) == (None, "sklearn")
    assert build(tmp_path / "three", plan, writer, known=known).digest == first.digest


SITE = "opt/env/lib/python3.11/site-packages"
SHARED: dict[str, Tree] = {
    "app": {f"{SITE}/app/__init__.py": b"app", f"{SITE}/__pycache__/one.pyc": b"1"},
    "log": {f"{SITE}/google/log.py": b"log", "opt/env/bin/log": b"log"},
    "web": {f"{SITE}/google/web.py": b"web", f"{SITE}/__pycache__/two.pyc": b"2"},
    "bad": {f"{SITE}/google/log.py": b"other"},
}


@pytest.mark.parametrize(("new", "clash"), [("web", False), ("bad", True)])
def test_a_new_layer_is_compared_with_what_only_the_registry_holds(
    tmp_path: Path, new: str, clash: bool
) -> None:
    """Only a layer that claims the same name is made again, to see its files; the others stay where they are."""
    first = build(tmp_path / "one", image_plan(layer_plan("app"), layer_plan("log")), Writer(SHARED))
    (published,) = first.platforms
    assert [layer.claims for layer in published.layers] == [("app",), ("google", "opt/env/bin/log")]
    known = layers_of(published.manifest, published.config, "sklearn")
    writer = Writer(SHARED)
    changed = image_plan(layer_plan("app"), layer_plan("log"), layer_plan(new))
    if clash:
        with pytest.raises(Refusal, match="`log` and `bad` both hold"):
            build(tmp_path / "two", changed, writer, known=known)
    else:
        again = build(tmp_path / "two", changed, writer, known=known)
        assert again.digest == build(tmp_path / "one", changed, Writer(SHARED)).digest
    assert writer.made == [f"{new} 1.0", "log 1.0"]


def test_a_local_layer_that_the_registry_has_says_so(tmp_path: Path) -> None:
    plan = image_plan(layer_plan("a"))
    first = build(tmp_path, plan, Writer(TREES))
    (local,) = first.platforms[0].layers
    known = {local.key: replace(local, path=None, repository="sklearn")}
    (found,) = build(tmp_path, plan, Writer(TREES), known=known).platforms[0].layers
    assert found == replace(local, repository="sklearn")
    other = {local.key: replace(local, path=None, repository="sklearn", digest=sha256_digest(b"other"))}
    assert build(tmp_path, plan, Writer(TREES), known=other).platforms[0].layers == (local,)


def test_a_damaged_layer_is_made_again(tmp_path: Path) -> None:
    writer, plan = Writer(TREES), image_plan(layer_plan("b"))
    first = build(tmp_path, plan, writer)
    path = first.platforms[0].layers[0].path
    assert path
    path.write_bytes(b"")
    assert build(tmp_path, plan, writer) == first
    assert len(writer.made) == 2
    assert path.stat().st_size == first.platforms[0].layers[0].size


def test_cached_says_which_layers_are_here(tmp_path: Path) -> None:
    here, missing = layer_plan("a"), layer_plan("b")
    builder = Builder(tmp_path, Shelf(), Silent(), write_layer=Writer(TREES))
    builder.build(image_plan(here), known={}, bases=no_base)
    assert builder.cached([here.key, missing.key]) == {here.key}


def test_large_artefacts_are_fetched_in_batches_heavy_ones_first(tmp_path: Path) -> None:
    shelf = Shelf()
    plan = image_plan(layer_plan("c"), layer_plan("b", size=40 * MIB), layer_plan("a", size=50 * MIB))
    build(tmp_path, plan, Writer(TREES), shelf=shelf)
    assert shelf.batches == [["a"], ["b"], ["c"]]


def test_two_packages_with_different_contents_at_one_path_are_refused(tmp_path: Path) -> None:
    writer = Writer({"one": {"opt/x/data": b"1"}, "six": {"opt/six": b""}, "two": {"opt/x/data": b"2"}})
    plan = image_plan(layer_plan("one"), layer_plan("six", "two"))
    for _ in range(2):  # also when all layers are in the cache
        with pytest.raises(Refusal) as raised:
            build(tmp_path, plan, writer)
        assert raised.value.message == (
            "`one` and `two` both hold `opt/x/data`, with different contents, in `sklearn`"
        )
        assert raised.value.hint == "remove one of the two packages, or take another version of one"


@pytest.mark.parametrize(
    ("one", "two", "other"),
    [
        ({"opt/x": b""}, {"opt/x/data": b""}, "two 1.0"),
        ({"opt/x": bytes(MIB + 1)}, {"opt/x": bytes(MIB + 1)}, "two"),
    ],
)
def test_a_file_for_a_folder_and_a_large_file_twice_are_refused(
    tmp_path: Path, one: Tree, two: Tree, other: str
) -> None:
    with pytest.raises(Refusal) as raised:
        build(tmp_path, image_plan(layer_plan("one"), layer_plan("two")), Writer({"one": one, "two": two}))
    assert raised.value.message == (
        f"`one` and `{other}` both hold `opt/x`, with different contents, in `sklearn`"
    )


def test_an_error_in_one_layer_stops_the_others_and_leaves_no_part(tmp_path: Path) -> None:
    going = threading.Event()

    class Failing(Writer):
        def __call__(self, layer: LayerPlan, a: object, compiler: Compiler, tar: TarWriter, /) -> None:
            if layer.title == "bad 1.0":
                assert going.wait(30)
                raise Refusal("`bad` is malformed")
            for number in range(10**7):  # far more than there is time for
                tar.file(f"opt/{number:09}", 0, b"")
                going.set()

    plan = image_plan(layer_plan("endless"), layer_plan("bad"), layer_plan("endless2"))
    with pytest.raises(Refusal) as raised:
        build(tmp_path, plan, Failing({}), workers=3)
    assert raised.value.message == "`bad` is malformed"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_thread_outlives_the_build(tmp_path: Path) -> None:
    build(tmp_path, image_plan(layer_plan("a")), Writer(TREES))
    assert [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("layer", "gzip"))
    ] == []


def test_a_base_image_goes_below(tmp_path: Path) -> None:
    base = BaseManifest(image="registry.example.com/base:1", digest=sha256_digest(b"base"))
    below = Layer(key="", digest=sha256_digest(b"l"), size=1, diff_id=sha256_digest(b"d"))
    config = b'{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["%s"]}}' % below.diff_id.encode()

    def bases(asked: BaseManifest) -> BaseImage:
        assert asked == base
        return BaseImage(image=base.image, manifest_digest=base.digest, config=config, layers=(below,))

    plan = image_plan(layer_plan("a"))
    plan = replace(plan, platforms=(replace(plan.platforms[0], base=base),))
    image = Builder(tmp_path, Shelf(), Silent(), write_layer=Writer(TREES)).build(plan, known={}, bases=bases)
    assert image.platforms[0].layers[0].digest == below.digest
    assert len(image.platforms[0].layers) == 2


class Folder:
    """Artefacts in a folder, under their file names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        for artefact in artefacts:
            assert self.path(artefact).is_file()

    def path(self, artefact: Artefact) -> Path:
        return self.folder / artefact.file


def make_wheel(folder: Path, name: str, files: Tree) -> Wheel:
    info = f"{name}-1.0.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    members[f"{info}/RECORD"] = ("".join(rows) + f"{info}/RECORD,,\n").encode()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    data = path.read_bytes()
    return Wheel(name=name, version="1.0", file=path.name, size=len(data), sha256=sha256_digest(data)[7:])


def test_real_wheels_become_layers_with_byte_code(tmp_path: Path) -> None:
    version = ".".join(platform.python_version_tuple()[:2])
    target = PythonTarget(
        version=version, interpreter=f"/usr/local/bin/python{version}", bytecode=platform.python_version()
    )
    wheels = (make_wheel(tmp_path, "spam", {"spam/__init__.py": b"EGGS = 1\n"}),)
    plan = image_plan(
        LayerPlan(key=layer_key("environment", (), target), kind="environment", title="env", python=target),
        LayerPlan(
            key=layer_key("wheels", wheels, target),
            kind="wheels",
            title="spam 1.0",
            artefacts=wheels,
            python=target,
        ),
    )
    builder = Builder(tmp_path / "cache", Folder(tmp_path), Silent())
    image = builder.build(plan, known={}, bases=no_base)
    skeleton, layer = image.platforms[0].layers
    assert "opt/env/pyvenv.cfg" in names_in(skeleton)
    site = f"opt/env/lib/python{version}/site-packages"
    tag = f"cpython-{version.replace('.', '')}"
    assert [name for name in names_in(layer) if name.startswith(f"{site}/")] == [
        f"{site}/spam",
        f"{site}/spam/__init__.py",
        f"{site}/spam/__pycache__",
        f"{site}/spam/__pycache__/__init__.{tag}.pyc",
        f"{site}/spam-1.0.dist-info",
        f"{site}/spam-1.0.dist-info/INSTALLER",
        f"{site}/spam-1.0.dist-info/METADATA",
        f"{site}/spam-1.0.dist-info/RECORD",
        f"{site}/spam-1.0.dist-info/WHEEL",
    ]
