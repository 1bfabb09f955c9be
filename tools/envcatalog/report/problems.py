"""Problems and errors for people: the message, where, the source line with a caret, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.model.errors import UserError
from envcatalog.model.problem import Problem
from envcatalog.report.safe import visible, visible_char, visible_lines, width
from envcatalog.report.style import BOLD, CYAN, RED, YELLOW, paint

LINE_COLUMNS = 120
TAB = "    "
CUT = "..."


def problems_text(problems: Iterable[Problem], *, colour: bool) -> str:
    """All problems, an empty line between two; an empty string for none."""
    return "\n".join(_problem_text(problem, colour) for problem in problems)


def error_text(error: UserError, *, colour: bool) -> str:
    """``error: ...`` and ``hint: ...``; a solver's reason may run over several lines."""
    text = f"{paint('error:', BOLD, RED, colour=colour)} {visible_lines(error.message)}\n"
    if error.hint:
        text += f"{paint('hint:', BOLD, CYAN, colour=colour)} {visible_lines(error.hint)}\n"
    return text


def _problem_text(problem: Problem, colour: bool) -> str:
    severity = paint(
        f"{problem.severity}:", BOLD, RED if problem.severity == "error" else YELLOW, colour=colour
    )
    number = str(problem.line)
    margin = " " * len(number)
    lines = [
        f"{severity} {visible(problem.message)}",
        f"{margin}--> {visible(problem.file)}:{problem.line}:{problem.column}",
    ]
    if problem.source.strip():
        room = LINE_COLUMNS - len(number) - len(" | ")
        source, caret = source_and_caret(problem.source, problem.column, problem.length, room)
        lines += [
            f"{margin} |",
            f"{number} | {source}",
            f"{margin} | {paint(caret, BOLD, RED, colour=colour)}",
        ]
    if problem.hint:
        lines.append(f"{paint('hint:', BOLD, CYAN, colour=colour)} {visible(problem.hint)}")
    return "\n".join(lines) + "\n"


def source_and_caret(source: str, column: int, length: int, columns: int) -> tuple[str, str]:
    """The source line cut to a window around the caret, and the line that underlines it.

    Args:
        column: 1-based, in characters; beyond the end means just behind the last character.
        length: characters to underline, at least 1.
        columns: the most that either line may take on a terminal.
    """
    at = min(max(column - 1, 0), len(source))
    # A character takes at least one column or is part of one: nothing further away can be in the window.
    first, last = max(0, at - 2 * columns), min(len(source), at + 2 * columns)
    cells = [_cell(char) for char in source[first:last]]
    at -= first
    start, stop = _window(cells, at, columns, cut_before=first > 0, cut_after=last < len(source))
    before = CUT if start > 0 or first > 0 else ""
    after = CUT if stop < len(cells) or last < len(source) else ""
    shown = before + "".join(cells[start:stop]) + after
    indent = width(before) + sum(map(width, cells[start:at]))
    marked = sum(map(width, cells[at : min(at + max(length, 1), stop)]))
    return shown.rstrip(), " " * indent + "^" * max(1, marked)


def _window(cells: list[str], at: int, columns: int, *, cut_before: bool, cut_after: bool) -> tuple[int, int]:
    """Grow from the caret, a third to its left, until the columns are used up."""
    if not cut_before and not cut_after and sum(map(width, cells)) <= columns:
        return 0, len(cells)
    room = columns - 2 * len(CUT)
    start = stop = at
    left = 0
    while start > 0 and left + width(cells[start - 1]) <= room // 3:
        start -= 1
        left += width(cells[start])
    used = left
    while stop < len(cells) and used + width(cells[stop]) <= room:
        used += width(cells[stop])
        stop += 1
    while start > 0 and used + width(cells[start - 1]) <= room:
        start -= 1
        used += width(cells[start])
    return start, stop


def _cell(char: str) -> str:
    return TAB if char == "\t" else visible_char(char)
