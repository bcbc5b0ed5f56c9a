"""What is wrong with activations, and what is advised: found here for `validate` and `debug`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog
from dbt_selligent.columns import Columns
from dbt_selligent.constants import field_fault, read_constants
from dbt_selligent.errors import ActivationFaults, DbtSelligentError, Fault, WarehouseError
from dbt_selligent.jobs import make_jobs
from dbt_selligent.locks import temporary_folder
from dbt_selligent.mapping import match_columns
from dbt_selligent.matching import needed
from dbt_selligent.selligent.lists import Listing
from dbt_selligent.settings import Settings
from dbt_selligent.storage import open_storage
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect

LONGEST_WAIT = 1.0  # seconds between attempts, where someone sits and waits for the answer
Described = Sequence[tuple[str, str]]


@dataclass
class Models:
    """Columns (name, type) of models by activation, faults of models that are not there, and what
    hindered to look: at one activation's model, or, ``error``, at any.
    """

    columns: dict[str, Described] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    errors: dict[str, DbtSelligentError] = field(default_factory=dict)
    error: DbtSelligentError | None = None
    dialect: Dialect = DUCKDB


@dataclass(frozen=True)
class Advice:
    """What is no fault, worth knowing, and of which activations; the mend if there is one."""

    what: str
    said: str
    mend: str = ""
    activations: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What it is about, and of which activations."""
        return ": ".join(filter(None, (", ".join(self.activations), self.what)))

    def lines(self) -> list[str]:
        """For a terminal."""
        said = f"note {self.about}: {self.said}"
        return [said, *([f"     -> {self.mend}"] if self.mend else [])]


def wait_briefly(seconds: float) -> None:
    """Waits as long as is asked for, or as a patient person would."""
    time.sleep(min(seconds, LONGEST_WAIT))


def read_models(settings: Settings, activations: Sequence[Activation]) -> Models:
    """The columns of the activations' models; raises nothing: what goes wrong is in the result."""
    models = Models()
    try:
        with (
            temporary_folder(settings.own_target_path) as temporary,
            open_storage(settings) as storage,
            storage.open_reader(temporary) as reader,
        ):
            models.dialect = reader.dialect
            for each in activations:
                try:
                    there = reader.columns(each.model)
                    if there is None:
                        make_jobs(settings, storage, reader, [each], Catalog(), ())  # which says so
                    else:
                        models.columns[each.unique_id] = there
                except ActivationFaults as missing:
                    models.faults += missing.faults
                except WarehouseError as error:
                    models.errors[each.unique_id] = error
    except DbtSelligentError as error:
        models.error = error
    return models


def find_faults(
    settings: Settings,
    activation: Activation,
    there: Described | None,
    listing: Listing | None,
    dialect: Dialect,
) -> tuple[Columns | None, list[Fault]]:
    """The columns that feed the list, and what is wrong between model and list.

    ``there`` are the model's columns, None where they are not known, as for ``listing``.
    """
    columns: Columns | None = None
    faults: list[Fault] = []
    if there is not None:
        zone = settings.destination_named(activation.destination).timezone
        columns, faults = match_columns(activation, there, zone, listing, dialect)
    elif listing is not None:
        for where, pairs in (("matching_key", activation.keys), ("fields", activation.fields)):
            for name, _ in pairs:
                if wrong := field_fault(listing, name):
                    faults.append(activation.fault(f"{where}.{name}", *wrong))
        faults += read_constants(activation, listing)[1]
    return columns, faults + (find_unfed(activation, listing) if listing else [])


def find_unfed(activation: Activation, listing: Listing) -> list[Fault]:
    """Fields without which no record can be made, of an activation that makes records."""
    mapped = {name.casefold() for name, _ in (*activation.keys, *activation.fields)}
    if activation.mode == "update":
        return []
    return [
        activation.fault(
            f"fields.{each.name}",
            f"field {each.name} of list {listing.name} takes no null, and no column feeds it: new "
            "records are refused",
            "map a column to it, or write mode: update",
        )
        for each in listing.fields
        if needed(each) and each.name.casefold() not in mapped
    ]


