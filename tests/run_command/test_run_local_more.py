"""`run --on local` of conda packages and of Spark."""

from __future__ import annotations

import pytest
from run_command_support import LOCAL

from support.catalogs import PYTHON, Workplace
from support.conda_channel import conda_channel
from support.conda_python import FULL, MINOR
from support.spark import VERSION, make_sdist

__all__ = ["conda_channel"]

CONDA = f"""\
name: sci
description: For a test
base: {{image: "oci:bases:tiny"}}
conda:
  channels: [local]
  packages: ["greeting=1.0", extension, with-script]
python:
  version: "{MINOR}"
  packages: [beta]
"""
SPARK = f"""\
name: jobs
description: For a test
base: {{image: "oci:bases:tiny"}}
python: {{version: "{PYTHON}", packages: [beta]}}
spark: {{version: "{VERSION}", conf: {{spark.ui.enabled: "false"}}}}
"""


@pytest.fixture
def sci(workplace: Workplace, conda_channel, monkeypatch) -> Workplace:
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"channels:\n  local: {{url: '{conda_channel.as_uri()}'}}\n")
    monkeypatch.setenv("ENVCATALOG_FOLDERS", str(conda_channel))
    workplace.write("sci", CONDA)
    workplace.lock("sci")
    workplace.commit()
    return workplace


def test_conda_packages_are_installed(sci):
    script = (
        "import beta, gamma, extension, greeting, os, sys;"
        "print(greeting.VERSION, sys.prefix == os.environ['CONDA_PREFIX'], sys.version.split()[0])"
    )
    done = sci.run("run", "sci", *LOCAL, "--", "python", "-c", script)
    assert (done.code, done.out) == (0, f"1.0 True {FULL}\n"), done.err
    assert "making an environment of " in done.err
    [prefix] = (sci.cache / "local").glob("*/env")
    assert not (prefix / "linked").exists()
    done = sci.run("run", "sci", *LOCAL, "--", "greet")
    assert (done.code, done.err) == (0, "note: not had without an engine: the image `oci:bases:tiny`\n")


def test_a_damaged_conda_package_is_refused(sci):
    assert sci.run("run", "sci", *LOCAL, "--", "greet").code == 0
    for path in (sci.cache / "artefacts/sha256").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    [folder] = [path.parent for path in (sci.cache / "local").glob("*/complete")]
    (folder / "complete").unlink()
    done = sci.run("run", "sci", *LOCAL, "--", "greet")
    assert done.code == 1
    assert " is damaged: " in done.err


def test_spark_is_unpacked(workplace, monkeypatch, tmp_path):
    make_sdist(workplace.index.root / "main/files", marker=tmp_path / "run")
    workplace.write("jobs", SPARK)
    workplace.lock("jobs")
    workplace.commit()
    java = tmp_path / "java/bin/java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\necho java "$@"\n')
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    script = (
        "import beta, os, pyspark, pathlib, sys; home = pathlib.Path(os.environ['SPARK_HOME']);"
        "print(pyspark.__version__, home.is_relative_to(sys.prefix), (home / 'jars/py4j.jar').is_file());"
        "print((home / 'conf/spark-defaults.conf').read_text(), end='')"
    )
    done = workplace.run("run", "jobs", *LOCAL, "--", "python", "-c", script)
    assert (done.code, done.out) == (0, f"{VERSION} True True\nspark.ui.enabled false\n"), done.err
    assert not (tmp_path / "run").exists()
    done = workplace.run("run", "jobs", *LOCAL, "--", "find_spark_home.py")
    assert (done.code, done.out) == (0, "found\n")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    done = workplace.run("run", "jobs", *LOCAL, "--", "find_spark_home.py")
    assert done.err == "note: not had without an engine: the image `oci:bases:tiny`, Java\n"
