"""`requirements.txt` as teams have it."""

from __future__ import annotations

import pytest

from envcatalog.model.environment import DebianBase, ImageBase
from envcatalog.model.errors import Refusal
from support.python_imports import imported, lines

INDEX = "packages come from the machine's index, or from `indexes` of `catalog.yaml`"
ADDRESS = "it is an address or a file; a definition names packages of an index"
PROJECT = "it is a project of its own; a definition names packages of an index"
CHOSEN = "requirements.txt:0:  | the file says no Python version; 3.11 was chosen"


def packages(text: str | bytes, files: dict[str, str | bytes] | None = None) -> tuple[str, ...]:
    python = imported("requirements.txt", text, files).environment.python
    assert python is not None
    return python.packages


def notes(text: str | bytes, files: dict[str, str | bytes] | None = None) -> list[str]:
    found = lines(imported("requirements.txt", text, files))
    assert found[0] == CHOSEN
    return [line.removeprefix("requirements.txt:") for line in found[1:]]


def test_the_default_is_the_python_of_debian_bookworm() -> None:
    made = imported("requirements.txt", "numpy==1.26.4\n").environment
    assert made.base == DebianBase(suite="bookworm")
    assert made.python is not None
    assert (made.python.version, made.python.packages) == ("3.11", ("numpy==1.26.4",))
    assert (made.conda, made.managed, made.platforms) == (None, "system", ("linux/amd64",))


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("numpy", "numpy"),
        ("numpy\t==\t1.26.4\t# exact", "numpy==1.26.4"),
        ("numpy\u00a0>= 1.26", "numpy>=1.26"),
        ("numpy == 1.26.4", "numpy==1.26.4"),
        ("pandas >= 2 , < 3  # why", "pandas>=2,<3"),
        ("scipy (>=1.9)", "scipy>=1.9"),
        ("Uvicorn[ standard ] ~= 0.30", "Uvicorn[standard]~=0.30"),
        ("tomli ; python_version < '3.11'", 'tomli; python_version < "3.11"'),
        ("torch==2.1.0+cpu", "torch==2.1.0+cpu"),
        ("pip==24.0 ; python_full_version == '3.9.7'", 'pip==24.0; python_full_version == "3.9.7"'),
        ("zope.interface!=5.0.*", "zope.interface!=5.0.*"),
    ],
)
def test_a_plain_line_is_carried_over(line: str, package: str) -> None:
    assert packages(line) == (package,)
    assert notes(line) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-i https://index.example.com/simple", f"! -i https://index.example.com/simple | {INDEX}"),
        ("--extra-index-url https://ada:secret@h.example.com/s", None),
        ("-f wheels", f"! -f wheels | {INDEX}"),
        ("--find-links=wheels --no-index", f"! --find-links=wheels --no-index | {INDEX}"),
        ("--pre", "! --pre | a definition asks for a pre-release by naming one, as in `>=2.0rc1`"),
        ("--prefer-binary", " --prefer-binary | only wheels are installed, whatever the file says"),
        ("--require-hashes", " --require-hashes | the lock holds the sha256 of every file"),
        ("--frobnicate", "! --frobnicate | it is an option of pip, and wheels are installed without pip"),
        ("-e .", f"! -e . | {PROJECT}"),
        ("-e git+https://git.example.com/a.git#egg=a", None),
        (".", f"! . | {ADDRESS}"),
        ("./libs/mine", f"! ./libs/mine | {ADDRESS}"),
        ("libs\\mine-1.0-py3-none-any.whl", f"! libs\\mine-1.0-py3-none-any.whl | {ADDRESS}"),
        ("git+ssh://git@git.example.com/a.git", None),
        ("https://files.example.com/a-1.0.tar.gz", f"! https://files.example.com/a-1.0.tar.gz | {ADDRESS}"),
        (
            "mine @ https://files.example.com/mine-1.0-py3-none-any.whl",
            "! mine @ https://files.example.com/mine-1.0-py3-none-any.whl"
            " | it is installed from an address; a definition names packages of an index",
        ),
        (
            "numpy=1.21",
            "! numpy=1.21 | it is a package of conda, not a requirement of pip",
        ),
        (
            "pywin32==306; sys_platform == 'win32'",
            " pywin32==306; sys_platform == 'win32' | its marker never holds in a Linux image",
        ),
        (
            "mine==${VERSION}",
            "! mine==${VERSION} | a variable of the machine's environment stands in it; nothing is read from there",
        ),
        ("mine=={{ version }}", "! mine=={{ version }} | it is a part of a template; fill it in first"),
        ("these are words", "! these are words | it is not a requirement"),
        ("mine===1\x83", "! mine===1\\x83 | it has an invisible character"),
        ("mine===1\u202e", "! mine===1\\u202e | it has an invisible character"),
        (
            "pkg-resources==0.0.0",
            " pkg-resources==0.0.0 | Debian's pip lists it, and there is no such package",
        ),
    ],
)
def test_a_line_that_does_not_fit_is_noted(line: str, reason: str | None) -> None:
    found = notes(f"six\n\n{line}\n")
    assert len(found) == 1
    assert found[0].startswith("3:")
    if reason is not None:
        assert found == [f"3:{reason}"]
    assert "secret" not in found[0]
    assert packages(f"six\n\n{line}\n") == ("six",)


