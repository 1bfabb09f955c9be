"""An environment of Azure ML's second generation, as ``az ml environment create --file`` takes it.

Source: Azure Machine Learning's documentation, "CLI (v2) environment YAML schema".
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, read_yaml, refusal
from envcatalog.formats.incoming.azure.parts import Parts
from envcatalog.formats.incoming.conda.read_conda import read_conda_node
from envcatalog.formats.incoming.docker.read_dockerfile import read_built
from envcatalog.formats.incoming.python.project import text_of
from envcatalog.model.draft import Draft, Files, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM, Environment

_READ = frozenset(
    ("$schema", "name", "version", "description", "tags", "image", "conda_file", "build", "os_type", "type")
) | {"inference_config", "environment_variables"}
# What the service adds when it shows an environment.
_SERVICE = frozenset(
    ("id", "creation_context", "resourceGroup", "resource_group", "properties", "stage", "latest_version")
)
_KIND = re.compile(r"/([A-Za-z]+)\.schema\.json\Z")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`. Of a job, the environment that it defines in place."""
    root = read_yaml(read_text(data, origin), origin)
    if not root.mapping:
        raise refusal(origin, root.line, f"it is {root.kind}, and an Azure ML environment is a mapping")
    inner = root.get("environment")
    if inner is not None and inner.mapping and not _has_source(root):
        root = inner
    if not _has_source(root):
        raise _no_source(root, origin)
    parts = Parts(origin=origin, wanted=wanted)
    system = root.get("os_type")
    if system is not None and (system.text or "linux").lower() != "linux":
        raise refusal(
            origin, system.line, f"its system is `{bare(system.text or '')}`, and images are for Linux"
        )
    parts.about(root)
    parts.environment_variables(root.get("environment_variables"))
    parts.routes(root.get("inference_config"))
    for key, node in root.mapping.items():
        if key not in _READ and node.value not in (None, {}, ()):
            lost = key not in _SERVICE
            parts.note(
                node, f"{key}: {node.text or node.kind}", "an environment here has no such key", lost=lost
            )
    return parts.finish(_content(root, files, wanted, parts))


def _has_source(root: Node) -> bool:
    return any(_given(root, key) is not None for key in ("image", "build", "conda_file"))


def _given(root: Node, key: str) -> Node | None:
    node = root.get(key)
    return node if node is not None and node.value not in (None, "", {}) else None


def _no_source(root: Node, origin: str) -> Exception:
    schema = root.get("$schema")
    match = _KIND.search(schema.text or "") if schema is not None else None
    if schema is not None and match and match[1] != "environment":
        return refusal(
            origin, schema.line, f"it is a `{bare(match[1])}` of Azure ML, and defines no environment"
        )
    return refusal(origin, root.line, "it has none of `image`, `build` and `conda_file`")


def _content(root: Node, files: Files, wanted: Wanted, parts: Parts) -> Draft:
    image, build, conda = (_given(root, key) for key in ("image", "build", "conda_file"))
    if build is not None:
        for key, node in (("image", image), ("conda_file", conda)):
            if node is not None:
                parts.note(node, f"{key}: {node.text or node.kind}", "its `build` says what the image is")
        return _built(build, files, wanted, parts)
    base = wanted.base
    if image is not None and base is None:
        base = parts.image(image)
    elif image is not None:
        parts.note(image, f"image: {image.text or ''}", "another base was asked for")
    if conda is not None:
        return _conda(conda, files, replace(wanted, base=base), parts)
    assert base is not None
    environment = Environment(
        name=wanted.name,
        base=base,
        managed=wanted.managed or "user",
        platforms=wanted.platforms or (DEFAULT_PLATFORM,),
    )
    return Draft(environment=environment)


def _conda(node: Node, files: Files, wanted: Wanted, parts: Parts) -> Draft:
    if node.mapping:
        return read_conda_node(node, parts.origin, files, wanted)
    if node.text is None:
        raise refusal(
            parts.origin, node.line, f"`conda_file` is {node.kind}, and must be a path or a mapping"
        )
    if "\n" in node.text:  # the file's content, as the service shows it
        return read_conda_node(read_yaml(node.text, parts.origin), parts.origin, files, wanted)
    path = inside(node.text, node, "conda_file", parts)
    data = files.read(path)
    if data is None:
        raise refusal(
            parts.origin, node.line, f"there is no `{bare(path)}` beside it, which `conda_file` names"
        )
    return read_conda_file(data, path, files, wanted, parts.origin)


def read_conda_file(data: bytes, path: str, files: Files, wanted: Wanted, origin: str) -> Draft:
    """A conda file that another file names, by its path for `files`."""
    from envcatalog.formats.incoming.conda.read_conda import read as read_conda

    named = posixpath.join(posixpath.dirname(origin), path)
    return read_conda(data, named, Below(files, posixpath.dirname(path)), wanted)


class Below:
    """The files of a folder, for an importer that knows no other.

    Args:
        files: those of the folder around it.
        folder: below that; empty for itself.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """See `model.draft.Files`."""
        return self._files.read(posixpath.join(self._folder, path))

    def names(self, folder: str) -> tuple[str, ...]:
        """See `model.draft.Files`."""
        return self._files.names(posixpath.normpath(posixpath.join(self._folder, folder)))


def _built(node: Node, files: Files, wanted: Wanted, parts: Parts) -> Draft:
    name = node.get("dockerfile_path")
    if name is not None:
        parts.refuse_template(name, "build.dockerfile_path")
    text = text_of(node, "path") or (node.text or "")
    if not text:
        raise refusal(parts.origin, node.line, "`build` names no `path`")
    context = inside(text, node.get("path") or node, "build.path", parts)
    below = text_of(node, "dockerfile_path") or "Dockerfile"
    path = posixpath.normpath(posixpath.join(context, below.replace("\\", "/")))
    data = files.read(path) if not path.startswith(("..", "/")) else None
    if data is None:
        raise refusal(parts.origin, node.line, f"there is no `{bare(path)}` beside it, which `build` names")
    for key, value in node.mapping.items():
        if key not in ("path", "dockerfile_path", "target") and value.value not in (None, {}, ()):
            parts.note(value, f"build.{key}: {value.text or value.kind}", "a definition has no such key")
    origin = posixpath.join(posixpath.dirname(parts.origin), path)
    target = wanted.target or text_of(node, "target") or None
    return read_built(data, origin, files, replace(wanted, target=target), path=path, context=context)


def inside(text: str, node: Node, key: str, parts: Parts) -> str:
    """A path below the folder of the file."""
    parts.refuse_template(node, key)
    if _ADDRESS.match(text):
        raise refusal(parts.origin, node.line, f"`{key}` is an address, and nothing is fetched")
    path = posixpath.normpath(text.replace("\\", "/").removeprefix("file:"))
    if path.startswith(("/", "..")):
        hint = "copy it there, or import from the folder that holds both"
        raise refusal(parts.origin, node.line, f"`{key}` is outside the folder of the file", hint)
    return path
