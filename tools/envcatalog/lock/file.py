"""`lock.json`: canonical bytes and a strict reader.

A lock may come from a stranger's pull request. What passes here is safe to use as a file name, as a path
below an archive's root and as part of a URL; `lock/fetch.py` relies on that, so no rule here may be loosened
without looking there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from envcatalog.lock.entries import (
    entry_values,
    known_value,
    read_conda_packages,
    read_debs,
    read_files,
    read_interpreter,
    read_known,
    read_wheels,
)
from envcatalog.lock.fields import Block, LockError
from envcatalog.model.digest import Json, sha256_digest
from envcatalog.model.environment import PLATFORMS
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import (
    LOCK_FORMAT,
    LOCK_PARTS,
    Bytecode,
    Lock,
    LockedDockerfile,
    LockedEnvironment,
    LockedImage,
    PlatformLock,
)
from envcatalog.model.names import is_name

MAX_BYTES = 8 * 1024 * 1024


def dump_lock(lock: Lock) -> bytes:
    """The file's canonical bytes: sorted keys and entries, indent 1, a final newline."""
    value = _deciding_value(lock)
    if lock.known:
        value["known"] = {sha256: known_value(known) for sha256, known in lock.known}
    return _canonical(value)


def lock_digest(lock: Lock) -> str:
    """Digest of the canonical bytes of all that decides what is built: of the file without `known`."""
    return sha256_digest(_canonical(_deciding_value(lock)))


def _deciding_value(lock: Lock) -> dict[str, Json]:
    value: dict[str, Json] = {
        "format": LOCK_FORMAT,
        "definition": lock.definition,
        "base": _base_value(lock.base),
        "bytecode": _bytecode_value(lock.bytecode),
        "inputs": dict(lock.inputs),
        "platforms": {item.platform: _platform_value(item) for item in lock.platforms},
    }
    if lock.dockerfile is not None:
        value["dockerfile"] = _dockerfile_value(lock.dockerfile)
    return value


def _canonical(value: Json) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def load_lock(data: bytes, origin: str) -> Lock:
    """Read a lock file.

    Args:
        data: the file's bytes, 8 MiB at most.
        origin: its path in the catalog (``catalog/<name>/lock.json``), for messages.

    Raises:
        Refusal: it is not a lock that `dump_lock` could have written; the message names file and field.
    """
    try:
        return _read_lock(Block.root(_parse(data)))
    except LockError as error:
        field = f" at `{error.field}`" if error.field else ""
        raise Refusal(f"`{origin}` is not a valid lock{field}: {error.reason}", _hint(origin)) from None


def _hint(origin: str) -> str:
    parts = origin.rsplit("/", 2)
    name = parts[-2] if len(parts) > 1 and is_name(parts[-2]) else "NAME"
    return f"run `envcat lock {name}`"


def _parse(data: bytes) -> object:
    if len(data) > MAX_BYTES:
        raise LockError("", f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise LockError("", "it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise LockError("", f"line {error.lineno}, column {error.colno} is not JSON") from None
    except UnicodeDecodeError:
        raise LockError("", "it is not UTF-8") from None
    except ValueError:  # an integer of thousands of digits
        raise LockError("", "it holds a number that is too long") from None


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise LockError("", "it holds the same key twice in one block")
    return value


def _no_constant(name: str) -> object:
    raise LockError("", f"it holds `{name}`")


def _read_lock(root: Block) -> Lock:
    number = root.integer("format", 1, 2**31)
    if number != LOCK_FORMAT:
        raise LockError("format", f"format {number} is unknown to this release, which writes {LOCK_FORMAT}")
    root.only(
        "base", "bytecode", "definition", "format", "inputs", "platforms", optional=("dockerfile", "known")
    )
    inputs = root.block("inputs")
    inputs.only_some(*LOCK_PARTS)
    platforms = root.block("platforms")
    platforms.only_some(*PLATFORMS)
    if not platforms.names():
        raise LockError("platforms", "no platform is locked")
    locked = tuple(_read_platform(platforms.block(name), name) for name in platforms.names())
    return Lock(
        definition=root.digest("definition"),
        base=_read_base(root),
        bytecode=_read_bytecode(root),
        platforms=locked,
        inputs=tuple((part, inputs.digest(part)) for part in inputs.names()),
        dockerfile=_read_dockerfile(root),
        known=read_known(root, {item.sha256 for part in locked for item in part.artefacts}),
    )


def _read_base(root: Block) -> LockedImage | LockedEnvironment | None:
    if root.is_null("base"):
        return None
    base = root.block("base")
    if "environment" in base.names():
        base.only("environment", "plan")
        return LockedEnvironment(environment=base.name("environment"), plan=base.digest("plan"))
    return _read_image(base)


def _read_image(block: Block) -> LockedImage:
    block.only("digest", "image", "manifests")
    manifests = block.block("manifests")
    manifests.only_some(*PLATFORMS)
    return LockedImage(
        image=block.printable("image"),
        digest=block.digest("digest"),
        manifests=tuple((name, manifests.digest(name)) for name in manifests.names()),
    )


def _read_dockerfile(root: Block) -> LockedDockerfile | None:
    if root.is_null("dockerfile"):
        return None
    block = root.block("dockerfile")
    block.only("context", "dockerfile", "images")
    return LockedDockerfile(
        dockerfile=block.digest("dockerfile"),
        context=block.digest("context"),
        images=tuple(_read_image(item) for item in block.blocks("images")),
    )


def _read_bytecode(root: Block) -> Bytecode | None:
    if root.is_null("bytecode"):
        return None
    block = root.block("bytecode")
    block.only("interpreters", "python")
    interpreters = block.block("interpreters")
    interpreters.only_some(*PLATFORMS)
    return Bytecode(
        python=block.python_version("python"),
        interpreters=tuple((name, read_interpreter(interpreters, name)) for name in interpreters.names()),
    )


def _read_platform(block: Block, name: str) -> PlatformLock:
    block.only("debs", "wheels", optional=("conda", "files"))
    return PlatformLock(
        platform=name,
        debs=read_debs(block, "debs", name),
        conda=read_conda_packages(block, "conda", name),
        wheels=read_wheels(block),
        files=read_files(block),
    )


def _base_value(base: LockedImage | LockedEnvironment | None) -> Json:
    if base is None:
        return None
    if isinstance(base, LockedEnvironment):
        return {"environment": base.environment, "plan": base.plan}
    return _image_value(base)


def _image_value(image: LockedImage) -> Json:
    return {"image": image.image, "digest": image.digest, "manifests": dict(image.manifests)}


def _dockerfile_value(locked: LockedDockerfile) -> Json:
    images = sorted(locked.images, key=lambda image: image.image)
    return {
        "dockerfile": locked.dockerfile,
        "context": locked.context,
        "images": [_image_value(image) for image in images],
    }


def _platform_value(item: PlatformLock) -> Json:
    value: dict[str, Json] = {"debs": entry_values(item.debs), "wheels": entry_values(item.wheels)}
    # Left out where there is none, so that locks from before these parts keep their bytes.
    if item.conda:
        value["conda"] = entry_values(item.conda)
    if item.files:
        value["files"] = entry_values(item.files)
    return value


def _bytecode_value(bytecode: Bytecode | None) -> Json:
    if bytecode is None:
        return None
    interpreters: Mapping[str, Json] = {
        platform: entry_values(packages) for platform, packages in bytecode.interpreters
    }
    return {"python": bytecode.python, "interpreters": interpreters}
