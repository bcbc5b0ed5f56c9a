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
    for exposure in manifest.exposures:
        meta, found = _read_meta(exposure)
        model, no_model = _find_model(exposure, meta, manifest)
        destination, no_destination = _find_destination(exposure, meta, settings)
        faults += [*found, *no_model, *no_destination]
        if meta and model and destination and not found:
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
    return tuple(activations), (*faults, *_find_conflicts(activations))


def _read_meta(exposure: Exposure) -> tuple[ActivationMeta | None, list[Fault]]:
    def fault(key: str, problem: str, mend: str = "") -> Fault:
        return Fault(exposure.file, exposure.name, key, problem, mend)

    if not isinstance(exposure.meta, dict):
        return None, [fault("selligent", "not a dictionary", "see the README for an example")]
    faults: list[Fault] = []
    given: dict[Any, Any] = {}
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
            given[key] = value
    for key in ("matching_key", "fields"):
        if isinstance(given.get(key), dict):
            faults += _check_mapping(key, given[key], fault)
            if key == "fields":
                plain = {k: v for k, v in given[key].items() if not isinstance(v, dict)}
                given[key] = plain if plain or not given[key] else {"_": "_"}
            given[key] = {str(k): v for k, v in given[key].items()}
    both = {name.casefold() for name in given.get("matching_key") or {}} & {
        name.casefold() for name in given.get("fields") or {}
    }
    faults += [
        fault(f"fields.{name}", "already the matching key", "name it in one place only")
        for name in given.get("fields") or {}
        if name.casefold() in both
    ]
    # A key or value that waits for a later version is one fault, not two: its default stands in.
    try:
        return ActivationMeta.model_validate(given), faults
    except ValidationError as invalid:
        return None, [*faults, *(_from_pydantic(error, fault) for error in invalid.errors())]


def _check_mapping(key: str, mapping: dict[Any, Any], fault: Any) -> list[Fault]:
    faults = []
    # dbt writes the manifest as JSON, where a bare `on:` or `no:` has become true or false.
    folded = Counter(str(field).casefold() for field in mapping)
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
        elif folded[str(field).casefold()] > 1:
            faults.append(fault(where, "twice, but for upper and lower case", "name it once"))
        elif str(field).casefold().startswith(OWN_PREFIX):
            faults.append(fault(where, f"names that begin with {OWN_PREFIX} are the tool's own"))
        elif "," in str(field):
            faults.append(fault(where, "a comma separates fields in the API", "rename the field"))
    return faults


def _from_pydantic(error: Any, fault: Any) -> Fault:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "missing":
        return fault(where, "missing", "every activation needs it")  # type: ignore[no-any-return]
    if kind == "literal_error":
        return fault(where, f"must be {error['ctx']['expected']}")  # type: ignore[no-any-return]
    message = str(error["msg"])
    return fault(where, message[:1].lower() + message[1:])  # type: ignore[no-any-return]


def _find_model(
    exposure: Exposure, meta: ActivationMeta | None, manifest: Manifest
) -> tuple[Model | None, list[Fault]]:
    def fault(key: str, problem: str, mend: str = "") -> list[Fault]:
        return [Fault(exposure.file, exposure.name, key, problem, mend)]

    if meta is None:
        return None, []
    models = [manifest.models[node] for node in exposure.depends_on if node in manifest.models]
    names = [model.name for model in models]
    if not models:
        return None, fault("depends_on", "no model", "write depends_on: [ref('your_model')]")
    if meta.model:
        chosen = [model for model in models if model.name == meta.model]
        if not chosen:
            like = nearest(meta.model, names)
            mend = f"did you mean {like}?" if like else f"it depends on {', '.join(names)}"
            return None, fault("model", f"{meta.model} is not among depends_on", mend)
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
    exposure: Exposure, meta: ActivationMeta | None, settings: Settings
) -> tuple[str | None, list[Fault]]:
    try:
        return settings.destination_named(meta.destination if meta else None).name, []
    except ProfileError as error:
        if meta is None or meta.destination is None:
            raise  # the command's own destination: no fault of an activation
        return None, [Fault(exposure.file, exposure.name, "destination", error.message)]


def _find_conflicts(activations: Sequence[Activation]) -> list[Fault]:
    """Fields that two activations write on one list: the last to run would win, every time."""
    writers: dict[tuple[str, str, str], list[tuple[Activation, str]]] = {}
    for activation in activations:
        for field, _ in activation.fields:
            place = (activation.destination, activation.list.casefold(), field.casefold())
            writers.setdefault(place, []).append((activation, field))
    return [
        activation.fault(
            f"fields.{field}",
            f"also written to list {activation.list} by "
            + ", ".join(other.name for other, _ in group if other is not activation),
            "one activation only may write a field of a list",
        )
        for group in writers.values()
        if len(group) > 1
        for activation, field in group
    ]


def _print_schema() -> None:
    sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")


if __name__ == "__main__":
    _print_schema()
