"""An environment of Azure ML's first generation: `azureml_environment.json`, and the conda file in its folder.

Source: the documentation of `azureml-core`, class `Environment` with its sections.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, refusal
from envcatalog.definition.text.foreign_plain import read_json
from envcatalog.formats.incoming.azure.parts import Parts
from envcatalog.formats.incoming.azure.read_azureml import inside, read_conda_file
from envcatalog.formats.incoming.conda.read_conda import read_conda_node
from envcatalog.formats.incoming.docker.read_dockerfile import read_built
from envcatalog.formats.incoming.python.project import text_of
from envcatalog.model.draft import Draft, Files, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM, Base, DebianBase, Environment, ImageBase

CONDA_FILE = "conda_dependencies.yml"
_READ = frozenset(("name", "version", "environmentVariables", "python", "docker", "tags", "description"))
_NOTHING = frozenset(("", "null", "None", "false", "0"))
_SIZE = re.compile(r"[1-9][0-9]{0,8}[bkmg]?\Z")
_MACHINES = {
    "amd64": "linux/amd64",
    "x86_64": "linux/amd64",
    "arm64": "linux/arm64",
    "aarch64": "linux/arm64",
}
# What has its default, or speaks of how a run starts.
_DOCKER_READ = frozenset(("baseImage", "baseDockerfile", "platform", "shmSize", "baseImageRegistry"))
_DOCKER_PLAIN = frozenset(("enabled", "sharedVolumes", "gpuSupport"))
_PYTHON_READ = frozenset(
    ("userManagedDependencies", "condaDependencies", "condaDependenciesFile", "interpreterPath")
)


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    root = read_json(read_text(data, origin), origin)
    root = root.get("environment") or root  # within a run configuration
    python, docker = root.get("python") or Node(None), root.get("docker") or Node(None)
    if not python.mapping and not docker.mapping:
        raise refusal(
            origin, root.line, "it has neither `python` nor `docker`, so it is no environment of Azure ML"
        )
    parts = Parts(origin=origin, wanted=wanted)
    parts.about(root)
    parts.environment_variables(root.get("environmentVariables"))
    wanted = replace(wanted, platforms=wanted.platforms or _platforms(docker, origin))
    draft = _content(python, docker, files, wanted, parts)
    _python_rest(python, parts)
    _docker_rest(docker, parts)
    _rest(root, parts)
    done = parts.finish(draft)
    size = _shm_size(docker, parts)
    if size is None:
        return done
    container = replace(done.environment.container, shm_size=size)
    return replace(done, environment=replace(done.environment, container=container))


def _set(node: Node | None) -> Node | None:
    """The node, where it says something."""
    empty = node is None or node.value in (None, (), {}) or (node.text or "x") in _NOTHING
    return None if empty else node


def _platforms(docker: Node, origin: str) -> tuple[str, ...]:
    system, machine = docker.get("platform", "os"), docker.get("platform", "architecture")
    if system is not None and (system.text or "Linux").lower() != "linux":
        raise refusal(
            origin, system.line, f"its system is `{bare(system.text or '')}`, and images are for Linux"
        )
    known = _MACHINES.get((machine.text or "").lower() if machine is not None else "")
    return (known,) if known else (DEFAULT_PLATFORM,)


def _content(python: Node, docker: Node, files: Files, wanted: Wanted, parts: Parts) -> Draft:
    own = text_of(python, "userManagedDependencies").lower() == "true"
    recipe, image = _set(docker.get("baseDockerfile")), _set(docker.get("baseImage"))
    conda = _conda(python, files, parts)
    if recipe is not None:
        for key, node in (("baseImage", image), ("condaDependencies", None if own else conda)):
            if isinstance(node, Node):
                parts.note(node, f"{key}: {node.text or node.kind}", "the Dockerfile says what the image is")
        return _built(recipe, files, wanted, parts)
    base: Base | None = wanted.base
    if image is not None and base is None:
        base = _image(image, docker, parts)
    elif image is not None:
        parts.note(image, f"baseImage: {image.text or ''}", "another base was asked for")
    if own or conda is None:
        if isinstance(conda, Node):
            parts.note(
                conda, "condaDependencies", "the environment says that it is not to be installed", lost=False
            )
        return _as_it_is(python, base, wanted, parts)
    wanted = replace(wanted, base=base)
    if conda.mapping:
        return read_conda_node(conda, parts.origin, files, wanted)
    path = inside(conda.text or "", conda, "condaDependenciesFile", parts)
    data = files.read(path)
    if data is None:
        raise refusal(parts.origin, conda.line, f"there is no `{bare(path)}` beside it")
    return read_conda_file(data, path, files, wanted, parts.origin)


def _conda(python: Node, files: Files, parts: Parts) -> Node | None:
    """The mapping, or the name of a file: the one that is named, or the one that azureml-core writes."""
    inline = _set(python.get("condaDependencies"))
    if inline is not None and inline.mapping:
        return inline
    named = _set(python.get("condaDependenciesFile"))
    if named is not None and named.text:
        return named
    if files.read(CONDA_FILE) is not None:
        parts.note(python, CONDA_FILE, "it is in the folder, so it was read", lost=False)
        return Node(CONDA_FILE, python.line)
    return None


def _as_it_is(python: Node, base: Base | None, wanted: Wanted, parts: Parts) -> Draft:
    """An image, and nothing that is installed into it."""
    if base is None or isinstance(base, DebianBase):
        raise refusal(
            parts.origin,
            python.line,
            "it has no `baseImage` and no conda dependencies, so nothing says what the image is",
            "give an image with `--image`",
        )
    if not isinstance(base, ImageBase):
        return Draft(environment=Environment(name=wanted.name, base=base, platforms=wanted.platforms))
    environment = Environment(
        name=wanted.name, base=base, managed=wanted.managed or "user", platforms=wanted.platforms
    )
    return Draft(environment=environment)


def _image(node: Node, docker: Node, parts: Parts) -> ImageBase:
    """`baseImage`, in the registry that `baseImageRegistry` names."""
    address = docker.get("baseImageRegistry", "address")
    text = node.text or ""
    first = text.partition("/")[0]
    if address is not None and address.text and "." not in first and ":" not in first:
        host = re.sub(r"^https?://", "", address.text).rstrip("/")
        return parts.image(Node(f"{host}/{text}", node.line, quoted=True), "baseImage")
    return parts.image(node, "baseImage")


def _built(recipe: Node, files: Files, wanted: Wanted, parts: Parts) -> Draft:
    """The Dockerfile's text is in the JSON itself; some tools write its path there."""
    text = recipe.value if isinstance(recipe.value, str) else ""
    if "\n" not in text and not re.match(r"\s*(?:FROM|ARG|#)\b", text, re.IGNORECASE):
        path = inside(text, recipe, "baseDockerfile", parts)
        data = files.read(path)
        if data is None:
            raise refusal(parts.origin, recipe.line, f"there is no `{bare(path)}` beside it")
        origin = posixpath.join(posixpath.dirname(parts.origin), path)
        return read_built(data, origin, files, wanted, path=path, context=posixpath.dirname(path) or ".")
    origin = posixpath.join(posixpath.dirname(parts.origin), "Dockerfile")
    return read_built(text.encode("utf-8", "replace"), origin, files, wanted, path="")


