"""What the body of an answer says: an object, its counts, the rows that it names. Pure reading."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None if it is anything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def counts_of(body: Mapping[str, Any]) -> dict[str, int] | None:
    """The counts by kind, or None if one of them is no count."""
    names = {
        "inserted": "number_of_inserted_records",
        "updated": "number_of_updated_records",
        "deleted": "number_of_deleted_records",
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


def objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list of the body; none where there is no such list."""
    found = body.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def code_of(found: object, result: str) -> str:
    """A code of the API, which is shown; anything that is none may be a value of the row."""
    for each in (found, result):
        if isinstance(each, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", each):
            return each
    return "Unknown"


def text_of(value: object) -> str | None:
    """A text, or None where there is none."""
    return None if value is None else str(value)


def kind_of(body: bytes) -> str:
    """What a body is that is not the API's."""
    start = body[:200].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (of a proxy?)"
    return "something else"
