"""A plan as a change set: every kind of row, what becomes of it, and what all of it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_selligent.cli.changeset import MASK, closing_lines, plan_as_dict, plan_lines
from dbt_selligent.cli.lines import Line
from dbt_selligent.guards import Verdict
from dbt_selligent.planning import Plan, Problem
from dbt_selligent.selligent.pace import Pace

from .plans import activation, make_plan

ALL = {
    "rows": 40,
    "unchanged": 10,
    "new": 3,
    "changed": 20,
    "invalid": 4,
    "held": 2,
    "not_found": 1,
    "in_doubt": 5,
    "again": 5,
    "removed": 6,
    "spared": 1,
    "joining": 7,
    "known": 30,
}
MASKS = {("new", ""): 3, ("changed", "10"): 15, ("again", ""): 5, ("removed", ""): 6}


def told(plan: Plan, **more: Any) -> list[str]:
    return [str(line) for line in plan_lines(plan, **{"sending": False, **more})]


def test_every_kind_of_row_has_its_line() -> None:
    plan = make_plan(
        ALL,
        MASKS,
        of=activation(removed="delete", segment="VIP"),
        changed_fields=(("MAIL", 1500), ("TIER", 1)),
        problems=(Problem("MAIL", "longer than 9 UTF-16 units", 4),),
        notes=("first of all",),
        verdicts=(
            Verdict("gate", True, "not known", "build it"),
            Verdict("max_changed", True, "few"),
            Verdict("max_removed", False, "too many", "mean it"),
        ),
        speed=10.0,
        limit=9,
        upto=9,
    )

    assert told(plan) == [
        "crm: customers -> list CUSTOMERS at dev",
        "  first of all",
        "  40 rows, 10 unchanged",
        "  + 3 new",
        "  ~ 15 changed",
        "      MAIL  1,500 rows",
        "      TIER      1 row",
        "  ? 5 in doubt: sent again whole",
        "  > 7 become members of segment VIP",
        "  - 6 left the model: deleted from the list",
        "  - 1 more left it, and are kept in the list: adopted, and not sent",
        "  ! 4 invalid: not sent",
        "      MAIL: longer than 9 UTF-16 units (4 rows)",
        "  x 2 held: refused before, and the same since",
        "  x 1 not found before, and the same since",
        "  only the first 9 of what is to be sent (--limit)",
        "  2 requests, under a minute: 10 rows a second when last measured",
        "  gate: not known",
        "    -> build it",
        "  max_changed passed: few",
        "  max_removed stops a sync: too many",
        "    -> mean it",
        "",
    ]


def test_before_a_sync_it_is_told_what_the_result_does_not_say() -> None:
    plan = make_plan(
        ALL,
        MASKS,
        changed_fields=(("MAIL", 15),),
        verdicts=(
            Verdict("gate", True, "not known", "build it"),
            Verdict("max_changed", True, "few"),
            Verdict("max_removed", False, "too many", "mean it"),
        ),
    )

    lines = told(plan, sending=True)

    assert lines[:4] == [
        "crm: customers -> list CUSTOMERS at dev",
        "  40 rows, 10 unchanged",
        "  + 3 new",
        "  ~ 15 changed",
    ]
    assert lines[-2:] == ["  gate: not known", "    -> build it"]
    assert not [line for line in lines if "MAIL" in line or "request" in line or "max_" in line]


def test_where_nothing_changed_one_line_says_so_and_before_a_sync_none() -> None:
    plan = make_plan({"rows": 23_570, "unchanged": 23_570}, verdicts=(Verdict("gate", True, ""),))

    assert told(plan) == ["crm: nothing changed, 23,570 rows in step"]
    assert told(plan, sending=True) == []


@pytest.mark.parametrize(
    ("counts", "more"),
    [
        ({"removed": 1}, {}),
        ({"spared": 1}, {}),
        ({"rows": 3, "held": 1}, {}),
        ({"rows": 3, "invalid": 1}, {}),
        ({}, {"notes": ("starts anew",)}),
        ({}, {"verdicts": (Verdict("target", False, "another target", "mean it"),)}),
    ],
)
def test_what_is_to_be_told_is_told_though_nothing_changed(
    counts: dict[str, int], more: dict[str, Any]
) -> None:
    plan = make_plan({"rows": 2, "unchanged": 2, **counts}, **more)

    assert told(plan)[0] == "crm: customers -> list CUSTOMERS at dev"
    assert told(plan, sending=True)[0] == "crm: customers -> list CUSTOMERS at dev"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "kept in the list"),
        ({"segment": "VIP"}, "kept in the list, and out of segment VIP"),
        ({"removed": "delete", "segment": "VIP"}, "deleted from the list"),
        ({"removed": "set", "removed_set": (("OPTOUT", True), ("TIER", None))}, "OPTOUT, TIER set"),
    ],
)
def test_what_becomes_of_rows_that_left(more: dict[str, Any], said: str) -> None:
    plan = make_plan({"rows": 1, "unchanged": 1, "removed": 2}, of=activation(**more))

    assert f"  - 2 left the model: {said}" in told(plan)


def test_in_a_full_refresh_nothing_is_in_doubt() -> None:
    counts = {"rows": 9, "changed": 9, "again": 9}
    values = {"ID": 1, "MAIL": "a", "TIER": None}
    sample = ({"kind": "again", "changed": [], "values": values},)
    plan = make_plan(counts, {("again", ""): 9}, full_refresh=True, sample=sample)

    assert told(plan)[2] == "  ~ 9 sent before: sent again whole"
    assert "    ~ ID=***: MAIL=***, TIER=***" in told(plan)
    assert not [line for line in told(plan) if "doubt" in line]


def test_in_a_full_refresh_what_was_in_doubt_before_still_is() -> None:
    counts = {"rows": 9, "changed": 9, "again": 9, "in_doubt": 2}
    plan = make_plan(counts, {("again", ""): 9}, full_refresh=True)

    assert told(plan)[2:4] == [
        "  ~ 7 sent before: sent again whole",
        "  ? 2 in doubt: sent again whole",
    ]


def test_no_more_than_ten_changed_attributes_are_told() -> None:
    changed = tuple((f"F{number:02}", 100 - number) for number in range(13))
    lines = told(make_plan({"rows": 1, "changed": 1}, changed_fields=changed))

    assert [line.split()[0] for line in lines[3:13]] == [field for field, _ in changed[:10]]
    assert lines[13] == "      and 3 more attributes"
    assert "      and 1 more attribute" in told(
        make_plan({"rows": 1, "changed": 1}, changed_fields=changed[:11])
    )


@pytest.mark.parametrize(
    ("speed", "rows", "said"),
    [
        (None, 3, "1 request; no speed was measured yet"),
        (100.0, 3, "1 request, under a minute: 100 rows a second when last measured"),
        (100.0, 6_000, "about 3 requests, about 1 minute: 100 rows a second when last measured"),
        (2.5, 15_000, "about 6 requests, about 100 minutes: 2 rows a second when last measured"),
        (1.0, 15_000, "about 6 requests, about 4 hours: 1 row a second when last measured"),
        (100.0, 0, "nothing to send"),
    ],
)
def test_how_long_it_takes_is_said_only_where_it_was_measured(
    speed: float | None, rows: int, said: str
) -> None:
    counts = {"rows": rows + 1, "new": rows, "invalid": 1}
    plan = make_plan(counts, {("new", ""): rows}, speed=speed)

    assert f"  {said}" in told(plan)
    assert plan_as_dict(plan, show_values=False)["expected_seconds"] == plan.expected_seconds


ROW = {"ID": 7, "MAIL": None, "TIER": "gold"}
SAMPLE = (
    {"kind": "new", "changed": [], "values": ROW},
    {"kind": "new", "changed": [], "values": {**ROW, "ID": 8, "MAIL": " b\n"}},
    {"kind": "changed", "changed": ["TIER"], "values": ROW},
    {"kind": "changed", "changed": [], "values": ROW},
    {"kind": "doubled", "changed": [], "values": ROW},
    {"kind": "removed", "changed": [], "values": {"ID": 7, "MAIL": None, "TIER": None}},
)


def test_a_sample_masks_every_value_and_shows_what_looks_the_same_once() -> None:
    plan = make_plan(ALL, MASKS, of=activation(segment="VIP"), sample=SAMPLE)

    assert told(plan)[-7:] == [
        "  a sample, its values masked: --show-values shows them",
        "    + ID=***: MAIL=***, TIER=***",
        "    ~ ID=***: TIER=***",
        "    ~ ID=***: becomes a member of segment VIP",
        "    ! ID=***: MAIL=***, TIER=***",
        "    - ID=***",
        "",
    ]
    assert told(plan, show_values=True)[-8:-5] == [
        "  a sample",
        '    + ID=7: MAIL=null, TIER="gold"',
        '    + ID=8: MAIL=" b\\n", TIER="gold"',
    ]


def test_json_masks_nulls_as_values() -> None:
    plan = make_plan(ALL, MASKS, sample=SAMPLE)

    masked = plan_as_dict(plan, show_values=False)["sample"]

    assert [row["values"] for row in masked] == [dict.fromkeys(ROW, MASK)] * len(SAMPLE)
    assert plan_as_dict(plan, show_values=True)["sample"] == list(SAMPLE)


def closing(*plans: Plan) -> list[str]:
    return [str(line) for line in closing_lines(plans, "`dbt-selligent sync`")]


def test_the_last_line_adds_up_all_activations() -> None:
    first = make_plan(ALL, MASKS)
    second = make_plan({"rows": 1200, "new": 1200}, {("new", ""): 1200})
    removing = make_plan(
        {"rows": 1, "unchanged": 1, "removed": 6},
        {("removed", ""): 6},
        of=activation(removed="delete"),
    )

    assert closing(first, second) == [
        (
            "Plan: 1,203 to add, 20 to change, 0 to remove, 4 invalid, 3 held or not found, "
            "3 requests."
        ),
        "  -> run `dbt-selligent sync` to send it",
    ]
    assert closing(removing)[0] == "Plan: 0 to add, 0 to change, 6 to remove, 1 request."


def test_what_was_not_checked_is_not_offered_as_if_it_were() -> None:
    fine = make_plan({"rows": 1, "new": 1}, {("new", ""): 1})
    unread = make_plan(
        {"rows": 1, "new": 1}, {("new", ""): 1}, unread="Selligent cannot be reached"
    )

    assert closing(fine, unread, unread)[1:] == [
        (
            "  -> Selligent cannot be reached, so this is not checked there yet: `dbt-selligent "
            "debug` says more; then run `dbt-selligent sync` to send it"
        )
    ]


def test_where_nothing_is_to_be_sent_no_command_is_named() -> None:
    still = make_plan({"rows": 5, "unchanged": 4, "held": 1})

    assert closing(still, still) == ["No changes: 8 rows in step, 2 held or not found."]


def test_what_stops_a_sync_stands_at_the_end() -> None:
    verdict = Verdict("empty", False, "model customers has no rows", "mean it")
    fine = make_plan({"rows": 1, "new": 1}, {("new", ""): 1})
    stopped = make_plan({"rows": 1, "new": 1}, {("new", ""): 1}, verdicts=(verdict,))

    assert closing(fine, stopped)[-1] == "A sync stops at crm: see above."
    assert closing(fine, stopped)[1] == "  -> run `dbt-selligent sync` to send it"
    assert len(closing(stopped)) == 2


def test_marks_alone_are_in_colour() -> None:
    lines = plan_lines(make_plan(ALL, MASKS), sending=False)

    assert Line("3 new", 2, "+", "green") in lines
    assert Line("4 invalid: not sent", 2, "!", "red") in lines


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        (2500, {}, "1 request"),
        (40_000, {}, "at least 2 requests"),
        (40_000, {"pace": Pace(1270), "speed": 1300.0}, "about 32 requests"),
        (40_000, {"pace": Pace(1000, 1000, strict=True)}, "40 requests"),
    ],
)
def test_as_many_requests_are_said_as_can_be_known(
    rows: int, more: dict[str, Any], said: str
) -> None:
    plan = make_plan({"rows": rows, "new": rows}, {("new", ""): rows}, **more)

    assert [line for line in told(plan) if line.startswith(f"  {said}")]
    assert str(closing_lines([plan], "`dbt-selligent sync`")[0]).endswith(f", {said}.")


def test_before_a_sync_that_would_start_anew_a_rename_is_the_next_step() -> None:
    plan = make_plan({"rows": 1, "new": 1}, {("new", ""): 1}, first_sync=True, renamed="people")

    assert str(closing_lines([plan], "`dbt-selligent sync`")[-1]) == (
        "  -> run `dbt-selligent state rename people crm` first, if crm is the new name of people: "
        "a sync starts anew"
    )
