"""Which commands a maintainer script calls, read from its text. Nothing is executed.

A scanner of POSIX shell words (quotes, substitutions, here-documents, comments), not a parser of its grammar.
It errs on one side: a name too many gets a script refused that need not be, and a computed command is told.
"""

from __future__ import annotations

import re

COMPUTED = "$"
WRITES = ">"

_OPERATORS = ";&|\n(){}"
_KEYWORDS = frozenset("if then else elif fi while until do done esac ! time".split())  # noqa: SIM905
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<word>\\?\w+|'[^'\n]*'|\"[^\"\n]*\")")
_REDIRECT = re.compile(r"[<>]+(?:&\d+|&-|\|)?[ \t]*")


def commands_of(script: str) -> frozenset[str]:
    """Names of the commands, without the script's own functions; `COMPUTED` stands for a computed one.

    `WRITES` stands for output into a file (other than those of ``/dev``).
    """
    scanner = _Scanner(script)
    scanner.run()
    return frozenset(scanner.commands - scanner.functions)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.commands: set[str] = set()
        self.functions: set[str] = set()
        self._text = text.replace("\\\n", " ")
        self._at = 0
        self._word = ""
        self._words: list[str] = []
        self._heredocs: list[tuple[str, bool]] = []
        self._cases: list[bool] = []  # for each open `case`: whether a pattern is expected now

    def run(self, closer: str = "") -> None:
        """To the end of the text, or to the `closer` that ends a substitution."""
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == closer and (closer != ")" or (depth == 0 and not self._in_pattern())):
                break
            if closer == ")" and not self._in_pattern():
                depth += (char == "(") - (char == ")")
            self._step(char)
        self._end_command()
        self._at += 1

    def _step(self, char: str) -> None:
        if char == "\\":
            self._word += self._text[self._at + 1 : self._at + 2]
            self._at += 2
        elif char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char == "$":
            self._dollar()
        elif char == "`":
            self._substitution("`", 1)
        elif char == "#" and not self._word:
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        elif char in "<>":
            self._redirect()
        elif char in " \t":
            self._end_word()
            self._at += 1
        elif char in _OPERATORS:
            self._operator(char)
        else:
            self._word += char
            self._at += 1

    def _single(self) -> None:
        end = self._text.find("'", self._at + 1)
        self._word += "Q"
        self._at = len(self._text) if end < 0 else end + 1

    def _double(self) -> None:
        self._word += "Q"
        self._at += 1
        self._expand_until('"')

    def _dollar(self) -> None:
        rest = self._text[self._at : self._at + 3]
        if rest == "$((":
            end = self._text.find("))", self._at)
            self._at = len(self._text) if end < 0 else end + 2
        elif rest.startswith("$("):
            self._substitution(")", 2)
        elif rest.startswith("${"):
            self._parameter()
        else:
            match = re.compile(r"\$(\w+|[@*#?$!-])?").match(self._text, self._at)
            assert match is not None
            self._at = match.end()
        self._word += COMPUTED

    def _parameter(self) -> None:
        """``${name:-word}``: the word may hold quotes and substitutions of its own."""
        self._at += 2
        self._expand_until("}")

    def _expand_until(self, end: str) -> None:
        """Past the next `end` that is neither escaped nor inside an expansion."""
        while self._at < len(self._text) and self._text[self._at] != end:
            char = self._text[self._at]
            if char == "$":
                self._dollar()
            elif char == "`":
                self._substitution("`", 1)
            else:
                self._at += 2 if char == "\\" else 1
        self._at += 1

    def _substitution(self, closer: str, skip: int) -> None:
        inner = _Scanner(self._text)
        inner._at = self._at + skip
        inner.run(closer)
        self._at = inner._at
        self.commands |= inner.commands
        self.functions |= inner.functions
        self._word += COMPUTED

    def _redirect(self) -> None:
        heredoc = _HEREDOC.match(self._text, self._at)
        if self._word.isdigit():
            self._word = ""
        self._end_word()
        if heredoc:
            self._heredocs.append((heredoc["word"].strip("'\"\\"), bool(heredoc["dash"])))
            self._at = heredoc.end()
            return
        match = _REDIRECT.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        if "&" not in match[0]:
            self._word = match[0][0]  # marks the target, which `_end_word` drops

    def _operator(self, char: str) -> None:
        self._at += 1
        if self._in_pattern() and char in "()|":
            self._word, self._words = "", []
            if char == ")":
                self._cases[-1] = False
            return
        if char in "{}" and self._word:
            self._word += char
            return
        if (
            char == "("
            and (self._word or len(self._words) == 1)
            and self._text[self._at :].lstrip(" ")[:1] == ")"
        ):
            self._end_word()
            self.functions.add(self._words[-1])
            self._words = []
            return
        self._end_command()
        if char == ";" and self._text[self._at : self._at + 1] == ";" and self._cases:
            self._at += 1
            self._cases[-1] = True
        if char == "\n":
            self._skip_heredocs()

    def _in_pattern(self) -> bool:
        return bool(self._cases and self._cases[-1])

    def _end_word(self) -> None:
        word, self._word = self._word, ""
        if word.startswith(">") and not word.startswith(">/dev/"):
            self.commands.add(WRITES)
        if not word or word[0] in "<>":
            return
        self._words.append(word)
        if word == "esac" and len(self._words) == 1 and self._cases:
            self._cases.pop()
        elif word == "in" and self._command_word() == "case":
            self._cases.append(True)
            self._words = []

    def _end_command(self) -> None:
        self._end_word()
        if not self._in_pattern():
            name = self._command_word()
            if name and name not in ("case", "for"):
                self.commands.add(name)
        self._words = []

    def _command_word(self) -> str:
        for word in self._words:
            if word in _KEYWORDS or _ASSIGNMENT.match(word):
                continue
            return COMPUTED if COMPUTED in word or word[:1] == "Q" else word.rpartition("/")[2]
        return ""

    def _skip_heredocs(self) -> None:
        for word, dash in self._heredocs:
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                line = self._text[self._at : end if end >= 0 else len(self._text)]
                self._at = len(self._text) if end < 0 else end + 1
                if (line.lstrip("\t") if dash else line) == word:
                    break
        self._heredocs = []
