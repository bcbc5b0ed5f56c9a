"""Lists read back, and compared with what Selligent confirmed; on request, what differs is put in
doubt, so that the next sync sends it again. Nothing is sent from here.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns
from dbt_selligent.comparison import MASK, RECORD_ID, Comparison, Figures
from dbt_selligent.errors import DestinationError, RefusedError, RunError, UnreachableError, nearest
from dbt_selligent.events import Emit, Waiting, silent
from dbt_selligent.folders import private_folder
from dbt_selligent.naming import in_json
from dbt_selligent.places import Identity
from dbt_selligent.reading import Reader, Sleep
from dbt_selligent.selection import list_activations
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Listing
from dbt_selligent.settings import Settings
from dbt_selligent.state import StateStore, open_state
from dbt_selligent.storage import Storage, open_storage
from dbt_selligent.wording import counted

MOST_ROWS = 5
# Records that the state knows nothing of: of what left the model and is kept, it keeps nothing.
OTHERS = "other (kept here, or not from here)"
IN_STEP, DIFFERS, IN_DOUBT = "in step", "differs", "in doubt"
NEVER_SYNCED, FAILED = "never synced", "failed"
_BARE = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?|true|false")


@dataclass(frozen=True)
class Verification:
    """What became of one activation; its ``sample`` holds values only if they were asked for.

    ``status`` is in step, differs, in doubt (nothing differs, and a sync has rows to send again),
    never synced or failed; ``repaired`` rows were put in doubt.
    """

    name: str
    list: str
    destination: str
    segment: str | None
    status: str = NEVER_SYNCED
    figures: Figures = field(default_factory=Figures)
    repaired: int = 0
    sample: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    next_steps: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether there is nothing to do."""
        return self.status in (IN_STEP, NEVER_SYNCED)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the figures stand beside the rest."""
        told = asdict(self)
        figures = told.pop("figures")
        return {**told, **figures, "different_fields": dict(self.figures.different_fields)}

    def lines(self) -> Sequence[str]:
        """For a terminal."""
        head = f"{self.name}: list {self.list} at {self.destination}: "
        if self.status in (NEVER_SYNCED, FAILED):
            said = [head + self.status]
        else:
            said = [head + _figures(self)]
        said += [f"  {note}" for note in self.notes]
        said += [f"  {_sampled(row)}" for row in self.sample]
        if self.error:
            said.append(f"  {self.error}")
        return [*said, *(f"  -> {step}" for step in self.next_steps)]


def verify(
    settings: Settings,
    *,
    repair: bool = False,
    show_values: bool = False,
    emit: Emit = silent,
    sleep: Sleep = time.sleep,
) -> tuple[Verification, ...]:
    """Compares the lists of the selected activations with their snapshots, one after the other.

    ``repair`` puts in doubt what differs. What goes wrong with one activation stands in its result;
    raises ConfigurationError where none can be looked at.
    """
    found = []
    with open_storage(settings) as storage:
        for activation in list_activations(settings):
            empty = Verification(
                activation.name, activation.list, activation.destination, activation.segment
            )
            verifier = _Verifier(settings, storage, activation, empty, emit, sleep)
            try:
                found.append(verifier.verify(repair, show_values))
            except RunError as error:
                again = "run `dbt-selligent debug`, then verify again"
                step = again if isinstance(error, UnreachableError) else error.next_step
                steps = (step,) if step else ()
                found.append(replace(empty, status=FAILED, error=error.message, next_steps=steps))
    return tuple(found)


class _Verifier:
    """One activation, at its destination."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        activation: Activation,
        empty: Verification,
        emit: Emit,
        sleep: Sleep,
    ) -> None:
        self._activation = activation
        self._destination = settings.destination_named(activation.destination)
        self._place = storage.place(activation, self._destination)
        self._empty = empty
        self._emit = emit
        self._sleep = sleep

    def verify(self, repair: bool, show_values: bool) -> Verification:
        """Raises RunError."""
        name, place = self._activation.name, self._place
        if not place.exists():
            return self._empty

        def waits(why: str) -> None:
            self._emit(Waiting(name, why))

        with (
            place.hold(),
            place.hold_list(self._activation.list, threading.Event(), waits),
            private_folder(self._destination.state) as temporary,
            open_state(place, temporary) as store,
        ):
            if not store.begun:
                return self._empty
            store.settle()
            return self._compare(store, repair, show_values)

    def _compare(self, store: StateStore, repair: bool, show_values: bool) -> Verification:
        activation = self._activation
        known = store.known_columns(Identity.of(activation, self._destination)).local
        with Client(self._destination, sleep=self._sleep) as client:
            reader = Reader(client, self._sleep)
            listing = self._listing(reader)
            columns, notes = _compared(activation, known, listing)
            comparison = Comparison(store, columns, skip=activation.nulls == "skip")
            keys = [column.field for column in columns.keys]
            wanted = [*keys, *(column.field for column in columns.fields), RECORD_ID]
            comparison.read_records(reader.pages(activation.list, wanted, keys))
            counted = None
            with suppress(DestinationError):
                counted = reader.count(activation.list)
            if columns.member and listing.segment_type is None:
                notes.append(f"there is no segment {activation.segment}: the next sync makes it")
                comparison.read_members(())
            elif columns.member:
                comparison.read_members(
                    reader.pages(
                        activation.list, [*keys, RECORD_ID], keys, segment=activation.segment
                    )
                )
        figures = comparison.judge()
        if counted not in (None, figures.records):
            notes.append(
                f"the list is said to have {counted:,} records, and gave {figures.records:,}: "
                "unless others write to it now, verify again"
            )
        sample = comparison.sample(MOST_ROWS, show_values=show_values)
        repaired = figures.wrong if repair else 0
        if repaired:
            comparison.put_in_doubt()
        status = IN_STEP
        if figures.differs or figures.in_doubt:
            status = DIFFERS if figures.differs else IN_DOUBT
        return replace(
            self._empty,
            status=status,
            figures=figures,
            repaired=repaired,
            sample=sample,
            notes=tuple(notes),
            next_steps=tuple(_next_steps(activation, figures, repaired)),
        )

    def _listing(self, reader: Reader) -> Listing:
        """The list with what is known of its segment; raises DestinationError without the list."""
        name, segment = self._activation.list, self._activation.segment
        listing = reader.listing(name, segment)
        if listing is None:
            like = None
            with suppress(DestinationError):
                like = nearest(name, reader.names())
            raise RefusedError(
                f"there is no list {name} in the organization",
                f"did you mean {like}?" if like else "was it deleted, or renamed?",
            )
        if segment and listing.segment_type not in (None, "Static"):
            raise RefusedError(
                f"segment {segment} is of type {listing.segment_type}",
                "only static segments take members: name another one",
            )
        return listing


