"""The one place where errors become text and exit codes: 1 the answer is no, 2 usage or tool error, 130 interrupted."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from envcatalog.model.errors import EXIT_ERROR, ProblemsFound, UserError

EXIT_INTERRUPTED = 130


def guarded(command: click.Command) -> int:
    """Run the command line; its exit code."""
    try:
        result = command.main(prog_name="envcat", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
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
        # The reader has gone; python would complain once more while closing stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RecursionError:
        _say("the input is nested too deeply", "")
        return EXIT_ERROR
    except Exception as error:
        return _bug(error)
    return result if isinstance(result, int) else 0


def _say(message: str, hint: str) -> None:
    from envcatalog.report.safe import visible, visible_lines

    click.echo(f"error: {visible_lines(message)}", err=True)
    if hint:
        click.echo(f"hint: {visible(hint)}", err=True)


def _bug(error: Exception) -> int:
    import platform
    import tempfile
    import traceback

    from envcatalog import __version__

    if isinstance(error, OSError) and error.filename:
        _say(f"`{error.filename}`: {error.strerror}", "")
        return EXIT_ERROR
    with tempfile.NamedTemporaryFile(
        "w", prefix="envcat-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(f"envcat {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n")
        log.writelines(traceback.format_exception(error))
    _say(f"this is a bug in envcat: {type(error).__name__}", f"report it with the log in {log.name}")
    return EXIT_ERROR
