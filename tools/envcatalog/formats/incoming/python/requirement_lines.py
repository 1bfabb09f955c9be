"""pip's requirements files, with all that they include, as requirements of a definition.

Nothing is fetched, no variable is read, and no file outside the imported one's folder is looked at. What a
definition has no place for becomes a note. Source: pip's reference, "Requirements File Format".
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from envcatalog.definition.finding import bare
from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.incoming.python.requirement_one import Plain, Unfit, read_one
from envcatalog.formats.incoming.python.requirement_options import INCLUDES, option_reason, split_line
from envcatalog.formats.incoming.python.requirement_text import decode, logical_lines
from envcatalog.model.draft import Files, Note

MAX_BYTES = 1 << 20
MAX_LINE = 200_000  # with the hashes of all files of a package
MAX_DEPTH = 16
MAX_FILES = 100
MAX_REQUIREMENTS = 2000
SHOWN = 160  # characters of a line in a note

# In lists that pip made itself, but on no index: Debian's own, and the interpreter where conda made the list.
_NO_PACKAGES = {
    "pkg-resources": "Debian's pip lists it, and there is no such package",
    "python": "the interpreter is no package of pip",
}
_HASHED = "the hashes of {} are not in a definition; the lock holds those of the files it chooses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, or one item of a list, with its place."""

    text: str
    file: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What requirements files ask for.

    Attributes:
        packages: requirements that a definition may hold, in the order of the file.
        notes: what is not among them.
        places: each of `packages` to the file and line that it comes from.
    """

    packages: tuple[str, ...]
    notes: tuple[Note, ...]
    places: Mapping[str, tuple[str, int]]


def requirement_lines(text: str, origin: str, files: Files) -> Requirements:
    """Read a requirements file.

    Args:
        text: the file's; see `requirement_text.decode` for its bytes.
        origin: the file as the user named it; for notes.
        files: its folder, for ``-r`` and ``-c``.

    Raises:
        Refusal: files include each other in a circle, or a limit is passed; it names file and line.
    """
    reading = _Reading(files=files, folder=posixpath.dirname(origin))
    reading.file(text, posixpath.basename(origin), constrains=False)
    return reading.result()


def read_lines(
    lines: Iterable[Line], files: Files, *, folder: str = "", constraints: Iterable[Line] = ()
) -> Requirements:
    """The same for lines that stand in another file, such as the ``pip:`` list of conda's.

    Args:
        folder: what precedes names of included files in notes, as the user would name it.
        constraints: as the lines of a ``-c`` file.
    """
    reading = _Reading(files=files, folder=folder)
    for constrains, given in ((False, lines), (True, constraints)):
        for line in given:
            for _, text in logical_lines(line.text):
                part = Line(text=text, file=line.file, number=line.number)
                reading.line(part, "", constrains=constrains)
    return reading.result()


@dataclass(slots=True, kw_only=True)
class _Reading:
    files: Files
    folder: str
    notes: list[Note] = field(default_factory=list)
    found: dict[tuple[str, str], Plain] = field(default_factory=dict)
    places: dict[tuple[str, str], Line] = field(default_factory=dict)
    constraints: list[tuple[Plain, Line]] = field(default_factory=list)
    hashed: int = 0
    hash_note: int = 0
    open: list[str] = field(default_factory=list)
    done: set[tuple[str, bool]] = field(default_factory=set)

    def file(self, text: str, path: str, *, constrains: bool) -> None:
        """All lines of one file; `path` is from the folder of the imported one."""
        self.open.append(path)
        self.done.add((path, constrains))
        file = posixpath.join(self.folder, path)
        for number, line in logical_lines(text):
            self.line(Line(text=line, file=file, number=number), path, constrains=constrains)
        self.open.pop()

    def line(self, line: Line, path: str, *, constrains: bool) -> None:
        """One logical line of the file `path`."""
        if len(line.text) > MAX_LINE:
            self.note(line, f"it has more than {MAX_LINE} characters")
            return
        requirement, options = split_line(line.text)
        if requirement or not options:
            self.requirement(requirement or line.text, options, line, constrains=constrains)
            return
        name, value = options[0]
        if name in INCLUDES:
            self.include(value, line, path, constrains=name in ("-c", "--constraint"))
            return
        for reason, lost in dict.fromkeys(option_reason(name) for name, _ in options):
            self.note(line, reason, lost=lost)

    def requirement(
        self, text: str, options: tuple[tuple[str, str], ...], line: Line, *, constrains: bool
    ) -> None:
        """A requirement with the options that stand after it."""
        read = read_one(text)
        if isinstance(read, Unfit):
            self.unfit(read, line, constrains=constrains)
            if read.instead is None:
                return
            read = read.instead
        if reason := _NO_PACKAGES.get(package_name(read.name)):
            self.note(line, reason, lost=False)
            return
        names = {name for name, _ in options}
        if "--hash" in names:
            self.hashed += 1
            if self.hashed == 1:
                self.note(line, _HASHED.format("this requirement"), lost=False)
                self.hash_note = len(self.notes) - 1
        for name in sorted(names - {"--hash"}):
            self.note(line, f"`{bare(name, 40)}` is an option of pip, and wheels are installed without pip")
        if constrains:
            self.constraints.append((read, line))
        else:
            self.add(read, line)

    def unfit(self, unfit: Unfit, line: Line, *, constrains: bool) -> None:
        """Say what became of a line that is no plain requirement."""
        if unfit.instead is not None and not constrains:
            self.note(line, f"{unfit.reason}; carried over as `{unfit.instead}`", lost=unfit.lost)
        else:
            self.note(line, unfit.reason, lost=unfit.lost)

    def add(self, plain: Plain, line: Line) -> None:
        """Keep a requirement; two of one package and marker become one."""
        earlier = self.found.get(plain.key)
        if earlier is None:
            if len(self.found) == MAX_REQUIREMENTS:
                raise refusal(line.file, line.number, f"there are more than {MAX_REQUIREMENTS} requirements")
            self.found[plain.key], self.places[plain.key] = plain, line
            return
        joined = earlier.joined(plain)
        if joined != earlier:
            first = self.places[plain.key]
            where = f"line {first.number}" if first.file == line.file else f"`{first.file}`"
            reason = f"`{bare(plain.name, 60)}` is also in {where}; carried over as `{bare(str(joined), 80)}`"
            self.note(line, reason, lost=False)
            self.found[plain.key] = joined

    def include(self, value: str, line: Line, path: str, *, constrains: bool) -> None:
        """``-r`` and ``-c``."""
        if "://" in value or "${" in value or not value:
            self.note(line, "it is no file of this folder, and nothing is fetched")
            return
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), value.replace("\\", "/")))
        if wanted.startswith(("/", "..")):
            self.note(line, "it is outside the folder of the imported file; copy it there")
            return
        if wanted in self.open:
            raise refusal(line.file, line.number, f"`{bare(wanted)}` includes itself in the end")
        if (wanted, constrains) in self.done:
            return
        if len(self.open) >= MAX_DEPTH or len(self.done) >= MAX_FILES:
            raise refusal(
                line.file,
                line.number,
                f"files are included more than {MAX_DEPTH} deep, or more than {MAX_FILES} of them",
            )
        data = self.files.read(wanted)
        if data is None:
            self.note(line, "there is no such file beside it; copy it there")
            return
        if len(data) > MAX_BYTES:
            raise refusal(line.file, line.number, f"`{bare(wanted)}` has more than {MAX_BYTES} bytes")
        self.file(decode(data), wanted, constrains=constrains)

    def note(self, line: Line, reason: str, *, lost: bool = True) -> None:
        self.notes.append(
            Note(file=line.file, line=line.number, text=bare(line.text, SHOWN), reason=reason, lost=lost)
        )

    def result(self) -> Requirements:
        """Put the constraints where they belong, and sum up the hashes."""
        for plain, line in self.constraints:
            self.constrain(plain, line)
        if self.hashed > 1:
            reason = _HASHED.format(f"{self.hashed} requirements, of which this is the first,")
            self.notes[self.hash_note] = replace(self.notes[self.hash_note], reason=reason)
        return Requirements(
            packages=tuple(str(plain) for plain in self.found.values()),
            notes=tuple(self.notes),
            places={
                str(plain): (self.places[key].file, self.places[key].number)
                for key, plain in self.found.items()
            },
        )

    def constrain(self, plain: Plain, line: Line) -> None:
        """A constraint holds for what is asked for here; of others a definition cannot speak."""
        asked = [found for found in self.found.values() if package_name(found.name) == plain.key[0]]
        if not asked:
            reason = (
                f"nothing here asks for `{bare(plain.name, 60)}` itself, and a definition has no constraints"
            )
            self.note(line, reason)
            return
        if plain.marker and plain.key not in self.found:
            self.found[plain.key], self.places[plain.key] = plain, line
            return
        for found in asked:
            if not plain.marker or found.key == plain.key:
                self.found[found.key] = found.joined(plain)
