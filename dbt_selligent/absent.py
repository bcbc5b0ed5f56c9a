"""Which rows have no record in the list: read from the list itself, where that is cheaper than to
ask for ever smaller parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dbt_selligent.comparison import KEYS, RECORD_ID, Comparison
from dbt_selligent.errors import RefusedError
from dbt_selligent.jobs import Job
from dbt_selligent.payload import Batch
from dbt_selligent.planning import Plan
from dbt_selligent.reading import ROWS_PER_PAGE, Reader, Sleep
from dbt_selligent.selligent.client import Client
from dbt_selligent.state import StateStore
from dbt_selligent.tables import DELTA, GROUPS
from dbt_selligent.warehouse.macros import literal, render_sql

# Requests that may be spent on smaller parts, whatever the list's size.
LEAST_BUDGET = 40


class AbsentFinder:
    """Finds the rows of batches that have no record; pages the keys of the list once, if at all."""

    def __init__(self, store: StateStore, plan: Plan, job: Job, sleep: Sleep) -> None:
        self._store = store
        self._plan = plan
        self._client = Client(job.destination, sleep=sleep)
        self._reader = Reader(self._client, sleep)
        self._listed = False
        self._budget: float | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def find(self, batch: Batch, missing: int) -> Sequence[int] | None:
        """The positions of the rows without a record; None where smaller parts are to be sent.

        Raises UnreachableError.
        """
        try:
            if not self._listed and self._parts_are_cheaper(batch, missing):
                return None
            if not self._listed:
                self._list_keys()
        except RefusedError:
            # The key has no right to read: there is no other way than smaller parts.
            self._budget = math.inf
            return None
        return self._compare(batch)

    def _parts_are_cheaper(self, batch: Batch, missing: int) -> bool:
        if self._budget is None:
            records = self._reader.count(self._plan.activation.list)
            self._budget = max(LEAST_BUDGET, records / ROWS_PER_PAGE)
        # Each halving sends two parts, down to the rows that are missing.
        if 2 * missing * max(1.0, math.log2(len(batch) / missing)) > self._budget:
            return False
        self._budget -= 2
        return True

    def _list_keys(self) -> None:
        """Reads the keys of the list into a table, page by page."""
        columns = self._plan.columns.local
        names = [column.field for column in columns.keys]
        pages = self._reader.pages(self._plan.activation.list, [*names, RECORD_ID], names)
        Comparison(self._store, columns, skip=False).read_keys(pages)
        self._listed = True

    def _compare(self, batch: Batch) -> list[int]:
        group = self._plan.groups[batch.group]
        members = [(literal(kind), literal(mask)) for kind, mask in group.members]
        numbers: set[int] = set()
        for span in batch.spans:
            sql = render_sql(
                "absent",
                self._store.tables.rendering,
                delta=DELTA,
                groups=GROUPS,
                number=group.number,
                members=members,
                span=span,
                keys=self._plan.columns.local.keys,
                listed=KEYS,
            )
            numbers.update(number for (number,) in self._store.connection.execute(sql).fetchall())
        return batch.positions_of(numbers)
