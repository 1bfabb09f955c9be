"""`log` and `blame`: which version holds which commit, through merges, reverts and other files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from history.light import Light
from support.catalogs import git


def entries(light: Light, *arguments: str) -> list[tuple[str, int | None, str]]:
    done = light.run("log", *arguments, "--commits", "--format", "json")
    assert done.code == 0, done.err
    return [(row["message"], row["version"], row["summary"]) for row in done.json["commits"]]


def story(light: Light) -> None:
    light.day("2026-03-01")
    light.put("demo", {"alpha": "1.0"}, asked=("alpha",))
    light.commit("Add demo")
    light.version("demo", "The first")
    light.day("2026-03-02")
    light.put("other", {"beta": "1.0"})
    light.commit("Add other")
    light.put("demo", {"alpha": "2.0", "gamma": "1.0"}, asked=("alpha",))
    light.commit("Take alpha 2")
    light.day("2026-03-03")
    light.put("demo", {"alpha": "2.0", "gamma": "1.0"}, asked=("alpha",), more="variables: {A: '1'}\n")
    light.commit("Set A")
    light.version("demo")
    light.put(
        "demo",
        {"alpha": "2.0"},
        asked=("alpha",),
        more="variables: {A: '1'}\naliases: {staging: 2, prod: 1}\n",
    )
    light.commit("Drop gamma\n\nand promote")


def test_versions_and_the_commits_between_them(light: Light) -> None:
    story(light)
    assert entries(light, "demo") == [
        ("Drop gamma", None, "-gamma, prod none -> 1, staging none -> 2"),
        ("Set A", 2, "+variables.A"),
        ("Take alpha 2", 2, "alpha 1.0 -> 2.0, +gamma 1.0"),
        ("Add demo", 1, "added"),
    ]
    assert [row[0] for row in entries(light, "demo", "--limit", "1")] == [
        "Drop gamma",
        "Set A",
        "Take alpha 2",
    ]
    assert [row[0] for row in entries(light, "demo@1")] == ["Add demo"]
    assert [row[0] for row in entries(light, "demo@main~1")] == ["Set A", "Take alpha 2", "Add demo"]
    value = light.run("log", "demo", "--format", "json").json
    assert list(value) == ["versions"]
    assert [(row["version"], row["aliases"], row["signed"]) for row in value["versions"]] == [
        (2, ["staging"], False),
        (1, ["prod"], False),
    ]


def test_the_text(light: Light) -> None:
    story(light)
    ids = git(light.root, "log", "--format=%h", "--abbrev=12", "--", "catalog/demo").split()
    images = [row["image"] for row in light.run("log", "demo", "--format", "json").json["versions"]]
    assert light.run("log", "demo").out == (
        "not published yet\n"
        f"    {ids[0]}  2026-03-03  Ada Example  Drop gamma  [-gamma, prod none -> 1, staging none -> 2]\n"
        "demo@2 (staging)\n"
        f"  image   {images[0]}\n"
        f"  commit  {ids[1]}\n"
        "  by      Ada Example <ada@example.com>, 2026-03-03T12:00:00+00:00\n"
        "  tag     unsigned\n"
        f"    {ids[1]}  2026-03-03  Ada Example  Set A         [+variables.A]\n"
        f"    {ids[2]}  2026-03-02  Ada Example  Take alpha 2  [alpha 1.0 -> 2.0, +gamma 1.0]\n"
        "demo@1 (prod)\n"
        f"  image    {images[1]}\n"
        f"  commit   {ids[3]}\n"
        "  by       Ada Example <ada@example.com>, 2026-03-01T12:00:00+00:00\n"
        "  tag      unsigned\n"
        "  message  The first\n"
        f"    {ids[3]}  2026-03-01  Ada Example  Add demo  [added]\n"
    )


def test_a_commit_of_a_branch_belongs_to_the_version_that_merged_it(light: Light) -> None:
    light.day("2026-03-01")
    light.put("demo", {"alpha": "1.0"})
    light.commit("Add demo")
    git(light.root, "checkout", "-q", "-b", "side")
    light.day("2026-03-02")
    light.put("demo", {"alpha": "1.0", "beta": "1.0"})
    light.commit("Add beta on a branch")
    git(light.root, "checkout", "-q", "main")
    light.day("2026-03-03")
    light.put("demo", {"alpha": "2.0"})
    light.commit("Take alpha 2")
    light.version("demo")  # later than the branch's commit, which it does not hold
    light.day("2026-03-04")
    git(light.root, "merge", "-q", "-s", "ours", "--no-commit", "side")
    light.put("demo", {"alpha": "2.0", "beta": "1.0"})
    light.commit("Merge")
    light.version("demo")
    assert {message: version for message, version, _ in entries(light, "demo")} == {
        "Add demo": 1,
        "Take alpha 2": 1,
        "Add beta on a branch": 2,
        "Merge": 2,
    }
    rows = light.run("blame", "demo", "--format", "json").json["packages"]
    assert [(row["package"], row["since"]["message"], row["since"]["version"]) for row in rows] == [
        ("alpha", "Take alpha 2", 1),
        ("beta", "Add beta on a branch", 2),
    ]


def test_content_that_came_back_is_told_apart(light: Light) -> None:
    for number, version in enumerate(("1.0", "2.0", "1.0", "3.0")):
        light.day(f"2026-03-0{number + 1}")
        light.put("demo", {"alpha": version}, more=f"variables: {{A: '{number}'}}\n")
        light.commit(f"Step {number}")
        light.put("other", {"beta": f"{number}"})
        light.commit("Something else")  # so that the versions' commits touch nothing of `demo`
        light.version("demo")
    assert [row[:2] for row in entries(light, "demo")] == [(f"Step {n}", n + 1) for n in (3, 2, 1, 0)]


def test_other_files_of_the_folder_count(light: Light) -> None:
    light.put("demo", {"alpha": "1.0"})
    light.commit("Add demo")
    (light.root / "catalog/demo/notes.txt").write_text("one")
    light.commit("Add notes")
    assert [row[0] for row in entries(light, "demo")] == ["Add notes", "Add demo"]


def test_broken_and_metadata_only_commits_have_a_line(light: Light) -> None:
    light.day("2026-03-01")
    light.put("demo", {"alpha": "1.0"})
    light.commit("Add demo")
    path = light.root / "catalog/demo/environment.yaml"
    text = path.read_text()
    for number, (message, change) in enumerate(
        (
            ("Describe", text.replace("For a test", "Better")),
            ("Break", "name: [\n"),
            ("Mend", text),
            ("Comment", f"# hello\n{text}"),
        )
    ):
        light.day(f"2026-03-0{number + 2}")
        path.write_text(change)
        light.commit(message)
    assert [row[::2] for row in entries(light, "demo")] == [
        ("Comment", "no change"),
        ("Mend", "definition can be read again"),
        ("Break", "definition has problems"),
        ("Describe", "description"),
        ("Add demo", "added"),
    ]


def test_since_when_a_package_is_here(light: Light) -> None:
    story(light)
    light.put("demo", {"alpha": "2.0", "gamma": "1.0"}, asked=("alpha",))
    light.day("2026-03-05")
    light.commit("Take gamma back")
    rows = light.run("blame", "demo", "--format", "json").json["packages"]
    shown = [
        (
            row["package"],
            row["installed"],
            row["since"]["message"],
            row["since"]["version"],
            row["first"]["message"],
        )
        for row in rows
    ]
    assert shown == [
        ("alpha", "2.0", "Take alpha 2", 2, "Add demo"),
        ("gamma", "1.0", "Take gamma back", None, "Take gamma back"),
    ]
    assert [
        row["package"] for row in light.run("blame", "demo@2", "Gamma", "--format", "json").json["packages"]
    ] == ["gamma"]
    assert light.said("blame", "demo", "delta") == (
        "error: `demo` does not hold `delta` itself\nhint: run `envcat search delta`\n"
    )
    ids = git(light.root, "log", "--format=%h", "--abbrev=12", "--", "catalog/demo").split()
    assert light.run("blame", "demo", "alpha").out == (
        "PACKAGE  INSTALLED  SINCE  COMMIT        DATE        AUTHOR                         FIRST\n"
        f"alpha    2.0        @2     {ids[3]}  2026-03-02  Ada Example <ada@example.com>  @1     2026-03-01\n"
    )


def test_a_shallow_clone_says_so(light: Light) -> None:
    story(light)
    clone = light.root.parent / "clone"
    git(light.root.parent, "clone", "-q", "--depth", "1", f"file://{light.root}", str(clone))
    light.root = clone
    assert light.run("log", "demo").out.endswith(
        "older commits are not in this shallow clone; `git fetch --unshallow --tags` gets them\n"
    )


def test_a_limit_of_none_shows_none(light: Light) -> None:
    light.put("web", {"flask": "1"})
    light.commit()
    light.version("web")
    assert light.run("log", "web", "--limit", "0", "--format", "json").json["versions"] == []


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_signatures_are_checked_where_that_is_asked_for(light: Light, tmp_path: Path) -> None:
    """Unsigned, good, of a stranger's key, and good once but for other words."""
    for who in ("ada", "bob"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / who)]
        subprocess.run(made, check=True)
    (tmp_path / "allowed").write_text(f"ada@example.com {(tmp_path / 'ada.pub').read_text()}")
    git(light.root, "config", "gpg.format", "ssh")
    git(light.root, "config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    for number, signer in enumerate(("", "ada", "bob", "ada")):
        git(light.root, "config", "tag.gpgSign", "true" if signer else "false")
        git(light.root, "config", "user.signingKey", str(tmp_path / signer))
        light.put("web", {"flask": str(number)})
        light.commit()
        light.version("web", "As it was")
    text = git(light.root, "cat-file", "tag", "web@4").replace("As it was", "As it never was") + "\n"
    git(light.root, "update-ref", "refs/tags/web@4", git(light.root, "mktag", "--no-strict", stdin=text))
    rows = light.run("log", "web", "--signatures", "--format", "json").json["versions"]
    assert [row["signature"] for row in rows] == ["bad", "unknown", "good", "unsigned"]
    shown = light.run("log", "web", "--signatures").out
    tags = [line.split(None, 1)[1] for line in shown.splitlines() if line.startswith("  tag ")]
    assert [tag[:60] for tag in tags] == [
        "signed, bad: Could not verify signature.",
        "signed, cannot be judged here: no allowed signer has the ED2",
        "signed, good: ada@example.com, ED25519 key SHA256:" + tags[2][50:60],
        "unsigned",
    ]
    plain = light.run("log", "web", "--limit", "1").out
    assert "  tag      signed (not verified)\n" in plain


def test_what_is_not_committed_has_no_log_yet(light: Light) -> None:
    light.put("web", {"flask": "1"})
    done = light.run("log", "web")
    assert (done.code, done.out) == (0, "no versions or commits to show\n")


def test_blame_of_a_package_that_is_not_there_names_the_nearest(light: Light) -> None:
    light.put("web", {"flask": "1", "six": "1"})
    light.commit()
    assert (
        light.said("blame", "web", "flsk")
        == "error: `web` does not hold `flsk` itself\nhint: did you mean `flask`\n"
    )
    assert light.said("blame", "web", "numpy") == (
        "error: `web` does not hold `numpy` itself\nhint: run `envcat search numpy`\n"
    )
