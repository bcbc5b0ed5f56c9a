"""The SQL of a sync, for engines that are not here, is what was looked through by their manuals.

Where a macro has changed, `python -m warehouse.statements`, run within `tests`, writes the golden
files anew; what has changed in them is to be looked through again.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbt_selligent
from dbt_selligent.warehouse.dialects import dialect_of
from dbt_selligent.warehouse.macros import FOLDER, render_sql

from .dialect_rules import faults
from .statements import ENGINES, GOLDEN, Versions, statements

# Of the history, which is no state: what is told anew is changed in place.
TOLD = ("retell", "untell", "prune", "hand_over")
RENDERED = {engine: statements(engine) for engine in ENGINES}
EACH = [(engine, name) for engine, there in RENDERED.items() for name in there]
# What is run in the tool's own DuckDB, where there are transactions over tables alone, or on Spark.
LOCAL = {"rows", "absent", "incoming", "incoming_span", "take_incoming", "listed", "listed_page",
    "listed_twice", "listed_once", "listed_doubled", "verdicts", "verdict_counts",
    "with_owner", "key_sample", "different_sample", "foreign_sample", "foreign_count",
    "freeze", "fence", "set_properties", "unset_property", "properties"}  # fmt: skip


@pytest.mark.parametrize(("engine", "name"), EACH)
def test_what_is_rendered_is_what_was_looked_through(engine: str, name: str) -> None:
    _, sql = RENDERED[engine][name]

    assert f"{sql}\n" == (GOLDEN / engine / f"{name}.sql").read_text("utf-8")


@pytest.mark.parametrize(("engine", "name"), EACH)
def test_it_is_sql_of_the_engine(engine: str, name: str) -> None:
    _, sql = RENDERED[engine][name]

    wrong = ["a table's version is changed"] if name in TOLD else []
    assert faults(sql, engine) == wrong


@pytest.mark.parametrize("engine", ENGINES)
def test_no_golden_file_is_left_over(engine: str) -> None:
    assert {path.stem for path in (GOLDEN / engine).iterdir()} == set(RENDERED[engine])


def test_every_macro_that_is_run_is_among_them() -> None:
    """Names of macros, where the code has them as an argument of what renders them."""
    macros = {
        name
        for path in FOLDER.glob("*.sql")
        for name in re.findall(r"\{% macro selligent_(\w+)", path.read_text("utf-8"))
    }
    calls = re.compile(
        r"(?:(?:render_sql|run|append|_run|_rows)\(|query\(\s*bench,|scratch\(\s*\"\w+\",)"
        r"\s*\"(\w+)\""
    )
    run = {
        name
        for path in Path(dbt_selligent.__file__).parent.rglob("*.py")
        for name in calls.findall(path.read_text("utf-8"))
    } & macros

    assert {"model", "delta", "settle", "note", "log", "spans", "verdicts"} <= run
    assert run - LOCAL <= {macro for macro, _ in RENDERED["other"].values()}


@pytest.mark.parametrize(
    ("engine", "sql", "fault"),
    [
        ("bigquery", "select a from t except select a from u", "cannot be read"),
        ("bigquery", "select a from t union select a from u", "cannot be read"),
        ("bigquery", "select 'it''s' from t", "cannot be read"),
        ("bigquery", "select cast(a as varchar) from t", "no type varchar"),
        ("bigquery", "select cast(a as numeric(10, 2)) from t", "with digits"),
        ("bigquery", "select try_cast(a as int64) from t", "no function try_cast"),
        ("bigquery", "select octet_length(a) from t", "no function octet_length"),
        ("bigquery", "create table t (a numeric(10,2), b text)", "no type text"),
        ("bigquery", 'select a from t where b = "B"', "is a text"),
        ("bigquery", "create table t as select a, lower(b) from u", "without a name"),
        ("bigquery", "create table t as select a, b as A from u", "two columns a"),
        ("bigquery", "delete from t as old where true", "is changed"),
        ("bigquery", "create or replace table t as select 1 as a", "is replaced"),
        ("snowflake", "select a from `t`", "cannot be read"),
        ("snowflake", "select a from t where b ~ 'x'", "cannot be read"),
        ("snowflake", "select safe_cast(a as float) from t", "no function safe_cast"),
        ("snowflake", "select try_cast(a as int64) from t", "no type int64"),
        ("snowflake", "select log10(a) from t", "no function log10"),
        ("snowflake", "create table t (a varchar, b text)", "no type text"),
        ("snowflake", "select row_number() over () as n from t", "without an order"),
        (
            "snowflake",
            "select case when exists (select 1 from u where u.a = t.a) then 1 end as b from t",
            "elsewhere than in a where",
        ),
        ("snowflake", "update t as old set a = 1", "is changed"),
        ("other", "select a from t where (b", "cannot be read"),
        ("other", "vacuum t", "cannot be read"),
    ],
)
def test_sql_of_other_engines_is_found_to_be_so(engine: str, sql: str, fault: str) -> None:
    assert any(fault in each for each in faults(sql, engine))


@pytest.mark.parametrize("engine", ["snowflake", "bigquery"])
@pytest.mark.parametrize("name", ["model_view", "came", "delta", "create_state", "reshape_state"])
def test_what_is_rendered_for_one_is_none_of_another(engine: str, name: str) -> None:
    for other in ENGINES:
        if other != engine and (engine, other, name) != ("snowflake", "other", "came"):
            _, sql = RENDERED[other][name]
            assert faults(sql, engine), other


def test_tables_of_a_state_are_what_the_last_version_is() -> None:
    """The stand-in for a state's names, by which all this is rendered."""
    state = Versions(dialect_of("other"))
    assert state.next("log") == state["log"] == '"d"."selligent"."crm__log__2"'
    assert render_sql("forget", dialect_of("other"), state=state, table="log") == ""
    with pytest.raises(KeyError):
        state["log"]
    assert state.fresh("log") == state["log"]
