"""The files of a catalog on GitHub."""

from __future__ import annotations

import json

from envcatalog.ci.files import CiFiles
from envcatalog.ci.pins import PINS, pinned
from envcatalog.ci.templates import fill, template

WORKFLOWS = ("pull-request", "pull-request-comment", "publish", "publish-tag", "refresh")
ACTION = ".github/actions/envcat"


def github_files(version: str, *, branch: str = "main", registry: str = "") -> CiFiles:
    """For a catalog that installs this version of envcat.

    Args:
        branch: letters, digits and ``._/-``, so that it is no pattern and needs no quotes.
        registry: ``HOST/PREFIX``; empty for the forge's own.
    """
    values = _values(branch, registry) | {
        # All that the base branch is asked for is the action that brings envcat.
        "sparse-checkout": f"sparse-checkout: {ACTION}\n",
        "with-source": "",
        "with-own-source": "",
    }
    first = fill(template("requirements.txt"), {"version": version})
    return CiFiles(kept=_workflows(WORKFLOWS, values), first={f"{ACTION}/requirements.txt": first})


def own_files() -> dict[str, str]:
    """The kept ones of envcatalog's own repository, which is the tool and a catalog at once, and is tested besides.

    Its requirements.txt is not among them: a solver writes that.
    """
    values = _values("main", "") | {
        "sparse-checkout": "",
        "with-source": "with:\n  source: ./trusted\n",
        "with-own-source": "with:\n  source: .\n",
    }
    return _workflows((*WORKFLOWS, "ci"), values)


def _workflows(names: tuple[str, ...], values: dict[str, str]) -> dict[str, str]:
    files = {
        f".github/workflows/{name}.yml": fill(template(f"github/{name}.yml.in"), values) for name in names
    }
    files[f"{ACTION}/action.yml"] = fill(template("github/action.yml.in"), values)
    return files


def _values(branch: str, registry: str) -> dict[str, str]:
    parts = ("checkout-steps", "login-step", "publish-job", "git-env")
    return {
        **{name: pinned(name) for name in PINS},
        **{name: template(f"github/{name}.yml.in") for name in parts},
        "comment.js": template("github/comment.js"),
        "branch": json.dumps(branch),
        "branch-name": branch,
        "registry": json.dumps(registry),
    }
