"""The soak: kills at every durable step and random rounds in turn, until the time is over."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

from soak.checks import PromiseBrokenError
from soak.rounds import Figures, Round
from soak.scenarios import SCENARIOS, Enumeration
from soak.stage import Stage, make_project, open_stage
from soak.world import random_world, summary

POINTS_AT_ONCE = 12  # kills of a scenario between two random rounds
ROWS_OF_SCENARIO = 260
MOST_BROKEN = 5


@dataclass
class Soak:
    """A soak of so many seconds; ``say`` is told how it goes."""

    folder: Path
    seed: int
    seconds: float
    say: Callable[[str], None]
    only: int | None = None  # this round alone
    figures: Figures = field(default_factory=Figures)

    def run(self) -> Figures:
        """Runs until the time is over, or too much is broken."""
        project = make_project(self.folder / "random")
        end, told = time.monotonic() + self.seconds, time.monotonic()
        if self.only is not None:
            self._round(project, self.only)
            return self.figures
        slices = self._slices()
        number = 0
        while time.monotonic() < end and len(self.figures.broken) < MOST_BROKEN:
            number += 1
            self._round(project, number)
            if number % 2 and time.monotonic() < end:
                next(slices)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                self.say(self._progress(end - told))
        slices.close()
        return self.figures

    def _round(self, project: Path, number: int) -> None:
        random = Random(f"{self.seed}/{number}")
        world = random_world(random)
        rows, syncs = random.choice([300, 800, 2000]), random.randint(5, 9)
        base = random.choice([0, 1])
        with open_stage(
            project, self.folder / "said", world, random, rows, index_base=base
        ) as stage:
            stage.say(f"{summary(list(world.feeds.values()))}; {rows} rows")
            where = f"seed {self.seed}, round {number}"
            self._watch(stage, where, lambda: Round(stage, random, self.figures).play(syncs))
            self._count(stage)
        self.figures.rounds += 1

    def _slices(self) -> Generator[None, None, None]:
        """The scenarios, each from its first step to its last; some kills at a time."""
        project = make_project(self.folder / "steps")
        names = list(SCENARIOS)
        Random(self.seed).shuffle(names)  # an hour may not be enough for all of them
        for name in cycle(names):
            with ExitStack() as stack:
                random = Random(f"{self.seed}/{name}")
                world = SCENARIOS[name].world()
                stage = stack.enter_context(
                    open_stage(project, self.folder / "said", world, random, ROWS_OF_SCENARIO)
                )
                enumeration = Enumeration(name, stage)
                good = self._watch(stage, name, stage.recover)
                while good and not enumeration.done:
                    for _ in range(POINTS_AT_ONCE):
                        good = self._watch(stage, name, enumeration.next, enumeration)
                        self._count(stage)
                        if enumeration.done or not good:
                            break
                        self.figures.points[name] += 1
                    yield
                self.figures.finished[name] += enumeration.done
                yield

    def _watch(
        self,
        stage: Stage,
        where: str,
        act: Callable[[], None],
        enumeration: Enumeration | None = None,
    ) -> bool:
        """Whether it went well; what did not is told, with all that leads to it."""
        try:
            act()
        except PromiseBrokenError as error:
            broken = str(error)
        except Exception:  # noqa: BLE001 - whatever goes wrong, the round is broken, not the soak
            broken = traceback.format_exc()
        else:
            return True
        kept = self.folder / f"broken-{len(self.figures.broken) + 1}"
        shutil.copytree(stage.shop.folder, kept)
        point = f", {enumeration.point}" if enumeration else ""
        told = [f"BROKEN {where}{point}: {broken}", f"kept in {kept}", *stage.told[-40:]]
        self.figures.broken.append("\n  ".join(told))
        self.say(self.figures.broken[-1])
        return False

    def _count(self, stage: Stage) -> None:
        self.figures.syncs += stage.syncs
        self.figures.rows += stage.checks.rows
        stage.syncs = stage.checks.rows = 0

    def _progress(self, left: float) -> str:
        figures = self.figures
        kills = sum(figures.points.values())
        random = figures.killed
        return (
            f"{figures.rounds} rounds, {figures.syncs} syncs, {kills} kills in turn, {random} at "
            f"random, {len(figures.broken)} broken, {max(0, left):.0f} s left"
        )


def table(figures: Figures, seed: int, seconds: float) -> str:
    """The figures as text."""
    lines = [
        ("rounds of random syncs", figures.rounds),
        ("syncs", figures.syncs),
        ("kills in turn, at every step", sum(figures.points.values())),
        *((f"  of {name}", count) for name, count in figures.points.items()),
        ("kills in random rounds", figures.killed),
        ("scenarios killed at every step", sum(figures.finished.values())),
        *((what, count) for what, count in sorted(figures.befell.items())),
        ("faults on the wire", sum(figures.faults.values())),
        *((f"  {what}", count) for what, count in sorted(figures.faults.items())),
        ("mappings or types changed", figures.remapped),
        ("times that records were deleted by hand", figures.by_hand),
        ("rows compared", figures.rows),
        ("promises broken", len(figures.broken)),
        ("seed", seed),
        ("seconds", round(seconds)),
    ]
    return "\n".join(f"{what:<42}{count:>12,}" for what, count in lines)
