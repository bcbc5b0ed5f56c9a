"""What a row is known by: the same for the same values, and for no others."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from dbt_selligent.columns import Column

from .engines import Engine

VALUES = [
    ("a", "b"), ("ab", ""), ("", "ab"), ("", ""), ("a", None), (None, "a"), (None, None),
    ("-", "-"), ("-", None), ("1:a", "1:b"), ("1:a1:b", ""), ("a", "1:b"), ("null", None),
    ("é", "e\u0301"), ("😀", "2"), ("a ", "b"), ("A", "b"), ("'", "\\"), ("a\n", "b"),
]  # fmt: skip
# Two of each family.
TWO = {
    "boolean": ["true", "false"],
    "integer": ["1", "2"],
    "huge": ["1", "2"],
    "float": ["1", "2"],
    "date": ["2026-01-31", "2026-02-01"],
    "time": ["2026-01-31 12:00:00.123", "2026-01-31 12:00:00.124"],
}


def pair(engine: Engine, labels: tuple[str, str] = ("F", "G")) -> list[Column]:
    literal = engine.dialect.literal
    column = engine.column(engine.dialect.types["text"])
    return [
        replace(column, name=name, label=literal(label))
        for name, label in zip("fg", labels, strict=True)
    ]


def hashes(engine: Engine, labels: tuple[str, str] = ("F", "G")) -> list[str]:
    literal = engine.dialect.literal
    text = engine.dialect.types["text"]
    rows = " union all ".join(
        f"select {place} as place, "
        + ", ".join(
            f"cast({'null' if value is None else literal(value)} as {text}) as {name}"
            for name, value in zip("fg", values, strict=True)
        )
        for place, values in enumerate(VALUES)
    )
    engine.replace("hashed", rows)
    found = engine.render("row_hash", columns=pair(engine, labels), alias="hashed")
    return [value for _, value in sorted(engine.rows(f"select place, {found} from hashed"))]


def test_no_two_rows_have_the_same(engine: Engine) -> None:
    found = hashes(engine)

    assert len(set(found)) == len(VALUES)
    assert all(len(each) == 32 for each in found)
    assert hashes(engine) == found
    assert not set(hashes(engine, ("F1", "G"))) & set(found)
    assert not set(hashes(engine, ("F", "1:G"))) & set(hashes(engine, ("F1:", "G")))


def test_it_is_of_measured_texts(other: Engine) -> None:
    """State of a user holds it: it stays what it is."""
    measured = {None: "-"} | {
        value: f"{len(value)}:{value}" for values in VALUES for value in values if value is not None
    }
    wanted = [f"1:F1:G{measured[first]}{measured[second]}" for first, second in VALUES]

    assert hashes(other) == [
        hashlib.md5(each.encode(), usedforsecurity=False).hexdigest() for each in wanted
    ]


def test_it_hangs_on_no_setting_of_the_session(postgres: Engine) -> None:
    types = {"boolean": "true", "bigint": "7", "numeric(9,2)": "1.10", "double precision": "0.1",
        "date": "2026-01-31", "timestamp without time zone": "2026-01-31 12:00:00.123"}  # fmt: skip
    columns = [replace(postgres.column(sql_type), name=f"c{n}") for n, sql_type in enumerate(types)]
    values = ", ".join(
        f"cast('{value}' as {sql_type}) as c{n}"
        for n, (sql_type, value) in enumerate(types.items())
    )
    found = postgres.render("row_hash", columns=columns, alias="t")
    query = f"select {found} from (select {values}) as t"
    before = postgres.rows(query)
    [(style, zone)] = postgres.rows(
        "select current_setting('datestyle'), current_setting('timezone')"
    )
    try:
        postgres.run("set datestyle = 'ISO, YMD'")
        postgres.run("set timezone = 'Asia/Kolkata'")
        assert postgres.rows(query) == before
    finally:
        postgres.run(f"set datestyle = '{style}'")
        postgres.run(f"set timezone = '{zone}'")


@pytest.mark.parametrize("family", TWO)
def test_every_family_has_one(engine: Engine, family: str) -> None:
    sql_type = engine.dialect.types[family]
    engine.replace("model", engine.values(sql_type, [*TWO[family], *TWO[family], None]))
    column = replace(engine.column(engine.dialect.types["text"]), family=family, name="x")
    found = engine.render("row_hash", columns=[column], alias="model")
    first, second, *again, null = [
        value for _, value in sorted(engine.rows(f"select place, {found} from model"))
    ]

    assert [first, second] == again
    assert len({first, second, null}) == 3
