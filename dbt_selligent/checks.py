"""What `debug` checks, in the order in which things depend on each other."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog, read_catalog
from dbt_selligent.errors import (
    ActivationFaults,
    DbtSelligentError,
    Fault,
    LockedError,
    ProfileError,
    RunError,
    UnreachableError,
)
from dbt_selligent.findings import (
    Advice,
    Models,
    advise_decimals,
    advise_keys,
    advise_segment,
    find_faults,
    init_command,
    is_lacking,
    read_models,
    wait_briefly,
)
from dbt_selligent.localsandbox import is_local, start_command
from dbt_selligent.places import Place
from dbt_selligent.profiles import Destination
from dbt_selligent.reading import read_answer
from dbt_selligent.selection import list_activations
from dbt_selligent.selligent.answer import Response, Stop, classify
from dbt_selligent.selligent.client import Client
from dbt_selligent.settings import Settings
from dbt_selligent.state import look_at
from dbt_selligent.storage import Storage, open_storage

# Those that are told of where they are installed.
ADAPTERS = ("dbt-duckdb", "dbt-postgres", "dbt-spark")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and the mend where it is not as it should be.

    A note is advice: nothing has failed.
    """

    what: str
    state: Literal["ok", "note", "FAIL"]
    found: str
    mend: str = ""


def check_all(resolve: Callable[[], Settings]) -> Iterator[Check]:
    """The checks of what ``resolve`` gives; those that depend on one that failed are not made."""
    yield Check("versions", "ok", ", ".join(_versions()))
    try:
        settings = resolve()
    except DbtSelligentError as error:
        yield _failed("profiles" if isinstance(error, ProfileError) else "project", error)
        return
    profiles = settings.profiles_dir / "profiles.yml"
    yield Check("profiles", "ok", f"{profiles}, profile {settings.profile}")
    yield Check("project", "ok", f"{settings.project_dir}, target {settings.target}")
    activations: Sequence[Activation] = ()
    try:
        activations = list_activations(settings)
        yield Check("activations", "ok", ", ".join(each.name for each in activations))
    except ProfileError as error:
        yield _failed("profiles", error)
        return
    except ActivationFaults as error:
        yield _failed("activations", error)
        return
    except DbtSelligentError as error:
        yield _failed("activations", error)
    models = read_models(settings, activations)
    told: set[Fault] = set()
    yield from _check_models(settings, activations, models, told)
    try:
        destinations = _destinations(settings, activations)
    except ProfileError as error:
        yield _failed("profiles", error)
        return
    yield from _check_states(settings, destinations, activations, models)
    for destination in destinations:
        some = [each for each in activations if each.destination == destination.name]
        yield from _check_destination(settings, destination, some, models, told)


def _versions() -> Iterator[str]:
    for name in ("dbt-selligent", "dbt-core", *ADAPTERS):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    yield f"Python {platform.python_version()}"


def _destinations(settings: Settings, activations: Sequence[Activation]) -> list[Destination]:
    """Those of the activations; of none, that of the command."""
    names = dict.fromkeys(each.destination for each in activations)
    return [settings.destination_named(name) for name in names or (None,)]


def _failed(what: str, error: DbtSelligentError, mend: str | None = None) -> Check:
    return Check(what, "FAIL", error.message, error.next_step if mend is None else mend)


def _of_fault(fault: Fault, mend: str = "") -> Check:
    what = f"{fault.file}: exposure {fault.exposure}: {fault.key}"
    return Check(what, "FAIL", fault.problem, "; or ".join(filter(None, (fault.mend, mend))))


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
        what = f"{each.name}: model {each.model.name}"
        there = models.columns.get(each.unique_id)
        if error := models.errors.get(each.unique_id):
            yield _failed(what, error)
        _, faults = find_faults(settings, each, there, None, models.dialect)
        faults += [fault for fault in models.faults if fault.exposure == each.name]
        yield from (_of_fault(fault) for fault in faults)
        told.update(faults)
        if there is not None and not faults:
            yield Check(what, "ok", f"{len(there)} columns")


