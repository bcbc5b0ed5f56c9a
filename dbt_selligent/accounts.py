"""What became of rows: told to the ledger of the run, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dbt_selligent.naming import find_named
from dbt_selligent.payload import Batch
from dbt_selligent.selligent.answer import Rejected
from dbt_selligent.spans import Outcome, Span


class Ledger(Protocol):
    """Where the outcome of a run is kept."""

    def note(self, span: Span, outcome: Outcome) -> None:
        """Says something of a span."""

    def refuse(self, numbers: Sequence[int], why: Sequence[Rejected], *, taken: bool) -> None:
        """Says why rows are refused; ``taken`` if a call before was not."""

    def set_apart(self, numbers: Sequence[int]) -> None:
        """Says of rows that there is no record of theirs."""

    def flush(self) -> None:
        """Makes durable what was said."""


@dataclass
class Tally:
    """Rows by outcome, and requests made, so far. ``removed`` rows left the model; of those,
    ``kept`` were refused.
    """

    confirmed: int = 0
    rejected: int = 0
    not_found: int = 0
    removed: int = 0
    kept: int = 0
    requests: int = 0

    @property
    def done(self) -> int:
        """Rows that are accounted for."""
        return self.confirmed + self.rejected + self.not_found + self.removed + self.kept


class Accounts:
    """The rows of one activation, over all calls of a run."""

    def __init__(self, ledger: Ledger, tally: Tally) -> None:
        self.tally = tally
        self._ledger = ledger
        self._refused: set[int] = set()  # numbers of rows, which later calls leave out

    def note(self, batch: Batch, outcome: Outcome) -> None:
        """Says something of all rows of a batch."""
        for span in batch.spans:
            self._ledger.note(span, outcome)

    def flush(self) -> None:
        """Makes durable what was said."""
        self._ledger.flush()

    def settle(self, batch: Batch, refused: int = 0) -> None:
        """Every row of a batch is accounted for: taken, but for so many that are refused."""
        if batch.form.settles:
            self.note(batch, Outcome.ANSWERED)
        if batch.form.completes:
            if batch.form.removal:
                self.tally.removed += len(batch) - refused
            else:
                self.tally.confirmed += len(batch) - refused

    def refuse(self, batch: Batch, positions: Sequence[int], why: Sequence[Rejected]) -> None:
        """The rows at these positions are refused."""
        numbers = self._leave_out(batch, positions)
        told = [_told(each, batch.form.fields) for each in why]
        self._ledger.refuse(numbers, told, taken=not batch.form.first)
        if batch.form.removal:
            self.tally.kept += len(numbers)
        else:
            self.tally.rejected += len(numbers)

    def set_apart(self, batch: Batch, positions: Sequence[int]) -> None:
        """The rows at these positions have no record."""
        numbers = self._leave_out(batch, positions)
        self._ledger.set_apart(numbers)
        self.tally.not_found += len(numbers)

    def without_refused(self, batch: Batch) -> Batch | None:
        """The rows of a batch that no call before has refused, None if there are none."""
        if not self._refused or batch.form.first:
            return batch
        positions = batch.positions_of(self._refused)
        if not positions:
            return batch
        return batch.without(positions) if len(positions) < len(batch) else None

    def _leave_out(self, batch: Batch, positions: Sequence[int]) -> list[int]:
        if not batch.form.settles:
            # No later call will answer for them.
            self.note(batch.only(positions), Outcome.ANSWERED)
        numbers = batch.numbers(positions)
        self._refused.update(numbers)
        return numbers


def _told(rejected: Rejected, sent: Sequence[str]) -> Rejected:
    """With its field only where that was sent: any other name may be a value of the row."""
    field = rejected.field and find_named(rejected.field, sent, str)
    return replace(rejected, field=field)
