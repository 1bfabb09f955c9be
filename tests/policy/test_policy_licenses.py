"""Licences: expressions, lists of what is allowed and banned, and what is not known."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_support import archive, conda, deb, jar, judge, lock_of, wheel

from envcatalog.definition.licenses import is_allowed, is_banned, mentions, read_expression
from envcatalog.model.lock import Artefact, Known


@pytest.mark.parametrize(
    ("expression", "banned"),
    [
        ("X", True), ("x", True), ("", False), ("A", False), ("A OR X", False), ("X OR Y-1", True), ("A AND X", True),
        ("(A OR X) AND B", False), ("(A AND X) OR (B AND Y-2)", True), ("X WITH exception", True),
        ("A or (B and X)", False), ("X, a licence of ours", False), ("(", False), ("X AND", False), ("()" * 25, False),
        ("(" * 50 + "X" + ")" * 50, True), ("(" * 51 + "X" + ")" * 51, False), ("(X", False), ("X)", False),
        # a choice that is not banned stays one, whatever stands first
        ("Y-1 OR A", False), ("Y-1 and more", True), ("A OR WITH", False), ("A WITH X", False),
    ],
)  # fmt: skip
def test_banned_expressions(expression: str, banned: bool) -> None:
    assert is_banned(expression, ("X", "Y-*")) is banned


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True), ("mit", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False), ("MIT AND (bsd-3-clause OR GPL-3.0-only)", True), ("", False),
        ("MIT WITH exception", True), ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("gpl-2.0-only with classpath-exception-2.0", True), ("GPL-2.0-only WITH other", False),
        ("GPL-2.0-only", False),
        ("The Python License", True), (" the  python license", True), ("The Python License 2", False),
        # a star does not stretch over what is no expression
        ("BSD-3-Clause, and GPL-3.0-only", False), ("BSD-3-Clause/GPL-3.0-only", False), ("BSD-like", True),
        ("MIT AND", False), ("MIT)", False), ("(MIT", False),
    ],
)  # fmt: skip
def test_allowed_expressions(expression: str, allowed: bool) -> None:
    patterns = ("MIT", "BSD-*", "GPL-2.0-only WITH Classpath-exception-2.0", "The Python License")
    assert is_allowed(expression, patterns) is allowed


@pytest.mark.parametrize(
    "license_", ["GPL-3.0", "GPL-3.0+", "GPL-3.0-only", "GPL-3.0-or-later", "gpl-3.0-ONLY"]
)
def test_one_pattern_fits_old_and_new_names(license_: str) -> None:
    assert is_banned(license_, ("GPL-3.0*",))
    assert not is_banned("L" + license_, ("GPL-3.0*",))
    assert is_banned(license_, ("GPL-3.0",)) is (license_ == "GPL-3.0")


def test_an_exception_may_be_allowed_where_its_licence_is_banned() -> None:
    whole = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert is_banned(whole, ("GPL-*",))
    assert not is_banned(whole.upper(), ("GPL-*",), (whole,))
    assert is_banned("GPL-2.0-only WITH other", ("GPL-*",), (whole,))
    assert not is_banned("GPL-2.0-only", (whole,))


LEAVES = st.sampled_from(("A", "B", "C", "X", "Y", "Z"))
TREES = st.recursive(
    LEAVES,
    lambda parts: st.tuples(st.sampled_from(("AND", "OR")), st.lists(parts, min_size=2, max_size=3)),
    max_leaves=9,
)


def written(tree: object, *, inside: str = "") -> str:
    """An expression with no more brackets than it needs."""
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    operator, parts = tree
    text = f" {operator} ".join(written(part, inside=operator) for part in parts)
    return f"({text})" if inside == "AND" and operator == "OR" else text


def true(tree: object, leaves: frozenset[str]) -> bool:
    """Whether it holds, if these leaves do."""
    if isinstance(tree, str):
        return tree in leaves
    assert isinstance(tree, tuple)
    return (all if tree[0] == "AND" else any)(true(part, leaves) for part in tree[1])


@given(TREES, st.frozensets(LEAVES))
def test_expressions_are_read_as_python_reads_them(tree: object, listed: frozenset[str]) -> None:
    text, patterns = written(tree), tuple(sorted(listed))
    others = frozenset("ABCXYZ") - listed
    assert is_allowed(text, patterns) is true(tree, listed)
    assert is_banned(text, patterns) is not true(tree, others)
    assert mentions(text, patterns) is bool(listed & set(re.findall(r"\b[ABCXYZ]\b", text)))


@given(st.text(alphabet="AX() andorwith,+/-", max_size=40))
def test_any_text_is_judged(text: str) -> None:
    is_allowed(text, ("A*", "X"))
    is_banned(text, ("A*", "X"))
    if read_expression(text) is None:
        assert is_allowed(text, ("A*",)) is False


DEMO = """\
name: demo
base: {debian: bookworm}
python:
  version: "3.11"
  packages: ["alpha>=1"]
