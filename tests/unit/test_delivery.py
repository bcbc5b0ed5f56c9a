"""Delivery against a simulated Selligent: no sockets, and waits are recorded, not waited."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.accounts import Tally
from dbt_selligent.delivery import MOST_UNNAMED, Delivery
from dbt_selligent.errors import InterruptedRunError, RefusedError, UnreachableError
from dbt_selligent.groups import INSERTS, MEMBERS, REMOVALS, WRITES, Absent, Form
from dbt_selligent.knowledge import Knowledge
from dbt_selligent.payload import Batch, Rows
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.selligent.answer import REST, Failure, Rejected, Response
from dbt_selligent.selligent.calls import APPLIED, Call
from dbt_selligent.selligent.pace import Pace
from dbt_selligent.spans import Outcome, Settled, Span, resolve
from dbt_selligent.wire import LONGEST_WAIT, MOST_ATTEMPTS, MOST_FAILURES, Wire

CHANGED = Form(Call.UPDATE, (), Absent.AGAIN, WRITES)
WHOLE = Form(Call.UPSERT, (), Absent.REFUSED, WRITES)
APART = replace(CHANGED, absent=Absent.APART)
REMOVAL = Form(Call.UPDATE, (), Absent.DONE, REMOVALS)
DELETE = Form(Call.DELETE, (), Absent.DONE, REMOVALS)
# Two calls of one group: a field that must not overwrite is inserted, then the rest is written.
FIRST = Form(Call.INSERT, (), Absent.REFUSED, INSERTS, settles=False, completes=False)
SECOND = replace(WHOLE, first=False)
SENT, ANSWERED, UNSENT = Outcome.SENT, Outcome.ANSWERED, Outcome.UNSENT
COUNTED = {
    Call.UPSERT: "number_of_inserted_records",
    Call.INSERT: "number_of_inserted_records",
    Call.UPDATE: "number_of_updated_records",
    Call.DELETE: "number_of_deleted_records",
    Call.JOIN: "number_of_inserted_records",
    Call.LEAVE: "number_of_deleted_records",
}
Answer = Response | Failure
Server = Callable[[list[int], Batch], Answer]


def make_batch(ids: Iterable[int], group: int = 0, form: Form = CHANGED) -> Batch:
    """Rows as they come from the engine, whose numbers are their ids."""
    numbers = list(ids)
    texts = [json.dumps([n, "x"]) + "," for n in numbers]
    return Batch(group, form, (Rows(pa.array(numbers, pa.int64()), pa.array(texts, pa.string())),))


def know(base: int | None = None) -> Knowledge:
    """What is known of a destination of which nothing is known but this."""
    nowhere = Destination(
        "dev", "https://acme.example", "ACME", Secret("k"), Secret("s"), Path("/nowhere")
    )
    knowledge = Knowledge(nowhere)
    if base is not None:
        knowledge.learn_base(base)
    return knowledge


def answer(code: str, **more: object) -> Response:
    return Response(200, json.dumps({"result_code": code, **more}).encode())


def accept(ids: list[int], batch: Batch) -> Response:
    return answer("Succeeded", **{COUNTED[batch.form.call]: len(ids)})


@dataclass
class FakeLedger:
    """Keeps what it was told, and how much of it was flushed."""

    notes: list[tuple[Span, Outcome]] = field(default_factory=list)
    refusals: list[tuple[int, Rejected, bool]] = field(default_factory=list)
    apart: list[int] = field(default_factory=list)
    durable: list[tuple[Span, Outcome]] = field(default_factory=list)
    flushed: Callable[[], None] = lambda: None

    def note(self, span: Span, outcome: Outcome) -> None:
        self.notes.append((span, outcome))

    def refuse(self, numbers: Sequence[int], why: Sequence[Rejected], *, taken: bool) -> None:
        self.refusals += [(n, each, taken) for n, each in zip(numbers, why, strict=True)]

    def set_apart(self, numbers: Sequence[int]) -> None:
        self.apart += numbers

    def flush(self) -> None:
        self.durable = list(self.notes)
        self.flushed()

    def of(self, batch: Batch) -> list[Outcome]:
        """What was said of the rows of a batch, which is the same of each."""
        [numbers] = [part.numbers.to_pylist() for part in batch.parts]
        said = [
            [o for span, o in self.notes if span.first <= n <= span.last and span.group == 0]
            for n in numbers
        ]
        assert all(each == said[0] for each in said)
        return said[0]


@dataclass
class Trial:
    """One delivery, and all that it did."""

    server: Server
    rows: int = 1  # of a request
    ledger: FakeLedger = field(default_factory=FakeLedger)
    knowledge: Knowledge = field(default_factory=know)
    tally: Tally = field(default_factory=Tally)
    calls: list[list[int]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)
    undurable: list[list[int]] = field(default_factory=list)
    asked: list[tuple[list[int], int]] = field(default_factory=list)
    absent: Callable[[Batch, int], Sequence[int] | None] = lambda _batch, _missing: None
    under_way: int = 0
    most_under_way: int = 0
    most_bytes: int = 10**9
    clock: Callable[[], float] = lambda: 0.0
    admit: Callable[[], None] = lambda: None
    stopped: Callable[[], bool] = lambda: False
    on_progress: Callable[[Tally], None] = lambda _: None

    def call(self, batch: Batch, body: bytes) -> Answer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        ids = [row[0] for row in json.loads(body)]
        in_doubt = [span for span, outcome in self.ledger.durable if outcome is SENT]
        if not all(
            any(span.group == batch.group and span.first <= n <= span.last for span in in_doubt)
            for n in ids
        ):
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
            replace(make_batch(part, batch.group, WHOLE), resent=True)
            for part in (ids[:middle], ids[middle:])
            if part
        ]

    def find_absent(self, batch: Batch, missing: int) -> Sequence[int] | None:
        self.asked.append((batch.numbers(range(len(batch))), missing))
        return self.absent(batch, missing)

    def make(self, pace: Pace | None = None) -> Delivery:
        def progress(tally: Tally) -> None:
            self.progress.append((tally.confirmed, tally.rejected))
            self.on_progress(tally)

        return Delivery(
            Wire(
                self.call,
                self.whole_again,
                self.find_absent,
                self.waits.append,
                lambda: self.stopped(),
                lambda: self.clock(),
                self.admit,
            ),
            self.ledger,
            self.knowledge,
            tally=self.tally,
            pace=pace or Pace(self.rows, self.rows, strict=True),
            most_bytes=self.most_bytes,
            on_progress=progress,
        )

    def run(self, *sources: Iterable[Batch]) -> None:
        """Sends the rows of each source, one source after the other."""
        delivery = self.make()
        for source in sources:
            delivery.run(source)
        assert self.ledger.durable == self.ledger.notes

    def unaccounted(self, made: Iterable[Batch]) -> list[tuple[list[Span], list[Outcome]]]:
        """Batches of which the ledger does not say what became of them, where all are accepted."""
        called = [ids[0] for ids in self.calls]
        legal = {True: [[SENT, ANSWERED]], False: [[], [SENT, UNSENT]]}
        said = [(batch.spans, self.ledger.of(batch)) for batch in made]
        return [
            (spans, told) for spans, told in said if told not in legal[spans[0].first in called]
        ]

    def told(self, outcome: Outcome, ids: Iterable[int]) -> list[int]:
        """Of these rows, those of an outcome, as often as it was said of them."""
        return [
            n
            for n in ids
            for span, said in self.ledger.notes
            if said is outcome and span.first <= n <= span.last
        ]

    @property
    def refused(self) -> list[int]:
        return [n for n, _, _ in self.ledger.refusals]


def refusing(
    bad: set[int], *, base: int = 0, most: int | None = None, counted: bool = True
) -> Server:
    """Refuses bad rows, and names so many of them at most, by an index from ``base``."""

    def server(ids: list[int], batch: Batch) -> Response:
        found = [n for n in ids if n in bad]
        if not found:
            return accept(ids, batch)
        named = [
            {"record_index": ids.index(n) + base, "validation_code": "InvalidType"}
            for n in found[:most]
        ]
        taken = len(ids) - len(found) if counted else 0
        return answer(
            "PartiallySucceeded",
            number_of_failed_records=len(found),
            invalid_records=named,
            **{COUNTED[batch.form.call]: taken},
        )

    return server


@st.composite
def batches_of_rows(draw: st.DrawFn) -> list[list[int]]:
    sizes = draw(st.lists(st.integers(1, 20), min_size=1, max_size=30))
    numbers = iter(range(1000))
    return [[next(numbers) for _ in range(size)] for size in sizes]


def cut_by(rows: list[int], most: int) -> list[list[int]]:
    return [rows[start : start + most] for start in range(0, len(rows), most)]


# order, one at a time, doubt before sending


@given(batches_of_rows(), st.integers(1, 30))
def test_rows_go_in_order_one_request_at_a_time_and_in_doubt_before(
    ids: list[list[int]], most: int
) -> None:
    rows = [n for batch in ids for n in batch]
    trial = Trial(accept, most)

    trial.run(map(make_batch, ids))

    assert trial.calls == cut_by(rows, most)
    assert trial.most_under_way == 1
    assert trial.undurable == []
    assert trial.told(ANSWERED, range(1000)) == rows
    assert trial.tally == Tally(confirmed=len(rows), requests=len(trial.calls))
    assert trial.progress[-1] == (len(rows), 0)
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
    """Up to what one more request carries, in bytes."""
    drawn: list[int] = []
    ahead: list[int] = []

    def source() -> Iterator[Batch]:
        for n in range(200):
            drawn.append(n)
            yield make_batch([n])

    def server(ids: list[int], batch: Batch) -> Response:
        ahead.append(len(drawn) - ids[0])
        return accept(ids, batch)

    trial = Trial(server, most_bytes=100)
    trial.run(source())

    assert trial.calls == [[n] for n in range(200)]
    assert max(ahead) <= 20


def test_a_request_has_no_more_bytes_than_it_may() -> None:
    size = len(make_batch([10]).body())
    trial = Trial(accept, rows=100, most_bytes=3 * size)

    trial.run([make_batch(range(10, 30))])

    assert trial.calls == cut_by(list(range(10, 30)), 3)


def test_rows_of_another_group_or_form_go_by_themselves() -> None:
    chunks = [
        make_batch([0, 1]),
        make_batch([2, 3]),
        make_batch([4], 1),
        make_batch([5, 6], 1, WHOLE),
        make_batch([7], 1, WHOLE),
    ]
    trial = Trial(accept, rows=9)

    trial.run(chunks)

    assert trial.calls == [[0, 1, 2, 3], [4], [5, 6, 7]]
    assert trial.forms == [CHANGED, CHANGED, WHOLE]
    assert resolve(trial.ledger.notes) == (
        Settled(0, 0, 3, "answered"),
        Settled(1, 4, 7, "answered"),
    )


# how many rows go in a request


def slow_by(seconds: Callable[[int], float], trial: Trial) -> Server:
    """Answers so many rows in so many seconds, by the trial's own clock."""
    now = [0.0]
    trial.clock = lambda: now[0]

    def server(ids: list[int], batch: Batch) -> Response:
        now[0] += seconds(len(ids))
        return accept(ids, batch)

    return server


