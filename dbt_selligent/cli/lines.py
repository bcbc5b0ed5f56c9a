"""What is said, line by line, before anyone knows where it is shown: pure."""

from __future__ import annotations

from dataclasses import dataclass

from dbt_selligent.wording import counted


@dataclass(frozen=True)
class Line:
    """One line: ``indent`` blanks, a ``mark`` if there is one, and a text.

    ``style`` is the colour of the mark or, where there is none, of the text.
    """

    text: str
    indent: int = 0
    mark: str = ""
    style: str = ""

    @property
    def head(self) -> str:
        """What stands before the text."""
        return " " * self.indent + (f"{self.mark} " if self.mark else "")

    @property
    def below(self) -> str:
        """What stands before the rest of a text that is wrapped: it begins below the first word, or
        a little to the right where there is no mark.
        """
        return " " * (len(self.head) if self.mark else self.indent + 2)

    def __str__(self) -> str:
        """As it is written where no window limits it."""
        return self.head + self.text


def lines_of(text: str, indent: int = 0) -> list[Line]:
    """A text of several lines, each with the blanks that it begins with; what is to be done next
    is so here too.
    """
    return [_line_of(line, indent) for line in text.removesuffix("\n").split("\n") if text]


def _line_of(text: str, indent: int) -> Line:
    words = text.lstrip(" ")
    indent += len(text) - len(words)
    step = words.removeprefix("-> ")
    return Line(words, indent) if step == words else Line(step, indent, "->", "cyan")


def step_line(step: str) -> Line:
    """What to do next."""
    return Line(step, 2, "->", "cyan")


def span(seconds: float) -> str:
    """A time that is guessed, in words: no more exact than a guess is."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return "under a minute"
    if minutes < 120:
        return f"about {counted(minutes, 'minute')}"
    return f"about {counted(round(seconds / 3600), 'hour')}"
