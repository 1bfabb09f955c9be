"""The real `pyspark` of the machine's index: its files go where its own `setup.py` says, which is read and not run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from envcatalog.formats.archives.sdist import SourceArchive
from envcatalog.image.spark import PLACES
from envcatalog.lock.addresses import remember
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.lock.named import DEFAULT_INDEX
from envcatalog.lock.pyspark import look_up, provided
from envcatalog.model.lock import LockedFile
from envcatalog.model.seams import Silent
from envcatalog.model.settings import Settings

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.mark.parametrize("version", ["3.5", "4.0"])
def test_its_setup_says_the_same(version: str, tmp_path: Path) -> None:
    found = look_up(f"=={version}.*", DEFAULT_INDEX, Settings(), tmp_path)
    assert found is not None
    remember(tmp_path, [(found.sha256, found.url)])
    file = LockedFile(
        name="pyspark",
        version=found.version,
        file=found.file,
        size=found.size,
        sha256=found.sha256,
        source="index:default",
    )
    path = ArtefactStore(tmp_path, Settings(), Silent()).path(file)
    with SourceArchive(path, file.file) as archive:
        tree = ast.parse(archive.texts("setup.py")["setup.py"])
    (call,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "setup"
    ]
    told = {word.arg: word.value for word in call.keywords}
    folders = ast.literal_eval(told["package_dir"])
    packages = ast.literal_eval(told["packages"])
    for package in packages:
        source = folders.get(package, package.replace(".", "/")) + "/"
        after = next(
            after + source.removeprefix(before) for before, after in PLACES if source.startswith(before)
        )
        assert after == package.replace(".", "/") + "/", package
    needed = provided(path, file.file, file.version)
    assert any(text.startswith("py4j") for text in needed.requires)
    assert "sql" in needed.extras
    path.unlink()  # pytest keeps the folders of the last runs, and this is 400 MB
