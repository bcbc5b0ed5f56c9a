"""What the state remembers: the last runs, and the rows that are not in step, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.errors import LockedError, RunError
from dbt_selligent.folders import private_folder
from dbt_selligent.naming import in_json
from dbt_selligent.places import Identity
from dbt_selligent.reasons import Reason, read_reasons
from dbt_selligent.results import word_of
from dbt_selligent.selection import list_activations
from dbt_selligent.settings import Settings
from dbt_selligent.state import look_at
from dbt_selligent.stateview import StateView, as_run, read_utc
from dbt_selligent.storage import Storage, open_storage
from dbt_selligent.tables import Row
from dbt_selligent.wording import listed, stood

MOST_RUNS = 5
MOST_ROWS = 20
# Figures of a run that are told, and those that are even where they are 0.
TOLD = ("confirmed", "rejected", "held", "not_found", "invalid", "removed", "not_sent")
ALWAYS_TOLD = ("confirmed", "rejected", "not_sent")
# Of the rows that Selligent did not take, those it refused, and those it has no record of.
REFUSED, MISSING = "not _selligent_missing", "_selligent_missing"


@dataclass(frozen=True)
class History:
    """What is known of one activation at its destination.

    ``list`` is that of the state, ``anew`` in what it is not what the activation says now.
    ``reasons`` count all rows that are not in step; some of these are listed by themselves.

    ``under_way`` says who works on it: then no more than ``runs`` is known. ``error`` says why its
    state cannot be read: then nothing else is.
    """

    name: str
    list: str
    destination: str
    confirmed: int = 0
    in_doubt: int = 0
    invalid_in_doubt: int = 0
    runs: tuple[dict[str, Any], ...] = ()
    rejected: tuple[dict[str, Any], ...] = ()
    rejected_rows: int = 0
    not_found: tuple[dict[str, Any], ...] = ()
    not_found_rows: int = 0
    invalid: tuple[dict[str, Any], ...] = ()
    invalid_rows: int = 0
    reasons: tuple[Reason, ...] = ()
    show_values: bool = False
    anew: str = ""
    under_way: str | None = None
    error: str | None = None
    next_step: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Sequence[str]:
        """For a terminal."""
        head = f"{self.name}: list {self.list} at {self.destination}"
        if self.error:
            return [head, f"  {self.error}", *([f"  -> {self.next_step}"] * bool(self.next_step))]
        if self.under_way:
            return [head, f"  {self.under_way}", *self._runs()]
        if not self.runs:
            return [head, "  never synced"]
        said = [head, f"  {self.confirmed:,} rows confirmed, {self.in_doubt:,} in doubt"]
        if stuck := self.invalid_in_doubt:
            said.append(f"  {stuck:,} of these in doubt cannot be sent again: invalid now")
        if self.anew:
            said.append(f"  the next sync starts anew: {self.anew}")
        said += self._runs()
        for kind, what, rows, total in (
            ("rejected", "rejected and held", self.rejected, self.rejected_rows),
            ("not found", "not found, kept apart", self.not_found, self.not_found_rows),
            ("invalid", "invalid", self.invalid, self.invalid_rows),
        ):
            if total:
                said.append(f"  {total:,} {what}:")
                said += self._rows(rows, total) if self.show_values else self._reasons(kind)
        if self.reasons and not self.show_values:
            said.append("  -> dbt-selligent status --show-values: which they are")
        return said

    def _runs(self) -> Sequence[str]:
        said = []
        for run in self.runs:
            counts = run["counts"] or {}
            word = word_of(run["status"], counts.get("stopped_by"))
            status = stood(word, listed([(counts.get("invalid") or 0, "invalid")]))
            figures = ", ".join(
                f"{counts[name]:,} {name.replace('_', ' ')}"
                for name in TOLD
                if (counts.get(name) or (name in counts and name in ALWAYS_TOLD))
                and (name != "invalid" or status == word)
            )
            said.append(
                f"  {run['started_at']:%Y-%m-%d %H:%M:%S} UTC  {status}  {figures}".rstrip()
            )
            if run["forced"]:
                said.append(f"    forced: {run['forced']}")
            if run["error"]:
                said.append(f"    {run['error']}")
        return said

    def _rows(self, rows: Sequence[dict[str, Any]], total: int) -> Sequence[str]:
        left = total - sum(row.get("rows", 1) for row in rows)  # a key may stand for several
        more = [f"    and {left:,} more"] if left else []
        return [*(f"    {_reason(row)}" for row in rows), *more]

    def _reasons(self, kind: str) -> Sequence[str]:
        return [
            f"    {f'{each.field}: ' if each.field else ''}{each.reason} ({each.rows:,} "
            f"row{'s' if each.rows != 1 else ''})"
            for each in self.reasons
            if each.kind == kind
        ]


def read_history(settings: Settings, *, show_values: bool) -> tuple[History, ...]:
    """The history of the selected activations; keys and messages only if asked for.

    Raises ConfigurationError.
    """
    with open_storage(settings) as storage:
        return tuple(
            _look_at(settings, storage, activation, show_values)
            for activation in list_activations(settings)
        )


def _look_at(
    settings: Settings, storage: Storage, activation: Activation, show_values: bool
) -> History:
    destination = settings.destination_named(activation.destination)
    place = storage.place(activation, destination)
    empty = History(activation.name, activation.list, destination.name)
    try:
        with look_at(place, destination.state) as store:
            identity = Identity.of(activation, destination)
            return _read(store, identity, empty, show_values) if store else empty
    except LockedError as locked:
        runs: Sequence[Row] = ()
        # What was told can be read whoever works on it; it is a copy, and no more than a help.
        with suppress(RunError), private_folder(destination.state) as temporary:
            runs = place.told_runs(MOST_RUNS, temporary)
        return replace(empty, under_way=locked.message, runs=_with_counts(map(as_run, runs)))
    except RunError as wrong:
        return replace(empty, error=wrong.message, next_step=wrong.next_step)


def _with_counts(runs: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {**run, "counts": json.loads(run["counts"]) if run["counts"] else None} for run in runs
    )


def _read(store: StateView, identity: Identity, empty: History, show_values: bool) -> History:
    runs = _with_counts(store.history(MOST_RUNS))
    if not store.has_tables():
        return replace(empty, runs=runs)

    reasons = read_reasons(store)

    def listed(table: str, where: str = "true") -> tuple[dict[str, Any], ...]:
        found = store.listed(table, MOST_ROWS, where)
        return tuple(_hide(row, show_values) for row in found)

    return replace(
        empty,
        list=json.loads(store.meta("identity") or "{}").get("list", empty.list),
        anew=store.unlike(identity),
        confirmed=store.count("snapshot"),
        in_doubt=store.count_doubts(),
        invalid_in_doubt=store.count_doubts(invalid=True),
        runs=runs,
        rejected=listed("rejected", REFUSED),
        rejected_rows=store.count("rejected", REFUSED),
        not_found=listed("rejected", MISSING),
        not_found_rows=store.count("rejected", MISSING),
        invalid=listed("invalid"),
        invalid_rows=sum(each.rows for each in reasons if each.kind == "invalid"),
        reasons=reasons,
        show_values=show_values,
    )


SEEN = ("first_seen", "last_seen")
SAFE = ("field", "reason", "rows", "code", *SEEN)


def _hide(row: dict[str, Any], show_values: bool) -> dict[str, Any]:
    row.pop("hash", None)
    row.pop("missing", None)
    row |= {name: read_utc(row[name]) for name in SEEN if row.get(name)}
    if show_values:
        return row
    return {name: value if name in SAFE else "***" for name, value in row.items()}


def _reason(row: dict[str, Any]) -> str:
    keys = ", ".join(
        f"{name}={in_json(value)}" for name, value in row.items() if name not in (*SAFE, "message")
    )
    what = row.get("reason") or row.get("code")
    field = f"{row['field']}: " if row.get("field") else ""
    message = f" ({row['message']})" if row.get("message") not in (None, "***") else ""
    rows = f", {row['rows']:,} rows" if row.get("rows", 1) > 1 else ""
    return f"{keys}: {field}{what}{message}{rows}"