def _check_states(
    settings: Settings,
    destinations: Sequence[Destination],
    activations: Sequence[Activation],
    models: Models,
) -> Iterator[Check]:
    """Whether states can be kept, and which there are."""
    try:
        with open_storage(settings) as storage:
            for destination in destinations:
                some = [each for each in activations if each.destination == destination.name]
                yield from _check_state(storage, destination, some, models)
    except DbtSelligentError as error:
        if models.error is None or error.message != models.error.message:
            yield _failed("state", error)


def _check_state(
    storage: Storage, destination: Destination, activations: Sequence[Activation], models: Models
) -> Iterator[Check]:
    what = f"state of destination {destination.name}"
    try:
        where = storage.rehearse(destination)
        yield Check(what, "ok", f"{where}: can be written")
        for each in activations:
            yield _of_state(each.name, storage.place(each, destination), destination)
    except DbtSelligentError as error:
        # Where the warehouse cannot be opened, that was said.
        if models.error is None or models.error.message not in error.message:
            yield _failed(what, error)


def _of_state(name: str, place: Place, destination: Destination) -> Check:
    what = f"{name}: state"
    if place.exists():
        try:
            with look_at(place, destination.state):
                return Check(what, "ok", f"there, {place.where}")
        except LockedError as locked:
            return Check(what, "note", locked.message, locked.next_step)
        except RunError as error:
            return _failed(what, error)
    if destination.require_state:
        said = f"none at {place.where}, and {destination.name} has require_state"
        mend = "put it back where it was; if there was none, `dbt-selligent sync --force`"
        return Check(what, "FAIL", said, mend)
    return Check(what, "ok", "none yet, the first sync makes it")


def _check_destination(
    settings: Settings,
    destination: Destination,
    activations: Sequence[Activation],
    models: Models,
    told: Collection[Fault],
) -> Iterator[Check]:
    what = f"destination {destination.name}"
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
                yield _refusal(destination, answer)
                return
            organization = f"organization {destination.organization}"
            yield Check(organization, "ok", "the key is accepted")
    except UnreachableError as error:
        mend = "is `url:` right? Does this machine reach it, by a proxy if there is one?"
        if is_local(destination.url):
            mend = f"start the sandbox in another terminal: {start_command(destination.url)}"
        yield Check(what, "FAIL", f"{destination.url}: {error.message}", mend)
        return
    except DbtSelligentError as error:
        yield _failed(what, error, "is `url:` right?")
        return
    catalog = read_catalog(settings, activations, wait_briefly, offline=False)
    for each in activations:
        yield from _check_list(settings, each, models, catalog, told)
    yield from _notes(settings, activations, models, catalog)


def _check_list(
    settings: Settings,
    activation: Activation,
    models: Models,
    catalog: Catalog,
    told: Collection[Fault],
) -> Iterator[Check]:
    what = f"{activation.name}: list {activation.list}"
    if error := catalog.errors.get(activation.unique_id):
        late = isinstance(error, UnreachableError)
        yield _failed(what, error, "try again later: the organization answers" if late else None)
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
    if listing and not faults:
        yield Check(what, "ok", f"{len(listing.fields)} fields, all that are mapped are there")


def _notes(
    settings: Settings, activations: Sequence[Activation], models: Models, catalog: Catalog
) -> Iterator[Check]:
    """What is advised, each thing in one line, with the activations that it is about."""
    mapped = []
    told: list[Advice] = []
    for each in activations:
        if listing := catalog.listings.get(each.unique_id):
            there = models.columns.get(each.unique_id)
            columns, _ = find_faults(settings, each, there, listing, models.dialect)
            mapped.append((each, columns, listing))
            told += advise_segment(each, listing)
    told += [*advise_keys(settings, activations, catalog), *advise_decimals(mapped)]
    for advice in told:
        yield Check(advice.about, "note", advice.said, advice.mend)


def _refusal(destination: Destination, answer: Response) -> Check:
    what = f"organization {destination.organization}"
    decision = classify(answer, 1, frozenset())
    if not isinstance(decision, Stop):
        return Check(what, "FAIL", "no usable answer", "is `url:` that of the API?")
    if answer.status == 404:
        return Check(what, "FAIL", "404: no such organization", "is `organization:` right?")
    return Check(what, "FAIL", decision.reason, decision.mend)
