"""What each answer means for the rows that were sent."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.selligent.answer import (
    REST,
    Accepted,
    Decision,
    Failure,
    Missing,
    Partial,
    Rejected,
    Response,
    Retry,
    Split,
    Stop,
    classify,
)
from dbt_selligent.selligent.body import (
    HALF_A_PAIR,
    code_of,
    counts_of,
    objects,
    read_object,
    text_of,
)
from dbt_selligent.selligent.calls import APPLIED, Call
from dbt_selligent.selligent.lists import read_fields

NAMES = {
    "inserted": "number_of_inserted_records",
    "updated": "number_of_updated_records",
    "deleted": "number_of_deleted_records",
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
DECISIONS = (Accepted, Missing, Partial, Split, Rejected, Retry, Stop)
WRITTEN = APPLIED[Call.UPSERT]


def body_of(code: str, more: Mapping[str, Any] | None = None, /, **counts: Any) -> bytes:
    named = {NAMES[kind]: count for kind, count in counts.items()}
    return json.dumps({"result_code": code, **named, **(more or {})}).encode()


def decide(
    body: bytes,
    rows: int,
    *,
    status: int = 200,
    applied: frozenset[str] = WRITTEN,
) -> Decision:
    return classify(Response(status, body), rows, applied)


def named(*indices: object, code: str = "InvalidType") -> dict[str, Any]:
    """Rows that are refused, by their indices."""
    return {
        "invalid_records": [{"record_index": each, "validation_code": code} for each in indices]
    }


def refusal(index: int | None, code: str = "InvalidType") -> Rejected:
    return Rejected(code, names_row=True, index=index)


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
def test_counts_that_add_up_are_acceptance(
    counts: dict[str, Any], kinds: list[str], status: int
) -> None:
    decision = decide(body_of("Succeeded", **counts), 5, status=status)

    assert isinstance(decision, Accepted)
    assert sorted(decision.kinds) == kinds


@pytest.mark.parametrize(
    ("call", "counts"),
    [
        (Call.UPSERT, {"inserted": 2, "updated": 3}),
        (Call.INSERT, {"inserted": 5}),
        (Call.UPDATE, {"updated": 5}),
        (Call.DELETE, {"deleted": 5}),
        (Call.JOIN, {"inserted": 5}),
        (Call.JOIN, {"updated": 5}),
        (Call.LEAVE, {"deleted": 5}),
    ],
)
def test_what_a_call_does_is_counted_as_what_it_does(call: Call, counts: dict[str, Any]) -> None:
    body = body_of("Succeeded", **counts)

    assert decide(body, 5, applied=APPLIED[call]) == Accepted(frozenset(counts))
    taken_by = [
        each for each in Call if isinstance(decide(body, 5, applied=APPLIED[each]), Accepted)
    ]
    assert taken_by == [each for each in Call if set(counts) <= APPLIED[each]]


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"inserted": 4},
        {"inserted": 6},
        {"inserted": 2, "updated": 2},
        {"inserted": 5, "updated": 5},
        {"inserted": 4, "duplicate": 1},
        {"inserted": 4, "deleted": 1},
        {"duplicate": 5},
        {"deleted": 5},
        {"inserted": 4, "failed": 1},
        {"inserted": 5, "failed": 1},
        {"inserted": "5"},
        {"inserted": 5.0},
        {"inserted": [5]},
        {"inserted": None},
        {"inserted": 5, "not_found": -1},
        {"inserted": 6, "not_found": -1},
        {"inserted": True},
    ],
)
def test_counts_that_do_not_add_up_split_the_batch(counts: dict[str, Any]) -> None:
    assert isinstance(decide(body_of("Succeeded", **counts), 5), Split)


def test_errors_beside_full_counts_are_not_acceptance() -> None:
    errors = {"errors": [{"error_code": "ERR_ONE", "description": "no"}]}
    body = body_of("Succeeded", errors, inserted=5)

    assert isinstance(decide(body, 5), Split)
    assert decide(body, 1) == Rejected("ERR_ONE", None, "no")


def test_refused_rows_beside_full_counts_are_not_acceptance() -> None:
    body = body_of("Succeeded", named(0), inserted=5)

    assert decide(body, 5) == Partial((refusal(0),), 0, accounted=False, listed=False)
    assert decide(body, 1) == refusal(0)


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
    assert isinstance(decide(same, 5, applied=WRITTEN | {"duplicate"}), Accepted)
    assert isinstance(decide(untold, 5), Split)
    assert isinstance(decide(untold, 5, applied=WRITTEN | {""}), Accepted)
    assert isinstance(decide(same, 5, applied=WRITTEN | {""}), Split)
    assert isinstance(decide(body_of("Succeeded", updated=6), 5, applied=WRITTEN | {""}), Split)


@pytest.mark.parametrize("kind", ["failed", "not_found"])
@pytest.mark.parametrize("count", ["1", 1.0])
def test_a_count_that_cannot_be_read_is_not_zero(kind: str, count: object) -> None:
    decision = decide(body_of("Succeeded", inserted=2, **dict[str, Any]({kind: count})), 2)

    assert not isinstance(decision, Accepted)


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_rows_that_are_not_found_are_counted(rows: int) -> None:
    body = body_of("Succeeded", updated=rows - 1, not_found=1)

    assert decide(body, rows, applied=APPLIED[Call.UPDATE]) == Missing(1)


@pytest.mark.parametrize(
    ("counts", "decision"),
    [
        ({"updated": 3, "not_found": 2}, Missing(2)),
        ({"not_found": 5}, Missing(5)),
        ({"updated": 3, "not_found": 1}, None),
        ({"updated": 5, "not_found": 1}, None),
        ({"inserted": 4, "not_found": 1}, None),
        ({"not_found": 6}, None),
    ],
)
def test_rows_that_are_not_found_add_up_with_the_others(
    counts: dict[str, Any], decision: Decision | None
) -> None:
    found = decide(body_of("Succeeded", **counts), 5, applied=APPLIED[Call.UPDATE])

    assert found == decision or (decision is None and isinstance(found, Split))


def test_where_nothing_is_left_to_do_a_row_that_is_not_found_is_taken() -> None:
    """Whoever deletes is content with a record that is not there."""
    done = APPLIED[Call.DELETE] | {"not_found"}
    some = body_of("Succeeded", deleted=3, not_found=2)

    assert decide(some, 5, applied=done) == Accepted(frozenset({"deleted", "not_found"}))
    assert decide(body_of("Succeeded", not_found=1), 1, applied=done) == Accepted(
        frozenset({"not_found"})
    )
    assert isinstance(decide(body_of("Succeeded", deleted=3, not_found=1), 5, applied=done), Split)


# some rows refused


@pytest.mark.parametrize("code", ["PartiallySucceeded", "ValidationFailed", "Failed", "Succeeded"])
def test_refused_rows_that_are_all_named_and_add_up_are_accounted_for(code: str) -> None:
    body = body_of(code, named(4, 1), inserted=1, updated=2, failed=2)

    assert decide(body, 5) == Partial((refusal(4), refusal(1)), 0, accounted=True, listed=True)


@pytest.mark.parametrize(
    ("counts", "applied", "accounted", "listed"),
    [
        # More are refused than are named: others must be looked for.
        ({"inserted": 2, "failed": 3}, "", False, False),
        # More are named than are refused, or it is not counted how many are.
        ({"inserted": 4, "failed": 1}, "", False, False),
        ({"inserted": 3}, "", False, False),
        ({"inserted": 5}, "", False, False),
        # As many are, but the others do not add up, or stand where it is not known what that means.
        ({"inserted": 2, "failed": 2}, "", False, True),
        ({"failed": 2}, "", False, True),
        ({"inserted": 4, "failed": 2}, "", False, True),
        ({"inserted": 2, "duplicate": 1, "failed": 2}, "", False, True),
        ({"inserted": 2, "duplicate": 1, "failed": 2}, "duplicate", True, True),
        # Rows that are counted nowhere may not have been looked at.
        ({"inserted": 2, "failed": 2}, "-", False, True),
    ],
)
def test_what_some_refused_rows_leave_open(
    counts: dict[str, int], applied: str, accounted: bool, listed: bool
) -> None:
    known = WRITTEN | {applied.replace("-", "")} if applied else WRITTEN
    body = body_of("PartiallySucceeded", named(0, 3), **counts)

    decision = decide(body, 5, applied=known)

    assert decision == Partial((refusal(0), refusal(3)), 0, accounted, listed)


def test_some_refused_and_some_not_found() -> None:
    body = body_of("PartiallySucceeded", named(2), updated=2, not_found=2, failed=1)
    update = APPLIED[Call.UPDATE]

    assert decide(body, 5, applied=update) == Partial((refusal(2),), 2, True, True)
    assert decide(body, 5, applied=update | {"not_found"}) == Partial((refusal(2),), 0, True, True)


@pytest.mark.parametrize("index", ["1", 1.0, True, None, [1]])
def test_an_index_that_is_no_number_is_none(index: object) -> None:
    decision = decide(body_of("PartiallySucceeded", named(index), inserted=4, failed=1), 5)

    assert decision == Partial((refusal(None),), 0, True, True)


def test_counts_that_cannot_be_read_account_for_nothing() -> None:
    decision = decide(body_of("PartiallySucceeded", named(1), inserted="4", failed=1), 5)

    assert isinstance(decision, Partial)
    assert (decision.accounted, decision.listed, decision.missing) == (False, False, 0)


# other result codes


@pytest.mark.parametrize("code", ["PartiallySucceeded", "Failed", "ValidationFailed"])
def test_a_refused_batch_is_split_and_a_refused_row_rejected(code: str) -> None:
    body = body_of(code, inserted=4, failed=1)

    assert isinstance(decide(body, 5), Split)
    assert decide(body, 1) == Rejected(code)


def test_a_row_alone_that_is_not_found_is_no_refusal() -> None:
    for code in ("PartiallySucceeded", "Failed"):
        assert decide(body_of(code, not_found=1), 1) == Missing(1)
        assert decide(body_of(code, named(0), not_found=1, failed=1), 1) == refusal(0)


def test_a_code_that_may_be_a_value_is_not_shown() -> None:
    body = body_of("Failed", {"errors": [{"error_code": "ann@acme.example", "description": "?"}]})

    assert decide(body, 1) == Rejected("Failed", None, "?")


def test_a_rejection_says_what_the_answer_says() -> None:
    record = {
        "record_index": 1,
        "field_name": "MAIL",
        "message": "too long",
        "validation_code": "MaxStringLengthExceeded",
    }
    errors = {"errors": ["?", {"error_code": "ERR", "description": "no such thing"}]}

    by_name = decide(body_of("PartiallySucceeded", {"invalid_records": [None, record]}), 1)
    bare = decide(body_of("ValidationFailed", {"invalid_records": [{"field_name": None}]}), 1)
    told = decide(body_of("Failed", errors), 1)

    assert by_name == Rejected(
        "MaxStringLengthExceeded", "MAIL", "too long", names_row=True, index=1
    )
    assert bare == Rejected("Unknown", names_row=True)
    assert told == Rejected("ERR", None, "no such thing")


@pytest.mark.parametrize("code", ["ServiceUnavailable", "InternalServerError"])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_failing_server_is_tried_again(code: str, rows: int) -> None:
    decision = decide(body_of(code, inserted=rows), rows)

    assert isinstance(decision, Retry)
    assert (decision.after, decision.reached, decision.limited) == (None, True, None)


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

    decision = classify(answer, 5, WRITTEN)

    assert isinstance(decision, Retry)
    assert (decision.after, decision.limited) == (after, "quota")


@pytest.mark.parametrize(
    ("body", "headers", "limited", "after"),
    [
        (b"API calls quota exceeded! ...", {}, "quota", None),
        (b"", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, "quota", 7.0),
        (b"a bulk operation is running", {"x-ratelimit-remaining": "9"}, "list", None),
        # The reset is that of the quota, which is not used up.
        (b"busy", {"x-ratelimit-remaining": "9", "x-ratelimit-reset": "7"}, "list", None),
        (b"", {"retry-after": "2"}, "list", 2.0),
    ],
)
def test_a_429_is_of_the_quota_or_of_the_list(
    body: bytes, headers: dict[str, str], limited: str, after: float | None
) -> None:
    decision = classify(Response(429, body, headers), 5, WRITTEN)

    assert isinstance(decision, Retry)
    assert (decision.limited, decision.after) == (limited, after)


@pytest.mark.parametrize(("status", "after"), [(408, REST), (413, 0.0)])
def test_a_request_too_long_is_halved(status: int, after: float) -> None:
    decision = decide(b"", 2, status=status)

    assert isinstance(decision, Split)
    assert (decision.after, decision.too_long) == (after, True)


def test_what_is_split_for_another_reason_was_not_too_long() -> None:
    decision = decide(body_of("Succeeded", inserted=4), 5)

    assert isinstance(decision, Split)
    assert (decision.after, decision.too_long) == (0.0, False)


def test_one_row_too_long() -> None:
    assert decide(b"", 1, status=413) == Rejected("413")
    alone = decide(b"", 1, status=408)
    assert isinstance(alone, Retry)
    assert (alone.after, alone.limited, alone.reached) == (REST, None, True)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_server_error_is_tried_again(status: int, rows: int) -> None:
    decision = decide(b"<html>", rows, status=status)

    assert isinstance(decision, Retry)
    assert (decision.reached, decision.limited) == (True, None)
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
    errors = [
        None,
        {},
        {"error_code": "ERR_VALIDATION", "description": "ann@acme.example is wrong"},
    ]

    decision = decide(json.dumps({"errors": errors}).encode(), 5, status=400)

    assert isinstance(decision, Stop)
    assert decision.reason == "400: the request is refused, ERR_VALIDATION"


def test_what_may_be_a_value_is_not_told_as_a_code_or_a_result() -> None:
    errors = {"errors": [{"error_code": "Ann", "description": "?"}]}

    stopped = decide(json.dumps(errors).encode(), 5, status=400)
    unknown = decide(body_of("ann@acme.example"), 1)

    assert isinstance(stopped, Stop)
    assert isinstance(unknown, Stop)
    assert stopped.reason == "400: the request is refused"
    assert unknown.reason == "a result which this version does not know"


# no answer


@pytest.mark.parametrize("reached", [True, False])
def test_no_answer_is_tried_again(reached: bool) -> None:
    decision = classify(Failure("no connection", reached=reached), 5, WRITTEN)

    assert decision == Retry("no connection", reached=reached)


def test_an_answer_that_did_not_come_in_time_is_of_a_request_too_long() -> None:
    """It may still be worked at, so that its list is left alone for a while."""
    failure = Failure("no answer in time", late=True)

    assert classify(failure, 5, WRITTEN) == Split("no answer in time", REST, too_long=True)
    assert classify(failure, 1, WRITTEN) == Retry("no answer in time", REST)


@pytest.mark.parametrize("reached", [True, False])
def test_a_final_failure_stops(reached: bool) -> None:
    failure = Failure("the certificate is not to be trusted", reached=reached, final=True)

    decision = classify(failure, 5, WRITTEN)

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
    st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "field_name": JSON,
            "validation_code": JSON,
            "record_index": JSON | st.integers(0, 6),
        },
    ),
    max_size=2,
)
CALLS = st.sampled_from(Call)


@given(STATUSES, OBJECTS | JSON, st.integers(1, 5), CALLS)
def test_any_json_gives_a_decision(status: int, content: object, rows: int, call: Call) -> None:
    body = json.dumps(content).encode()

    assert isinstance(decide(body, rows, status=status, applied=APPLIED[call]), DECISIONS)


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

    decision = classify(answer, 5, WRITTEN)

    assert isinstance(decision, Retry)
    assert decision.after is None or 0 <= decision.after <= 3600


@given(
    code=st.sampled_from(CODES),
    counts=st.dictionaries(st.sampled_from(list(NAMES)), st.integers(0, 6)),
    more=st.fixed_dictionaries({}, optional={"errors": RECORDS, "invalid_records": RECORDS}),
    rows=st.integers(2, 6),
    learned=st.sets(st.sampled_from(["duplicate", "not_found", ""])),
    call=CALLS,
)
def test_a_batch_is_accepted_only_where_every_row_is_accounted_for(
    code: str,
    counts: dict[str, Any],
    more: dict[str, Any],
    rows: int,
    learned: set[str],
    call: Call,
) -> None:
    known = frozenset(APPLIED[call] | learned)
    decision = decide(body_of(code, more, **counts), rows, applied=known)

    counted = [kind for kind, count in counts.items() for _ in range(count)]
    strange = [kind for kind in counted if kind not in known and kind != "not_found"]
    accounted = len(counted) == rows or ("" in learned and len(counted) < rows)
    told = any(each is not None for each in more.get("invalid_records", ()))
    harmed = "failed" in counted or told or bool(more.get("errors"))
    good = code == "Succeeded" and accounted and not strange and not harmed
    missing = 0 if "not_found" in learned else counts.get("not_found", 0)
    assert isinstance(decision, Accepted) == (good and not missing)
    assert (isinstance(decision, Missing) and decision.rows == missing) == (good and missing > 0)
    if isinstance(decision, Partial) and decision.accounted:
        # Every row is either taken, or not found, or named as refused.
        assert len(counted) == rows
        assert counts.get("failed") == len(decision.refused)
        assert not [kind for kind in strange if kind != "failed"]


@given(
    st.sampled_from(CODES),
    st.dictionaries(st.sampled_from(list(NAMES)), st.integers(0, 6)),
    st.fixed_dictionaries({}, optional={"errors": RECORDS, "invalid_records": RECORDS}),
)
def test_a_batch_is_never_rejected_and_a_row_never_split(
    code: str, counts: dict[str, Any], more: dict[str, Any]
) -> None:
    body = body_of(code, more, **counts)

    assert not isinstance(decide(body, 2), Rejected)
    assert not isinstance(decide(body, 1), (Split, Partial))


# bodies


def test_read_object() -> None:
    assert read_object(b'{"a": [1]}') == {"a": [1]}
    assert [read_object(body) for body in (b"", b"[1]", b"1", b"{", b"\xff")] == [None] * 5


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("count", [-1, "1", 1.0, True, [1]])
def test_a_count_that_is_none_spoils_all(kind: str, count: object) -> None:
    assert counts_of({**dict.fromkeys(NAMES.values(), 1), NAMES[kind]: count}) is None


def test_counts_that_are_not_told_are_zero() -> None:
    assert counts_of({"number_of_inserted_records": 2, "number_of_failed_records": None}) == {
        "inserted": 2,
        "updated": 0,
        "deleted": 0,
        "duplicate": 0,
        "failed": 0,
        "not_found": 0,
    }


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ("InvalidType", "InvalidType"),
        ("ERR", "ERR"),
        ("ERR_VALIDATION_OF_IT", "ERR_VALIDATION_OF_IT"),
        ("Succeeded", "Succeeded"),
        ("ann@acme.example", "Failed"),
        ("two words", "Failed"),
        ("Ann", "Failed"),
        ("ANN", "Failed"),
        ("4f1c6a0e-key", "Failed"),
        ("Xy" * 31, "Failed"),
        ("", "Failed"),
        (None, "Failed"),
        (42, "Failed"),
    ],
)
def test_a_code_has_the_look_of_one(found: object, code: str) -> None:
    assert code_of(found, "Failed") == code
    assert code_of(found, "no code either") == (code if code != "Failed" else "Unknown")


def test_what_a_body_lists() -> None:
    body = {"a": [{"x": 1}, None, 2, {"y": 1}], "b": {"x": 1}, "c": None}

    assert objects(body, "a") == [{"x": 1}, {"y": 1}]
    assert [objects(body, name) for name in "bcd"] == [[], [], []]
    assert [text_of(value) for value in (None, "x", 5)] == [None, "x", "5"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "cut \\ud83d"}', "cut ?"),
        (b'{"message": "whole \\ud83d\\ude00"}', "whole \U0001f600"),
        (b'{"message": "cut \xf0\x9f\x98"}', "cut \ufffd"),
        (b'{"message": "cut \xed\xa0\xbd"}', "cut \ufffd\ufffd\ufffd"),
        (b'\xef\xbb\xbf{"message": "marked"}', "marked"),
    ],
)
def test_a_text_that_was_cut_within_a_character_can_be_kept(body: bytes, message: str) -> None:
    found = read_object(body)
    assert found == {"message": message}
    message.encode()


def test_only_an_answer_with_a_text_that_was_cut_is_read_twice() -> None:
    whole = b'{"a": "\\uD83D\\uDE00\\ud83d\\ude00", "b": "\\ud7ff\\ue000"}'
    for body, cut in (
        (whole, False),
        (whole.replace(b"\\uDE00", b""), True),
        (whole.replace(b"\\uD83D", b""), True),
        (whole.replace(b"\\ude00", b""), True),
    ):
        assert bool(HALF_A_PAIR.search(body)) == cut
        assert "\ud83d" not in str(read_object(body))


def test_a_text_is_kept_up_to_a_length() -> None:
    assert text_of("x" * 5_000_000) == "x" * 1_000


def test_a_list_that_is_nested_without_end_is_none() -> None:
    assert read_fields(b'{"fields":' + b"[" * 1_000_000) is None
    assert read_fields(b'{"fields":' + b"[" * 100_000 + b"]" * 100_000 + b"}") is None


def test_an_option_list_of_which_no_url_speaks_is_none() -> None:
    found = {"name": "A", "content": "Single", "optionlist": ".."}
    fields = read_fields(json.dumps({"fields": [found, {**found, "optionlist": "O"}]}).encode())
    assert fields is not None
    assert [field.optionlist for field in fields] == [None, "O"]
