"""What must never be in an image, its history or a log: the secrets that a build was given."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from envcatalog.image.tar import Sink
from envcatalog.model.docker import BuildSecret
from envcatalog.model.errors import Refusal

MASK = "********"
_LEAST = 6  # shorter texts are everywhere by chance
# A line of a key; its first and last line are the same in every key.
_KEY_LINE = re.compile(rb"[A-Za-z0-9+/=_.-]{16,}(?<!-----)")
# `password X` of netrc, and `://user:X@` of an address.
_PASSWORD = re.compile(rb"(?:(?<=password)\s+|://[^:/@\s]*:)([^\s@]+)")
PUBLIC = frozenset({"ca-bundle"})  # certificates are no secret, and every image has some


class Guard:
    """Knows the secrets of one build, and the forms in which they may turn up."""

    def __init__(self, secrets: Iterable[BuildSecret] = ()) -> None:
        self._forms: dict[bytes, str] = {}
        for secret in secrets:
            if secret.id not in PUBLIC:
                for form in _forms(secret.value):
                    self._forms.setdefault(form, secret.id)
        self._texts = sorted((form.decode("utf-8", "replace") for form in self._forms), key=len, reverse=True)
        self.longest = max(map(len, self._forms), default=0)

    def mask(self, text: str) -> str:
        """The text with every secret in it covered."""
        for form in self._texts:
            text = text.replace(form, MASK)
        return text

    def check(self, data: bytes, where: str) -> None:
        """Refusal where the bytes hold a secret."""
        for form, name in self._forms.items():
            if form in data:
                raise Refusal(
                    f"the secret `{name}` is in the image, in {where}; nothing of it was kept",
                    "let the Dockerfile use the secret and not copy or print it into a file",
                )


class Guarded:
    """Passes bytes on and looks at each of them, across the borders of pieces, too."""

    def __init__(self, out: Sink, guard: Guard) -> None:
        self._out = out
        self._guard = guard
        self._tail = b""

    def write(self, data: bytes, /) -> None:
        """See `Sink`."""
        if self._guard.longest:
            joined = self._tail + data
            self._guard.check(joined, "one of its layers")
            self._tail = joined[-(self._guard.longest - 1) :] if self._guard.longest > 1 else b""
        self._out.write(data)


def _forms(value: bytes) -> set[bytes]:
    """The secret as a whole, and of a file the parts that are secret: host names and options are everywhere."""
    whole = value.strip()
    found = {whole}
    found |= {line for line in map(bytes.strip, whole.splitlines()) if _KEY_LINE.fullmatch(line)}
    found |= {match[1].strip(b"\"'") for match in _PASSWORD.finditer(whole)}
    found |= {base64.b64encode(form) for form in (value, whole, *found) if len(form) >= _LEAST}
    return {form for form in found if len(form) >= _LEAST}
