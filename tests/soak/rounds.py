"""Random rounds: a world, syncs of it, and what befalls them; all of it decided by a seed."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from soak.checks import PromiseBrokenError
from soak.stage import Stage
from soak.steps import Kill, Moment
from soak.victim import Running
from soak.world import REFUSED

FAULTS = (
    "load:503@1",
    "load:503-after@2",
    "load:429@2",
    "load:reset-before@1",
    "load:reset-after@1",
    "load:reset-after@3",
    "load:html@1",
    "load:html-after@2",
    "load:not-json-after@1",
    "load:truncated-after@2",
    "load:counts@1",
    "load:failed@2",
    "load:result=ServiceUnavailable@1",
    "load:result=InternalServerError@2",
    "load:delay=0.2@2",
    "load:delay-after=0.2@1",
    "load:short=1",
    "load:no-index",
    "load:unlisted",
    "load:stop-on-error",
    "load:uncounted",
    "load:as-duplicate",
    "load:uncounted-existing",
    "segment-load:reset-after@1",
    "segment-load:503@1",
    "delete:reset-after@1",
    "delete:503-after@1",
    "fields:503@1",
)
UNCOUNTED = ("load:uncounted", "load:uncounted-existing")
LEAVING_OUT = ("load:part", "load:part", "delete:part", "segment-load:part")
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")
# What befalls a sync, and how often.
BEFALLS = {
    "killed at a step": 40,
    "killed at a random moment": 24,
    "killed, started by the script": 2,
    "SIGTERM": 7,
    "SIGINT": 6,
    "two at once": 4,
    "nothing": 17,
}
STEPS_AT_FIRST, SECONDS_AT_FIRST, SECONDS_OF_SCRIPT = 90, 0.5, 1.8


@dataclass
class Figures:
    """What was done, in numbers."""

    rounds: int = 0
    syncs: int = 0
    rows: int = 0
    befell: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)  # kills of scenarios
    finished: Counter[str] = field(default_factory=Counter)  # scenarios from end to end
    remapped: int = 0
    by_hand: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many syncs of the random rounds ended by SIGKILL."""
        return sum(count for what, count in self.befell.items() if what.startswith("killed"))


