"""Which files are in a build context, and its digest."""

from __future__ import annotations

import pytest

from envcatalog.formats.docker.context import context_digest, read_context
from envcatalog.formats.docker.dockerignore import read_dockerignore
from envcatalog.model.environment import Dockerfile
from envcatalog.model.errors import Refusal
from envcatalog.model.files import FolderFile

FILES = (
    "a.txt",
    "b.md",
    "docs/readme.md",
    "docs/x/y.md",
    "src/a.pyc",
    "src/deep/b.pyc",
    "tmp/keep/me",
    "tmp/x",
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", FILES),
        ("# *\n\n", FILES),
        ("*.md\n", ("a.txt", *FILES[2:])),
        ("**/*.md", ("a.txt", *FILES[4:])),
        ("docs", (*FILES[:2], *FILES[4:])),
        ("/docs/", (*FILES[:2], *FILES[4:])),
        ("./docs/../docs", (*FILES[:2], *FILES[4:])),
        ("*\n!docs/**\ndocs/x", ("docs/readme.md",)),
        ("**\n!tmp/keep\n", ("tmp/keep/me",)),
        ("tmp\n!tmp/keep/me", (*FILES[:6], "tmp/keep/me")),
        ("!a.txt\n*.txt", FILES[1:]),
        ("*/*.pyc", (*FILES[:4], *FILES[5:])),
        ("**/[a-b].pyc", (*FILES[:4], *FILES[6:])),
        ("?.[!a-z]*", FILES[2:]),
        ("a+txt\n(a).txt", FILES),
        ("\\a.txt", FILES[1:]),
        (" a.txt \r\n b.md\r\n", FILES[2:]),
    ],
)
def test_what_is_left(text: str, left: tuple[str, ...]) -> None:
    ignore = read_dockerignore(text)
    assert ignore.wrong == ()
    assert tuple(ignore.kept(FILES)) == left


def test_what_means_nothing() -> None:
    assert read_dockerignore("a\n!\n../b\nc[\nd\\\n").wrong == (
        (2, "`!` stands alone"),
        (3, "`../b` is outside of the context, so it matches nothing"),
        (4, "`c[` is not a pattern"),
        (5, "`d\\` is not a pattern"),
    )


def files(**content: str) -> list[FolderFile]:
    return [
        FolderFile(path=path.replace("__", "/"), mode="100644", read=lambda data=data: data.encode())
        for path, data in content.items()
    ]


def digest(mode: str = "100644", **content: str) -> str:
    found = [FolderFile(path=item.path, mode=mode, read=item.read) for item in files(**content)]
    return context_digest(read_context(found, Dockerfile()))


def test_the_digest_is_of_names_modes_and_contents() -> None:
    base = digest(Dockerfile="FROM a", x="1")
    assert digest(x="1", Dockerfile="FROM a") == base
    others = [
        digest(Dockerfile="FROM a", x="2"),
        digest(Dockerfile="FROM a", y="1"),
        digest(Dockerfile="FROM b", x="1"),
        digest("100755", Dockerfile="FROM a", x="1"),
    ]
    assert len({base, *others}) == 5


def test_our_own_files_and_ignored_ones_are_no_part_of_it() -> None:
    found = read_context(
        files(
            Dockerfile="FROM a",
            **{
                "environment.yaml": "1",
                "lock.json": "2",
                ".dockerignore": "Docker*\nz\n",
                "sub__lock.json": "3",
                "z": "",
            },
        ),
        Dockerfile(),
    )
    assert [file.path for file in found.files] == [".dockerignore", "sub/lock.json"]
    assert found.left_out == ("Dockerfile", "z")
    assert found.dockerfile is not None


def test_a_context_below_and_an_ignore_file_of_the_dockerfiles_own() -> None:
    content = files(
        **{
            "d__Dockerfile": "FROM a",
            "d__Dockerfile.dockerignore": "*.txt",
            "c__.dockerignore": "*",
            "c__a.txt": "",
            "c__b": "",
        }
    )
    found = read_context(content, Dockerfile(path="d/Dockerfile", context="c"))
    assert ([file.path for file in found.files], found.ignore_path) == (
        [".dockerignore", "b"],
        "d/Dockerfile.dockerignore",
    )


def test_a_context_in_a_hidden_folder() -> None:
    content = files(**{".hidden__a": "1", "hidden__b": "2", "Dockerfile": "FROM a"})
    found = read_context(content, Dockerfile(context=".hidden"))
    assert ([file.path for file in found.files], found.folder) == (["a"], ".hidden")


def test_names_and_links_that_cannot_be_told() -> None:
    odd = FolderFile(path="a\udcff", mode="100644", read=lambda: b"")
    with pytest.raises(Refusal, match="the file name `a\ufffd` is not UTF-8"):
        read_context([odd], Dockerfile())
    link = FolderFile(path=".dockerignore", mode="120000", read=lambda: b"/etc/passwd")
    with pytest.raises(Refusal, match=r"`\.dockerignore` is a symbolic link"):
        read_context([link], Dockerfile())
