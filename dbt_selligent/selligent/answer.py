"""What an answer of a bulk call means for the rows that were sent: a pure function of the two.

A status of 200 is not success: the body's result code and counts decide. A batch is accepted only
when every one of its rows is accounted for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dbt_selligent.selligent.body import (
    UNKNOWN,
    code_of,
    counts_of,
    kind_of,
    objects,
    read_object,
    text_of,
)

RETRIED_CODES = ("ServiceUnavailable", "InternalServerError")
REFUSING_CODES = ("PartiallySucceeded", "Failed", "ValidationFailed")
# Statuses that are given before a body is looked at.
NEVER_APPLIED = (401, 403, 404, 405)
# Seconds in which a request without an answer may still be worked at: its list is left alone.
REST = 15.0


@dataclass(frozen=True)
class Response:
    """An answer as it came: names of headers in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """No answer. ``reached`` is False only where the request cannot have arrived."""

    reason: str
    reached: bool = True
    final: bool = False  # trying again cannot help
    late: bool = False  # it may still come to something
    large: bool = False  # there was an answer, longer than any that is read


@dataclass(frozen=True)
class Accepted:
    """Every row is taken. ``kinds`` are the counts that were not zero."""

    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Missing:
    """So many of the rows have no record; the others are taken."""

    rows: int


@dataclass(frozen=True)
class Rejected:
    """Why a row is refused; ``names_row`` if the answer speaks of the row, by ``index``."""

    code: str
    field: str | None = None
    message: str | None = None
    names_row: bool = False
    index: int | None = None


@dataclass(frozen=True)
class Partial:
    """Some rows are refused, and named by an index. ``accounted`` if they are all that are, and
    ``missing`` and all others add up to the rows sent.
    """

    refused: tuple[Rejected, ...]
    missing: int
    accounted: bool
    listed: bool  # whether as many are named as are refused


@dataclass(frozen=True)
class Split:
    """Not every row is accounted for: send the parts, in ``after`` seconds.

    ``too_long`` if the request was.
    """

    reason: str
    after: float = 0.0
    too_long: bool = False


@dataclass(frozen=True)
class Retry:
    """Send the same again, in ``after`` seconds if the answer says so.

    ``limited`` by the quota, or by another call on the list: then it is no fault.
    """

    reason: str
    after: float | None = None
    reached: bool = True
    limited: Literal["quota", "list"] | None = None


@dataclass(frozen=True)
class Stop:
    """Sending more is of no use. ``applied`` is False where certainly nothing was."""

    reason: str
    mend: str
    applied: bool = True


Decision = Accepted | Missing | Partial | Rejected | Split | Retry | Stop


def classify(answer: Response | Failure, rows: int, applied: frozenset[str]) -> Decision:
    """What to do about ``rows`` rows after ``answer``.

    ``applied`` are the kinds of counts that stand for rows that are taken; the empty name in it
    says that such rows may be counted nowhere.
    """
    if isinstance(answer, Failure):
        if answer.final:
            return Stop(answer.reason, "run `dbt-selligent debug`", applied=answer.reached)
        if answer.late:
            return _too_long(answer.reason, rows, REST)
        return Retry(answer.reason, reached=answer.reached)
    if answer.status == 429:
        return _limited(answer)
    if answer.status == 408:
        return _too_long("408: no answer in time", rows, REST)
    if answer.status == 413:
        reason = "413: the request is too long"
        return _too_long(reason, rows, 0.0) if rows > 1 else Rejected("413")
    if answer.status >= 500:
        return Retry(f"{answer.status} of the server")
    if answer.status not in (200, 201):
        return _stop(answer)
    body = read_object(answer.body)
    if body is None or "result_code" not in body:
        return Retry(f"200 with {kind_of(answer.body)} in place of the API's answer")
    return _by_result(body, rows, applied)


def _too_long(reason: str, rows: int, after: float) -> Decision:
    return Split(reason, after, too_long=True) if rows > 1 else Retry(reason, after)


