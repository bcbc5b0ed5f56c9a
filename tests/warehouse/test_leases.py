"""Locks that are claims, renewed as long as they are needed, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from functional.conftest import SECONDS, wait_until

from dbt_selligent.errors import LockedError, StateError
from dbt_selligent.tables import note
from dbt_selligent.warehouse import leases
from dbt_selligent.warehouse.claims import Claim, Claims, claims_of
from dbt_selligent.warehouse.inplace import TransactionalPlace
from dbt_selligent.warehouse.leases import Leases
from dbt_selligent.warehouse.schema import Entry, Schema

from .engines import Postgres


def test_a_lock_is_one_processs_alone_and_says_whose(schema: Schema) -> None:
    first, second = Leases(schema), Leases(schema)
    with first.hold("activation crm", "activation crm"):
        with second.hold("activation other", "activation other"):
            pass
        with (
            pytest.raises(LockedError, match=r"activation crm is in use by process \d+ on "),
            second.hold("activation crm", "activation crm"),
        ):
            pass
    with second.hold("activation crm", "activation crm"):
        pass
    first.close()
    second.close()


def expire(schema: Schema, held: Leases) -> None:
    """As if whoever holds them had stood still for so long."""
    for lease in held._held.values():
        lease._until = 0.0
    [table] = schema.tables("selligent_locks_")
    schema.warehouse.run(f"update {schema[table]} set expires = 0")


def test_a_lock_that_was_not_renewed_in_time_is_lost_and_free_for_others(schema: Schema) -> None:
    first, second = Leases(schema), Leases(schema)
    with first.hold("activation crm", "activation crm"):
        expire(schema, first)
        with second.hold("activation crm", "activation crm"):
            second.check("activation crm")
            with pytest.raises(StateError, match="could not be renewed in time"):
                first.check("activation crm")
    first.close()
    second.close()


def test_a_lock_that_was_lost_stays_so_whoever_renews_it(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may have had it meanwhile, and counts on what it wrote."""
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    said: list[tuple[str, ...]] = []
    with held.hold("lost", "lost"), held.hold("held", "held"):
        lost, kept = held._held.values()
        lost._until = 0.0
        say = held._claims.say

        def noted(claims: Sequence[Claim], seconds: int) -> None:
            say(claims, seconds)
            said.append(tuple(each.what for each in claims))

        monkeypatch.setattr(held._claims, "say", noted)
        wait_until(lambda: len(said) > 2, "it is renewed three times")
        held._renew([lost, kept])  # it was under way when it was lost
        held.check("held")
        with pytest.raises(StateError, match="the lock of lost could not be renewed in time"):
            held.check("lost")
    held.close()
    assert said[1] == ("held",)


