"""A shop with its world, and victims that sync it: what a kill is tried on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from functional.conftest import EXPOSURES, Shop, empty, new_sandbox, parse, write_project

from dbt_selligent.locks import hold
from soak.checks import Checks, PromiseBrokenError
from soak.steps import Kill
from soak.victim import NEVER, Ended, Victims
from soak.world import LISTS, SECRET, World

MODELS = ("people", "scores", "orders")
_numbers = count(1)


def make_project(folder: Path) -> Path:
    """A project that dbt has parsed, to be used by one stage after the other."""
    project = folder / "shop"
    write_project(project, EXPOSURES[:1], dict.fromkeys((*MODELS, "customers"), "select 1 as id"))
    return parse(project)


@dataclass
class Stage:
    """One world at one Selligent, from its first sync on."""

    shop: Shop
    world: World
    checks: Checks
    victims: Victims
    syncs: int = 0
    told: list[str] = field(default_factory=list)  # what was done, to find out what went wrong

    def say(self, what: str) -> None:
        """Keeps what was done."""
        self.told.append(what)

    def sync(
        self,
        *flags: str,
        kill: Kill = NEVER,
        sabotage: str | None = None,
        script: bool = False,
    ) -> Ended:
        """The real command in a process of its own."""
        self.syncs += 1
        return self.victims.run(
            "sync", "--force", *flags, kill=kill, sabotage=sabotage, script=script
        )

    def look(self, ended: Ended, *, last: bool = True) -> None:
        """What has to hold after every sync, however it ended; ``last`` if none ended since."""
        self.checks.confirmed_is_applied()
        self.checks.strangers_untouched()
        self.checks.nothing_leaks(ended.said)
        self.checks.modes_are_private()
        if "Traceback" in ended.err:
            raise PromiseBrokenError("I4", [f"it ended with a traceback: {ended.err[-2000:]}"])
        if ended.code in (0, 1) and "Error: interrupted" not in ended.err:
            self.checks.counts_add_up(ended.code if last else None)

    def free(self) -> None:
        """I7: a lock that a dead process left holds nobody up."""
        for path in self.shop.state.rglob("*.lock"):
            with hold(path, path.name):
                pass

    def recover(self, *, twice: bool = True) -> None:
        """One sync without faults brings everything in step; with ``twice``, the next sends
        nothing.
        """
        self.shop.sandbox.faults([])
        self.free()
        if self.world.touched:
            self._repair()
        self._in_step()
        self.checks.confirmed_is_applied()
        self.checks.in_step()
        self.checks.strangers_untouched()
        self.checks.nothing_is_left()
        if twice:
            before = len(self.shop.sandbox.bulk())
            self._in_step(retry=False)
            self.checks.nothing_sent(before)

    def _in_step(self, *, retry: bool = True) -> None:
        self.syncs += 1
        results = self.shop.sync(force=True, retry_rejected=retry, retry_not_found=retry)
        self.checks.counts_add_up()
        wrong = [
            f"{one.name} is {one.status} after a sync without faults: {one.error}"
            for one in results.results
            if one.status != "in step"
        ]
        if wrong:
            raise PromiseBrokenError("I2", wrong)

    def _repair(self) -> None:
        """Records that were deleted by hand are found by `verify --repair`, and sent again."""
        self._in_step()
        ended = self.victims.run("verify", "--repair")
        self.checks.nothing_leaks(ended.said)
        if ended.code not in (0, 1) or "Traceback" in ended.err:
            raise PromiseBrokenError(
                "I2", [f"verify --repair ended with {ended.code}: {ended.err}"]
            )
        self.world.touched.clear()


@contextmanager
def open_stage(
    project: Path, aside: Path, world: World, random: Random, rows: int, **sandbox: Any
) -> Iterator[Stage]:
    """A stage in a project that is emptied first; its Selligent is there for as long."""
    empty(project)
    with ExitStack() as stack:
        served = new_sandbox(
            lists=LISTS,
            api_secret=SECRET,
            keep_responses=False,
            quota=10**9,
            **sandbox,
        )
        url = stack.enter_context(served.running())
        shop = Shop(project, served, url)
        shop.profile()
        home = {"HOME": str(project), "NO_COLOR": "1"}
        stack.enter_context(mock.patch.dict(os.environ, home))
        said = aside / str(next(_numbers))
        said.mkdir(parents=True)
        victims = Victims(project, said, home)
        world.populate(shop, random, rows)
        stage = Stage(shop, world, Checks(shop, world), victims)
        world.write(shop)
        yield stage


def flags_of(words: Sequence[str]) -> str:
    """Flags, as they are told."""
    return " ".join(words) or "no flags"
