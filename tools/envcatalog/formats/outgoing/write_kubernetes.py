"""A Kubernetes Job that runs the published image by its digest.

Source: Kubernetes API reference, batch/v1 Job and core/v1 Container; "Names"; "Dependent environment variables": in
a value ``$(NAME)`` is replaced, and ``$$`` stands for ``$``.
"""

from __future__ import annotations

import re

from envcatalog.definition.writing.dump import Plain, dump_yaml
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import CONTENT, left_out
from envcatalog.model.environment import Container
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, Left, TextFile, Written

HELD = CONTENT | {("container", "shm_size"), ("container", "gpus")}
REASON = "a Job has no probes"
GPU = "nvidia.com/gpu"
NAME_MAX = 63  # of a label's value, and of a Job's name, which becomes one
_UNITS = {"b": "", "k": "Ki", "m": "Mi", "g": "Gi"}
_NUMBERS = re.compile(r"([0-9]+)(?::([0-9]+))?\Z")


def write_kubernetes(given: Exported) -> Written:
    """One file.

    Raises:
        Refusal: there is no published image.
    """
    environment = given.environment
    if not given.image:
        raise Refusal(
            f"`{given.label}` has no image that can be pulled ({given.unpublished})",
            "publish it to a registry, and give that with `--registry`",
        )
    labels = {"app.kubernetes.io/name": _fit(environment.name)}
    if given.version is not None:
        labels["app.kubernetes.io/version"] = str(given.version)
    labels["app.kubernetes.io/managed-by"] = "envcatalog"
    left: list[Left] = []
    content: dict[str, Plain] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": _job_name(given), "labels": labels},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": _pod(given, left)}},
    }
    text = "\n".join(header(given, "kubernetes")) + "\n" + dump_yaml(content)
    return Written(
        files=(TextFile(name="job.yaml", text=text),),
        left=(*left_out(environment, HELD, REASON), *left),
    )


def _pod(given: Exported, left: list[Left]) -> dict[str, Plain]:
    environment = given.environment
    container = environment.container
    pod: dict[str, Plain] = {"restartPolicy": "Never"}
    selector: dict[str, Plain] = {"kubernetes.io/os": "linux"}
    if len(environment.platforms) == 1:
        selector["kubernetes.io/arch"] = environment.platforms[0].partition("/")[2]
    pod["nodeSelector"] = selector
    security = _security(container, left)
    if security:
        pod["securityContext"] = security
    pod["containers"] = [_container(given, left)]
    if container.shm_size:
        memory = {"medium": "Memory", "sizeLimit": _size(container.shm_size)}
        pod["volumes"] = [{"name": "shm", "emptyDir": memory}]
    return pod


def _container(given: Exported, left: list[Left]) -> dict[str, Plain]:
    environment = given.environment
    container, inference = environment.container, environment.inference
    found: dict[str, Plain] = {"name": "main", "image": given.image}
    env = [
        {"name": name, "value": value.replace("$", "$$")}
        for name, value in environment.variables
        if name != "PATH"  # the image has it, with the base's own in it
    ]
    if env:
        found["env"] = env
    if container.workdir:
        found["workingDir"] = container.workdir
    ports = {*container.ports, *([inference.port] if inference else [])}
    if ports:
        found["ports"] = [{"containerPort": port, "protocol": "TCP"} for port in sorted(ports)]
    if container.gpus:
        found["resources"] = {"limits": {GPU: _gpus(container.gpus, left)}}
    if container.shm_size:
        found["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108
    return found


def _security(container: Container, left: list[Left]) -> dict[str, Plain]:
    """The user by number. A name stays the image's affair: Kubernetes takes numbers alone."""
    if not container.user:
        return {}
    match = _NUMBERS.match(container.user)
    if match is None:
        reason = "Kubernetes takes users by number; the image starts as this one itself"
        text = f"container.user: {container.user}"
        left.append(Left(key=("container", "user"), text=text, reason=reason, lost=False))
        return {}
    user, group = int(match[1]), match[2]
    found: dict[str, Plain] = {"runAsUser": user}
    if group:
        found["runAsGroup"] = int(group)
    if user:
        found["runAsNonRoot"] = True
    return found


def _gpus(gpus: str, left: list[Left]) -> int:
    if gpus != "all":
        return int(gpus)
    reason = "Kubernetes wants a number: 1 was chosen"
    left.append(Left(key=("container", "gpus"), text="container.gpus: all", reason=reason))
    return 1


def _size(text: str) -> str:
    """Docker's units are powers of 1024, written ``Ki``, ``Mi`` and ``Gi`` here."""
    unit = _UNITS.get(text[-1])
    return text if unit is None else text[:-1] + unit


def _job_name(given: Exported) -> str:
    """RFC 1123 label, as a Job's name should be: the environment's name, and its version."""
    suffix = f"-{given.version}" if given.version is not None else ""
    name = re.sub(r"[^a-z0-9]+", "-", given.environment.name)
    return _fit(name, NAME_MAX - len(suffix)) + suffix


def _fit(text: str, most: int = NAME_MAX) -> str:
    return text[:most].strip("-._")