def test_requests_grow_until_an_answer_takes_its_time() -> None:
    trial = Trial(accept)
    trial.server = slow_by(lambda rows: rows / 128, trial)  # 640 rows in the 5 seconds aimed at
    delivery = trial.make(Pace(10, 10_000))

    delivery.run(make_batch(range(n, n + 100)) for n in range(0, 5000, 100))

    assert [len(ids) for ids in trial.calls] == [10, 640, 640, 640, 640, 640, 640, 640, 510]
    assert delivery.pace == Pace(640, 10_000)
    assert [n for ids in trial.calls for n in ids] == list(range(5000))


def test_requests_do_not_grow_beyond_the_most() -> None:
    trial = Trial(accept)
    delivery = trial.make(Pace(10, 40))

    delivery.run(make_batch(range(n, n + 100)) for n in range(0, 1000, 100))

    sizes = [len(ids) for ids in trial.calls]
    assert max(sizes[:-1]) == 40
    assert delivery.pace.rows == 40


def test_a_few_rows_at_the_end_go_with_the_last_request() -> None:
    chunks = [[make_batch(range(n)) for n in (50,)], [make_batch(range(51))]]
    sizes = []
    for rows in chunks:
        trial = Trial(accept)
        trial.make(Pace(40, 40)).run(rows)
        sizes.append([len(ids) for ids in trial.calls])

    assert sizes == [[50], [40, 11]]


