"""The errors a user may see; one handler in `cli/` prints them as ``error: ...`` and ``hint: ...``."""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.model.problem import Problem

EXIT_NO = 1
EXIT_ERROR = 2


class UserError(Exception):
    """A usage or tool error (exit code 2).

    Args:
        message: one sentence, no full stop, literals in backticks.
        hint: what to do about it; empty when nothing is known.
    """

    exit_code = EXIT_ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refusal(UserError):
    """The answer is no (exit code 1): stale, differs, a check failed, a version is taken."""

    exit_code = EXIT_NO


class ProblemsFound(Refusal):
    """Files hold problems, so the command stops before it does anything (exit code 1)."""

    def __init__(self, problems: Sequence[Problem], hint: str = "") -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} found", hint)
        self.problems = tuple(problems)
