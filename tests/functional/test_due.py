"""`sync --due`: what is due since its last success, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest

from dbt_selligent import catalog, plan, sync
from dbt_selligent.errors import ConfigurationError
from dbt_selligent.locks import hold
from dbt_selligent.places import Files

from .conftest import EXPOSURES, Done, Shop, exposure
from .test_sync import A_ORDER, ANN, BEN

CRM, ORDERS, _, MAILS = EXPOSURES
DAY = timedelta(days=1)


def scheduled(example: dict[str, Any], schedule: object, **changed: Any) -> dict[str, Any]:
    """An exposure with a schedule."""
    meta = example["config"]["meta"]["selligent"]
    models = [ref.removeprefix("ref('").removesuffix("')") for ref in example["depends_on"]]
    return exposure(
        example["name"],
        models,
        {**meta, "schedule": schedule, **changed},
        example["config"]["tags"],
    )


def now() -> datetime:
    return datetime.now(timezone.utc)


def daily(at: datetime) -> str:
    """The line of a time of each day."""
    return f"{at.minute} {at.hour} * * *"


def far() -> str:
    """A line of a time that is half a day away, before and after."""
    return daily(now() + DAY / 2)


def began(shop: Shop, ago: timedelta, name: str = "crm") -> None:
    """Makes the runs of a state begin so long ago."""
    with duckdb.connect(str(shop.state / "dev" / f"{name}.duckdb")) as state:
        at = (now() - ago).replace(tzinfo=None)
        state.execute("update runs set started_at = ?", [at])


def events(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def crm(shop: Shop) -> Shop:
    """The shop with one activation, that is due at a time half a day away."""
    shop.declare(scheduled(CRM, far()))
    shop.customers(ANN)
    return shop


def test_what_never_succeeded_is_due_at_once_and_then_at_its_next_time(crm: Shop) -> None:
    first = crm.command("sync", "--due")
    assert first.code == 0
    assert first.out.splitlines()[0] == "due: crm"
    assert crm.records() == [ANN]

    crm.customers(ANN, BEN)
    crm.results_file.unlink()
    crm.warehouse.rename(crm.warehouse.with_suffix(".away"))  # it is not opened
    second = crm.invoke("sync", "--due")
    assert (second.code, second.err) == (0, "")
    assert re.fullmatch(r"nothing is due; next: crm at \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", second.out)
    assert not crm.results_file.exists()
    assert crm.records() == [ANN]
    crm.warehouse.with_suffix(".away").rename(crm.warehouse)

    began(crm, DAY)
    assert crm.invoke("sync", "--due").code == 0
    assert crm.records() == [ANN, BEN]


def test_missed_times_are_caught_up_once(crm: Shop) -> None:
    crm.in_step()
    began(crm, 30 * DAY)
    assert len(sync(crm.settings(due=True)).results) == 1
    assert sync(crm.settings(due=True)).results == ()


def test_the_times_are_those_of_the_time_zone(shop: Shop) -> None:
    brussels = {"cron": "0 6 * * *", "timezone": "Europe/Brussels"}
    shop.declare(scheduled(CRM, brussels))
    shop.customers(ANN)
    shop.in_step()
    said = shop.invoke("sync", "--due").out
    assert re.fullmatch(r"nothing is due; next: crm at [-\d]+ 06:00 Europe/Brussels\n", said)


def test_what_has_no_schedule_is_left_out_and_counted(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far()), ORDERS, MAILS)
    shop.customers(ANN)
    first = shop.invoke("sync", "--due")
    assert first.out.splitlines()[0] == "due: crm; left out, without `schedule:`: 2"
    assert [one["name"] for one in shop.results()["results"]] == ["crm"]
    again = shop.invoke("sync", "--due")
    assert again.out.endswith("UTC; left out, without `schedule:`: 2\n")

    none = shop.invoke("sync", "--due", "--exclude", "crm")
    assert (none.code, none.out) == (0, "nothing is due; left out, without `schedule:`: 2\n")


def test_only_what_is_due_is_sent_and_of_what_is_selected(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far()), scheduled(ORDERS, far()))
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    assert shop.invoke("sync", "--due", "--select", "crm").code == 0
    assert [one["name"] for one in shop.results()["results"]] == ["crm"]
    done = shop.invoke("sync", "--due")
    assert done.out.splitlines()[0] == "due: orders"
    assert [one["name"] for one in shop.results()["results"]] == ["orders"]


def test_what_failed_stays_due(crm: Shop) -> None:
    crm.in_step()
    began(crm, DAY)
    crm.customers()
    for _ in range(2):
        done = crm.invoke("sync", "--due")
        assert done.code == 1
        assert "model customers has no rows" in done.out
    crm.customers(ANN, BEN)
    assert crm.invoke("sync", "--due").code == 0
    assert crm.invoke("sync", "--due").out.startswith("nothing is due")


def test_what_was_kept_back_stays_due(crm: Shop) -> None:
    crm.dbt_said(customers="error")
    assert crm.invoke("sync", "--due").code == 1
    crm.dbt_said(customers="success", at="13:00")
    assert crm.invoke("sync", "--due").code == 0
    assert crm.invoke("sync", "--due").out.startswith("nothing is due")


def test_a_sync_with_refused_rows_came_to_its_end(crm: Shop) -> None:
    crm.customers(ANN, (2, "bad", None, 1.0, None))
    crm.sandbox.faults(["load:reject:MAIL=bad"])
    assert crm.invoke("sync", "--due").code == 1
    done = crm.invoke("sync", "--due")
    assert (done.code, done.out[:14]) == (0, "nothing is due")


def test_what_was_adopted_is_due_at_its_next_time(crm: Shop) -> None:
    assert crm.invoke("state", "adopt", "--select", "crm", "--yes").code == 0
    assert crm.invoke("sync", "--due").out.startswith("nothing is due")
    began(crm, DAY)
    assert crm.invoke("sync", "--due").out.startswith("due: crm")


def test_a_canary_is_no_success(crm: Shop) -> None:
    crm.customers(ANN, BEN)
    assert crm.sync_one(limit=1).status == "limited"
    assert [one.confirmed for one in sync(crm.settings(due=True)).results] == [1]


def test_a_canary_of_what_is_due_is_refused(crm: Shop) -> None:
    for run in (sync, plan):
        with pytest.raises(ConfigurationError, match="--due and --limit do not go together"):
            run(crm.settings(due=True, limit=1))
    done = crm.invoke("sync", "--due", "--limit", "1")
    assert done.code == 2
    assert crm.sent() == []


def test_a_time_that_comes_while_the_model_is_read_is_not_taken_for_done(crm: Shop) -> None:
    """A run begins when its command does: what it reads may be older than its first request."""
    before = now()
    crm.in_step()
    with duckdb.connect(str(crm.state / "dev" / "crm.duckdb")) as state:
        [(started, finished)] = state.execute("select started_at, finished_at from runs").fetchall()
    told = datetime.fromisoformat(crm.results()["started_at"])
    assert started.replace(microsecond=0, tzinfo=timezone.utc) == told
    assert before.replace(tzinfo=None) <= started < finished


def test_a_success_of_a_time_to_come_blocks_nothing(crm: Shop) -> None:
    crm.in_step()
    began(crm, -400 * DAY)
    assert len(sync(crm.settings(due=True)).results) == 1
    assert sync(crm.settings(due=True)).results == ()


def test_what_is_under_way_is_told_and_is_no_failure(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far()), scheduled(ORDERS, far()))
    shop.table("orders", A_ORDER)
    lock = Files(shop.state / "dev", "crm").lock
    with hold(lock, "activation crm"):
        done = shop.invoke("sync", "--due")
        again = shop.invoke("sync", "--due")
        planned = shop.invoke("plan", "--due", "--select", "orders")
    first, second, *_ = done.out.splitlines()
    assert first.startswith("crm is under way: activation crm is in use by process ")
    assert (done.code, second) == (0, "due: orders")
    assert [one["name"] for one in shop.results()["results"]] == ["orders"]
    assert again.code == 0
    assert again.out.splitlines()[1].startswith("nothing is due; next: orders at ")
    assert planned.out.startswith("nothing is due; next: orders")


def test_what_is_due_is_held_until_it_is_sent_so_that_no_other_finds_it_due(
    crm: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two start at once: the second comes while the first, which found it due, reads the list."""
    second: list[Done] = []
    read = catalog.read_catalog

    def reading(*given: Any, **named: Any) -> Any:
        if not second:
            second.append(crm.command("sync", "--due"))
        return read(*given, **named)

    monkeypatch.setattr("dbt_selligent.planner.read_catalog", reading)
    results = sync(crm.settings(due=True))
    assert [one.status for one in results.results] == ["in step"]
    assert second[0].code == 0
    assert second[0].out.startswith("crm is under way: ")
    assert len(crm.sent()) == 1


