"""The first process inside the namespaces: mounts the image's tree, then runs one command in it.

Started as a program of its own, with the standard library alone: it reads a JSON specification from stdin,
says ``ready`` or ``error ...`` on the descriptor `tell`, and ends with the command's exit code. The rights that
it has inside are over these namespaces only, and the command gets none of them: it runs in a second user
namespace, which owns no mount.
"""

# ruff: noqa: PTH102, PTH103, PTH114, PTH123, PTH211, S108
# (plain calls, one for one what the kernel is asked to do; the paths are inside a new root)

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import sys
import warnings  # noqa: F401 - `os.execvpe` imports it, and in the image's tree there is none of our modules
from typing import Any, NoReturn

from envcatalog.run.host import HOST_NAME
from envcatalog.run.sandbox.kernel import (
    CLONE_NEWUSER,
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    PR_SET_NO_NEW_PRIVS,
    call,
    die_with_parent,
    loopback_up,
    map_user,
    mount,
    new_namespaces,
)
from envcatalog.run.user import find_user

DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
HIDDEN_FILES = ("sysrq-trigger", "kcore", "keys", "timer_list")
NOT_FOUND, NOT_EXECUTABLE = 127, 126


def main() -> NoReturn:
    """Reads the specification and never returns."""
    specification = json.loads(sys.stdin.buffer.read())
    tell = specification["tell"]
    try:
        os.set_inheritable(tell, False)
        die_with_parent()
        new_namespaces()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            _first(specification, tell)
        # Asked to end, end process 1 and still wait for it: the kernel lets go of it only when all others are gone.
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(tell)
        _exit_as(os.waitpid(child, 0)[1])
    except BaseException as error:
        _fail(tell, error)


def _first(specification: dict[str, Any], tell: int) -> NoReturn:
    """Process 1: when it ends, the kernel kills every other one."""
    try:
        die_with_parent()
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        if specification.get("probe"):
            _probe(specification["mount"], tell)
        loopback_up()
        # A name that `/etc/hosts` knows, as engines give: the host's own means nothing in here (Java asks for it).
        call("sethostname", HOST_NAME.encode(), len(HOST_NAME))
        root = _compose(specification)
        _furnish(root)
        _enter(root)
        child = os.fork()
        if child == 0:
            _become_command(specification, tell)
        os.close(tell)
        while True:
            ended, status = os.wait()
            if ended == child:
                _exit_as(status)
    except BaseException as error:
        _fail(tell, error)


def _probe(place: str, tell: int) -> NoReturn:
    """Whether all that a check needs is allowed, and whether overlayfs is."""
    lower = f"{place}/lower"
    mount("tmpfs", place, "tmpfs")
    os.mkdir(lower)
    os.mkdir(f"{place}/proc")
    mount("proc", f"{place}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    try:
        _overlay([lower], place)
        answer = "overlay"
    except OSError:
        answer = "merge"
    os.write(tell, f"ready {answer}".encode())
    os._exit(0)


def _compose(specification: dict[str, Any]) -> str:
    place, lowers = specification["mount"], specification["lowers"]
    if specification["overlay"]:
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        return _overlay(lowers, place)
    [merged] = lowers
    mount(merged, place, flags=MS_BIND)
    # Its files are the cache's own: nothing may ever write to them.
    mount("none", place, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    return str(place)


def _overlay(lowers: list[str], place: str) -> str:
    """Stack the trees, lowest first. Short names, since the kernel takes a page of options at most."""
    for name in ("l", "upper", "work", "root"):
        os.mkdir(f"{place}/{name}")
    names = [str(number) for number in range(len(lowers))]
    for name, lower in zip(names, lowers, strict=True):
        os.symlink(lower, f"{place}/l/{name}")
    os.chdir(f"{place}/l")
    options = f"lowerdir={':'.join(reversed(names))},upperdir=../upper,workdir=../work"
    try:
        mount("overlay", "../root", "overlay", MS_NOSUID | MS_NODEV, f"{options},userxattr")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        mount("overlay", "../root", "overlay", MS_NOSUID | MS_NODEV, options)
    os.chdir("/")
    return f"{place}/root"


def _furnish(root: str) -> None:
    for name in ("dev", "proc", "sys", "tmp"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{root}/{name}")
        if os.path.islink(f"{root}/{name}"):
            raise OSError(errno.ELOOP, f"`/{name}` is a link in the image")
    mount("tmpfs", f"{root}/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755")
    for name in DEVICES:
        _touch(f"{root}/dev/{name}")
        mount(f"/dev/{name}", f"{root}/dev/{name}", flags=MS_BIND)
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")
    os.mkdir(f"{root}/dev/shm")
    for name in ("dev/shm", "tmp"):
        mount("tmpfs", f"{root}/{name}", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _guard_proc(f"{root}/proc")
    with contextlib.suppress(OSError):
        mount("sysfs", f"{root}/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    with contextlib.suppress(OSError):
        if not os.path.lexists(f"{root}/etc/hosts"):
            _write_new(f"{root}/etc/hosts", f"127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n")


def _guard_proc(proc: str) -> None:
    # Where root runs this, its user is root to the kernel's settings too, whatever the namespace.
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for name in ("sys", "bus", "fs", "irq"):
        with contextlib.suppress(FileNotFoundError):
            mount(f"{proc}/{name}", f"{proc}/{name}", flags=MS_BIND | MS_REC)
            mount("none", f"{proc}/{name}", flags=MS_BIND | MS_REMOUNT | MS_RDONLY | flags)
    for name in HIDDEN_FILES:
        with contextlib.suppress(FileNotFoundError):
            mount("/dev/null", f"{proc}/{name}", flags=MS_BIND)


def _enter(root: str) -> None:
    """Make the tree the root and let go of the old one: no way leads back, as one does from chroot."""
    os.chdir(root)
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def _become_command(specification: dict[str, Any], tell: int) -> NoReturn:
    try:
        os.setsid()
        uid, gid, home = find_user(specification["user"])
        _enter_workdir(specification["workdir"])
        call("unshare", CLONE_NEWUSER)
        map_user(uid, 0, gid, 0)
        call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o022)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        environment = {"HOME": home, "HOSTNAME": HOST_NAME, **specification["env"]}
        command = specification["command"]
        os.write(tell, b"ready")
    except BaseException as error:
        _fail(tell, error)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE)
    except ValueError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
        os._exit(NOT_EXECUTABLE)


def _enter_workdir(path: str) -> None:
    with contextlib.suppress(OSError):
        os.makedirs(path, exist_ok=True)
    os.chdir(path)


def _write_new(path: str, text: str) -> None:
    with open(path, "x", encoding="ascii") as file:
        file.write(text)


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))


def _fail(tell: int, error: BaseException) -> NoReturn:
    text = (error.strerror or "") if isinstance(error, OSError) else str(error)
    with contextlib.suppress(OSError):
        os.write(tell, f"error {text}"[:1000].encode())
    os._exit(1)


def _exit_as(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)
