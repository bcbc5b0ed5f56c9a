"""Step 2: the meta of exposures as frozen activations; every fault of every one, at once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dbt_selligent.errors import Fault, ProfileError, nearest
from dbt_selligent.manifest import Exposure, Manifest, Model
from dbt_selligent.settings import Settings

# Keys and values of the grammar that this version does not carry out: a fault, never ignored.
KEYS_TO_COME = ("segment", "nulls", "guard", "schedule", "warnings", "batch", "gate")
VALUES_TO_COME = {"mode": ("insert", "update", "mirror"), "removed": ("delete",)}
OWN_PREFIX = "_selligent_"  # of the columns that the tool adds to its tables

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ActivationMeta(BaseModel):
    """What stands under `config.meta.selligent`; its JSON Schema is what editors check against."""

    model_config = ConfigDict(extra="forbid", strict=True, title="dbt-selligent activation")

    list: Annotated[Name, Field(description="API name of the list")]
    matching_key: Annotated[
        dict[Name, Name],
        Field(min_length=1, max_length=3, description="field: column; one to three fields"),
    ]
    fields: Annotated[dict[Name, Name], Field(min_length=1, description="field: column")]
    mode: Annotated[
        Literal["upsert"], Field(description="insert new records, update changed ones")
    ] = "upsert"
    removed: Annotated[
        Literal["keep"], Field(description="leave the record when its row left the model")
    ] = "keep"
    send: Annotated[
        Literal["changed", "all"],
        Field(description="of a changed row, only the fields that changed, or all of them"),
    ] = "changed"
    max_groups: Annotated[
        int, Field(ge=1, description="beyond so many sets of changed fields the rarest go whole")
    ] = 50
    model: Annotated[
        Name | None, Field(description="the model, where the exposure depends on several")
    ] = None
    destination: Annotated[
        Name | None, Field(description="the output of the profile, else the one named like target")
    ] = None


@dataclass(frozen=True)
class Activation:
    """One exposure that feeds a list; ``keys`` and ``fields`` are (field, column) in YAML order."""

    name: str
    unique_id: str
    file: str
    tags: tuple[str, ...]
    model: Model
    destination: str
    list: str
    keys: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    send: Literal["changed", "all"] = "changed"
    max_groups: int = 50

    def fault(self, key: str, problem: str, mend: str = "") -> Fault:
        """A fault of this activation."""
        return Fault(self.file, self.name, key, problem, mend)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `config.meta.selligent`."""
    return ActivationMeta.model_json_schema()


def read_activations(
    manifest: Manifest, settings: Settings
) -> tuple[tuple[Activation, ...], tuple[Fault, ...]]:
    """The activations that are well formed, and the faults of all that are not."""
    activations: list[Activation] = []
    faults: list[Fault] = []
    writers: list[_Writer] = []
    for exposure in manifest.exposures:
        given, found = _read_keys(exposure)
        meta, invalid = _validate(exposure, given)
        model, no_model = _find_model(exposure, given.get("model"), manifest)
        destination, no_destination = _find_destination(exposure, given, settings)
        wrong = [*found, *invalid, *no_model, *no_destination]
        faults += wrong
        fields = [str(field) for field in _mapping(given, "fields")]
        writers.append(_Writer(exposure, destination, str(given.get("list")), fields))
        if meta and model and destination and not wrong:
            activations.append(
                Activation(
                    name=exposure.name,
                    unique_id=exposure.unique_id,
                    file=exposure.file,
                    tags=exposure.tags,
                    model=model,
                    destination=destination,
                    list=meta.list,
                    keys=tuple(meta.matching_key.items()),
                    fields=tuple(meta.fields.items()),
                    send=meta.send,
                    max_groups=meta.max_groups,
                )
            )
    return tuple(activations), (*faults, *_find_conflicts(writers))


@dataclass(frozen=True)
class _Writer:
    """Who writes which fields where, however faulty the rest of it."""

    exposure: Exposure
    destination: str | None
    list: str
    fields: Sequence[str]


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
        elif value in VALUES_TO_COME.get(key, ()) or (key == "removed" and isinstance(value, dict)):
            legal = "upsert" if key == "mode" else "keep"
            faults.append(fault(key, "not supported by this version", f"write {legal}"))
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
    return given, faults


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
        key: {field: column if isinstance(column, str) else "_" for field, column in value.items()}
        if key in ("matching_key", "fields") and isinstance(value, dict)
        else value
        for key, value in given.items()
    }
    try:
        return ActivationMeta.model_validate(checked), []
    except ValidationError as invalid:
        return None, [_from_pydantic(error, exposure) for error in invalid.errors()]


def _check_mapping(key: str, mapping: dict[Any, Any], fault: Any) -> list[Fault]:
    faults = []
    # dbt writes the manifest as JSON, where a bare `on:` or `no:` has become true or false.
    folded = Counter(str(field).strip().casefold() for field in mapping)
    for field, column in mapping.items():
        where = f"{key}.{field}"
        if field in ("true", "false", "null", True, False, None):
            faults.append(
                fault(where, "YAML reads a bare on, yes, no, off or null so", 'quote it, like "NO"')
            )
        elif isinstance(column, bool) or column is None:
            faults.append(
                fault(where, "YAML reads this column's name as a boolean or null", "quote it")
            )
        elif isinstance(column, dict):
            faults.append(fault(where, "options of a field are not supported by this version"))
        elif not isinstance(column, str):
            faults.append(fault(where, "not the name of a column", "write FIELD: column"))
        elif folded[str(field).strip().casefold()] > 1:
            faults.append(fault(where, "twice, but for case and blanks", "name it once"))
        elif str(field).casefold().startswith(OWN_PREFIX):
            faults.append(fault(where, f"names that begin with {OWN_PREFIX} are the tool's own"))
        elif str(field).strip().casefold() == "rowid":
            faults.append(fault(where, "a name that the tool's tables cannot hold"))
        elif "," in str(field):
            faults.append(fault(where, "a comma separates fields in the API", "rename the field"))
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


def _find_conflicts(writers: Sequence[_Writer]) -> list[Fault]:
    """Fields that two activations write on one list: the last to run would win, every time."""
    places: dict[tuple[str | None, str, str], list[tuple[_Writer, str]]] = {}
    for writer in writers:
        for field in writer.fields:
            place = (writer.destination, writer.list.casefold(), field.casefold())
            places.setdefault(place, []).append((writer, field))
    return [
        Fault(
            writer.exposure.file,
            writer.exposure.name,
            f"fields.{field}",
            f"also written to list {writer.list} by "
            + ", ".join(other.exposure.name for other, _ in group if other is not writer),
            "one activation only may write a field of a list",
        )
        for group in places.values()
        if len({id(writer) for writer, _ in group}) > 1
        for writer, field in group
    ]


def _print_schema() -> None:
    sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")


if __name__ == "__main__":
    _print_schema()