def test_requests_shrink_where_answers_take_too_long() -> None:
    trial = Trial(accept)
    trial.server = slow_by(lambda rows: rows / 20, trial)  # 100 rows in the 5 seconds aimed at
    delivery = trial.make(Pace(1000, 1000))

    delivery.run(make_batch(range(n, n + 100)) for n in range(0, 3000, 100))

    assert [len(ids) for ids in trial.calls] == [1000] + [100] * 20
    assert delivery.pace.rows == 100


@pytest.mark.parametrize(
    "late", [Failure("no answer in time", late=True), Response(408, b""), Response(413, b"")]
)
def test_after_a_request_that_was_too_long_none_is_as_long(late: Answer) -> None:
    def server(ids: list[int], batch: Batch) -> Answer:
        return late if len(ids) > 2 else accept(ids, batch)

    trial = Trial(server, 8)
    delivery = trial.make()
    delivery.run([make_batch(range(24))])

    assert [len(ids) for ids in trial.calls if len(ids) > 2] in ([8, 4], [8, 8, 4])
    assert trial.told(ANSWERED, range(24)) == list(range(24))
    assert (delivery.pace.rows, delivery.pace.most) == (2, 2)
    assert trial.tally.confirmed == 24
    # While it may still be worked at, its list is left alone.
    rests = {REST} if not isinstance(late, Response) or late.status == 408 else set()
    assert set(trial.waits) == rests


def test_requests_that_are_too_long_however_small_come_to_an_end() -> None:
    trial = Trial(lambda _ids, _batch: Response(408, b""), 2**20)

    with pytest.raises(UnreachableError, match="7 requests had no answer in time"):
        trial.run([make_batch(range(2000))])

    sizes = [len(ids) for ids in trial.calls]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], len(sizes)) == (2000, MOST_FAILURES)
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 1999, "in doubt"),)