def test_a_folder_that_conda_built_in_says_the_name_alone() -> None:
    line = "numpy @ file:///home/conda/feedstock_root/build_artifacts/numpy_1651020388495/work"
    assert packages(f"six==1.16.0\n{line}") == ("six==1.16.0", "numpy")
    assert notes(f"six==1.16.0\n{line}") == [
        f"2:! {line} | it is the folder that conda's `numpy` was built in, which says no version;"
        " carried over as `numpy`"
    ]


def test_an_old_wildcard_means_the_same_without_it() -> None:
    assert packages("a>=1.2.*") == ("a>=1.2",)
    assert notes("a>=1.2.*") == [
        "1: a>=1.2.* | `.*` goes with `==` and `!=` only; it means the same without it; carried over as `a>=1.2`"
    ]


def test_two_lines_of_one_package_become_one() -> None:
    text = "pandas>=2\nPandas[excel]<3\npandas>=2\npandas==1.5; python_version<'3.9'\n"
    assert packages(text) == ("pandas[excel]>=2,<3", 'pandas==1.5; python_version < "3.9"')
    assert notes(text) == [
        "2: Pandas[excel]<3 | `Pandas` is also in line 1; carried over as `pandas[excel]>=2,<3`"
    ]


def test_hashes_over_many_lines() -> None:
    text = (
        "six==1.16.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via mine\n"
        "idna==3.7 --hash=sha256:cc\nattrs\n"
    )
    assert packages(text) == ("six==1.16.0", "idna==3.7", "attrs")
    assert notes(text) == [
        "1: six==1.16.0 --hash=sha256:aa     --hash=sha256:bb | the hashes of 2 requirements, of which this is"
        " the first, are not in a definition; the lock holds those of the files it chooses"
    ]


def test_options_of_one_requirement_are_noted_and_it_is_kept() -> None:
    text = 'mine==1 --global-option="--fast" --no-deps\n'
    assert packages(text) == ("mine==1",)
    assert [line.rpartition("| ")[2] for line in notes(text)] == [
        "`--global-option` is an option of pip, and wheels are installed without pip",
        "`--no-deps` is an option of pip, and wheels are installed without pip",
    ]


@pytest.mark.parametrize(
    "data",
    [
        "six==1.16.0\r\nidna\r\n".encode("utf-16"),
        b"\xff\xfe" + "six==1.16.0\nidna".encode("utf-16-le"),
        b"\xfe\xff" + "six==1.16.0\nidna".encode("utf-16-be"),
        "six==1.16.0\r\nidna".encode("utf-16-le"),
        "six==1.16.0\r\nidna".encode("utf-16-be"),
        b"\xef\xbb\xbfsix==1.16.0\nidna",
        b"six==1.16.0\ridna",
        b"six==1.16.0\x0cidna",
        b"# caf\xe9\nsix==1.16.0\nidna",
        "# -*- coding: latin-1 -*-\nsix==1.16.0\n# é\nidna".encode("latin-1"),
        b"# -*- coding: no-such -*-\nsix==1.16.0\nidna",
        b"six==1.16.0  \n\n\n   idna\\\n",
        b"\xc2\xa0\nsix==1.16.0\n\0\nidna",
    ],
    ids=range(13),
)
def test_encodings_and_line_ends(data: bytes) -> None:
    assert packages(data) == ("six==1.16.0", "idna")
    assert notes(data) == []


