import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import requests

from dbt_selligent.sandbox import BASE, Sandbox, load_config
from dbt_selligent.sandbox.faults import FaultPlan, Schedule, parse_fault, parse_faults
from dbt_selligent.sandbox.quota import Quota
from dbt_selligent.sandbox.twist import Twist

from .conformance import assert_conforms

HEADERS = {"X-ApiKey": "demo:demo"}
LOAD = {"keyFields": "CUSTOMER_ID", "fields": "CUSTOMER_ID,MAIL"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(load_config(), keep_responses=True)


@pytest.fixture
def customers(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield f"{url}{BASE}/organizations/DEMO/lists/CUSTOMERS"
    assert_conforms(sandbox)


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
        "load:redirect",
        "load:redirect=/Portal",
        "load:drip-after",
        "load:huge-after=much",
        "load:reject:MAIL",
        "search:reject:MAIL=a",
        "search:counts",
        "search:short=1",
        "search:unlisted",
        "load:short",
        "load:short=-1",
        "load:index=x",
        "load:no-index=1",
        "load:reset",
    ],
)
def test_a_bad_spec_lists_the_legal_ones(spec: str) -> None:
    with pytest.raises(ValueError, match="segment-load, any") as caught:
        parse_faults([spec])

    for word in ("reset-before", "stop-on-error", "short=2", "index=-1", "uncounted-existing"):
        assert word in str(caught.value)


def test_twists_are_combined_and_the_first_of_a_kind_wins() -> None:
    plan = FaultPlan(
        [
            "load:reject:MAIL=a",
            "any:reject:MAIL=b",
            "load:short=2",
            "load:short=1",
            "load:index=-1",
            "load:index=5",
            "load:as-duplicate",
            "load:uncounted",
            "load:no-index@2",
            "delete:unlisted",
            "load:stop-on-error",
            "load:uncounted-existing",
        ]
    )

    strike = plan.strike("load")

    assert strike.answer is None
    assert strike.twist == Twist(
        rejects=(("MAIL", "a"), ("MAIL", "b")),
        stop_on_error=True,
        short=2,
        index=4,
        unchanged="duplicate",
        uncounted_existing=True,
    )
    assert plan.strike("load").twist.no_index
    assert plan.strike("delete").twist == Twist(rejects=(("MAIL", "b"),), unlisted=True)


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
        ("quota", 429, False),
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
    ("fault", "code"),
    [
        ("failed", "Failed"),
        ("result=ServiceUnavailable", "ServiceUnavailable"),
        ("result=UnheardOf", "UnheardOf"),
    ],
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


@pytest.mark.parametrize("fault", ["drip-after=0.002", "drip-headers-after=0.02"])
def test_an_answer_that_drips_takes_its_time_and_is_whole(
    sandbox: Sandbox, customers: str, fault: str
) -> None:
    sandbox.faults([f"load:{fault}@1"])
    began = time.monotonic()

    answer = load(customers, [1, "a"]).json()

    # 25 bytes before the headers, or some hundred of the body.
    assert time.monotonic() - began > 0.4
    assert answer["result_code"] == "Succeeded"
    assert mails(sandbox) == ["a"]
    assert load(customers, [1, "a"]).status_code == 200


def test_a_drip_stays_below_the_time_out_between_two_bytes(
    sandbox: Sandbox, customers: str
) -> None:
    sandbox.faults(["load:drip-after=0.1"])
    url, rows = f"{customers}/data/load", [[1, "a"]]
    with requests.post(
        url, params=LOAD, json=rows, headers=HEADERS, timeout=5, stream=True
    ) as response:
        found = list(islice(response.iter_content(1), 3))

    assert b"".join(found) == b'{"e'


