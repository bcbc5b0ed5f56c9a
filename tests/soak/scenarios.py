"""Syncs of every kind, each killed at every durable step, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import duckdb

from soak.checks import PromiseBrokenError, files_of
from soak.stage import Stage
from soak.steps import Kill, Moment
from soak.victim import Ended
from soak.world import Feed, Model, World

BULK = ("POST lists", "DELETE lists")
# What is done with the model after a kill, in turn: it stays, it is as before, it loses rows.
AFTERWARDS = ("stays", "went back", "lost rows")


@dataclass(frozen=True)
class Scenario:
    """A sync to be killed: how it is led up to, and with which flags it goes.

    With ``recovery``, the steps of interest are those before its first bulk request: a run that
    was cut off before is brought to its end by them.
    """

    feed: Feed
    prepare: Callable[[Stage, Random], None]
    flags: tuple[str, ...] = ()
    recovery: bool = False

    def world(self) -> World:
        """Of the one feed, with nothing in it yet."""
        return World({self.feed.name: self.feed}, {self.feed.name: Model(self.feed.list)})


@dataclass
class Enumeration:
    """The kills of one scenario on its stage: `next` does one of them, until all are ``done``."""

    name: str
    stage: Stage
    essential: bool = False
    moments: tuple[Moment, ...] = ("before", "after")
    sabotage: str | None = None
    label: str = ""
    kills: int = 0
    done: bool = False
    point: str = ""

    def next(self, *, twice: bool = True) -> None:
        """The kill at the next step, what must hold after it, and the recovery from it."""
        scenario, stage = SCENARIOS[self.name], self.stage
        number, moment = divmod(self.kills, len(self.moments))
        kill = Kill(number + 1, self.moments[moment], essential=self.essential, label=self.label)
        random = Random(f"{self.name}/{self.kills}")
        self.point = f"{self.name}, {kill.moment} step {kill.number}"
        scenario.prepare(stage, random)
        ended = stage.sync(*scenario.flags, kill=kill, sabotage=self.sabotage)
        step = ended.steps[-1] if ended.steps else "its start"
        self.point += f" ({step})"
        if not ended.killed or (scenario.recovery and step.startswith(BULK)):
            self._finish(ended)
            return
        self.kills += 1
        stage.look(ended)
        [model] = stage.world.models.values()
        afterwards = AFTERWARDS[self.kills % len(AFTERWARDS)]
        self.point += f", the model {afterwards}"
        if afterwards == "went back" and model.past:
            model.rows = dict(model.past[-1])
        elif afterwards == "lost rows":
            model.lose(random, 0.3)
        stage.world.write(stage.shop)
        stage.recover(twice=twice)

    def _finish(self, ended: Ended) -> None:
        self.done = True
        if not ended.killed and ended.code != 0:
            raise PromiseBrokenError(
                "I2", [f"undisturbed, it ended with {ended.code}: {ended.err}"]
            )
        self.stage.recover()


def change(stage: Stage, random: Random) -> None:
    """Most rows have other values, and some rows came."""
    [model] = stage.world.models.values()
    model.regain(random, 1.0)
    model.remember()
    model.turn(random, 0.8)
    model.add(random, 3)
    stage.world.write(stage.shop)


def forget(stage: Stage, random: Random) -> None:
    """No state, and other values than the list has: a first sync."""
    change(stage, random)
    for path in sorted(stage.shop.state.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    stage.shop.state.rmdir()


def lose(stage: Stage, random: Random) -> None:
    """Some rows left, some came back, some changed."""
    [model] = stage.world.models.values()
    model.remember()
    gone = sorted(model.ever - set(model.rows))
    model.lose(random, 0.25)
    for key in gone[:20]:
        model.rows[key] = dict(model.past[-1].get(key) or random.choice(list(model.rows.values())))
    model.turn(random, 0.3)
    model.add(random, 2)
    stage.world.write(stage.shop)


def cut_off(stage: Stage, random: Random) -> None:
    """A run that was killed when its second request was answered; the model went on."""
    change(stage, random)
    ended = stage.sync(kill=Kill(2, "before", label="answer to POST"))
    if not ended.killed:
        raise PromiseBrokenError("I2", [f"it could not be cut off: {ended.code} {ended.err}"])
    stage.look(ended)
    lose(stage, random)


def age(stage: Stage, random: Random) -> None:
    """The same, in a state of the first version."""
    cut_off(stage, random)
    for feed in stage.world.feeds.values():
        make_old(files_of(stage.shop, feed).state)


OLD_TABLES: Mapping[str, str] = {
    "migrations": "select * from s.migrations where version = 1",
    "meta": "select * from s.meta where name in ('identity', 'run', 'target', 'mapping')",
    "log": "select run_id, _selligent_group, first_n, last_n, outcome from s.log",
    "runs": "select run_id, started_at, finished_at, status, dbt_target, counts, error from s.runs",
    "snapshot": "select * from s.snapshot",
    "doubt": "select * from s.doubt",
    "rejected": "select * exclude (_selligent_missing) from s.rejected",
    "invalid": "select * from s.invalid",
}


def make_old(state: Path) -> None:
    """Turns a state into one of version 1, with the tables and columns that it had then."""
    old = state.with_name("old.duckdb")
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{state}' as s")
        connection.execute(f"attach '{old}' as o (storage_version 'v1.4.0')")
        connection.execute("create table o.meta (name varchar primary key, value varchar)")
        for name, sql in OLD_TABLES.items():
            made = "insert into o.meta" if name == "meta" else f"create table o.{name} as"
            connection.execute(f"{made} {sql}")
    state.with_name(f"{state.name}.wal").unlink(missing_ok=True)
    old.replace(state)
    state.chmod(0o600)


def _people(**chosen: object) -> Feed:
    return Feed("people", "PEOPLE", batch=100, **chosen)  # type: ignore[arg-type]


SCENARIOS = {
    "first sync": Scenario(_people(), forget),
    "changes": Scenario(_people(), change),
    "removals": Scenario(_people(removed="delete"), lose),
    "removals set": Scenario(_people(removed="set", nulls="skip"), lose),
    "segment": Scenario(_people(segment="HERE", once=("FLAG",)), lose),
    "mirror with segment": Scenario(_people(mode="mirror", segment="HERE"), lose),
    "full refresh": Scenario(_people(), change, ("--full-refresh",)),
    "recovery": Scenario(_people(segment="HERE"), cut_off, recovery=True),
    "migration": Scenario(_people(removed="delete"), age, recovery=True),
}
