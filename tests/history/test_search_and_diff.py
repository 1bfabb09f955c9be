"""`search`, `diff` with inherited packages and sizes, and `plan --since`."""

from __future__ import annotations

import pytest

from envcatalog.catalog.history.wanted import read_wanted
from envcatalog.model.errors import UserError
from history.light import Light
from support.catalogs import git


def family(light: Light) -> None:
    light.put("base", {"urllib3": "1.26.5"}, debs={"libssl3": "3.0.14-1~deb12u2"})
    light.put("child", {"alpha": "1.0"}, base="base")
    light.put("grandchild", {"beta": "1.0"}, base="child")
    light.put("apart", {"urllib3": "2.3.0"}, more="aliases: {prod: 1}\n")
    light.commit("Add all")


def found(light: Light, *arguments: str) -> list[tuple[str, int | None, str, str | None]]:
    done = light.run("search", *arguments, "--format", "json")
    rows = done.json["matches"]
    assert done.code == (0 if rows else 1), done.err
    return [(row["environment"], row["version"], row["installed"], row["inherited_from"]) for row in rows]


def test_the_question_of_a_cve_day(light: Light) -> None:
    family(light)
    inherited = [("base", None, "1.26.5", None)] + [
        (n, None, "1.26.5", "base") for n in ("child", "grandchild")
    ]
    assert found(light, "urllib3<2.2") == inherited
    assert found(light, "URLlib3") == [("apart", None, "2.3.0", None), *inherited]
    assert found(light, "urllib3>=3") == []
    assert found(light, "libssl3<3.0.15", "--deb")[0] == ("base", None, "3.0.14-1~deb12u2", None)
    assert found(light, "libssl3<3.0.15") == found(light, "libssl3<<3.0.15-1", "--deb")
    assert found(light, "libssl3>=3.0.15") == found(light, "libssl3", "--python") == []
    assert light.run("search", "urllib3<2.2").out == (
        "base        urllib3  1.26.5  linux/amd64\n"
        "child       urllib3  1.26.5  linux/amd64  from base\n"
        "grandchild  urllib3  1.26.5  linux/amd64  from base\n"
        "3 environments, 4 locks searched\n"
    )


def test_old_versions_and_aliases(light: Light) -> None:
    family(light)
    light.version("child")
    light.version("apart")
    light.put("base", {"urllib3": "2.5.0"})
    light.put("child", {"alpha": "1.0"}, base="base")
    light.put("apart", {"urllib3": "2.4.0"}, more="aliases: {prod: 1}\n")
    light.commit("Upgrade")
    light.version("child")
    light.version("apart")
    assert found(light, "urllib3", "--all-versions") == [
        ("apart", 1, "2.3.0", None),
        ("apart", 2, "2.4.0", None),
        ("child", 1, "1.26.5", "base"),
        ("child", 2, "2.5.0", "base"),
    ]
    assert found(light, "urllib3", "--alias", "prod") == [("apart", 1, "2.3.0", None)]
    assert light.said("search", "urllib3", "--alias", "pord") == (
        "error: the catalog has no alias `pord`\nhint: did you mean `prod`?\n"
    )
    assert light.said("search", "urllib3", "--alias", "x\n") == (
        "error: the catalog has no alias `x\\n`\nhint: `aliases` in `catalog/catalog.yaml` lists them\n"
    )
    assert light.said("search", "urllib3", "--alias", "prod", "--all-versions") == (
        "error: `--all-versions` and `--alias` exclude each other\nhint: choose one\n"
    )


def test_what_cannot_be_searched_is_said(light: Light) -> None:
    family(light)
    (light.root / "catalog/apart/lock.json").write_text('{"urllib3": "\\u0075", "x": ["urllib3"]}')
    (light.root / "catalog/child/lock.json").unlink()
    done = light.run("search", "gamma")
    assert done.code == 2
    assert done.err == (
        "warning: `apart` was not searched: `catalog/apart/lock.json` is not a valid lock at `format`: "
        "it is not a whole number\n"
        "warning: `child` was not searched: it is not locked\n"
    )


