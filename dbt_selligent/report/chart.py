"""What went out over time, as bars: pure geometry, in percent across and in pixels down.

A page is as wide as its reader's screen, so that what lies across is in percent of the chart's
width: neither texts nor lines are stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dbt_selligent.report.record import Run
from dbt_selligent.report.standing import came_to_its_end
from dbt_selligent.report.words import DAY, HOUR, MINUTE, MONTHS, day, moment, short, span
from dbt_selligent.wording import counted

TITLE, PLOT, FLAT, GAP, MARKS, DATES = 24.0, 68.0, 2.0, 16.0, 22.0, 18.0
# A chart of few runs has room for so many, or its bars would be walls.
LEAST_SLOTS = 12
# From so many on, bars stand side by side: a gap between them would be less than a pixel.
DENSE = 150
# A figure above zero is to be seen, however small it is beside the others.
LEAST_HEIGHT = 2.0
# The scale leaves out what is so many times higher than all the rest, if that is this part of it.
OUTLYING, MOST_OUTLYING = 8.0, 0.1
ROUND = (1, 2, 3, 4, 5, 6, 8, 10)
# Dates under the bars are so far apart at least.
BETWEEN_DATES = 24.0
OFF = ", off the scale"


@dataclass(frozen=True)
class Scale:
    """From 0 up to ``top``; ``cut`` if there are figures above it."""

    top: float
    cut: bool


@dataclass(frozen=True)
class Bar:
    """Where a bar lies; ``cut`` if it is higher than the scale."""

    x: float
    width: float
    y: float
    height: float
    cut: bool


@dataclass(frozen=True)
class Panel:
    """The bars of one figure, all on the line ``base``; ``ceiling`` is where the scale ends."""

    figure: str
    title: str
    said: str
    cut: bool
    y: float
    ceiling: float
    base: float
    limit: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Mark:
    """A sign under a run: it did not come to its end (``stopped``), or a guard was ``forced``."""

    x: float
    kind: str


@dataclass(frozen=True)
class Date:
    """A date under a bar; ``anchor`` is the end of the text that is there."""

    x: float
    anchor: str
    text: str


@dataclass(frozen=True)
class Slot:
    """All of the height that belongs to a run, and what is told of it."""

    x: float
    width: float
    said: str


@dataclass(frozen=True)
class Chart:
    """The last runs of one activation, oldest first; ``said`` is all of it in a few sentences."""

    height: float
    marks_y: float
    dates_y: float
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...]
    dates: tuple[Date, ...]
    slots: tuple[Slot, ...]
    said: str


def draw(runs: Sequence[Run], zone: ZoneInfo) -> Chart:
    """The chart of runs, newest first as a record has them."""
    shown = list(reversed(runs))
    step = 100 / max(len(shown), LEAST_SLOTS)
    figures: Sequence[tuple[str, str, Sequence[float | None], Callable[[float], str], bool]] = (
        ("confirmed", "Rows confirmed", [run.confirmed for run in shown], "{:,.0f}".format, False),
        ("rejected", "Rows rejected", [run.rejected for run in shown], "{:,.0f}".format, False),
        ("duration", "Duration", [run.seconds for run in shown], span, True),
    )
    panels, y = [], 0.0
    for figure, title, values, said, timed in figures:
        panels.append(_panel(figure, title, values, said, y, step, timed=timed))
        y = panels[-1].base + GAP
    marks = tuple(_marks(shown, step))
    height = y + (MARKS if marks else 0) + DATES
    return Chart(
        height=height,
        marks_y=y,
        dates_y=height - DATES / 3,
        panels=tuple(panels),
        marks=marks,
        dates=tuple(_dates([run.started_at for run in shown], zone, step)),
        slots=tuple(Slot(place * step, step, told(run, zone)) for place, run in enumerate(shown)),
        said=_described(shown, panels, zone),
    )


def told(run: Run, zone: ZoneInfo) -> str:
    """What there is to be said of a run, in one line."""
    said = [f"{moment(run.started_at, zone)}: {run.word}"]
    if run.confirmed is not None:
        said.append(f"{run.confirmed:,} confirmed")
    said += [f"{rows:,} rejected" for rows in (run.rejected,) if rows]
    said += [f"{rows:,} not sent" for rows in (run.not_sent,) if rows]
    said += [span(seconds) for seconds in (run.seconds,) if seconds is not None]
    said += ["guard forced"] if run.forced else []
    return ", ".join(said)


def fit(values: Sequence[float], *, timed: bool = False) -> Scale:
    """The scale for figures; a few that are far above all the others are left out of it."""
    falling = sorted(values, reverse=True)
    most = falling[0] if falling else 0.0
    few = int(len(falling) * MOST_OUTLYING)
    for place in range(few, 0, -1):
        highest_of_rest = falling[place]
        if highest_of_rest > 0 and falling[place - 1] > OUTLYING * highest_of_rest:
            return Scale(_round_up(highest_of_rest, timed), cut=True)
    return Scale(_round_up(most, timed), cut=False)


def _round_up(most: float, timed: bool) -> float:
    """The next round figure, 1 at least; of seconds, as seconds, minutes or hours are round."""
    unit = next((unit for unit in (HOUR, MINUTE) if timed and most > unit), 1)
    power = 1
    while most > ROUND[-1] * power * unit:
        power *= 10
    return next(float(each * power * unit) for each in ROUND if most <= each * power * unit)


def _panel(
    figure: str,
    title: str,
    values: Sequence[float | None],
    said: Callable[[float], str],
    y: float,
    step: float,
    *,
    timed: bool,
) -> Panel:
    known = [value for value in values if value is not None]
    most = max(known, default=0)
    scale = fit(known, timed=timed)
    ceiling = y + TITLE
    plot = PLOT if most > 0 else FLAT
    base = ceiling + plot
    gap = 0.0 if len(values) >= DENSE else step * 0.26
    bars = []
    for place, value in enumerate(values):
        if not value:
            continue
        height = max(LEAST_HEIGHT, min(1.0, value / scale.top) * plot)
        bars.append(
            Bar(
                x=place * step + gap / 2,
                width=step - gap,
                y=base - height,
                height=height,
                cut=value > scale.top,
            )
        )
    limit = (span(scale.top) if timed else short(scale.top)) if most > 0 else ""
    return Panel(
        figure=figure,
        title=title,
        said=f"highest {said(most)}" if most > 0 else "none",
        cut=scale.cut,
        y=y,
        ceiling=ceiling,
        base=base,
        limit=limit,
        bars=tuple(bars),
    )


def _marks(runs: Sequence[Run], step: float) -> Sequence[Mark]:
    found = []
    for place, run in enumerate(runs):
        middle = (place + 0.5) * step
        if not came_to_its_end(run):
            found.append(Mark(middle, "stopped"))
        elif run.forced:
            found.append(Mark(middle, "forced"))
    return found


def _dates(times: Sequence[datetime], zone: ZoneInfo, step: float) -> Sequence[Date]:
    """As many as have room, the first and the last among them."""
    if not times:
        return []
    last = len(times) - 1
    parts = max(1, min(last, int(last * step / BETWEEN_DATES)))
    places = sorted({round(part * last / parts) for part in range(parts + 1)})
    if len(places) > 1 and (places[-1] - places[0]) * step < BETWEEN_DATES:
        places = [last]
    written = _writer(times[places[0]], times[places[-1]], zone)
    found: list[Date] = []
    for place in places:
        x = (place + 0.5) * step
        text = written(times[place])
        if found and found[-1].text == text:
            continue
        anchor = "start" if x < BETWEEN_DATES / 2 else "end" if x > 100 - step else "middle"
        edge = {"start": place * step, "middle": x, "end": (place + 1) * step}[anchor]
        found.append(Date(edge, anchor, text))
    return found


def _writer(first: datetime, last: datetime, zone: ZoneInfo) -> Callable[[datetime], str]:
    """How times between two are told apart in few letters."""
    if first != last and day(first, zone) == day(last, zone):
        return lambda at: f"{at.astimezone(zone):%H:%M}"
    if (last - first).total_seconds() > 300 * DAY:
        return lambda at: day(at, zone).partition(" ")[2]
    return lambda at: f"{at.astimezone(zone).day} {MONTHS[at.astimezone(zone).month - 1]}"


def _described(runs: Sequence[Run], panels: Sequence[Panel], zone: ZoneInfo) -> str:
    if not runs:
        return "No run yet."
    first, last = runs[0].started_at, runs[-1].started_at
    between = f"on {day(last, zone)}"
    if day(first, zone) != day(last, zone):
        between = f"from {day(first, zone)} to {day(last, zone)}"
    stopped = sum(not came_to_its_end(run) for run in runs)
    parts = [f"{counted(len(runs), 'run')} {between}"]
    parts += [f"{panel.title}: {panel.said}{OFF if panel.cut else ''}" for panel in panels]
    parts.append(f"{counted(stopped, 'run')} did not come to the end")
    return ". ".join(parts) + "."
