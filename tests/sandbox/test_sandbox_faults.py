import json
from collections.abc import Iterator

import pytest
import requests

from dbt_selligent.sandbox import BASE, Sandbox, load_config
from dbt_selligent.sandbox.faults import FaultPlan, Schedule, parse_fault, parse_faults
from dbt_selligent.sandbox.quota import Quota

HEADERS = {"X-ApiKey": "demo:demo"}
LOAD = {"keyFields": "CUSTOMER_ID", "fields": "CUSTOMER_ID,MAIL"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(load_config())


@pytest.fixture
def customers(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield f"{url}{BASE}/organizations/DEMO/lists/CUSTOMERS"


def load(customers: str, *rows: list[object], timeout: float = 5) -> requests.Response:
    return requests.post(
        f"{customers}/data/load", params=LOAD, json=rows, headers=HEADERS, timeout=timeout
    )


def mails(sandbox: Sandbox) -> list[object]:
    return [record["MAIL"] for record in sandbox.records("CUSTOMERS")]


@pytest.mark.parametrize(
    ("spec", "struck"),
    [
        ("load:503", [1, 2, 3, 4, 5, 6]),
        ("load:503@3", [3]),
        ("load:503@3,5", [3, 5]),
        ("load:503@every=2", [2, 4, 6]),
        ("load:503@first=2", [1, 2]),
        ("any:503@2", [2]),
        ("delete:503", []),
    ],
)
def test_a_schedule_says_which_requests_are_struck(spec: str, struck: list[int]) -> None:
    plan = FaultPlan([spec])

    assert [n for n in range(1, 7) if plan.strike("load").answer is not None] == struck


def test_only_requests_of_the_operation_are_counted() -> None:
    plan = FaultPlan(["load:503@2"])

    operations = ["load", "search", "load", "load"]

    assert [plan.strike(one).answer is not None for one in operations] == [
        False,
        False,
        True,
        False,
    ]


def test_delays_add_up_and_the_first_spoiled_answer_wins() -> None:
    plan = FaultPlan(
        ["load:delay=1", "any:delay=0.5", "load:html", "load:503", "load:delay-after=2"]
    )

    strike = plan.strike("load")

    assert (strike.delay, strike.delay_after) == (1.5, 2.0)
    assert strike.answer is not None
    assert strike.answer.kind == "html"


def test_a_refused_value_may_hold_an_at_sign() -> None:
    fault = parse_fault("load:reject:MAIL=a@b.example")
    second = parse_fault("load:reject:MAIL=a@b.example@2")

    assert (fault.field_name, fault.text, fault.schedule) == ("MAIL", "a@b.example", Schedule())
    assert (second.text, second.schedule) == ("a@b.example", Schedule(numbers=(2,)))


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "load",
        "load:",
        "loda:503",
        "load:200",
        "load:503@",
        "load:503@0",
        "load:503@every=0",
        "load:delay",
        "load:delay=soon",
        "load:result=Fine",
        "load:reject:MAIL",
        "search:reject:MAIL=a",
        "search:counts",
        "load:reset",
    ],
)
def test_a_bad_spec_lists_the_legal_ones(spec: str) -> None:
    with pytest.raises(ValueError, match="segment-load, any") as caught:
        parse_faults([spec])

    assert "reset-before" in str(caught.value)


def test_the_quota_counts_per_key_and_window() -> None:
    now = [100.0]
    quota = Quota(2, lambda: now[0])

    answers = [quota.count("a"), quota.count("a"), quota.count("a"), quota.count("b")]
    now[0] += 59.5
    late = quota.count("a")
    now[0] += 0.5
    fresh = quota.count("a")

    assert [within for within, _ in answers] == [True, True, False, True]
    assert [h["X-RateLimit-Remaining"] for _, h in answers] == ["1", "0", "0", "1"]
    assert answers[0][1]["X-RateLimit-Limit"] == "2, 2;w=60"
    assert (late[0], late[1]["X-RateLimit-Reset"]) == (False, "1")
    assert (fresh[0], fresh[1]["X-RateLimit-Reset"]) == (True, "60")