def _shm_size(docker: Node, parts: Parts) -> str | None:
    node = _set(docker.get("shmSize"))
    if node is None:
        return None
    size = (node.text or "").lower().removesuffix("b") if len(node.text or "") > 1 else (node.text or "")
    if _SIZE.match(size):
        return size
    parts.note(node, f"shmSize: {node.text or node.kind}", "it is no size")
    return None


def _docker_rest(docker: Node, parts: Parts) -> None:
    for key in ("username", "password", "registryIdentity"):
        node = _set(docker.get("baseImageRegistry", key))
        if node is not None:
            parts.note(node, f"baseImageRegistry.{key}", "credentials come from `docker login`")
    for key, node in docker.mapping.items():
        if key not in _DOCKER_READ | _DOCKER_PLAIN and _set(node) is not None:
            parts.note(node, f"docker.{key}: {node.text or node.kind}", "a definition has no place for it")


def _python_rest(python: Node, parts: Parts) -> None:
    interpreter = python.get("interpreterPath")
    if interpreter is not None and (interpreter.text or "python") not in ("python", "python3"):
        reason = (
            "the interpreter is the one of the packages; set `python.interpreter` where a base has another"
        )
        parts.note(interpreter, f"interpreterPath: {interpreter.text}", reason)
    for key, node in python.mapping.items():
        if key not in _PYTHON_READ and _set(node) is not None:
            parts.note(node, f"python.{key}: {node.text or node.kind}", "a definition has no place for it")


def _rest(root: Node, parts: Parts) -> None:
    """Sections that an environment here says in another way, or not at all."""
    for section, node in root.mapping.items():
        if section in _READ:
            continue
        for key, value in node.mapping.items() if node.mapping else ((section, node),):
            if _set(value) is None or (section, key) == ("spark", "precachePackages"):
                continue
            name = key if value is node else f"{section}.{key}"
            for item in value.items or (value,):
                parts.note(item, f"{name}: {_shown(item)}", _reason(section))


def _reason(section: str) -> str:
    if section == "spark":
        return "write `spark` with a version, and the jars that it needs, in the definition"
    if section == "r":
        return "write `r` with its packages in the definition, on a Debian base"
    return "a definition has no place for it"


def _shown(node: Node) -> str:
    if node.mapping:
        return ", ".join(f"{key}={value.text or ''}" for key, value in node.mapping.items())
    return node.text or node.kind
