"""What `debug` checks, in the order in which things depend on each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dbt_selligent.columns import Columns, match_columns
from dbt_selligent.errors import (
    ActivationFaults,
    DbtSelligentError,
    UnreachableError,
    nearest,
)
from dbt_selligent.locks import temporary_folder
from dbt_selligent.selection import list_activations
from dbt_selligent.selligent.answer import Failure, Response, Stop, classify
from dbt_selligent.selligent.client import Client, read_fields
from dbt_selligent.sending import read_answer
from dbt_selligent.settings import Settings, resolve_settings
from dbt_selligent.warehouse.duckdb import open_warehouse


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and the mend where it is not as it should be."""

    what: str
    good: bool
    found: str
    mend: str = ""


def check_all(flags: dict[str, Any]) -> Iterator[Check]:
    """The checks; those that depend on one that failed are not made."""
    try:
        settings = resolve_settings(**flags)
        yield Check("project", True, f"{settings.project_dir}, target {settings.target}")
        activations = list_activations(settings)
    except DbtSelligentError as error:
        yield _failed("activations" if isinstance(error, ActivationFaults) else "project", error)
        return
    yield Check("activations", True, ", ".join(each.name for each in activations))
    yield from _check_warehouse(settings, activations)
    for name in dict.fromkeys(each.destination for each in activations):
        yield from _check_destination(
            settings, name, [each for each in activations if each.destination == name]
        )


def _failed(what: str, error: DbtSelligentError) -> Check:
    return Check(what, False, error.message, error.next_step)


def _check_warehouse(settings: Settings, activations: Any) -> Iterator[Check]:
    try:
        with (
            temporary_folder(settings.own_target_path) as temporary,
            open_warehouse(settings, temporary) as reader,
        ):
            yield Check("warehouse", True, "opened, read-only")
            for each in activations:
                zone = settings.destination_named(each.destination).timezone
                there = reader.columns(each.model.relation_name or "", each.model.database)
                if there is None:
                    yield Check(
                        f"model {each.model.name}",
                        False,
                        "not in the warehouse",
                        f"run `dbt build --select {each.model.name}`",
                    )
                    continue
                columns, faults = match_columns(each, there, zone)
                if isinstance(columns, Columns):
                    yield Check(f"model {each.model.name}", True, f"{len(there)} columns")
                for fault in faults:
                    yield Check(f"model {each.model.name}", False, str(fault))
    except DbtSelligentError as error:
        yield _failed("warehouse", error)


def _check_destination(settings: Settings, name: str, activations: Any) -> Iterator[Check]:
    destination = settings.destination_named(name)
    client = Client(destination)
    what = f"destination {name}"
    try:
        answer = read_answer(client.status())
        if answer.status != 200:
            yield Check(
                what, False, f"{destination.url} answers {answer.status}", "is `url:` right?"
            )
            return
        yield Check(what, True, f"{destination.url} is up")
        answer = read_answer(client.organization())
        if answer.status != 200:
            yield _refusal(f"organization {destination.organization}", answer)
            return
        yield Check(f"organization {destination.organization}", True, "the key is accepted")
        for each in activations:
            yield from _check_list(client, each)
    except UnreachableError as error:
        mend = "is `url:` right? For the local one, start `dbt-selligent sandbox`"
        yield Check(what, False, f"{destination.url}: {error.message}", mend)
    except DbtSelligentError as error:
        yield _failed(what, error)
    finally:
        client.close()


def _check_list(client: Client, activation: Any) -> Iterator[Check]:
    what = f"list {activation.list}"
    answer = read_answer(client.fields(activation.list))
    fields = read_fields(answer.body) if answer.status == 200 else None
    if answer.status == 404:
        yield Check(what, False, "not there", "write the list's API name as `list:`")
    elif fields is None:
        yield _refusal(what, answer)
    else:
        names = {field.name.casefold(): field.name for field in fields}
        missing = [
            field
            for field, _ in (*activation.keys, *activation.fields)
            if field.casefold() not in names
        ]
        for field in missing:
            like = nearest(field, list(names.values()))
            yield Check(
                f"{what}, field {field}",
                False,
                "not there",
                f"did you mean {like}?" if like else "add it to the list",
            )
        if not missing:
            yield Check(what, True, f"{len(fields)} fields, all that are mapped are there")


def _refusal(what: str, answer: Response | Failure) -> Check:
    decision = classify(answer, 1, only_update=False)
    if isinstance(decision, Stop):
        return Check(what, False, decision.reason, decision.mend)
    return Check(what, False, "no usable answer", "is `url:` that of the API?")
