"""Exported files, read by the tools that they are for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from samples import BASE, BOTH, BY_DIGEST, FULL, IMAGE, PLAIN, conda_package, lock, on_image, text_of, wheel

from envcatalog.model.environment import Conda, Python
from support.catalogs import Workplace
from support.servers import missing, program

DEVCONTAINERS = "@devcontainers/cli@0.80.0"
CONDA = replace(
    PLAIN,
    conda=Conda(channels=("local",), packages=("numpy=2.2", "local::scipy 1.2 py3*", "python>=3.11.4")),
    variables=(("OMP_NUM_THREADS", "1"),),
    platforms=BOTH,
)
PACKAGES = [
    conda_package("numpy", "2.2", "python >=3.11,<3.12.0a0"),
    conda_package("python", "3.11.9", "pip", "zlib >=1.2"),
    conda_package("pip", "25.0", "python >=3.9"),
    conda_package("zlib", "1.3"),
]


@pytest.fixture(scope="session")
def tools() -> str:
    """A Python that has what `tools.txt` names: ``$ENVCATALOG_TOOLS``, else the one that runs the tests."""
    python = os.environ.get("ENVCATALOG_TOOLS") or sys.executable
    asked = "import azure.ai.ml, conda_lock, kubernetes_validate"
    if subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode:
        missing("azure-ai-ml, conda-lock and kubernetes-validate (tests/exporting/tools.txt)")
    return python


def asked(python: str, script: str, *arguments: str) -> Any:
    """What a script prints, as JSON; the script must succeed."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def uv(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run uv."""
    from uv import find_uv_bin

    done = subprocess.run([find_uv_bin(), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def exported(workplace: Workplace, tmp_path: Path) -> Path:
    """A folder with the Python formats of an environment that inherits another."""
    workplace.add("parent", "alpha<2")
    workplace.add("child", "beta", base="{environment: parent}")
    folder = tmp_path / "out"
    folder.mkdir()
    for to in ("requirements", "pylock"):
        assert workplace.run("export", "child", "--to", to, "--output", str(folder)).code == 0
    return folder


def test_pip_takes_the_hashes(exported: Path, workplace: Workplace) -> None:
    def install() -> subprocess.CompletedProcess[str]:
        options = ["--dry-run", "--ignore-installed", "--no-cache-dir", "--disable-pip-version-check"]
        return subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, "--require-hashes", "-r", "requirements.txt"],
            cwd=exported,
            capture_output=True,
            text=True,
            check=False,
        )

    done = install()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Would install alpha-1.0 beta-1.0 gamma-1.0"
    # ... and takes no other file under the same name.
    workplace.index.add("gamma", "1.0", content="import os\n")
    done = install()
    assert done.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in done.stderr


