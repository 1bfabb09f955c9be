"""Spark through the command line: locked, planned, published, inherited, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from envcatalog.catalog.content import Content
from envcatalog.catalog.validating import validate
from envcatalog.git import folder_files
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision
from envcatalog.git.worktree import WorkTree
from support.catalogs import PYTHON, SETTINGS, Workplace, definition
from support.spark import make_sdist

SITE = f"/opt/env/lib/python{PYTHON}/site-packages"
DEFAULTS = f"{SITE}/pyspark/conf/spark-defaults.conf"[1:]


def spark(version: str = "3.5", **more: Any) -> str:
    return f"spark: {json.dumps({'version': version, **more})}\n"


@pytest.fixture
def marker(workplace: Workplace, tmp_path: Path) -> Path:
    """The index has three releases of Spark; what is answered is written by whoever runs one's code."""
    place = tmp_path / "setup-was-run"
    for version in ("3.4.1", "3.5.8", "3.5.9"):
        make_sdist(workplace.index.root / "main" / "files", version, marker=place)
    return place


def locked(workplace: Workplace, name: str = "demo") -> dict[str, Any]:
    text = (workplace.root / "catalog" / name / "lock.json").read_text()
    found: dict[str, Any] = json.loads(text)["platforms"]["linux/amd64"]
    return found


def layers(workplace: Workplace, name: str) -> dict[str, str]:
    """Title to digest of the newest image's layers, the base's left out."""
    root = Path(workplace.images.removeprefix("oci:"))

    def blob(digest: str) -> Any:
        return json.loads((root / "blobs" / digest.replace(":", "/")).read_bytes())

    tags = {tag: digest for tag, digest in workplace.layout().items() if tag.startswith(f"{name}:")}
    newest = max(
        (tag for tag in tags if tag.rpartition(":")[2].isdigit()), key=lambda tag: int(tag.split(":")[1])
    )
    manifest = blob(blob(tags[newest])["manifests"][0]["digest"])
    title = "org.opencontainers.image.title"
    found = {
        layer["annotations"].get(title, layer["annotations"].get("io.envcatalog.layer.title", "")): layer[
            "digest"
        ]
        for layer in manifest["layers"]
        if layer.get("annotations")
    }
    found["config"] = json.dumps(
        dict(pair.split("=", 1) for pair in blob(manifest["config"]["digest"])["config"]["Env"])
    )
    return found


def test_the_newest_release_of_the_version_is_locked_and_no_code_of_it_runs(
    workplace: Workplace, marker: Path
) -> None:
    workplace.add("demo", more=spark())
    (file,) = locked(workplace)["files"]
    data = (workplace.index.root / "main/files/pyspark-3.5.9.tar.gz").read_bytes()
    assert file == {
        "name": "pyspark",
        "version": "3.5.9",
        "file": "pyspark-3.5.9.tar.gz",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "source": "index:default",
    }
    # What the archive requires is locked with it, and an extra's requirements only where it is asked for.
    assert [wheel["name"] for wheel in locked(workplace)["wheels"]] == ["alpha"]
    assert workplace.published("demo") == [("demo", 1, "published", "new")]
    assert not marker.exists()


