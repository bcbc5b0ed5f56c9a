"""The process is killed while a request is under way: the next sync brings Selligent in step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from dbt_selligent.errors import LockedError
from dbt_selligent.locks import hold
from dbt_selligent.places import Files
from dbt_selligent.selection import list_activations

from .conftest import SECONDS, TEMPORARY, Shop, exposure, wait_until

Row = tuple[Any, ...]
COUNT = 5001  # three batches
OLD = [(n, f"c{n}@acme.example", "Old", n / 2, True) for n in range(COUNT)]
NEW = [(n, f"c{n}@acme.example", "New", n / 2, n % 3 == 0) for n in range(COUNT)]


def model(shop: Shop, version: str, where: str = "true") -> None:
    """The table of one of the two."""
    opt_in = "true" if version == "Old" else "range % 3 = 0"
    shop.table(
        "customers",
        f"select range::integer as id, 'c' || range || '@acme.example' as email, "
        f"'{version}' as first_name, range / 2 as lifetime_value, {opt_in} as opt_in "
        f"from range({COUNT}) where {where}",
    )


def kill_while_under_way(
    shop: Shop, request: int, moment: str, *flags: str, slow: Sequence[str] = ()
) -> None:
    """Kills a sync while its request of this number is under way, and applied or not."""
    before = len(shop.sandbox.bulk())
    # What comes before applying holds up the list for that long, also after the kill.
    seconds = 1 if moment == "delay" else 30
    shop.sandbox.faults([f"load:{moment}={seconds}@{request}", *slow])
    with shop.started("sync", "--select", "crm", *flags) as process:
        wait_until(
            lambda: len(shop.sandbox.bulk()) == before + request, f"request {request} came in"
        )
        if moment == "delay-after":
            wanted = shop.sandbox.bulk()[-1].body
            assert isinstance(wanted, list)
            wait_until(lambda: applied(shop, wanted), "it was applied")
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
    shop.sandbox.faults([])
    shop.sent()


def applied(shop: Shop, body: Sequence[Sequence[Any]]) -> bool:
    fields = shop.sandbox.bulk()[-1].query["fields"].split(",")
    last = dict(zip(fields, body[-1], strict=True))
    return any(last.items() <= record.items() for record in shop.sandbox.records("CUSTOMERS"))


def in_list(shop: Shop) -> list[Row]:
    return sorted(shop.records(), key=lambda row: int(str(row[0])))


def settle(shop: Shop) -> None:
    """A sync that must bring all in step; the one after it finds nothing to do."""
    shop.in_step()
    shop.sent()
    again = shop.in_step()
    assert again.counts is not None
    assert again.counts.unchanged == again.counts.rows
    assert shop.sent() == []


class Naps(list[float]):
    """Waits, but not for long, for a request of the killed process that is yet to be applied."""

    def append(self, seconds: float) -> None:
        super().append(seconds)
        time.sleep(min(seconds, 0.1))


MOMENTS = [(2, "delay-after"), (2, "delay"), (3, "delay-after")]


@pytest.mark.parametrize(("request_number", "moment"), MOMENTS)
def test_a_first_sync_that_was_killed_is_finished_by_the_next(
    shop: Shop, request_number: int, moment: str
) -> None:
    model(shop, "Old")
    kill_while_under_way(shop, request_number, moment)
    shop.waits = Naps()
    result = shop.in_step()
    assert result.counts is not None
    assert result.counts.unchanged in [2500 * n for n in range(request_number)]
    assert in_list(shop) == OLD
    settle(shop)
    assert in_list(shop) == OLD


def test_status_says_who_works_on_an_activation(shop: Shop) -> None:
    model(shop, "Old")
    shop.sandbox.faults(["load:delay-after=30@1"])
    with shop.started("sync", "--select", "crm") as process:
        wait_until(shop.sandbox.bulk, "a request came in")
        done = shop.invoke("status", "--select", "crm")
    assert (done.code, f"crm is in use by process {process.pid} on " in done.out) == (0, True)


def test_what_was_confirmed_a_while_before_a_kill_is_not_sent_again(shop: Shop) -> None:
    """What an answer said is durable before the next one that takes half a second is over."""
    model(shop, "Old")
    kill_while_under_way(shop, 3, "delay-after", slow=["load:delay-after=1@2"])
    result = shop.in_step()
    assert result.counts is not None
    assert result.counts.unchanged in (2500, 5000)
    assert len(shop.sent()) <= 2
    assert in_list(shop) == OLD


@pytest.mark.parametrize(
    ("command", "ended"),
    [("ls", "interrupted"), ("sync", "interrupted: nothing was sent"), ("debug", "interrupted")],
)
def test_who_has_the_project_parsed_is_told_and_the_wait_can_be_ended(
    shop: Shop, command: str, ended: str
) -> None:
    with (
        hold(shop.settings().own_target_path / "parsed.lock", "the project"),
        shop.started(command) as process,
    ):
        told = process.stdout if command == "sync" else process.stderr
        assert told is not None
        line = told.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert line.startswith(f"the project is in use by process {os.getpid()} on ")
    assert line.endswith(": waiting\n")
    assert (process.returncode, err.strip()) == (1, f"Error: {ended}")


def test_who_has_the_project_parsed_is_an_event_and_the_sync_goes_on(shop: Shop) -> None:
    model(shop, "New")
    held = ExitStack()
    held.enter_context(hold(shop.settings().own_target_path / "parsed.lock", "the project"))
    with held, shop.started("sync", "--select", "crm", "--log-format", "json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        held.close()
        process.communicate(timeout=SECONDS)
    assert (told["event"], told["activation"]) == ("waiting", None)
    assert told["reason"].startswith("the project is in use by process ")
    assert process.returncode == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_sync_ends_its_request_and_keeps_what_it_confirmed(
    shop: Shop, sent: signal.Signals
) -> None:
    model(shop, "Old")
    shop.sandbox.faults(["load:delay-after=1@2"])
    with shop.started("sync", "--select", "crm") as process:
        wait_until(lambda: len(shop.sandbox.bulk()) == 2, "request 2 came in")
        process.send_signal(sent)
        assert process.wait(timeout=60) == 1
    [result] = shop.results()["results"]
    assert (result["status"], result["error"]) == ("failed", "interrupted")
    assert result["confirmed"] in (5000, 5001)
    assert result["confirmed"] + result["not_sent"] == COUNT
    shop.sandbox.faults([])
    shop.sent()
    again = shop.in_step()
    assert again.confirmed == COUNT - result["confirmed"]
    assert sum(len(body) for _, _, body in shop.sent()) == again.confirmed
    assert in_list(shop) == OLD


def test_interrupted_while_a_thread_starts_nobody_goes_on_without_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread whose start is broken off is known to no pool: it would outlive the locks."""
    model(shop, "Old")
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name.startswith("list"):
            signal.raise_signal(signal.SIGINT)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    [result] = shop.sync(select=("crm",)).results
    monkeypatch.undo()
    assert (result.status, result.error) in (
        ("skipped", "not tried: interrupted"),
        ("failed", "interrupted"),
        ("in step", None),  # it was as quick as that
    )
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("list")] == []
    shop.in_step()
    assert in_list(shop) == OLD