def _limited(answer: Response) -> Retry:
    if b"quota" in answer.body.lower() or answer.headers.get("x-ratelimit-remaining") == "0":
        after = _seconds(answer.headers, "x-ratelimit-reset", "retry-after")
        return Retry("429: the quota of requests is used up", after, limited="quota")
    after = _seconds(answer.headers, "retry-after")
    return Retry("429: another bulk call is running on the list", after, limited="list")


def _by_result(body: Mapping[str, Any], rows: int, applied: frozenset[str]) -> Decision:
    code = body["result_code"]
    if code in RETRIED_CODES:
        return Retry(f"result {code}")
    if code == "NotFound":
        return Stop(
            "result NotFound: there is no such list or segment",
            "see `dbt-selligent debug`",
            applied=False,
        )
    counts = counts_of(body) or {}
    missing = 0 if "not_found" in applied else counts.get("not_found", 0)
    refused = tuple(map(_of_record, objects(body, "invalid_records")))
    failed = counts.get("failed", 0)
    told = sum(counts.values())
    kinds = frozenset(
        kind
        for kind, count in counts.items()
        if count and kind != "failed" and not (kind == "not_found" and missing)
    )
    if code == "Succeeded" and counts and not (body.get("errors") or refused or failed):
        if rows == 1:
            return Missing(1) if missing else Accepted(kinds or frozenset({""}))
        adds_up = told == rows or (told < rows and "" in applied)
        if adds_up and kinds <= applied and missing <= rows:
            return Missing(missing) if missing else Accepted(kinds or frozenset({""}))
        return Split("the counts do not add up to the rows sent")
    if rows == 1:
        return _of_one_row(body, code, refused, missing)
    if refused:
        listed = failed == len(refused)
        # Rows that are counted nowhere may not have been looked at: here every row must be counted.
        accounted = listed and told == rows and kinds <= applied
        return Partial(refused, missing, accounted, listed)
    return Split(f"result {code_of(code)}")


def _of_one_row(
    body: Mapping[str, Any], code: object, refused: tuple[Rejected, ...], missing: int
) -> Decision:
    if missing and not refused:
        return Missing(1)
    if code not in (*REFUSING_CODES, "Succeeded"):
        told = "a result" if code_of(code) == UNKNOWN else f"result {code_of(code)},"
        return Stop(f"{told} which this version does not know", "upgrade")
    for rejected in refused:
        return rejected
    for error in objects(body, "errors"):
        message = text_of(error.get("description"))
        return Rejected(code_of(error.get("error_code"), code), None, message)
    return Rejected(code_of(code))


def _of_record(record: Mapping[str, Any]) -> Rejected:
    index = record.get("record_index")
    return Rejected(
        code_of(record.get("validation_code")),
        text_of(record.get("field_name")),
        text_of(record.get("message")),
        names_row=True,
        index=index if type(index) is int else None,
    )


def _stop(answer: Response) -> Stop:
    applied = answer.status not in NEVER_APPLIED
    if 300 <= answer.status < 400:
        return Stop(
            f"{answer.status}: a redirect, which is not followed",
            "write the address it leads to as `url:`, if you trust it",
        )
    if answer.status == 401:
        return Stop(
            "401: the key is refused",
            "check api_key and api_secret, the key's end date, its allowed addresses and its "
            "rights on lists, lists/fields and data/load",
            applied=applied,
        )
    if answer.status == 404:
        return Stop(
            "404: no such organization or list", "run `dbt-selligent debug`", applied=applied
        )
    body = read_object(answer.body)
    code = ""
    for error in objects(body or {}, "errors"):
        if (told := code_of(error.get("error_code"))) != UNKNOWN:
            code = f", {told}"
            break
    if body is None:
        code = f", with {kind_of(answer.body)} as its body"
    return Stop(
        f"{answer.status}: the request is refused{code}",
        "run `dbt-selligent debug`: do list and fields exist?",
        applied=applied,
    )


def _seconds(headers: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        try:
            seconds = float(headers[name])
        except (KeyError, ValueError):
            continue
        if 0 <= seconds <= 3600:
            return seconds
    return None