@pytest.mark.parametrize("wanted", ["urllib3", "urllib3>2"])
def test_a_version_that_is_no_text_is_a_lock_that_was_not_searched(light: Light, wanted: str) -> None:
    family(light)
    path = light.root / "catalog/apart/lock.json"
    path.write_text(path.read_text().replace('"version": "2.3.0"', '"version": 23'))
    assert (
        "warning: `apart` was not searched: `catalog/apart/lock.json` is not a valid lock at "
        "`platforms.linux/amd64.wheels[0].version`: it is not a string"
    ) in light.run("search", wanted).err.splitlines()


def test_an_escaped_name_is_found(light: Light) -> None:
    family(light)
    path = light.root / "catalog/apart/lock.json"
    path.write_text(path.read_text().replace('"name": "urllib3"', '"name": "urll\\u0069b3"'))
    assert found(light, "urllib3>2") == [("apart", None, "2.3.0", None)]


@pytest.mark.parametrize(
    ("text", "kind", "yes", "no"),
    [
        ("a<2", "python", ("1.9", "1.9rc1"), ("2", "2.1", "2.0rc1")),
        ("a!=1.0", "python", ("1.1",), ("1.0", "1.0.0")),
        ("a~=1.4", "python", ("1.5",), ("2.0",)),
        ("a>=1,<2", "python", ("1.5",), ("2.0", "0.9")),
        ("a<3.0.15", "deb", ("3.0.15~rc1", "3.0.14-1"), ("3.0.15", "3.0.15-1")),
        ("a<<1:2", "deb", ("9.9",), ("1:2",)),
        ("a==1.0", "deb", ("1.0", "1.0-0"), ("1.0-1",)),
        ("a>=1,<<2", "deb", ("1.5-1",), ("2-0",)),
    ],
)
def test_conditions(text: str, kind: str, yes: tuple[str, ...], no: tuple[str, ...]) -> None:
    wanted = read_wanted(text, kind)  # type: ignore[arg-type]
    assert [version for version in (*yes, *no) if wanted.accepts(kind, version)] == list(yes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "<2", "a<", "a b", "a; python_version>'3'", "a @ file:///etc", "a[x]<2", "a" * 300]
)
def test_no_conditions(text: str) -> None:
    with pytest.raises(UserError, match="is no package with a condition on its version"):
        read_wanted(text)


def test_diff_shows_what_is_inherited_and_what_there_is_to_download(light: Light) -> None:
    family(light)
    light.version("grandchild")
    light.put("base", {"urllib3": "2.5.0", "idna": "3.7"}, debs={"libssl3": "3.0.15-1"})
    light.put("child", {"alpha": "1.0"}, base="base")
    light.put("grandchild", {"beta": "0.9"}, base="child")
    done = light.run("diff", "grandchild@1", "grandchild", "--format", "json")
    assert [(row["path"], row["kind"], row["inherited_from"]) for row in done.json["changes"]] == [
        ("apt.libssl3", "upgraded", "base"),
        ("python.packages.beta", "downgraded", None),
        ("python.packages.idna", "added", "base"),
        ("python.packages.urllib3", "upgraded", "base"),
    ]
    assert done.json["sizes"]["download"] == {"linux/amd64": {"before": 3_500_000, "after": 4_500_000}}
    assert light.run("diff", "grandchild").out == (
        "upgraded    apt.libssl3 (from base)              3.0.14-1~deb12u2 -> 3.0.15-1\n"
        "downgraded  python.packages.beta (indirect)      1.0 -> 0.9\n"
        "added       python.packages.idna (from base)     3.7\n"
        "upgraded    python.packages.urllib3 (from base)  1.26.5 -> 2.5.0\n"
        "download    linux/amd64  3.5 MB -> 4.5 MB (+1.0 MB)\n"
    )
    assert "3.5 MB -> 4.5 MB (+1.0 MB)" in light.run("diff", "grandchild", "--format", "markdown").out
    assert light.run("diff", "child@{worktree}", "child@{worktree}").out == "no differences\n"


def planned(light: Light, *arguments: str) -> list[str]:
    done = light.run("plan", *arguments, "--format", "json")
    assert done.code in (0, 1), done.err
    return [row["environment"] for row in done.json["actions"]]