def test_a_state_that_cannot_be_read_is_told_by_the_sync(crm: Shop) -> None:
    crm.in_step()
    (crm.state / "dev" / "crm.duckdb").write_bytes(b"nothing of the sort")
    done = crm.invoke("sync", "--due")
    assert done.code == 1
    assert "crm: failed" in done.out


@pytest.mark.parametrize("command", ["sync", "plan"])
def test_a_fault_of_any_activation_is_told_also_where_nothing_is_due(
    shop: Shop, command: str
) -> None:
    broken = exposure("broken", "orders", {"list": "ORDERS", "schedule": "0 6 30 2 *"})
    shop.declare(scheduled(CRM, far()))
    shop.customers(ANN)
    for requests in (0, 1):
        shop.declare(scheduled(CRM, far()), broken)
        done = shop.invoke(command, "--due", "--select", "crm")
        assert done.code == 2
        assert "exposure broken: schedule: this day never comes" in done.err
        assert len(shop.sandbox.bulk()) == requests
        shop.declare(scheduled(CRM, far()))
        shop.in_step()


def test_plan_shows_what_is_due_and_makes_no_state(crm: Shop) -> None:
    first = crm.invoke("plan", "--due")
    assert first.out.splitlines()[:2] == ["due: crm", "crm: customers -> list CUSTOMERS at dev"]
    assert list((crm.folder / ".dbt_selligent").glob("**/*.lock")) == []
    [*lines, _] = crm.invoke("sync", "--dry-run", "--due").out.splitlines()
    assert first.out.splitlines()[:-1] == lines
    crm.in_step()
    again = crm.invoke("plan", "--due")
    assert (again.code, again.out[:14]) == (0, "nothing is due")
    assert crm.invoke("plan", "--due", "--output", "json").out == "[]\n"


