"""The newest version number of every environment, without making a record of each tag.

Only what `tag_object.parse_tag` would take counts: the newest tag of each environment is read; tags of the form that
`tag_object.format_message` writes are known by one pattern; every other one goes to the full reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.tag_object import TAG_LIMIT
from envcatalog.git.versions import TAGS
from envcatalog.model.names import NAME_PATTERN, is_name
from envcatalog.model.version import Version

_REFERENCE = re.compile(
    rf"^(?P<id>[0-9a-f]+) {TAGS}(?P<name>{NAME_PATTERN})@(?P<number>[1-9][0-9]{{0,8}})$", re.MULTILINE
)
_DIGEST = rb"sha256:[0-9a-f]{64}\n"
_PLAIN_TAG = re.compile(
    rb"object [0-9a-f]{40,64}\ntype commit\ntag (?P<reference>[a-z0-9._-]+@[0-9]+)\n"
    # Seconds of ten digits are no impossible date, nor are offsets below a day.
    rb"tagger [^<>\n]*<[^<>\n]*> [0-9]{1,10} [+-](?:0[0-9]|1[0-4])[0-5][0-9]\n\n(?P=reference)\n\n"
    rb"Plan: " + _DIGEST + rb"(?:Image: " + _DIGEST + rb")?Lock: " + _DIGEST + rb"(?:Checks: [a-z-]+\n)?\Z"
)
_CHECKS = (b"Checks: engine\n", b"Checks: namespace\n", b"Checks: none\n", b"Checks: not-run\n")


def newest_numbers(
    repository: CatalogRepository, known: Callable[[str], Sequence[Version]]
) -> dict[str, int]:
    """Environment to the number of its newest version, for all environments that have one.

    Args:
        known: reads one environment's versions, ascending; asked where the newest tag is not in our own form.
    """
    out = repository.processes.output("for-each-ref", "--format=%(objectname) %(refname)", f"{TAGS}*@*")
    newest: dict[str, tuple[int, str]] = {}
    for found in _REFERENCE.finditer(out.decode(errors="surrogateescape")):
        object_id, name, number = found["id"], found["name"], int(found["number"])
        if name not in newest or newest[name][0] < number:
            newest[name] = (number, object_id)
    names = [name for name in newest if is_name(name)]
    ids = [newest[name][1] for name in names]
    objects = repository.objects.read_many(ids, limit=TAG_LIMIT, missing_too=True)
    numbers: dict[str, int] = {}
    doubtful = []
    for name, item in zip(names, objects, strict=True):
        number = newest[name][0]
        if item.kind == "tag" and _is_plain(item.data, f"{name}@{number}"):
            numbers[name] = number
        else:
            doubtful.append(name)
    for name in doubtful:
        versions = known(name)
        if versions:
            numbers[name] = versions[-1].number
    return numbers


def _is_plain(data: bytes, reference: str) -> bool:
    match = _PLAIN_TAG.match(data)
    if match is None or match["reference"] != reference.encode():
        return False
    return b"\nChecks: " not in data or data.endswith(_CHECKS)
