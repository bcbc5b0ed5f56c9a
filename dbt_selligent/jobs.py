"""An activation matched with its warehouse: what it reads, where it goes, where its state lies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog
from dbt_selligent.columns import Columns
from dbt_selligent.errors import ActivationFaults, Fault, WarehouseError
from dbt_selligent.knowledge import Knowledge
from dbt_selligent.mapping import match_columns
from dbt_selligent.places import Identity, Place
from dbt_selligent.profiles import Destination
from dbt_selligent.selligent.pace import FIRST_ROWS, MOST_ROWS, Pace
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Reader
from dbt_selligent.storage import Storage


@dataclass(frozen=True)
class Job:
    """An activation with its destination, what is known of that, its columns and the place of its
    state.
    """

    activation: Activation
    destination: Destination
    knowledge: Knowledge
    columns: Columns
    place: Place

    @property
    def pace(self) -> Pace:
        """That of its first request."""
        if self.activation.batch_rows is not None:
            rows = self.activation.batch_rows
            return Pace(rows, rows, strict=True)
        known = self.knowledge.learned.rows.get(self.activation.list, FIRST_ROWS)
        return Pace(min(known, MOST_ROWS))

    @property
    def identity(self) -> Identity:
        """What its snapshot is a snapshot of."""
        return Identity.of(self.activation, self.destination)


@contextmanager
def open_reader(storage: Storage, temporary: Path, faults: Sequence[Fault]) -> Iterator[Reader]:
    """The warehouse; if it cannot be opened, faults that were found before come first."""
    with ExitStack() as stack:
        try:
            reader = stack.enter_context(storage.open_reader(temporary))
        except WarehouseError:
            if faults:
                raise ActivationFaults(faults) from None
            raise
        yield reader


def state_folders(settings: Settings, activations: Sequence[Activation]) -> list[Path]:
    """Where the states of the activations lie, each folder once, in their order."""
    folders = (settings.destination_named(each.destination).state for each in activations)
    return list(dict.fromkeys(folders))


def make_jobs(
    settings: Settings,
    storage: Storage,
    reader: Reader,
    activations: Sequence[Activation],
    catalog: Catalog,
    faults: Sequence[Fault],
    *,
    excused: Collection[str] = (),
) -> list[Job]:
    """The jobs; raises ActivationFaults with all that is wrong, in YAML, list and warehouse.

    Those of ``excused`` ids whose model is not there, or not as it should be, have no job.
    """
    found = [*faults, *catalog.faults]
    jobs = []
    for activation in activations:
        destination = settings.destination_named(activation.destination)
        model = activation.model
        there = reader.columns(model)
        is_excused = activation.unique_id in excused
        if there is None and is_excused:
            continue
        if there is None:
            mend = f"run `dbt build --select {model.name}` for target {settings.target} first"
            problem = f"{model.relation_name} does not exist in the warehouse"
            found.append(activation.fault("depends_on", problem, mend, in_yaml=False))
            continue
        listing = catalog.listings.get(activation.unique_id)
        columns, wrong = match_columns(
            activation, there, destination.timezone, listing, reader.dialect
        )
        found += [] if is_excused else wrong
        if columns is not None:
            place = storage.place(activation, destination)
            known = catalog.known[activation.destination]
            jobs.append(Job(activation, destination, known, columns, place))
    if found:
        raise ActivationFaults(found)
    return jobs
