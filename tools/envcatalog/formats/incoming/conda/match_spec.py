"""One MatchSpec of a file that is not ours: written as definitions write it, or the reason why it cannot be.

Sources: conda's documentation, "Package match specifications"; and what its users write all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from envcatalog.definition.finding import bare
from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.definition.requirements import Refused

MAX_LINE = 4000
SUBDIRS = {"linux-64": "linux/amd64", "linux-aarch64": "linux/arm64"}

_NAME = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)(?=[\s=<>!~\[(;@,]|\Z)")
_ADDRESS = re.compile(r"(?:[a-z]+\+)?[a-z][a-z0-9+.-]*://|git\+|file:|\.{0,2}/|~/|[A-Za-z]:\\", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:conda|tar\.bz2|whl|tar\.gz|zip)(?:#\w+)?\Z", re.IGNORECASE)
_SPACES = re.compile(r"\s*(===|==|>=|<=|=>|=<|!=|~=|=|<|>|,|\|)\s*")
_EXACT = re.compile(r"(={1,2})([^=<>!~,|\s]+)(?:=([^=<>!~,|\s]*))?\Z")
_PLAIN = re.compile(r"([^=<>!~,|\s]+)(?:=([^=<>!~,|\s]+))?\Z")
_EXTRAS = re.compile(r"\[[A-Za-z0-9_, .-]*\]")
_VERSION = re.compile(r"(?:[0-9]+!)?v?[0-9*][A-Za-z0-9_.!+*-]*\Z")
_BUILD = re.compile(r"[A-Za-z0-9_.+*^$()|-]+\Z")
_CHANNEL = re.compile(
    r"(?P<channel>[^\[\]]*?)(?:/(?P<subdir>[a-z]+-[a-z0-9_]+|noarch)|\[(?P<platform>[^\]]*)\])?\Z"
)


@dataclass(frozen=True, slots=True)
class Spec:
    """A MatchSpec in its parts.

    Attributes:
        condition: as it is written behind the name: ``=1.2``, ``>=1.2,<2``; empty for any version.
        build: empty for any.
        channel: as written; empty for any.
        keys: what stands in brackets, with them.
    """

    name: str
    condition: str = ""
    build: str = ""
    channel: str = ""
    keys: str = ""

    def __str__(self) -> str:
        prefix = f"{self.channel}::" if self.channel else ""
        if not self.build:
            return f"{prefix}{self.name}{self.condition}{self.keys}"
        if _EXACT.match(self.condition):
            return f"{prefix}{self.name}{self.condition}={self.build}{self.keys}"
        return f"{prefix}{self.name} {self.condition or '*'} {self.build}{self.keys}"

    @property
    def version(self) -> str:
        """The condition as the conda library has it: ``1.2.*``."""
        read = read_spec(str(replace(self, channel="")))
        return read.version if isinstance(read, MatchSpec) else ""

    def joined(self, other: Spec) -> Spec | None:
        """Both conditions at once, of the same package; None where that cannot be written."""
        if other.condition == self.condition and other.build == self.build and other.keys == self.keys:
            return replace(self, channel=self.channel or other.channel)
        if self.keys or other.keys or "|" in self.condition + other.condition:
            return None
        if self.build and other.build and self.build != other.build:
            return None
        clauses = [*self.condition.split(","), *other.condition.split(",")]
        return replace(
            self,
            condition=",".join(dict.fromkeys(clause for clause in clauses if clause)),
            build=self.build or other.build,
            channel=self.channel or other.channel,
        )


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a text is no MatchSpec of a definition; `instead` may stand for it."""

    reason: str
    instead: Spec | None = None
    lost: bool = True


def read_match_spec(text: str) -> Spec | Misfit:
    """A MatchSpec of a file, in whatever spelling; its channel is as it is written."""
    if len(text) > MAX_LINE:
        return Misfit(f"it has more than {MAX_LINE} characters")
    text = re.sub(r"(?:^|\s)#.*", "", text).strip().strip("\"'").strip()
    unfit = _unfit_form(text)
    if unfit:
        return Misfit(unfit)
    channel, _, rest = text.rpartition("::")
    rest = rest.strip()
    name = _NAME.match(rest)
    if name is None or not rest.isascii():
        return Misfit("it is no package of conda")
    spec = Spec(name[1].lower(), channel=channel.strip())
    if spec.name.startswith("__"):
        hint = "`conda.virtual_packages` says what the machine provides"
        return Misfit(f"it is a virtual package, which nobody installs; {hint}")
    return _checked(_with_version(spec, rest[name.end() :].strip()))