def test_a_huge_answer_is_json_none_the_less(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:huge-after=3"])

    response = load(customers, [1, "a"])

    assert len(response.content) > 3 * 2**20
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert response.json()["result_code"] == "Succeeded"
    assert mails(sandbox) == ["a"]


def test_a_redirect(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:redirect=https://user@acme.example/there@1"])
    response = requests.post(
        f"{customers}/data/load",
        params=LOAD,
        json=[[1, "a"]],
        headers=HEADERS,
        timeout=5,
        allow_redirects=False,
    )

    assert response.status_code == 307
    assert response.headers["Location"] == "https://user@acme.example/there"
    assert mails(sandbox) == []
    assert load(customers, [1, "a"]).status_code == 200


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
    rows = {"params": {"keyFields": "CUSTOMER_ID"}, "json": [["CUSTOMER_ID"], [1]]}
    told: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/data/search", {"json": {"fields": ["MAIL"]}}),
        ("GET", "/fields", {}),
        ("DELETE", "/data", rows),
        ("DELETE", "/segments/VIP/data", rows),
        ("POST", "/segments/VIP/data/load", rows),
        ("GET", "/records", {}),
    ]

    statuses = [
        requests.request(method, customers + path, **parts, headers=HEADERS, timeout=5)
        for method, path, parts in told
    ]

    assert [one.status_code for one in statuses] == [503, 500, 502, 502, 504, 200]


def test_new_faults_start_counting_again(sandbox: Sandbox, customers: str) -> None:
    statuses = []
    for _ in range(2):
        sandbox.faults(["load:503@1"])
        statuses += [load(customers, [1, "a"]).status_code for _ in range(2)]

    assert statuses == [503, 200, 503, 200]


BAD_ROWS: list[list[object]] = [[1, "bad"], [2, "b"], [3, "bad"], [4, "d"], [5, "bad"]]


@pytest.mark.parametrize(
    ("twists", "indexes", "applied"),
    [
        ([], [0, 2, 4], ["b", "d"]),
        (["short=2"], [0, 2], ["b", "d"]),
        (["short=0"], [], ["b", "d"]),
        (["short=9"], [0, 2, 4], ["b", "d"]),
        (["index=1"], [1, 3, 5], ["b", "d"]),
        (["index=-7"], [-7, -5, -3], ["b", "d"]),
        (["no-index"], [None] * 3, ["b", "d"]),
        (["stop-on-error"], [0, 2, 4], []),
        (["short=1", "index=2", "stop-on-error"], [2], []),
        (["unlisted"], [], ["b", "d"]),
    ],
)
def test_invalid_records_that_are_badly_listed(
    sandbox: Sandbox,
    customers: str,
    twists: list[str],
    indexes: list[int | None],
    applied: list[str],
) -> None:
    sandbox.faults(["load:reject:MAIL=bad", *(f"load:{twist}" for twist in twists)])

    answer = load(customers, *BAD_ROWS).json()

    assert [one["record_index"] for one in answer["invalid_records"]] == indexes
    assert (answer["number_of_failed_records"], mails(sandbox)) == (3, applied)
    assert answer["number_of_inserted_records"] == len(applied)
    assert answer["result_code"] == ("PartiallySucceeded" if applied else "Failed")
    assert len(answer["errors"] or []) == ("unlisted" in twists)


def test_stop_on_error_lets_a_valid_body_through(sandbox: Sandbox, customers: str) -> None:
    sandbox.faults(["load:stop-on-error", "load:unlisted", "load:no-index"])

    answer = load(customers, [1, "a"], [1, "b"]).json()

    assert (answer["result_code"], answer["errors"]) == ("Succeeded", None)
    assert answer["number_of_duplicate_records"] == 1
    assert mails(sandbox) == ["b"]


@pytest.mark.parametrize(
    ("twists", "updated", "duplicate"),
    [
        ([], 2, 0),
        (["uncounted"], 1, 0),
        (["as-duplicate"], 1, 1),
        (["uncounted", "as-duplicate"], 1, 0),
        (["uncounted-existing"], 2, 0),
    ],
)
def test_updates_that_change_nothing(
    sandbox: Sandbox, customers: str, twists: list[str], updated: int, duplicate: int
) -> None:
    sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": n, "MAIL": "a", "TIER": "gold"} for n in (1, 2)])
    sandbox.faults([f"load:{twist}" for twist in twists])

    answer = load(customers, [1, "a"], [2, "b"], [3, "c"]).json()

    assert answer["number_of_inserted_records"] == 1
    assert answer["number_of_updated_records"] == updated
    assert answer["number_of_duplicate_records"] == duplicate
    assert answer["result_code"] == "Succeeded"
    assert mails(sandbox) == ["a", "b", "c"]


@pytest.mark.parametrize(("twists", "duplicate"), [([], 2), (["uncounted-existing"], 1)])
def test_only_insert_of_records_that_are_there(
    sandbox: Sandbox, customers: str, twists: list[str], duplicate: int
) -> None:
    sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "MAIL": "a"}])
    sandbox.faults([f"load:{twist}" for twist in twists])

    answer = requests.post(
        f"{customers}/data/load",
        params={**LOAD, "data_import_option": "OnlyInsert"},
        json=[[1, "x"], [2, "y"], [2, "b"]],
        headers=HEADERS,
        timeout=5,
    ).json()

    assert (answer["number_of_inserted_records"], answer["number_of_duplicate_records"]) == (
        1,
        duplicate,
    )
    assert mails(sandbox) == ["a", "b"]


def test_twists_of_segments_and_deletes(sandbox: Sandbox, customers: str) -> None:
    sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": n} for n in (1, 2)])
    sandbox.faults(["segment-load:uncounted", "delete:stop-on-error@1", "delete:index=1@1"])
    query = {"keyFields": "CUSTOMER_ID", "fields": "CUSTOMER_ID"}

    def send(method: str, path: str, *rows: list[object]) -> dict[str, object]:
        response = requests.request(
            method, customers + path, params=query, json=rows, headers=HEADERS, timeout=5
        )
        answer: dict[str, object] = response.json()
        return answer

    send("POST", "/segments/VIP/data/load", [1])
    joined = send("POST", "/segments/VIP/data/load", [1], [2], [9])
    stopped = send("DELETE", "/data", [1], ["x"], [9])
    deleted = send("DELETE", "/data", [1], [9])

    assert (joined["number_of_inserted_records"], joined["number_of_updated_records"]) == (1, 0)
    assert joined["number_of_records_not_found"] == 1
    assert (stopped["result_code"], stopped["number_of_failed_records"]) == ("Failed", 1)
    assert (stopped["number_of_deleted_records"], stopped["number_of_records_not_found"]) == (0, 0)
    invalid = stopped["invalid_records"]
    assert isinstance(invalid, list)
    assert [one["record_index"] for one in invalid] == [2]
    assert (deleted["number_of_deleted_records"], deleted["number_of_records_not_found"]) == (1, 1)
    assert sandbox.segment("CUSTOMERS", "VIP") == [2]