def test_an_exact_version_an_extra_and_other_packages(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", "pyspark[sql]", "beta", more=spark("3.5.8"))
    assert [file["version"] for file in locked(workplace)["files"]] == ["3.5.8"]
    assert [wheel["name"] for wheel in locked(workplace)["wheels"]] == ["alpha", "beta", "gamma"]
    assert not marker.exists()


def test_a_requirement_that_contradicts_it_is_refused(workplace: Workplace, marker: Path) -> None:
    workplace.write("demo", definition("demo", "pyspark>=4", more=spark()))
    done = workplace.run("lock", "demo")
    assert done.code == 1
    assert "error: `pyspark>=4` contradicts `pyspark==3.5.9`, which `spark` brings\n" in done.err
    assert "hint: change one of the two, or leave the requirement out\n" in done.err


def test_a_version_that_the_index_does_not_have(workplace: Workplace, marker: Path) -> None:
    workplace.write("demo", definition("demo", more=spark("4.1")))
    done = workplace.run("lock", "demo")
    assert done.code == 1
    assert "error: there is no source archive of `pyspark==4.1.*` in the index `default`\n" in done.err
    assert "hint: see which versions of `pyspark` it has, and set `spark.version`\n" in done.err
    assert not (workplace.root / "catalog/demo/lock.json").exists()


def test_a_new_release_is_taken_when_it_is_asked_for(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", more=spark())
    make_sdist(workplace.index.root / "main" / "files", "3.5.10", marker=marker)
    workplace.edit("demo", "For a test", "For another test")
    workplace.lock("demo")
    assert [file["version"] for file in locked(workplace)["files"]] == ["3.5.9"]
    done = workplace.run("lock", "demo", "--upgrade-package", "pyspark")
    assert done.code == 0, done.err
    assert [file["version"] for file in locked(workplace)["files"]] == ["3.5.10"]
    assert "python.packages.pyspark" in done.out
    assert not marker.exists()


def test_an_archive_that_has_moved_is_found_again(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", more=spark())
    (file,) = locked(workplace)["files"]
    (workplace.cache / "addresses" / file["sha256"]).write_text(f"{workplace.index.url}/old/{file['file']}")
    (workplace.cache / "artefacts/sha256" / file["sha256"]).unlink()
    assert workplace.run("build", "demo").code == 0
    (workplace.index.root / "main/files" / file["file"]).unlink()
    (workplace.cache / "artefacts/sha256" / file["sha256"]).unlink()
    for record in (workplace.cache / "layers").glob("*.json"):
        record.unlink()
    done = workplace.run("build", "demo")
    assert done.code == 1
    assert "error: `pyspark-3.5.9.tar.gz` of `pyspark` is no longer in the package index\n" in done.err
    assert "hint: run `envcat lock --upgrade-package pyspark demo`\n" in done.err


def test_an_edit_of_a_property_changes_one_small_layer(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", more=spark(conf={"spark.a": "1", "spark.path": r"C:\x", "spark.b": " two"}))
    workplace.published("demo")
    before = layers(workplace, "demo")
    workplace.edit("demo", '"spark.a": "1"', '"spark.a": "2"')
    workplace.lock("demo")
    workplace.commit()
    workplace.published("demo")
    after = layers(workplace, "demo")
    assert {title for title in before if before[title] != after[title]} == {"Spark properties"}
    assert set(before) == set(after)
    assert {"pyspark 3.5.9", "jars of pyspark 3.5.9", "Spark properties"} <= set(after)


def test_the_image_is_the_same_on_another_machine(workplace: Workplace, marker: Path, tmp_path: Path) -> None:
    workplace.add("demo", more=spark(conf={"spark.a": "1"}))
    workplace.published("demo")
    done = workplace.run("verify", "--offline", "--rebuild", "demo@1")
    assert done.code == 0, done.out + done.err


def test_variables_say_where_spark_is(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", more=spark())
    workplace.published("demo")
    config = json.loads(layers(workplace, "demo")["config"])
    assert config["SPARK_HOME"] == f"{SITE}/pyspark"
    assert "JAVA_HOME" not in config  # an image base has its own Java


def test_a_child_adds_properties_and_jars_and_not_spark_again(workplace: Workplace, marker: Path) -> None:
    workplace.add("parent", more=spark(conf={"spark.a": "1", "spark.b": "1"}))
    jar = workplace.root / "catalog/child/jars/udfs.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"PK udfs")
    more = spark(conf={"spark.b": "2", "spark.c": "3"}, jars=["jars/udfs.jar"])
    workplace.write("child", definition("child", base="{environment: parent}", python=False, more=more))
    workplace.lock("child")
    workplace.commit()
    assert [file["name"] for file in locked(workplace, "child")["files"]] == ["jars/udfs.jar"]
    assert locked(workplace, "child")["wheels"] == []
    plan = Content(WorkTree(workplace.root)).plan("child").platforms[0]
    texts = [dict(layer.texts)[DEFAULTS] for layer in plan.layers if dict(layer.texts).get(DEFAULTS)]
    assert texts == ["spark.a 1\nspark.b 1\n", "spark.a 1\nspark.b 2\nspark.c 3\n"]
    workplace.published("parent", "child")
    assert "udfs.jar" in layers(workplace, "child")


def test_properties_are_escaped_as_java_reads_them(workplace: Workplace, marker: Path) -> None:
    workplace.add("demo", more=spark(conf={"spark.path": r"C:\x", "spark.b": " two"}))
    plan = Content(WorkTree(workplace.root)).plan("demo").platforms[0]
    (text,) = [text for layer in plan.layers for _, text in layer.texts]
    assert text == "spark.b \\ two\nspark.path C:\\\\x\n"


class TestJars:
    """Files of the folder, and of Maven repositories."""

    def test_a_jar_that_is_not_there(self, workplace: Workplace, marker: Path) -> None:
        workplace.write("demo", definition("demo", more=spark(jars=["jars/udfs.jar"])))
        done = workplace.run("lock", "demo")
        assert done.code == 1
        assert (
            "error: the folder of `demo` has no file `jars/udfs.jar`, which `spark.jars` names\n"
            "hint: paths are relative to the folder of `environment.yaml`, and what Git ignores is not seen\n"
        ) in done.err

    def test_validate_finds_what_is_not_there(self, workplace: Workplace, tmp_path: Path) -> None:
        """From the work tree as from a commit."""
        folder = workplace.root / "catalog/demo"
        (folder / "jars").mkdir(parents=True)
        (folder / "jars/udfs.jar").write_bytes(b"PK")
        (folder / "ignored.jar").write_bytes(b"PK")
        (folder / "link.jar").symlink_to(tmp_path)
        (folder / ".gitignore").write_text("/ignored.jar\n")
        names = ["jars/udf.jar", "ignored.jar", "link.jar", "jars/udfs.jar"]
        workplace.write("demo", definition("demo", more=spark(jars=names)))
        found = [
            ("the folder of `demo` has no file `jars/udf.jar`, which `spark.jars` names",
             "did you mean `jars/udfs.jar`?", 7, 36),
            ("the folder of `demo` has no file `ignored.jar`, which `spark.jars` names",
             "paths are relative to the folder of `environment.yaml`, and what Git ignores is not seen", 7, 52),
            ("`link.jar`, which `spark.jars` names, is no plain file", "put the jar itself there", 7, 67),
        ]  # fmt: skip
        done = workplace.run("validate", "--format", "json")
        assert done.code == 1
        assert [
            (item["message"], item["hint"], item["line"], item["column"]) for item in done.json["problems"]
        ] == found
        assert {(item["code"], item["file"]) for item in done.json["problems"]} == {
            ("spark-jar-missing", "catalog/demo/environment.yaml")
        }
        commit = workplace.commit()
        with CatalogRepository.open(workplace.root) as repository:
            problems = validate(Content(Revision(repository, commit))).problems
        assert [(item.message, item.hint, item.line, item.column) for item in problems] == found

    def test_a_jar_that_is_locked_already_is_read_once(
        self, workplace: Workplace, marker: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jar = workplace.root / "catalog/demo/udfs.jar"
        jar.parent.mkdir(parents=True)
        jar.write_bytes(b"PK one")
        workplace.add("demo", more=spark(jars=["udfs.jar"]))
        read: list[str] = []
        real = folder_files._file

        def reading(path: Path, shown: str, mode: str) -> bytes:
            read.append(shown)
            return real(path, shown, mode)

        monkeypatch.setattr(folder_files, "_file", reading)
        assert workplace.run("lock", "demo").out.splitlines()[0].split()[0] == "unchanged"
        assert read == ["catalog/demo/udfs.jar"]

    def test_a_jar_that_is_a_link(self, workplace: Workplace, marker: Path, tmp_path: Path) -> None:
        (tmp_path / "other.jar").write_bytes(b"PK other")
        link = workplace.root / "catalog/demo/udfs.jar"
        link.parent.mkdir(parents=True)
        link.symlink_to(tmp_path / "other.jar")
        workplace.write("demo", definition("demo", more=spark(jars=["udfs.jar"])))
        done = workplace.run("lock", "demo")
        assert done.code == 1
        assert (
            "error: `udfs.jar`, which `spark.jars` names, is no plain file\nhint: put the jar itself there\n"
        ) in done.err

    def test_a_jar_that_changed_makes_the_lock_stale(self, workplace: Workplace, marker: Path) -> None:
        jar = workplace.root / "catalog/demo/udfs.jar"
        jar.parent.mkdir(parents=True)
        jar.write_bytes(b"PK one")
        workplace.add("demo", more=spark(jars=["udfs.jar"]))
        jar.write_bytes(b"PK two")
        workplace.commit()
        assert workplace.plan("demo") == [("demo", "refuse", "lock is stale: `udfs.jar` changed", None)]
        workplace.lock("demo")
        workplace.commit()
        assert workplace.published("demo") == [("demo", 1, "published", "new")]

    def test_an_old_commit_is_built_from_its_own_jar(self, workplace: Workplace, marker: Path) -> None:
        jar = workplace.root / "catalog/demo/udfs.jar"
        jar.parent.mkdir(parents=True)
        jar.write_bytes(b"PK one")
        workplace.add("demo", more=spark(jars=["udfs.jar"]))
        workplace.published("demo")
        jar.write_bytes(b"PK two")
        workplace.lock("demo")
        workplace.commit()
        workplace.published("demo")
        for file in (workplace.cache / "artefacts/sha256").iterdir():
            if file.stat().st_size == len(b"PK one"):
                file.unlink()
        done = workplace.run("verify", "--offline", "--rebuild", "demo@1")
        assert done.code == 0, done.out + done.err

    def test_a_jar_by_coordinates(self, workplace: Workplace, marker: Path) -> None:
        settings = SETTINGS + (
            f"maven:\n  first: {{url: '{workplace.index.url}/first'}}\n  second: {{url: vendor/jars}}\n"
        )
        (workplace.root / "catalog/catalog.yaml").write_text(settings)
        place = workplace.root / "vendor/jars/org/example/udf_2.12/1.0/udf_2.12-1.0.jar"
        place.parent.mkdir(parents=True)
        place.write_bytes(b"PK udf")
        workplace.add("demo", more=spark(packages=["org.example:udf_2.12:1.0"]))
        file = locked(workplace)["files"][0]
        assert (file["name"], file["version"], file["file"], file["source"]) == (
            "org.example:udf_2.12",
            "1.0",
            "udf_2.12-1.0.jar",
            "maven:second",
        )
        assert "/first/org/example/udf_2.12/1.0/udf_2.12-1.0.jar" in workplace.index.paths()
        workplace.published("demo")
        assert "udf_2.12-1.0.jar" in layers(workplace, "demo")
        place.write_bytes(b"PK evil")
        for file in (workplace.cache / "artefacts/sha256").iterdir():
            file.unlink()
        for record in (workplace.cache / "layers").glob("*.json"):
            record.unlink()
        done = workplace.run("build", "demo")
        assert done.code == 1
        assert "`udf_2.12-1.0.jar` of `org.example:udf_2.12` differs from the lock" in done.err

    def test_a_jar_that_no_repository_has(self, workplace: Workplace, marker: Path) -> None:
        settings = SETTINGS + f"maven:\n  first: {{url: '{workplace.index.url}/first'}}\n"
        (workplace.root / "catalog/catalog.yaml").write_text(settings)
        workplace.write("demo", definition("demo", more=spark(packages=["org.example:udf:1.0"])))
        done = workplace.run("lock", "demo")
        assert done.code == 1
        assert (
            "error: there is no jar `org.example:udf:1.0` in the Maven repository `first`\n"
            "hint: check group, artifact and version of `spark.packages`\n"
        ) in done.err

    def test_without_a_repository(self, workplace: Workplace, marker: Path) -> None:
        workplace.write("demo", definition("demo", more=spark(packages=["org.example:udf:1.0"])))
        done = workplace.run("lock", "demo")
        assert done.code == 1
        assert (
            "error: no Maven repository is configured, and the definition asks for jars from one\n"
            "hint: name a repository under `maven` in `catalog/catalog.yaml`, or a mirror of all in"
            " `~/.m2/settings.xml`\n"
        ) in done.err

    def test_the_machines_own_mirror_with_its_login(
        self, workplace: Workplace, marker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = workplace.index.root / "repo/org/example/udf/1.0/udf-1.0.jar"
        place.parent.mkdir(parents=True)
        place.write_bytes(b"PK udf")
        workplace.index.logins["repo"] = "ada:se:cret@"
        home = tmp_path / "own-home"
        (home / ".m2").mkdir(parents=True)
        (home / ".m2/settings.xml").write_text(
            '<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">'
            "<servers><server><id>m</id><username>ada</username><password>se:cret@</password></server></servers>"
            f"<mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf><url>{workplace.index.url}/repo</url></mirror></mirrors>"
            "</settings>"
        )
        monkeypatch.setenv("HOME", str(home))
        (home / ".gitconfig").write_text("[user]\nname = A\nemail = a@example.com\n")
        workplace.add("demo", more=spark(packages=["org.example:udf:1.0"]))
        text = (workplace.root / "catalog/demo/lock.json").read_text()
        assert '"source": "maven:default"' in text
        assert "cret" not in text
        assert workplace.run("build", "demo").code == 0


def test_rules_between_files(workplace: Workplace) -> None:
    workplace.write("alone", definition("alone", python=False, more=spark()))
    workplace.write("parent", definition("parent", more=spark("3.5")))
    workplace.write(
        "child", definition("child", base="{environment: parent}", python=False, more=spark("3.4"))
    )
    workplace.write("r", definition("r", python=False, more="r: {packages: [data.table]}\n"))
    done = workplace.run("validate", "--format", "json")
    found = {(item["code"], item["message"], item["hint"]) for item in done.json["problems"]}
    assert found == {
        (
            "spark-python",
            "`spark` needs Python, which neither this environment nor a base of it has",
            "add `python`",
        ),
        (
            "spark-base",
            "`spark.version` is `3.4`, and the base `parent` has `3.5`",
            'write `version: "3.5"`, or choose another base',
        ),
        (
            "r-base",
            "`r` needs a Debian base, and the base in the end is an image",
            "begin with `base: {debian: ...}`, or install R in the base image",
        ),
    }


def test_a_secret_in_a_property_is_told_without_its_value(workplace: Workplace) -> None:
    (workplace.root / "catalog/catalog.yaml").write_text(SETTINGS + "policy: {secrets: {}}\n")
    secret = "hunter2" + "Hunter2!"
    workplace.write("demo", definition("demo", more=spark(conf={"spark.hadoop.fs.s3a.secret.key": secret})))
    done = workplace.run("validate", "--format", "json")
    assert [(item["code"], "secret" in item["message"]) for item in done.json["problems"]] == [
        ("policy-secrets", True)
    ]
    assert secret not in done.out + done.err