@pytest.mark.parametrize(
    ("fault", "status", "applied"),
    [
        ("503", 503, False),
        ("429", 429, False),
        ("503-after", 503, True),
        ("html", 200, False),
        ("html-after", 200, True),
        ("not-json-after", 200, True),
    ],
)
def test_an_answer_without_json(
    sandbox: Sandbox, customers: str, fault: str, status: int, applied: bool
) -> None:
    sandbox.faults([f"load:{fault}@1"])

    response = load(customers, [1, "a"])

    assert response.status_code == status
    assert "X-RateLimit-Reset" in response.headers
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert mails(sandbox) == (["a"] if applied else [])
    assert load(customers, [1, "a"]).json()["result_code"] == "Succeeded"


@pytest.mark.parametrize(
    ("fault", "applied", "status"),
    [("reset-before", False, None), ("reset-after", True, None), ("truncated-after", True, 200)],
)
def test_a_connection_that_breaks(
    sandbox: Sandbox, customers: str, fault: str, applied: bool, status: int | None
) -> None:
    sandbox.faults([f"load:{fault}"])

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        load(customers, [1, "a"])

    assert mails(sandbox) == (["a"] if applied else [])
    assert [one.status for one in sandbox.received] == [status]


def test_a_connection_that_is_reset_is_really_reset(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:reset-after"])

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        load(customers, [1, "a"])


@pytest.mark.parametrize(
    ("fault", "code"), [("failed", "Failed"), ("result=ServiceUnavailable", "ServiceUnavailable")]
)
def test_a_result_code_in_a_200(sandbox: Sandbox, customers: str, fault: str, code: str) -> None:
    sandbox.faults([f"load:{fault}"])

    response = load(customers, [1, "a"])

    assert response.status_code == 200
    assert response.json()["result_code"] == code
    assert response.json()["number_of_inserted_records"] == 0
    assert mails(sandbox) == []


def test_counts_that_do_not_add_up(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:counts"])

    answer = load(customers, [1, "a"]).json()

    assert (answer["result_code"], answer["number_of_inserted_records"]) == ("Succeeded", 2)
    assert mails(sandbox) == ["a"]


@pytest.mark.parametrize(("fault", "applied"), [("delay", False), ("delay-after", True)])
def test_a_delay_is_before_or_after_the_records_are_there(
    sandbox: Sandbox, customers: str, fault: str, applied: bool
) -> None:
    sandbox.faults([f"load:{fault}=30@1"])

    with pytest.raises(requests.ReadTimeout):
        load(customers, [1, "a"], timeout=0.05)

    assert mails(sandbox) == (["a"] if applied else [])
    # Only an operation that is not applied yet keeps the next one off.
    assert load(customers, [2, "b"]).status_code == (200 if applied else 429)


def test_refused_records_leave_the_others_applied(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:reject:MAIL=b@example.com", "load:reject:CUSTOMER_ID=4"])

    answer = load(customers, [1, "a"], [2, "b@example.com"], [3, "c"], [4, "d"]).json()

    assert answer["result_code"] == "PartiallySucceeded"
    found = [
        (r["record_index"], r["field_name"], r["validation_code"])
        for r in answer["invalid_records"]
    ]
    assert found == [(1, "MAIL", "Unknown"), (3, "CUSTOMER_ID", "Unknown")]
    assert answer["number_of_failed_records"] == 2
    assert mails(sandbox) == ["a", "c"]


def test_faults_of_other_operations(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["search:503", "fields:500", "delete:502", "segment-load:504"])
    keys = {"keyFields": "CUSTOMER_ID"}
    body = json.dumps([["CUSTOMER_ID"], [1]])

    statuses = [
        requests.request(
            method, customers + path, params=keys, data=body, headers=HEADERS, timeout=5
        )
        for method, path in [
            ("POST", "/data/search"),
            ("GET", "/fields"),
            ("DELETE", "/data"),
            ("DELETE", "/segments/VIP/data"),
            ("POST", "/segments/VIP/data/load"),
            ("GET", "/records"),
        ]
    ]

    assert [one.status_code for one in statuses] == [503, 500, 502, 502, 504, 200]


def test_new_faults_start_counting_again(sandbox: Sandbox, customers: str) -> None:
    statuses = []
    for _ in range(2):
        sandbox.faults(["load:503@1"])
        statuses += [load(customers, [1, "a"]).status_code for _ in range(2)]

    assert statuses == [503, 200, 503, 200]
