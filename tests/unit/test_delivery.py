"""Delivery against a simulated Selligent: no sockets, and waits are recorded, not waited."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.delivery import (
    LONGEST_WAIT,
    MOST_ATTEMPTS,
    MOST_FAILURES,
    MOST_UNNAMED,
    Delivery,
    Tally,
)
from dbt_selligent.errors import InterruptedRunError, RefusedError, UnreachableError
from dbt_selligent.payload import Batch, Form, Rows, batches
from dbt_selligent.selligent.answer import Failure, Rejected, Response
from dbt_selligent.spans import Outcome, Settled, Span, resolve

CHANGED = Form(("ID", "MAIL"), only_update=True)
WHOLE = Form(("ID", "MAIL", "NAME"), only_update=False)
SENT, CONFIRMED, REJECTED, UNSENT = (
    Outcome.SENT,
    Outcome.CONFIRMED,
    Outcome.REJECTED,
    Outcome.UNSENT,
)
Answer = Response | Failure
Server = Callable[[list[int], Batch], Answer]


def make_batch(ids: Iterable[int], group: int = 0, form: Form = CHANGED) -> Batch:
    """A batch of rows whose numbers are their ids."""
    numbers = list(ids)
    texts = [json.dumps([n, *form.fields[1:]]) + "," for n in numbers]
    rows = Rows(pa.array(numbers, pa.int64()), pa.array(texts, pa.string()))
    (batch,) = batches(group, form, [rows], most_rows=10**6, most_bytes=10**9)
    return batch


def answer(code: str, **more: object) -> Response:
    return Response(200, json.dumps({"result_code": code, **more}).encode())


def accept(ids: list[int], _batch: Batch | None = None) -> Response:
    return answer("Succeeded", number_of_inserted_records=len(ids))


@dataclass
class FakeLedger:
    """Keeps what it was told, and how much of it was flushed."""

    notes: list[tuple[Span, Outcome]] = field(default_factory=list)
    rejections: list[tuple[int, Rejected]] = field(default_factory=list)
    durable: list[tuple[Span, Outcome]] = field(default_factory=list)
    flushed: Callable[[], None] = lambda: None

    def note(self, span: Span, outcome: Outcome) -> None:
        self.notes.append((span, outcome))

    def reject(self, number: int, rejected: Rejected) -> None:
        self.rejections.append((number, rejected))

    def flush(self) -> None:
        self.durable = list(self.notes)
        self.flushed()

    def of(self, batch: Batch) -> list[Outcome]:
        """What was said of exactly the rows of a batch."""
        return [outcome for span, outcome in self.notes if span == batch.span]


@dataclass
class Trial:
    """One delivery, and all that it did."""

    server: Server
    ledger: FakeLedger = field(default_factory=FakeLedger)
    tally: Tally = field(default_factory=Tally)
    calls: list[list[int]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)
    undurable: list[list[int]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    clock: Callable[[], float] = lambda: 0.0

    def call(self, batch: Batch, body: bytes) -> Answer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        ids = [row[0] for row in json.loads(body)]
        in_doubt = [span for span, outcome in self.ledger.durable if outcome is SENT]
        covering = [
            span
            for span in in_doubt
            if span.group == batch.group and span.first <= ids[0] and ids[-1] <= span.last
        ]
        if not covering:
            self.undurable.append(ids)
        self.calls.append(ids)
        self.forms.append(batch.form)
        try:
            return self.server(ids, batch)
        finally:
            self.under_way -= 1

    def whole_again(self, batch: Batch) -> list[Batch]:
        ids = [n for part in batch.parts for n in part.numbers.to_pylist()]
        middle = (len(ids) + 1) // 2  # whole rows may need more than one request
        return [
            make_batch(part, batch.group, WHOLE) for part in (ids[:middle], ids[middle:]) if part
        ]

    def run(self, source: Iterable[Batch]) -> None:
        Delivery(
            self.call,
            self.whole_again,
            self.ledger,
            tally=self.tally,
            sleep=self.waits.append,
            clock=self.clock,
            on_progress=lambda tally: self.progress.append((tally.confirmed, tally.rejected)),
        ).run(source)
        assert self.ledger.durable == self.ledger.notes

    def unaccounted(self, made: Iterable[Batch]) -> list[tuple[Span, list[Outcome]]]:
        """Batches of which the ledger does not say what became of them, where all are accepted."""
        called = [ids[0] for ids in self.calls]
        legal = {True: [[SENT, CONFIRMED]], False: [[], [SENT, UNSENT]]}
        said = [(batch.span, self.ledger.of(batch)) for batch in made]
        return [(span, told) for span, told in said if told not in legal[span.first in called]]

    def rows(self, outcome: Outcome, ids: Iterable[int]) -> list[int]:
        """Of these rows, those of an outcome, as often as it was said of them."""
        return [
            n
            for n in ids
            for span, said in self.ledger.notes
            if said is outcome and span.first <= n <= span.last
        ]


def refusing(bad: set[int], *, names: bool = True) -> Server:
    """Refuses what holds a bad row, and names one or not."""

    def server(ids: list[int], _batch: Batch) -> Response:
        found = [n for n in ids if n in bad]
        if not found:
            return accept(ids)
        named = [{"record_index": ids.index(found[0]), "validation_code": "InvalidType"}]
        return answer(
            "PartiallySucceeded",
            number_of_failed_records=len(found),
            number_of_inserted_records=len(ids) - len(found),
            invalid_records=named if names else [],
        )

    return server


@st.composite
def batches_of_rows(draw: st.DrawFn) -> list[list[int]]:
    sizes = draw(st.lists(st.integers(1, 20), min_size=1, max_size=30))
    numbers = iter(range(1000))
    return [[next(numbers) for _ in range(size)] for size in sizes]


# order, one at a time, doubt before sending


@given(batches_of_rows())
def test_batches_go_in_order_one_at_a_time_and_in_doubt_before(ids: list[list[int]]) -> None:
    trial = Trial(accept)

    trial.run(map(make_batch, ids))

    assert trial.calls == ids
    assert trial.most_under_way == 1
    assert trial.undurable == []
    assert trial.rows(CONFIRMED, range(1000)) == [n for batch in ids for n in batch]
    assert (trial.tally.confirmed, trial.tally.requests) == (sum(map(len, ids)), len(ids))
    assert trial.progress[-1] == (sum(map(len, ids)), 0)
    assert trial.waits == []


def test_the_doubt_check_can_fail() -> None:
    trial = Trial(accept)
    trial.ledger.flush = lambda: None  # type: ignore[method-assign]

    with pytest.raises(AssertionError):
        trial.run([make_batch([1])])

    assert trial.undurable == [[1]]


def test_nothing_to_send() -> None:
    trial = Trial(accept)

    trial.run([])

    assert (trial.calls, trial.ledger.notes, trial.progress) == ([], [], [])


def test_rows_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []
    ahead: list[int] = []

    def source() -> Iterator[Batch]:
        for n in range(200):
            drawn.append(n)
            yield make_batch([n])

    def server(ids: list[int], _batch: Batch) -> Response:
        ahead.append(len(drawn) - ids[0])
        return accept(ids)

    trial = Trial(server)
    trial.run(source())

    assert trial.calls == [[n] for n in range(200)]
    assert max(ahead) <= 20


# halving


@given(batches_of_rows(), st.data(), st.booleans())
def test_halving_finds_the_bad_rows_and_no_others(
    ids: list[list[int]], data: st.DataObject, names: bool
) -> None:
    rows = [n for batch in ids for n in batch]
    most = len(rows) if names else MOST_UNNAMED - 1
    bad = data.draw(st.sets(st.sampled_from(rows), max_size=most))
    trial = Trial(refusing(bad, names=names))

    trial.run(map(make_batch, ids))

    assert sorted(n for n, _ in trial.ledger.rejections) == sorted(bad)
    assert [call for call in trial.calls if call in ids] == ids
    assert trial.rows(REJECTED, rows) == sorted(bad)
    assert trial.rows(CONFIRMED, rows) == [n for n in rows if n not in bad]
    assert (trial.tally.confirmed, trial.tally.rejected) == (len(rows) - len(bad), len(bad))
    assert trial.undurable == []
    # A batch of 20 is halved five times on the way to a row: two requests each, and one for it.
    assert len(trial.calls) <= len(ids) + 10 * len(bad)
    # Settled: the bad rows are rejected, all others confirmed, none is in doubt.
    found = {each.outcome for each in resolve(trial.ledger.notes)}
    assert found <= {"rejected", "confirmed"}


@given(batches_of_rows(), st.data())
def test_answers_lost_for_some_rows_keep_all_rows_accounted_for(
    ids: list[list[int]], data: st.DataObject
) -> None:
    """A server that confirms batches below some size only, by counts that do not add up."""
    most = data.draw(st.integers(1, 8))

    def server(sent: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_updated_records=min(len(sent), most))

    trial = Trial(server)
    trial.run(map(make_batch, ids))

    assert trial.rows(CONFIRMED, range(1000)) == [n for batch in ids for n in batch]
    assert trial.ledger.rejections == []


def test_a_batch_is_halved_down_to_the_bad_row() -> None:
    trial = Trial(refusing({2}))

    trial.run([make_batch([1, 2, 3, 4]), make_batch([5, 6])])

    assert sorted(trial.calls) == [[1], [1, 2], [1, 2, 3, 4], [2], [3, 4], [5, 6]]
    assert trial.ledger.rejections == [(2, Rejected("InvalidType", names_row=True))]


@pytest.mark.parametrize("status", [408, 413])
def test_a_request_too_long_is_halved_until_it_fits(status: int) -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return Response(status, b"") if len(ids) > 2 else accept(ids)

    trial = Trial(server)
    trial.run([make_batch(range(8))])

    assert sorted(ids for ids in trial.calls if len(ids) <= 2) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert trial.rows(CONFIRMED, range(8)) == list(range(8))


def test_a_kind_of_count_shown_by_a_row_alone_holds_for_batches() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_duplicate_records=len(ids))

    trial = Trial(server)
    trial.run([make_batch([n, n + 1]) for n in range(0, 10, 2)])

    assert [ids for ids in trial.calls if ids in ([0], [1])] == [[0], [1]]
    assert [ids for ids in trial.calls if ids[0] >= 4] == [[4, 5], [6, 7], [8, 9]]
    assert trial.tally.confirmed == 10


# not found


def test_rows_not_found_go_whole() -> None:
    def server(ids: list[int], batch: Batch) -> Response:
        if batch.form.only_update and 3 in ids:
            return answer(
                "Succeeded", number_of_updated_records=len(ids) - 1, number_of_records_not_found=1
            )
        return accept(ids)

    trial = Trial(server)
    trial.run([make_batch([1, 2]), make_batch([3, 4, 5]), make_batch([6])])

    assert [ids for ids in trial.calls if ids not in ([3, 4], [5])] == [[1, 2], [3, 4, 5], [6]]
    whole = [ids for ids, form in zip(trial.calls, trial.forms, strict=True) if form == WHOLE]
    assert whole == [[3, 4], [5]]
    assert trial.rows(CONFIRMED, range(1, 7)) == [1, 2, 3, 4, 5, 6]


def test_rows_not_found_even_whole_are_rejected_and_not_sent_for_ever() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_records_not_found=len(ids))

    trial = Trial(server)
    trial.run([make_batch([1, 2])])

    assert [n for n, _ in trial.ledger.rejections] == [1, 2]
    assert trial.calls == [[1, 2], [1], [2]]


# stops


def status_at(place: int, status: int) -> Server:
    def server(ids: list[int], _batch: Batch) -> Response:
        return Response(status, b"{}") if ids[0] == place else accept(ids)

    return server


@pytest.mark.parametrize(
    ("status", "of_the_refused"), [(401, [SENT, UNSENT]), (404, [SENT, UNSENT]), (400, [SENT])]
)
def test_what_was_never_sent_after_a_stop_is_unsent(
    status: int, of_the_refused: list[Outcome]
) -> None:
    made = [make_batch([n]) for n in range(30)]
    trial = Trial(status_at(1, status))

    with pytest.raises(RefusedError, match=str(status)):
        trial.run(made)

    assert trial.ledger.of(made[0]) == [SENT, CONFIRMED]
    assert trial.ledger.of(made[1]) == of_the_refused
    later = [trial.ledger.of(batch) for batch in made[2:]]
    assert [said for said in later if said not in ([], [SENT, UNSENT])] == []
    assert later[0] == [SENT, UNSENT]
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.calls == [[0], [1]]


def test_a_part_stays_in_doubt_after_a_stop_that_applied_nothing() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return Response(401, b"") if ids == [0, 1] else answer("Failed")

    trial = Trial(server)
    with pytest.raises(RefusedError):
        trial.run([make_batch(range(4)), make_batch([4])])

    settled = [(each.first, each.last, each.outcome) for each in resolve(trial.ledger.notes)]
    assert settled == [(0, 3, "in doubt"), (4, 4, "rejected")]


def test_a_stop_after_an_attempt_that_may_have_arrived_leaves_doubt() -> None:
    answers = iter([Response(503, b""), Response(401, b"")])
    batch = make_batch([1])
    trial = Trial(lambda _ids, _batch: next(answers))

    with pytest.raises(RefusedError):
        trial.run([batch])

    assert trial.ledger.of(batch) == [SENT]


def test_a_stop_after_attempts_that_never_arrived_leaves_none() -> None:
    answers: Iterator[Answer] = iter([Failure("no connection", reached=False), Response(401, b"")])
    batch = make_batch([1])
    trial = Trial(lambda _ids, _batch: next(answers))

    with pytest.raises(RefusedError):
        trial.run([batch])

    assert trial.ledger.of(batch) == [SENT, UNSENT]


@pytest.mark.parametrize(("reached", "said"), [(True, [SENT]), (False, [SENT, UNSENT])])
def test_a_final_failure(reached: bool, said: list[Outcome]) -> None:
    batch = make_batch([1])
    trial = Trial(lambda _ids, _batch: Failure("no trust", reached=reached, final=True))

    with pytest.raises(RefusedError, match="no trust"):
        trial.run([batch])

    assert trial.ledger.of(batch) == said
    assert trial.waits == []


def test_twenty_refusals_that_name_no_row_stop() -> None:
    trial = Trial(refusing(set(range(64)), names=False))

    with pytest.raises(RefusedError, match=f"{MOST_UNNAMED} rows were refused"):
        trial.run([make_batch(range(64)), make_batch([64])])

    refused = sorted(n for n, _ in trial.ledger.rejections)
    assert len(refused) == MOST_UNNAMED
    assert trial.rows(REJECTED, range(64)) == refused
    assert trial.tally.rejected == MOST_UNNAMED
    settled = resolve(trial.ledger.notes)
    in_doubt = [
        n
        for n in range(64)
        for each in settled
        if each.first <= n <= each.last and each.outcome == "in doubt"
    ]
    assert in_doubt == [n for n in range(64) if n not in refused]


def test_refusals_between_which_a_row_is_taken_do_not_stop() -> None:
    bad = set(range(100)) - {MOST_UNNAMED - 1, 2 * MOST_UNNAMED - 1, 59, 79}
    trial = Trial(refusing(bad, names=False))

    trial.run([make_batch([n]) for n in range(98)])

    assert trial.tally.rejected == 94


def test_refusals_that_name_rows_do_not_stop() -> None:
    trial = Trial(refusing(set(range(64))))

    trial.run([make_batch(range(64))])

    assert sorted(n for n, _ in trial.ledger.rejections) == list(range(64))


# retries


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (Response(503, b""), [SENT]),
        (Response(200, b"<html>"), [SENT]),
        (Failure("the connection broke"), [SENT]),
        (Failure("no connection", reached=False), [SENT, UNSENT]),
    ],
)
def test_failures_come_to_an_end(failing: Answer, said: list[Outcome]) -> None:
    made = [make_batch([1, 2]), make_batch([3])]
    trial = Trial(lambda _ids, _batch: failing)

    with pytest.raises(UnreachableError):
        trial.run(made)

    assert trial.calls == [[1, 2]] * MOST_FAILURES
    assert len(trial.waits) == MOST_FAILURES - 1
    assert [wait for wait in trial.waits if not 0 <= wait <= LONGEST_WAIT] == []
    assert trial.ledger.of(made[0]) == said
    assert trial.ledger.of(made[1]) == [SENT, UNSENT]
    assert trial.tally.requests == MOST_FAILURES


def test_one_attempt_that_may_have_arrived_leaves_doubt() -> None:
    unreached = [Failure("no connection", reached=False)] * 10
    answers: Iterator[Answer] = iter([Failure("the connection broke"), *unreached])
    batch = make_batch([1])
    trial = Trial(lambda _ids, _batch: next(answers))

    with pytest.raises(UnreachableError):
        trial.run([batch])

    assert trial.ledger.of(batch) == [SENT]


def test_failures_are_counted_anew_for_each_batch() -> None:
    last = {"ids": [-1], "tries": 0}

    def server(ids: list[int], _batch: Batch) -> Response:
        last.update(ids=ids, tries=int(str(last["tries"])) + 1 if last["ids"] == ids else 1)
        return accept(ids) if last["tries"] == MOST_FAILURES else Response(500, b"")

    trial = Trial(server)
    trial.run([make_batch([n]) for n in range(3)])

    assert trial.calls == [[n] for n in range(3) for _ in range(MOST_FAILURES)]
    assert trial.tally.confirmed == 3


def test_the_quota_is_waited_for_as_told() -> None:
    limited = [
        Response(429, b"quota", {"x-ratelimit-reset": "7"}),
        Response(429, b"quota", {"retry-after": "0.5"}),
        Response(429, b"quota", {"retry-after": "90"}),
        Response(429, b"quota"),
    ]
    answers = iter([*limited, accept([1])])
    trial = Trial(lambda _ids, _batch: next(answers))

    trial.run([make_batch([1])])

    assert trial.waits[:3] == [7.0, 0.5, 90.0]
    assert 0 <= trial.waits[3] <= LONGEST_WAIT
    assert (trial.tally.confirmed, trial.tally.requests) == (1, 5)


def test_the_quota_is_no_failure_but_is_not_waited_for_for_ever() -> None:
    batch = make_batch([1])
    trial = Trial(lambda _ids, _batch: Response(429, b"", {"x-ratelimit-reset": "3"}))

    with pytest.raises(UnreachableError):
        trial.run([batch])

    assert trial.waits == [3.0] * (MOST_ATTEMPTS - 1)
    assert len(trial.calls) == MOST_ATTEMPTS


# the ledger


def test_what_was_confirmed_is_durable_while_a_slow_call_is_under_way() -> None:
    """The clock stands still: it is the wait for the answer that ends, and flushes."""
    first, second = make_batch([1]), make_batch([2])
    seen = threading.Event()
    in_time: list[bool] = []

    def server(ids: list[int], _batch: Batch) -> Response:
        if ids == [2]:
            in_time.append(seen.wait(timeout=10))
        return accept(ids)

    trial = Trial(server)

    def flushed() -> None:
        if (first.span, CONFIRMED) in trial.ledger.durable:
            seen.set()

    trial.ledger.flushed = flushed
    trial.run([first, second])

    assert in_time == [True]


def test_what_was_confirmed_is_durable_soon_while_quick_calls_go_on() -> None:
    """Each call takes a tenth of a second by the clock given, and batches are never out."""
    now = [0.0]
    told_at: dict[int, float] = {}
    late: list[float] = []

    def server(ids: list[int], _batch: Batch) -> Response:
        now[0] += 0.1
        told_at[ids[0]] = now[0]
        return accept(ids)

    trial = Trial(server, clock=lambda: now[0])
    known: list[Span] = []

    def flushed() -> None:
        for span, outcome in trial.ledger.durable:
            if outcome is CONFIRMED and span not in known:
                known.append(span)
                late.append(now[0] - told_at[span.first])

    trial.ledger.flushed = flushed
    trial.run([make_batch([n]) for n in range(40)])

    assert len(late) == 40
    assert max(late) <= 0.4 + 0.2  # and a call more


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_a_call_flushes_the_ledger(error: type[BaseException]) -> None:
    made = [make_batch([n]) for n in range(4)]

    def server(ids: list[int], _batch: Batch) -> Response:
        if ids == [1]:
            raise error
        return accept(ids)

    trial = Trial(server)
    with pytest.raises(error):
        trial.run(made)

    assert trial.ledger.durable == trial.ledger.notes
    assert trial.ledger.of(made[1]) == [SENT]
    assert trial.unaccounted([made[0], *made[2:]]) == []


def test_an_exception_while_rows_are_drawn_flushes_the_ledger() -> None:
    def source() -> Iterator[Batch]:
        yield from (make_batch([n]) for n in range(3))
        raise RuntimeError("the engine failed")

    trial = Trial(accept)
    with pytest.raises(RuntimeError, match="the engine failed"):
        trial.run(source())

    assert trial.ledger.durable == trial.ledger.notes
    for n in range(3):  # what was never sent is not in doubt, whatever became of what was
        if [n] not in trial.calls:
            assert trial.ledger.of(make_batch([n])) == [SENT, UNSENT]
    assert trial.ledger.of(make_batch([2])) != [SENT]


def test_a_run_that_is_told_to_stop_sends_no_further_batch() -> None:
    made = [make_batch([n]) for n in range(9)]
    trial = Trial(accept)
    delivery = Delivery(
        trial.call,
        trial.whole_again,
        trial.ledger,
        tally=trial.tally,
        sleep=trial.waits.append,
        stopped=lambda: len(trial.calls) >= 2,
    )

    with pytest.raises(InterruptedRunError):
        delivery.run(made)

    assert trial.calls in ([[0], [1]], [[0], [1], [2]])  # one more may be in line
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.unaccounted(made) == []
    last = len(trial.calls) - 1
    assert resolve(trial.ledger.notes) == (Settled(0, 0, last, "confirmed"),)


def test_an_interrupt_between_calls_flushes_the_ledger() -> None:
    made = [make_batch([n]) for n in range(9)]
    trial = Trial(accept)

    def interrupt(_tally: Tally) -> None:
        raise KeyboardInterrupt

    delivery = Delivery(
        trial.call,
        trial.whole_again,
        trial.ledger,
        tally=trial.tally,
        sleep=trial.waits.append,
        on_progress=interrupt,
    )
    with pytest.raises(KeyboardInterrupt):
        delivery.run(made)

    assert trial.calls in ([[0]], [[0], [1]])  # one more may be in line
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.unaccounted(made) == []
