"""The one place where errors become text and exit codes: 1 the answer is no, 2 usage or tool error, 130 interrupted."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

import click

from envcatalog.model.errors import EXIT_ERROR, ProblemsFound, UserError

EXIT_INTERRUPTED = 130

# What a machine refuses whatever program asks: no bug, even where Python does not say of which file.
MACHINE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EACCES, errno.EPERM),
)


def guarded(command: click.Command, *, own_process: bool = False) -> int:
    """Run the command line; its exit code.

    Args:
        own_process: whether the process does nothing else, so that a command may let another program take it over.
    """
    _have_streams()
    try:
        result = command.main(prog_name="envcat", standalone_mode=False, obj={"own_process": own_process})
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        _say(_sentence(error.format_message()), "")
        return EXIT_ERROR
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted", "")
        return EXIT_INTERRUPTED
    except ProblemsFound as error:
        from envcatalog.report.problems import problems_text

        click.echo(problems_text(error.problems, colour=False).removesuffix("\n"), err=True)
        _say(error.message, error.hint)
        return error.exit_code
    except UserError as error:
        _say(error.message, error.hint)
        return error.exit_code
    except BrokenPipeError:
        return _unread()
    except SystemExit as stop:
        # Where click meets a broken pipe itself, it wraps stdout and ends the process with 1.
        wrapped = type(sys.stdout).__name__.endswith("PacifyFlushWrapper")
        return _unread() if wrapped else int(stop.code or 0)
    except RecursionError:
        _say("the input is nested too deeply", "")
        return EXIT_ERROR
    except Exception as error:
        return _bug(error)
    return result if isinstance(result, int) else 0


def _have_streams() -> None:
    """A caller may close stdout or stderr (``>&-``), which Python tells by None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _unread() -> int:
    """The reader has gone, as `head` does: no error. Python would complain once more while closing stdout."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _say(message: str, hint: str) -> None:
    from envcatalog.report.safe import visible, visible_lines

    click.echo(f"error: {visible_lines(message)}", err=True)
    if hint:
        click.echo(f"hint: {visible(hint)}", err=True)


def _usage(error: click.UsageError) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # `envcat` alone; only click 8.2 and later raise it
        error.show()
        return EXIT_ERROR
    context = error.ctx
    if context is not None:
        click.echo(context.get_usage(), err=True)
    hint = f"run `{context.command_path if context else 'envcat'} --help`"
    if isinstance(error, click.NoSuchOption):
        near = error.possibilities or ()
        _say(f"there is no option `{error.option_name}`", f"did you mean `{near[0]}`" if near else hint)
    else:
        _say(_sentence(error.format_message()), hint)
    return EXIT_ERROR


def _sentence(text: str) -> str:
    """In our spelling: no capital, no full stop."""
    return text[:1].lower() + text[1:].removesuffix(".")


def _machine(error: OSError) -> int:
    reason = error.strerror or str(error)
    hint = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "make room, or set `ENVCATALOG_CACHE` to a folder on another disk"
    _say(
        f"`{os.fsdecode(error.filename)}`: {reason}" if isinstance(error.filename, (str, bytes)) else reason,
        hint,
    )
    return EXIT_ERROR


def _bug(error: Exception) -> int:
    import platform
    import tempfile
    import traceback

    from envcatalog import __version__

    if isinstance(error, OSError) and (error.filename or error.errno in MACHINE):
        return _machine(error)
    with tempfile.NamedTemporaryFile(
        "w", prefix="envcat-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(f"envcat {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n")
        log.writelines(traceback.format_exception(error))
    _say(f"this is a bug in envcat: {type(error).__name__}", f"report it with the log in {log.name}")
    return EXIT_ERROR
