"""What both generations of Azure ML's definitions have in common: tags, variables, images and routes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from envcatalog.definition.finding import bare
from envcatalog.definition.references import image_error
from envcatalog.definition.text.foreign import Node, refusal
from envcatalog.formats.docker.stages import whole_reference
from envcatalog.formats.incoming.python.drafting import MAX_DESCRIPTION, note_at, plain_text
from envcatalog.formats.incoming.python.project import text_of
from envcatalog.model.draft import Draft, Note, Wanted
from envcatalog.model.environment import Environment, ImageBase, Inference

_TAG = re.compile(r"[A-Za-z0-9]+(?:[._/-][A-Za-z0-9]+)*\Z")
_ROUTE = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}\Z")
_OURS = frozenset({"PATH", "VIRTUAL_ENV", "PYTHONHOME"})
_VERSION = "versions are tags of Git here, and begin with 1"
MAX_TAGS = 50
MAX_VARIABLES = 200


@dataclass(slots=True, kw_only=True)
class Parts:
    """What is read so far, whatever the environment consists of."""

    origin: str
    wanted: Wanted
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    inference: Inference | None = None
    notes: list[Note] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)

    def note(self, node: Node, text: str, reason: str, *, lost: bool = True) -> None:
        """Note a value that is not carried over as it is."""
        self.notes.append(note_at(self.origin, node, text, reason, lost=lost))

    def about(self, root: Node) -> None:
        """Description, version and tags."""
        self.description = plain_text(text_of(root, "description"), MAX_DESCRIPTION)
        version = root.get("version")
        if version is not None and version.text:
            self.note(version, f"version: {version.text}", _VERSION, lost=False)
        for name, node in (root.get("tags") or Node(None)).mapping.items():
            self._tag(name, node)

    def _tag(self, name: str, node: Node) -> None:
        value = " ".join((node.text or "").split())
        key = re.sub(r"[\s:]+", "-", name.strip())
        if not isinstance(node.value, str | None) or not _TAG.match(key) or len(key) > 64 or len(value) > 256:
            self.note(node, f"{name}: {value}", "a definition has no such tag")
        elif key in self.tags or len(self.tags) == MAX_TAGS:
            self.note(node, f"{name}: {value}", "a definition has no place for this tag")
        else:
            self.tags[key] = plain_text(value, 256)
            if key != name:
                self.note(node, f"{name}: {value}", f"carried over as `{key}`", lost=False)

    def environment_variables(self, node: Node | None) -> None:
        """Variables of the image."""
        for name, value in (node or Node(None)).mapping.items():
            text = value.value if isinstance(value.value, str) else ""
            if value.value is not None and not isinstance(value.value, str):
                self.note(value, name, f"its value is {value.kind}, not text")
            elif not _VARIABLE.match(name) or name in _OURS or len(self.variables) == MAX_VARIABLES:
                self.note(value, name, "a definition has no such variable")
            elif not text.isprintable() or len(text) > 8192:
                self.note(value, name, "the value of a variable is one printable line")
            else:
                self.variables[name] = text
                self.places[name] = (self.origin, value.line)

    def image(self, node: Node, key: str = "image") -> ImageBase:
        """An image by its whole reference.

        Raises:
            Refusal: it is none.
        """
        self.refuse_template(node, key)
        text = (node.text or "").removeprefix("docker://")
        image = whole_reference(text) if text else ""
        error = image_error(image) or (("is too long", "") if len(image) > 512 else None)
        if error is not None:
            message = f"`{key}` `{bare(text)}` {error[0]}" if text else f"`{key}` names no image"
            raise refusal(self.origin, node.line, message, error[1])
        if image != text:
            reason = f"Docker takes it for `{bare(image, 200)}`, and so it is carried over"
            self.note(node, text, reason, lost=False)
        self.places[image] = (self.origin, node.line)
        return ImageBase(image=image)

    def refuse_template(self, node: Node, key: str) -> None:
        """Names in double braces are filled in by a tool that we are not."""
        text = node.text or ""
        if "{{" in text:
            hint = "fill it in first, and import the result"
            raise refusal(self.origin, node.line, f"`{key}` is part of a template: `{bare(text)}`", hint)

    def routes(self, node: Node | None) -> None:
        """``inference_config``: three routes, each with a port of its own; a definition has one port."""
        if node is None or not node.mapping:
            return
        found: dict[str, str] = {}
        ports: dict[str, int] = {}
        for key in ("scoring", "liveness", "readiness"):
            route = node.get(f"{key}_route") or node.get(f"{key}Route")
            if route is None:
                continue
            path, port = text_of(route, "path"), text_of(route, "port")
            if path and _ROUTE.match(path):
                found[key] = path
            elif path:
                self.note(route, f"{key}_route: {path}", "it is no path of a server")
            if port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536:
                ports[key] = int(port)
            elif port:
                self.note(route, f"{key}_route: {port}", "it is no port")
        if not ports:
            self.note(node, "inference_config", "it names no port")
            return
        first = next(iter(ports.values()))
        self.inference = Inference(port=first, **found)
        if len(set(ports.values())) > 1:
            self.note(node, "inference_config", f"its routes have several ports; {first} was carried over")

    def finish(self, draft: Draft) -> Draft:
        """The draft with all that is read, its own parts first."""
        environment = draft.environment
        variables = {**self.variables, **dict(environment.variables)}
        changed = Environment(
            **{
                **{name: getattr(environment, name) for name in environment.__slots__},
                "description": self.wanted.description or self.description or environment.description,
                "tags": tuple(sorted(self.tags.items())),
                "variables": tuple(sorted(variables.items())),
                "inference": self.inference,
            }
        )
        notes = sorted(
            (*self.notes, *draft.notes), key=lambda note: (note.file != self.origin, note.file, note.line)
        )
        return Draft(
            environment=changed,
            notes=tuple(notes),
            places={**draft.places, **self.places},
            copies=draft.copies,
            texts=draft.texts,
        )
