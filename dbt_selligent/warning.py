"""At the end of a sync: what changed with each activation is told, and what was told remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from dbt_selligent.activation import Activation
from dbt_selligent.addresses import Address, addresses_of, deliver
from dbt_selligent.conditions import Kind, Seen, Told, change, kind_of
from dbt_selligent.errors import (
    ActivationFaults,
    ConfigurationError,
    DbtSelligentError,
    RunError,
)
from dbt_selligent.events import Emit, Untold
from dbt_selligent.filetold import FileMemories
from dbt_selligent.message import News, compose, when
from dbt_selligent.outcome import failure_of
from dbt_selligent.profiles import Destination
from dbt_selligent.results import ActivationResult
from dbt_selligent.settings import Settings
from dbt_selligent.storage import open_storage
from dbt_selligent.told import Memories, Memory

OF_A_RUN: frozenset[Kind] = frozenset(("failed", "guard", "rejected"))


@dataclass(frozen=True)
class Moment:
    """Which run of the tool looks at the activations, and when; times are in UTC."""

    run_id: str
    started: datetime
    now: datetime

    def __str__(self) -> str:
        """As a message names it."""
        return f"run {self.run_id}, started {when(self.started)}"


def warn(
    settings: Settings,
    activations: Sequence[Activation],
    results: Sequence[ActivationResult],
    moment: Moment,
    emit: Emit,
) -> None:
    """Tells the addresses of each destination what changed since they were last told.

    Of an activation without a result, only its age is judged. A message that was not taken is an
    event, and is tried again by the next run. Takes no locks of activations or lists, and must not
    be called under any: addresses may take their time.
    """
    wanting = [each for each in activations if each.warnings]
    by_id = {result.unique_id: result for result in results}
    wanting.sort(key=lambda each: (each.destination, each.name))
    told = [
        (destination, list(some))
        for name, some in groupby(wanting, lambda each: each.destination)
        if (destination := settings.destination_named(name)).notify
    ]
    if not told:
        return
    with _memories(settings) as memories_of:
        for destination, some in told:
            memories = memories_of(destination)
            looked = _look_at(memories, some, by_id, moment)
            _tell(destination, memories, looked, moment, emit)


def failures_of(
    activations: Sequence[Activation], error: DbtSelligentError
) -> list[ActivationResult]:
    """The results of activations of which none could start, each with its own faults."""
    return [failure_of(each, _own(each, error), "failed") for each in activations]


@dataclass(frozen=True)
class _Look:
    activation: Activation
    result: ActivationResult | None
    memory: Memory
    seen: Seen


def _own(activation: Activation, error: DbtSelligentError) -> DbtSelligentError:
    if not isinstance(error, ActivationFaults):
        return error
    own = [fault for fault in error.faults if fault.exposure == activation.name]
    others = ", ".join(dict.fromkeys(fault.exposure for fault in error.faults))
    said = "; ".join(map(str, own)) if own else f"nothing was sent: faults in {others}"
    return ConfigurationError(said, "run `dbt-selligent validate --live`")


@contextmanager
def _memories(settings: Settings) -> Iterator[Callable[[Destination], Memories]]:
    """What was told of a destination, for a while."""
    with ExitStack() as stack:
        memories_of: Callable[[Destination], Memories] = FileMemories
        with suppress(DbtSelligentError):  # that it cannot be opened may be what is to be told
            memories_of = stack.enter_context(open_storage(settings)).memories
        yield memories_of


def _look_at(
    memories: Memories,
    activations: Sequence[Activation],
    results: dict[str, ActivationResult],
    moment: Moment,
) -> list[_Look]:
    kept: Mapping[str, Memory] = {}
    with suppress(RunError):  # at worst, what holds is told once more
        kept = memories.recall()
    looked = []
    for each in activations:
        result = results.get(each.unique_id)
        memory = kept.get(each.name, Memory(moment.now))
        if result and result.complete:
            memory = replace(memory, complete=moment.started)
        looked.append(_Look(each, result, memory, _judge(each, result, memory, moment.now)))
    return looked


def _judge(
    activation: Activation, result: ActivationResult | None, memory: Memory, now: datetime
) -> Seen:
    judged: set[Kind] = set()
    holding: set[Kind] = set()
    if result and result.status != "skipped" and result.stopped_by != "interrupt":
        judged |= OF_A_RUN
        if result.stopped_by:
            holding.add("guard")
        elif result.status == "failed":
            holding.add("failed")
        elif result.status == "rows refused":
            holding.add("rejected")
    late = activation.warnings.late
    if late is not None:
        judged.add("stale")
        if now - (memory.complete or memory.watched) > late:
            holding.add("stale")
    complete = result is not None and result.complete
    return Seen(frozenset(judged), frozenset(holding), complete)


def _tell(
    destination: Destination,
    memories: Memories,
    looked: Sequence[_Look],
    moment: Moment,
    emit: Emit,
) -> None:
    now = moment.now.isoformat()
    addresses = addresses_of(destination)
    changes = {
        (address.key, each.activation.name): change(
            each.activation.warnings, each.memory.told.get(address.key, {}), each.seen, now
        )
        for address in addresses
        for each in looked
    }
    messages = []
    for address in addresses:
        news = [
            News(each.activation, each.result, each.memory.watched, each.memory.complete, made)
            for each in looked
            if (made := changes[address.key, each.activation.name])
        ]
        if news:
            messages.append((address, compose(destination.name, news, str(moment))))
    failed = deliver(messages)
    for address in addresses:
        if why := failed.get(address.key):
            emit(Untold(destination.name, str(address), f"{why}; the next sync tries again"))

    def told_to(address: Address, look: _Look, before: Told) -> Told:
        made = changes[address.key, look.activation.name]
        if made and address.key in failed:
            return before  # it moves by what was delivered alone
        # Of what was not judged here, another run may have told meanwhile.
        judged = look.seen.judged
        others = {mark: at for mark, at in before.items() if kind_of(mark) not in judged}
        return others | {mark: at for mark, at in made.after.items() if kind_of(mark) in judged}

    def renew(kept: Mapping[str, Memory]) -> dict[str, Memory | None]:
        return {
            look.activation.name: look.memory.joined(
                kept.get(look.activation.name, Memory(moment.now)),
                {
                    address.key: told_to(address, look, _told(kept, look, address))
                    for address in addresses
                },
            )
            for look in looked
        }

    try:
        memories.remember(renew)
    except RunError as error:
        said = f"what was told cannot be kept, and may be told again: {error.message}"
        emit(Untold(destination.name, memories.where, said))


def _told(kept: Mapping[str, Memory], look: _Look, address: Address) -> Told:
    memory = kept.get(look.activation.name)
    return memory.told.get(address.key, {}) if memory else {}