def test_what_a_server_takes_is_found_however_little_it_is() -> None:
    """Of requests that are refused for their size, smaller ones are sent, down to what is taken."""

    def server(ids: list[int], batch: Batch) -> Answer:
        return accept(ids, batch) if len(ids) <= 3 else Response(413, b"")

    trial = Trial(server, 2**20)

    trial.run([make_batch(range(4096))])

    assert trial.tally.confirmed == 4096
    assert trial.waits == []
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 4095, "answered"),)


def test_the_wait_for_the_quota_is_no_time_of_an_answer() -> None:
    now = [0.0]

    def admit() -> None:
        now[0] += 60.0

    def server(ids: list[int], batch: Batch) -> Answer:
        now[0] += 0.1
        return accept(ids, batch)

    trial = Trial(server, clock=lambda: now[0], admit=admit)
    delivery = trial.make(Pace(2))
    delivery.run([make_batch(range(100))])

    assert trial.calls == [[0, 1], [*range(2, 100)]]


def test_of_a_row_that_alone_is_not_answered_in_time_the_run_says_so() -> None:
    trial = Trial(lambda _ids, _batch: Failure("no answer in time", late=True))

    with pytest.raises(UnreachableError, match="no answer in time"):
        trial.run([make_batch([1])])

    assert trial.calls == [[1]] * MOST_FAILURES
    assert trial.waits == [REST] * (MOST_FAILURES - 1)
    assert resolve(trial.ledger.notes) == (Settled(0, 1, 1, "in doubt"),)


# rows that are refused


@given(
    batches_of_rows(),
    st.integers(1, 20),
    st.sampled_from([0, 1]),
    st.booleans(),
    st.none() | st.integers(0, 3),
    st.booleans(),
    st.data(),
)
def test_the_bad_rows_are_found_and_no_others(
    ids: list[list[int]],
    size: int,
    base: int,
    known: bool,
    named: int | None,
    counted: bool,
    data: st.DataObject,
) -> None:
    """Whatever an index counts from, however few rows are named, and whether counts add up."""
    rows = [n for batch in ids for n in batch]
    most = len(rows) if named != 0 else MOST_UNNAMED - 1
    bad = data.draw(st.sets(st.sampled_from(rows), max_size=most))
    trial = Trial(refusing(bad, base=base, most=named, counted=counted), size)
    if known:
        trial.knowledge = know(base)

    trial.run(map(make_batch, ids))

    assert sorted(trial.refused) == sorted(bad)
    assert [call for call in trial.calls if call in cut_by(rows, size)] == [
        call for call in cut_by(rows, size) if call in trial.calls
    ]
    assert trial.told(ANSWERED, rows) == rows
    assert trial.tally.confirmed == len(rows) - len(bad)
    assert trial.tally.rejected == len(bad)
    assert trial.undurable == []
    # Settled: all rows are answered, none is in doubt, and those that were refused are kept apart.
    assert {each.outcome for each in resolve(trial.ledger.notes)} == {"answered"}
    # A batch of 20 is halved five times on the way to a row: two requests each, and one for it.
    requests = len(cut_by(rows, size))
    assert len(trial.calls) <= requests + 10 * len(bad)
    if named is None and counted:
        # Named rows are found at once; only what an index counts from has to be found out.
        assert len(trial.calls) <= requests + (0 if known else 8)


@given(batches_of_rows(), st.integers(3, 20), st.integers(2, 9), st.data())
def test_an_index_that_counts_from_elsewhere_names_no_row(
    ids: list[list[int]], size: int, base: int, data: st.DataObject
) -> None:
    """Neither from 0 nor from 1: halving still tells the bad rows from the good."""
    rows = [n for batch in ids for n in batch]
    bad = data.draw(st.sets(st.sampled_from(rows)))
    trial = Trial(refusing(bad, base=base), size)

    trial.run(map(make_batch, ids))

    assert sorted(trial.refused) == sorted(bad)
    assert trial.told(ANSWERED, rows) == rows
    assert {each.outcome for each in resolve(trial.ledger.notes)} == {"answered"}
    assert trial.knowledge.learned.index_base is None


@given(batches_of_rows(), st.integers(1, 20), st.data())
def test_answers_lost_for_some_rows_keep_all_rows_accounted_for(
    ids: list[list[int]], size: int, data: st.DataObject
) -> None:
    """A server that confirms batches below some size only, by counts that do not add up."""
    most = data.draw(st.integers(1, 8))
    rows = [n for batch in ids for n in batch]

    def server(sent: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_updated_records=min(len(sent), most))

    trial = Trial(server, size)
    trial.run(map(make_batch, ids))

    assert trial.told(ANSWERED, range(1000)) == rows
    assert trial.ledger.refusals == []


def test_what_a_row_sent_alone_contradicts_is_not_believed_any_more() -> None:
    trial = Trial(refusing({1}, base=1), 1)
    trial.knowledge.learn_base(0)

    trial.run([make_batch([1])])

    assert trial.knowledge.learned.index_base is None