def test_interrupted_while_it_waits_for_a_list_it_tells_what_was_done(shop: Shop) -> None:
    mails = {"list": "MAILS", "matching_key": {"MAIL": "mail"}, "fields": {"SCORE": "score"}}
    crm = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}
    shop.declare(exposure("crm", "customers", crm), exposure("mails", "mails", mails))
    shop.customers((1, "ann@acme.example", None, None, None))
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    lock = shop.list_lock()
    with hold(lock, "list CUSTOMERS"), shop.started("sync") as process:
        wait_until(lambda: shop.records("MAILS"), "the other list is filled")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 1
    told = {one["name"]: (one["status"], one["error"]) for one in shop.results()["results"]}
    assert told["crm"] == ("skipped", "not tried: interrupted")
    assert told["mails"][0] in ("in step", "failed")  # its answer may have been under way
    assert shop.records() == []


def test_a_list_to_which_two_outputs_lead_is_one_list(shop: Shop) -> None:
    shop.profile(more={"twin": shop.output, "other": {**shop.output, "organization": "OTHER"}})
    [crm] = list_activations(shop.settings(select=("crm",)))
    locks = [
        Files.of(replace(crm, list=name), shop.settings().destination_named(where)).list_lock
        for name, where in (
            *(("CUSTOMERS", "dev"), ("customers", "twin")),
            *(("CUSTOMERS", "other"), ("OTHERS", "dev")),
        )
    ]
    assert locks[0] == locks[1]
    assert len(set(locks)) == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_while_the_model_is_read_nothing_is_sent(
    shop: Shop, sent: signal.Signals
) -> None:
    shop.write(
        "create view customers as select 1 as id, 'x' as email, 'x' as first_name, "
        "(select count(*) from range(1000000000000))::double as lifetime_value, true as opt_in"
    )
    with shop.started("sync", "--select", "crm") as process:
        staged = f"{TEMPORARY}*/crm.delta.duckdb*"
        wait_until(lambda: list(shop.state.glob(staged)), "the model is read")
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "Error: interrupted: nothing was sent\n")
    assert "Traceback" not in out
    shop.write("drop view customers")
    model(shop, "Old")
    assert shop.sent() == []
    assert shop.in_step().confirmed == COUNT


