"""What pydantic finds wrong, in the tool's words: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = {
    "missing": "missing",
    "extra_forbidden": "no such key",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "list_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "not of the form that it has to have",
}
_WITH_FIGURES = {
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_short": "must have {min_length} or more",
    "too_long": "must have no more than {max_length}",
}


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, without the value."""
    kind = error["type"]
    if form := _WITH_FIGURES.get(kind):
        return form.format(**error["ctx"])
    if kind in _PLAIN:
        return _PLAIN[kind]
    # What a validator of this tool says itself stands behind pydantic's own word for it.
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
