"""The grammar of `config.meta.selligent`, as pydantic checks it and its JSON Schema tells it."""

from __future__ import annotations

import json
import re
import sys
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dbt_selligent.conditions import DURATION
from dbt_selligent.errors import nearest
from dbt_selligent.guards import LIMIT
from dbt_selligent.naming import leads_elsewhere
from dbt_selligent.schedules import EXAMPLE, ZONE_EXAMPLE, find_fault, find_zone_fault

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _leads_nowhere_else(name: str) -> str:
    if leads_elsewhere(name):
        raise PydanticCustomError("name", "cannot be a name in a URL")
    return name


PathName = Annotated[Name, AfterValidator(_leads_nowhere_else)]
Value = bool | int | float | str | None
MetaLimit = (
    Annotated[int, Field(ge=0)]
    | Annotated[str, StringConstraints(pattern=LIMIT), Field(examples=["10%"])]
)
# Of a part of the rows that there are.
PART_LIMIT = r"^(100(\.0+)?|(0|[1-9][0-9]?)(\.[0-9]+)?)%$"
MetaPartLimit = (
    Annotated[int, Field(ge=0)]
    | Annotated[str, StringConstraints(pattern=PART_LIMIT), Field(examples=["10%"])]
)
SIZES = {"B": 1, "KB": 1_000, "MB": 1_000_000}
MOST_BYTES = 100_000_000
CRON_LINE = r"^\s*\S+(\s+\S+){4}\s*$"
CronLine = Annotated[str, Field(pattern=CRON_LINE)]


class _Meta(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FieldMeta(_Meta):
    """A field with options."""

    column: Annotated[Name, Field(description="the column that feeds it")]
    only: Annotated[
        Literal["insert"],
        Field(description="sent with a new record; never overwrites what is there"),
    ]


class RemovedMeta(_Meta):
    """What is set in the record of a row that left the model."""

    set: Annotated[dict[Name, Value], Field(min_length=1, description="field: value")]


class BatchMeta(_Meta):
    """How much goes in a request."""

    rows: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1)],
        Field(description="auto: as many as are answered in time; or so many at most"),
    ] = "auto"
    bytes: Annotated[
        str,
        Field(pattern=r"^[1-9][0-9]* ?(B|KB|MB)$", examples=["20MB"], description="at most"),
    ] = "20MB"

    @field_validator("rows", mode="before")
    @classmethod
    def _rows_is_a_number(cls, found: object) -> object:
        if found != "auto" and (type(found) is not int or found < 1):
            raise PydanticCustomError("rows", "must be auto or a number from 1")
        return found

    @field_validator("bytes", mode="after")
    @classmethod
    def _bytes_is_no_more_than_a_server_takes(cls, found: str) -> str:
        if not 1_000 <= read_bytes(found) <= MOST_BYTES:
            raise PydanticCustomError("bytes", "must be from 1KB to 100MB")
        return found


class GuardMeta(_Meta):
    """How much may change in a run: a number of rows, or percent; what is over it is stopped."""

    max_changed: Annotated[
        MetaLimit | None,
        Field(description="new and changed rows, of the records that were sent before"),
    ] = None
    max_removed: Annotated[
        MetaPartLimit | None,
        Field(
            description="rows that left the model, of the records that were sent before (10% where "
            "their records are deleted or set)"
        ),
    ] = None
    max_rejected: Annotated[
        MetaPartLimit, Field(description="rows that are refused or held, without an exit code of 1")
    ] = 0

    @field_validator("*", mode="before")
    @classmethod
    def _limit_is_a_number_or_percent(cls, found: object, given: ValidationInfo) -> object:
        if isinstance(found, bool):
            mend = "leave it out" if given.field_name == "max_changed" else "write 100%"
            raise PydanticCustomError(
                "limit", f"a boolean, as YAML reads on, off, yes and no: for any number, {mend}"
            )
        if found is not None and not (
            (type(found) is int and found >= 0)
            or (isinstance(found, str) and re.fullmatch(LIMIT, found))
        ):
            raise PydanticCustomError("limit", "must be a number of rows, or percent, like 10%")
        part = given.field_name != "max_changed"
        if part and isinstance(found, str) and not re.fullmatch(PART_LIMIT, found):
            raise PydanticCustomError("limit", "more than 100%, which is all: write 100% or less")
        return found


class StaleMeta(_Meta):
    """How old the start of the last complete run may be."""

    stale: Annotated[
        str,
        Field(pattern=DURATION, description="no complete run has started for so long, like 26h"),
    ]


Warnings = list[Literal["failed", "rejected", "guard", "recovered"] | StaleMeta]
PLAIN_WARNINGS = ("failed", "rejected", "guard", "recovered")


class ScheduleMeta(_Meta):
    """When an activation falls due."""

    cron: Annotated[CronLine, Field(description='a cron line, like "0 6 * * *"')]
    timezone: Annotated[
        Name | None, Field(description="of its times, like Europe/Brussels (the output's)")
    ] = None