def test_included_files_and_constraints() -> None:
    files: dict[str, str | bytes] = {
        "reqs/base.txt": "-r more/deep.txt\nflask\n-c ../limits.txt\n",
        "reqs/more/deep.txt": "idna\n-r ../../requirements-not.txt\n-e .\n",
        "limits.txt": "flask<3\nidna==3.7\nnumpy<2\nattrs==1; python_version<'3.9'\n",
    }
    text = "-r reqs/base.txt\n--requirement=reqs/more/deep.txt\n-rreqs\\base.txt\nattrs\n"
    assert packages(text, files) == ("idna==3.7", "flask<3", "attrs", 'attrs==1; python_version < "3.9"')
    assert lines(imported("requirements.txt", text, files))[1:] == [
        "limits.txt:3:! numpy<2 | nothing here asks for `numpy` itself, and a definition has no constraints",
        "reqs/more/deep.txt:2:! -r ../../requirements-not.txt | there is no such file beside it; copy it there",
        f"reqs/more/deep.txt:3:! -e . | {PROJECT}",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-r ../outside.txt", "it is outside the folder of the imported file; copy it there"),
        ("-r /etc/passwd", "it is outside the folder of the imported file; copy it there"),
        ("-r https://h.example.com/r.txt", "it is no file of this folder, and nothing is fetched"),
        ("-c ${HOME}/c.txt", "it is no file of this folder, and nothing is fetched"),
        ("-r", "it is no file of this folder, and nothing is fetched"),
    ],
)
def test_what_is_outside_is_not_read(line: str, reason: str) -> None:
    assert notes(f"six\n{line}") == [f"2:! {line} | {reason}"]


def refusal(text: str | bytes, files: dict[str, str | bytes] | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        imported("requirements.txt", text, files)
    return caught.value.message


def test_files_that_include_each_other() -> None:
    files: dict[str, str | bytes] = {"a.txt": "six\n-r b.txt\n", "b.txt": "\n-r requirements.txt\n"}
    assert refusal("-r a.txt", files) == "b.txt:2: `requirements.txt` includes itself in the end"
    assert (
        refusal("-r requirements.txt") == "requirements.txt:1: `requirements.txt` includes itself in the end"
    )


def test_files_that_are_too_deep_or_too_many() -> None:
    limit = "files are included more than 16 deep, or more than 100 of them"
    deep: dict[str, str | bytes] = {f"{number}.txt": f"-r {number + 1}.txt" for number in range(20)}
    assert refusal("-r 0.txt", deep) == f"14.txt:1: {limit}"
    wide: dict[str, str | bytes] = {f"{number}.txt": "six" for number in range(101)}
    assert refusal("\n".join(f"-r {name}" for name in wide), wide) == f"requirements.txt:100: {limit}"


def test_limits_of_size() -> None:
    many = "\n".join(f"p{number}" for number in range(2001))
    assert refusal(many) == "requirements.txt:2001: there are more than 2000 requirements"
    large = b"#" * (1 << 20) + b"\n"
    assert refusal(large) == "requirements.txt: the file has 1048577 bytes, and at most 1048576 are read"
    message = "requirements.txt:1: `large.txt` has more than 1048576 bytes"
    assert refusal("-r large.txt", {"large.txt": large}) == message


def test_nothing_but_what_cannot_be_carried_over() -> None:
    message = "requirements.txt:2: nothing could be carried over; here, it is not a requirement"
    assert refusal("\nthis is a letter\nto you") == message
    assert packages("# nothing yet\n") == ()


def test_a_line_about_python_chooses_its_version() -> None:
    draft = imported("requirements.txt", "python==3.13\nsix\n")
    assert draft.environment.base == DebianBase(suite="trixie")
    assert lines(draft) == [
        "requirements.txt:1: python==3.13 | a definition has one minor version; 3.13 was chosen",
        "requirements.txt:1: python==3.13 | the interpreter is no package of pip",
    ]


def test_what_the_user_asks_for_comes_first() -> None:
    base = ImageBase(image="registry.example.com/library/python:3.12-slim")
    draft = imported("requirements.txt", "six", base=base, platforms=("linux/arm64",), description="Six")
    made = draft.environment
    assert (made.base, made.platforms, made.description) == (base, ("linux/arm64",), "Six")
    assert made.python is not None
    assert made.python.version == "3.12"
    other = imported("requirements.txt", "six", python="3.10").environment
    assert other.python is not None
    assert other.conda is not None
    assert (other.python.version, other.conda.channels) == ("3.10", ("conda-forge",))


def test_a_listing_of_conda_under_this_name() -> None:
    text = (
        "# $ conda create --name <env> --file <this file>\n# platform: linux-64\n"
        "numpy=1.26.4=py311h64a7726_0\npython=3.11.8=hab00c5b_0_cpython\nmine=1.0=pypi_0\n"
    )
    made = imported("requirements.txt", text).environment
    assert made.conda is not None
    assert made.python is not None
    assert "numpy=1.26.4=py311h64a7726_0" in made.conda.packages
    assert made.python.packages == ("mine==1.0",)
