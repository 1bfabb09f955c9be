"""The root folder of a Debian base: what every program expects to be there before any package is.

The same for all architectures: a `lib64` that nothing uses does no harm on arm64. There is no `/etc/hostname`,
`/etc/hosts` or `/etc/resolv.conf` (the engine makes them) and no `/etc/shadow` (there are no passwords).
"""

from __future__ import annotations

from envcatalog.image.tar import TarWriter

APP = 1000
# Folders that are one with their namesakes in `usr/` (Debian's UsrMerge, file-hierarchy(7)).
MERGED = ("bin", "lib", "lib64", "sbin")

_STICKY = 0o1777
_PASSWD = f"""\
root:x:0:0:root:/root:/bin/sh
app:x:{APP}:{APP}:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = f"""\
root:x:0:
tty:x:5:
app:x:{APP}:
nogroup:x:65534:
"""
_NSSWITCH = """\
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
ethers: files
rpc: files
"""
_FILES = {"etc/group": _GROUP, "etc/nsswitch.conf": _NSSWITCH, "etc/passwd": _PASSWD}
_FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "sys": 0o555,
    "tmp": _STICKY,
    "usr": 0o755,
    "var": 0o755,
    "var/tmp": _STICKY,
    **{f"usr/{name}": 0o755 for name in MERGED},
}


def write(tar: TarWriter) -> None:
    """Write a layer of kind ``root``."""
    paths = {*_FILES, *_FOLDERS, *MERGED, "home/app"}
    for path in sorted(paths, key=lambda path: path.split("/")):
        if path in _FILES:
            data = _FILES[path].encode()
            tar.file(path, len(data), data, owner="the root folder")
        elif path in MERGED:
            tar.symlink(path, f"usr/{path}", owner="the root folder")
        elif path == "home/app":
            tar.directory(path, 0o755, uid=APP, gid=APP)
        else:
            tar.directory(path, _FOLDERS[path])
