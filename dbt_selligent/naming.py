"""Names and values as others compare them, and as files have them: pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

from dbt_selligent.errors import ConfigurationError

T = TypeVar("T")
# Bytes; endings like .delta.duckdb.wal come to it, and no file system takes more than 255.
LONGEST_FILE_NAME = 200
# All that moves a cursor but tabs and new lines, and what turns letters around.
_HIDDEN = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(each for each in range(0x20) if chr(each) not in "\n\t"),
        *range(0x7F, 0xA0),
        *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    )
}


def find_named(name: str, things: Iterable[T], name_of: Callable[[T], str]) -> T | None:
    """The thing of this name, whatever its case; one that is written so comes before others.

    Case is that of `str.lower`: strasse and straße are two names.
    """
    same = [each for each in things if name_of(each).lower() == name.lower()]
    return next((each for each in same if name_of(each) == name), same[0] if same else None)


def file_name(name: str) -> str:
    """A name of any characters as one of a file, which leads to no other folder; `unquote` reverses
    it, but for one that is too long for a file.
    """
    written = quote(name, safe="").replace(".", "%2E")
    if len(written) <= LONGEST_FILE_NAME:
        return written
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"{written[: LONGEST_FILE_NAME - 33]}-{digest}"


def list_key(url: str, organization: str, name: str) -> str:
    """What tells a list from all others, whichever output leads to it."""
    where = hashlib.sha256(f"{url}\0{organization}".encode()).hexdigest()[:16]
    return f"{name.casefold()}-{where}"


def url_part(name: str) -> str:
    """A name of any characters as one part of the path of a URL.

    Raises ConfigurationError for one that leads elsewhere.
    """
    if leads_elsewhere(name):
        raise ConfigurationError(f"{name!r} cannot be the name of a list, segment or organization")
    return quote(name, safe="")


def leads_elsewhere(name: str) -> bool:
    """Whether a name stands for another folder in a path, where it does so also if escaped."""
    return name in (".", "..")


def visible(text: str) -> str:
    """A text for a terminal: what would move its cursor, or turn its letters around, is escaped."""
    return text.translate(_HIDDEN)


def in_json(value: object) -> str:
    """A value of a row as JSON has it: a null, an empty text and blanks can be told apart."""
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def canonical(value: object) -> object:
    """A value as Selligent compares: a text without regard to case and trailing blanks."""
    return value.lower().rstrip(" ") if isinstance(value, str) else value
