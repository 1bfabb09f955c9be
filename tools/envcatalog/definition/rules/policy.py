"""`policy:` of `catalog.yaml`: what is wrong with it beyond the schema, and its values as the model's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from envcatalog.definition.finding import Finding, Path, show
from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.definition.requirements import Refused, Requirement, read_requirement
from envcatalog.definition.rules.deprecation import is_day
from envcatalog.model.policy import (
    BaseRule,
    LicensesRule,
    LimitRule,
    OwnersRule,
    PackageRule,
    PlainRule,
    Policy,
    PolicyException,
    ReservedRule,
    SizeRule,
)

_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_WITH_PACKAGES = ("banned", "required", "pinned", "licenses")
_KINDS = ("package", "deb", "conda")


def policy_findings(policy: Any) -> Iterator[Finding]:
    """What is wrong; values of a wrong shape are passed over, since the schema refuses them."""
    if not isinstance(policy, dict):
        return
    for key in ("banned", "required"):
        for index, item in _mappings(policy.get(key)):
            yield from _package(item, ("policy", key, index))
    yield from _asks_something(policy.get("size"), "size", ("download", "installed"))
    yield from _asks_something(policy.get("licenses"), "licenses", ("allowed", "banned", "unknown"))
    yield from _licenses(policy.get("licenses"))
    seen: set[tuple[object, ...]] = set()
    for index, item in _mappings(policy.get("exceptions")):
        yield from _exception(item, ("policy", "exceptions", index), seen)


def policy_from_value(value: Mapping[str, Any]) -> Policy:
    """The policy of a value that the schema and `policy_findings` accept."""
    return Policy(
        base=_lists(BaseRule, value.get("base")),
        banned=tuple(_package_rule(item) for item in value.get("banned", ())),
        required=tuple(_package_rule(item) for item in value.get("required", ())),
        pinned=_lists(PlainRule, value.get("pinned")),
        owners=_lists(OwnersRule, value.get("owners")),
        size=_size(value.get("size")),
        growth=_growth(value.get("growth")),
        reserved=_lists(ReservedRule, value.get("reserved")),
        secrets=_lists(PlainRule, value.get("secrets")),
        licenses=_lists(LicensesRule, value.get("licenses")),
        exceptions=tuple(PolicyException(**item) for item in value.get("exceptions", ())),
    )


def _mappings(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))


def _package(item: dict[str, Any], path: Path) -> Iterator[Finding]:
    if len([key for key in _KINDS if key in item]) != 1:
        message = f"`policy.{path[1]}[{path[2]}]` must have exactly one of `package`, `deb` and `conda`"
        yield Finding("policy-package", message, path, "", True)
        return
    if isinstance(item.get("conda"), str):
        yield from _conda(item["conda"], (*path, "conda"))
        return
    text = item.get("package")
    if not isinstance(text, str) or not 0 < len(text) <= 256:
        return
    found = read_requirement(text)
    if isinstance(found, Refused):
        yield Finding("policy-package", f"{show(text)} {found.message}", (*path, "package"), found.hint)
    elif found.extras or found.marker:
        message = f"{show(text)} has extras or a marker, which mean nothing here"
        yield Finding("policy-package", message, (*path, "package"), f"write `{found.name}{found.specifier}`")


def _conda(text: str, path: Path) -> Iterator[Finding]:
    if not 0 < len(text) <= 256:
        return
    found = read_spec(text)
    if isinstance(found, Refused):
        yield Finding("policy-package", f"{show(text)} {found.message}", path, found.hint)
    elif found.build or found.channel:
        message = f"{show(text)} has a build or a channel, which mean nothing here"
        yield Finding("policy-package", message, path, "write a name and versions, such as `numpy>=2`")


def _asks_something(rule: Any, name: str, keys: tuple[str, ...]) -> Iterator[Finding]:
    if isinstance(rule, dict) and not any(key in rule for key in keys):
        hint = f"add {' or '.join(f'`{key}`' for key in keys)}"
        yield Finding("policy-empty", f"`policy.{name}` asks for nothing", ("policy", name), hint, True)


def _licenses(rule: Any) -> Iterator[Finding]:
    listed_in: dict[str, str] = {}
    for key in ("allowed", "banned") if isinstance(rule, dict) else ():
        items = rule.get(key)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, str):
                continue
            path: Path = ("policy", "licenses", key, index)
            if not {"AND", "OR"}.isdisjoint(item.upper().split(" ")):
                message = f"{show(item)} joins licences"
                yield Finding("policy-license", message, path, "list each of them by itself")
            if listed_in.setdefault(item.casefold(), key) != key:
                message = f"{show(item)} is both allowed and banned"
                yield Finding("policy-license", message, path, "keep one")


def _exception(item: dict[str, Any], path: Path, seen: set[tuple[object, ...]]) -> Iterator[Finding]:
    until = item.get("until")
    if isinstance(until, str) and len(until) == 10 and until.isascii() and not is_day(until):
        yield Finding("policy-until", f"`until` is {show(until)}, and there is no such day", (*path, "until"))
    reason = item.get("reason")
    if isinstance(reason, str) and reason and not reason.strip():
        yield Finding("policy-reason", "`reason` is empty", (*path, "reason"), "say why in one line")
    rule, package = item.get("rule"), item.get("package")
    if package is not None and isinstance(rule, str) and rule not in _WITH_PACKAGES:
        message = f"the rule {show(rule)} is not about packages"
        yield Finding("policy-package", message, (*path, "package"), "leave the key out", True)
    key = (item.get("environment"), rule, package)
    if all(isinstance(part, str) or part is None for part in key):
        if key in seen:
            yield Finding("policy-repeated", "this exception is here twice", path, "keep one")
        seen.add(key)


def _package_rule(item: Mapping[str, str]) -> PackageRule:
    reason = item.get("reason", "")
    if "deb" in item:
        return PackageRule(name=item["deb"], debian=True, reason=reason)
    if "conda" in item:
        spec = read_spec(item["conda"])
        assert isinstance(spec, MatchSpec), spec
        return PackageRule(name=spec.name, conda=True, specifier=spec.version, reason=reason)
    found = read_requirement(item["package"])
    assert isinstance(found, Requirement), found
    return PackageRule(name=found.name, specifier=found.specifier, reason=reason)


def _size(value: Mapping[str, Any] | None) -> SizeRule | None:
    if value is None:
        return None
    return SizeRule(
        download=_bytes(value["download"]) if "download" in value else None,
        installed=_bytes(value["installed"]) if "installed" in value else None,
        reason=value.get("reason", ""),
    )


def _bytes(text: str) -> int:
    digits = text.rstrip("kKMGiB")
    return int(digits) * _UNITS[text.removeprefix(digits)]


def _growth(value: Mapping[str, Any] | None) -> LimitRule | None:
    return None if value is None else LimitRule(most=value["percent"], reason=value.get("reason", ""))


def _lists(kind: Any, value: Mapping[str, Any] | None) -> Any:
    """A rule whose fields are the keys of the file."""
    if value is None:
        return None
    return kind(**{key: tuple(item) if isinstance(item, list) else item for key, item in value.items()})
