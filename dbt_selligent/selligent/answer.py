"""What an answer of a bulk call means for the rows that were sent: a pure function of the two.

A status of 200 is not success: the body's result code and counts decide. A batch is accepted only
when every one of its rows is accounted for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RETRIED_CODES = ("ServiceUnavailable", "InternalServerError")
REFUSING_CODES = ("PartiallySucceeded", "Failed", "ValidationFailed")
# Statuses that are given before a body is looked at.
NEVER_APPLIED = (401, 403, 404, 405)
# Counts that stand for applied rows, as far as the description of the API says.
APPLIED = frozenset({"inserted", "updated"})


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


@dataclass(frozen=True)
class Accepted:
    """Every row is in Selligent. ``kinds`` are the counts that were not zero."""

    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Missing:
    """Some rows were to be updated, and are not there."""


@dataclass(frozen=True)
class Split:
    """Not every row is accounted for: send the parts."""

    reason: str


@dataclass(frozen=True)
class Rejected:
    """The one row that was sent is refused; ``names_row`` if the answer speaks of the row."""

    code: str
    field: str | None = None
    message: str | None = None
    names_row: bool = False


@dataclass(frozen=True)
class Retry:
    """Send the same again, in ``after`` seconds if the answer says so."""

    reason: str
    after: float | None = None
    reached: bool = True
    limited: bool = False  # by the quota, or by another call on the list: no fault


@dataclass(frozen=True)
class Stop:
    """Sending more is of no use. ``applied`` is False where certainly nothing was."""

    reason: str
    mend: str
    applied: bool = True


Decision = Accepted | Missing | Split | Rejected | Retry | Stop


def classify(
    answer: Response | Failure,
    rows: int,
    *,
    only_update: bool,
    applied: frozenset[str] = APPLIED,
) -> Decision:
    """What to do about ``rows`` rows after ``answer``.

    ``applied`` are the kinds of counts that stand for rows that are in Selligent; the empty name
    in it says that such rows may be counted nowhere.
    """
    if isinstance(answer, Failure):
        if answer.final:
            return Stop(answer.reason, "run `dbt-selligent debug`", applied=answer.reached)
        return Retry(answer.reason, reached=answer.reached)
    if answer.status == 429:
        return Retry("429: too many requests", _wait_of(answer.headers), limited=True)
    if answer.status in (408, 413):
        reason = f"{answer.status}: the request is too long"
        if rows > 1:
            return Split(reason)
        return Rejected("413", message=None) if answer.status == 413 else Retry(reason)
    if answer.status >= 500:
        return Retry(f"{answer.status} of the server")
    if answer.status not in (200, 201):
        return _stop(answer)
    body = read_object(answer.body)
    if body is None or "result_code" not in body:
        return Retry(f"200 with {_what_it_is(answer.body)} in place of the API's answer")
    return _by_result(body, rows, only_update, applied)


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None if it is anything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _by_result(
    body: Mapping[str, Any], rows: int, only_update: bool, applied: frozenset[str]
) -> Decision:
    code = body["result_code"]
    if code in RETRIED_CODES:
        return Retry(f"result {code}")
    if code == "NotFound":
        return Stop(
            "result NotFound: there is no such list", "see `dbt-selligent debug`", applied=False
        )
    counts = _counts(body)
    missing = counts is not None and counts["not_found"] > 0
    if code == "Succeeded" and counts is not None and _faultless(body, counts):
        if missing:
            return _not_found(rows, only_update)
        kinds = frozenset(kind for kind, count in counts.items() if count)
        told = sum(counts.values())
        adds_up = told == rows or (told < rows and "" in applied)
        if rows == 1 or (adds_up and kinds <= applied):
            return Accepted(kinds or frozenset({""}))
        return Split("the counts do not add up to the rows sent")
    if rows > 1:
        return Split(f"result {code}")
    if missing and only_update:
        return Missing()
    if code in (*REFUSING_CODES, "Succeeded"):
        return _rejected(body, str(code))
    return Stop(f"result {str(code)[:40]!r}, which this version does not know", "upgrade")


def _not_found(rows: int, only_update: bool) -> Decision:
    if only_update:
        return Missing()
    return Split("rows not found") if rows > 1 else Rejected("NotFound")


def _rejected(body: Mapping[str, Any], code: str) -> Rejected:
    for record in _objects(body, "invalid_records"):
        return Rejected(
            _code(record.get("validation_code"), code),
            _text(record.get("field_name")),
            _text(record.get("message")),
            names_row=True,
        )
    for error in _objects(body, "errors"):
        message = _text(error.get("description"))
        return Rejected(_code(error.get("error_code"), code), None, message)
    return Rejected(_code(code, "Unknown"))


def _code(found: object, result: str) -> str:
    """A code of the API, which is shown; anything that is none may be a value of the row."""
    for each in (found, result):
        if isinstance(each, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", each):
            return each
    return "Unknown"


def _faultless(body: Mapping[str, Any], counts: Mapping[str, int]) -> bool:
    return not (body.get("errors") or body.get("invalid_records") or counts["failed"])


def _objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _counts(body: Mapping[str, Any]) -> dict[str, int] | None:
    """The counts by kind, or None if one of them is no count."""
    names = {
        "inserted": "number_of_inserted_records",
        "updated": "number_of_updated_records",
        "duplicate": "number_of_duplicate_records",
        "failed": "number_of_failed_records",
        "not_found": "number_of_records_not_found",
    }
    counts = {}
    for kind, name in names.items():
        count = body.get(name)
        if count is None:
            count = 0
        if type(count) is not int or count < 0:
            return None
        counts[kind] = count
    return counts


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
    for error in _objects(body or {}, "errors"):
        if error.get("error_code"):
            code = f", {_code(error['error_code'], 'Unknown')}"
            break
    if body is None:
        code = f", with {_what_it_is(answer.body)} as its body"
    return Stop(
        f"{answer.status}: the request is refused{code}",
        "run `dbt-selligent debug`: do list and fields exist?",
        applied=applied,
    )


def _wait_of(headers: Mapping[str, str]) -> float | None:
    for name in ("x-ratelimit-reset", "retry-after"):
        try:
            seconds = float(headers[name])
        except (KeyError, ValueError):
            continue
        if 0 <= seconds <= 3600:
            return seconds
    return None


def _what_it_is(body: bytes) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (of a proxy?)"
    return "something else"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
