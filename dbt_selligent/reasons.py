"""Why rows are not in step: how many for which reason, and nothing of any row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dbt_selligent.selligent.body import UNKNOWN
from dbt_selligent.stateview import StateView, read_utc


@dataclass(frozen=True)
class Reason:
    """Rows that are not in step for one reason; nothing in it is of a row.

    ``kind`` is rejected, not found or invalid; times are in UTC, and not known of invalid rows.
    """

    kind: str
    field: str | None
    reason: str
    rows: int
    first_seen: datetime | None = None
    last_seen: datetime | None = None


def read_reasons(store: StateView) -> tuple[Reason, ...]:
    """Why rows are not in step, by kind, field and reason: most rows first."""
    tables = store.tables
    text = tables.dialect.types["text"]

    def named(*columns: str) -> Sequence[str]:
        return [tables.dialect.quote(f"_selligent_{each}") for each in columns]

    field, code, first, last, missing = named("field", "code", "first_seen", "last_seen", "missing")
    refused = tables.rows(
        f"select {missing}, {field}, {code}, count(*), cast(min({first}) as {text}), "
        f"cast(max({last}) as {text}) from {tables.names['rejected']} "
        f"group by {missing}, {field}, {code}"
    )
    reason, rows = named("reason", "rows")
    invalid = tables.rows(
        f"select {field}, {reason}, cast(sum({rows}) as {tables.dialect.types['integer']}) "
        f"from {tables.names['invalid']} group by {field}, {reason}"
    )
    found = [
        Reason(
            kind="not found" if is_missing else "rejected",
            field=name,
            reason="no record in the list" if is_missing else _refusal(why),
            rows=int(count),
            first_seen=_utc(began),
            last_seen=_utc(ended),
        )
        for is_missing, name, why, count, began, ended in refused
    ]
    found += [Reason("invalid", name, why, int(count)) for name, why, count in invalid]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.kind, f"{each.field}")))


def _refusal(code: str | None) -> str:
    return code if code and code != UNKNOWN else "refused without a code"


def _utc(text: str | None) -> datetime | None:
    return read_utc(text) if text else None
