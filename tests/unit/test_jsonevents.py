"""Events in JSON have the names that are documented, all of them, and no value of a row."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from dbt_selligent.cli.failure import failure_of
from dbt_selligent.cli.jsonevents import (
    COMMON,
    EVENTS,
    ended_as_dict,
    event_as_dict,
    failure_as_dict,
)
from dbt_selligent.errors import ActivationFaults, Fault, UnreachableError
from dbt_selligent.events import Due, Finished, Noted, Planned, Progress, Untold, Waiting
from dbt_selligent.results import ActivationResult, RunResults

from .plans import make_plan

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 5, 1, 6, 0, 0, 123456, tzinfo=timezone.utc)
RESULT = ActivationResult("crm", "exposure.shop.crm", "customers", "CUSTOMERS", "dev", "in step")
VALUES = {"ID": 7, "MAIL": "ann@acme.example", "TIER": None}
PLAN = make_plan({"rows": 1, "new": 1}, {("new", ""): 1}, sample=(
    {"kind": "new", "changed": [], "values": VALUES},
))  # fmt: skip
FAULT = Fault("models/crm.yml", "crm", "fields", "missing", "map one")

TOLD: dict[str, dict[str, Any]] = {
    "planned": event_as_dict(Planned(PLAN, sending=True), AT),
    "waiting": event_as_dict(Waiting("crm", "list CUSTOMERS is in use"), AT),
    "progress": event_as_dict(Progress("crm", 3, 9, confirmed=2, rejected=1), AT),
    "finished": event_as_dict(Finished(RESULT), AT),
    "due": event_as_dict(Due((), (("crm", "in use"),), 1), AT),
    "noted": event_as_dict(Noted(AT, "looks at what is due"), AT),
    "undelivered": event_as_dict(Untold("dev", "notify 1 (mailtos)", "not taken"), AT),
    "ended": ended_as_dict(RunResults("id", "sync", "dev", "", 1.5, (RESULT,)), AT),
    "error": failure_as_dict(failure_of(ActivationFaults([FAULT])), AT),
}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_has_the_names_that_are_documented(event: str) -> None:
    told = TOLD[event]

    assert list(told) == [*COMMON, *EVENTS[event][1]]
    assert (told["event"], told["at"]) == (event, "2026-05-01T06:00:00.123+00:00")
    assert told.get("activation") in ("crm", None)
    assert json.loads(json.dumps(told)).keys() == told.keys()
    assert "acme" not in json.dumps(told)


def test_what_the_results_know_is_in_the_events() -> None:
    assert {*EVENTS["finished"][1]} - {"activation"} == {*vars(RESULT)} - {"name"}
    assert {*EVENTS["progress"][1]} - {"activation"} == {*vars(Progress("", 0, 0))} - {"name"}


def test_the_names_are_frozen() -> None:
    assert {event: list(names) for event, (_, names) in EVENTS.items()} == {
        "planned": [
            *("activation", "model", "list", "destination", "sending", "counts"),
            *("changed_fields", "groups", "problems", "notes", "guards", "first_sync"),
            *("full_refresh", "expected_requests", "expected_seconds"),
        ],
        "waiting": ["activation", "reason"],
        "progress": [
            *("activation", "done", "of", "confirmed", "rejected", "not_found", "removed"),
        ],
        "finished": [
            *("activation", "unique_id", "model", "list", "destination", "status", "counts"),
            *("problems", "confirmed", "rejected", "not_found", "not_sent", "removed"),
            *(
                "not_removed",
                "requests",
                "seconds",
                "left_behind",
                "limited",
                "notes",
                "forced",
                "error",
            ),
            *("next_step", "stopped_by", "unopened"),
        ],
        "due": ["due", "under_way", "without_schedule", "next"],
        "noted": ["said", "wrong"],
        "undelivered": ["destination", "address", "reason"],
        "ended": [
            *("command", "run_id", "target", "exit_code", "seconds", "activations"),
            *("confirmed", "rejected", "not_found", "removed", "not_sent", "held", "invalid"),
            *("failed", "kept_back"),
        ],
        "error": ["message", "next_step", "exit_code", "faults", "trace"],
    }


def test_an_error_says_what_to_do_next_and_lists_faults() -> None:
    told = TOLD["error"]
    assert list(told["faults"]) == [
        {
            "file": "models/crm.yml",
            "exposure": "crm",
            "key": "fields",
            "problem": "missing",
            "mend": "map one",
            "in_yaml": True,
        }
    ]
    assert (told["exit_code"], told["trace"]) == (2, None)

    unreachable = failure_as_dict(failure_of(UnreachableError("no connection")), AT)
    assert (unreachable["message"], unreachable["exit_code"]) == ("no connection", 1)
    assert unreachable["next_step"].startswith("run `dbt-selligent debug`")


def test_a_bug_is_told_by_where_it_is_and_not_by_its_message() -> None:
    try:
        raise ValueError(VALUES["MAIL"])
    except ValueError as error:
        told = failure_as_dict(failure_of(error), AT)

    assert told["message"].startswith("ValueError, which is a bug")
    assert "test_jsonevents.py" in told["trace"]
    assert "ann@" not in json.dumps(told)


def test_the_page_is_as_it_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbt_selligent.cli.jsonevents"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == (ROOT / "docs" / "events.md").read_text("utf-8")
