"""Step 2: the meta of exposures as frozen activations; every fault of every one, at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from dbt_selligent.conflicts import Writer, find_conflicts
from dbt_selligent.errors import Fault, ProfileError, nearest
from dbt_selligent.manifest import Exposure, Manifest, Model
from dbt_selligent.meta import ActivationMeta, FieldMeta, RemovedMeta, Value, read_bytes
from dbt_selligent.settings import Settings

MakeFault = Callable[..., Fault]
# Keys of the grammar that this version does not carry out: a fault, never ignored.
KEYS_TO_COME = ("guard", "schedule", "warnings", "gate")
# How a bare key of YAML comes here: dbt writes the manifest as JSON.
YAML_WORDS = ("true", "false", "null", True, False, None)
YAML_FAULT = ("YAML reads a bare on, yes, no, off or null so", 'quote it, like "NO"')
TWICE_FAULT = ("twice, but for case and blanks", "name it once")
COMMA_FAULT = ("a comma separates fields in the API", "rename the field")
OWN_PREFIX = "_selligent_"  # of the columns that the tool adds to its tables


@dataclass(frozen=True)
class Activation:
    """One exposure that feeds a list; ``keys`` and ``fields`` are (field, column) in YAML order.

    ``once`` are those of the fields that are sent with a new record alone. ``mode`` says which
    records are written, ``removed`` what becomes of one whose row left the model: where it is
    `set`, ``removed_set`` are the fields and their values. ``batch_rows`` is None where answers
    are to decide how many rows a request takes.
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

    def fault(self, key: str, problem: str, mend: str = "") -> Fault:
        """A fault of this activation."""
        return Fault(self.file, self.name, key, problem, mend)


def read_activations(
    manifest: Manifest, settings: Settings
) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    """The activations that are well formed, and the faults of all that are not."""
    activations: list[Activation] = []
    faults: list[Fault] = []
    writers: list[Writer] = []
    for exposure in manifest.exposures:
        given, found = _read_keys(exposure)
        meta, invalid = _validate(exposure, given)
        model, no_model = _find_model(exposure, given.get("model"), manifest)
        destination, no_destination = _find_destination(exposure, given, settings)
        wrong = [*found, *invalid, *no_model, *no_destination]
        faults += wrong
        writers.append(_writer(exposure, destination, given))
        if meta and model and destination and not wrong:
            activations.append(_activation(exposure, meta, model, destination))
    return tuple(activations), (*faults, *find_conflicts(writers))


def _activation(
    exposure: Exposure, meta: ActivationMeta, model: Model, destination: str
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
    )


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
    fields = [*_mapping(given, "fields"), *(set_fields if isinstance(set_fields, dict) else ())]
    segment = given.get("segment")
    return Writer(
        exposure,
        destination,
        str(given.get("list")),
        list(dict.fromkeys(map(str, fields))),
        segment if isinstance(segment, str) else None,
        removed == "delete" or given.get("mode") == "mirror",
    )


def _read_keys(exposure: Exposure) -> tuple[dict[str, Any], list[Fault]]:
    """The keys that this version carries out, and a fault for each of the others."""

    def fault(key: str, problem: str, mend: str = "") -> Fault:
        return Fault(exposure.file, exposure.name, key, problem, mend)

    if not isinstance(exposure.meta, dict):
        return {}, [fault("selligent", "not a dictionary", "see the README for an example")]
    faults: list[Fault] = []
    given: dict[str, Any] = {}
    for key, value in exposure.meta.items():
        if key in KEYS_TO_COME:
            faults.append(fault(str(key), "not supported by this version", "remove the key"))
        elif key not in ActivationMeta.model_fields:
            like = nearest(str(key), [*ActivationMeta.model_fields, *KEYS_TO_COME])
            faults.append(fault(str(key), "no such key", f"did you mean {like}?" if like else ""))
        else:
            given[key] = value.strip() if isinstance(value, str) else value
    for key in ("matching_key", "fields"):
        if isinstance(given.get(key), dict):
            faults += _check_mapping(key, given[key], fault)
            given[key] = {str(k).strip(): v for k, v in given[key].items()}
    keys = {name.casefold() for name in _mapping(given, "matching_key")}
    faults += [
        fault(f"fields.{name}", "already the matching key", "name it in one place only")
        for name in _mapping(given, "fields")
        if name.casefold() in keys
    ]
    return given, [*faults, *_check_together(given, keys, fault)]