"""
SPARK = """\
name: demo
base: {debian: bookworm}
python: {version: "3.11"}
conda: {channels: [own], packages: [viewer]}
spark:
  version: "3.5"
  packages: ["org.example:fast_2.12:1.0"]
  jars: [own.jar]
"""
SPARK_FOUND = """\
demo/environment.yaml:3:1+6 error policy-licenses: the licence of `py4j` is not known
  hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`
demo/environment.yaml:4:26+8 error policy-licenses: `zlib` has the licence `Zlib`, which is banned
  hint: exclude it, or replace the package that brings it; then run `envcat lock`
demo/environment.yaml:4:37+6 error policy-licenses: `viewer` has the licence `GPL-3.0-only`, which is banned
demo/environment.yaml:6:12+5 error policy-licenses: `pyspark` has the licence `GPL-3.0-only`, which is banned
demo/environment.yaml:7:3+8 error policy-licenses: the licence of `org.example:slow` is not known
  hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`
demo/environment.yaml:7:14+27 error policy-licenses: the licence of `org.example:fast_2.12` is not known
  hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`
demo/environment.yaml:8:10+7 error policy-licenses: the licence of `own.jar` is not known
  hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`
"""
BASIC = "policy:\n  licenses:\n    "


def told(license_: str) -> Known:
    """A licence."""
    return Known(license=license_)


def demo(rule: str, *artefacts: Artefact, known: dict[str, Known] | None = None, text: str = DEMO) -> str:
    """What the rule says of an environment with these artefacts."""
    locks = {"demo": lock_of(text, *artefacts, known=known)}
    return judge(f"{BASIC}{rule}\n", {"demo": text}, locks, more={"catalog/demo/own.jar": b"own.jar"})


def test_what_is_asked_for_and_what_comes_with_it() -> None:
    known = {
        "alpha": told("MIT"),
        "beta": told("GPL-3.0-only OR AGPL-3.0-only"),
        "gamma": told("MIT OR AGPL-3.0-only"),
    }
    wheels = (wheel("alpha", "1.0"), wheel("beta", "1.0"), wheel("gamma", "1.0"))
    assert demo("{allowed: [MIT, BSD-*], reason: Ask legal}", *wheels, known=known) == (
        "demo/environment.yaml:5:3+8 error policy-licenses: `beta` has the licence `GPL-3.0-only OR AGPL-3.0-only`, "
        "which is not allowed: Ask legal\n  hint: the policy allows `MIT` and `BSD-*`\n"
    )
    assert demo("{banned: [mit, AGPL-3.0*]}", *wheels, known=known) == (
        "demo/environment.yaml:5:3+8 error policy-licenses: `gamma` has the licence `MIT OR AGPL-3.0-only`, which is "
        "banned\n  hint: exclude it, or replace the package that brings it; then run `envcat lock`\n"
        "demo/environment.yaml:5:14+10 error policy-licenses: `alpha` has the licence `MIT`, which is banned\n"
    )
    assert demo("{allowed: [MIT, 'GPL-*']}", *wheels, known=known) == ""
    assert demo("{allowed: [ISC]}", *wheels) == ""  # nothing is known
    assert "which is banned" in demo("{allowed: [ISC], banned: [MIT]}", *wheels, known=known)


def test_every_kind_of_package_but_debian() -> None:
    artefacts = (
        deb("libc6", "2.36-9"), wheel("py4j", "0.10"), archive("pyspark", "3.5.3"), jar("org.example:fast_2.12", "1.0"),
        jar("org.example:slow", "1.0"), jar("own.jar"), conda("viewer", "1.0", "GPL-3.0-only"),
        conda("zlib", "1.3", "Zlib"),
    )  # fmt: skip
    known = {"libc6": told("GPL-3.0-only"), "pyspark": told("GPL-3.0-only"), "py4j": told("")}
    assert (
        demo("{banned: [GPL-*, Zlib], unknown: refuse}", *artefacts, known=known, text=SPARK) == SPARK_FOUND
    )
    # with exceptions for each of them, a jar's too, all is well
    names = ("org.example:fast_2.12", "org.example:slow", "own.jar", "py4j", "pyspark", "viewer", "zlib")
    exceptions = "".join(
        f"\n    - {{environment: demo, rule: licenses, package: '{name}', until: 2026-12-31, reason: Agreed}}"
        for name in names
    )
    rule = "{banned: [GPL-*, Zlib], unknown: refuse}\n  exceptions:" + exceptions
    assert demo(rule, *artefacts, known=known, text=SPARK) == ""
    assert "`zlib`" in demo(
        rule.replace("package: 'zlib'", "package: 'zlibng'"), *artefacts, known=known, text=SPARK
    )


def test_what_is_not_known_may_be_refused() -> None:
    wheels = (wheel("alpha", "1.0"), wheel("beta", "1.0"))
    assert demo("{unknown: allow}", *wheels) == ""
    # a lock from before locks knew anything: one problem, not one for each package
    assert demo("{unknown: refuse, reason: Ask legal}", *wheels) == (
        "demo/environment.yaml:5:3+8 error policy-licenses: the lock knows the licence of no Python package: "
        "Ask legal\n  hint: run `envcat lock demo`\n"
    )
    # one was asked in vain, the other never
    assert demo("{unknown: refuse}", *wheels, known={"alpha": Known(installed=5)}) == (
        "demo/environment.yaml:5:3+8 error policy-licenses: the licence of `beta` is not known\n"
        "  hint: run `envcat lock demo`\n"
        "demo/environment.yaml:5:14+10 error policy-licenses: the licence of `alpha` is not known\n"
        "  hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`\n"
    )
    assert demo("{unknown: refuse}", deb("libc6", "2.36-9")) == ""
    assert judge(BASIC + "{unknown: refuse}\n", {"demo": DEMO}) == ""  # not locked yet


def test_a_parents_packages_are_judged_at_the_parent() -> None:
    child = 'name: child\nbase: {environment: demo}\npython: {version: "3.11", packages: [beta]}\n'
    locks = {
        "demo": lock_of(DEMO, wheel("alpha", "1.0"), known={"alpha": told("AGPL-3.0-only")}),
        "child": lock_of(child, wheel("beta", "1.0"), known={"beta": told("MIT")}),
    }
    definitions = {"demo": DEMO, "child": child}
    assert judge(BASIC + "{allowed: [MIT]}\n", definitions, locks) == (
        "demo/environment.yaml:5:14+10 error policy-licenses: `alpha` has the licence `AGPL-3.0-only`, which is not "
        "allowed\n  hint: the policy allows `MIT`\n"
    )
    for rule in ("{allowed: [MIT]}", "{allowed: [MIT], unknown: refuse}"):
        assert judge(f"{BASIC}{rule}\n", definitions, locks, names=("child",)) == ""


def test_problems_at_one_place_come_in_the_same_order_each_time() -> None:
    names = [f"p{number:02}" for number in range(20)]
    wheels = [wheel(name, "1.0") for name in names]
    found = demo("{banned: [MIT]}", *wheels, known=dict.fromkeys(names, told("MIT")))
    assert re.findall("`(p[0-9]+)`", found) == names


def test_many_allowed_licences_are_not_all_shown() -> None:
    allowed = [f"L-{number}" for number in range(30)]
    found = demo(f"{{allowed: {json.dumps(allowed)}}}", wheel("alpha", "1.0"), known={"alpha": told("MIT")})
    assert found.endswith("`L-18`, `L-19` and 10 more\n")


def test_installed_sizes() -> None:
    def sized(rule: str, known: dict[str, Known]) -> str:
        lock = lock_of(DEMO, wheel("alpha", "1.0"), wheel("beta", "1.0"), known=known)
        return judge(f"policy:\n  size: {rule}\n", {"demo": DEMO}, {"demo": lock})

    place = "demo/environment.yaml:5:3+8"
    both = {"alpha": Known(installed=6_000_000), "beta": Known(installed=3_000_000)}
    assert sized("{installed: 9MB}", both) == ""
    assert sized("{installed: 8MB, download: 1kB, reason: Small disks}", both) == (
        f"{place} error policy-size: the locked files of linux/amd64 are 2.0 kB, and at most 1.0 kB are allowed: "
        "Small disks\n"
        f"{place} error policy-size: the locked files of linux/amd64 take 9.0 MB when unpacked, and at most 8.0 MB are "
        "allowed: Small disks\n"
    )
    one = {"alpha": both["alpha"]}
    assert sized("{installed: 5MB}", one) == (
        f"{place} error policy-size: the locked files of linux/amd64 take at least 6.0 MB when unpacked, and at most "
        "5.0 MB are allowed\n"
    )
    warning = (
        f"{place} warning policy-size: the installed size for linux/amd64 cannot be judged: "
        "it is not known of 1 of 2 files\n"
    )
    assert sized("{installed: 6MB}", one) == warning + "  hint: run `envcat lock demo`\n"
    assert sized("{installed: 6MB}", {**one, "beta": Known()}) == warning


def test_rules_that_ask_for_nothing_or_for_both() -> None:
    assert judge("policy:\n  size: {reason: x}\n  licenses: {reason: x}\n", {}) == (
        "catalog.yaml:2:3+4 error policy-empty: `policy.size` asks for nothing\n  hint: add `download` or `installed`\n"
        "catalog.yaml:3:3+8 error policy-empty: `policy.licenses` asks for nothing\n"
        "  hint: add `allowed` or `banned` or `unknown`\n"
    )
    assert judge(BASIC + '{allowed: ["MIT OR ISC", ISC], banned: [isc, "GPL-2.0-only WITH x*"]}\n', {}) == (
        "catalog.yaml:3:16+12 error policy-license: `MIT OR ISC` joins licences\n  hint: list each of them by itself\n"
        "catalog.yaml:3:45+3 error policy-license: `isc` is both allowed and banned\n  hint: keep one\n"
    )
