"""The caller's terminal: raw while a container's own terminal does its work, and as it was afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def is_terminal(*descriptors: int) -> bool:
    """Whether all of them are terminals."""
    return all(os.isatty(descriptor) for descriptor in descriptors)


def in_foreground(descriptor: int) -> bool:
    """Whether reading would not stop this process, as it does a job in the background of a shell."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, AttributeError):
        return True


def terminal_size(descriptor: int) -> tuple[int, int] | None:
    """Columns and lines; None where it is no terminal."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return None
    return size.columns, size.lines


@contextmanager
def raw_terminal(descriptor: int) -> Iterator[None]:
    """Every key goes to the container as it is, ctrl-C included."""
    if sys.platform == "win32" or not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
