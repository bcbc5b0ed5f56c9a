"""Guards, as a user has them: what stops a sync before it sends anything, and what overrides it."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dbt_selligent.planning import Plan

from .conftest import CRM_FIELDS, Shop, check_counts, exposure, wait_until

COUNT = 100
OVER_REMOVED = "11 of 100 records would be deleted, more than 10%"
OVER_CHANGED = "51 of 100 rows are new or changed, more than 50%"


def declare(shop: Shop, **more: Any) -> None:
    """The activation crm: ten rows a request, so that a sync has several."""
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": CRM_FIELDS,
        "batch": {"rows": 10},
    }
    shop.declare(exposure("crm", "customers", {**meta, **more}))


def fill(shop: Shop, first: int = 0, end: int = COUNT, *, renamed: int = 0) -> None:
    """Rows by number; so many of the first of them have another name."""
    shop.table(
        "customers",
        f"select range::integer as id, 'c' || range || '@acme.example' as email, "
        f"case when range < {first + renamed} then 'New' else 'Old' end as first_name, "
        f"range / 2 as lifetime_value, true as opt_in from range({first}, {end})",
    )


def synced(shop: Shop, **more: Any) -> None:
    """A hundred rows in step."""
    declare(shop, **more)
    fill(shop)
    shop.in_step()
    shop.sent()


def verdicts(plan: Plan) -> dict[str, bool]:
    """Those of the guards."""
    return {each.guard: each.passed for each in plan.verdicts if each.guard != "gate"}


def stopped(shop: Shop, said: str, **chosen: Any) -> None:
    """A sync that sends nothing, changes nothing, and says why, as `plan` did."""
    records, _ = shop.records(), shop.sent()
    assert [each.said for each in shop.plan_one(**chosen).failing] == said.split("; ")
    result = shop.sync_one(**chosen)
    assert (result.status, result.error) == ("failed", f"{said}: nothing was sent")
    assert "--force" in (result.next_step or "")
    assert (result.requests, result.forced) == (0, ())
    assert shop.sent() == []
    assert shop.records() == records


def ids(shop: Shop) -> list[int]:
    return sorted(int(str(row[0])) for row in shop.records())


# removed rows


REMOVING: list[tuple[dict[str, Any], str]] = [
    ({"removed": "delete"}, "records would be deleted"),
    ({"mode": "mirror"}, "records would be deleted"),
    ({"removed": {"set": {"OPTIN": False}}}, "records would be set as removed"),
]


@pytest.mark.parametrize(("more", "what"), REMOVING, ids=["delete", "mirror", "set"])
def test_a_tenth_is_removed_and_not_one_more_where_nothing_is_said(
    shop: Shop, more: Mapping[str, Any], what: str
) -> None:
    if "set" in what:
        more = {**more, "fields": {"MAIL": "email"}}
    synced(shop, **more)
    fill(shop, 11)
    stopped(shop, f"11 of 100 {what}, more than 10%")
    fill(shop, 10)
    assert verdicts(shop.plan_one()) == {"max_removed": True}
    assert shop.in_step().removed == 10


def test_rows_that_left_are_as_many_as_they_are_where_records_are_kept(shop: Shop) -> None:
    synced(shop)
    fill(shop, 99)
    assert verdicts(shop.plan_one()) == {}
    shop.in_step()
    assert len(shop.records()) == COUNT


def test_members_that_left_are_as_many_as_they_are_unless_a_guard_is_given(shop: Shop) -> None:
    synced(shop, segment="VIP")
    fill(shop, 60)
    assert shop.in_step().removed == 60
    declare(shop, segment="VIP", guard={"max_removed": 9})
    fill(shop, 70)
    stopped(shop, "10 of 40 rows left the model, more than 9")
    declare(shop, segment="VIP", guard={"max_removed": "25%"})
    assert shop.in_step().removed == 10


def test_rows_in_doubt_are_among_the_records_that_were_sent_and_that_are_removed(
    shop: Shop,
) -> None:
    synced(shop, removed="delete")
    fill(shop, renamed=20)
    shop.sandbox.faults(["load:503@first=1000"])
    assert shop.sync_one().error is not None
    shop.sandbox.faults([])
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb"), read_only=True) as state:
        [(doubtful,)] = state.execute("select count(*) from doubt").fetchall()
    assert doubtful > 0
    shop.sent()
    fill(shop, 11)
    stopped(shop, OVER_REMOVED)
    fill(shop, 10)
    assert shop.in_step().removed == 10


# changed rows


def test_new_and_changed_rows_pass_up_to_their_guard(shop: Shop) -> None:
    synced(shop, guard={"max_changed": "50%"})
    fill(shop, end=COUNT + 20, renamed=31)
    stopped(shop, OVER_CHANGED)
    stopped(shop, OVER_CHANGED, limit=5)
    fill(shop, end=COUNT + 20, renamed=30)
    assert verdicts(shop.plan_one()) == {"max_changed": True}
    assert shop.in_step().confirmed == 50


def test_a_plain_number_is_one_of_rows(shop: Shop) -> None:
    synced(shop, guard={"max_changed": 3})
    fill(shop, renamed=4)
    stopped(shop, "4 of 100 rows are new or changed, more than 3")
    fill(shop, renamed=3)
    assert shop.in_step().confirmed == 3


def test_how_much_changed_is_not_judged_unless_asked_nor_at_a_first_sync(shop: Shop) -> None:
    declare(shop, guard={"max_changed": 0})
    fill(shop)
    assert verdicts(shop.plan_one()) == {}
    shop.in_step()
    assert verdicts(shop.plan_one()) == {"max_changed": True}
    declare(shop)
    fill(shop, renamed=COUNT)
    assert shop.in_step().confirmed == COUNT


def test_rows_in_doubt_did_not_change(shop: Shop) -> None:
    synced(shop, guard={"max_changed": 0})
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb")) as state:
        state.execute("insert into doubt select customer_id from snapshot")
        state.execute("delete from snapshot")
    assert verdicts(shop.plan_one()) == {"max_changed": True}
    assert shop.in_step().confirmed == COUNT


def test_a_canary_is_no_first_sync_that_came_to_its_end(shop: Shop) -> None:
    declare(shop, guard={"max_changed": 0})
    fill(shop)
    assert shop.sync_one(limit=10).status == "limited"
    assert shop.sync_one(limit=10).status == "limited"
    result = shop.in_step()
    assert result.confirmed == 80
    assert result.notes == ("the first sync goes on: none has come to its end yet",)
    assert verdicts(shop.plan_one()) == {"max_changed": True}


def test_nor_is_one_that_failed(shop: Shop) -> None:
    declare(shop, guard={"max_changed": 0})
    fill(shop)
    shop.sandbox.faults(["load:403@3"])
    failed = shop.sync_one()
    assert (failed.status, failed.confirmed) == ("failed", 20)
    shop.sandbox.faults([])
    assert shop.in_step().counts is not None
    fill(shop, renamed=1)
    stopped(shop, "1 of 100 rows are new or changed, more than 0")


def test_one_that_refused_rows_came_to_its_end(shop: Shop) -> None:
    declare(shop, guard={"max_changed": "0%"})
    fill(shop)
    shop.sandbox.faults(["load:reject:MAIL=c7@acme.example"])
    assert shop.sync_one().status == "rows refused"
    fill(shop, renamed=1)
    stopped(shop, "1 of 99 rows are new or changed, more than 0%")


def test_a_full_refresh_is_no_change(shop: Shop) -> None:
    synced(shop, guard={"max_changed": 0}, removed="delete")
    fill(shop, end=COUNT + 1, renamed=50)
    made = shop.plan_one(full_refresh=True)
    assert verdicts(made) == {"max_removed": True}
    said = "max_changed is not judged: in a full refresh every row is sent anyway"
    assert said in made.notes
    assert shop.in_step(full_refresh=True).confirmed == COUNT + 1
    # Removals are what they were.
    fill(shop, 11, COUNT + 1)
    stopped(shop, "11 of 101 records would be deleted, more than 10%", full_refresh=True)


def test_another_key_starts_anew_as_a_first_sync_and_counts_what_is_left_once(shop: Shop) -> None:
    synced(shop, guard={"max_changed": 0}, removed="delete")
    declare(
        shop,
        guard={"max_changed": 0},
        removed="delete",
        matching_key={"MAIL": "email"},
        fields={"FIRSTNAME": "first_name"},
    )
    made = shop.plan_one()
    assert (verdicts(made), made.left_behind) == ({"max_removed": True}, COUNT)
    result = shop.sync_one()
    assert (result.status, result.left_behind) == ("in step", COUNT)
    assert result.notes[0].startswith("starts anew: keys from CUSTOMER_ID to MAIL; 100 records")
    [told] = shop.results()["results"]
    assert told["left_behind"] == COUNT
    assert shop.in_step().left_behind == 0
    assert verdicts(shop.plan_one()) == {"max_changed": True, "max_removed": True}


# a run that was let begin may end


def cut_off(shop: Shop, request: int) -> None:
    """A real sync, killed while its request of this number is under way."""
    before = len(shop.sandbox.bulk())
    shop.sandbox.faults([f"load:delay-after=30@{request}"])
    with shop.started("sync", "--select", "crm") as process:
        wait_until(
            lambda: len(shop.sandbox.bulk()) == before + request, f"request {request} came in"
        )
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    shop.sandbox.faults([])


def test_what_a_killed_sync_has_forgotten_counts_for_the_rest_of_it(shop: Shop) -> None:
    """Half of the rows changed, which may be; of a tenth that left nothing is known any more."""
    declare(shop, guard={"max_changed": "50%"}, batch={"rows": 2500})
    fill(shop, end=20_000)
    shop.in_step()
    fill(shop, 2000, 20_000, renamed=10_000)
    cut_off(shop, 1)
    again = shop.plan_one()
    assert (again.counts.known, again.counts.changed) == (18_000, 10_000)
    left = again.counts.changed - again.counts.in_doubt
    [verdict] = [each for each in again.verdicts if each.guard == "max_changed"]
    assert verdict.said == f"{left:,} of 20,000 rows are new or changed, no more than 50%"
    assert shop.in_step().confirmed == 10_000
    # That is over with the end of it.
    fill(shop, 2000, 29_001, renamed=10_000)
    stopped(shop, "9,001 of 18,000 rows are new or changed, more than 50%")


def test_and_after_one_that_could_not_send_anything(shop: Shop) -> None:
    synced(shop, guard={"max_changed": "50%"})
    fill(shop, 10, renamed=50)
    shop.sandbox.faults(["load:403"])
    for _ in range(2):
        assert shop.sync_one().error is not None
    shop.sandbox.faults([])
    assert shop.plan_one().failing == ()
    assert shop.in_step().confirmed == 50


def test_and_after_a_canary(shop: Shop) -> None:
    synced(shop, guard={"max_changed": "50%"})
    fill(shop, 10, renamed=50)
    assert shop.sync_one(limit=1).status == "limited"
    assert shop.in_step().confirmed == 49


def test_a_removal_that_was_killed_half_way_goes_on(shop: Shop) -> None:
    synced(shop, removed="delete", batch={"rows": 2})
    fill(shop, 10)
    shop.sandbox.faults(["delete:403@3"])
    failed = shop.sync_one()
    assert failed.status == "failed"
    shop.sandbox.faults([])
    assert verdicts(shop.plan_one()) == {"max_removed": True}
    shop.in_step()
    assert ids(shop) == list(range(10, COUNT))


def test_records_that_were_not_found_count_for_the_rest_of_it(shop: Shop) -> None:
    """A tenth may be removed; it is more of what there is by the time that it is tried again."""
    synced(shop)
    declare(shop, mode="update", removed="delete")
    for number in range(50, 70):
        assert shop.sandbox.remove("CUSTOMERS", {"CUSTOMER_ID": number}) == 1
    fill(shop, 10, renamed=60)
    shop.sandbox.faults(["delete:403"])
    assert shop.sync_one().error is not None
    shop.sandbox.faults([])
    again = shop.plan_one()
    assert (again.counts.known, again.counts.removed) == (80, 10)
    result = shop.sync_one()
    assert (result.status, result.removed) == ("in step", 10)
    assert ids(shop) == [*range(10, 50), *range(70, COUNT)]


# an empty model


def test_an_empty_model_stops_at_any_time_and_one_row_does_not(shop: Shop) -> None:
    declare(shop)
    fill(shop, end=0)
    stopped(shop, "model customers has no rows")
    fill(shop, end=1)
    result = shop.in_step()
    assert result.notes == (f"first sync, no state at {shop.state / 'dev' / 'crm.duckdb'}",)
    fill(shop, end=0)
    stopped(shop, "model customers has no rows")


def test_an_empty_model_says_what_else_would_happen(shop: Shop) -> None:
    synced(shop, removed="delete")
    fill(shop, end=0)
    stopped(
        shop,
        "model customers has no rows; 100 of 100 records would be deleted, more than 10%",
    )


# refused rows


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [
        (0, "rows refused", 1),
        (1, "rows refused", 1),
        (2, "rows tolerated", 0),
        ("1.99%", "rows refused", 1),
        ("2%", "rows tolerated", 0),
    ],
)
def test_refused_rows_are_tolerated_up_to_their_guard_held_ones_too(
    shop: Shop, limit: int | str, status: str, code: int
) -> None:
    declare(shop, guard={"max_rejected": limit})
    fill(shop)
    shop.sandbox.faults(["load:reject:MAIL=c3@acme.example", "load:reject:MAIL=c44@acme.example"])
    for confirmed, rejected in ((98, 2), (0, 0)):
        result = shop.sync_one()
        assert (result.status, result.confirmed, result.rejected) == (status, confirmed, rejected)
        assert result.next_step == "see the reasons: dbt-selligent status"
        assert shop.results()["metadata"]["exit_code"] == code
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == code
    assert f"crm: {status}, 0 confirmed, 2 held, 0 requests" in done.out


def test_no_row_is_tolerated_over_the_limit_while_others_are_left(shop: Shop) -> None:
    declare(shop, guard={"max_rejected": 1})
    fill(shop)
    shop.sandbox.faults(["load:reject:MAIL=c3@acme.example"])
    result = shop.sync_one(limit=10)
    assert (result.status, result.rejected, result.not_sent) == ("limited", 1, 90)


# forcing


def test_force_overrides_for_one_run_and_is_recorded(shop: Shop) -> None:
    synced(shop, removed="delete", guard={"max_changed": "50%"})
    fill(shop, 11, renamed=51)
    both = f"{OVER_CHANGED}; {OVER_REMOVED}"
    stopped(shop, both)
    done = shop.invoke("sync", "--select", "crm", "--force")
    assert done.code == 0
    lines = done.out.splitlines()
    assert f"  forced: {OVER_CHANGED}" in lines
    assert f"  forced: {OVER_REMOVED}" in lines
    assert "stops a sync" not in done.out
    [told] = shop.results()["results"]
    assert (told["status"], told["forced"]) == ("in step", [OVER_CHANGED, OVER_REMOVED])
    assert ids(shop) == list(range(11, COUNT))

    status = re.sub(r"[-\d]{10} [\d:]{8}", "WHEN", shop.invoke("status", "--select", "crm").out)
    assert status.splitlines()[:8] == [
        "crm: list CUSTOMERS at dev",
        "  89 rows confirmed, 0 in doubt",
        "  WHEN UTC  in step  51 confirmed, 0 rejected, 11 removed, 0 not sent",
        f"    forced: {both}",
        "  WHEN UTC  stopped  0 confirmed, 0 rejected, 51 not sent",
        f"    {both}: nothing was sent",
        "  WHEN UTC  in step  100 confirmed, 0 rejected, 0 not sent",
    ]
    assert shop.in_step(force=True).forced == ()
    fill(shop, 30)
    stopped(shop, "19 of 89 records would be deleted, more than 10%")


# no state


def test_a_state_that_is_required_and_not_there_is_an_error_and_none_is_made(shop: Shop) -> None:
    shop.profile(require_state=True)
    declare(shop)
    fill(shop)
    where = shop.state / "dev" / "crm.duckdb"
    said = f"first sync, no state at {where}, and dev has require_state"
    stopped(shop, said)
    assert not where.exists()
    assert verdicts(shop.plan_one()) == {"require_state": False}
    assert shop.invoke("status", "--select", "crm").out.endswith("  never synced\n")

    forced = shop.in_step(force=True)
    assert (forced.confirmed, forced.forced) == (COUNT, (said,))
    shop.sent()
    assert shop.in_step().requests == 0
    where.unlink()
    stopped(shop, said)


def test_a_runner_that_is_thrown_away_goes_on_from_a_state_that_was_kept(
    shop: Shop, tmp_path: Path
) -> None:
    volume, artifact = tmp_path / "volume", tmp_path / "artifact"
    declare(shop)
    fill(shop)
    shop.profile(state=str(volume))
    shop.in_step()
    shop.sent()
    # Another runner: nothing is there but the project, and what was saved of the state.
    shutil.copytree(volume, artifact)
    shutil.rmtree(volume)
    shop.results_file.unlink()
    shop.profile(state=str(volume), require_state=True)
    where = volume / "dev" / "crm.duckdb"
    stopped(shop, f"first sync, no state at {where}, and dev has require_state")
    shutil.rmtree(volume)
    shutil.copytree(artifact, volume)
    fill(shop, end=COUNT + 1)
    assert shop.in_step().confirmed == 1
    assert [len(body) for _, _, body in shop.sent()] == [1]


def test_the_state_of_a_first_sync_that_was_stopped_is_none_yet(shop: Shop) -> None:
    declare(shop)
    fill(shop, end=0)
    stopped(shop, "model customers has no rows")
    shop.profile(require_state="true")
    fill(shop)
    [refused] = shop.plan_one().failing
    assert refused.guard == "require_state"
    assert shop.sync_one().status == "failed"
    shop.profile(require_state=False)
    shop.in_step()


def test_verify_of_a_sync_that_was_stopped_says_never_synced(shop: Shop) -> None:
    declare(shop)
    fill(shop, end=0)
    assert shop.sync_one().status == "failed"
    verified = shop.invoke("verify", "--select", "crm")
    assert (verified.code, "never synced" in verified.out) == (0, True)


# what is said


def test_a_plan_tells_every_verdict_and_does_not_fail_for_it(shop: Shop) -> None:
    synced(shop, removed="delete", guard={"max_changed": "50%"})
    shop.dbt_said(customers="success")
    fill(shop, 11, renamed=5)
    done = shop.command("plan", "--select", "crm")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith("  gate passed: ")]
    assert lines[at - 1] == "  3 requests; no speed was measured yet"
    assert lines[at + 1 : at + 4] == [
        "  max_changed passed: 5 of 100 rows are new or changed, no more than 50%",
        f"  max_removed stops a sync: {OVER_REMOVED}",
        "    -> if that is meant, sync with --force, or set guard.max_removed",
    ]
    told = json.loads(shop.invoke("plan", "--select", "crm", "--output", "json").out)
    assert [(each["guard"], each["passed"]) for each in told[0]["guards"]] == [
        ("gate", True),
        ("max_changed", True),
        ("max_removed", False),
    ]
    assert told[0]["guards"][-1]["mend"] == (
        "if that is meant, sync with --force, or set guard.max_removed"
    )


def test_a_sync_that_is_stopped_says_so_once_leaves_no_rows_about_and_others_go_on(
    shop: Shop,
) -> None:
    synced(shop, removed="delete")
    shop.dbt_said(customers="success", orders="success")
    fill(shop, 11)
    done = shop.command("sync", "--select", "crm")
    assert done.code == 1
    assert done.said.count(OVER_REMOVED) == 1
    lines = done.out.splitlines()
    at = lines.index(f"  {OVER_REMOVED}: nothing was sent")
    assert lines[at - 1].startswith("crm: stopped, 0 confirmed, 11 not removed, 0 requests")
    assert "  stopped  0 confirmed" in shop.invoke("status", "--select", "crm").out
    assert shop.invoke("report", "--select", "crm").out.splitlines()[1] == "  crm: stopped"
    assert lines[at + 1] == "  -> if that is meant, sync with --force, or set guard.max_removed"
    assert [path.name for path in shop.state.rglob("*.delta.duckdb")] == []
    [told] = shop.results()["results"]
    assert (told["status"], told["forced"], told["not_removed"]) == ("failed", [], 11)


def test_one_that_is_stopped_is_no_hindrance_to_another(shop: Shop) -> None:
    crm = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": CRM_FIELDS}
    other = {**crm, "list": "OTHERS"}
    shop.declare(exposure("crm", "customers", crm), exposure("other", "spare", other))
    fill(shop)
    shop.table("spare", "select * from customers limit 0")
    results = shop.sync().results
    assert [(each.name, each.status) for each in results] == [
        ("crm", "in step"),
        ("other", "failed"),
    ]
    check_counts(results[1])
    fill(shop, renamed=1)
    # What would start anew, but for the other, is left as it is.
    by_mail = {**crm, "matching_key": {"MAIL": "email"}, "fields": {"FIRSTNAME": "first_name"}}
    shop.declare(exposure("crm", "customers", by_mail), exposure("other", "spare", other))
    before = shop.state_bytes()["dev/crm.duckdb"]
    fast = shop.sync(fail_fast=True).results
    assert [(each.name, each.status) for each in fast] == [("crm", "skipped"), ("other", "failed")]
    assert shop.state_bytes()["dev/crm.duckdb"] == before


# states of earlier versions


@pytest.mark.parametrize(
    ("status", "judged"),
    [("in step", True), ("rows refused", True), ("failed", False), ("limited", False)],
)
def test_a_state_of_version_2_has_come_to_its_end_if_a_run_of_it_did(
    shop: Shop, status: str, judged: bool
) -> None:
    synced(shop, guard={"max_changed": "50%"})
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb")) as state:
        state.execute("alter table runs drop column forced")
        state.execute("update runs set status = ?", [status])
        state.execute("delete from meta where name in ('complete', 'known_before')")
        state.execute("delete from migrations where version = 3")
    fill(shop, renamed=51)
    assert verdicts(shop.plan_one()) == ({"max_changed": False} if judged else {})
    result = shop.sync_one()
    assert result.status == ("failed" if judged else "in step")


def test_where_every_row_was_refused_nothing_has_changed_yet(shop: Shop) -> None:
    declare(shop, guard={"max_changed": "50%"})
    fill(shop)
    shop.write("update customers set lifetime_value = 1")
    shop.sandbox.faults(["load:reject:LTV=1.0"])
    assert shop.sync_one().rejected == COUNT
    shop.write("update customers set lifetime_value = 2")
    assert shop.in_step().confirmed == COUNT