def _unfit_form(text: str) -> str:
    if not text:
        return "it says nothing"
    if text.startswith("-"):
        return "it is an option, and packages have none"
    behind = text.rpartition("::")[2]
    if _ADDRESS.match(behind) or _ARCHIVE.search(text) or " @ " in text or "@git" in text:
        return "it is an address or a file; a definition names packages of a channel"
    if "{{" in text or "${" in text or "<<" in text:
        return "it is a template, and nobody fills it in here"
    return ""


def _with_version(spec: Spec, rest: str) -> Spec | Misfit:
    if rest.startswith("[") and _EXTRAS.match(rest) and "=" not in rest.partition("]")[0]:
        inner = _with_version(spec, rest.partition("]")[2].strip())
        bare_spec = inner if isinstance(inner, Spec) else spec
        return Misfit(f"`{bare(rest.partition(']')[0])}]` are extras of pip; conda has none", bare_spec)
    rest, bracket, keys = rest.partition("[")
    spec = replace(spec, keys=f"[{keys}" if bracket else "")
    marker = rest.partition(";")
    if marker[1]:
        inner = _with_version(spec, marker[0].strip())
        bare_spec = inner if isinstance(inner, Spec) else spec
        return Misfit(f"`;{bare(marker[2])}` is a marker of pip; conda has none", bare_spec)
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    tidy = _SPACES.sub(r"\1", rest.strip()).replace("===", "==").rstrip(",")
    mended = re.sub(r"(?<![=<>!~])=([<>])=?", r"\1=", tidy)
    if mended != tidy:
        inner = _with_parts(spec, mended)
        if isinstance(inner, Spec):
            return Misfit(f"`{bare(tidy[:2])}` is no comparison", inner, lost=False)
        return inner
    return _with_parts(spec, tidy)


def _with_parts(spec: Spec, text: str) -> Spec | Misfit:
    words = text.split()
    if not words:
        return spec
    if len(words) > 2:
        return Misfit("it is no package of conda")
    build = words[1] if len(words) == 2 else ""
    exact, plain = _EXACT.match(words[0]), _PLAIN.match(words[0])
    sign, version = "", words[0]
    if exact:
        sign, version, build = exact[1], exact[2], exact[3] or build
    elif plain:
        sign, version, build = (
            "=" if "*" in plain[1] or build or plain[2] else "==",
            plain[1],
            plain[2] or build,
        )
    if sign and not _VERSION.match(version):
        if version.isalpha() and plain:
            return Misfit("it is no package of conda")
        return Misfit(f"`{bare(version)}` is no version of conda", replace(spec))
    if build and not _BUILD.match(build):
        return Misfit(f"`{bare(build)}` is no build of conda", replace(spec))
    if sign and version == "*":
        return replace(spec, condition="=*" if build else "", build=build if build != "*" else "")
    if sign == "==" and version.endswith("*"):
        sign = "="
    return replace(spec, condition=f"{sign}{version}", build=build)


def _checked(read: Spec | Misfit) -> Spec | Misfit:
    """What the definition's own reader takes, and no more."""
    spec = read if isinstance(read, Spec) else read.instead
    if spec is None:
        return read
    answer = read_spec(str(replace(spec, channel="")))
    if not isinstance(answer, Refused):
        return read
    plain = Spec(spec.name, channel=spec.channel)
    if isinstance(read_spec(spec.name), Refused):
        return Misfit(f"it {answer.message}")
    return Misfit("conda's own library does not understand its versions", plain)


def split_channel(text: str) -> tuple[str, str]:
    """Channel and platform (``linux-64``) of what stands before ``::``; the platform is mostly empty."""
    match = _CHANNEL.match(text)
    if match is None:
        return text, ""
    return match["channel"], match["subdir"] or match["platform"] or ""