def _check_together(given: dict[str, Any], keys: Collection[str], fault: MakeFault) -> list[Fault]:
    """What is wrong with keys that are right by themselves."""
    faults = []
    mode, removed = given.get("mode", "upsert"), given.get("removed", "keep")
    fields = _mapping(given, "fields")
    alone = given.get("segment") is not None
    if "fields" not in given and not alone:
        faults.append(fault("fields", "missing", "every activation needs it, or a segment"))
    elif given.get("fields") == {} and not alone:
        faults.append(fault("fields", "empty", "name at least one field: column"))
    if not fields and alone and mode not in ("upsert", "update"):
        faults.append(
            fault("mode", f"{mode} writes records, and no fields are mapped", "take it out")
        )
    if mode == "mirror" and "removed" in given and removed != "delete":
        faults.append(
            fault("removed", "mode mirror deletes", "take `removed:` out, or write mode: upsert")
        )
    if mode == "update":
        faults += [
            fault(f"fields.{name}", "only: insert, and mode update inserts nothing", "take it out")
            for name, value in fields.items()
            if isinstance(value, dict)
        ]
    if isinstance(removed, dict) and isinstance(removed.get("set"), dict):
        folded = Counter(str(name).strip().casefold() for name in removed["set"])
        for name in removed["set"]:
            if str(name).strip().casefold() in keys:
                faults.append(fault(f"removed.set.{name}", "the matching key cannot be set"))
            elif name in YAML_WORDS:
                faults.append(fault(f"removed.set.{name}", *YAML_FAULT))
            elif folded[str(name).strip().casefold()] > 1:
                faults.append(fault(f"removed.set.{name}", *TWICE_FAULT))
            elif "," in str(name):
                faults.append(fault(f"removed.set.{name}", *COMMA_FAULT))
    return faults


def _mapping(given: dict[str, Any], key: str) -> dict[str, Any]:
    found = given.get(key)
    return found if isinstance(found, dict) else {}


def _validate(
    exposure: Exposure, given: dict[str, Any]
) -> tuple[ActivationMeta | None, list[Fault]]:
    if not isinstance(exposure.meta, dict):
        return None, []
    # What `_check_mapping` found wrong is said once; a column of any name stands in for it here.
    checked = {
        key: {
            field: column if _is_name(column) or (key == "fields" and _is_options(column)) else "_"
            for field, column in value.items()
        }
        if key in ("matching_key", "fields") and isinstance(value, dict)
        else value
        for key, value in given.items()
    }
    try:
        return ActivationMeta.model_validate(checked), []
    except ValidationError as invalid:
        return None, [_from_pydantic(error, exposure) for error in invalid.errors()]


def _is_name(found: object) -> bool:
    return isinstance(found, str) and bool(found.strip())


def _is_options(found: object) -> bool:
    return (
        isinstance(found, dict)
        and _is_name(found.get("column"))
        and found
        == {
            "column": found["column"],
            "only": "insert",
        }
    )


def _check_mapping(key: str, mapping: dict[Any, Any], fault: MakeFault) -> list[Fault]:
    faults = []
    # dbt writes the manifest as JSON, where a bare `on:` or `no:` has become true or false.
    folded = Counter(str(field).strip().casefold() for field in mapping)
    for field, column in mapping.items():
        where = f"{key}.{field}"
        if field in YAML_WORDS:
            faults.append(fault(where, *YAML_FAULT))
        elif isinstance(column, bool) or column is None:
            faults.append(
                fault(where, "YAML reads this column's name as a boolean or null", "quote it")
            )
        elif isinstance(column, dict) and key == "fields":
            if not _is_options(column):
                faults.append(
                    fault(where, "not an option of a field", "write {column: name, only: insert}")
                )
        elif not _is_name(column):
            faults.append(fault(where, "not the name of a column", "write FIELD: column"))
        elif folded[str(field).strip().casefold()] > 1:
            faults.append(fault(where, *TWICE_FAULT))
        elif str(field).casefold().startswith(OWN_PREFIX):
            faults.append(fault(where, f"names that begin with {OWN_PREFIX} are the tool's own"))
        elif str(field).strip().casefold() == "rowid":
            faults.append(fault(where, "a name that the tool's tables cannot hold"))
        elif "," in str(field):
            faults.append(fault(where, *COMMA_FAULT))
    return faults


def _from_pydantic(error: Any, exposure: Exposure) -> Fault:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "missing":
        problem, mend = "missing", "every activation needs it"
    elif kind == "literal_error":
        problem, mend = f"must be {error['ctx']['expected']}", ""
    else:
        message = str(error["msg"])
        problem, mend = message[:1].lower() + message[1:], ""
    return Fault(exposure.file, exposure.name, where, problem, mend)


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
