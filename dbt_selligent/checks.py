"""What `debug` checks, in the order in which things depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog, read_catalog
from dbt_selligent.errors import ActivationFaults, DbtSelligentError, Fault, UnreachableError
from dbt_selligent.findings import (
    Advice,
    Models,
    advise,
    advise_decimals,
    find_faults,
    init_command,
    is_lacking,
    read_models,
    wait_briefly,
)
from dbt_selligent.reading import read_answer
from dbt_selligent.selection import list_activations
from dbt_selligent.selligent.answer import Response, Stop, classify
from dbt_selligent.selligent.client import Client
from dbt_selligent.settings import Settings, resolve_settings


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and the mend where it is not as it should be.

    A note is advice: nothing has failed.
    """

    what: str
    state: Literal["ok", "note", "FAIL"]
    found: str
    mend: str = ""


def check_all(flags: dict[str, Any]) -> Iterator[Check]:
    """The checks; those that depend on one that failed are not made."""
    try:
        settings = resolve_settings(**flags)
        yield Check("project", "ok", f"{settings.project_dir}, target {settings.target}")
        activations = list_activations(settings)
    except DbtSelligentError as error:
        yield _failed("activations" if isinstance(error, ActivationFaults) else "project", error)
        return
    yield Check("activations", "ok", ", ".join(each.name for each in activations))
    models = read_models(settings, activations)
    told: set[Fault] = set()
    yield from _check_models(settings, activations, models, told)
    for name in dict.fromkeys(each.destination for each in activations):
        some = [each for each in activations if each.destination == name]
        yield from _check_destination(settings, name, some, models, told)


def _failed(what: str, error: DbtSelligentError) -> Check:
    return Check(what, "FAIL", error.message, error.next_step)


def _of_fault(fault: Fault, mend: str = "") -> Check:
    what = f"{fault.file}: exposure {fault.exposure}: {fault.key}"
    return Check(what, "FAIL", fault.problem, "; or ".join(filter(None, (fault.mend, mend))))


def _of_advice(advice: Advice) -> Check:
    return Check(advice.what, "note", advice.said, advice.mend)


def _check_models(
    settings: Settings, activations: Sequence[Activation], models: Models, told: set[Fault]
) -> Iterator[Check]:
    if models.error:
        yield _failed("warehouse", models.error)
        return
    # A server is written to as well: the state is kept there.
    only_read = settings.warehouse_output().get("type") == "duckdb"
    yield Check("warehouse", "ok", "opened, read-only" if only_read else "opened")
    for each in activations:
        what = f"model {each.model.name}"
        there = models.columns.get(each.unique_id)
        if error := models.errors.get(each.unique_id):
            yield _failed(what, error)
        _, faults = find_faults(settings, each, there, None, models.dialect)
        faults += [fault for fault in models.faults if fault.exposure == each.name]
        yield from (_of_fault(fault) for fault in faults)
        told.update(faults)
        if there is not None and not faults:
            yield Check(what, "ok", f"{len(there)} columns")


def _check_destination(
    settings: Settings,
    name: str,
    activations: Sequence[Activation],
    models: Models,
    told: Collection[Fault],
) -> Iterator[Check]:
    destination = settings.destination_named(name)
    what = f"destination {name}"
    try:
        with Client(destination) as client:
            answer = read_answer(client.status())
            if answer.status != 200:
                said = f"{destination.url} answers {answer.status}"
                yield Check(what, "FAIL", said, "is `url:` right?")
                return
            yield Check(what, "ok", f"{destination.url} is up")
            answer = read_answer(client.organization())
            if answer.status != 200:
                yield _refusal(f"organization {destination.organization}", answer)
                return
            yield Check(f"organization {destination.organization}", "ok", "the key is accepted")
    except UnreachableError as error:
        mend = "is `url:` right? For the local one, start `dbt-selligent sandbox`"
        yield Check(what, "FAIL", f"{destination.url}: {error.message}", mend)
        return
    except DbtSelligentError as error:
        yield _failed(what, error)
        return
    catalog = read_catalog(settings, activations, wait_briefly, offline=False)
    shown: set[Advice] = set()
    for each in activations:
        yield from _check_list(settings, each, models, catalog, told)
        for advice in _advice(settings, each, models, catalog):
            if advice not in shown:
                yield _of_advice(advice)
            shown.add(advice)


def _check_list(
    settings: Settings,
    activation: Activation,
    models: Models,
    catalog: Catalog,
    told: Collection[Fault],
) -> Iterator[Check]:
    what = f"list {activation.list}"
    if error := catalog.errors.get(activation.unique_id):
        yield _failed(what, error)
        return
    listing = catalog.listings.get(activation.unique_id)
    there = models.columns.get(activation.unique_id)
    faults = [fault for fault in catalog.faults if fault.exposure == activation.name]
    if listing:
        faults += find_faults(settings, activation, there, listing, models.dialect)[1]
    new = [fault for fault in faults if fault not in told]
    for fault in new:
        lacking = is_lacking(activation, listing, fault)
        makes = f"{init_command(settings, activation)} makes it" if lacking else ""
        yield _of_fault(fault, makes)
    if listing and not new:
        yield Check(what, "ok", f"{len(listing.fields)} fields, all that are mapped are there")


def _advice(
    settings: Settings, activation: Activation, models: Models, catalog: Catalog
) -> list[Advice]:
    listing = catalog.listings.get(activation.unique_id)
    if listing is None:
        return []
    there = models.columns.get(activation.unique_id)
    columns, _ = find_faults(settings, activation, there, listing, models.dialect)
    return [
        *advise(settings, activation, listing),
        *advise_decimals(activation, columns, listing),
    ]


def _refusal(what: str, answer: Response) -> Check:
    decision = classify(answer, 1, frozenset())
    if isinstance(decision, Stop):
        return Check(what, "FAIL", decision.reason, decision.mend)
    return Check(what, "FAIL", "no usable answer", "is `url:` that of the API?")
