"""How far each activation has come: as a line of text, and as a bar that fits its window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from dbt_selligent.events import Progress
from dbt_selligent.naming import visible

LONGEST_BAR, SHORTEST_BAR = 30, 8
# A longer name is cut before anything is left out.
LONGEST_NAME = 24
# What stands in a line, and whether a bar does: the first of these for which there is room.
LAYOUTS = (
    (("rows", "speed", "left", "rejected"), True),
    (("rows", "left", "rejected"), True),
    (("percent", "left", "rejected"), True),
    (("percent", "left", "rejected"), False),
    (("percent", "left"), False),
    (("percent",), False),
)


@dataclass(frozen=True)
class Course:
    """How far an activation has come; times are seconds of one clock.

    ``last`` was told ``at`` that time. Before the first answer nothing is known of its speed.
    """

    began: float
    at: float
    last: Progress

    def answered(self, progress: Progress, now: float) -> Course:
        """After one more answer."""
        return replace(self, at=now, last=progress)

    @property
    def speed(self) -> float | None:
        """Rows a second."""
        return self.last.done / max(self.at - self.began, 0.001) if self.last.done else None

    def left(self, now: float) -> float | None:
        """Seconds until the last row is accounted for, if it goes on like that."""
        if not self.speed:
            return None
        return max(0.0, (self.last.of - self.last.done) / self.speed - (now - self.at))

    def parts(self, now: float) -> dict[str, str]:
        """What can be said of it, each empty where there is nothing to say."""
        done, of, speed, left = self.last.done, self.last.of, self.speed, self.left(now)
        return {
            "name": visible(self.last.name),
            "rows": f"{done:,}/{of:,}",
            "percent": f"{100 * done // of if of else 100}%",
            "speed": "" if speed is None else f"{speed:,.0f} rows/s",
            "left": "" if left is None else f"{_minutes(left)} left",
            "rejected": f"{self.last.rejected:,} rejected" if self.last.rejected else "",
        }

    def said(self, now: float) -> str:
        """All of it, where there is no bar."""
        parts = self.parts(now)
        rows = f"{self.last.done:,} of {self.last.of:,} rows"
        return ", ".join(filter(None, (rows, parts["speed"], parts["left"], parts["rejected"])))


class Bars:
    """A bar for each activation, as it is in this moment: for a live display of rich."""

    def __init__(self, courses: Mapping[str, Course], clock: Callable[[], float]) -> None:
        self._courses = courses
        self._clock = clock

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines, none of which is longer than the window is wide."""
        signs = "#-." if options.ascii_only else "━─…"
        # One column is left free: a full line makes some terminals begin another.
        yield from draw(list(self._courses.values()), self._clock(), options.max_width - 1, signs)


def draw(courses: Sequence[Course], now: float, width: int, signs: str) -> list[Text]:
    """A line for each, with the same below each other, none longer than ``width``.

    ``signs`` are those of what is done, of what is left, and of a name that was cut.
    """
    told = [course.parts(now) for course in courses]
    if not told:
        return []
    widths = {part: max(cell_len(parts[part]) for parts in told) for part in told[0]}
    for layout, bar in LAYOUTS:
        shown = [part for part in layout if widths[part]]
        taken = 2 + sum(2 + widths[part] for part in shown) + (2 + SHORTEST_BAR if bar else 0)
        if taken + min(widths["name"], LONGEST_NAME) <= width:
            break
    room = max(width - taken, 1)
    name = min(widths["name"], room)
    lines = []
    for course, parts in zip(courses, told, strict=True):
        line = Text("  " + _cut(parts["name"], name, signs[2]), no_wrap=True, overflow="crop")
        if bar:
            line.append("  ").append(
                _bar(course, min(LONGEST_BAR, SHORTEST_BAR + room - name), signs)
            )
        for part in shown:
            style = "red" if part == "rejected" else ""
            line.append("  ").append(f"{parts[part]:>{widths[part]}}", style)
        line.truncate(width)
        lines.append(line)
    return lines


def _bar(course: Course, width: int, signs: str) -> Text:
    last = course.last
    done = width * last.done // last.of if last.of else width
    return Text.assemble((signs[0] * done, "green"), (signs[1] * (width - done), "dim"))


def _cut(name: str, width: int, sign: str) -> str:
    return set_cell_size(
        name if cell_len(name) <= width else set_cell_size(name, width - 1) + sign, width
    )


def _minutes(seconds: float) -> str:
    """As a clock has it: 0:07, 12:30, 1:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