@dataclass
class Round:
    """Some syncs of one world, each befallen by something, and what must hold after each."""

    stage: Stage
    random: Random
    figures: Figures
    usual_steps: int = STEPS_AT_FIRST
    usual_seconds: float = SECONDS_AT_FIRST

    def __post_init__(self) -> None:
        # A server that does not count all that it takes could not be told from one that leaves out.
        self._leaves_out = self.random.random() < 0.5
        left_out = UNCOUNTED if self._leaves_out else ()
        self._usual = [fault for fault in FAULTS if fault not in left_out]

    def play(self, syncs: int) -> None:
        """So many syncs, with a recovery now and then and at the end."""
        for number in range(1, syncs + 1):
            self.stage.say(f"sync {number}")
            self._sync()
            if self.random.random() < 0.35 or number == syncs:
                self.stage.say("recovery")
                self.stage.recover()

    def _sync(self) -> None:
        self._go_on()
        flags = self._flags()
        befalls = self.random.choices(list(BEFALLS), list(BEFALLS.values()))[0]
        faults = self._faults(befalls)
        self.stage.shop.sandbox.faults(faults)
        self.stage.say(f"{befalls}, {' '.join(flags) or 'no flags'}, {faults or 'no faults'}")
        self.figures.befell[befalls] += 1
        self.figures.faults.update(
            fault.partition("@")[0].partition("WORD=")[0] for fault in faults
        )
        if befalls.startswith("SIG"):
            self._interrupt(getattr(signal, befalls), flags)
        elif befalls == "two at once":
            self._two(flags)
        elif befalls == "nothing":
            self._calm(flags, faults)
        else:
            self._kill(befalls, flags)

    def _go_on(self) -> None:
        """What happens between two syncs."""
        world, stage = self.stage.world, self.stage
        for name, model in world.models.items():
            stage.say(f"{name}: {model.wander(self.random)}")
        if self.random.random() < 0.2:
            self.figures.remapped += 1
            stage.say(world.remap(self.random))
        people = world.feeds["people"]
        if people.mode == "upsert" and self.random.random() < 0.05:
            gone = self.random.sample(sorted(world.models["people"].rows), 2)
            for key in gone:
                if stage.shop.sandbox.remove("PEOPLE", {"NAME": key[0]}):
                    world.touched.add(key)
            self.figures.by_hand += 1
            stage.say(f"deleted by hand: {sorted(world.touched)}")
        world.write(stage.shop)

    def _flags(self) -> list[str]:
        flags = []
        if self.random.random() < 0.12:
            flags.append("--full-refresh")
        if self.random.random() < 0.06:
            flags += ["--limit", "150"]
        if self.random.random() < 0.1:
            flags += ["--threads", "1"]
        if self.random.random() < 0.2:
            flags.append("--retry-rejected")
        return flags

    def _faults(self, befalls: str) -> list[str]:
        faults = self.random.sample(self._usual, self.random.choice([0, 0, 1, 1, 2, 3]))
        if self._leaves_out and self.random.random() < 0.2:
            # With a count too high, all would seem to be there.
            faults = [fault for fault in faults if fault != "load:counts@1"]
            faults.append(self.random.choice(LEAVING_OUT))
        if self.random.random() < 0.3:
            faults.append(f"load:reject:WORD={REFUSED}")
        return ["load:delay-after=1@1"] if befalls == "two at once" else faults

    def _kill(self, befalls: str, flags: list[str]) -> None:
        number = self.random.randint(1, self.usual_steps)
        moment, share = self.random.choice(MOMENTS), self.random.random()
        if befalls == "killed at a step":
            kill = Kill(number, moment, share * 0.02)
            self.stage.say(f"{moment} step {number}")
            ended = self.stage.sync(*flags, kill=kill)
        else:
            script = "script" in befalls
            usual = SECONDS_OF_SCRIPT if script else self.usual_seconds
            running = self._start(*flags, script=script)
            time.sleep(share * usual * 1.1)
            running.signal(signal.SIGKILL)
            ended = running.end()
        self.stage.say(f"ended with {ended.code} after {len(ended.steps)}: {ended.steps[-1:]}")
        if not ended.killed:
            self.figures.befell[befalls] -= 1
            self.figures.befell["ended before it was killed"] += 1
        self.stage.look(ended)

    def _interrupt(self, number: int, flags: list[str]) -> None:
        """What is under way ends, what is confirmed is kept, and the exit code is 1."""
        share = self.random.random()
        running = self._start(*flags)
        _wait_for_steps(running)
        time.sleep(share * self.usual_seconds)
        running.signal(number)
        ended = running.end()
        self.stage.say(f"ended with {ended.code}: {ended.err[-300:]}")
        if ended.code not in (0, 1):
            raise PromiseBrokenError("I4", [f"signal {number}: it ended with {ended.code}"])
        self.stage.look(ended)

    def _two(self, flags: list[str]) -> None:
        """The second sync of one activation is refused, and says who holds it."""
        before = len(self.stage.shop.sandbox.bulk())
        first = self._start(*flags)
        while first.alive and len(self.stage.shop.sandbox.bulk()) == before:
            time.sleep(0.01)
        second = self.stage.sync(*flags)
        held = first.alive
        ended = first.end()
        words = f"in use by process {first.process.pid} on "
        if held and (second.code != 1 or words not in second.said):
            why = f"the second of two ended with {second.code}: {second.said}"
            raise PromiseBrokenError("I7", [why])
        if held:
            self.figures.befell["refused beside another"] += 1
        self.stage.look(second, last=False)
        self.stage.look(ended)

    def _calm(self, flags: list[str], faults: list[str]) -> None:
        before = len(self.stage.shop.sandbox.bulk())
        ended = self.stage.sync(*flags)
        self.stage.say(f"ended with {ended.code}")
        if ended.code not in (0, 1):
            raise PromiseBrokenError("I2", [f"it ended with {ended.code}: {ended.err}"])
        self.stage.look(ended)
        if not faults:
            self.usual_steps = max(20, len(ended.steps))
            self.usual_seconds = ended.seconds
            # What is not found, and how others count, is found out by sending parts of a batch.
            feeds = self.stage.world.feeds.values()
            plain = all(feed.mode in ("upsert", "mirror") and not feed.once for feed in feeds)
            if plain and not self.stage.world.touched:
                self.stage.checks.nothing_sent_twice(before)

    def _start(self, *flags: str, script: bool = False) -> Running:
        self.stage.syncs += 1
        return self.stage.victims.start("sync", "--force", *flags, script=script)


def _wait_for_steps(running: Running) -> None:
    """Until the command is under way, so that its own handlers are there."""
    while running.alive and not running.steps:
        time.sleep(0.005)
