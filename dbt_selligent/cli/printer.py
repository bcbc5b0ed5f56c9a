"""Lines on a stream: in colour and wrapped on a terminal, as they are elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dbt_selligent.cli.lines import Line, lines_of
from dbt_selligent.naming import visible

# A window in which texts are no more wrapped than this, however narrow it is.
LEAST_WIDTH = 20


class Printer:
    """Prints lines; names and messages of others in them cannot work the terminal.

    Colour is rich's own decision: only on a terminal, unless `NO_COLOR` or `TERM=dumb` forbid it.
    """

    def __init__(self, stream: TextIO) -> None:
        # What is set to have colour in a log makes no terminal of it.
        self.is_terminal = stream.isatty()
        self.console = Console(file=stream, highlight=False, soft_wrap=True)

    @property
    def moves(self) -> bool:
        """Whether what was printed can be changed."""
        return self.is_terminal and not self.console.is_dumb_terminal

    def print(self, lines: Iterable[Line]) -> None:
        """Prints lines. On a terminal, long ones are broken between words and go on below the
        first.
        """
        for line in lines:
            for text in self._wrapped(line):
                self.console.print(text, soft_wrap=True)

    def _wrapped(self, line: Line) -> list[Text]:
        text = Text(visible(line.text), "" if line.mark else line.style)
        head = Text(line.head, line.style)
        if not self.is_terminal or not line.text:
            return [Text.assemble(head, text)]
        width = max(self.console.width, LEAST_WIDTH) - len(line.below)
        parts = text.wrap(self.console, width)
        for part in parts:
            part.rstrip()
        first, *rest = parts
        return [Text.assemble(head, first), *(Text.assemble(line.below, part) for part in rest)]


def tell(texts: Iterable[str]) -> None:
    """Prints texts on stdout, each of one line or several."""
    Printer(sys.stdout).print(line for text in texts for line in lines_of(text))