def _compared(
    activation: Activation, known: Columns, listing: Listing
) -> tuple[Columns, list[str]]:
    """The columns of the snapshot that still are the activation's, by their names in the list.

    Also what is not compared, and why. Raises RefusedError where the list lost a field.
    """
    written = {name for name, _ in activation.fields if name not in activation.once}
    fields = [column for column in known.fields if column.field in written]
    unsent = sorted(written - {column.field for column in fields})
    member = known.member if activation.segment else ()
    if activation.segment and not member:
        unsent.append(f"segment {activation.segment}")
    notes = [f"not compared, since no sync sent it yet: {', '.join(unsent)}"] if unsent else []
    return Columns(
        keys=tuple(_as_in_list(column, listing) for column in known.keys),
        fields=tuple(_as_in_list(column, listing) for column in fields),
        member=member,
    ), notes


def _as_in_list(column: Column, listing: Listing) -> Column:
    there = listing.find(column.field)
    if there is None:
        raise RefusedError(
            f"list {listing.name} has no field {column.field} any more",
            "put it back, or take it out of the exposure and sync",
        )
    # Of JSON, Selligent may tell the value in place of its text.
    family = "json" if there.data_type == "Json" else column.family
    return replace(column, field=there.name, family=family)


def _next_steps(activation: Activation, figures: Figures, repaired: int) -> Iterator[str]:
    name = activation.name
    if repaired:
        yield (
            f"{counted(repaired, 'row')} put in doubt: `dbt-selligent sync --select {name}` sends "
            f"{'it' if repaired == 1 else 'them'} again"
        )
    elif figures.wrong:
        yield (
            f"`dbt-selligent verify --select {name} --repair` puts "
            f"{counted(figures.wrong, 'row')} in doubt, and the next sync sends what is in doubt "
            "again"
        )
    elif figures.in_doubt > figures.invalid_in_doubt:
        yield f"`dbt-selligent sync --select {name}` sends again what is in doubt"
    if stuck := figures.invalid_in_doubt:
        yield (
            f"{counted(stuck, 'row')} in doubt cannot be sent again, invalid when a sync last "
            f"looked: `dbt-selligent status --select {name} --show-values` lists what is invalid; "
            "mend it in the model, then sync"
        )
    if figures.doubled:
        keys = ", ".join(key for key, _ in activation.keys)
        yield (
            f"the list has no unique key over {keys}: delete the records that are too many in "
            "Selligent, then give it that key"
        )
    if figures.strangers:
        yield (
            f"{counted(figures.strangers, 'member')} of segment {activation.segment} came from "
            "elsewhere: take them out in Selligent, its members are to be the model's rows"
        )


def _figures(one: Verification) -> str:
    found = one.figures
    by_field = ", ".join(f"{name} {count:,}" for name, count in found.different_fields)
    parts = [
        counted(found.records, "record"),
        f"{found.in_step:,} in step",
        *(f"{count:,} {what}" for count, what in (
            (found.missing, "missing"),
            (found.different, f"different ({by_field})"),
            (found.doubled, "doubled"),
            (found.unexpected, OTHERS),
            (found.in_doubt, "in doubt"),
        ) if count),
    ]  # fmt: skip
    if found.members is None:
        return ", ".join(parts)
    parts[-1] += f"; segment {one.segment}: {counted(found.members, 'member')}"
    if found.not_members:
        parts.append(f"{found.not_members:,} not members")
    if found.unexpected_members:
        parts.append(f"{counted(found.unexpected_members, 'unexpected member')}")
    return ", ".join(parts)


def _sampled(row: dict[str, Any]) -> str:
    keys = ", ".join(f"{name}={_text(value)}" for name, value in row["keys"].items())
    fields = ", ".join(
        f"{name}={_text(each['found'])} (sent {_text(each['sent'])})"
        for name, each in row["fields"].items()
    )
    kind = "other" if row["kind"] == "unexpected" else row["kind"]
    return f"{kind}: {keys}" + (f": {fields}" if fields else "")


def _text(value: object) -> str:
    """A value as it is told: those that were compared as texts are numbers or true or false too."""
    if value == MASK or (isinstance(value, str) and _BARE.fullmatch(value)):
        return str(value)
    return in_json(value)
