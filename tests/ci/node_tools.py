"""Tools that are packages of npm, put into a folder of the session."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.servers import missing


def installed(folder: Path, package: str) -> Path:
    """Install a package, without running any script of it; the folder of its programs."""
    if not (shutil.which("npm") and shutil.which("node")):
        missing("npm and node, which are not installed")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder))
    done = subprocess.run(["npm", "install", *options, package], capture_output=True, text=True, timeout=120)
    if done.returncode:
        missing(f"{package} from the machine's npm registry: {done.stderr.strip()[-200:]}")
    return folder / "node_modules/.bin"
