"""The words of a warning: one message for all that changed at once; without values of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dbt_selligent.activation import Activation
from dbt_selligent.conditions import Change, Kind
from dbt_selligent.naming import visible
from dbt_selligent.results import ActivationResult
from dbt_selligent.wording import counted, listed

WORDS: dict[Kind, str] = {
    "failed": "failed",
    "guard": "stopped",
    "rejected": "rows refused",
    "stale": "stale",
}
# Of the errors' texts: a chat takes no more than a few thousand characters in all.
LONGEST_ERROR = 1000


@dataclass(frozen=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str
    tone: Literal["failure", "warning", "success"]


@dataclass(frozen=True)
class News:
    """What is to be told of one activation; ``result`` is that of the run, if there was one,
    ``watched`` is since when it is looked at, and ``complete`` the start of the last run since that
    was complete.
    """

    activation: Activation
    result: ActivationResult | None
    watched: datetime
    complete: datetime | None
    change: Change

    @property
    def words(self) -> list[str]:
        """What it comes to."""
        return [WORDS[kind] for kind in self.change.began] or ["recovered"]


def compose(destination: str, news: Sequence[News], run: str) -> Message:
    """The message of all news for one address; ``run`` says which run of the tool that was."""
    if len(news) == 1:
        said = f"{news[0].activation.name} {', '.join(news[0].words)}"
    else:
        counts = Counter(word for each in news for word in each.words)
        said = ", ".join(f"{count} {word}" for word, count in counts.items())
    title = visible(f"dbt-selligent: {said} ({destination})").replace("\n", " ")
    parts = ["\n".join(_paragraph(each)) for each in news]
    return Message(title, visible("\n\n".join([*parts, run])), _tone(news))


def when(moment: datetime) -> str:
    """A time in UTC as it is told."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _tone(news: Sequence[News]) -> Literal["failure", "warning", "success"]:
    began = {kind for each in news for kind in each.change.began}
    if "failed" in began:
        return "failure"
    return "warning" if began else "success"


def _paragraph(news: News) -> Iterator[str]:
    activation, result, began = news.activation, news.result, news.change.began
    yield (
        f"{activation.name} {', '.join(news.words)}: "
        f"model {activation.model.name} -> list {activation.list} at {activation.destination}"
    )
    for kind, since in news.change.over.items():
        yield f"  {WORDS[kind]}, as was told {when(datetime.fromisoformat(since))}, is over"
    if result and set(began) != {"stale"}:
        if result.error:
            yield f"  {_shortened(result.error)}"
        if figures := _figures(result):
            yield f"  {figures}"
        if result.next_step:
            yield f"  -> {_shortened(result.next_step)}"
    if "stale" in began:
        yield f"  no complete run has started for {activation.warnings.stale}"
    if began:
        since = f"none since it was first looked at, {when(news.watched)}"
        yield f"  last complete run: {when(news.complete) if news.complete else since}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]} ..."


def _figures(result: ActivationResult) -> str:
    counts = result.counts
    if counts is None:
        return ""
    told = listed([(result.confirmed, "confirmed"), *result.others])
    return f"{counted(counts.rows, 'row')} in the model" + (f": {told}" if told else "")
