"""`pixi.lock`, versions 4 to 7: environments, and for each of its platforms the addresses of its packages.

Source: pixi's documentation, "The lock file", and the reader in rattler (`rattler_lock`).
"""

from __future__ import annotations

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, read_yaml, refusal
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.locked import Pin, add_pins, linux_of, pin_of, wheel_of
from envcatalog.model.draft import Draft, Files, Wanted

VERSIONS = ("4", "5", "6", "7")
DEFAULT = "default"
_NOTHING = Node({})


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`. The one of `wanted.groups` says which of the environments is read."""
    root = read_yaml(read_text(data, origin), origin)
    version = root.get("version")
    if version is None or version.text not in VERSIONS:
        said = f"`{bare(version.text or version.kind)}`" if version else "missing"
        message = f"`version` is {said}, and pixi's lock files of versions 4 to 7 are read"
        raise refusal(origin, version.line if version else 1, message, "write it anew with `pixi lock`")
    environment = _environment(root, origin, wanted)
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    for channel in (environment.get("channels") or _NOTHING).items:
        url = channel.get("url")
        if url and url.text:
            reading.channel(url.text, channel.line)
    listed = _listed(environment)
    names = _subdirs(root, listed)
    subdirs = linux_of(names.values(), wanted.platforms, origin, environment.line)
    known = _known_pypi(root)
    pins: list[Pin] = []
    for platform, node in listed.items():
        if names[platform] in subdirs:
            for entry in node.items:
                pins += _entry(entry, names[platform], subdirs[0], reading, known)
    if pins:
        reason = "hashes are not in a definition; the lock holds those of the files it chooses"
        reading.note((root.get("packages") or root).line, "the hashes of packages", reason, lost=False)
    add_pins(reading, pins, subdirs)
    return reading.draft()


def _environment(root: Node, origin: str, wanted: Wanted) -> Node:
    node = root.get("environments") or Node({}, 1)
    found = node.mapping
    names = ", ".join(bare(name, 40) for name in list(found)[:20])
    if len(wanted.groups) > 1:
        raise refusal(origin, node.line, "a definition is made of one environment", "give one `--group`")
    if wanted.groups:
        if wanted.groups[0] not in found:
            message = f"it has no environment `{bare(wanted.groups[0])}`"
            raise refusal(origin, node.line, message, f"it has {names}")
        return found[wanted.groups[0]]
    default = found.get(DEFAULT)
    if default is not None and (len(found) == 1 or any(node.items for node in _listed(default).values())):
        return default
    if len(found) == 1:
        return next(iter(found.values()))
    what = "it has no environment `default`" if default is None else "its environment `default` is empty"
    message = what if found else "it has no environments"
    raise refusal(origin, node.line, message, f"choose one with `--group`: {names}" if found else "")


def _listed(environment: Node) -> dict[str, Node]:
    """Platform to the list of its packages."""
    return (environment.get("packages") or _NOTHING).mapping


def _subdirs(root: Node, listed: dict[str, Node]) -> dict[str, str]:
    """Name of a platform in this file to conda's name; they differ where pixi's manifest names its own."""
    named = {}
    for platform in (root.get("platforms") or _NOTHING).items:
        name, subdir = platform.get("name"), platform.get("subdir") or platform.get("platform")
        if name is not None and name.text and subdir is not None and subdir.text:
            named[name.text] = subdir.text
    return {platform: named.get(platform, platform) for platform in listed}


def _known_pypi(root: Node) -> dict[str, tuple[str, str]]:
    """Address or path of a package of an index to its name and version."""
    known = {}
    for entry in (root.get("packages") or _NOTHING).items:
        if entry.get("pypi") is None and (entry.get("kind") or _NOTHING).text != "pypi":
            continue
        address = entry.get("pypi") or entry.get("url") or entry.get("path")
        name, version = entry.get("name"), entry.get("version")
        if address and address.text and name and name.text and version and version.text:
            known[address.text] = (name.text, version.text)
    return known


def _entry(
    entry: Node, subdir: str, first: str, reading: CondaReading, known: dict[str, tuple[str, str]]
) -> list[Pin]:
    conda, pypi = entry.get("conda"), entry.get("pypi")
    if conda is not None and conda.text:
        pin = pin_of(conda.text, entry.line, subdir)
        if pin is None:
            reading.note(
                entry.line, conda.text, "it is built from source; a definition names packages of a channel"
            )
        return [pin] if pin else []
    address = (pypi.text if pypi else None) or ""
    found = known.get(address) or wheel_of(address)
    if found is None or "://" not in address or address.startswith("git+"):
        reading.note(entry.line, address or entry.kind, "it is installed from an address or a folder")
    elif subdir == first:
        reading.requirement(f"{found[0]}=={found[1]}", entry.line)
    return []
