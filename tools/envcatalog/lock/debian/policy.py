"""What a Debian base consists of, and which dependencies are not followed. Data, with its reasons.

Packages are unpacked without their maintainer scripts, as distroless images are. So a dependency that only a
script uses would add files that nothing ever runs: debconf alone brings perl. Such edges are left out.
Essential packages (coreutils, bash ...) are depended on by nobody, so they are there only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BASE_PACKAGES = (
    "base-files",  # /etc/os-release, /etc/debian_version, the folders of the file system
    "ca-certificates",  # TLS; the bundle is written by the image's deb layer
    "dash",  # /bin/sh, for entry points and subprocess.run(shell=True)
    "libc-bin",  # the locale C.UTF-8, which the image's LANG names
    "libc6",
    "libgcc-s1",  # wheels with C++ or OpenMP code link to these two
    "libstdc++6",
    "netbase",  # /etc/services and /etc/protocols, for getservbyname
    "tzdata",  # zoneinfo
)

# What maintainer scripts may call without depending on it (Debian Policy 3.8), and who runs them. `Essential: yes` of
# bullseye to forky together; a name that a suite has not got is left out. The last two are the smallest that satisfy
# what some of these depend on: an awk, and a file system with /usr merged, which the root layer has.
ESSENTIAL = (
    *(
        "base-files",
        "base-passwd",
        "bash",
        "bsdutils",
        "coreutils",
        "dash",
        "debianutils",
        "diffutils",
        "dpkg",
    ),
    *("findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin", "login", "ncurses-base"),
    *("ncurses-bin", "perl-base", "sed", "sysvinit-utils", "tar", "util-linux"),
    *("mawk", "usr-is-merged"),
)

_BY_DEBCONF = "asks questions while a package is configured"
_BY_SCRIPTS = "is only called by maintainer scripts"

NOT_FOLLOWED: Mapping[str, str] = {
    "adduser": _BY_SCRIPTS,
    "cdebconf": _BY_DEBCONF,
    "debconf": _BY_DEBCONF,
    "debconf-2.0": _BY_DEBCONF,
    "dpkg": "is the package manager, and nothing is installed in an image that is built from a lock",
    "init-system-helpers": "enables services, and a container has no init system",
    "install-info": "indexes manuals for a reader that is not there",
    "ucf": "keeps changed configuration files across upgrades, and an image is never upgraded in place",
}

# The long-term releases of Java that Debian has had since bullseye.
_JAVA_VERSIONS = (11, 17, 21, 25)
# What Spark is given: 3.3 to 4.0 are made for 17; the suites after bookworm no longer have it.
_JAVA_OF_SUITE = {"bullseye": 17, "bookworm": 17}
_JAVA_OTHERWISE = 21

NOT_FOLLOWED_FROM: Mapping[tuple[str, str], str] = {
    ("base-files", "awk"): "its postinst uses awk",
    ("ca-certificates", "openssl"): "its postinst hashes certificates; the bundle alone is written instead",
    ("bash", "debianutils"): "its postinst registers the shell",
    ("dash", "debianutils"): "its postinst registers the shell",
    ("r-base-core", "xdg-utils"): "opens a browser on the desktop",
    **{
        (f"openjdk-{version}-jre-headless", name): why
        for version in _JAVA_VERSIONS
        for name, why in (
            ("java-common", "chooses between several Javas"),
            ("util-linux", "its postinst asks whether /proc is mounted"),
        )
    },
}


def is_followed(package: str, dependency: str) -> bool:
    """Whether an edge of the dependency graph is followed."""
    return dependency not in NOT_FOLLOWED and (package, dependency) not in NOT_FOLLOWED_FROM


def interpreter_packages(version: str) -> tuple[str, ...]:
    """A Debian Python: the interpreter and the standard library, without tkinter and idle."""
    return (f"libpython{version}-stdlib", f"python{version}-minimal")


def spark_packages(suite: str) -> tuple[str, ...]:
    """A Java runtime, the locale it starts in, and what Spark's programs call: they are scripts of bash.

    Java takes the charset of file names from the locale, and until 18 (JEP 400) that of text, too. Without the
    locale's files it is US-ASCII: ``é`` in a path is refused, and in a text it becomes two characters.
    """
    java = _JAVA_OF_SUITE.get(suite, _JAVA_OTHERWISE)
    return ("bash", "coreutils", "libc-bin", f"openjdk-{java}-jre-headless")


def r_packages(names: Iterable[str]) -> tuple[str, ...]:
    """R, what its front end calls, the locale it starts in, and packages of CRAN by the names that Debian gives them.

    Without the locale's files R warns at each start that locales cannot be set, and takes text for bytes.

    Source: Debian R packaging policy, "Package naming": the name of CRAN in lower case behind ``r-cran-``.
    """
    wanted = map(r_package, names)
    return ("bash", "coreutils", "debianutils", "grep", "libc-bin", "r-base-core", "sed", *wanted)


def r_package(name: str) -> str:
    """Debian's name of a package of CRAN."""
    return f"r-cran-{name.lower()}"
