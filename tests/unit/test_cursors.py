"""What drivers say of an error, and give of rows: no value is told, and times are in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from dbt.adapters.exceptions.connection import FailedToConnectError
from dbt_common.exceptions import DbtDatabaseError, DbtRuntimeError

from dbt_selligent.warehouse.cursors import ROWS_AT_A_TIME, all_rows, batches, words

VALUE = "ann@acme.example"
NOT_THERE = (
    "org.apache.hive.service.cli.HiveSQLException: Error running query: "
    "[TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] "
    "The table or view `shop`.`t` cannot be found. Verify the spelling.\n"
    "To tolerate the error on drop use DROP TABLE IF EXISTS. SQLSTATE: 42P01; line 1 pos 14;\n"
    "\tat org.apache.spark.sql.catalyst.analysis"
)
CAST = (
    f'[CAST_INVALID_INPUT] The value \'{VALUE}\' of the type "STRING" cannot be cast to "INT". '
    "SQLSTATE: 22018\n== SQL ==\nselect"
)
UNRESOLVED = (
    f"[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `{VALUE}` cannot be resolved. "
    "SQLSTATE: 42703; line 1 pos 7"
)


class DriverError(Exception):
    """A driver's error with a state, as psycopg2 has them."""

    def __init__(self, said: str, pgcode: str | None) -> None:
        super().__init__(said)
        self.pgcode = pgcode


def caused(source: Exception) -> Exception:
    """Dbt's own error about another."""
    try:
        raise DbtDatabaseError("Database Error") from source
    except DbtDatabaseError as error:
        return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DbtDatabaseError(NOT_THERE), "[TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql."),
        (Exception(NOT_THERE), "[TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql."),
        (DbtDatabaseError(CAST), "an error of kind CAST_INVALID_INPUT"),
        (Exception(CAST), "an error of kind CAST_INVALID_INPUT"),
        (
            DbtDatabaseError(UNRESOLVED),
            "an error of kind UNRESOLVED_COLUMN.WITH_SUGGESTION",
        ),
        (
            DriverError(f"relation t is not there\nLINE 1: '{VALUE}'", "42P01"),
            "relation t is not there",
        ),
        (
            caused(DriverError(f"Key (mail)=({VALUE})", "23505")),
            "an error of kind DriverError, SQLSTATE 23505",
        ),
        (DriverError(f"what: {VALUE}", None), "an error of kind DriverError"),
        (DbtRuntimeError("no connection\nto the host"), "no connection"),
        (FailedToConnectError("connection refused\nby"), "connection refused"),
        (DbtDatabaseError(f"java.lang.NumberFormatException: {VALUE}"), "an error of kind"),
        (DbtDatabaseError(f"[CAST_INVALID_INPUT] The value '{VALUE}'"), "an error of kind CAST"),
        (DbtDatabaseError("[SCHEMA_NOT_FOUND] The schema `s`"), "[SCHEMA_NOT_FOUND] The schema"),
    ],
)
def test_what_may_be_a_value_is_not_told(error: Exception, told: str) -> None:
    said = words(error)
    assert said.startswith(told)
    assert VALUE not in said
    assert "\n" not in said


class Frame:
    """Rows of a Spark of this process, whose times are by the process's own clock."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def collect(self) -> list[tuple[Any, ...]]:
        return self._rows

    def toLocalIterator(self) -> Iterator[tuple[Any, ...]]:  # noqa: N802  (as pyspark has it)
        return iter(self._rows)


class Session:
    """A cursor of dbt-spark's method `session`."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._cursor = self
        self._df = Frame(rows)


@pytest.fixture
def _new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_new_york")
def test_times_of_this_process_are_told_in_utc() -> None:
    given = datetime(2024, 7, 1, 8, 30)  # noqa: DTZ001
    twice = datetime(2024, 11, 3, 1, 30, fold=1)  # noqa: DTZ001
    assert all_rows(Session([(1, given, None), (2, twice, "x")])) == [
        (1, datetime(2024, 7, 1, 12, 30), None),  # noqa: DTZ001
        (2, datetime(2024, 11, 3, 6, 30), "x"),  # noqa: DTZ001
    ]


def test_rows_come_by_pages_and_none_is_lost() -> None:
    rows = [(n, f"t{n}") for n in range(2 * ROWS_AT_A_TIME + 1)]
    schema = pa.schema([("n", pa.int64()), ("t", pa.string())])
    pages = list(batches(Session(rows), schema))
    assert [page.num_rows for page in pages] == [ROWS_AT_A_TIME, ROWS_AT_A_TIME, 1]
    assert [value for page in pages for value in page.column(0).to_pylist()] == [n for n, _ in rows]
    assert list(batches(Session([]), schema)) == []