def advise_keys(
    settings: Settings, activations: Sequence[Activation], catalog: Catalog
) -> list[Advice]:
    """That unique keys cannot be read back: one advice for all lists that could be read."""
    by_list: dict[tuple[str, str], Activation] = {}
    for each in activations:
        if each.unique_id in catalog.listings:
            by_list.setdefault((each.list, each.destination), each)
    if not by_list:
        return []
    if len(by_list) > 1:
        several = len({destination for _, destination in by_list}) > 1
        names = [f"{name} at {where}" if several else name for name, where in by_list]
        flag = "--destination NAME " if several else ""
        makes = f"`dbt-selligent init --list LIST --model MODEL --key FIELD {flag}--create`"
        said = f"cannot be read back; {makes} sets one that never was"
        return [Advice(f"unique keys of lists {', '.join(names)}", said)]
    [((name, where), first)] = by_list.items()
    makes = init_command(settings, first, [field for field, _ in first.keys])
    said = f"cannot be read back; if it was never set, {makes} sets it"
    alike = [each.name for each in activations if (each.list, each.destination) == (name, where)]
    return [Advice(f"unique key of list {name}", said, activations=tuple(alike))]


def advise_segment(activation: Activation, listing: Listing) -> list[Advice]:
    """A segment that is made by itself."""
    if not activation.segment or listing.segment_type is not None:
        return []
    what = f"segment {activation.segment} of list {activation.list}"
    said = "not there: the first sync makes it"
    return [Advice(what, said, activations=(activation.name,))]


def advise_decimals(
    mapped: Sequence[tuple[Activation, Columns | None, Listing]],
) -> list[Advice]:
    """Floating-point columns that feed a Float field: one advice for all."""
    inexact: dict[str, None] = {}
    names: dict[str, None] = {}
    for activation, columns, listing in mapped:
        sources = {name.casefold(): column for name, column in activation.fields}
        for column in columns.sent if columns else ():
            found = listing.find(column.field)
            if column.origin in ("float", "real") and found and found.data_type == "Float":
                source = sources.get(column.field.casefold(), column.source)
                inexact[f"{source} of model {activation.model.name}"] = None
                names[activation.name] = None
    if not inexact:
        return []
    some = "column" if len(inexact) == 1 else "columns"
    said = (
        "floating point, of which 12 significant digits count; for all of them, cast to decimal in "
        "the model, before it is summed"
    )
    return [Advice(f"{some} {', '.join(inexact)}", said, activations=tuple(names))]


def init_command(settings: Settings, activation: Activation, keys: Sequence[str] = ()) -> str:
    """The command that makes what the list of an activation lacks."""
    words = ["dbt-selligent", "init", "--list", activation.list, "--model", activation.model.name]
    for key in keys:
        words += ["--key", key]
    words += where_flags(settings, activation.destination)
    return f"`{shlex.join([*words, '--create'])}`"


def where_flags(settings: Settings, destination: str) -> list[str]:
    """The flags that a command needs for this target and destination, where they are not usual."""
    usual = settings.target == settings.default_target
    words = [] if usual else ["--target", settings.target]
    return words + (["--destination", destination] if destination != settings.target else [])


def is_lacking(activation: Activation, listing: Listing | None, fault: Fault) -> bool:
    """Whether the fault is of a list or field that is not there, and that can be made."""
    if fault.exposure != activation.name:
        return False
    if listing is None:
        return fault.key == "list"
    mapped = {f"matching_key.{name}": name for name, _ in activation.keys}
    mapped.update({f"fields.{name}": name for name, _ in activation.fields})
    return fault.key in mapped and listing.find(mapped[fault.key]) is None
