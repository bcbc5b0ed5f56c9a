"""Step 2: the meta of exposures as frozen activations; every fault of every one, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dbt_selligent.conditions import KINDS, NOTHING_WANTED, Wanted
from dbt_selligent.conflicts import Writer, find_conflicts
from dbt_selligent.errors import Fault, ProfileError, nearest
from dbt_selligent.grammar import mapping_of, read_keys, validate_keys
from dbt_selligent.guards import UNGUARDED, Guard, Limit
from dbt_selligent.manifest import KEY, Exposure, Manifest, Model
from dbt_selligent.meta import (
    ActivationMeta,
    FieldMeta,
    RemovedMeta,
    ScheduleMeta,
    StaleMeta,
    Value,
    read_bytes,
)
from dbt_selligent.schedules import Schedule
from dbt_selligent.settings import Settings

# At most so many of the records are deleted or set at once, where nothing else is said.
MOST_REMOVED = "10%"


@dataclass(frozen=True)
class Activation:
    """One exposure that feeds a list; ``keys`` and ``fields`` are (field, column) in YAML order.

    ``once`` are those of the fields that are sent with a new record alone. ``mode`` says which
    records are written, ``removed`` what becomes of one whose row left the model: where it is
    `set`, ``removed_set`` are the fields and their values. ``batch_rows`` is None where answers
    are to decide how many rows a request takes.
    Without a ``schedule`` it is never due.
    """

    name: str
    unique_id: str
    file: str
    tags: tuple[str, ...]
    model: Model
    destination: str
    list: str
    keys: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    once: tuple[str, ...] = ()
    mode: Literal["upsert", "insert", "update"] = "upsert"
    removed: Literal["keep", "delete", "set"] = "keep"
    removed_set: tuple[tuple[str, Value], ...] = ()
    segment: str | None = None
    send: Literal["changed", "all"] = "changed"
    nulls: Literal["send", "skip"] = "send"
    batch_rows: int | None = None
    batch_bytes: int = 20_000_000
    max_groups: int = 50
    guard: Guard = UNGUARDED
    gate: Literal["last", "require", "off"] = "last"
    warnings: Wanted = NOTHING_WANTED
    schedule: Schedule | None = None

    def fault(self, key: str, problem: str, mend: str = "", *, in_yaml: bool = True) -> Fault:
        """A fault of this activation."""
        return Fault(self.file, self.name, key, problem, mend, in_yaml)


def read_activations(
    manifest: Manifest, settings: Settings
) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    """The activations that are well formed, and the faults of all that are not."""
    activations: list[Activation] = []
    faults: list[Fault] = []
    writers: list[Writer] = []
    for exposure, key in manifest.misspelt:
        problem, mend = "no such key", f"did you mean {KEY}?"
        faults.append(Fault(exposure.file, exposure.name, f"meta.{key}", problem, mend))
    for exposure in manifest.exposures:
        given, found = read_keys(exposure)
        meta, invalid = validate_keys(exposure, given)
        model, no_model = _find_model(exposure, given.get("model"), manifest)
        destination, no_destination = _find_destination(exposure, given, settings)
        wrong = [*found, *invalid, *no_model, *no_destination]
        faults += wrong
        writers.append(_writer(exposure, destination, given))
        if meta and model and destination and not wrong:
            zone = settings.destination_named(destination).timezone
            activations.append(_activation(exposure, meta, model, destination, zone))
    return tuple(activations), (*faults, *find_conflicts(writers))


def _activation(
    exposure: Exposure, meta: ActivationMeta, model: Model, destination: str, zone: str
) -> Activation:
    fields = {
        field: (found.column, True) if isinstance(found, FieldMeta) else (found, False)
        for field, found in meta.fields.items()
    }
    removed, removed_set = _removal(meta)
    return Activation(
        name=exposure.name,
        unique_id=exposure.unique_id,
        file=exposure.file,
        tags=exposure.tags,
        model=model,
        destination=destination,
        list=meta.list,
        keys=tuple(meta.matching_key.items()),
        fields=tuple((field, column) for field, (column, _) in fields.items()),
        once=tuple(
            field
            for field, (_, only_insert) in fields.items()
            if only_insert or meta.mode == "insert"
        ),
        mode=_mode(meta),
        removed=removed,
        removed_set=removed_set,
        segment=meta.segment,
        send=meta.send,
        nulls=meta.nulls,
        batch_rows=None if meta.batch.rows == "auto" else meta.batch.rows,
        batch_bytes=read_bytes(meta.batch.bytes),
        max_groups=meta.max_groups,
        guard=_guard(meta, removed),
        gate=meta.gate or "off",  # as YAML reads a bare off
        warnings=_wanted(meta),
        schedule=_schedule(meta, zone),
    )


def _guard(meta: ActivationMeta, removed: str) -> Guard:
    given = meta.guard
    most_removed = given.max_removed
    if most_removed is None and removed != "keep":
        most_removed = MOST_REMOVED
    return Guard(
        max_changed=None if given.max_changed is None else Limit.read(given.max_changed),
        max_removed=None if most_removed is None else Limit.read(most_removed),
        max_rejected=Limit.read(given.max_rejected),
    )


def _wanted(meta: ActivationMeta) -> Wanted:
    ages = [each.stale for each in meta.warnings if isinstance(each, StaleMeta)]
    names = {"stale" if isinstance(each, StaleMeta) else each for each in meta.warnings}
    return Wanted(
        kinds=frozenset(kind for kind in KINDS if kind in names),
        recovered="recovered" in names,
        stale=ages[0] if ages else None,
    )


def _schedule(meta: ActivationMeta, zone: str) -> Schedule | None:
    given = meta.schedule
    if given is None:
        return None
    if isinstance(given, str):
        given = ScheduleMeta(cron=given)
    return Schedule(" ".join(given.cron.split()), given.timezone or zone)


def _mode(meta: ActivationMeta) -> Literal["upsert", "insert", "update"]:
    if not meta.fields:
        return "update"  # a segment alone: its members are records that are there
    return "upsert" if meta.mode == "mirror" else meta.mode


def _removal(
    meta: ActivationMeta,
) -> tuple[Literal["keep", "delete", "set"], tuple[tuple[str, Value], ...]]:
    if isinstance(meta.removed, RemovedMeta):
        return "set", tuple(meta.removed.set.items())
    return "delete" if "delete" in (
        meta.removed,
        "delete" * (meta.mode == "mirror"),
    ) else "keep", ()


def _writer(exposure: Exposure, destination: str | None, given: dict[str, Any]) -> Writer:
    removed = given.get("removed")
    set_fields = removed.get("set") if isinstance(removed, dict) else None
    fields = [*mapping_of(given, "fields"), *(set_fields if isinstance(set_fields, dict) else ())]
    segment = given.get("segment")
    return Writer(
        exposure,
        destination,
        str(given.get("list")),
        list(dict.fromkeys(map(str, fields))),
        segment if isinstance(segment, str) else None,
        removed == "delete" or given.get("mode") == "mirror",
    )


def _find_model(
    exposure: Exposure, named: object, manifest: Manifest
) -> tuple[Model | None, list[Fault]]:
    def fault(key: str, problem: str, mend: str = "") -> list[Fault]:
        return [Fault(exposure.file, exposure.name, key, problem, mend)]

    models = [manifest.models[node] for node in exposure.depends_on if node in manifest.models]
    names = [model.name for model in models]
    if not models:
        return None, fault("depends_on", "no model", "write depends_on: [ref('your_model')]")
    if isinstance(named, str) and named:
        chosen = [model for model in models if model.name == named]
        if not chosen:
            like = nearest(named, names)
            mend = f"did you mean {like}?" if like else f"it depends on {', '.join(names)}"
            return None, fault("model", f"{named} is not among depends_on", mend)
    elif len(models) > 1:
        return None, fault(
            "depends_on", f"{len(models)} models: {', '.join(names)}", "name one with `model:`"
        )
    else:
        chosen = models
    model = chosen[0]
    if model.materialized == "ephemeral" or not model.relation_name:
        return None, fault(
            "depends_on", f"{model.name} is ephemeral: there is no table to read", "materialize it"
        )
    return model, []


def _find_destination(
    exposure: Exposure, given: dict[str, Any], settings: Settings
) -> tuple[str | None, list[Fault]]:
    named = given.get("destination")
    if named is None:
        # The command's own destination: where it is missing, that is no fault of an activation.
        return settings.destination_named().name, []
    if not isinstance(named, str):
        return None, []  # a fault already
    try:
        return settings.destination_named(named).name, []
    except ProfileError as error:
        return None, [Fault(exposure.file, exposure.name, "destination", error.message)]
