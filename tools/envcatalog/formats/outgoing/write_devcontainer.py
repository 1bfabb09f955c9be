"""`devcontainer.json`: the published image by its digest, else the Dockerfile that builds it anew.

Source: the Development Containers specification, "devcontainer.json reference". Its tools replace ``${...}`` in every
value, ``${localEnv:TOKEN}`` by a variable of the user's own machine, and know no way to escape it: a value with such
a piece is never written.
"""

from __future__ import annotations

import json
from typing import Any

from envcatalog.formats.outgoing.leaving import CONTENT, LABELS, left_out
from envcatalog.formats.outgoing.write_dockerfile import rebuilding_files, rebuilding_notes
from envcatalog.model.environment import Environment
from envcatalog.model.export import Exported, Left, TextFile, Written


def write_devcontainer(given: Exported) -> Written:
    """`devcontainer.json`, and what it is built from where the image is not published.

    Raises:
        Refusal: it is not published, and has what only its image holds.
    """
    environment = given.environment
    content: dict[str, Any] = {"name": given.label}
    more: tuple[TextFile, ...] = ()
    left: tuple[Left, ...] = ()
    if given.image:
        content["image"] = given.image
    else:
        more = rebuilding_files(given)
        content["build"] = {"dockerfile": "Dockerfile"}
        left = tuple(rebuilding_notes(given))
    variables, dangerous = _variables(environment)
    content |= {"containerEnv": variables} if variables else {}
    content |= _running(environment)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return Written(
        files=(TextFile(name="devcontainer.json", text=text), *more),
        left=(*left, *dangerous, *left_out(environment, CONTENT | LABELS, "")),
    )


def _variables(environment: Environment) -> tuple[dict[str, str], tuple[Left, ...]]:
    held = {}
    left = []
    for name, value in environment.variables:
        if name == "PATH":
            continue  # the image has it, with the base's own in it
        if "${" in value:
            reason = "the tools would replace `${...}` in it; the image has it as it is"
            left.append(
                Left(key=("variables",), text=f"variables.{name}: {value}", reason=reason, lost=False)
            )
        else:
            held[name] = value
    return held, tuple(left)


def _running(environment: Environment) -> dict[str, Any]:
    container, inference = environment.container, environment.inference
    found: dict[str, Any] = {}
    arguments = [f"--shm-size={container.shm_size}"] if container.shm_size else []
    arguments += ["--gpus", container.gpus] if container.gpus else []
    if arguments:
        found["runArgs"] = arguments
    if container.user:
        found["remoteUser"] = container.user.partition(":")[0]
    ports = {*container.ports, *([inference.port] if inference else [])}
    if ports:
        found["forwardPorts"] = sorted(ports)
    return found