def test_plan_since(light: Light) -> None:
    family(light)
    start = git(light.root, "rev-parse", "HEAD")
    assert planned(light, "--since", start) == []
    light.put("apart", {"urllib3": "2.4.0"})
    light.commit("Edit apart")
    assert planned(light, "--since", start) == ["apart"]
    assert planned(light, "--since", "HEAD") == []
    light.put("child", {"alpha": "2.0"}, base="base")  # not committed
    assert sorted(planned(light, "--since", start)) == ["apart", "child", "grandchild"]
    assert planned(light, "apart", "--since", start) == ["apart"]
    git(light.root, "checkout", "-q", ".")
    light.put("new", {"alpha": "2.0"})  # not even added
    assert planned(light, "--since", "HEAD") == ["new"]
    (light.root / "catalog/catalog.yaml").write_text("aliases: [staging]\n")
    assert sorted(planned(light, "--since", "HEAD")) == ["apart", "base", "child", "grandchild", "new"]
    assert light.said("plan", "--since", "nothing") == "error: no commit, branch or tag is called `nothing`\n"


def test_plan_since_runs_no_filter(light: Light) -> None:
    family(light)
    mark = light.root.parent / "ran"
    (light.root / ".gitattributes").write_text("*.yaml filter=evil\n")
    light.commit("Attributes")
    for key in ("clean", "process", "smudge"):
        git(light.root, "config", f"filter.evil.{key}", f"touch {mark}")
    git(light.root, "config", "filter.evil.required", "true")
    git(light.root, "config", "filter.a=b.clean", f"touch {mark}")
    for switch in ("filter.a=b.clean", None):
        path = light.root / "catalog/apart/environment.yaml"
        path.write_text(path.read_text().replace("For a test", "For a tset"))  # as long as before
        assert planned(light, "--since", "HEAD") == ["apart"]
        if switch:
            git(light.root, "config", "--unset", switch)
    assert not mark.exists()


def test_an_alias_or_tag_that_leads_nowhere_is_no_all_clear(light: Light) -> None:
    light.put("web", {"flask": "1"}, more="aliases: {staging: 9}\n")
    light.commit()
    light.version("web")
    alias = light.run("search", "flask", "--alias", "staging")
    assert (alias.code, alias.out, alias.err) == (
        2,
        "0 environments, 0 locks searched\n",
        "warning: `web@9` was not searched: `staging` names it, and there is no such version here\n",
    )
    git(light.root, "tag", "web@2")
    every = light.run("search", "urllib3", "--all-versions")
    assert (every.code, every.out, every.err) == (
        2,
        "0 environments, 1 lock searched\n",
        "warning: `web@2` was not searched: its tag is a lightweight tag of a commit\n",
    )


def test_versions_that_are_equal_are_neither_up_nor_down(light: Light) -> None:
    light.put("web", {"flask": "1.0", "six": "1"})
    light.commit()
    light.version("web")
    light.put("web", {"flask": "1.0.0", "six": "1!0.1"})
    assert light.run("diff", "web").out.splitlines()[:2] == [
        "changed   python.packages.flask (indirect)  1.0 -> 1.0.0",
        "upgraded  python.packages.six (indirect)    1 -> 1!0.1",
    ]


def test_nothing_found_says_whether_the_name_is_known(light: Light) -> None:
    """An all-clear of a typing error is none."""
    light.put("web", {"urllib3": "2.2.1", "ruamel-yaml": "0.17"}, debs={"libssl3": "3.0.13"})
    near = light.run("search", "urlib3<2.5")
    assert (near.code, near.err) == (
        1,
        "note: no lock on disk holds a package `urlib3`; did you mean `urllib3`?\n",
    )
    assert light.run("search", "numpy").err == "note: no lock on disk holds a package `numpy`\n"
    for known in ("urllib3<2", "Ruamel_YAML<0.1", "libssl3<3", "license:NONE"):
        done = light.run("search", known)
        assert (done.code, done.err) == (1, ""), known


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("flask=2.2.1", True),
        ("flask=2.2", True),
        ("flask = 2", True),
        ("flask=2.2.*", True),
        ("flask=2.3", False),
        ("flask<<2.3", True),
        ("flask>>2.2,<<2.2.1", False),
        ("flask==2.2", False),
        ("flask>=2.2,!=2.2.1", False),
    ],
)
def test_conditions_of_other_tools_are_read_for_wheels_too(light: Light, text: str, is_there: bool) -> None:
    light.put("web", {"flask": "2.2.1"})
    assert [row[0] for row in found(light, text)] == (["web"] if is_there else [])
