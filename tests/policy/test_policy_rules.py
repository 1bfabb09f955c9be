"""Each rule of a policy, with the exact words and places of what breaks it."""

from __future__ import annotations

import pytest
from policy_support import deb, judge, lock_of, wheel

from envcatalog.definition.policy.subject import Before

DEMO = """\
name: demo
owners: ["@acme/ml"]
base: {debian: bookworm}
apt: [libgomp1]
python:
  version: "3.11"
  packages: ["alpha>=1", "beta==2.0"]
"""
CHILD = """\
name: child
owners: ["@acme/ml"]
base: {environment: demo}
python: {version: "3.11", packages: ["gamma==1"]}
"""
IMAGE = 'name: demo\nbase: {image: "registry.example.com.evil.example/base:1"}\n'
LOCK = lock_of(
    DEMO,
    wheel("alpha", "1.5", 600),
    wheel("beta", "2.0", 300),
    wheel("delta", "0.9", 100),
    deb("libgomp1", "12"),
)

ONE = {"demo": DEMO}
LOCKED = {"demo": LOCK}

CASES = {
    "no policy": ("policy: {}", ONE, LOCKED, ""),
    "allowed": (
        "policy: {base: {debian: [bookworm]}, owners: {minimum: 1, allowed: ['@acme/*']}, size: {download: 2kB}}",
        ONE,
        LOCKED,
        "",
    ),
    "base": (
        "policy: {base: {debian: [trixie], environments: ['curated-*'], reason: Old ones get no fixes.}}",
        {"demo": DEMO, "child": CHILD},
        {},
        "child/environment.yaml:3:21+4 error policy-base: the base `demo` is not allowed: Old ones get no fixes\n"
        "  hint: the policy allows `curated-*`\n"
        "demo/environment.yaml:3:16+8 error policy-base: the base `bookworm` is not allowed: Old ones get no fixes\n"
        "  hint: the policy allows `trixie`\n",
    ),
    "image": (
        "policy: {base: {images: ['registry.example.com/*']}}",
        {"demo": IMAGE},
        {},
        "demo/environment.yaml:2:15+42 error policy-base: the base `registry.example.com.evil.example/base:1` is not "
        "allowed\n  hint: the policy allows `registry.example.com/*`\n",
    ),
    "kind": (
        "policy: {base: {images: ['*']}}",
        ONE,
        {},
        "demo/environment.yaml:3:16+8 error policy-base: the base `bookworm` is not allowed\n"
        "  hint: the policy allows no `debian` as a base\n",
    ),
    "banned by name": (
        "policy: {banned: [{package: Alpha, reason: abandoned}]}",
        ONE,
        {},
        "demo/environment.yaml:7:14+10 error policy-banned: `alpha` is banned: abandoned\n",
    ),
    "banned by locked version": (
        "policy: {banned: [{package: 'alpha<1.6', reason: CVE-2026-1}]}",
        ONE,
        LOCKED,
        "demo/environment.yaml:7:14+10 error policy-banned: `alpha<1.6` is banned, and `1.5` is locked: CVE-2026-1\n",
    ),
    "other versions are not banned": (
        "policy: {banned: [{package: 'alpha<1.5'}, {deb: openssl}]}",
        ONE,
        LOCKED,
        "",
    ),
    "banned pin without a lock": (
        "policy: {banned: [{package: 'beta>=2,<2.1'}]}",
        ONE,
        {},
        "demo/environment.yaml:7:26+11 error policy-banned: `beta<2.1,>=2` is banned\n",
    ),
    "banned but indirect": (
        "policy: {banned: [{package: delta}]}",
        ONE,
        LOCKED,
        "demo/lock.json:39:6+15 error policy-banned: `delta` is banned, and `0.9` is locked\n"
        "  hint: exclude it, or replace the package that brings it; then run `envcat lock`\n",
    ),
    "banned deb": (
        "policy: {banned: [{deb: libgomp1}]}",
        ONE,
        {},
        "demo/environment.yaml:4:7+8 error policy-banned: `libgomp1` is banned\n",
    ),
    "required": (
        "policy: {required: [{package: 'telemetry>=2', reason: we count}, {deb: ca-certificates}, {deb: libgomp1}]}",
        ONE,
        LOCKED,
        "demo/environment.yaml:4:1+3 error policy-required: `ca-certificates` is required\n"
        "  hint: add it to `apt` and run `envcat lock`\n"
        "demo/environment.yaml:7:3+8 error policy-required: `telemetry>=2` is required: we count\n"
        "  hint: add it to `python.packages` and run `envcat lock`\n",
    ),
    "required in another version": (
        "policy: {required: [{package: 'alpha>=2'}, {package: 'delta'}]}",
        ONE,
        LOCKED,
        "demo/environment.yaml:7:14+10 error policy-required: `alpha>=2` is required, and `1.5` is locked\n",
    ),
    "required and inherited": (
        "policy: {required: [{package: 'delta<1'}, {deb: libgomp1}]}",
        {"demo": DEMO, "child": CHILD},
        {"demo": LOCK, "child": lock_of(CHILD, wheel("gamma", "1"))},
        "",
    ),
    "nothing is required of what has no Python": (
        "policy: {required: [{package: x}, {deb: yy}]}",
        {"demo": IMAGE},
        {},
        "",
    ),
    "pinned": (
        "policy: {pinned: {reason: see versions}}",
        ONE,
        {},
        "demo/environment.yaml:7:14+10 error policy-pinned: `alpha>=1` is not pinned to one version: see versions\n"
        "  hint: write `alpha==VERSION`\n",
    ),
    "owners": (
        "policy: {owners: {minimum: 2, allowed: ['@acme/platform', '@other/*']}}",
        ONE,
        {},
        "demo/environment.yaml:2:1+6 error policy-owners: the environment has 1 owner, and needs 2\n"
        "  hint: add `owners`\n"
        "demo/environment.yaml:2:10+10 error policy-owners: the owner `@acme/ml` is not allowed\n"
        "  hint: the policy allows `@acme/platform` and `@other/*`\n",
    ),
    "no owners": (
        "policy: {owners: {reason: CVEs}}",
        {"demo": IMAGE},
        {},
        "demo/environment.yaml:1:1+1 error policy-owners: the environment has no owner: CVEs\n  hint: add `owners`\n",
    ),
    "size": (
        "policy: {size: {download: 1kB, reason: small disks}}",
        {"demo": DEMO, "child": CHILD},
        {"demo": LOCK, "child": lock_of(CHILD, wheel("gamma", "1"))},
        "child/environment.yaml:4:27+8 error policy-size: the locked files of linux/amd64 are 3.0 kB, and at "
        "most 1.0 kB are allowed: small disks\n"
        "demo/environment.yaml:7:3+8 error policy-size: the locked files of linux/amd64 are 2.0 kB, and at "
        "most 1.0 kB are allowed: small disks\n",
    ),
    "reserved": (
        "reserved: [de]\npolicy: {reserved: {names: [demo2], owners: ['@acme/platform'], reason: curated}}",
        ONE,
        {},
        "demo/environment.yaml:1:7+4 error policy-reserved: names that begin with `de` are reserved: curated\n"
        "  hint: choose another name, or add it to `policy.reserved.names` in `catalog/catalog.yaml`\n"
        "demo/environment.yaml:2:1+6 error policy-reserved: names that begin with `de` are reserved for "
        "`@acme/platform`: curated\n",
    ),
    "archived": (
        "policy: {owners: {minimum: 9}, pinned: {}, base: {images: ['*']}}",
        {"demo": DEMO + "archived: true\n"},
        {},
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule(case: str) -> None:
    policy, definitions, locks, expected = CASES[case]
    assert judge(policy, definitions, locks) == expected


GROWTH = "policy: {growth: {percent: 20, reason: ask first}}"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (Before(), ""),
        (Before(version="demo@3", sizes={"linux/amd64": 2000}), ""),
        (Before(version="demo@3", sizes={"linux/arm64": 1}), ""),
        (Before(version="demo@3", sizes={}), ""),
        (
            Before(version="demo@3", sizes={"linux/amd64": 1666}),
            "demo/environment.yaml:7:3+8 error policy-growth: the locked files of linux/amd64 grew from 1.7 kB in "
            "`demo@3` to 2.0 kB, and at most 20 % is allowed: ask first\n",
        ),
        (
            Before(unknown="this clone is shallow"),
            "demo/environment.yaml:7:3+8 warning policy-growth: the growth cannot be judged: this clone is shallow\n",
        ),
    ],
)
def test_growth(before: Before, expected: str) -> None:
    assert judge(GROWTH, ONE, LOCKED, newest=lambda *_: before) == expected


def test_prefixes_that_are_reserved_for_nobody_are_told() -> None:
    said = "catalog.yaml:1:1+8 warning reserved-for-nobody: prefixes are reserved, and `policy.reserved` does not say"
    for policy in ("reserved: [de]", "reserved: [de]\npolicy: {pinned: {}}", "reserved: [de]\npolicy: []"):
        assert said in judge(policy, {"demo": "name: demo\nbase: {debian: bookworm}\n"})
    for policy in ("reserved: []", "reserved: [team-]\npolicy: {reserved: {owners: ['@acme/platform']}}"):
        assert "reserved" not in judge(policy, {"demo": "name: demo\nbase: {debian: bookworm}\n"})


def test_growth_is_not_asked_for_without_the_rule() -> None:
    def never(*_: object) -> Before:
        raise AssertionError

    assert judge("policy: {pinned: {}}", {"demo": IMAGE}, newest=never) == ""
