"""The licence of a Python project, from the text of its ``METADATA`` or ``PKG-INFO``.

Source: "Core metadata specifications" of the PyPA: ``License-Expression`` is an SPDX expression; before it there were
trove classifiers and the free text of ``License``. The text is a stranger's, and what comes out goes into a lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envcatalog.lock.fields import MAX_TEXT

_SHORT = 100  # characters; what is longer is the licence's text and not its name
_NOTHING = frozenset({"", "unknown", "none", "n/a", "noassertion", "see license", "see license file"})
_CLASSIFIER = "License :: "
_FIELD = re.compile(r"([A-Za-z-]+)[ \t]*:(.*)\Z")

# Classifiers that mean one licence; those of a family ("BSD License") are not here. Never change one that is: a lock
# may hold it, and is compared with the wheel again. Apache's is there since no project means an older version.
_BY_CLASSIFIER = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
# Other spellings of the field, in lower case, without "the" and "license".
_BY_NAME = {
    "2-clause bsd": "BSD-2-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache v2.0": "Apache-2.0",
    "apache, version 2.0": "Apache-2.0",
    "apache version 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd-3": "BSD-3-Clause",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "lgplv2.1+": "LGPL-2.1-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "modified bsd": "BSD-3-Clause",
    "mozilla public 2.0": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "revised bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
}
_WORDS = re.compile(r"\b(?:the|licen[cs]ed?)\b")


def licences_of(metadata: bytes) -> tuple[str, ...]:
    """All that a project's metadata may be taken to say of its licence, the best first; empty where it says nothing.

    One is chosen for a lock. The others count when a lock is compared with the file again, so that a later release
    that knows more names takes no honest lock for a lie.

    Returns:
        Each fit for a lock: one line of visible characters, 512 at most, not beginning with ``-``.
    """
    fields = _fields(metadata)
    found = (" ".join(text.split()) for text in _claims(fields))
    return tuple(dict.fromkeys(text for text in found if _fits(text)))


def _claims(fields: Sequence[tuple[str, str]]) -> Iterator[str]:
    """In order of trust."""
    for expression in _values(fields, "license-expression"):
        yield _spdx(expression)
        yield expression
    classifiers = [
        text.removeprefix(_CLASSIFIER).rpartition(" :: ")[2].strip()
        for text in _values(fields, "classifier")
        if text.startswith(_CLASSIFIER)
    ]
    named = [name for name in dict.fromkeys(classifiers) if name != "OSI Approved"]
    known = list(dict.fromkeys(_BY_CLASSIFIER[name] for name in named if name in _BY_CLASSIFIER))
    field = next(iter(_values(fields, "license")), "")
    first = field.partition("\n")[0]
    if len(known) == 1 and len(named) == 1:
        yield known[0]
    # Several classifiers may mean a choice or all of them; the field may say which.
    yield _spdx(first if first == field else "") or _by_name(first)
    if known and len(known) == len(named):
        yield " AND ".join(known)
    if first == field and len(first) <= _SHORT:
        yield first
    yield ", ".join(named)


def _by_name(text: str) -> str:
    words = _WORDS.sub(" ", text.lower().strip(" \"'."))
    name = " ".join(words.split()).replace(" ,", ",")
    return _BY_NAME.get(name) or _spdx(name)


def _spdx(text: str) -> str:
    """The canonical expression; empty where it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not text or len(text) > MAX_TEXT:
        return ""
    try:
        return canonicalize_license_expression(text)
    except (InvalidLicenseExpression, ValueError, RecursionError, MemoryError):
        return ""


def _fits(text: str) -> bool:
    plain = text.isprintable() and len(text) <= MAX_TEXT and not text.startswith("-")
    return plain and text.lower() not in _NOTHING


def _values(fields: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in fields if key == name]


def _fields(metadata: bytes) -> list[tuple[str, str]]:
    """Names in lower case and values, as they come; what is folded keeps its lines. The description is not read."""
    found: list[tuple[str, list[str]]] = []
    for line in metadata.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if not line:
            break
        if line[0] in " \t" and found:
            found[-1][1].append(line.strip())
        elif (match := _FIELD.match(line)) is not None:
            found.append((match[1].lower(), [match[2].strip()]))
    return [(name, "\n".join(lines)) for name, lines in found]
