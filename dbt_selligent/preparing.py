"""The state of an activation, made ready to be planned on, and the plan that is made on it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dbt_selligent.errors import RunError
from dbt_selligent.guards import Verdict
from dbt_selligent.jobs import Job
from dbt_selligent.places import Place
from dbt_selligent.planning import Plan, build_plan
from dbt_selligent.selection import list_all
from dbt_selligent.settings import Settings
from dbt_selligent.staging import Bench, Reader, Staging
from dbt_selligent.state import Anew, StateStore, open_state
from dbt_selligent.storage import Storage


@dataclass(frozen=True)
class Prepared:
    """A state that can be planned on: settled, in the columns of the mapping.

    ``first`` if nothing was ever sent, ``adopted`` if some rows never were, ``synced`` if a sync
    has come to its end, ``known_before`` if one was cut off: see the state. ``renamed`` is the name
    of a state that may be this activation's of before; ``verdicts`` are those that need no delta.
    """

    state: Place
    first: bool
    adopted: bool
    synced: bool
    known_before: int
    anew: Anew | None
    renamed: str | None
    verdicts: tuple[Verdict, ...]

    def notes(self, job: Job) -> list[str]:
        """What is to be said first of all."""
        if self.anew:
            return [self.anew.why]
        if self.first:
            first = [f"first sync, no state at {job.place.where}"]
            if self.renamed:
                first.append(
                    f"no activation has the state of {self.renamed}, which is of this list: if "
                    f"this is its new name, `dbt-selligent state rename {self.renamed} "
                    f"{job.activation.name}` is to come first"
                )
            return first
        return [] if self.synced else ["the first sync goes on: none has come to its end yet"]


def prepare_state(
    settings: Settings,
    storage: Storage,
    job: Job,
    temporary: Path,
    verdicts: Sequence[Verdict],
) -> Prepared:
    """The state as it is if it can be planned on so, else a copy that is brought up to it.

    The caller holds its lock, and has ``verdicts`` that need no state.
    """
    place = job.place
    if place.exists():
        with open_state(place, temporary, read_only=True) as store:
            if store.ready(job.identity, job.columns, job.activation.segment):
                found = (*verdicts, *_judge(settings, job, store))
                return _prepared(place, store, found)
    copy = place.copy(temporary)
    with open_state(copy, temporary) as store:
        found = (*verdicts, *_judge(settings, job, store))
        anew = store.prepare(job.identity, job.columns, job.activation.segment)
        prepared = _prepared(copy, store, found)
    renamed = _find_renamed(settings, storage, job, temporary) if prepared.first else None
    return replace(prepared, first=prepared.first or anew is not None, anew=anew, renamed=renamed)


def take_over(job: Job, plan: Plan, temporary: Path) -> None:
    """Brings the state itself up to a plan that is carried out, and gives it the plan's delta.

    Raises StateError.
    """
    with open_state(job.place, temporary) as store:
        # What a run left that was cut off is settled by that run's own delta.
        store.prepare(job.identity, job.columns, job.activation.segment)
    job.place.take_delta(plan.delta)


def plan_job(
    settings: Settings,
    reader: Reader,
    job: Job,
    where: Prepared,
    temporary: Path,
    sample: int = 0,
    notes: Sequence[str] = (),
    *,
    keep: bool,
) -> Plan:
    """The plan, its rows staged, to be kept if they may be sent.

    Raises WarehouseError, StateError.
    """
    staging = Staging(
        job.activation.model,
        job.columns,
        skip=job.activation.nulls == "skip",
        first_sync=where.first,
        full_refresh=settings.full_refresh,
        spared=where.adopted and job.activation.removed == "delete",
        retried=(
            *(("held",) if settings.retry_rejected else ()),
            *(("missing",) if settings.retry_not_found else ()),
        ),
    )
    delta = job.place.new_delta(temporary, keep=keep)

    def build(bench: Bench) -> Plan:
        return build_plan(
            bench,
            job.activation,
            staging,
            delta,
            pace=job.pace,
            speed=job.knowledge.learned.speeds.get(job.activation.list),
            limit=settings.limit,
            notes=[*where.notes(job), *notes],
            verdicts=where.verdicts,
            sample=sample,
            synced=where.synced,
            known_before=where.known_before,
            left_behind=where.anew.left_behind if where.anew else 0,
            renamed=where.renamed,
        )

    model = job.activation.model
    return reader.stage(model, where.state, delta, build, comparing=not where.first)


def _prepared(state: Place, store: StateStore, verdicts: tuple[Verdict, ...]) -> Prepared:
    return Prepared(
        state,
        first=not store.begun,
        adopted=store.adopted,
        synced=store.synced,
        known_before=store.known_before,
        anew=None,
        renamed=None,
        verdicts=verdicts,
    )


def _find_renamed(settings: Settings, storage: Storage, job: Job, temporary: Path) -> str | None:
    """A state of the same list and key that no activation has."""
    others = [name for name in job.place.names if name != job.place.name]
    if others:
        there = [activation.name for activation in list_all(settings)]
        for name in [name for name in others if name not in there]:
            place = storage.named(job.destination, name)
            with (
                suppress(RunError),
                place.hold(),
                open_state(place, temporary, read_only=True) as store,
            ):
                if store.is_of(job.identity):
                    return name
    return None


def _judge(settings: Settings, job: Job, store: StateStore | None) -> list[Verdict]:
    """What speaks against a sync on this state; None where there is none."""
    found = []
    if job.destination.require_state and (store is None or not store.begun):
        found.append(
            Verdict(
                "require_state",
                False,
                f"first sync, no state at {job.place.where}, and {job.destination.name} has "
                "require_state",
                "put the state back where it was; if there was none, sync with --force",
            )
        )
    before = store.meta("target") if store else None
    if before not in (None, settings.target):
        found.append(
            Verdict(
                "target",
                False,
                f"the last sync was made for dbt target {before}, this one is for "
                f"{settings.target}",
                f"sync with --target {before}, or, if another one is meant, with --force",
            )
        )
    return found
