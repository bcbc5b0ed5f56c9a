"""`schedule`: it stays, syncs what falls due, and ends when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from subprocess import Popen
from typing import Any

import pytest

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.events import Due, Event, Finished, Noted
from dbt_selligent.locks import hold
from dbt_selligent.places import Files
from dbt_selligent.results import RunResults
from dbt_selligent.scheduling import LONGEST_NAP, Scheduler

from .conftest import TEMPORARY, Shop, wait_until
from .test_due import CRM, ORDERS, far, scheduled
from .test_sync import A_ORDER, ANN

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 26, 5, 50, tzinfo=timezone.utc)
DAILY = "0 6 * * *"


class World:
    """The loop in this process, with a clock of its own that goes on when it sleeps.

    ``then`` is what happens at a time; at ``until`` it is interrupted as by Ctrl-C.
    """

    def __init__(self, shop: Shop, until: datetime, **flags: Any) -> None:
        self.shop, self.now, self.until, self.flags = shop, START, until, flags
        self.then: list[tuple[datetime, Callable[[], object]]] = []
        self.told: list[Event] = []
        self.syncs: list[RunResults] = []
        self.naps: list[float] = []
        self.slow = timedelta()

    def run(self) -> int:
        def settings() -> Any:
            return self.shop.settings(due=True, **self.flags)

        return Scheduler(
            settings,
            self.tell,
            self.syncs.append,
            lambda: False,
            clock=lambda: self.now,
            sleep=self.sleep,
        ).run()

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)
        for what in [each for each in self.then if each[0] <= self.now]:
            self.then.remove(what)
            what[1]()
        if self.now > self.until:
            raise KeyboardInterrupt

    def tell(self, event: Event) -> None:
        self.told.append(event)
        if isinstance(event, Finished):
            self.now += self.slow

    @property
    def ended(self) -> list[tuple[str, str, str]]:
        """When activations came to their end, by the last that was said before."""
        found: list[tuple[str, str, str]] = []
        at = self.told[0]
        for event in self.told:
            if isinstance(event, Noted):
                at = event
            if isinstance(event, Finished) and isinstance(at, Noted):
                result = event.result
                found.append((f"{at.at:%d %H:%M}", result.name, result.status))
        return found

    @property
    def noted(self) -> list[str]:
        return [f"{each.at:%d %H:%M} {each.said}" for each in self.told if isinstance(each, Noted)]


@pytest.fixture
def crm(shop: Shop) -> Shop:
    """The shop with one activation, that is due at six."""
    shop.declare(scheduled(CRM, DAILY))
    shop.customers(ANN)
    return shop


def test_it_syncs_at_once_what_never_was_and_then_when_it_falls_due(crm: Shop) -> None:
    crm.declare(scheduled(CRM, "0 6,8 * * *"))
    world = World(crm, START + timedelta(hours=3))
    assert world.run() == 0
    assert world.ended == [
        ("26 05:50", "crm", "in step"),
        ("26 06:00", "crm", "in step"),
        ("26 08:00", "crm", "in step"),
    ]
    assert world.noted == [
        "26 05:50 looks at what is due",
        "26 05:50 next: crm at 2026-11-26 06:00 UTC",
        "26 06:00 looks at what is due",
        "26 06:00 next: crm at 2026-11-26 08:00 UTC",
        "26 08:00 looks at what is due",
        "26 08:00 next: crm at 2026-11-27 06:00 UTC",
    ]
    assert max(world.naps) == LONGEST_NAP
    assert len(world.syncs) == 3
    assert len(crm.sent()) == 1


def test_a_time_that_comes_during_a_sync_is_not_missed(shop: Shop) -> None:
    shop.declare(scheduled(CRM, "55 5 * * *"), scheduled(ORDERS, "58 5 * * *"))
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    world = World(shop, START + timedelta(hours=2))
    world.slow = 3 * MINUTE
    world.run()
    assert world.ended == [
        *(("26 05:50", "crm", "in step"), ("26 05:50", "orders", "in step")),
        ("26 05:56", "crm", "in step"),
        ("26 05:59", "orders", "in step"),
    ]


def test_after_a_sleep_of_days_missed_times_are_caught_up_once(crm: Shop) -> None:
    world = World(crm, START + timedelta(days=4, hours=2))

    def oversleep() -> None:
        world.now += timedelta(days=4, hours=1)

    world.then = [(START + 20 * MINUTE, oversleep)]
    world.run()
    assert [when for when, _, _ in world.ended] == ["26 05:50", "26 06:00", "30 07:10"]


def test_a_clock_that_is_set_back_costs_one_sync(crm: Shop) -> None:
    world = World(crm, START + timedelta(hours=4))

    def set_back() -> None:
        world.now -= timedelta(hours=3)
        world.until = START + 20 * MINUTE

    world.then = [(START + 60 * MINUTE, set_back)]
    world.run()
    assert [when for when, _, _ in world.ended] == [
        "26 05:50",
        "26 06:00",
        "26 03:50",
        "26 06:00",
    ]


def test_what_fails_is_tried_again_after_growing_pauses_while_others_go_on(shop: Shop) -> None:
    shop.declare(scheduled(CRM, DAILY), scheduled(ORDERS, "*/10 * * * *"))
    shop.customers()
    shop.table("orders", A_ORDER)
    world = World(shop, START + 26 * MINUTE)
    world.then = [(START + 16 * MINUTE, lambda: shop.customers(ANN))]
    assert world.run() == 0
    crm = [(when, status) for when, name, status in world.ended if name == "crm"]
    assert crm == [
        ("26 05:50", "failed"),
        ("26 05:51", "failed"),
        ("26 05:53", "failed"),
        ("26 05:57", "failed"),
        ("26 06:00", "failed"),  # as its schedule says
        ("26 06:16", "in step"),
    ]
    others = [(when, status) for when, name, status in world.ended if name == "orders"]
    assert [when for when, _ in others] == ["26 05:50", "26 06:00", "26 06:10"]
    assert "26 05:51 next: crm at 2026-11-26 05:53 UTC, tried again after 2 times in vain" in (
        world.noted
    )
    assert shop.records() == [ANN]


def test_what_another_process_is_at_is_looked_at_again(crm: Shop) -> None:
    world = World(crm, START + 5 * MINUTE)
    lock = Files(crm.state / "dev", "crm").lock
    held = hold(lock, "activation crm")
    held.__enter__()
    world.then = [(START + MINUTE / 2, lambda: held.__exit__(None, None, None))]
    world.run()
    assert [each.under_way != () for each in world.told if isinstance(each, Due)] == [True, False]
    assert world.ended == [("26 05:51", "crm", "in step")]


def test_two_beside_each_other_send_nothing_twice(crm: Shop) -> None:
    """The other one has just sent it: by its state it is not due any more."""
    world = World(crm, START + 20 * MINUTE)

    def other() -> None:
        other = World(crm, world.now)
        other.now = world.now
        other.run()

    world.then = [(START + 10 * MINUTE, other)]
    world.run()
    assert [when for when, _, _ in world.ended] == ["26 05:50"]
    assert len(crm.sent()) == 1


def test_a_configuration_that_becomes_wrong_is_told_once_and_it_goes_on(crm: Shop) -> None:
    world = World(crm, START + 30 * MINUTE)

    def spoil(**changed: Any) -> Callable[[], None]:
        return lambda: crm.profile(**changed)

    world.then = [
        (START + 2 * MINUTE, spoil(url="nowhere")),
        (START + 6 * MINUTE, spoil(colour="red")),
        (START + 20 * MINUTE, spoil()),
    ]
    assert world.run() == 0
    wrong = [(f"{e.at:%H:%M}", e.said) for e in world.told if isinstance(e, Noted) and e.wrong]
    assert [when for when, _ in wrong] == ["05:52", "05:56"]
    assert "url: not a URL" in wrong[0][1]
    assert "colour: no such key" in wrong[1][1]
    # Six o'clock is caught up when it is mended.
    assert [when for when, _, _ in world.ended] == ["26 05:50", "26 06:10"]


def test_what_is_wrong_with_list_or_warehouse_is_tried_again_after_pauses(shop: Shop) -> None:
    shop.declare(scheduled(CRM, DAILY))
    shop.write("create table other as select 1 as id")
    world = World(shop, START + 9 * MINUTE)
    world.then = [(START + 5 * MINUTE, lambda: shop.customers(ANN))]
    world.run()
    wrong = [e for e in world.told if isinstance(e, Noted) and e.wrong]
    assert [f"{each.at:%H:%M}" for each in wrong] == ["05:50", "05:51", "05:53"]
    assert "does not exist in the warehouse" in wrong[0].said
    assert world.ended == [("26 05:57", "crm", "in step")]


def test_what_the_project_declares_is_read_again_when_its_files_change(
    project: Callable[..., Shop],
) -> None:
    shop = project([scheduled(CRM, DAILY)])
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    path = shop.folder / "models" / "exposures.yml"
    world = World(shop, START + 9 * MINUTE)
    both = {"exposures": [scheduled(CRM, DAILY), scheduled(ORDERS, DAILY)]}
    world.then = [(START + 3 * MINUTE, lambda: path.write_text(json.dumps(both)))]
    world.run()
    assert world.ended == [("26 05:50", "crm", "in step"), ("26 05:53", "orders", "in step")]


@pytest.mark.parametrize(
    ("exposures", "said"),
    [
        ([scheduled(CRM, "0 6 30 2 *")], "schedule: this day never comes"),
        ([CRM], "no activation that is selected has a `schedule:`"),
    ],
)
def test_what_is_wrong_at_its_start_ends_it_with_2(
    shop: Shop, exposures: list[dict[str, Any]], said: str
) -> None:
    shop.declare(*exposures)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        World(shop, START).run()
    done = shop.invoke("schedule")
    assert done.code == 2
    assert said in done.err


def test_a_thousand_rounds_open_nothing_that_stays_open(crm: Shop) -> None:
    crm.declare(scheduled(CRM, "0 */2 * * *"))
    world = World(crm, START + timedelta(minutes=1000))
    counted: list[int] = []

    def count() -> None:
        counted.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208

    world.then = [(START + n * MINUTE, count) for n in (100, 500, 999)]
    world.run()
    assert len(world.naps) >= 1000
    assert len(world.ended) == 10
    assert len(set(counted)) == 1


@contextmanager
def idle(shop: Shop, *flags: str) -> Iterator[tuple[Popen[str], list[str]]]:
    """The real command, once nothing is left to do, and what it said."""
    with shop.started("schedule", *flags) as process:
        assert process.stdout is not None
        said: list[str] = []
        while not said or "next: " not in said[-1]:
            said.append(process.stdout.readline())
            assert said[-1], process.communicate()
        yield process, said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_told_to_end_while_it_has_nothing_to_do_it_does_so_at_once(
    shop: Shop, sent: signal.Signals
) -> None:
    shop.declare(scheduled(CRM, far()))
    shop.customers(ANN)
    with idle(shop) as (process, said):
        process.send_signal(sent)
        assert process.wait(timeout=10) == 0
        assert process.communicate() == ("", "")
    when = r"[-\d]{10} [:\d]{8} UTC: "
    first, second, *_, last = said
    assert re.fullmatch(f"{when}looks at what is due\n", first)
    assert second == "due: crm\n"
    assert re.fullmatch(rf"{when}next: crm at [-\d]{{10}} [:\d]{{5}} UTC\n", last)
    assert shop.records() == [ANN]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_told_to_end_while_a_sync_is_under_way_it_ends_as_that_does(
    shop: Shop, sent: signal.Signals
) -> None:
    shop.declare(scheduled(CRM, far()))
    shop.table(
        "customers",
        "select range::integer as id, 'c' || range || '@acme.example' as email, 'Ann' as "
        "first_name, 1.0::double as lifetime_value, true as opt_in from range(5001)",
    )
    shop.sandbox.faults(["load:delay-after=1@2"])
    with shop.started("schedule") as process:
        wait_until(lambda: len(shop.sandbox.bulk()) == 2, "request 2 came in")
        process.send_signal(sent)
        assert process.wait(timeout=60) == 1
    [result] = shop.results()["results"]
    assert (result["status"], result["error"]) == ("failed", "interrupted")
    assert result["confirmed"] in (5000, 5001)
    shop.sandbox.faults([])
    shop.in_step()


def test_told_to_end_while_the_model_is_read_it_ends_as_a_sync_does(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far()))
    shop.write(
        "create view customers as select 1 as id, 'x' as email, 'x' as first_name, "
        "(select count(*) from range(1000000000000))::double as lifetime_value, true as opt_in"
    )
    with shop.started("schedule") as process:
        staged = f"{TEMPORARY}*/crm.delta.duckdb*"
        wait_until(lambda: list(shop.state.glob(staged)), "the model is read")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (1, "Error: interrupted: nothing was sent")
    assert shop.sent() == []


def test_in_json_each_line_is_an_event(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far()))
    shop.customers(ANN)
    with idle(shop, "--log-format", "json") as (process, said):
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    told = [json.loads(line) for line in said]
    names = [one["event"] for one in told]
    assert names == [
        *("noted", "due", "planned", "progress", "progress", "finished", "ended", "noted")
    ]
    assert told[0]["said"] == "looks at what is due"
    assert datetime.fromisoformat(told[0]["at"]).tzinfo == timezone.utc
