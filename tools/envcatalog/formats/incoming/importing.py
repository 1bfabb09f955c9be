"""Other people's files to definitions: which importer reads a file, and the one way to call it.

An importer is a module with a function ``read(data, origin, files, wanted) -> Draft``. It gets bytes and reads
further files through `Files` only, so that a folder of the machine and a commit go through the same code. What it
cannot carry over becomes a `Note`; what it cannot read at all is a `Refusal` that names file, line and reason.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import cast

from envcatalog.definition.finding import bare, nearest
from envcatalog.model.draft import Draft, Files, Reader, Wanted
from envcatalog.model.errors import Refusal, UserError

OPTIONS = {"extras": "--extra", "groups": "--group", "managed": "--managed", "target": "--target"}
HEAD = 1 << 16  # bytes of a file that say what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One format.

    Attributes:
        kind: what `--type` says.
        module: below this package; imported when it is needed.
        name: matches names of files that can be nothing else.
        content: matches the beginning of a file, whatever its name.
        loose: matches names of files whose content did not say what they are.
        takes: what of `Wanted` it obeys beyond name, base, Python and the like.
        marker: a file that makes a folder one of this kind; the importer then gets it, and `Files` of the folder.
    """

    kind: str
    module: str
    name: re.Pattern[str] | None = None
    content: re.Pattern[str] | None = None
    loose: re.Pattern[str] | None = None
    takes: tuple[str, ...] = ()
    marker: str = ""


def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})\Z", re.IGNORECASE)


def _lines(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:{pattern})", re.MULTILINE)


# The first that matches is taken: all names first, then all contents, then the loose names.
IMPORTERS: tuple[Importer, ...] = (
    Importer(kind="conda-folder", module="conda.read_conda_folder", marker="conda-meta/history"),
    Importer(
        kind="azureml-v1",
        module="azure.read_azureml_v1",
        takes=("managed",),
        name=_names(r"azureml_environment\.json"),
        marker="azureml_environment.json",
    ),
    Importer(
        kind="conda-lock",
        module="conda.read_conda_lock",
        takes=("extras",),
        name=_names(r".*conda-lock\.ya?ml"),
        content=_lines(r"  content_hash:\s*$"),
    ),
    Importer(kind="conda-explicit", module="conda.read_conda_explicit", content=_lines(r"@EXPLICIT\s*$")),
    Importer(
        kind="conda-list",
        module="conda.read_conda_list",
        content=_lines(
            r"# packages in environment at |# \$ conda create --name <env> --file"
            r"|[A-Za-z0-9_.-]+=[0-9][^=\s]*=[A-Za-z0-9_]+[ \t]*$"
        ),
    ),
    Importer(
        kind="pixi-lock",
        module="pixi.read_pixi_lock",
        takes=("groups",),
        name=_names(r"pixi\.lock"),
        content=_lines(r"version: [0-9]+\s+(?:platforms|environments):"),
    ),
    Importer(
        kind="pixi",
        module="pixi.read_pixi",
        takes=("groups",),
        name=_names(r"pixi\.toml"),
        content=_lines(r"\[tool\.pixi\."),
    ),
    Importer(
        kind="uv-lock", module="python.read_uv_lock", takes=("extras", "groups"), name=_names(r"uv\.lock")
    ),
    Importer(
        kind="pylock",
        module="python.read_pylock",
        takes=("extras", "groups"),
        name=_names(r"pylock(?:\.[^.]+)?\.toml"),
    ),
    Importer(
        kind="pyproject",
        module="python.read_pyproject",
        takes=("extras", "groups"),
        content=_lines(r"\[(?:project|tool\.poetry)\]"),
        loose=_names(r"pyproject\.toml"),
    ),
    Importer(
        kind="azureml",
        module="azure.read_azureml",
        takes=("managed", "target"),
        content=_lines(r"[\"']?\$schema[\"']?\s*:.*azureml|(?:conda_file|build|image):"),
    ),
    Importer(
        kind="conda",
        module="conda.read_conda",
        content=_lines(r"[\"']?(?:dependencies|channels|prefix)[\"']?\s*:"),
        loose=_names(r".*(?:conda|env).*\.ya?ml"),
    ),
    Importer(
        kind="dockerfile",
        module="docker.read_dockerfile",
        takes=("managed", "target"),
        name=_names(r"(?:Docker|Container)file(?:\..*)?|.*\.(?:docker|container)file"),
        content=_lines(r"FROM\s+\S"),
    ),
    Importer(
        kind="requirements",
        module="read_requirements",
        loose=_names(r".*\.(?:txt|in|pip)|.*requirements.*\.lock"),
    ),
)
KINDS = tuple(importer.kind for importer in IMPORTERS)


def importer_of(kind: str) -> Importer:
    """The importer of a kind.

    Raises:
        UserError: there is none.
    """
    for importer in IMPORTERS:
        if importer.kind == kind:
            return importer
    near = nearest(kind, KINDS)
    hint = f"did you mean `{near}`" if near else f"the types are {', '.join(KINDS)}"
    raise UserError(f"there is no type `{bare(kind)}` of file to import", hint)


def detect(origin: str, data: bytes) -> Importer:
    """The importer of a file, by its name and then by its content.

    Raises:
        Refusal: it is no file that we know.
    """
    name = re.split(r"[/\\]", origin)[-1]
    head = data[:HEAD].decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    head = head.removeprefix("\ufeff").replace("\r", "\n")
    for importer in IMPORTERS:
        if importer.name is not None and importer.name.match(name):
            return importer
    for importer in IMPORTERS:
        if importer.content is not None and importer.content.search(head):
            return importer
    for importer in IMPORTERS:
        if importer.loose is not None and importer.loose.match(name):
            return importer
    raise Refusal(
        f"`{bare(origin, 300)}` is no file that can be imported",
        f"say what it is with `--type`: {', '.join(KINDS)}",
    )


def detect_folder(files: Files) -> Importer | None:
    """The importer of a folder, by the file that marks it, or what lies beside that; None where there is none."""
    for importer in IMPORTERS:
        folder = importer.marker.rpartition("/")[0]
        if importer.marker and (files.read(importer.marker) is not None or (folder and files.names(folder))):
            return importer
    return None


def check_options(wanted: Wanted, kind: str, takes: tuple[str, ...]) -> None:
    """Refuse what a kind of source cannot obey.

    Raises:
        UserError: there is such an option.
    """
    for name, option in OPTIONS.items():
        if getattr(wanted, name) and name not in takes:
            raise UserError(f"`{option}` says nothing about a file of the type `{kind}`", "leave it out")


def read_foreign(origin: str, data: bytes, files: Files, wanted: Wanted, kind: str | None = None) -> Draft:
    """What a file says.

    Args:
        origin: the file as the user named it; for messages, and for the name that says what it is.
        files: what the file may speak of, by paths relative to its folder.
        kind: what it is; None to find out.

    Raises:
        UserError: there is no such kind, or it has nothing that was asked for, such as extras.
        Refusal: the file cannot be read, or asks for what no environment can be.
    """
    importer = importer_of(kind) if kind else detect(origin, data)
    check_options(wanted, importer.kind, importer.takes)
    module = importlib.import_module(f"envcatalog.formats.incoming.{importer.module}")
    return cast(Reader, module.read)(data, origin, files, wanted)
