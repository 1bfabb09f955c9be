"""Claims of layers of conda packages: few enough for a manifest, and never blind to a clash."""

from __future__ import annotations

import random

from envcatalog.image.conda.scripts import unrun_script
from envcatalog.image.conflicts import CLAIMS_MAX, claims_of, meeting
from envcatalog.image.tar import Entry


def entries(*paths: str) -> list[Entry]:
    return [Entry(path=f"opt/env/{path}", kind="file", content="644 x") for path in paths]


RECORD = "conda-meta/python-3.11.7-0.json"
PYTHON = entries(
    RECORD,
    "bin/python3.11",
    "bin/.python-post-link.sh",
    "etc/conda/activate.d/python.sh",
    *(f"lib/python3.11/{name}" for name in map(str, range(1500))),
    *(f"lib/python3.11/__pycache__/{name}" for name in map(str, range(1500))),
    *(f"lib/python3.11/site-packages/{name}/__init__.py" for name in ("pip", "wheel")),
    *(f"include/python3.11/{name}.h" for name in map(str, range(100))),
    "lib/libpython3.11.so",
)


def test_large_packages_claim_folders() -> None:
    claims = claims_of(PYTHON)
    assert len(claims) <= CLAIMS_MAX
    assert {claim for claim in claims if "include/" not in claim} == {
        f"opt/env/{RECORD}",
        "opt/env/bin/.python-post-link.sh",
        "opt/env/bin/python3.11",
        "opt/env/etc/conda/activate.d/python.sh",
        "opt/env/lib/libpython3.11.so",
        "opt/env/lib/python3.11/",
        "pip",
        "wheel",
    }


def test_many_files_in_one_folder_are_claimed_by_it() -> None:
    claims = claims_of(entries(RECORD, *(f"bin/tool{number}" for number in range(1000)), "lib/a.so"))
    assert claims == ("opt/env/bin/", f"opt/env/{RECORD}", "opt/env/lib/a.so")


def test_layers_without_conda_packages_claim_as_they_did() -> None:
    paths = [f"share/x/{number}" for number in range(1000)]
    assert claims_of(entries(*paths)) == tuple(sorted(f"opt/env/{path}" for path in paths))


def test_a_folder_meets_what_is_below_it_and_nothing_else() -> None:
    claims = {
        "python": ("opt/env/lib/python3.11/", "pip"),
        "below": ("opt/env/lib/python3.11/os.py",),
        "beside": ("opt/env/lib/python3.11x/os.py", "opt/env/lib/python3.1", "numpy"),
        "above": ("opt/env/lib/",),
        "other": ("opt/env/bin/x",),
        "same": ("pip",),
    }
    assert meeting(claims) == {"python", "below", "beside", "above", "same"}
    del claims["above"]
    assert meeting(claims) == {"python", "below", "same"}
    assert meeting({"one": ("opt/env/lib/", "opt/env/lib/x")}) == frozenset()


def test_what_two_layers_share_is_met_however_they_are_folded() -> None:
    source = random.Random(0)
    for _ in range(50):
        folders = [f"{a}/{b}" for a in ("bin", "lib", "share/doc") for b in ("", "x/", "y/z/")]
        paths = [f"{source.choice(folders)}{number}" for number in range(source.choice([10, 900]))]
        shared = source.choice(paths)
        other = [f"lib/x/other{number}" for number in range(source.choice([3, 900]))]
        claims = {
            "one": claims_of(entries(RECORD, *paths)),
            "two": claims_of(entries("conda-meta/x-1-0.json", *other, shared)),
        }
        assert meeting(claims) == {"one", "two"}


def test_scripts_are_told_by_their_paths() -> None:
    assert [unrun_script(path) for path in claims_of(PYTHON) if unrun_script(path)] == [
        "the post-link script of `python` is not run",
        "the activation script `python.sh` is not run",
    ]
    assert unrun_script("opt/env/bin/.x-pre-unlink.sh") == ""
    assert unrun_script("opt/env/bin/.my-tool-pre-link.sh") == "the pre-link script of `my-tool` is not run"
