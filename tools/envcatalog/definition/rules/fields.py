"""Rules of one file that a schema cannot say. They look at values of any shape and pass over wrong ones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from envcatalog.definition.finding import Finding, Path, show, show_path
from envcatalog.definition.references import image_error
from envcatalog.definition.requirements import Refused, Requirement, read_requirement
from envcatalog.definition.rules.conda import conda_findings
from envcatalog.definition.rules.deprecation import deprecation_findings
from envcatalog.definition.rules.dockerfile import dockerfile_findings
from envcatalog.definition.rules.policy import policy_findings
from envcatalog.definition.rules.spark import spark_findings
from envcatalog.model.names import is_name

MAX_REQUIREMENT = 500
MAX_ID = 2**32 - 2  # user and group ids are 32 bits, and the last one means "none"

# Set by the image itself: `PATH` is the base's with the environment's `bin` first.
_OURS = {
    "PATH": "programs of the environment are on it already",
    "VIRTUAL_ENV": "the environment sets it",
    "PYTHONHOME": "it would hide the environment's packages",
}
_SHELL_SIGNS = ";&|<>"


def environment_findings(value: dict[str, Any], folder: str) -> Iterator[Finding]:
    """Everything that is wrong beyond the schema."""
    yield from _name(value.get("name"), folder)
    yield from _aliases(value.get("aliases"))
    yield from deprecation_findings(value)
    yield from _base(_mapping(value.get("base")))
    yield from dockerfile_findings(value)
    yield from _packages(_mapping(value.get("python")).get("packages"))
    yield from conda_findings(value)
    yield from spark_findings(value)
    yield from _variables(value.get("variables"))
    yield from _container(_mapping(value.get("container")))
    yield from _checks(value.get("checks"))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> Iterator[tuple[int, str]]:
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, str))


def _name(name: Any, folder: str) -> Iterator[Finding]:
    if not isinstance(name, str):
        return
    if not is_name(folder):
        message = f"the folder {show(folder)} has no valid name for an environment"
        hint = "rename it: lower-case letters and digits, separated by single `.`, `_` or `-`"
        yield Finding("name-folder", message, ("name",), hint)
    elif name != folder:
        message = f"`name` is {show(name)}, and the folder is {show(folder)}"
        yield Finding("name-folder", message, ("name",), f"write `name: {folder}`, or rename the folder")
    if name.endswith(".lock"):
        message = f"`name` is {show(name)}, and Git allows no name that ends in `.lock`"
        yield Finding("name-lock", message, ("name",))


def _aliases(aliases: Any) -> Iterator[Finding]:
    for alias in _mapping(aliases):
        if alias.endswith(".lock"):
            message = f"the alias {show(alias)} ends in `.lock`, which Git does not allow"
            yield Finding("alias-lock", message, ("aliases", alias), "", True)


def _base(base: dict[str, Any]) -> Iterator[Finding]:
    image = base.get("image")
    if isinstance(image, str) and len(image) <= 512:
        error = image_error(image)
        if error is not None:
            yield Finding(
                "image-reference", f"`base.image` {show(image)} {error[0]}", ("base", "image"), error[1]
            )
    parent = base.get("environment")
    if isinstance(parent, str) and parent.endswith(".lock"):
        message = f"`base.environment` is {show(parent)}, and no environment's name ends in `.lock`"
        yield Finding("name-lock", message, ("base", "environment"))


def _packages(packages: Any) -> Iterator[Finding]:
    seen: dict[tuple[str, str], int] = {}
    for index, text in _strings(packages):
        path: Path = ("python", "packages", index)
        if not 0 < len(text) <= MAX_REQUIREMENT:
            continue
        requirement = read_requirement(text)
        if isinstance(requirement, Refused):
            yield Finding(requirement.code, f"{show(text)} {requirement.message}", path, requirement.hint)
            continue
        yield from _repeated(requirement, path, seen)


def _repeated(requirement: Requirement, path: Path, seen: dict[tuple[str, str], int]) -> Iterator[Finding]:
    key = (requirement.name, requirement.marker)
    first = seen.setdefault(key, int(path[-1]))
    if first != path[-1]:
        message = (
            f"the package `{requirement.name}` is here twice; it is also `{show_path((*path[:-1], first))}`"
        )
        yield Finding("requirement-repeated", message, path, "keep one, with all its extras and versions")


def _variables(variables: Any) -> Iterator[Finding]:
    for name in _mapping(variables):
        if name in _OURS:
            message = f"the variable `{name}` may not be set: {_OURS[name]}"
            yield Finding("variable-reserved", message, ("variables", name), "remove it", True)


def _container(container: dict[str, Any]) -> Iterator[Finding]:
    user = container.get("user")
    if isinstance(user, str):
        for part in user.split(":"):
            if part.isascii() and part.isdigit() and len(part) <= 10 and int(part) > MAX_ID:
                message = f"`container.user` has the id {part}, and the largest is {MAX_ID}"
                yield Finding("container-user", message, ("container", "user"))
    for key in ("entrypoint", "command"):
        words = container.get(key)
        if isinstance(words, list) and words and words[0] == "":
            yield Finding("container-words", f"`container.{key}[0]` is empty", ("container", key, 0))


def _checks(checks: Any) -> Iterator[Finding]:
    for index, check in _strings(checks):
        if not 0 < len(check) <= 2000:
            continue
        path: Path = ("checks", index)
        try:
            words = shlex.split(check)
        except ValueError as error:
            reason = str(error).lower()
            yield Finding(
                "check-syntax", f"{show(check)} is not a command: {reason}", path, "close the quotes"
            )
            continue
        if not words or not words[0]:
            yield Finding("check-syntax", f"{show(check)} names no program", path)
        sign = _shell_sign(check)
        if sign is not None:
            message = f"`{sign}` means nothing here, since checks are run without a shell"
            yield Finding("check-shell", message, path, 'write two checks, or `sh -c "..."`')


def _shell_sign(command: str) -> str | None:
    """The first sign that a shell would act on, outside of quotes."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=_SHELL_SIGNS)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return next((word for word in lexer if word and not word.strip(_SHELL_SIGNS)), None)


