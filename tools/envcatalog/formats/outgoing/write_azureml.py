"""An Azure ML v2 environment: the published image by its digest, else a base image with a conda file.

Source: Azure Machine Learning's "CLI (v2) environment YAML schema".
"""

from __future__ import annotations

import re

from envcatalog.definition.writing.dump import Plain, dump_yaml
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import CONTENT, left_out
from envcatalog.formats.outgoing.write_conda import HELD as CONDA_HELD
from envcatalog.formats.outgoing.write_conda import conda_content
from envcatalog.formats.outgoing.write_dockerfile import base_reference, not_same_bytes
from envcatalog.model.environment import Environment, ImageBase, Inference
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, Left, TextFile, Written

SCHEMA = "https://azuremlschemas.azureedge.net/latest/environment.schema.json"
ROUTES = frozenset({("inference", name) for name in ("port", "liveness", "readiness", "scoring")})
REASON = "an Azure ML environment has no place for it"
_TAG = re.compile(r":[A-Za-z0-9_][A-Za-z0-9_.-]*@")  # the service takes a tag or a digest
_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def write_azureml(given: Exported) -> Written:
    """One file.

    Raises:
        Refusal: it is not published, and its base is no image.
    """
    environment = given.environment
    content: dict[str, Plain] = {"$schema": SCHEMA, "name": _NAME.sub("-", environment.name)}
    if given.version is not None:
        content["version"] = str(given.version)
    if environment.description:
        content["description"] = environment.description
    if environment.tags:
        content["tags"] = dict(environment.tags)
    left: tuple[Left, ...]
    if given.image:
        content["image"] = _TAG.sub("@", given.image)
        left = left_out(environment, CONTENT | ROUTES, REASON)
    else:
        image, conda, left = _rebuilt(given)
        content |= {"image": image, "conda_file": conda}
    content["os_type"] = "linux"
    if environment.inference:
        content["inference_config"] = _routes(environment.inference)
    text = "\n".join(header(given, "azureml")) + "\n" + dump_yaml(content)
    return Written(
        files=(TextFile(name="azureml.yml", text=text),), left=(*_missing_routes(environment), *left)
    )


def _rebuilt(given: Exported) -> tuple[str, dict[str, Plain], tuple[Left, ...]]:
    environment = given.environment
    if environment.managed == "user" or not isinstance(environment.base, ImageBase):
        raise Refusal(
            f"`{given.label}` has no image that can be pulled ({given.unpublished}), and its base is none either",
            "publish it to a registry, and give that with `--registry`",
        )
    image = base_reference(given)
    content, _ = conda_content(given)
    # Azure ML sets no variables of a conda file in the image.
    content.pop("variables", None)
    held = (CONDA_HELD | ROUTES | {("base",)}) - {("variables",)}
    return (
        image,
        {"name": environment.name, **content},
        (not_same_bytes(given), *left_out(environment, held, REASON)),
    )


def _routes(inference: Inference) -> dict[str, Plain]:
    """Azure ML wants all three; one that is not set is the root."""
    routes = {
        "liveness_route": inference.liveness,
        "readiness_route": inference.readiness,
        "scoring_route": inference.scoring,
    }
    return {name: {"path": path or "/", "port": inference.port} for name, path in routes.items()}


def _missing_routes(environment: Environment) -> tuple[Left, ...]:
    inference = environment.inference
    if inference is None:
        return ()
    return tuple(
        Left(
            key=("inference", "port"),
            text=f"inference.{name}",
            reason="it is not set, and Azure ML wants a path: `/`",
            lost=False,
        )
        for name in ("liveness", "readiness", "scoring")
        if getattr(inference, name) is None
    )
