"""What the body of an answer says: an object, its counts, the rows that it names. Pure reading."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# What has the look of a code: names of the API, several words in one, or ERR and what follows it.
CODE = re.compile(r"Failed|Succeeded|([A-Z][a-z]+){2,}|ERR(_[A-Z]+)*")
LONGEST_CODE = 60
UNKNOWN = "Unknown"  # Selligent's own word, too
LONGEST_TEXT = 1_000
# The escape of half of a character that has two, without the other: it can be written nowhere.
HALF_A_PAIR = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None if it is anything else.

    A text that was cut in the middle of a character is marked there.
    """
    try:
        content = json.loads(body.decode("utf-8-sig", "replace"))
        if HALF_A_PAIR.search(body):
            content = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
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


def code_of(*found: object) -> str:
    """The first that is a code of the API, which is shown; what is none may be a value of a row."""
    for each in found:
        if isinstance(each, str) and len(each) <= LONGEST_CODE and CODE.fullmatch(each):
            return each
    return UNKNOWN


def text_of(value: object) -> str | None:
    """A text, cut if it is longer than any that is read, or None where there is none."""
    return None if value is None else str(value)[:LONGEST_TEXT]


def kind_of(body: bytes) -> str:
    """What a body is that is not the API's."""
    start = body[:200].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (of a proxy?)"
    return "something else"
