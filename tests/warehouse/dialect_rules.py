"""What is wrong with a statement by the manual of an engine that is not here.

sqlglot reads it, but it also reads much that the engine does not: names of types and functions, and
where a subquery may stand, are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

# How sqlglot calls it; nothing is known of any other engine.
READ = {"snowflake": "snowflake", "bigquery": "bigquery"}

TYPES = {
    "snowflake": {"boolean", "bigint", "number", "integer", "double precision", "float", "varchar",
        "date", "timestamp_ntz"},
    "bigquery": {"bool", "int64", "integer", "numeric", "bignumeric", "float64", "string", "date",
        "datetime"},
}  # fmt: skip
FUNCTIONS = {
    "snowflake": {"abs", "cast", "coalesce", "concat", "convert_timezone", "count",
        "current_timestamp", "date_part", "date_trunc", "floor", "get_path", "greatest",
        "hex_encode", "length", "log", "lower", "max", "md5", "min", "octet_length", "parse_json",
        "power", "regexp_count", "regexp_replace", "row_number", "rtrim", "sign", "substr",
        "to_char", "trunc", "try_cast"},
    "bigquery": {"abs", "byte_length", "cast", "coalesce", "concat", "count",
        "current_timestamp", "datetime", "starts_with", "unix_seconds",
        "datetime_trunc", "floor", "format", "greatest", "json_value", "length",
        "log10", "lower", "max", "md5", "min", "power", "regexp_replace",
        "round", "row_number", "rtrim", "safe_cast", "sign", "timestamp", "to_hex", "trunc"},
}  # fmt: skip
CASTS = ("cast", "try_cast", "safe_cast")
# What stands before a parenthesis and is no function.
WORDS = {"and", "as", "between", "distinct", "else", "exists", "from", "in", "is", "join", "not",
    "on", "or", "over", "select", "then", "when", "where"}  # fmt: skip


def faults(sql: str, engine: str) -> list[str]:
    """Why the statements are none of the engine's; nothing where they are."""
    read = READ.get(engine)
    try:
        parsed = sqlglot.parse(sql, read=read, error_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        return [f"cannot be read: {error}"]
    found = [fault for each in parsed if each is not None for fault in _of_statement(each, engine)]
    if engine in TYPES:
        found += _of_text(sql, engine)
    return found


def _of_statement(statement: Any, engine: str) -> Iterator[str]:
    if isinstance(statement, exp.Command):
        yield f"cannot be read: {statement.sql()}"
    if list(statement.find_all(exp.Delete, exp.Update, exp.Merge)):
        yield "a table's version is changed"
    if isinstance(statement, exp.Create):
        if statement.args.get("replace"):
            yield "a table's version is replaced"
        yield from _of_names(statement)
    if engine == "snowflake":
        for exists in statement.find_all(exp.Exists):
            if not isinstance(exists.find_ancestor(exp.Where, exp.Select), exp.Where):
                yield "exists stands elsewhere than in a where"
        for window in statement.find_all(exp.Window):
            if not window.args.get("order"):
                yield "row_number() without an order"


def _of_names(statement: Any) -> Iterator[str]:
    """The columns of a table that is made from a query have names, each its own."""
    query = statement.expression
    while isinstance(query, exp.SetOperation):
        query = query.left
    names = [each.alias_or_name.lower() for each in query.selects] if query else []
    for name in names:
        if not name:
            yield "a column without a name"
        elif names.count(name) > 1:
            yield f"two columns {name}"


def _of_text(sql: str, engine: str) -> Iterator[str]:
    tokens = sqlglot.tokenize(sql, read=READ[engine])
    texts = [_written(sql, token) for token in tokens]
    for place, (text, following) in enumerate(zip(texts, [*texts[1:], ""], strict=False)):
        if text[0] == '"' and engine == "bigquery":
            yield f"{text} is a text, and no name"
        if following != "(" or not re.fullmatch(r"\w+", text) or text in WORDS:
            continue
        inside = texts[place + 2 : _end(texts, place + 1)]
        if text in CASTS:
            sql_type = inside[len(inside) - inside[::-1].index("as") :]
            yield from _of_type(sql_type, engine)
            if "(" in sql_type and engine == "bigquery":
                yield f"a cast to {' '.join(sql_type)}, with digits"
        if text not in FUNCTIONS[engine] | TYPES[engine]:
            yield f"there is no function {text}"
    if texts[:2] == ["create", "table"]:
        for start in (place for place, text in enumerate(texts) if text == "table"):
            opened = next((at for at in range(start, len(texts)) if texts[at] in ("(", "as")), 0)
            if opened and texts[opened] == "(":
                for column in _split(texts[opened + 1 : _end(texts, opened)]):
                    yield from _of_type(column[1:], engine)


def _of_type(sql_type: Sequence[str], engine: str) -> Iterator[str]:
    name = " ".join(sql_type).partition(" (")[0]
    if name not in TYPES[engine]:
        yield f"there is no type {name}"


def _written(sql: str, token: Any) -> str:
    return sql[token.start : token.end + 1].lower()


def _end(texts: Sequence[str], opened: int) -> int:
    """Where the parenthesis is closed."""
    depth = 0
    for place in range(opened, len(texts)):
        depth += (texts[place] == "(") - (texts[place] == ")")
        if not depth:
            return place
    raise ValueError(texts)


def _split(texts: Sequence[str]) -> Iterator[list[str]]:
    """What stands between the commas, but for those within parentheses."""
    part: list[str] = []
    depth = 0
    for text in texts:
        depth += (text == "(") - (text == ")")
        if text == "," and not depth:
            yield part
            part = []
        else:
            part.append(text)
    yield part