def test_a_batch_is_halved_down_to_the_bad_row_that_is_not_named() -> None:
    trial = Trial(refusing({2}, most=0), 4)

    trial.run([make_batch([1, 2, 3, 4]), make_batch([5, 6])])

    assert sorted(trial.calls) == [[1], [1, 2], [1, 2, 3, 4], [2], [3, 4], [5, 6]]
    assert trial.ledger.refusals == [(2, Rejected("PartiallySucceeded"), False)]


def test_what_an_index_counts_from_is_found_out_once() -> None:
    """Of the two rows that it may mean, sent alone, one is refused: by it the base is known."""
    trial = Trial(refusing({3, 13, 23}, base=1), 10)

    trial.run([make_batch(range(30))])

    assert trial.knowledge.learned.index_base == 1
    alone = [ids for ids in trial.calls if len(ids) == 1]
    assert alone[:2] == [[3], [4]]
    assert [0, 1, 2, 5, 6, 7, 8, 9] in trial.calls
    assert list(range(20, 30)) == trial.calls[-1]
    assert sorted(trial.refused) == [3, 13, 23]


def test_a_known_base_needs_no_row_alone() -> None:
    trial = Trial(refusing({3, 4, 13}, base=1), 10, knowledge=know(1))

    trial.run([make_batch(range(20))])

    assert trial.calls == [list(range(10)), list(range(10, 20))]
    assert trial.ledger.refusals == [
        (n, Rejected("InvalidType", names_row=True, index=n % 10 + 1), False) for n in (3, 4, 13)
    ]
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 19, "answered"),)
    assert trial.tally == Tally(confirmed=17, rejected=3, requests=2)


def test_named_rows_of_an_answer_that_does_not_add_up_are_sent_alone() -> None:
    """It names as many as are refused, so that the others need not be parted."""
    trial = Trial(refusing({3, 7}, counted=False), 10, knowledge=know(0))

    trial.run([make_batch(range(10))])

    assert trial.calls == [list(range(10)), [3], [7], [0, 1, 2, 4, 5, 6, 8, 9]]
    assert trial.refused == [3, 7]


def test_where_fewer_are_named_than_refused_the_others_are_parted() -> None:
    trial = Trial(refusing({3, 7}, most=1), 10, knowledge=know(0))

    trial.run([make_batch(range(10))])

    assert trial.calls[:3] == [list(range(10)), [3], [0, 1, 2, 4, 5]]
    assert trial.refused == [3, 7]
    assert trial.told(ANSWERED, range(10)) == list(range(10))


def test_a_kind_of_count_shown_by_a_row_alone_holds_for_batches() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_duplicate_records=len(ids))

    trial = Trial(server, 2)
    trial.run([make_batch([n, n + 1]) for n in range(0, 10, 2)])

    assert [ids for ids in trial.calls if ids in ([0], [1])] == [[0], [1]]
    assert [ids for ids in trial.calls if ids[0] >= 4] == [[4, 5], [6, 7], [8, 9]]
    assert trial.tally.confirmed == 10
    assert trial.knowledge.learned.applied[Call.UPDATE] == APPLIED[Call.UPDATE] | {"duplicate"}
    assert trial.knowledge.learned.applied[Call.UPSERT] == APPLIED[Call.UPSERT]


@pytest.mark.parametrize("not_found", [0, 1])
def test_of_a_removal_without_a_record_nothing_is_learned(not_found: int) -> None:
    """It is done with; of an update of the same kind of call, that it has none is to be known."""
    counts = {"number_of_updated_records": 0, "number_of_records_not_found": not_found}
    trial = Trial(lambda _ids, _batch: answer("Succeeded", **counts))

    trial.run([make_batch([0], 0, REMOVAL)])

    assert (trial.tally.removed, trial.knowledge.learned.applied) == (1, APPLIED)


def test_what_one_call_counts_says_nothing_of_another() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_duplicate_records=len(ids))

    trial = Trial(server, 2)
    trial.run([make_batch([0]), make_batch([1, 2], 1, WHOLE)])

    assert trial.calls == [[0], [1, 2], [1], [2]]


def test_a_row_alone_that_is_counted_twice_teaches_nothing() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer(
            "Succeeded",
            number_of_updated_records=len(ids),
            number_of_duplicate_records=len(ids),
        )

    trial = Trial(server, 2)
    trial.run([make_batch([0]), make_batch([1, 2])])

    assert trial.knowledge.learned.applied[Call.UPDATE] == APPLIED[Call.UPDATE]
    assert trial.tally.confirmed == 3


# not found


def absent_from(gone: set[int]) -> Server:
    """Has no record of some rows."""

    def server(ids: list[int], batch: Batch) -> Response:
        there = [n for n in ids if n not in gone or batch.form.call is Call.UPSERT]
        return answer(
            "Succeeded",
            number_of_records_not_found=len(ids) - len(there),
            **{COUNTED[batch.form.call]: len(there)},
        )

    return server


