"""Questions on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbt_selligent.cli.say import say
from dbt_selligent.errors import nearest
from dbt_selligent.naming import visible
from dbt_selligent.questions import Option

MOST_SHOWN = 30


class Prompts:
    """Asks until it has an answer that can be used; Ctrl-C and Ctrl-D end the command."""

    def choose(
        self, what: str, options: Sequence[Option], default: str | None, *, others: str = ""
    ) -> str:
        """One of the options, by its number or name; ``others`` says what else may be answered."""
        say(f"\n{what}:")
        names = [name for name, _ in options]
        for number, (name, remark) in enumerate(options[:MOST_SHOWN], 1):
            say(f"  {number:>2}  {name}" + (f"  ({remark})" if remark else ""))
        if len(names) > MOST_SHOWN:
            say(f"      and {len(names) - MOST_SHOWN} more")
        if others:
            say(f"      or {others}")
        by_answer = {str(number): name for number, name in enumerate(names, 1)}
        by_answer |= {name.casefold(): name for name in names}
        while True:
            answer = self.text("Number or name", default)
            if found := by_answer.get(answer.casefold()):
                return found
            like = nearest(answer, names)
            if others:
                # What was offered may be taken with Enter, however near a name it is.
                none = f"{answer} is none of these, but {like} is: take {answer} all the same?"
                if like is None or answer == default or self.agree(none, default=False):
                    return answer
                continue
            say(f"{answer}: none of these" + (f"; did you mean {like}?" if like else ""))
            default = like or default

    def text(self, what: str, default: str | None = None) -> str:
        """A text that is not empty."""
        shown = None if default is None else visible(default)
        answer = str(click.prompt(visible(what), default=shown)).strip()
        return answer or self.text(what, default)

    def agree(self, what: str, *, default: bool) -> bool:
        """Yes or no."""
        return click.confirm(visible(what), default=default)
