"""What the commands say, and with which exit code they end."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from dbt_selligent.cli.jsonevents import COMMON, EVENTS
from dbt_selligent.cli.terminal import Terminal
from dbt_selligent.events import Waiting

from .conftest import EXPOSURES, Done, Shop, check_counts, exposure, load
from .test_sync import A_ORDER, ANN, BEN, CAT

SECRET_MAIL = "ann@acme.example"


def words(done: Done) -> list[str]:
    """The lines of its output, without the seconds that it took."""
    return [re.sub(r"[\d.]+ s\b", "N s", line) for line in done.out.splitlines()]


def test_sync_as_a_user_runs_it_plans_sends_and_ends_with_0(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    done = shop.command("sync", "--select", "crm")
    assert (done.code, done.err) == (0, "")
    assert words(done)[:3] == [
        "crm: customers -> list CUSTOMERS at dev",
        f"  first sync, no state at {shop.state / 'dev' / 'crm.duckdb'}",
        "  2 rows, 0 unchanged",
    ]
    assert words(done)[3] == "  + 2 new"
    assert words(done)[-1] == "crm: in step, 2 confirmed, 1 request, N s"
    assert shop.records() == [ANN, BEN]

    again = shop.invoke("sync", "--select", "crm")
    assert again.code == 0
    assert again.out == "crm: nothing changed, 2 rows in step\n"
    assert len(shop.sent()) == 1


def test_the_results_file_says_what_happened_and_its_counts_add_up(shop: Shop) -> None:
    shop.table(
        "customers",
        "select * from (values (1, 'a@acme.example', 'Ann', 1.5::double, true), "
        "(2, 'b@acme.example', 'Ben', 'nan'::double, true), "
        "(3, 'bad', 'Cat', 2.5, false)) t(id, email, first_name, lifetime_value, opt_in)",
    )
    shop.table("orders", f"{A_ORDER} limit 0")
    shop.sandbox.faults(["load:reject:MAIL=bad"])
    done = shop.invoke("sync", "--select", "tag:daily", "--threads", "1")
    assert done.code == 1
    results = shop.results()
    assert results["metadata"]["exit_code"] == 1
    assert (results["command"], results["target"]) == ("sync", "dev")
    assert re.fullmatch(r"[0-9a-f]{32}", results["run_id"])
    crm, orders = results["results"]
    assert (crm["name"], crm["status"], orders["name"], orders["status"]) == (
        "crm",
        "rows refused",
        "orders",
        "failed",
    )
    assert crm["unique_id"] == "exposure.shop.crm"
    assert (crm["model"], crm["list"], crm["destination"]) == ("customers", "CUSTOMERS", "dev")
    assert crm["counts"] == {
        "rows": 3,
        "unchanged": 0,
        "new": 2,
        "changed": 0,
        "invalid": 1,
        "held": 0,
        "not_found": 0,
        "in_doubt": 0,
        "invalid_in_doubt": 0,
        "again": 0,
        "removed": 0,
        "joining": 0,
        "known": 0,
        "spared": 0,
    }
    assert crm["problems"] == [{"field": "LTV", "reason": "not a finite number", "rows": 1}]
    assert (crm["confirmed"], crm["rejected"], crm["not_sent"], crm["requests"]) == (1, 1, 0, 3)
    assert orders["counts"]["rows"] == 0
    assert orders["error"] == "model orders has no rows: nothing was sent"
    assert [one[0] for one in shop.records()] == [1]


def test_a_sample_is_the_first_rows_of_each_kind_by_their_keys(shop: Shop) -> None:
    model = (
        "select range as id, 'p' || range || '@acme.example' as email, 'Ann' as first_name, "
        "{} as lifetime_value, true as opt_in from range({})"
    )
    shop.table("customers", model.format("1.0", 4000))
    shop.in_step()
    changed = "case when range % 3 = 0 then 'nan'::double when range % 3 = 1 then 2.0 else 1.0 end"
    shop.table("customers", model.format(changed, 6000))

    sample = shop.plan_one(sample=2).sample

    assert [(row["kind"], row["values"]["CUSTOMER_ID"]) for row in sample] == [
        *[("new", 4000), ("new", 4001)],
        *[("changed", 1), ("changed", 4)],
        *[("invalid", 0), ("invalid", 3)],
    ]


def test_plan_says_what_a_sync_would_do_and_does_none_of_it(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    writes = shop.writes()
    before = shop.state_bytes()
    shop.customers((*ANN[:3], 11.5, True), BEN, (4, "dan@acme.example", "Dan", 1.0, True))
    for arguments in (("plan",), ("sync", "--dry-run"), ("plan", "--full-refresh")):
        done = shop.invoke(*arguments, "--select", "crm")
        assert done.code == 0
        assert "  3 rows, " in done.out
    called, invoked = shop.command("plan", "--select", "crm"), shop.invoke("plan", "-s", "crm")
    assert called.out.splitlines()[:-1] == invoked.out.splitlines()[:-1]
    assert called.out.splitlines()[-1] == "  -> run `dbt-selligent sync --select crm` to send it"
    assert shop.state_bytes() == before
    assert shop.writes() == writes

    planned = shop.plan_one()
    shop.in_step()
    sent = shop.sent()
    assert [each.rows for each in planned.groups] == [len(body) for _, _, body in sent]
    assert [",".join(each.forms[0].fields) for each in planned.groups] == [
        query["fields"] for _, query, _ in sent
    ]


def test_plan_text_names_the_counts_the_changed_fields_and_the_requests(shop: Shop) -> None:
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.customers((*ANN[:3], 11.5, True), BEN, (4, "dan@acme.example", "Dan", 1.0, True))
    folders = f"--project-dir {shop.folder} --profiles-dir {shop.folder}"
    lines = shop.invoke("plan", "--select", "crm").out.splitlines()
    assert lines[:7] == [
        "crm: customers -> list CUSTOMERS at dev",
        "  3 rows, 1 unchanged",
        "  + 1 new",
        "  ~ 1 changed",
        "      LTV  1 row",
        "  - 1 left the model: kept in the list",
        "  2 requests; no speed was measured yet",
    ]
    assert lines[7].startswith("  gate: dbt's verdict on model customers is not known")
    assert lines[8:] == [
        "    -> `dbt build --select customers` gives it",
        "  a sample, its values masked: --show-values shows them",
        "    + CUSTOMER_ID=***: MAIL=***, FIRSTNAME=***, LTV=***, OPTIN=***",
        "    ~ CUSTOMER_ID=***: LTV=***",
        "    - CUSTOMER_ID=***",
        "",
        "Plan: 1 to add, 1 to change, 0 to remove, 2 requests.",
        f"  -> run `dbt-selligent sync {folders} --select crm` to send it",
    ]


def test_plan_of_a_full_refresh_says_nothing_of_doubt(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.customers(ANN, BEN, CAT)
    lines = shop.invoke("plan", "--select", "crm", "--full-refresh").out.splitlines()
    assert lines[1:4] == [
        "  3 rows, 0 unchanged",
        "  + 1 new",
        "  ~ 2 sent before: sent again whole",
    ]
    assert not [line for line in lines if "doubt" in line or line.lstrip().startswith("?")]


def test_how_long_it_takes_is_said_once_it_was_measured(shop: Shop) -> None:
    rows = (
        "select range as id, 'a' as email, 'Ann' as first_name, {} as lifetime_value, "
        "true as opt_in from range({})"
    )
    for count, measured in ((2499, False), (2500, True)):
        shop.table("customers", rows.format(count, count))
        shop.in_step()
        shop.table("customers", rows.format(0, count))
        made = shop.plan_one()
        assert (made.speed is not None, made.expected_rows) == (measured, count)
    lines = shop.invoke("plan", "--select", "crm").out.splitlines()
    assert re.fullmatch(
        r"  1 request, under a minute: [\d,]+ rows a second when last measured", lines[4]
    )
    [told] = json.loads(shop.invoke("plan", "--select", "crm", "--output", "json").out)
    assert told["expected_seconds"] == 2500 / (made.speed or 0)


def test_a_plan_before_the_first_sync_makes_no_state(shop: Shop) -> None:
    shop.customers(ANN)
    assert shop.invoke("plan", "--select", "crm").code == 0
    assert list(shop.state.glob("**/*.lock")) == []
    assert list(shop.folder.glob("**/crm*.duckdb")) == []
    assert shop.writes() == []


@pytest.mark.parametrize("show", [False, True])
def test_plan_json_masks_the_values_unless_they_are_asked_for(shop: Shop, show: bool) -> None:
    shop.customers(ANN, CAT)
    flags = ["--show-values"] if show else []
    done = shop.invoke("plan", "--select", "crm", "--output", "json", *flags)
    assert done.code == 0
    [made] = json.loads(done.out)
    assert made["counts"]["new"] == 2
    assert made["expected_requests"] == 1
    assert made["groups"] == [
        {
            "calls": ["InsertAndUpdate"],
            "fields": ["MAIL", "FIRSTNAME", "LTV", "OPTIN"],
            "rows": 2,
        }
    ]
    # Nulls too: whether a value is there is not told either.
    masked = [dict.fromkeys(("CUSTOMER_ID", "MAIL", "FIRSTNAME", "LTV", "OPTIN"), "***")] * 2
    shown = [
        {"CUSTOMER_ID": 1, "MAIL": SECRET_MAIL, "FIRSTNAME": "Ann", "LTV": 10.5, "OPTIN": True},
        {**dict.fromkeys(masked[1]), "CUSTOMER_ID": 3, "MAIL": "cat@acme.example"},
    ]
    assert [row["values"] for row in made["sample"]] == (shown if show else masked)
    assert [row["kind"] for row in made["sample"]] == ["new", "new"]


@pytest.mark.parametrize("show", [False, True])
def test_plan_text_shows_values_only_if_they_are_asked_for(shop: Shop, show: bool) -> None:
    shop.customers(ANN)
    done = shop.invoke("plan", "--select", "crm", *(["--show-values"] if show else []))
    assert (SECRET_MAIL in done.said) is show


def test_plan_text_masks_nulls_too(shop: Shop) -> None:
    shop.customers(CAT)
    for shown, flags in (("***", ()), ("null", ("--show-values",))):
        lines = shop.invoke("plan", "--select", "crm", *flags).out.splitlines()
        assert lines[-4].endswith(f"FIRSTNAME={shown}, LTV={shown}, OPTIN={shown}")


def test_log_format_json_is_one_event_a_line_and_holds_no_values(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.table("orders", A_ORDER)
    done = shop.invoke("sync", "--select", "tag:daily", "--threads", "1", "--log-format", "json")
    assert (done.code, done.err) == (0, "")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["event"], one.get("activation")) for one in events] == [
        ("planned", "crm"),
        ("planned", "orders"),
        ("progress", "crm"),
        ("progress", "crm"),
        ("finished", "crm"),
        ("progress", "orders"),
        ("progress", "orders"),
        ("finished", "orders"),
        ("ended", None),
    ]
    for one in events:
        assert list(one) == [*COMMON, *EVENTS[one["event"]][1]]
        assert datetime.fromisoformat(one["at"]).utcoffset() == timedelta(0)
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)
    begun, answered = events[2:4]
    nothing = {"confirmed": 0, "rejected": 0, "not_found": 0, "removed": 0}
    assert begun == {
        "event": "progress",
        "at": begun["at"],
        "activation": "crm",
        "done": 0,
        "of": 2,
        **nothing,
    }
    assert answered == {**begun, "at": answered["at"], "done": 2, "confirmed": 2}
    assert (events[4]["status"], events[4]["confirmed"]) == ("in step", 2)
    assert (events[-1]["exit_code"], events[-1]["confirmed"]) == (0, 3)
    assert "acme.example" not in done.said


def test_progress_counts_what_is_removed_and_no_more_than_the_limit(shop: Shop) -> None:
    meta = {**EXPOSURES[0]["config"]["meta"]["selligent"], "removed": "delete"}
    shop.declare(exposure("crm", "customers", {**meta, "guard": {"max_removed": "100%"}}))

    def progress(*flags: str) -> list[tuple[int, int, int, int]]:
        done = shop.invoke("sync", "--select", "crm", "--log-format", "json", *flags)
        events = [json.loads(line) for line in done.out.splitlines()]
        return [
            (one["done"], one["of"], one["confirmed"], one["removed"])
            for one in events
            if one["event"] == "progress"
        ]

    shop.customers(ANN, BEN, CAT)
    assert progress("--limit", "2") == [(0, 2, 0, 0), (2, 2, 2, 0)]
    assert progress() == [(0, 1, 0, 0), (1, 1, 1, 0)]
    shop.customers(ANN)
    assert progress() == [(0, 2, 0, 0), (2, 2, 0, 2)]
    assert progress() == []


def test_quiet_says_nothing_when_all_is_well_and_the_error_when_not(shop: Shop) -> None:
    shop.customers(ANN)
    done = shop.invoke("sync", "--select", "crm", "--quiet")
    assert (done.code, done.said) == (0, "")
    shop.customers()
    done = shop.invoke("sync", "--select", "crm", "--quiet")
    assert done.code == 1
    assert "model customers has no rows: nothing was sent" in done.said


def test_quiet_tells_a_failure_in_json_too(shop: Shop) -> None:
    shop.customers()
    done = shop.invoke("sync", "--select", "crm", "--quiet", "--log-format", "json")
    assert done.code == 1
    [line] = done.said.splitlines()
    assert json.loads(line)["error"] == "model customers has no rows: nothing was sent"


@pytest.mark.parametrize(
    ("arguments", "said", "step"),
    [
        (("sync", "--select", "nobody"), "no activation is selected", None),
        (("plan", "--target", "nowhere"), "no output 'nowhere'", None),
        (("sync", "--no-such-flag"), "No such option", ""),
    ],
)
def test_what_cannot_start_is_an_event_where_events_are_asked_for(
    shop: Shop, arguments: tuple[str, ...], said: str, step: str | None
) -> None:
    for flags in (["--log-format", "json"], ["--log-format=json", "--quiet"]):
        done = shop.invoke(*arguments, *flags)
        assert (done.code, done.err) == (2, "")
        [line] = done.out.splitlines()
        told = json.loads(line)
        assert list(told) == [*COMMON, *EVENTS["error"][1]]
        assert (told["event"], told["exit_code"], told["faults"]) == ("error", 2, [])
        assert said in told["message"]
        assert step is None or told["next_step"] == step


def test_faults_are_listed_in_the_event(shop: Shop) -> None:
    shop.declare(exposure("crm", "customers", {"list": "CUSTOMERS"}))
    done = shop.command("sync", "--log-format", "json")
    assert (done.code, done.err) == (2, "")
    told = json.loads(done.out)
    assert [(each["exposure"], each["key"], each["problem"]) for each in told["faults"]] == [
        ("crm", "fields", "missing"),
        ("crm", "matching_key", "missing"),
    ]
    assert told["next_step"] == "mend these in the YAML named above; nothing was sent"


def test_ls_lists_the_activations_as_text_and_json(shop: Shop) -> None:
    assert shop.command("ls").out.splitlines() == [
        "crm     customers -> CUSTOMERS (dev)  [crm, daily]",
        "mails   mails -> MAILS (dev)  [scores]",
        "orders  orders -> ORDERS (dev)  [daily]",
        "things  things -> THINGS (dev)",
    ]
    crm, *others = json.loads(shop.invoke("ls", "--output", "json").out)
    assert crm == {
        "name": "crm",
        "unique_id": "exposure.shop.crm",
        "file": "models/exposures.yml",
        "tags": ["crm", "daily"],
        "list": "CUSTOMERS",
        "destination": "dev",
        "model": "customers",
        "schedule": None,
    }
    assert [one["name"] for one in others] == ["mails", "orders", "things"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "--select", "nobody"), "there are: crm, mails, orders, things"),
        (("sync", "--select", "+nobody"), "there are: crm, mails, orders, things"),
        (("plan", "--select", "stage:modified"), "'stage' is not a valid method name"),
        (("sync", "--selector", "web", "--exclude", "crm"), "--selector stands alone"),
        (("sync", "--target", "nowhere"), "no output 'nowhere'; there are: dev"),
        (("sync", "--destination", "nowhere"), "no output 'nowhere' (asked for); there are: dev"),
        (("sync", "--vars", "[1]"), "--vars is not a YAML dictionary"),
        (("sync", "--threads", "0"), "--threads"),
        (("synk",), "did you mean sync?"),
        (("sync", "--no-such-flag"), "--no-such-flag"),
    ],
)
def test_what_cannot_start_ends_with_2_and_says_what_there_is(
    shop: Shop, arguments: tuple[str, ...], said: str
) -> None:
    shop.customers(ANN)
    done = shop.command(*arguments) if arguments[0] == "synk" else shop.invoke(*arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.said
    assert shop.writes() == []
    assert not shop.results_file.exists()


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a good one"])
@pytest.mark.parametrize("built", [True, False], ids=["built", "no warehouse"])
@pytest.mark.parametrize("command", ["plan", "sync", "status", "ls"])
def test_an_activation_that_is_not_well_formed_ends_every_command_with_2(
    shop: Shop, command: str, built: bool, beside: bool
) -> None:
    if built:
        shop.customers(ANN)
        shop.table("orders", A_ORDER)
    good = [EXPOSURES[1]] if beside else []
    shop.declare(exposure("crm", "customers", {"list": "CUSTOMERS"}), *good)
    done = shop.invoke(command)
    assert done.code == 2
    assert "exposure crm: matching_key: missing" in done.err
    assert "exposure crm: fields: missing" in done.err
    assert shop.writes() == []


def test_status_says_never_synced_then_the_runs_and_the_rows_not_in_step(shop: Shop) -> None:
    done = shop.invoke("status", "--select", "crm")
    assert (done.code, done.out) == (0, "crm: list CUSTOMERS at dev\n  never synced\n")
    shop.customers(ANN, BEN, (3, "bad", None, float("nan"), None))
    shop.in_step()
    shop.sandbox.faults(["load:reject:MAIL=bad"])
    shop.customers((*ANN[:3], 11.5, True), BEN, (3, "bad", None, 1.0, None), (4, *CAT[1:]))
    assert shop.sync_one().status == "rows refused"
    shop.customers(
        (*ANN[:3], 11.5, True),
        BEN,
        (3, "bad", None, 1.0, None),
        (4, *CAT[1:]),
        (5, None, None, float("inf"), None),
    )
    assert shop.sync_one().status == "rows refused"

    text = shop.invoke("status", "--select", "crm")
    assert text.code == 0
    lines = [
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", one) for one in text.out.splitlines()
    ]
    assert lines == [
        "crm: list CUSTOMERS at dev",
        "  3 rows confirmed, 0 in doubt",
        "  WHEN UTC  rows refused  0 confirmed, 0 rejected, 1 held, 1 invalid, 0 not sent",
        "  WHEN UTC  rows refused  2 confirmed, 1 rejected, 0 not sent",
        "  WHEN UTC  in step but for 1 invalid  2 confirmed, 0 rejected, 0 not sent",
        "  1 rejected and held:",
        "    MAIL: refused without a code (1 row)",
        "  1 invalid:",
        "    LTV: not a finite number (1 row)",
        "  -> dbt-selligent status --show-values: which they are",
    ]
    shown = shop.invoke("status", "--select", "crm", "--show-values")
    assert "    CUSTOMER_ID=3: MAIL: Unknown (The value is refused by a fault)" in shown.out
    assert "    CUSTOMER_ID=5: LTV: not a finite number" in shown.out

    [found] = json.loads(shop.invoke("status", "--select", "crm", "--output", "json").out)
    assert (found["confirmed"], found["in_doubt"]) == (3, 0)
    assert [run["status"] for run in found["runs"]] == ["rows refused", "rows refused", "in step"]
    assert found["runs"][1]["counts"]["rejected"] == 1
    assert (found["rejected_rows"], found["invalid_rows"]) == (1, 1)
    assert found["rejected"][0]["CUSTOMER_ID"] == "***"
    assert (found["rejected"][0]["field"], found["rejected"][0]["code"]) == ("MAIL", "Unknown")
    assert found["rejected"][0]["message"] == "***"
    times = [found["runs"][0]["started_at"], found["rejected"][0]["first_seen"]]
    assert {datetime.fromisoformat(each).utcoffset() for each in times} == {timedelta(0)}


def test_status_counts_rows_where_several_share_a_key(shop: Shop) -> None:
    shop.customers(ANN, BEN, BEN, (None, "x@acme.example", None, None, None))
    shop.in_step()
    said = shop.invoke("status", "--select", "crm").out.splitlines()
    assert [line for line in said if line.endswith(" invalid:")] == ["  3 invalid:"]
    shown = shop.invoke("status", "--select", "crm", "--show-values").out
    assert ("  3 invalid:" in shown, " more" in shown) == (True, False)
    [found] = json.loads(shop.invoke("status", "--select", "crm", "--output", "json").out)
    assert (found["invalid_rows"], len(found["invalid"])) == (3, 2)


def test_status_lists_rows_without_a_key(shop: Shop) -> None:
    shop.customers(ANN, (None, "x@acme.example", None, None, None))
    shop.in_step()
    [*_, total, reason, _] = shop.invoke("status", "--select", "crm").out.splitlines()
    assert total == "  1 invalid:"
    assert reason == "    CUSTOMER_ID: the matching key is null (1 row)"
    [*_, row] = shop.invoke("status", "--select", "crm", "--show-values").out.splitlines()
    assert row == "    CUSTOMER_ID=null: CUSTOMER_ID: the matching key is null"


def test_a_row_that_is_held_is_not_in_doubt_beside(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.customers(ANN, (*BEN[:2], "Nobody", *BEN[3:]))
    shop.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    assert shop.sync_one().status == "rows refused"
    lines = shop.invoke("status", "--select", "crm").out.splitlines()
    assert (lines[1], "  1 rejected and held:" in lines) == ("  1 rows confirmed, 0 in doubt", True)
    shown = shop.invoke("state", "show", "--select", "crm").out
    assert "1 rows confirmed, 0 in doubt, 1 held" in shown


def test_a_history_that_cannot_be_told_is_said_and_set_aside(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    [batches] = shop.state.glob("dev/history/selligent_batches/*.parquet")
    batches.write_bytes(b"no parquet")
    for told in (True, False):
        shop.customers(ANN, (*BEN[:3], float(told), True))
        done = shop.invoke("sync", "--select", "crm")
        assert (done.code, "crm: the history is not told: " in done.out) == (0, told)
    with duckdb.connect() as connection:
        assert len(connection.execute(f"from '{batches}'").fetchall()) == 1


def test_nothing_is_left_of_a_history_whose_state_is_forgotten(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    [rejected] = shop.state.glob("dev/history/selligent_rejected_rows/*.parquet")
    rejected.with_name(f"{rejected.name}.new").write_bytes(b"as a kill leaves it")
    assert shop.invoke("state", "reset", "crm", "--yes").code == 0
    assert [path for path in shop.state.glob("dev/history/**/*") if path.is_file()] == []


def test_a_state_that_cannot_be_read_does_not_keep_others_from_being_told(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    (shop.state / "dev" / "orders.duckdb").write_bytes(b"not a database, " * 1000)
    done = shop.invoke("status", "--select", "crm orders")
    assert (done.code, "  1 rows confirmed, 0 in doubt" in done.out) == (1, True)
    assert "orders.duckdb: not a usable state file" in done.out


def test_invalid_rows_are_told_by_a_sync_in_step(shop: Shop) -> None:
    shop.customers(ANN, (None, "b@acme.example", "gold", 1.0, None))
    done = shop.invoke("sync", "--select", "crm")
    *_, ended, step = done.out.splitlines()
    assert done.code == 0
    assert step == "  -> see which rows: dbt-selligent status --show-values"
    assert ended.startswith("crm: in step but for 1 invalid, 1 confirmed, 1 request, ")


@pytest.mark.parametrize(
    ("changed", "said", "step"),
    [
        ({"api_key": "wrong"}, "401: the key is refused", "check api_key and api_secret"),
        ({"organization": "ACME"}, "404: no such organization or list", "dbt-selligent debug"),
    ],
)
def test_a_wrong_key_or_organization_sends_nothing_and_says_so(
    shop: Shop, changed: dict[str, Any], said: str, step: str
) -> None:
    shop.customers(ANN)
    shop.profile(**changed)
    result = shop.sync_one()
    assert (result.status, result.error) == ("failed", said)
    assert step in (result.next_step or "")
    assert (result.counts, result.requests) == (None, 0)
    assert shop.sent() == []
    shop.profile()
    shop.in_step()
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,MAIL,FIRSTNAME,LTV,OPTIN", [ANN])
    ]


def test_python_gives_the_same_results_as_the_file(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    results = shop.sync(select=("crm",))
    assert results.exit_code == 0
    [written] = shop.results()["results"]
    [result] = results.results
    check_counts(result)
    assert (written["confirmed"], written["requests"]) == (result.confirmed, result.requests)
    assert written["status"] == result.status == "in step"


def test_no_name_and_no_message_works_the_terminal(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "L\x1b[31m\x9b\x07\u202e"
    meta = {"list": evil, "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}
    shop.declare(exposure("crm", "customers", meta))
    shop.customers(ANN)
    for command in ("ls", "plan", "sync", "status"):
        done = shop.invoke(command, "--select", "crm")
        assert "L\\x1b[31m\\x9b\\x07\\u202e" in done.said, command
        assert not set("\x1b\x9b\x07\u202e") & set(done.said)
    terminal = Terminal(quiet=False, as_json=False)
    terminal.show(Waiting("crm", f"list {evil} is in use"))
    assert "list L\\x1b[31m\\x9b\\x07\\u202e is in use" in capsys.readouterr().out


def test_what_could_not_start_is_in_the_history(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    crm = EXPOSURES[0]["config"]["meta"]["selligent"]
    shop.declare(
        exposure("crm", "customers", crm),
        exposure("lost", "customers", {**crm, "list": "GONE"}),
    )
    assert shop.invoke("sync").code == 2
    lines = shop.invoke("status", "--select", "crm").out.splitlines()
    assert lines[1] == "  1 rows confirmed, 0 in doubt"
    assert lines[2].split("  ")[2] == "failed"
    assert lines[3] == "    nothing was sent: faults in lost"
    assert shop.sync_one().status == "in step"


def test_a_history_that_cannot_be_written_is_no_fault_of_the_sync(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    history = shop.state / "dev" / "history"
    shutil.rmtree(history)
    history.write_text("no folder")
    shop.customers(ANN, BEN)
    done = shop.invoke("sync", "--select", "crm")
    history.unlink()
    assert (done.code, done.err) == (0, "")
    assert f"crm: the history is not told: {history}: cannot be written: " in done.out
    assert shop.records() == [ANN, BEN]