def test_rows_not_found_go_whole() -> None:
    trial = Trial(absent_from({3}), 3)
    trial.run([make_batch([1, 2]), make_batch([3, 4, 5], 0, replace(CHANGED, step=9))])

    assert [ids for ids in trial.calls if ids not in ([3, 4], [5])] == [[1, 2], [3, 4, 5]]
    whole = [ids for ids, form in zip(trial.calls, trial.forms, strict=True) if form == WHOLE]
    assert whole == [[3, 4], [5]]
    assert trial.told(ANSWERED, range(1, 6)) == [1, 2, 3, 4, 5]
    assert trial.tally.confirmed == 5


def test_rows_not_found_beside_refused_ones_go_whole_without_these() -> None:
    def server(ids: list[int], batch: Batch) -> Response:
        if batch.form.call is Call.UPSERT:
            return accept(ids, batch)
        return answer(
            "PartiallySucceeded",
            number_of_updated_records=2,
            number_of_failed_records=1,
            number_of_records_not_found=1,
            invalid_records=[{"record_index": 2, "validation_code": "InvalidType"}],
        )

    trial = Trial(server, 4, knowledge=know(0))
    trial.run([make_batch(range(4))])

    assert trial.calls == [[0, 1, 2, 3], [0, 1], [3]]
    assert trial.forms == [CHANGED, WHOLE, WHOLE]
    assert trial.refused == [2]
    assert (trial.tally.confirmed, trial.tally.rejected) == (3, 1)


def test_rows_not_found_even_whole_are_rejected_and_not_sent_for_ever() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return answer("Succeeded", number_of_records_not_found=len(ids))

    trial = Trial(server, 2)
    trial.run([make_batch([1, 2])])

    assert trial.refused == [1, 2]
    assert trial.calls == [[1, 2], [1], [2]]
    assert [why.code for _, why, _ in trial.ledger.refusals] == ["NotFound", "NotFound"]


@given(batches_of_rows(), st.integers(1, 20), st.booleans(), st.data())
def test_rows_that_are_not_found_are_set_apart_and_no_others(
    ids: list[list[int]], size: int, finds: bool, data: st.DataObject
) -> None:
    """Where the list can be read they are looked up, else ever smaller parts tell them."""
    rows = [n for batch in ids for n in batch]
    gone = data.draw(st.sets(st.sampled_from(rows)))
    trial = Trial(absent_from(gone), size)
    if finds:
        trial.absent = lambda batch, _: batch.positions_of(gone)

    trial.run(make_batch(batch, 0, APART) for batch in ids)

    assert sorted(trial.ledger.apart) == sorted(gone)
    assert trial.ledger.refusals == []
    assert trial.told(ANSWERED, rows) == rows
    assert trial.tally.not_found == len(gone)
    assert trial.tally.confirmed == len(rows) - len(gone)
    if finds:
        assert trial.calls == cut_by(rows, size)
    # Where all of a request are missing there is nothing to look for.
    assert [ids for ids, missing in trial.asked if len(ids) == missing] == []


def test_a_search_that_finds_another_number_of_rows_is_not_believed() -> None:
    """Others may have written to the list meanwhile."""
    trial = Trial(absent_from({2}), 4, absent=lambda _batch, _missing: [0, 2])

    trial.run([make_batch([0, 1, 2, 3], 0, APART)])

    assert trial.calls[:2] == [[0, 1, 2, 3], [0, 1]]
    assert trial.ledger.apart == [2]


def test_a_record_that_is_not_there_is_deleted() -> None:
    trial = Trial(absent_from({1, 2}), 4)

    trial.run([make_batch(range(4), 0, DELETE)])

    assert trial.calls == [[0, 1, 2, 3]]
    assert trial.tally == Tally(removed=4, requests=1)
    assert (trial.ledger.apart, trial.ledger.refusals) == ([], [])


def test_a_removal_that_is_refused_is_kept_and_told_apart() -> None:
    trial = Trial(refusing({1}), 4, knowledge=know(0))

    trial.run([make_batch(range(4), 0, DELETE)])

    assert trial.refused == [1]
    assert trial.tally == Tally(removed=3, kept=1, requests=1)


# groups of two calls


def test_rows_that_a_first_call_refuses_are_left_out_of_the_second() -> None:
    trial = Trial(refusing({2, 5}), 4, knowledge=know(0))
    rows = list(range(8))

    trial.run([make_batch(rows, 0, FIRST)], [make_batch(rows, 0, SECOND)])

    assert trial.calls == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 3], [4, 6, 7]]
    assert trial.refused == [2, 5]
    assert [taken for _, _, taken in trial.ledger.refusals] == [False, False]
    assert trial.tally == Tally(confirmed=6, rejected=2, requests=4)
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 7, "answered"),)


