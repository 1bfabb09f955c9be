"""Links that maintainer scripts would make: Debian's alternatives, and a few others. A table; no script is run.

Of the packages that offer the same link, the one with the highest priority gets it, as update-alternatives(1)
does in its automatic mode; of two with one priority, the first by name. The links of manual pages are left out
with the pages. Each entry was read from its package's `postinst`; `lock/debian/scripts.py` accepts these packages
because of it, and `tests/spark_r` holds the table against the packages of the machine's mirror.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from envcatalog.model.lock import Deb

_TRIPLETS = {"linux/amd64": "x86_64-linux-gnu", "linux/arm64": "aarch64-linux-gnu"}
_ARCHITECTURES = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
_JAVA = re.compile(r"openjdk-([0-9]+)-jre-headless\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One name that a package offers a file for.

    Attributes:
        link: the path that programs use; absolute, as in the scripts.
        name: of the link in ``/etc/alternatives``.
        target: the package's file.
    """

    link: str
    name: str
    target: str
    priority: int


def _libraries(folder: str, priority: int, *names: str) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(
            link=f"/usr/lib/{{triplet}}/{name}",
            name=f"{name}-{{triplet}}",
            target=f"/usr/lib/{{triplet}}/{folder}/{name}",
            priority=priority,
        )
        for name in names
    )


def _program(name: str, target: str, priority: int) -> Alternative:
    return Alternative(link=f"/usr/bin/{name}", name=name, target=target, priority=priority)


_BLAS, _LAPACK, _OPENBLAS = "libblas.so.3", "liblapack.so.3", "libopenblas.so.0"
_JVM = "/usr/lib/jvm/java-{java}-openjdk-{architecture}"

ALTERNATIVES: dict[str, tuple[Alternative, ...]] = {
    "debianutils": (_program("which", "/usr/bin/which.debianutils", 0),),
    "gawk": (_program("awk", "/usr/bin/gawk", 10), _program("nawk", "/usr/bin/gawk", 10)),
    "libblas3": _libraries("blas", 10, _BLAS),
    "liblapack3": _libraries("lapack", 10, _LAPACK),
    "libopenblas0-openmp": _libraries("openblas-openmp", 95, _BLAS, _LAPACK, _OPENBLAS),
    "libopenblas0-pthread": _libraries("openblas-pthread", 100, _BLAS, _LAPACK, _OPENBLAS),
    "libopenblas0-serial": _libraries("openblas-serial", 90, _BLAS, _LAPACK, _OPENBLAS),
    "mawk": (_program("awk", "/usr/bin/mawk", 5), _program("nawk", "/usr/bin/mawk", 5)),
    # The scripts' own priority is the major version, too, with two digits behind it.
    "openjdk-*-jre-headless": (
        *(_program(name, f"{_JVM}/bin/{name}", 0) for name in ("java", "jpackage", "keytool", "rmiregistry")),
        _program("jexec", f"{_JVM}/lib/jexec", 0),
    ),
    "xdg-utils": (_program("open", "/usr/bin/xdg-open", 50),),
}

# Other links of scripts, by package: path to target.
LINKS: dict[str, tuple[tuple[str, str], ...]] = {
    # The default of its question; the one about bitmap fonts matters only where there are such fonts.
    "fontconfig-config": (
        (
            "/etc/fonts/conf.d/10-hinting-slight.conf",
            "/usr/share/fontconfig/conf.avail/10-hinting-slight.conf",
        ),
    ),
    # The script copies it, with the paper size of the machine's owner in place of R's default.
    "r-base-core": (("/etc/R/Renviron", "/usr/lib/R/etc/Renviron.ucf"),),
}


def system_links(debs: Iterable[Deb], platform: str) -> dict[str, str]:
    """Links to make for these packages: path without a leading slash to target."""
    chosen: dict[str, tuple[int, Alternative]] = {}
    links: dict[str, str] = {}
    for deb in sorted(debs, key=lambda deb: deb.name):
        for item in offered_by(deb.name, platform):
            if item.link not in chosen or chosen[item.link][0] < item.priority:
                chosen[item.link] = (item.priority, item)
        links |= {path[1:]: target for path, target in LINKS.get(deb.name, ())}
    for link, (_, item) in chosen.items():
        links[link[1:]] = f"/etc/alternatives/{item.name}"
        links[f"etc/alternatives/{item.name}"] = item.target
    return links


def java_home(debs: Iterable[Deb], platform: str) -> str | None:
    """The folder of the newest Java among the packages; None where there is none."""
    versions = [int(match[1]) for deb in debs if (match := _JAVA.match(deb.name))]
    if not versions:
        return None
    return _JVM.format(java=max(versions), architecture=_ARCHITECTURES[platform])


def offered_by(name: str, platform: str) -> Iterator[Alternative]:
    """What a package offers on a platform."""
    java = _JAVA.match(name)
    values = {
        "triplet": _TRIPLETS[platform],
        "architecture": _ARCHITECTURES[platform],
        "java": java[1] if java else "",
    }
    for pattern, offered in ALTERNATIVES.items():
        if fnmatchcase(name, pattern):
            for item in offered:
                yield Alternative(
                    link=item.link.format(**values),
                    name=item.name.format(**values),
                    target=item.target.format(**values),
                    priority=int(java[1]) if java else item.priority,
                )