def test_a_full_refresh_of_what_is_due(crm: Shop) -> None:
    crm.in_step()
    assert crm.invoke("sync", "--due", "--full-refresh").out.startswith("nothing is due")
    began(crm, DAY)
    crm.sent()
    assert crm.invoke("sync", "--due", "--full-refresh").code == 0
    assert [body for _, _, body in crm.sent()] == [[list(ANN)]]


def test_in_json_it_is_one_event(shop: Shop) -> None:
    shop.declare(scheduled(CRM, {"cron": "0 6 * * *", "timezone": "Europe/Brussels"}), ORDERS)
    shop.customers(ANN)
    first, *others = events(shop.invoke("sync", "--due", "--log-format", "json"))
    assert datetime.fromisoformat(first.pop("at")) < now()
    assert first == {
        "event": "due",
        "due": ["crm"],
        "under_way": {},
        "without_schedule": 1,
        "next": None,
    }
    assert [one["event"] for one in others] == [
        *("planned", "progress", "progress", "finished", "ended")
    ]
    [again] = events(shop.invoke("sync", "--due", "--log-format", "json"))
    coming, _ = again.pop("next"), again.pop("at")
    assert again == {"event": "due", "due": [], "under_way": {}, "without_schedule": 1}
    at = datetime.fromisoformat(coming.pop("next_time"))
    assert coming == {"name": "crm", "cron": "0 6 * * *", "timezone": "Europe/Brussels"}
    assert (at.hour, at.minute) == (6, 0)
    assert now() < at < now() + DAY
    assert shop.invoke("sync", "--due", "--quiet").said == ""


def test_ls_tells_the_schedule_and_its_next_time(shop: Shop) -> None:
    shop.declare(scheduled(CRM, {"cron": "0 6 * * *", "timezone": "Europe/Brussels"}), MAILS)
    first, second = shop.invoke("ls").out.splitlines()
    assert re.fullmatch(
        r"crm    customers -> CUSTOMERS \(dev\)  \[crm, daily\]"
        r"  0 6 \* \* \*, next [-\d]{10} 06:00 Europe/Brussels",
        first,
    )
    assert second == "mails  mails -> MAILS (dev)  [scores]"
    crm, mails = json.loads(shop.invoke("ls", "--output", "json").out)
    assert mails["schedule"] is None
    assert crm["schedule"].pop("next_time")[10:16] == "T06:00"
    assert crm["schedule"] == {"cron": "0 6 * * *", "timezone": "Europe/Brussels"}


def test_a_canary_of_which_a_row_was_refused_is_no_success(shop: Shop) -> None:
    shop.declare(scheduled(CRM, far(), removed="delete", guard={"max_removed": "100%"}))
    shop.customers(*((n, f"c{n}@acme.example", "C", 1.0, True) for n in range(1, 7)))
    shop.in_step()
    began(shop, DAY)
    shop.customers((1, "one@acme.example", "Nobody", 1.0, True))
    shop.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    result = shop.sync_one(limit=2)
    assert (result.status, result.limited, result.complete) == ("rows refused", True, False)
    assert result.next_step == (
        "4 rows are left: sync without --limit; see the reasons: dbt-selligent status"
    )
    assert shop.invoke("sync", "--due").out.startswith("due: crm\n")


def test_what_cannot_be_told_is_not_synced(crm: Shop) -> None:
    crm.in_step()
    crm.sent()
    (crm.state / "dev" / "crm.duckdb").write_bytes(b"not a database, " * 1000)
    done = crm.invoke("sync", "--due")
    assert (done.code, done.out.splitlines()[:2]) == (1, ["nothing is due", "crm: failed"])
    assert "not a usable state file" in done.out
    assert crm.sent() == []
    assert "not a usable state file" in crm.invoke("plan", "--due").err


def test_a_state_that_another_program_has_open_is_under_way(crm: Shop) -> None:
    crm.in_step()
    held = crm.state / "dev" / "crm.duckdb"
    code = f"import duckdb; held = duckdb.connect({str(held)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline()
        done = crm.command("sync", "--due")
        other.communicate("\n", timeout=60)
    assert (done.code, done.out.splitlines()[-1]) == (0, "nothing is due")
    assert "crm is under way: " in done.out