def test_a_batch_of_which_every_row_was_refused_is_not_sent_again() -> None:
    trial = Trial(refusing({0, 1}), 2, knowledge=know(0))
    rows = list(range(4))

    trial.run([make_batch(rows, 0, FIRST)], [make_batch(rows, 0, SECOND)])

    assert trial.calls == [[0, 1], [2, 3], [2, 3]]
    assert trial.told(UNSENT, rows) == []
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 3, "answered"),)


def test_what_a_second_call_refuses_was_taken_by_the_first() -> None:
    def server(ids: list[int], batch: Batch) -> Answer:
        return (refusing({2}) if batch.form == SECOND else accept)(ids, batch)

    trial = Trial(server, 4, knowledge=know(0))
    rows = list(range(4))

    trial.run([make_batch(rows, 0, FIRST)], [make_batch(rows, 0, SECOND)])

    assert trial.ledger.refusals == [(2, Rejected("InvalidType", names_row=True, index=2), True)]
    assert trial.tally == Tally(confirmed=3, rejected=1, requests=2)


def test_a_first_call_alone_settles_nothing() -> None:
    trial = Trial(accept, 4)

    trial.run([make_batch(range(4), 0, FIRST)])

    assert trial.told(ANSWERED, range(4)) == []
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 3, "in doubt"),)
    assert trial.tally == Tally(requests=1)


@pytest.mark.parametrize("failing", [Response(401, b""), Failure("no connection", reached=False)])
def test_rows_of_a_second_call_that_never_arrived_are_in_doubt(failing: Answer) -> None:
    """The first call was made: it is not as if nothing had been sent."""

    def server(ids: list[int], batch: Batch) -> Answer:
        return failing if batch.form == SECOND else accept(ids, batch)

    trial = Trial(server, 2)
    rows = list(range(6))
    with pytest.raises((RefusedError, UnreachableError)):
        trial.run([make_batch(rows, 0, FIRST)], [make_batch(rows, 0, SECOND)])

    assert trial.told(UNSENT, rows) == []
    assert resolve(trial.ledger.notes) == (Settled(0, 0, 5, "in doubt"),)


def test_a_member_that_is_not_there_is_set_apart() -> None:
    join = Form(Call.JOIN, (), Absent.APART, MEMBERS, first=False)
    record = replace(APART, completes=False)

    trial = Trial(lambda ids, b: (absent_from({2}) if b.form == join else accept)(ids, b), 4)
    trial.run([make_batch(range(4), 0, record)], [make_batch(range(4), 1, join)])

    assert trial.ledger.apart == [2]
    assert (trial.tally.confirmed, trial.tally.not_found) == (3, 1)


# stops


def status_at(place: int, status: int) -> Server:
    def server(ids: list[int], batch: Batch) -> Response:
        return Response(status, b"{}") if ids[0] == place else accept(ids, batch)

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

    assert trial.ledger.of(made[0]) == [SENT, ANSWERED]
    assert trial.ledger.of(made[1]) == of_the_refused
    later = [trial.ledger.of(batch) for batch in made[2:]]
    assert [said for said in later if said not in ([], [SENT, UNSENT])] == []
    assert later[0] == [SENT, UNSENT]
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.calls == [[0], [1]]


def test_a_part_stays_in_doubt_after_a_stop_that_applied_nothing() -> None:
    def server(ids: list[int], _batch: Batch) -> Response:
        return Response(401, b"") if ids == [0, 1] else answer("Failed")

    trial = Trial(server, 4)
    with pytest.raises(RefusedError):
        trial.run([make_batch(range(4)), make_batch([4])])

    settled = [(each.first, each.last, each.outcome) for each in resolve(trial.ledger.notes)]
    assert settled == [(0, 3, "in doubt")]
    assert trial.calls == [[0, 1, 2, 3], [0, 1]]
    assert trial.ledger.of(make_batch([4])) == [SENT, UNSENT]


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
    trial = Trial(refusing(set(range(65)), most=0), 64)

    with pytest.raises(RefusedError, match=f"{MOST_UNNAMED} rows were refused"):
        trial.run([make_batch(range(65))])

    refused = sorted(trial.refused)
    assert len(refused) == MOST_UNNAMED
    assert trial.told(ANSWERED, range(65)) == refused
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
    trial = Trial(refusing(bad, most=0))

    trial.run([make_batch([n]) for n in range(98)])

    assert trial.tally.rejected == 94


def test_refusals_between_which_an_answer_names_rows_do_not_stop() -> None:
    named = {n for n in range(98) if n % MOST_UNNAMED >= MOST_UNNAMED - 3}

    def server(ids: list[int], batch: Batch) -> Answer:
        return refusing(set(range(98)), most=None if named & set(ids) else 0)(ids, batch)

    trial = Trial(server, knowledge=know(0))
    trial.run([make_batch([n]) for n in range(98)])

    assert trial.tally.rejected == 98


