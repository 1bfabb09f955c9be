"""Jars by Maven coordinates: ``group:artifact:version``, from one repository, and never what they depend on.

The repositories are those of the settings, else the mirror that the machine's own ``settings.xml`` has for all
repositories. Layout: Maven's documentation, "Maven2 Repository Layout"; `settings.xml`: "Settings Reference".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from envcatalog.lock.urls import local_path
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import LockedFile
from envcatalog.model.settings import MavenRepository, Settings

SOURCE = "maven:"
MACHINE = "default"

_HINT = (
    "name a repository under `maven` in `catalog/catalog.yaml`, or a mirror of all in `~/.m2/settings.xml`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """One jar."""

    group: str
    artifact: str
    version: str

    @classmethod
    def of(cls, text: str) -> Coordinates:
        """From ``group:artifact:version``, as the schema has checked it."""
        group, artifact, version = text.split(":")
        return cls(group=group, artifact=artifact, version=version)

    @property
    def name(self) -> str:
        """What stays the same when the version changes."""
        return f"{self.group}:{self.artifact}"

    @property
    def file(self) -> str:
        """The jar's own name."""
        return f"{self.artifact}-{self.version}.jar"

    def url(self, repository: MavenRepository) -> str:
        """Where a repository has it."""
        folder = "/".join([*self.group.split("."), self.artifact, self.version])
        root = repository.url.rstrip("/")
        path = local_path(root)
        if path is not None:
            root = path.absolute().as_uri()
        return f"{root}/{quote(folder)}/{quote(self.file)}"


def repositories(settings: Settings) -> tuple[MavenRepository, ...]:
    """Those to ask, in order.

    Raises:
        Refusal: there is none.
    """
    found = settings.maven or tuple(_machine())
    if not found:
        raise Refusal("no Maven repository is configured, and the definition asks for jars from one", _HINT)
    return found


def address(file: LockedFile, settings: Settings) -> str:
    """Where a locked jar is.

    Raises:
        Refusal: its repository is no longer configured.
    """
    name = file.source.removeprefix(SOURCE)
    for repository in repositories(settings):
        if repository.name == name:
            group, _, artifact = file.name.partition(":")
            return Coordinates(group=group, artifact=artifact, version=file.version).url(repository)
    raise Refusal(f"`{file.file}` comes from the Maven repository `{name}`, which is unknown", _HINT)


def _machine() -> Iterator[MavenRepository]:
    """The mirror of ``central`` or of all that the user's settings name, with the login of its server."""
    from xml.etree import ElementTree

    path = Path(os.environ.get("HOME", "/nonexistent")) / ".m2" / "settings.xml"
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - the user's own configuration
    except (OSError, ElementTree.ParseError):
        return  # Maven itself complains about such a file; here it only means that nothing is configured
    logins = {
        _text(item, "id"): (_text(item, "username"), _text(item, "password"))
        for item in root.iterfind("{*}servers/{*}server")
    }
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        of = {part.strip() for part in _text(mirror, "mirrorOf").split(",")}
        if of & {"*", "central", "external:*"}:
            url = _with_login(_text(mirror, "url"), *logins.get(_text(mirror, "id"), ("", "")))
            yield MavenRepository(name=MACHINE, url=url)
            return


def _text(element: object, name: str) -> str:
    found = element.find(f"{{*}}{name}")  # type: ignore[attr-defined]
    return (found.text or "").strip() if found is not None else ""


def _with_login(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    if not user or parts.username is not None or "://" not in url:
        return url
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))