def settings_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """Everything that is wrong in `catalog.yaml` beyond the schema."""
    for index, alias in _strings(value.get("aliases")):
        if alias.endswith(".lock"):
            message = f"the alias {show(alias)} ends in `.lock`, which Git does not allow"
            yield Finding("alias-lock", message, ("aliases", index))
    yield from _indexes(_mapping(value.get("indexes")))
    yield from policy_findings(value.get("policy"))
    if value.get("reserved") and not _mapping(value.get("policy")).get("reserved"):
        message = (
            "prefixes are reserved, and `policy.reserved` does not say for whom, so anybody may use them"
        )
        hint = "add `policy: {reserved: {owners: [...]}}`, or `names`"
        yield Finding("reserved-for-nobody", message, ("reserved",), hint, True, "warning")


def _indexes(indexes: dict[str, Any]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, index in indexes.items():
        if name == "default":
            message = "`default` is the name of the machine's own index"
            yield Finding("index-name", message, ("indexes", name), "choose another name", True)
        for position, package in _strings(_mapping(index).get("packages")):
            other = _owner(package, owners, name)
            if other is not None:
                message = f"{show(package)} may come from the index `{name}` and from `{other}`"
                path: Path = ("indexes", name, "packages", position)
                yield Finding("index-overlap", message, path, "a package comes from one index only")
        for _, package in _strings(_mapping(index).get("packages")):
            owners.setdefault(package, name)


def _owner(package: str, owners: dict[str, str], name: str) -> str | None:
    """The index that a package or prefix was given to before."""
    if package in owners:
        return owners[package] if owners[package] != name else None
    for other, index in owners.items():
        if index != name and (_covers(other, package) or _covers(package, other)):
            return index
    return None


def _covers(pattern: str, package: str) -> bool:
    return pattern.endswith("*") and re.sub(r"\*\Z", "", package).startswith(pattern[:-1])