@pytest.mark.parametrize("rows", [1, 64])
def test_refusals_that_name_rows_do_not_stop(rows: int) -> None:
    trial = Trial(refusing(set(range(64))), rows)

    trial.run([make_batch(range(64))])

    assert sorted(trial.refused) == list(range(64))


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
    trial = Trial(lambda _ids, _batch: failing, 2)

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

    def server(ids: list[int], batch: Batch) -> Response:
        last.update(ids=ids, tries=int(str(last["tries"])) + 1 if last["ids"] == ids else 1)
        return accept(ids, batch) if last["tries"] == MOST_FAILURES else Response(500, b"")

    trial = Trial(server)
    trial.run([make_batch([n]) for n in range(3)])

    assert trial.calls == [[n] for n in range(3) for _ in range(MOST_FAILURES)]
    assert trial.tally.confirmed == 3


@pytest.mark.parametrize("body", [b"busy", b"quota"])
def test_another_call_on_the_list_or_the_quota_is_waited_for_as_told(body: bytes) -> None:
    limited = [
        Response(429, body, {"retry-after": "0.5"}),
        Response(429, body, {"retry-after": "90"}),
        Response(429, body),
    ]
    answers: Iterator[Answer] = iter([*limited, accept([1], make_batch([1]))])
    trial = Trial(lambda _ids, _batch: next(answers))

    trial.run([make_batch([1])])

    assert trial.waits[:2] == [0.5, 90.0]
    assert 0 <= trial.waits[2] <= LONGEST_WAIT
    assert (trial.tally.confirmed, trial.tally.requests) == (1, 4)


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        (b"quota", {"x-ratelimit-reset": "3"}, 3.0),
        (b"busy", {"retry-after": "3"}, 3.0),
    ],
)
def test_limits_are_no_failure_but_are_not_waited_for_for_ever(
    body: bytes, headers: dict[str, str], wait: float
) -> None:
    trial = Trial(lambda _ids, _batch: Response(429, body, headers))

    with pytest.raises(UnreachableError):
        trial.run([make_batch([1])])

    assert trial.waits == [wait] * (MOST_ATTEMPTS - 1)
    assert len(trial.calls) == MOST_ATTEMPTS


# the ledger


def test_what_was_confirmed_is_durable_while_a_slow_call_is_under_way() -> None:
    """The clock stands still: it is the wait for the answer that ends, and flushes."""
    first, second = make_batch([1]), make_batch([2])
    seen = threading.Event()
    in_time: list[bool] = []

    def server(ids: list[int], batch: Batch) -> Response:
        if ids == [2]:
            in_time.append(seen.wait(timeout=10))
        return accept(ids, batch)

    trial = Trial(server)

    def flushed() -> None:
        if (first.spans[0], ANSWERED) in trial.ledger.durable:
            seen.set()

    trial.ledger.flushed = flushed
    trial.run([first, second])

    assert in_time == [True]


def test_what_was_confirmed_is_durable_soon_while_quick_calls_go_on() -> None:
    """Each call takes a tenth of a second by the clock given, and batches are never out."""
    now = [0.0]
    told_at: dict[int, float] = {}
    late: list[float] = []

    def server(ids: list[int], batch: Batch) -> Response:
        now[0] += 0.1
        told_at[ids[0]] = now[0]
        return accept(ids, batch)

    trial = Trial(server, clock=lambda: now[0])
    known: list[Span] = []

    def flushed() -> None:
        for span, outcome in trial.ledger.durable:
            if outcome is ANSWERED and span not in known:
                known.append(span)
                late.append(now[0] - told_at[span.first])

    trial.ledger.flushed = flushed
    trial.run([make_batch([n]) for n in range(40)])

    assert len(late) == 40
    assert max(late) <= 0.4 + 0.2  # and a call more


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_a_call_flushes_the_ledger(error: type[BaseException]) -> None:
    made = [make_batch([n]) for n in range(4)]

    def server(ids: list[int], batch: Batch) -> Response:
        if ids == [1]:
            raise error
        return accept(ids, batch)

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
    trial.stopped = lambda: len(trial.calls) >= 2

    with pytest.raises(InterruptedRunError):
        trial.run(made)

    assert trial.calls in ([[0], [1]], [[0], [1], [2]])  # one more may be in line
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.unaccounted(made) == []
    last = len(trial.calls) - 1
    assert resolve(trial.ledger.notes) == (Settled(0, 0, last, "answered"),)


def test_an_interrupt_between_calls_flushes_the_ledger() -> None:
    made = [make_batch([n]) for n in range(9)]
    trial = Trial(accept)

    def interrupt(_tally: Tally) -> None:
        raise KeyboardInterrupt

    trial.on_progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        trial.run(made)

    assert trial.calls in ([[0]], [[0], [1]])  # one more may be in line
    assert trial.ledger.durable == trial.ledger.notes
    assert trial.unaccounted(made) == []
