"""What stands under `config.meta.selligent`, as YAML gave it: every fault of it, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from pydantic import BaseModel, ValidationError

from dbt_selligent.errors import Fault, nearest
from dbt_selligent.manifest import Exposure
from dbt_selligent.meta import ActivationMeta, BatchMeta, GuardMeta
from dbt_selligent.modelfaults import in_words

MakeFault = Callable[..., Fault]
# Keys with keys of their own.
PARTS: dict[str, type[BaseModel]] = {"batch": BatchMeta, "guard": GuardMeta}
# How a value is written that is not one word or number.
FORMS = {
    "matching_key": "{FIELD: column}",
    "fields": "{FIELD: column}",
    "batch": "{rows: auto, bytes: 20MB}",
    "batch.bytes": "a size, like 20MB",
    "guard": "{max_removed: 10%}",
}
# How a bare key of YAML comes here: dbt writes the manifest as JSON.
YAML_WORDS = ("true", "false", "null", True, False, None)
YAML_FAULT = ("YAML reads a bare on, yes, no, off or null so", 'quote it, like "NO"')
TWICE_FAULT = ("twice, but for case and blanks", "name it once")
COMMA_FAULT = ("a comma separates fields in the API", "rename the field")
OWN_PREFIX = "_selligent_"  # of the columns that the tool adds to its tables


def read_keys(exposure: Exposure) -> tuple[dict[str, Any], list[Fault]]:
    """The keys that this version carries out, and a fault for each of the others."""

    def fault(key: str, problem: str, mend: str = "") -> Fault:
        return Fault(exposure.file, exposure.name, key, problem, mend)

    if not isinstance(exposure.meta, dict):
        return {}, [fault("selligent", "not a dictionary", "see the README for an example")]
    faults: list[Fault] = []
    given: dict[str, Any] = {}
    for key, value in exposure.meta.items():
        if key not in ActivationMeta.model_fields:
            like = nearest(str(key), [*ActivationMeta.model_fields])
            faults.append(fault(str(key), "no such key", f"did you mean {like}?" if like else ""))
        else:
            given[key] = value.strip() if isinstance(value, str) else value
    for key in ("matching_key", "fields"):
        if isinstance(given.get(key), dict):
            faults += _check_mapping(key, given[key], fault)
            given[key] = {str(k).strip(): v for k, v in given[key].items()}
    keys = {name.casefold() for name in mapping_of(given, "matching_key")}
    faults += [
        fault(f"fields.{name}", "already the matching key", "name it in one place only")
        for name in mapping_of(given, "fields")
        if name.casefold() in keys
    ]
    return given, [*faults, *_check_together(given, keys, fault)]


def _check_together(given: dict[str, Any], keys: Collection[str], fault: MakeFault) -> list[Fault]:
    """What is wrong with keys that are right by themselves."""
    faults = []
    mode, removed = given.get("mode", "upsert"), given.get("removed", "keep")
    fields = mapping_of(given, "fields")
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


def mapping_of(given: dict[str, Any], key: str) -> dict[str, Any]:
    """The mapping under a key; none where it is no mapping."""
    found = given.get(key)
    return found if isinstance(found, dict) else {}


def validate_keys(
    exposure: Exposure, given: dict[str, Any]
) -> tuple[ActivationMeta | None, list[Fault]]:
    """The keys as the grammar has them, or what is wrong with each."""
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
        return None, [
            fault for error in invalid.errors() for fault in _from_pydantic(error, exposure)
        ]


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


def _from_pydantic(error: Any, exposure: Exposure) -> list[Fault]:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "warnings":
        said = error["ctx"]["problems"]
        return [Fault(exposure.file, exposure.name, where, problem, "") for problem in said]
    if kind == "missing":
        problem, mend = "missing", "every activation needs it"
    elif kind == "schedule":
        problem, mend = error["ctx"]["problem"], error["ctx"]["mend"]
    elif kind == "extra_forbidden" and error["loc"][0] in PARTS:
        like = nearest(str(error["loc"][-1]), [*PARTS[error["loc"][0]].model_fields])
        problem, mend = "no such key", f"did you mean {like}?" if like else ""
    else:
        problem, mend = in_words(error), f"write {FORMS[where]}" if where in FORMS else ""
    return [Fault(exposure.file, exposure.name, where, problem, mend)]