@pytest.mark.parametrize("file", ["requirements.txt", "pylock.toml"])
def test_uv_installs_just_that(exported: Path, workplace: Workplace, file: str) -> None:
    uv("venv", "-q", "--no-config", "--python", sys.executable, "venv", cwd=exported)
    python = exported / "venv/bin/python"
    # A pylock file says where the wheels are; a requirements file leaves that to uv's configuration.
    asking = ["--require-hashes", f"--default-index={workplace.index.index()}"]
    options = asking if file == "requirements.txt" else ["--preview"]
    uv("pip", "sync", "-q", *options, "--python", str(python), file, cwd=exported)
    ran = subprocess.run(
        [python, "-c", "import alpha, beta, gamma; print(alpha.version, beta.version, gamma.version)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1.0 1.0 1.0\n"
    listed = uv("pip", "list", "-q", "--format=json", "--python", str(python), cwd=exported).stdout
    assert [item["name"] for item in json.loads(listed)] == ["alpha", "beta", "gamma"]


def test_packaging_validates_a_pylock_file() -> None:
    import tomllib

    from packaging.pylock import Pylock

    locks = (
        lock(
            "linux/amd64", wheels=[wheel("alpha"), wheel("native", tag="cp311-cp311-manylinux_2_17_x86_64")]
        ),
        lock(
            "linux/arm64",
            wheels=[wheel("alpha", "2.0"), wheel("native", tag="cp311-cp311-manylinux_2_17_aarch64")],
        ),
    )
    environment = replace(PLAIN, platforms=BOTH)
    read = Pylock.from_dict(tomllib.loads(text_of("pylock", environment, *locks)))
    read.validate()
    assert [str(item) for item in read.environments or ()] == [
        'sys_platform == "linux" and platform_machine == "x86_64"',
        'sys_platform == "linux" and platform_machine == "aarch64"',
    ]
    assert [
        (item.name, str(item.version), str(item.marker or ""), len(item.wheels or ()))
        for item in read.packages
    ] == [
        ("alpha", "1.0", 'platform_machine == "x86_64"', 1),
        ("alpha", "2.0", 'platform_machine == "aarch64"', 1),
        ("native", "1.0", "", 2),
    ]


def test_rattler_reads_an_explicit_list(tmp_path: Path) -> None:
    from rattler.explicit_environment import ExplicitEnvironmentSpec

    file = tmp_path / "explicit.txt"
    file.write_text(text_of("conda-explicit", replace(CONDA, platforms=BOTH[:1]), lock(conda=PACKAGES)))
    read = ExplicitEnvironmentSpec.from_path(file)
    assert str(read.platform) == "linux-64"
    names = [str(entry.url).rpartition("/")[2].partition("#")[0] for entry in read.packages]
    # Needed ones first; Python and pip need each other.
    assert names == [
        "pip-25.0-h0_0.conda",
        "zlib-1.3-h0_0.conda",
        "python-3.11.9-h0_0.conda",
        "numpy-2.2-h0_0.conda",
    ]
    assert all(str(entry.url).rpartition("#")[2].startswith("sha256:") for entry in read.packages)


def conda_lock_file(folder: Path) -> Path:
    """A conda-lock file of two platforms with a wheel."""
    locks = (
        lock("linux/amd64", wheels=[wheel("alpha")], conda=PACKAGES),
        lock("linux/arm64", conda=[conda_package("zlib", "1.3", subdir="linux-aarch64")]),
    )
    file = folder / "conda-lock.yml"
    file.write_text(text_of("conda-lock", CONDA, *locks))
    return file


def test_rattler_reads_a_conda_lock_file(tmp_path: Path) -> None:
    from rattler import LockFile

    environment = LockFile.from_path(conda_lock_file(tmp_path)).default_environment()
    assert environment is not None
    found = {str(platform): packages for platform, packages in environment.packages_by_platform().items()}
    assert {name: sorted(package.name for package in packages) for name, packages in found.items()} == {
        "linux-64": ["alpha", "numpy", "pip", "python", "zlib"],
        "linux-aarch64": ["zlib"],
    }


def test_conda_lock_reads_its_own_format(tools: str, tmp_path: Path) -> None:
    script = """if True:
        import json, pathlib, sys
        from conda_lock.lockfile import parse_conda_lock_file
        read = parse_conda_lock_file(pathlib.Path(sys.argv[1]))
        print(json.dumps([[p.name, p.manager, p.platform, p.hash.sha256[:4]] for p in read.package]))
    """
    found = asked(tools, script, str(conda_lock_file(tmp_path)))
    expected = [[p.name, "conda", "linux-64", p.sha256[:4]] for p in PACKAGES]
    expected.append(["alpha", "pip", "linux-64", wheel("alpha").sha256[:4]])
    zlib = conda_package("zlib", "1.3", subdir="linux-aarch64")
    expected.append(["zlib", "conda", "linux-aarch64", zlib.sha256[:4]])
    assert sorted(found) == sorted(expected)


def test_rattler_understands_what_a_pixi_manifest_asks_for() -> None:
    import tomllib

    from rattler import Channel, NamelessMatchSpec, Subdir

    read = tomllib.loads(text_of("pixi", CONDA))
    assert read["workspace"] == {
        "name": "sample",
        "channels": ["local"],
        "platforms": ["linux-64", "linux-aarch64"],
    }
    assert [str(Subdir(name)) for name in read["workspace"]["platforms"]] == ["linux-64", "linux-aarch64"]
    assert [Channel(name).name for name in read["workspace"]["channels"]] == ["local"]
    assert read["dependencies"] == {
        "python": "3.11.*,>=3.11.4",
        "numpy": "2.2.*",
        "scipy": {"version": "==1.2", "build": "py3*", "channel": "local"},
    }
    specs = {
        name: value if isinstance(value, str) else f"{value['version']} {value['build']}"
        for name, value in read["dependencies"].items()
    }
    assert {name: str(NamelessMatchSpec(text)) for name, text in specs.items()} == specs
    assert read["activation"] == {"env": {"OMP_NUM_THREADS": "1"}}


def test_pixi_gets_the_answer_to_a_marker() -> None:
    import tomllib

    packages = (
        "everywhere",
        "new; python_version >= '3.11'",
        "windows; sys_platform == 'win32'",
        "intel[mkl]>=2; platform_machine == 'x86_64'",
        "everywhere<5; platform_machine == 'aarch64'",
    )
    read = tomllib.loads(text_of("pixi", replace(CONDA, python=Python(version="3.11", packages=packages))))
    assert read["pypi-dependencies"] == {"new": "*"}
    assert read["target"] == {
        "linux-64": {
            "pypi-dependencies": {"everywhere": "*", "intel": {"version": ">=2", "extras": ["mkl"]}}
        },
        "linux-aarch64": {"pypi-dependencies": {"everywhere": "<5"}},
    }


@pytest.mark.parametrize("published", [True, False])
def test_azure_ml_loads_an_environment(tools: str, tmp_path: Path, published: bool) -> None:
    environment = FULL if published else on_image(replace(CONDA, inference=FULL.inference, tags=FULL.tags))
    more: dict[str, Any] = {"image": IMAGE} if published else {"base": BASE}
    file = tmp_path / "azureml.yml"
    file.write_text(text_of("azureml", environment, **more))
    script = """if True:
        import json, sys
        from azure.ai.ml import load_environment
        read = load_environment(sys.argv[1])
        print(json.dumps({**read._to_dict(), "os_type": read.os_type}))
    """
    read = asked(tools, script, str(file))
    assert (read["name"], read["version"], read["os_type"]) == ("sample", "3", "linux")
    assert read["tags"] == {"task": "training"}
    assert read["inference_config"] == {
        "liveness_route": {"path": "/live", "port": 5001},
        "readiness_route": {"path": "/ready", "port": 5001},
        "scoring_route": {"path": "/score", "port": 5001},
    }
    if published:
        assert (read["image"], read.get("conda_file")) == (BY_DIGEST, None)
        return
    assert read["image"] == f"registry.example.com:5000/library/python@sha256:{'b' * 64}"
    assert read["conda_file"] == {
        "name": "sample",
        "channels": ["local", "nodefaults"],
        "dependencies": [
            "python=3.11",
            "numpy=2.2",
            "local::scipy 1.2 py3*",
            "python>=3.11.4",
            "pip",
            {"pip": ["alpha"]},
        ],
    }


def test_a_job_is_one_for_kubernetes(tools: str, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text_of("kubernetes", FULL, image=IMAGE))
    script = """if True:
        import json, sys, yaml, kubernetes_validate
        job = yaml.safe_load(open(sys.argv[1]))
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
        del job["spec"]["template"]["spec"]["containers"][0]["image"]
        job["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
        try:
            kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
        except kubernetes_validate.ValidationError as error:
            print(json.dumps("imagee" in error.message))
    """
    assert asked(tools, script, str(file)) is True
    job = yaml.safe_load(file.read_text())
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["name"] == "sample-3"
    assert pod["securityContext"] == {"runAsUser": 1000, "runAsGroup": 100, "runAsNonRoot": True}
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}]
    assert pod["containers"] == [
        {
            "name": "main",
            "image": IMAGE,
            "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
            "workingDir": "/home/app",
            "ports": [{"containerPort": port, "protocol": "TCP"} for port in (5001, 8080)],
            "resources": {"limits": {"nvidia.com/gpu": 1}},
            "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
        }
    ]


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("a.b_c", 3, "a-b-c-3"),
        ("a" * 64, 12, "a" * 60 + "-12"),
        ("a" * 59 + ".bcde", 123, "a" * 59 + "-123"),
        ("3.10", None, "3-10"),
    ],
)
def test_the_name_of_a_job_is_a_label(name: str, version: int | None, expected: str) -> None:
    job = yaml.safe_load(text_of("kubernetes", replace(PLAIN, name=name), image=IMAGE, version=version))
    assert job["metadata"]["name"] == expected
    assert len(expected) <= 63
    assert len(job["metadata"]["labels"]["app.kubernetes.io/name"]) <= 63


