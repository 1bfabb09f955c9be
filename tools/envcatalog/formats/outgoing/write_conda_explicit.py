"""What `conda list --explicit` prints and `conda create --file` takes: every conda package by its address.

Source: conda's documentation, "Identical conda environments"; the hash is spelled as in its CEP on such files.
"""

from __future__ import annotations

from envcatalog.formats.outgoing.conda_parts import SUBDIRS, conda_of, in_order
from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.model.export import Exported, TextFile, Written

HELD = frozenset(
    {
        ("conda", "channels"),
        ("conda", "packages"),
        ("conda", "channel_priority"),
        ("conda", "virtual_packages"),
        ("python", "version"),
        ("platforms",),
    }
)
BESIDE = frozenset({("base",)})
REASON = "an explicit list holds conda packages and nothing else"


def write_conda_explicit(given: Exported) -> Written:
    """One file, for one platform; inherited packages too.

    Raises:
        Refusal: the environment has no conda packages.
    """
    conda_of(given)
    (lock,) = given.locks
    lines = [*header(given, "conda-explicit"), f"# platform: {SUBDIRS[lock.platform]}", "@EXPLICIT"]
    lines += [f"{given.addresses[item.sha256]}#sha256:{item.sha256}" for item in in_order(lock.conda)]
    return Written(
        files=(TextFile(name=f"conda-{SUBDIRS[lock.platform]}.txt", text="\n".join(lines) + "\n"),),
        left=left_out(given.environment, HELD, REASON, beside=BESIDE),
    )
