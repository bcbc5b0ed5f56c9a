"""Records read back page by page, from the sandbox: each once, whatever the keys are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbt_selligent.errors import RefusedError, UnreachableError
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.reading import Get, Reader, Sleep, get_once, get_with_retries
from dbt_selligent.sandbox import Sandbox, SandboxConfig
from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.client import Client

TEXT, NUMBER = {"data_type": "Text"}, {"data_type": "Long"}
FIELDS = {"A": TEXT, "B": NUMBER, "C": TEXT, "V": NUMBER}
NAMES = tuple(FIELDS)
LISTS = {
    **{f"L{n}": {"fields": FIELDS, "segments": ["VIP"]} for n in range(500)},
    **{
        f"TYPED_{data_type}": {"fields": {"K": {"data_type": data_type}, "N": NUMBER}}
        for data_type in ("DateTime", "Date", "Float", "Boolean", "Numeric")
    },
    "CHOICES": {
        "business_key": ["ID"],
        "fields": {
            "ID": {"data_type": "Long", "allow_null": False},
            "TIER": {"data_type": "Text", "content": "Single", "options": ["gold", "silver"]},
            "TAGS": {"data_type": "Text", "content": "Multi", "options": ["a", "b"]},
        },
        "segments": ["VIP", {"api_name": "YOUNG", "type": "Dynamic"}],
    },
}

Record = tuple[Any, ...]
numbers = count()


class Desk:
    """A sandbox that runs, and a reader of it."""

    def __init__(self, sandbox: Sandbox, destination: Destination) -> None:
        self.sandbox = sandbox
        self.client = Client(destination, sleep=lambda _: None)
        self.reader = Reader(self.client, lambda _: None)

    def fill(self, records: Sequence[Record], names: Sequence[str] = NAMES) -> str:
        """A list of its own with these records."""
        name = f"L{next(numbers)}"
        self.sandbox.put(name, [dict(zip(names, record, strict=True)) for record in records])
        return name

    def read(
        self, name: str, keys: Sequence[str], fields: Sequence[str] = NAMES, **more: Any
    ) -> list[list[Record]]:
        pages = list(islice(self.reader.pages(name, fields, keys, **more), 100))
        assert len(pages) < 100, "reads for ever"
        return [[tuple(record) for record in page] for page in pages]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    config = SandboxConfig.model_validate({"lists": LISTS})
    sandbox = Sandbox(config, quota=10**9)
    with sandbox.running() as url:
        key, secret = Secret(config.api_key), Secret(config.api_secret)
        state = tmp_path_factory.mktemp("state")
        yield Desk(sandbox, Destination("dev", url, config.organization, key, secret, state))


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbt_selligent.reading.ROWS_PER_PAGE", 3)


def in_order(records: Sequence[Record]) -> list[str]:
    """Records as a list that can be compared, each as often as it is there."""
    return sorted(map(repr, records))


def joined(pages: Sequence[Sequence[Record]]) -> list[Record]:
    return [record for page in pages for record in page]


def canonical(value: object) -> tuple[bool, Any]:
    """As Selligent orders and compares: null first, without regard to case and trailing blanks."""
    if value is None:
        return False, 0
    return True, value.lower().rstrip(" ") if isinstance(value, str) else value


texts = st.none() | st.sampled_from(["", "a", "A", "a ", "ab", "B", "b  ", "é", "É", " a"])
few = st.none() | st.integers(-1, 2)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(texts, few, texts), max_size=25),
    st.sampled_from([["A"], ["B"], ["A", "B"], ["B", "A"], ["A", "B", "C"], ["C", "A"]]),
    st.data(),
)
def test_every_record_is_read_once_and_in_order_of_the_first_key(
    desk: Desk, rows: list[Record], keys: list[str], data: st.DataObject
) -> None:
    """One key, or several: of a key that stands several times too, as no list should have it."""
    if len(keys) > 1:  # keys are one record's own, as Selligent takes them
        places = [NAMES.index(key) for key in keys]
        rows = list(
            {tuple(canonical(row[place]) for place in places): row for row in rows}.values()
        )
    records = [(*row, number) for number, row in enumerate(rows)]
    fields = data.draw(st.permutations(NAMES))
    name = desk.fill(records)

    pages = desk.read(name, keys, fields)

    shown = [tuple(record[NAMES.index(each)] for each in fields) for record in records]
    assert in_order(joined(pages)) == in_order(shown)
    assert [page for page in pages if not 1 <= len(page) <= 3] == []
    place = fields.index(keys[0])
    order = [canonical(record[place]) for record in joined(pages)]
    assert order == sorted(order)


def test_a_list_without_records(desk: Desk) -> None:
    assert desk.read(desk.fill([]), ["A"]) == []
    assert desk.read(desk.fill([]), ["A", "B"]) == []


def test_many_records_of_one_first_key_reach_over_several_pages(desk: Desk) -> None:
    records = [(key, n, None, n) for key in ("x", None, "y") for n in range(10)]

    pages = desk.read(desk.fill(records), ["A", "B"])

    assert in_order(joined(pages)) == in_order(records)
    assert [record[:2] for record in joined(pages)] == [
        (key, n) for key in (None, "x", "y") for n in range(10)
    ]


@pytest.mark.parametrize("value", ["x", None])
def test_many_records_of_one_key_are_told_by_their_number(desk: Desk, value: str | None) -> None:
    records = [("a", 0, None, -1), *((value, 0, None, n) for n in range(10)), ("y", 0, None, 99)]

    pages = desk.read(desk.fill(records), ["A"])

    assert in_order(joined(pages)) == in_order(records)


def test_keys_that_differ_by_case_and_blanks_are_one(desk: Desk) -> None:
    """Between pages too: what comes after `x` is not `X `."""
    keys = ["x", "X", "x ", "X  ", "y", "Y ", "a", "A"]
    records = [(key, n, None, n) for n, key in enumerate(keys)]

    for by in (["A"], ["A", "B"]):
        assert in_order(joined(desk.read(desk.fill(records), by))) == in_order(records)


def test_a_page_further_on_is_asked_for_by_its_key(desk: Desk) -> None:
    """Not by the number of records before it, which costs the more the larger the list is."""
    name = desk.fill([(f"k{n:03}", n, None, n) for n in range(30)])
    before = len(desk.sandbox.received)

    desk.read(name, ["A"])

    searches: list[Any] = [one.body for one in desk.sandbox.received[before:]]
    assert [body["skip"] for body in searches if body["skip"] > 1] == []
    assert len(searches) <= 17


def test_the_members_of_a_segment(desk: Desk) -> None:
    name = desk.fill([(f"k{n}", n, None, n) for n in range(9)])
    body = json.dumps([[f"k{n}"] for n in (1, 4, 7, 8)]).encode()
    done = desk.client.bulk(Call.JOIN, name, "VIP", keys=["A"], fields=["A"], body=body)
    assert isinstance(done, Response)
    assert done.status == 200, done.body

    assert joined(desk.read(name, ["A"], ["A", "V"], segment="VIP")) == [
        ("k1", 1), ("k4", 4), ("k7", 7), ("k8", 8),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data_type", "values"),
    [
        ("DateTime", [f"2026-01-31T12:00:00.{n:03}Z" for n in range(8)]),
        ("Date", [f"2026-01-{n:02}" for n in range(1, 9)]),
        ("Float", [-4 / 3, -0.1, 0.0, 1e-7, 0.1, 1 / 3, 123456.789, 1e15, 1e300]),
        ("Numeric", list(range(-4, 5))),
        ("Boolean", [True, False] * 4),
    ],
)
def test_keys_of_other_types(desk: Desk, data_type: str, values: list[Any]) -> None:
    name = f"TYPED_{data_type}"
    records = [{"K": value, "N": n} for n, value in enumerate([*values, None])]
    desk.sandbox.put(name, records)

    for keys in (["K"], ["K", "N"]):
        read = joined(desk.read(name, keys, ["K", "N"]))
        assert in_order(read) == in_order(
            [tuple(each.values()) for each in desk.sandbox.records(name)]
        )
    assert len(read) == len(values) + 1


# an answer that is not as hoped for

Answers = Callable[[dict[str, Any]], object]


class FakeClient:
    """Answers searches by a function of them."""

    def __init__(self, answer: Answers) -> None:
        self.answer = answer
        self.searches: list[dict[str, Any]] = []

    def search(self, _list: str, search: dict[str, Any], _segment: str | None) -> object:
        self.searches.append(search)
        assert len(self.searches) < 50, "reads for ever"
        found = self.answer(search)
        return found if isinstance(found, (Response, Failure)) else found_(found)


def found_(content: object) -> Response:
    return Response(200, json.dumps(content).encode())


def read_from(answer: Answers, keys: Sequence[str] = ("A",)) -> list[list[Any]]:
    client: Any = FakeClient(answer)
    reader = Reader(client, lambda _: None)
    return [record for page in reader.pages("L", ["A", "B"], keys) for record in page]


@pytest.mark.parametrize("keys", [["A"], ["A", "B"], ["A", "A"]])
@pytest.mark.parametrize("rows", [1, 3])
def test_pages_that_do_not_go_on_are_an_error(keys: list[str], rows: int) -> None:
    """A server that takes neither filters nor `skip` would be read for ever."""
    page = {"data": [["x", 1]] * rows}

    with pytest.raises(RefusedError, match="its pages do not go on"):
        read_from(lambda _: page, keys)


def test_columns_come_in_the_order_that_the_answer_says() -> None:
    pages = iter([{"fields": ["MASTER.B", "a"], "data": [[1, "x"], [2, "y"]]}, {"data": []}])

    assert read_from(lambda _: next(pages)) == [["x", 1], ["y", 2]]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"data": 5},
        {"data": [5]},
        {"data": [["x"]]},
        {"data": [None]},
        {"data": None},
        {"fields": ["A"], "data": [["x"]]},
        {"fields": ["A", "C"], "data": [["x", 1]]},
        {"fields": 5, "data": [["x", 1]]},
        {"result_code": "Failed", "data": [["x", 1]]},
        [],
    ],
)
def test_a_page_that_is_none_is_an_error(content: object) -> None:
    with pytest.raises((RefusedError, UnreachableError)):
        read_from(lambda _: content)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(401, b""), RefusedError),
        (Response(400, b"{}"), RefusedError),
        (Response(200, b"<html>"), UnreachableError),
        (Response(503, b""), UnreachableError),
        (Failure("no connection", reached=False), UnreachableError),
        (Failure("no trust", reached=False, final=True), RefusedError),
    ],
)
def test_what_hinders_reading(answer: Response | Failure, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_from(lambda _: answer)


def test_pages_of_long_records_are_smaller(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"{n} {'long' * 200}", n, None, None) for n in range(9)]
    name = desk.fill([("short", n, None, None) for n in range(9, 12)] + rows)
    monkeypatch.setattr("dbt_selligent.reading.ROWS_PER_PAGE", 9)
    monkeypatch.setattr("dbt_selligent.selligent.client.MOST_BYTES", 2000)
    reader = Reader(desk.client, lambda _: None)

    pages = list(reader.pages(name, ["A", "B"], ["B"]))

    assert [record[1] for page in pages for record in page] == list(range(12))
    assert max(map(len, pages)) == 1
    takes = [one.body["take"] for one in desk.sandbox.received[-14:]]  # type: ignore[index]
    assert takes == [9, *[1] * 13]
    monkeypatch.setattr("dbt_selligent.selligent.client.MOST_BYTES", 500)
    with pytest.raises(UnreachableError, match="the answer is longer than"):
        list(reader.pages(name, ["A", "B"], ["B"]))


# tried again


def trying(get: Callable[[Get, Sleep], Response], *answers: Response | Failure) -> Any:
    waits: list[float] = []
    left = iter(answers)
    try:
        found: object = get(lambda: next(left), waits.append).status
    except (RefusedError, UnreachableError) as error:
        found = type(error)
    return found, waits, len(list(left))


GOOD = Response(200, b"{}")


@pytest.mark.parametrize(
    ("passing", "wait"),
    [
        (Response(503, b""), None),
        (Response(429, b"quota", {"x-ratelimit-reset": "7"}), 7.0),
        (Response(429, b"busy", {"retry-after": "2"}), 2.0),
        (Failure("the connection broke"), None),
        (Failure("no answer in time", late=True), 15.0),
        (Response(408, b""), 15.0),
        (Response(200, b"<html>Please wait.</html>"), None),
        (Response(200, b"{'result_code': Succeeded"), None),
        (Response(200, b'{"result_code": "ServiceUnavailable"}'), None),
        (Response(200, b'{"result_code": "InternalServerError"}'), None),
    ],
)
def test_what_passes_is_waited_for(passing: Response | Failure, wait: float | None) -> None:
    found, waits, left = trying(get_with_retries, passing, passing, GOOD)

    assert (found, len(waits), left) == (200, 2, 0)
    assert all(0 <= each <= 30 for each in waits)
    assert wait is None or waits == [wait] * 2
    assert trying(get_once, passing, GOOD)[1:] == ([], 1)


@pytest.mark.parametrize(
    "lasting",
    [
        Response(401, b""),
        Response(404, b""),
        Response(307, b""),
        Failure("no trust", final=True),
        Failure("the answer is longer than 64 MB", large=True),
    ],
)
def test_what_lasts_is_not_tried_again(lasting: Response | Failure) -> None:
    assert trying(get_with_retries, lasting, GOOD)[1:] == ([], 1)


def test_attempts_come_to_an_end() -> None:
    found, waits, left = trying(get_with_retries, *[Failure("no connection", reached=False)] * 20)

    assert (found, len(waits), left) == (UnreachableError, 6, 13)


# lists


def test_a_list_with_its_options_and_segment(desk: Desk) -> None:
    listing = desk.reader.listing("CHOICES", "VIP")
    dynamic, none = (desk.reader.listing("CHOICES", name) for name in ("YOUNG", "NOBODY"))

    assert listing
    assert dynamic
    assert none
    assert [(each.name, each.options) for each in listing.fields] == [
        ("ID", None),
        ("TIER", ("gold", "silver")),
        ("TAGS", None),
    ]
    kinds = (listing.segment_type, dynamic.segment_type, none.segment_type)
    assert kinds == ("Static", "Dynamic", None)
    assert desk.reader.listing("NOWHERE") is None
    assert "CHOICES" in desk.reader.names()
    desk.sandbox.put("CHOICES", [{"ID": n} for n in range(4)])
    assert desk.reader.count("CHOICES") == 4
    with pytest.raises(RefusedError):
        desk.reader.count("NOWHERE")
