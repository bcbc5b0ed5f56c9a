"""What differs between a model and a state: the same on every engine as in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pytest

from dbt_selligent.columns import stored_columns

from .engines import Duck, Engine
from .test_changes import KEYS, ROWS, SNAPSHOT, Other, fill

GIVEN: Mapping[str, Sequence[tuple[Any, ...]]] = {
    "model": [
        (1, "a", "x", True),
        (2, "b", "y", True),
        (3, "c", None, True),
        (5, "e", "in doubt", True),
        (6, "f", "new", True),
        (8, "h", "twice", True),
        (8, "H ", "twice", True),
        (9, None, "no key", True),
    ],
    "snapshot": [
        (1, "a", "x", True),
        (2, "B", "7", False),
        (3, "c", "z", True),
        (4, "d", "08", True),
        (14, "n", "w", True),
    ],
    "doubt": [(5, "e"), (15, "o")],
    "adopted": ROWS["adopted"],
    "rejected": ROWS["rejected"],
}
DELTAS: Mapping[str, dict[str, Any]] = {
    "plain": {"skip": False, "full_refresh": False, "spared": False},
    "skip": {"skip": True, "full_refresh": False, "spared": True},
    "whole": {"skip": False, "full_refresh": True, "spared": True},
}
KINDS = {
    "plain": {"new", "changed", "again", "doubled", "removed"},
    "skip": {"new", "changed", "again", "doubled", "removed", "spared"},
    "whole": {"new", "again", "doubled", "removed", "spared"},
}


def staged(engine: Engine, delta: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a delta, and the figures that are asked for on the way to it."""
    dialect, given = engine.dialect, DELTAS[delta]

    def name(table: str) -> str:
        return dialect.quote(f"{delta}_{table}")

    def rows(macro: str, **arguments: Any) -> list[tuple[Any, ...]]:
        return sorted(engine.rows(engine.render(macro, **arguments)), key=repr)

    def run(macro: str, **arguments: Any) -> str:
        engine.run(engine.render(macro, target=name(macro), **arguments))
        return name(macro)

    for table in GIVEN:
        fill(engine, name(table), table, GIVEN)
    there = [(column, engine.stored(family)) for column, family in SNAPSHOT.items()]
    columns = stored_columns(there, len(KEYS), dialect)
    keys, model, state = columns.keys, name("model"), {table: name(table) for table in GIVEN}
    compared = {"model": model, "state": state, "keys": keys, "columns": columns.compared}
    gone = state["snapshot"] if given["full_refresh"] else run("gone", **compared)
    came = run("came", once=(), full_refresh=given["full_refresh"], **compared)
    doubled = run("doubled", model=model, keys=keys)
    made = run(
        "delta",
        model=model,
        came=came,
        gone=gone,
        doubled=doubled,
        state=state,
        retried=[],
        **given,
        **columns.parts,
    )
    numbers = engine.rows(f"select {engine.render('number', alias='made')} from {made} as made")
    assert len(set(numbers)) == len(numbers)
    listed = ", ".join(map(dialect.quote, SNAPSHOT))
    return {
        "sizes": rows("sizes", model=model, state=state, keys=keys),
        "came_sizes": rows("came_sizes", came=came, gone=gone, state=state, keys=keys),
        "counts": rows("delta_counts", delta=made, keys=columns.keys, columns=columns.sent),
        "rows": sorted(
            engine.rows(f"select _selligent_kind, _selligent_mask, {listed} from {made}"), key=repr
        ),
    }


@pytest.mark.parametrize("name", ["other", "postgres", "snowflake", "spark"])
@pytest.mark.parametrize("delta", DELTAS)
def test_a_delta_is_that_of_duckdb(request: pytest.FixtureRequest, name: str, delta: str) -> None:
    with duckdb.connect() as one, duckdb.connect() as another:
        engine = Other(another) if name == "other" else request.getfixturevalue(name)
        wanted = staged(Duck(one), delta)

        assert {kind for kind, *_ in wanted["rows"]} >= KINDS[delta]
        assert staged(engine, delta) == wanted