@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_after_a_kill_the_list_is_the_model_also_when_it_went_back(shop: Shop, back: bool) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    assert in_list(shop) != OLD
    assert in_list(shop) != NEW
    if back:
        model(shop, "Old")
    settle(shop)
    assert in_list(shop) == (OLD if back else NEW)


def test_a_row_in_doubt_that_left_the_model_and_comes_back_is_sent_whole(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    model(shop, "Old", where="range % 2 = 0")
    settle(shop)
    halves = [row for row in in_list(shop) if row[0] % 2 == 0]
    assert halves == OLD[::2]
    model(shop, "Old")
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.new, result.counts.unchanged) == (2500, 2501)
    assert sorted(row[0] for _, _, body in shop.sent() for row in body) == list(range(1, COUNT, 2))
    assert in_list(shop) == OLD


def test_a_row_of_a_killed_first_sync_that_left_the_model_comes_back_as_new(shop: Shop) -> None:
    model(shop, "Old")
    kill_while_under_way(shop, 1, "delay-after")
    model(shop, "New", where="range >= 100")
    settle(shop)
    assert in_list(shop)[100:] == NEW[100:]
    model(shop, "New")
    result = shop.in_step()
    assert result.counts is not None
    assert result.counts.new == 100
    assert in_list(shop) == NEW


def test_a_plan_right_after_a_kill_shows_rows_in_doubt_and_changes_nothing(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    before, writes = shop.state_bytes(), shop.writes()
    made = shop.plan_one()
    assert made.counts.rows == COUNT
    # At least the rows of the request under way; at most those that were never answered.
    assert 2500 <= made.counts.in_doubt <= COUNT
    again = shop.invoke("plan", "--select", "crm")
    assert again.code == 0
    assert f"  ? {made.counts.in_doubt:,} in doubt: sent again whole\n" in again.out
    assert shop.state_bytes() == before
    assert shop.writes() == writes
    result = shop.in_step()
    assert result.counts is not None
    assert result.counts.in_doubt == made.counts.in_doubt
    assert in_list(shop) == NEW


def test_two_kills_in_a_row_lose_nothing(shop: Shop) -> None:
    model(shop, "Old")
    kill_while_under_way(shop, 2, "delay-after")
    model(shop, "New")
    kill_while_under_way(shop, 1, "delay-after")
    model(shop, "Old")
    settle(shop)
    assert in_list(shop) == OLD


def test_status_after_a_kill_reads_and_the_lock_is_free(shop: Shop) -> None:
    model(shop, "Old")
    kill_while_under_way(shop, 2, "delay-after")
    before = shop.state_bytes()
    done = shop.invoke("status", "--select", "crm")
    assert done.code == 0
    assert "UTC  cut off\n" in done.out  # nothing stands behind it, blanks neither
    assert shop.state_bytes() == before
    shop.in_step()
    done = shop.invoke("status", "--select", "crm")
    assert f"{COUNT:,} rows confirmed, 0 in doubt" in done.out
    assert "cut off" in done.out


def test_a_full_refresh_that_was_killed_is_resumed(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    gone = [5, 2499, 2500, 4999, 5000]  # by hand
    assert [shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": n}) for n in gone] == [1] * 5
    kill_while_under_way(shop, 2, "delay-after", "--full-refresh")
    result = shop.in_step()
    assert result.counts is not None
    assert result.counts.unchanged in (0, 2500)
    assert in_list(shop) == OLD
    settle(shop)
    assert in_list(shop) == OLD


def test_however_often_it_is_told_to_end_what_is_under_way_is_accounted_for(shop: Shop) -> None:
    model(shop, "Old")
    shop.sandbox.faults(["load:delay-after=2@1"])
    with shop.started("sync", "--select", "crm") as process:
        wait_until(shop.sandbox.bulk, "a request came in")
        for _ in range(4):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
            with pytest.raises(LockedError), Files(shop.state / "dev", "crm").hold():
                pass
        process.wait(timeout=60)
    assert process.returncode == 1
    [result] = shop.results()["results"]
    assert (result["status"], result["stopped_by"]) == ("failed", "interrupt")
    assert result["confirmed"] == 2500
    assert shop.in_step().confirmed == COUNT - 2500