class ActivationMeta(_Meta):
    """What stands under `config.meta.selligent`; its JSON Schema is what editors check against."""

    model_config = ConfigDict(extra="forbid", strict=True, title="dbt-selligent activation")

    list: Annotated[PathName, Field(description="API name of the list")]
    matching_key: Annotated[
        dict[Name, Name],
        Field(min_length=1, max_length=3, description="field: column; one to three fields"),
    ]
    fields: Annotated[
        dict[Name, Name | FieldMeta],
        Field(description="field: column; none where a segment alone is fed"),
    ] = {}
    mode: Annotated[
        Literal["upsert", "insert", "update", "mirror"],
        Field(
            description="which records are written: new and changed ones, new ones alone, those "
            "that are there alone; or, mirror, upsert and delete"
        ),
    ] = "upsert"
    removed: Annotated[
        Literal["keep", "delete"] | RemovedMeta | None,
        Field(description="what becomes of the record of a row that left the model; else keep"),
    ] = None
    segment: Annotated[
        PathName | None, Field(description="the static segment whose members are the model's rows")
    ] = None
    send: Annotated[
        Literal["changed", "all"],
        Field(description="of a changed row, only the fields that changed, or all of them"),
    ] = "changed"
    nulls: Annotated[
        Literal["send", "skip"],
        Field(description="skip: a null never overwrites what Selligent has"),
    ] = "send"
    batch: Annotated[BatchMeta, Field(description="how much goes in a request")] = BatchMeta()
    max_groups: Annotated[
        int, Field(ge=1, description="beyond so many sets of changed fields the rarest go whole")
    ] = 50
    guard: Annotated[
        GuardMeta,
        Field(
            description="how much may change in a run, unless it is forced; a model without a "
            "valid row always stops"
        ),
    ] = GuardMeta()
    gate: Annotated[
        Literal["last", "require", "off"] | Literal[False],
        Field(
            description="last: not if dbt's last run of the model, or a test on it, failed; "
            "require: only if they are known and passed; off, which YAML reads as false"
        ),
    ] = "last"
    warnings: Annotated[
        Warnings, Field(description="of what the addresses under `notify:` of the output are told")
    ] = []
    schedule: Annotated[
        CronLine | ScheduleMeta | None,
        Field(description='when `sync --due` and `schedule` sync it: a cron line, "0 6 * * *"'),
    ] = None
    model: Annotated[
        Name | None, Field(description="the model, where the exposure depends on several")
    ] = None
    destination: Annotated[
        Name | None, Field(description="the output of the profile, else the one named like target")
    ] = None

    @field_validator("removed", mode="before")
    @classmethod
    def _removed_is_one_of_three(cls, found: object) -> object:
        if found not in ("keep", "delete") and not (
            isinstance(found, dict) and set(found) == {"set"} and _are_constants(found["set"])
        ):
            raise PydanticCustomError("removed", "must be keep, delete or {set: {FIELD: value}}")
        return found

    @field_validator("warnings", mode="before")
    @classmethod
    def _warnings_are_known(cls, found: object) -> object:
        if faults := _warning_faults(found):
            raise PydanticCustomError("warnings", "not warnings", {"problems": faults})
        return found

    @field_validator("schedule", mode="before")
    @classmethod
    def _schedule_comes(cls, found: object) -> object:
        if found is not None and (fault := _schedule_fault(found)):
            problem, mend = fault
            raise PydanticCustomError("schedule", "{problem}", {"problem": problem, "mend": mend})
        return found


def _warning_faults(found: object) -> list[str]:
    """All that is wrong with warnings, each once."""
    if not isinstance(found, list):
        return ["must be a list, like [failed, {stale: 26h}]"]
    faults = [fault for each in found if (fault := _warning_fault(each))]
    if sum(isinstance(each, dict) and "stale" in each for each in found) > 1:
        faults.append("stale stands twice")
    return [*dict.fromkeys(faults)]


def _warning_fault(found: object) -> str | None:
    """What is wrong with one of the conditions."""
    if isinstance(found, dict) and set(found) == {"stale"}:
        given = found["stale"]
        good = isinstance(given, str) and re.fullmatch(DURATION, given)
        return None if good else "stale must be a duration, like 90m, 26h or 3d"
    if found == "stale":
        return "stale needs a duration, like {stale: 26h}"
    if isinstance(found, str) and found in PLAIN_WARNINGS:
        return None
    names = (*PLAIN_WARNINGS, "stale")
    like = nearest(str(found), names) if isinstance(found, str) else None
    mend = f"did you mean {like}?" if like else f"there are {', '.join(names)}"
    return f"{found!r} is no condition; {mend}"


def _schedule_fault(found: object) -> tuple[str, str] | None:
    """What is wrong with a schedule, and its mend; None if nothing is."""
    if isinstance(found, str):
        return find_fault(found)
    if not isinstance(found, dict):
        return "not a cron line", f"{EXAMPLE}, in quotes"
    legal = [*ScheduleMeta.model_fields]
    for key in found:
        if key not in legal:
            like = nearest(str(key), legal)
            return f"{key}: no such key", f"did you mean {like}?" if like else ""
    cron, zone = found.get("cron"), found.get("timezone")
    if not isinstance(cron, str):
        return "cron: missing" if cron is None else "cron: not a cron line", EXAMPLE
    if zone is not None and not isinstance(zone, str):
        return "timezone: not the name of a time zone", ZONE_EXAMPLE
    return find_fault(cron) or (find_zone_fault(zone.strip()) if zone is not None else None)


def _are_constants(found: object) -> bool:
    return (
        isinstance(found, dict)
        and bool(found)
        and all(
            isinstance(name, str) and bool(name.strip()) and isinstance(value, Value)
            for name, value in found.items()
        )
    )


def read_bytes(text: str) -> int:
    """Bytes of a size like 20MB."""
    number = text.rstrip("BKM ")
    return int(number) * SIZES[text[len(number) :].strip()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `config.meta.selligent`."""
    return ActivationMeta.model_json_schema()


def _print_schema() -> None:
    sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")


if __name__ == "__main__":
    _print_schema()
