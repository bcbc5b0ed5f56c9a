"""What each answer means for the rows that were sent."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.selligent.answer import (
    APPLIED,
    Accepted,
    Decision,
    Failure,
    Missing,
    Rejected,
    Response,
    Retry,
    Split,
    Stop,
    classify,
    read_object,
)

NAMES = {
    "inserted": "number_of_inserted_records",
    "updated": "number_of_updated_records",
    "duplicate": "number_of_duplicate_records",
    "failed": "number_of_failed_records",
    "not_found": "number_of_records_not_found",
}
CODES = (
    "Succeeded",
    "PartiallySucceeded",
    "Failed",
    "ValidationFailed",
    "NotFound",
    "ServiceUnavailable",
    "InternalServerError",
    "SomethingNew",
)
DECISIONS = (Accepted, Missing, Split, Rejected, Retry, Stop)


def body_of(code: str, more: Mapping[str, object] | None = None, **counts: Any) -> bytes:
    named = {NAMES[kind]: count for kind, count in counts.items()}
    return json.dumps({"result_code": code, **named, **(more or {})}).encode()


def decide(
    body: bytes,
    rows: int,
    *,
    only_update: bool = False,
    status: int = 200,
    applied: frozenset[str] = APPLIED,
) -> Decision:
    return classify(Response(status, body), rows, only_update=only_update, applied=applied)


# Succeeded


@pytest.mark.parametrize(
    ("counts", "kinds"),
    [
        ({"inserted": 5}, ["inserted"]),
        ({"updated": 5}, ["updated"]),
        ({"inserted": 2, "updated": 3}, ["inserted", "updated"]),
        ({"inserted": 5, "updated": None, "failed": None, "not_found": 0}, ["inserted"]),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("only_update", [True, False])
def test_counts_that_add_up_are_acceptance(
    counts: dict[str, Any], kinds: list[str], status: int, only_update: bool
) -> None:
    decision = decide(body_of("Succeeded", **counts), 5, status=status, only_update=only_update)

    assert isinstance(decision, Accepted)
    assert sorted(decision.kinds) == kinds


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"inserted": 4},
        {"inserted": 6},
        {"inserted": 2, "updated": 2},
        {"inserted": 5, "updated": 5},
        {"inserted": 4, "duplicate": 1},
        {"duplicate": 5},
        {"inserted": 4, "failed": 1},
        {"inserted": 5, "failed": 1},
        {"inserted": "5"},
        {"inserted": 5.0},
        {"inserted": [5]},
        {"inserted": None},
    ],
)
def test_counts_that_do_not_add_up_split_the_batch(counts: dict[str, Any]) -> None:
    assert isinstance(decide(body_of("Succeeded", **counts), 5), Split)


@pytest.mark.parametrize(
    "more",
    [
        {"errors": [{"error_code": "E1", "description": "no"}]},
        {"invalid_records": [{"record_index": 0, "validation_code": "InvalidType"}]},
    ],
)
def test_errors_beside_full_counts_are_not_acceptance(more: dict[str, Any]) -> None:
    body = body_of("Succeeded", more, inserted=5)

    assert isinstance(decide(body, 5), Split)
    assert isinstance(decide(body, 1), Rejected)


@pytest.mark.parametrize(
    ("counts", "kinds"),
    [
        ({"inserted": 1}, ["inserted"]),
        ({"updated": 1}, ["updated"]),
        ({"duplicate": 1}, ["duplicate"]),
        ({}, [""]),
        ({"updated": 0, "failed": 0}, [""]),
    ],
)
def test_a_row_alone_is_accepted_however_it_is_counted(
    counts: dict[str, Any], kinds: list[str]
) -> None:
    decision = decide(body_of("Succeeded", **counts), 1)

    assert isinstance(decision, Accepted)
    assert sorted(decision.kinds) == kinds


def test_learned_kinds_hold_for_a_batch() -> None:
    same = body_of("Succeeded", updated=3, duplicate=2)
    untold = body_of("Succeeded", updated=3)

    assert isinstance(decide(same, 5), Split)
    assert isinstance(decide(same, 5, applied=APPLIED | {"duplicate"}), Accepted)
    assert isinstance(decide(untold, 5), Split)
    assert isinstance(decide(untold, 5, applied=APPLIED | {""}), Accepted)
    assert isinstance(decide(same, 5, applied=APPLIED | {""}), Split)
    assert isinstance(decide(body_of("Succeeded", updated=6), 5, applied=APPLIED | {""}), Split)


@pytest.mark.parametrize("kind", ["failed", "not_found"])
@pytest.mark.parametrize("count", ["1", 1.0])
def test_a_count_that_cannot_be_read_is_not_zero(kind: str, count: object) -> None:
    decision = decide(body_of("Succeeded", inserted=2, **dict[str, Any]({kind: count})), 2)

    assert not isinstance(decision, Accepted)


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_rows_not_found_among_updates_go_whole(rows: int) -> None:
    body = body_of("Succeeded", updated=rows - 1, not_found=1)

    assert decide(body, rows, only_update=True) == Missing()


def test_rows_not_found_among_whole_rows_are_a_refusal() -> None:
    body = body_of("Succeeded", inserted=4, not_found=1)

    assert isinstance(decide(body, 5), Split)
    assert decide(body, 1) == Rejected("NotFound")


# other result codes


@pytest.mark.parametrize("code", ["PartiallySucceeded", "Failed", "ValidationFailed"])
def test_a_refused_batch_is_split_and_a_refused_row_rejected(code: str) -> None:
    body = body_of(code, inserted=4, failed=1)

    assert isinstance(decide(body, 5), Split)
    assert decide(body, 1) == Rejected(code)


def test_a_rejection_says_what_the_answer_says() -> None:
    record = {
        "record_index": 1,
        "field_name": "MAIL",
        "message": "too long",
        "validation_code": "MaxStringLengthExceeded",
    }
    errors = {"errors": ["?", {"error_code": "E7", "description": "no such thing"}]}

    named = decide(body_of("PartiallySucceeded", {"invalid_records": [None, record]}), 1)
    bare = decide(body_of("ValidationFailed", {"invalid_records": [{"field_name": None}]}), 1)
    told = decide(body_of("Failed", errors), 1)

    assert named == Rejected("MaxStringLengthExceeded", "MAIL", "too long", names_row=True)
    assert bare == Rejected("ValidationFailed", names_row=True)
    assert told == Rejected("E7", None, "no such thing")


@pytest.mark.parametrize("code", ["ServiceUnavailable", "InternalServerError"])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_failing_server_is_tried_again(code: str, rows: int) -> None:
    decision = decide(body_of(code, inserted=rows), rows)

    assert isinstance(decision, Retry)
    assert (decision.after, decision.reached, decision.limited) == (None, True, False)


def test_no_such_list_stops() -> None:
    decision = decide(body_of("NotFound"), 5)

    assert isinstance(decision, Stop)
    assert not decision.applied


def test_an_unknown_result_is_halved_and_stops_at_one_row() -> None:
    assert isinstance(decide(body_of("SomethingNew", inserted=5), 5), Split)
    decision = decide(body_of("SomethingNew", inserted=1), 1)

    assert isinstance(decision, Stop)
    assert "SomethingNew" in decision.reason
    assert decision.applied


# not the API's answer


@pytest.mark.parametrize(
    "body",
    [b"", b"<!DOCTYPE html><html>", b" \n<HTML>", b"OK", b"[]", b"null", b'{"a": 1}', b"\xff\xfe{"],
)
@pytest.mark.parametrize("rows", [1, 5])
def test_a_200_that_is_not_the_apis_is_tried_again(body: bytes, rows: int) -> None:
    decision = decide(body, rows)

    assert isinstance(decision, Retry)
    assert decision.reached


def test_an_html_page_is_called_one() -> None:
    for status in (200, 400):
        decision = decide(
            b"\n <!doctype HTML><title>Proxy of acme.example</title>", 1, status=status
        )
        assert isinstance(decision, (Retry, Stop))
        assert "HTML page" in decision.reason
        assert "acme" not in decision.reason


# statuses


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"x-ratelimit-reset": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"x-ratelimit-reset": "7", "retry-after": "9"}, 7.0),
        ({"x-ratelimit-reset": "soon", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "86400"}, None),
        ({"retry-after": "0"}, 0.0),
    ],
)
def test_too_many_requests_waits_as_told(headers: dict[str, str], after: float | None) -> None:
    answer = Response(429, b"API calls quota exceeded!", headers)

    decision = classify(answer, 5, only_update=False)

    assert isinstance(decision, Retry)
    assert (decision.after, decision.limited) == (after, True)


@pytest.mark.parametrize("status", [408, 413])
def test_a_request_too_long_is_halved(status: int) -> None:
    assert isinstance(decide(b"", 2, status=status), Split)


def test_one_row_too_long() -> None:
    assert decide(b"", 1, status=413) == Rejected("413")
    assert isinstance(decide(b"", 1, status=408), Retry)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_server_error_is_tried_again(status: int, rows: int) -> None:
    decision = decide(b"<html>", rows, status=status)

    assert isinstance(decision, Retry)
    assert (decision.reached, decision.limited) == (True, False)
    assert str(status) in decision.reason


@pytest.mark.parametrize(
    ("status", "applied", "words"),
    [
        (401, False, "key is refused"),
        (403, False, "refused"),
        (404, False, "no such organization or list"),
        (405, False, "refused"),
        (301, True, "redirect"),
        (302, True, "redirect"),
        (307, True, "redirect"),
        (400, True, "refused"),
        (422, True, "refused"),
        (204, True, "refused"),
    ],
)
@pytest.mark.parametrize("rows", [1, 5])
def test_statuses_that_stop(status: int, applied: bool, words: str, rows: int) -> None:
    decision = decide(b"{}", rows, status=status)

    assert isinstance(decision, Stop)
    assert decision.applied is applied
    assert decision.reason.startswith(f"{status}: ")
    assert words in decision.reason
    assert decision.mend


def test_a_refusal_names_the_code_and_not_the_words() -> None:
    errors = [None, {}, {"error_code": "E42", "description": "ann@acme.example is wrong"}]

    decision = decide(json.dumps({"errors": errors}).encode(), 5, status=400)

    assert isinstance(decision, Stop)
    assert decision.reason == "400: the request is refused, E42"


# no answer


@pytest.mark.parametrize("reached", [True, False])
def test_no_answer_is_tried_again(reached: bool) -> None:
    decision = classify(Failure("no answer in time", reached=reached), 5, only_update=False)

    assert decision == Retry("no answer in time", reached=reached)


@pytest.mark.parametrize("reached", [True, False])
def test_a_final_failure_stops(reached: bool) -> None:
    failure = Failure("the certificate is not to be trusted", reached=reached, final=True)

    decision = classify(failure, 5, only_update=False)

    assert isinstance(decision, Stop)
    assert (decision.reason, decision.applied) == (failure.reason, reached)


# whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("result_code", "errors", "invalid_records", *NAMES.values())
OBJECTS = st.fixed_dictionaries(
    {},
    optional={key: JSON for key in KEYS if key != "result_code"}
    | {"result_code": st.sampled_from(CODES) | JSON},
)
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 404, 408, 413, 422, 429, 500])
RECORDS = st.lists(
    st.none() | st.fixed_dictionaries({}, optional={"field_name": JSON, "validation_code": JSON}),
    max_size=2,
)


@given(STATUSES, OBJECTS | JSON, st.integers(1, 5), st.booleans())
def test_any_json_gives_a_decision(
    status: int, content: object, rows: int, only_update: bool
) -> None:
    body = json.dumps(content).encode()

    assert isinstance(decide(body, rows, status=status, only_update=only_update), DECISIONS)


@given(STATUSES, st.binary(max_size=60), st.integers(1, 5))
def test_any_bytes_give_a_decision(status: int, body: bytes, rows: int) -> None:
    assert isinstance(decide(body, rows, status=status), DECISIONS)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
@pytest.mark.parametrize("status", [200, 400])
def test_json_nested_beyond_measure_gives_a_decision(body: bytes, status: int) -> None:
    assert isinstance(decide(body, 5, status=status), (Retry, Stop))


@pytest.mark.parametrize("key", ["errors", "invalid_records"])
@pytest.mark.parametrize("value", [5, True, 0.5])
def test_a_number_in_place_of_a_list_gives_a_decision(key: str, value: object) -> None:
    content = {"result_code": "Failed", key: value}

    assert isinstance(decide(json.dumps(content).encode(), 1), Rejected)
    assert isinstance(decide(json.dumps(content).encode(), 1, status=400), Stop)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_header_gives_a_decision(reset: str, after: str) -> None:
    answer = Response(429, b"", {"x-ratelimit-reset": reset, "retry-after": after})

    decision = classify(answer, 5, only_update=False)

    assert isinstance(decision, Retry)
    assert decision.after is None or 0 <= decision.after <= 3600


@given(
    code=st.sampled_from(CODES),
    counts=st.dictionaries(st.sampled_from(list(NAMES)), st.integers(0, 6)),
    more=st.fixed_dictionaries({}, optional={"errors": RECORDS, "invalid_records": RECORDS}),
    rows=st.integers(2, 6),
    learned=st.sets(st.sampled_from(["duplicate", ""])),
    only_update=st.booleans(),
)
def test_a_batch_is_accepted_only_where_every_row_is_accounted_for(
    code: str,
    counts: dict[str, Any],
    more: dict[str, Any],
    rows: int,
    learned: set[str],
    only_update: bool,
) -> None:
    known = frozenset(APPLIED | learned)
    decision = decide(body_of(code, more, **counts), rows, only_update=only_update, applied=known)

    counted = [kind for kind, count in counts.items() for _ in range(count)]
    of_known_kinds = [kind for kind in counted if kind in known]
    accounted = len(of_known_kinds) == rows or (
        "" in learned and counted == of_known_kinds and len(counted) < rows
    )
    harmed = bool({"failed", "not_found"} & set(counted)) or any(more.values())
    assert isinstance(decision, Accepted) == (code == "Succeeded" and accounted and not harmed)


@given(st.sampled_from(CODES), st.dictionaries(st.sampled_from(list(NAMES)), st.integers(0, 6)))
def test_a_batch_is_never_rejected_and_a_row_never_split(code: str, counts: dict[str, Any]) -> None:
    assert not isinstance(decide(body_of(code, **counts), 2), Rejected)
    assert not isinstance(decide(body_of(code, **counts), 1), Split)


def test_read_object() -> None:
    assert read_object(b'{"a": [1]}') == {"a": [1]}
    assert [read_object(body) for body in (b"", b"[1]", b"1", b"{", b"\xff")] == [None] * 5
