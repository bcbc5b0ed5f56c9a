"""What the report reads of a state, wherever that is kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from contract.world import ANN, BEN, CROWD, World
from dbt_selligent.reasons import Reason
from dbt_selligent.report.record import Record, read_records
from dbt_selligent.report.standing import stand
from dbt_selligent.selection import list_activations


def record_of(world: World) -> Record:
    settings = world.settings(select=("crm",))
    [found] = read_records(settings, list_activations(settings))
    return found


def shown(reason: Reason) -> tuple[str, str | None, str, int]:
    return reason.kind, reason.field, reason.reason, reason.rows


def test_a_record_says_what_is_confirmed_and_why_the_rest_is_not(world: World) -> None:
    assert stand(record_of(world)).word == "never synced"
    world.customers(ANN, BEN, *CROWD)
    world.in_step()
    long = [(n, "x" * (200 + n), "C", 1.5, True) for n in (41, 42)]
    world.customers(ANN, (*BEN[:2], "Nobody", 2.5, False), *CROWD, *long)
    world.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    assert world.sync_one().status == "rows refused"
    found = record_of(world)
    assert stand(found).word == "rows refused"
    # The record of a held row is in doubt, and it is not counted twice.
    assert (found.confirmed, found.in_doubt, found.adopted) == (1 + len(CROWD), 0, 0)
    assert [shown(each) for each in found.reasons] == [
        ("invalid", "MAIL", "longer than 100 UTF-16 units", 2),
        ("rejected", "FIRSTNAME", "refused without a code", 1),
    ]
    now = datetime.now(timezone.utc)
    [_, refused] = found.reasons
    assert refused.first_seen == refused.last_seen
    assert refused.last_seen is not None
    assert timedelta(0) <= now - refused.last_seen < timedelta(minutes=5)
    newest, oldest = found.runs
    assert [run.status for run in found.runs] == ["rows refused", "in step"]
    assert (oldest.confirmed, oldest.rejected) == (2 + len(CROWD), 0)
    assert (newest.confirmed, newest.rejected, newest.not_sent) == (0, 1, 0)
    assert oldest.started_at < newest.started_at < now
