"""The versions of the state's tables: each is reached from the one before, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import duckdb

from dbt_selligent.errors import StateError

# Each is applied with its record in one transaction; the last number is the state's version.
# ``{schema}`` is that of the state's tables.
MIGRATIONS: Sequence[tuple[int, str]] = (
    (
        1,
        """
        create table {schema}.meta (name varchar primary key, value varchar);
        create table {schema}.log (
            run_id varchar, _selligent_group integer, first_n bigint, last_n bigint,
            outcome varchar);
        create table {schema}.runs (
            run_id varchar, started_at timestamp, finished_at timestamp, status varchar,
            dbt_target varchar, counts json, error varchar)
        """,
    ),
    (
        2,
        """
        alter table if exists {schema}.rejected
            add column if not exists _selligent_missing boolean default false;
        update {schema}.log set outcome = 'sent' where outcome <> 'unsent'
        """,
    ),
    (
        3,
        """
        alter table {schema}.runs add column forced varchar;
        insert into {schema}.meta
            select 'complete', run_id from {schema}.runs
            where status in ('in step', 'rows refused') order by started_at limit 1
        """,
    ),
)
VERSION = MIGRATIONS[-1][0]


def missing(where: str, table: str) -> StateError:
    """What is said of a state of which a table is gone."""
    return StateError(
        f"{where}: {table} is missing or damaged, though it is of the state",
        "put it back, or forget the state with `dbt-selligent state reset`: everything is then "
        "sent again",
    )


def refuse_newer(there: int, where: str) -> None:
    """Raises StateError where the state at ``where`` is of a version newer than this."""
    if there > VERSION:
        raise StateError(
            f"{where}: state of version {there}, newer than version {VERSION}, which this "
            "dbt-selligent knows",
            "upgrade dbt-selligent to the version that wrote it; nothing was changed",
        )


def migrate(connection: duckdb.DuckDBPyConnection, schema: str, where: str) -> None:
    """Brings the tables of the state in the file ``where`` up to this version.

    Raises StateError where they are of a newer one.
    """
    connection.execute(
        f"create table if not exists {schema}.migrations (version integer, applied_at timestamp)"
    )
    found = connection.execute(f"select coalesce(max(version), 0) from {schema}.migrations")
    [(there,)] = found.fetchall()
    refuse_newer(there, where)
    for version, sql in MIGRATIONS:
        if version > there:
            connection.execute("begin")
            try:
                for statement in sql.format(schema=schema).split(";"):
                    connection.execute(statement)
                connection.execute(
                    f"insert into {schema}.migrations values (?, ?)",
                    [version, datetime.now(timezone.utc).replace(tzinfo=None)],
                )
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
