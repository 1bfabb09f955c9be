"""What importers of conda's files have in common: packages, channels, pip's part and variables to one definition."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from envcatalog.definition.finding import bare
from envcatalog.definition.matchspecs import read_spec
from envcatalog.definition.requirements import Refused
from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.incoming.conda.channels import name_channel, without_tokens
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS, Misfit, Spec, read_match_spec, split_channel
from envcatalog.formats.incoming.conda.python import AskedSpec, settle_python
from envcatalog.formats.incoming.python.requirement_lines import Line, read_lines
from envcatalog.model.draft import Draft, Files, Note, Wanted
from envcatalog.model.environment import (
    DEFAULT_PLATFORM,
    ChannelPriority,
    Conda,
    DebianBase,
    Environment,
    Python,
)

SHOWN = 160
MAX_PACKAGES = 2000
MAX_CHANNELS = 20
MAX_NOTES = 5000
DEFAULT_CHANNEL = "conda-forge"
NO_DEFAULTS = "nodefaults"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OURS = frozenset({"PATH", "VIRTUAL_ENV", "PYTHONHOME"})
_MAX_VALUE = 8192


@dataclass(slots=True, kw_only=True)
class CondaReading:
    """All that was found so far; the places are lines of the file that is read.

    Attributes:
        origin: the file as the user named it.
        system: ``Windows`` or ``macOS`` where the file is a listing made there; empty otherwise.
        begin: the line where packages would be listed.
        hint: what to do where there are none.
        seen: channels, as the file spells them.
    """

    origin: str
    files: Files
    wanted: Wanted
    system: str = ""
    begin: int = 1
    hint: str = ""
    platforms: set[str] = field(default_factory=set)
    channels: dict[str, int] = field(default_factory=dict)
    specs: dict[str, AskedSpec] = field(default_factory=dict)
    pip: list[Line] = field(default_factory=list)
    channel_priority: ChannelPriority = "strict"
    variables: dict[str, str] = field(default_factory=dict)
    virtual: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def note(self, line: int, text: str, reason: str, *, lost: bool = True) -> None:
        """Something that was not carried over as it is; tokens in addresses are not shown."""
        if len(self.notes) == MAX_NOTES:
            raise refusal(self.origin, line, f"more than {MAX_NOTES} of its lines need a note")
        text = without_tokens(text)
        self.notes.append(
            Note(
                file=self.origin, line=line, text=bare(text, SHOWN), reason=bare(reason, 4 * SHOWN), lost=lost
            )
        )

    def channel(self, text: str, line: int) -> str | None:
        """Add a channel by name or address; its name, or None where there is none for it."""
        if text == NO_DEFAULTS:
            self.note(line, text, "no channel is asked but those that are named", lost=False)
            return None
        named = name_channel(text, self.wanted)
        if named is None:
            self.note(line, text, "it is no channel that a definition could name")
            return None
        if named.name not in self.channels and len(self.channels) == MAX_CHANNELS:
            raise refusal(self.origin, line, f"there are more than {MAX_CHANNELS} channels")
        if named.reason and text not in self.seen:
            self.note(line, text, named.reason, lost=named.lost)
        self.seen.add(text)
        self.channels.setdefault(named.name, line)
        self.places.setdefault(named.name, (self.origin, line))
        return named.name

    def package(self, text: str, line: int) -> None:
        """Add a MatchSpec, however it is spelled."""
        read = read_match_spec(text)
        if isinstance(read, Misfit):
            if read.instead is None:
                self.note(line, text, read.reason, lost=read.lost)
                return
            self.note(line, text, f"{read.reason}; carried over as `{read.instead}`", lost=read.lost)
            read = read.instead
        self.spec(read, text, line)

    def spec(self, spec: Spec, text: str, line: int) -> None:
        """Add a MatchSpec whose channel is as the file has it."""
        named = self._channelled(spec, text, line)
        if named is None:
            return
        spec = named
        if self.system and spec.build:
            spec = replace(spec, build="", condition="" if spec.condition == "=*" else spec.condition)
            self.note(line, text, f"the build is one for {self.system}; carried over as `{spec}`")
        asked = AskedSpec(spec=spec, file=self.origin, line=line)
        earlier = self.specs.get(spec.name)
        if earlier is None:
            if len(self.specs) == MAX_PACKAGES:
                raise refusal(self.origin, line, f"there are more than {MAX_PACKAGES} packages")
            self.specs[spec.name] = asked
            return
        joined = earlier.spec.joined(spec)
        if joined is None:
            raise refusal(
                self.origin,
                line,
                f"`{spec}` and `{earlier.spec}` in line {earlier.line} cannot both be asked for",
                "keep one of them",
            )
        if joined != earlier.spec:
            reason = f"`{spec.name}` is also in line {earlier.line}; carried over as `{joined}`"
            self.note(line, text, reason, lost=False)
            self.specs[spec.name] = replace(earlier, spec=joined)
        else:
            self.note(line, text, f"it is in line {earlier.line}, too", lost=False)

    def locked(self, spec: Spec, text: str, line: int) -> None:
        """Add a package of a lock, whose name and version no person wrote; its channel is as the file has it."""
        if isinstance(read_spec(str(replace(spec, channel=""))), Refused):
            self.note(line, text, "conda's own library does not understand it")
            return
        if spec.channel:
            named = name_channel(spec.channel, self.wanted)
            spec = replace(spec, channel=named.name if named else "")
        self.specs.setdefault(spec.name, AskedSpec(spec=spec, file=self.origin, line=line))

    def _channelled(self, spec: Spec, text: str, line: int) -> Spec | None:
        """With the channel by the name that the definition has for it."""
        if not spec.channel:
            return spec
        channel, subdir = split_channel(spec.channel)
        if subdir and subdir != "noarch" and subdir not in SUBDIRS:
            self.note(
                line, text, f"it is a package for `{bare(subdir)}`, and images are for Linux", lost=False
            )
            return None
        name = self.channel(channel, line) if channel and channel != "*" else ""
        return replace(spec, channel=name or "")

    def requirement(self, text: str, line: int) -> None:
        """Add a line of pip's part, an option or ``-r FILE`` too."""
        self.pip.append(Line(text=text, file=self.origin, number=line))

    def variable(self, name: str, value: str | None, line: int) -> None:
        """Add a variable of the environment."""
        if value is None:
            self.note(line, name, "it has no value; conda only unsets it", lost=False)
        elif not _VARIABLE.match(name) or len(name) > 255:
            self.note(line, name, "it is no name for a variable")
        elif name in _OURS:
            self.note(line, name, "the image sets it itself")
        elif "\n" in value or "\r" in value or "\0" in value or len(value) > _MAX_VALUE:
            self.note(line, name, f"its value is not one line of {_MAX_VALUE} characters at most")
        else:
            self.variables[name] = value
            self.places[name] = (self.origin, line)

    def draft(self) -> Draft:
        """The definition.

        Raises:
            Refusal: there is nothing in it, or it asks for a Python that no environment has.
        """
        found = read_lines(self.pip, self.files, folder=posixpath.dirname(self.origin))
        self.notes += found.notes
        self.places |= found.places
        if not self.specs and not found.packages and self.wanted.python is None:
            about_channels = set(self.channels.values())
            lost = next(
                (note for note in self.notes if note.lost and note.line and note.line not in about_channels),
                None,
            )
            line, why = (lost.line, f": in this line, {lost.reason}") if lost else (self.begin, "")
            raise refusal(self.origin, line, f"it names no package that can be carried over{why}", self.hint)
        version = self._python(pip=bool(found.packages))
        packages = [asked.spec for asked in self.specs.values()]
        for asked in self.specs.values():
            self.places.setdefault(str(asked.spec), (asked.file, asked.line))
        if packages or version is not None:
            self._default_channel()
        environment = Environment(
            name=self.wanted.name,
            description=self.wanted.description,
            base=self.wanted.base or DebianBase(suite="bookworm"),
            python=Python(version=version, packages=found.packages) if version else None,
            conda=Conda(
                channels=tuple(self.channels),
                packages=tuple(str(spec) for spec in packages),
                channel_priority=self.channel_priority,
                virtual_packages=tuple(sorted(self.virtual.items())),
            ),
            variables=tuple(sorted(self.variables.items())),
            platforms=self.wanted.platforms or tuple(sorted(self.platforms)) or (DEFAULT_PLATFORM,),
        )
        return Draft(environment=environment, notes=in_order(self.notes, self.origin), places=self.places)

    def _default_channel(self) -> None:
        if not self.channels:
            self.channels[DEFAULT_CHANNEL] = 0
            reason = f"it names no channel; `{DEFAULT_CHANNEL}` was chosen"
            self.note(0, "channels", reason, lost=False)

    def _python(self, *, pip: bool) -> str | None:
        """`python.version`; what it says goes out of the packages."""
        settled = settle_python(self.specs.get("python"), self.wanted.python, pip=pip)
        if not settled.kept:
            self.specs.pop("python", None)
        if settled.reason:
            self.note(settled.line, settled.text, settled.reason, lost=settled.lost)
        return settled.version


def in_order(notes: list[Note], origin: str) -> tuple[Note, ...]:
    """By line, those of the file itself first; what is about no line comes last."""
    return tuple(sorted(notes, key=lambda note: (note.file != origin, note.file, note.line or 1 << 30)))