def test_a_lock_that_is_let_go_is_not_renewed_after_that(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    say, take_back = held._claims.say, held._claims.take_back
    order: list[str] = []
    begun, leaving = threading.Event(), threading.Event()

    def renewing(claims: Sequence[Claim], seconds: int) -> None:
        begun.set()
        assert leaving.wait(SECONDS)
        say(claims, seconds)
        order.append("renewed")

    def taking_back(claim: Claim) -> None:
        order.append("taken back")
        take_back(claim)

    with held.hold("it", "it"):
        monkeypatch.setattr(held._claims, "say", renewing)
        monkeypatch.setattr(held._claims, "take_back", taking_back)
        assert begun.wait(SECONDS)
        leaving.set()
    held.close()
    assert order[-1] == "taken back"
    assert "renewed" in order


def test_a_lock_that_comes_too_late_is_waited_for_again(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS_TO_POLL", 0.0)
    held, told, late = Leases(schema), list[str](), iter([True])
    take = Leases._take

    def slowly(each: Leases, lease: leases.Lease) -> list[tuple[Claim, int]]:
        found = take(each, lease)
        if next(late, False):
            lease._until = 0.0
        return found

    monkeypatch.setattr(Leases, "_take", slowly)
    with held.take_turn("it", "it", threading.Event(), told.append):
        held.check("it")
    held.close()
    assert told == ["the lock of it could not be written in time"]


def test_a_lock_that_took_too_long_to_be_written_is_none(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(step=3600)
    monkeypatch.setattr(leases, "_clock", lambda: next(hours))
    held = Leases(schema)
    with (
        pytest.raises(LockedError, match="the lock of it could not be written in time"),
        held.hold("it", "it"),
    ):
        pass
    held.close()


def test_all_that_is_held_is_renewed_by_one_statement_and_nothing_that_was_let_go(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and however long a statement takes: none of them comes too late."""
    monkeypatch.setattr(leases, "SECONDS_TO_RENEW", 0.001)
    held = Leases(schema)
    renewed: list[list[str]] = []
    run = Schema.run

    def noted(given: Schema, macro: str, /, **arguments: Any) -> None:
        run(given, macro, **arguments)
        if macro == "claim" and arguments["released"] == "false":
            renewed.append([what for _, what, _ in arguments["claims"]])

    with held.hold("a", "a"), held.hold("b", "b"):
        with held.hold("c", "c"):
            pass
        firsts = [each._until or 0.0 for each in held._held.values()]
        monkeypatch.setattr(Schema, "run", noted)
        wait_until(lambda: len(renewed) > 2, "they are renewed three times")
        lasts = [each._until or 0.0 for each in held._held.values()]
    held.close()
    assert renewed[1:3] == [["'a'", "'b'"]] * 2
    assert [last > first for first, last in zip(firsts, lasts, strict=True)] == [True, True]


def test_who_died_on_this_machine_holds_nothing_and_who_did_on_another_does(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = {**leases._holder(), "pid": 1 << 30}
    for machine, free in ((leases._machine(), True), ("another", False)):
        with monkeypatch.context() as patch:
            patch.setattr(leases, "_holder", lambda m=machine: {**holder, "machine": m})
            dead = leases.Lease(f"activation {machine}", "it")
        claims_of(schema).say([dead.claim], 100)
        living = Leases(schema)
        try:
            with living.hold(f"activation {machine}", "it"):
                assert free
        except LockedError:
            assert not free
        living.close()


def test_who_may_not_be_seen_is_not_taken_for_dead(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's processes where /proc hides them, and a signal is not permitted."""

    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    born = leases._born
    with Leases(schema).hold("it", "it"):
        for hidden, refused, free in (
            (lambda _pid: None, True, False),
            (lambda _pid: None, False, False),
            (born, True, False),
            (lambda _pid: "another time", False, True),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(leases, "_born", hidden)
                if refused:
                    patch.setattr("os.kill", forbidden)
                try:
                    with Leases(schema).hold("it", "it"):
                        assert free
                except LockedError:
                    assert not free


@pytest.fixture
def repeatable(postgres: Postgres) -> Iterator[None]:
    """A server on which a transaction sees nothing that comes while it waits."""
    setting = "default_transaction_isolation"
    postgres.cursor.execute(f"alter role current_user set {setting} = 'repeatable read'")
    yield
    postgres.cursor.execute(f"alter role current_user reset {setting}")


@pytest.mark.usefixtures("repeatable")
def test_of_two_that_want_it_at_once_one_has_it(schema: Schema) -> None:
    both = Leases(schema), Leases(schema)
    times, start = 20, threading.Barrier(2)
    had: list[tuple[int, bool]] = []

    def want(own: Leases) -> None:
        for number in range(times):
            start.wait(SECONDS)
            try:
                with own.hold(f"it {number}", "it"):
                    start.wait(SECONDS)
                    had.append((number, True))
            except LockedError:
                start.wait(SECONDS)
                had.append((number, False))
        schema.warehouse.release()

    schema.ensure()
    threads = [threading.Thread(target=want, args=(own,)) for own in both]
    for each in threads:
        each.start()
    for each in threads:
        each.join(SECONDS)
    for own in both:
        own.close()
    assert sorted(had) == [(number, taken) for number in range(times) for taken in (False, True)]


def test_a_machines_own_clock_is_of_no_matter(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, now = Leases(schema), Leases(schema), time.time()
    with first.hold("it", "it"):
        monkeypatch.setattr(time, "time", lambda: now + 3 * 86400)
        with pytest.raises(LockedError), second.hold("it", "it"):
            pass
    first.close()
    second.close()


def test_a_lock_counts_for_longer_with_others_than_with_its_holder(schema: Schema) -> None:
    held = Leases(schema)
    with held.hold("it", "it"):
        [(_, left)] = held._claims.there("it")
        [lease] = held._held.values()
        assert lease.left < left - 10
    held.close()


def test_who_stands_still_in_a_transaction_keeps_nobody_waiting(schema: Schema) -> None:
    setting = "show idle_in_transaction_session_timeout"
    with schema.warehouse.transaction():
        schema.fence("it")
        assert schema.warehouse.rows(setting) == [("1min",)]
    with schema.warehouse.transaction(frozen=True):
        assert schema.warehouse.rows(setting) == [("1min",)]
    assert schema.warehouse.rows(setting) == [("0",)]


def test_claims_of_days_that_are_over_are_dropped(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = claims_of(schema)._day()
    others = ["selligent_locks_2023", "selligent_locks_notes", f"locks_{today - 9}"]
    schema.ensure()
    for table in others:
        schema.warehouse.run(f"create table {schema[table]} (a integer)")
    for day in (today - 3, today - 1, today):
        with monkeypatch.context() as patch:
            patch.setattr(Claims, "_day", lambda _claims, d=day: d)
            with Leases(schema).hold("activation crm", "activation crm"):
                pass
    kept = [f"selligent_locks_{day}" for day in (today - 1, today)]
    assert schema.tables("") == sorted([*others, *kept, "selligent_states"])


@pytest.mark.parametrize(
    ("key", "told"),
    [("activation dev crm", "activation crm"), ("list customers", "list CUSTOMERS")],
)
def test_nothing_is_committed_when_a_lock_was_lost_meanwhile(
    schema: Schema, tmp_path: Path, key: str, told: str
) -> None:
    held = Leases(schema)
    place = TransactionalPlace(schema, held, "dev", "crm", "customers")
    with (
        place.hold(),
        place.hold_list("CUSTOMERS", threading.Event(), print),
        place.open(tmp_path) as tables,
    ):
        tables.migrate()
        with tables.transaction():
            note(tables, run="first")
        held._held[key]._until = 0.0
        with (
            pytest.raises(StateError, match=f"the lock of {told} could not be renewed"),
            tables.transaction(),
        ):
            note(tables, run="second")
        assert tables.meta("run") == "first"
    held.close()


def test_what_is_left_is_not_dropped_when_the_lock_was_lost(
    schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the delta of another run, which is under way."""
    held = Leases(schema)
    place = TransactionalPlace(schema, held, "dev", "crm", "customers")
    with place.hold(), place.open(tmp_path) as tables:
        tables.migrate()
        left = f"{place.prefix}__delta_0123456789ab"
        schema.warehouse.run(f"create table {schema[left]} (n integer)")
        drop = Schema.drop

        def slowly(there: Schema, tables: Sequence[str]) -> None:
            held._held["activation dev crm"]._until = 0.0
            drop(there, tables)

        monkeypatch.setattr(Schema, "drop", slowly)
        with pytest.raises(StateError, match="could not be renewed in time"):
            place.new_delta(tmp_path, keep=True)
    monkeypatch.undo()
    assert schema.tables(left) == [left]
    held.close()


def test_no_two_states_have_one_name(schema: Schema) -> None:
    schema.ensure()
    schema.register(Entry("dev", "crm", "crm_1"))
    with pytest.raises(StateError, match="crm has a state already"):
        schema.register(Entry("dev", "crm", "crm_2"))
    assert [entry.prefix for entry in schema.states()] == ["crm_1"]