@pytest.fixture(scope="session")
def devcontainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference implementation of development containers."""
    if not (shutil.which("npm") and shutil.which("node")):
        missing("npm and node, which are not installed")
    folder = tmp_path_factory.mktemp("devcontainer")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    done = subprocess.run(
        ["npm", "install", *options, DEVCONTAINERS], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        missing(f"{DEVCONTAINERS} from the machine's npm registry: {done.stderr.strip()[-200:]}")
    return folder / "node_modules/.bin/devcontainer"


def configuration(devcontainer: Path, folder: Path, text: str) -> dict[str, Any]:
    """What the tool makes of a file."""
    place = folder / ".devcontainer/devcontainer.json"
    place.parent.mkdir()
    place.write_text(text)
    options = ["--workspace-folder", str(folder), "--docker-path", program("true")]
    done = subprocess.run(
        [str(devcontainer), "read-configuration", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)["configuration"]
    del read["configFilePath"]
    return read


def test_a_devcontainer_is_read_as_it_is_written(
    devcontainer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    variables = (("A", "${localEnv:SECRET_TOKEN}"), ("B", 'it\'s "$HOME" \\ é'), ("PATH", "/x:${PATH}"))
    text = text_of("devcontainer", replace(FULL, variables=variables), image=IMAGE)
    assert configuration(devcontainer, tmp_path, text) == {
        "name": "sample@3",
        "image": IMAGE,
        "containerEnv": {"B": 'it\'s "$HOME" \\ é'},
        "runArgs": ["--shm-size=2g", "--gpus", "1"],
        "remoteUser": "1000",
        "forwardPorts": [5001, 8080],
    }


def test_the_tools_of_devcontainers_would_replace_a_variable(
    devcontainer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why such a value is never written: the test above would prove nothing otherwise."""
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    text = '{"image": "x", "containerEnv": {"A": "${localEnv:SECRET_TOKEN}"}}'
    assert configuration(devcontainer, tmp_path, text)["containerEnv"] == {"A": "canary"}
