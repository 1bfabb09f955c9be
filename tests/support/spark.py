"""A small source archive with the structure of the real `pyspark`, whose `setup.py` tells when it is run."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

VERSION = "3.5.9"
REQUIRES = ("alpha<3,>=1.0", 'gamma>=1.0 ; extra == "sql"')
SUBMIT = b'#!/usr/bin/env bash\nexec "${SPARK_HOME}"/bin/spark-class "$@"\n'
FINDER = b"#!/usr/bin/env python3\nprint('found')\n"


def metadata(version: str = VERSION, requires: Iterable[str] = REQUIRES) -> bytes:
    """``PKG-INFO``."""
    lines = ["Metadata-Version: 2.1", "Name: pyspark", f"Version: {version}", "Provides-Extra: sql"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    return ("\n".join(lines) + "\n\nA description\n").encode()


def files_of(version: str = VERSION, *, marker: Path | None = None) -> dict[str, bytes]:
    """Path below the top folder to content, in the order of the real archive."""
    setup = f"open({str(marker)!r}, 'w').write('run')\n" if marker else "raise SystemExit('not to be run')\n"
    return {
        "MANIFEST.in": b"graft deps/bin\n",
        "PKG-INFO": metadata(version),
        "README.md": b"# Spark\n",
        "deps/bin/find-spark-home": SUBMIT,
        "deps/bin/load-spark-env.sh": b"# nothing\n",
        "deps/bin/spark-submit": SUBMIT,
        "deps/bin/spark-submit.cmd": b"rem nothing\r\n",
        "deps/data/graphx/users.txt": b"1,a\n",
        "deps/examples/pi.py": b"print(3)\n",
        "deps/jars/spark-core_2.12.jar": b"PK core " + version.encode(),
        "deps/jars/py4j.jar": b"PK py4j",
        "deps/licenses/LICENSE-a.txt": b"free\n",
        "deps/sbin/spark-daemon.sh": b"# nothing\n",
        "lib/py4j-0.10.9.7-src.zip": b"PK zip",
        "lib/pyspark.zip": b"PK zip2",
        "pyspark.egg-info/PKG-INFO": metadata(version),
        "pyspark.egg-info/requires.txt": b"alpha<3,>=1.0\n\n[sql]\ngamma>=1.0\n",
        "pyspark/__init__.py": f"__version__ = {version!r}\n".encode(),
        "pyspark/find_spark_home.py": FINDER,
        "pyspark/python/pyspark/shell.py": b"pass\n",
        "pyspark/sql/__init__.py": b"",
        "setup.cfg": b"[egg_info]\n",
        "setup.py": setup.encode(),
    }


def make_sdist(
    folder: Path,
    version: str = VERSION,
    *,
    files: Mapping[str, bytes] | None = None,
    extra: Iterable[tuple[tarfile.TarInfo, bytes]] = (),
    marker: Path | None = None,
) -> Path:
    """Write ``pyspark-VERSION.tar.gz``; the same arguments give the same bytes.

    Args:
        extra: entries with their full names, right or wrong.
        marker: a file that `setup.py` writes when it is run.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (files if files is not None else files_of(version, marker=marker)).items():
            info = tarfile.TarInfo(f"pyspark-{version}/{name}")
            info.size = len(data)
            info.mode = 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(info, io.BytesIO(data))
        for info, data in extra:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pyspark-{version}.tar.gz"
    path.write_bytes(gzip.compress(out.getvalue(), 1, mtime=0))
    return path
