"""The versions of the state's tables: each is reached from the one before, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.errors import StateError
from dbt_selligent.tables import SCHEMA, Tables

# Each is applied with its record in one transaction; the last number is the state's version.
MIGRATIONS: Sequence[tuple[int, str]] = (
    (
        1,
        f"""
        create table {SCHEMA}.meta (name varchar primary key, value varchar);
        create table {SCHEMA}.log (
            run_id varchar, _selligent_group integer, first_n bigint, last_n bigint,
            outcome varchar);
        create table {SCHEMA}.runs (
            run_id varchar, started_at timestamp, finished_at timestamp, status varchar,
            dbt_target varchar, counts json, error varchar)
        """,
    ),
    (
        2,
        f"""
        alter table if exists {SCHEMA}.rejected
            add column if not exists _selligent_missing boolean default false;
        update {SCHEMA}.log set outcome = 'sent' where outcome <> 'unsent'
        """,
    ),
    (
        3,
        f"""
        alter table {SCHEMA}.runs add column forced varchar;
        insert into {SCHEMA}.meta
            select 'complete', run_id from {SCHEMA}.runs
            where status in ('in step', 'rows refused') order by started_at limit 1
        """,
    ),
)
VERSION = MIGRATIONS[-1][0]


def refuse_newer(there: int, path: Path) -> None:
    """Raises StateError where the state in ``path`` is of a version newer than this."""
    if there > VERSION:
        raise StateError(
            f"{path}: state of version {there}, newer than version {VERSION}, which this "
            "dbt-selligent knows",
            "upgrade dbt-selligent to the version that wrote it; nothing was changed",
        )


def migrate(tables: Tables, path: Path) -> None:
    """Brings the tables of the state in ``path`` up to this version.

    Raises StateError where they are of a newer one.
    """
    tables.connection.execute(
        f"create table if not exists {SCHEMA}.migrations (version integer, applied_at timestamp)"
    )
    [(there,)] = tables.rows(f"select coalesce(max(version), 0) from {SCHEMA}.migrations")
    refuse_newer(there, path)
    for version, sql in MIGRATIONS:
        if version > there:
            now = datetime.now(timezone.utc).replace(tzinfo=None)
            with tables.transaction():
                for statement in sql.split(";"):
                    tables.connection.execute(statement)
                tables.connection.execute(
                    f"insert into {SCHEMA}.migrations values (?, ?)", [version, now]
                )
