import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.sandbox.bulk import Bulk
from dbt_selligent.sandbox.config import FieldConfig, ListConfig
from dbt_selligent.sandbox.orders import Order
from dbt_selligent.sandbox.search import Record, Search
from dbt_selligent.sandbox.store import RecordList
from dbt_selligent.sandbox.values import canonical

FIELDS = {"K": FieldConfig(data_type="Text"), "V": FieldConfig(data_type="Long")}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EqualTo": operator.eq,
    "NotEqualTo": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
TEXTS = st.sampled_from(["", "a", "A ", "ab", "AB", "b", "é", "Z", " a"])


def searched(records: Mapping[int, Record], search: dict[str, Any]) -> list[list[object]]:
    def order_of(name: str, descending: bool) -> Order:
        return Order(((record[name], i) for i, record in records.items()), descending)

    return Search.model_validate(search).run(FIELDS, records, order_of)


def plainly(records: Mapping[int, Record], search: dict[str, Any]) -> list[list[object]]:
    """The same by the book: filter, sort, cut."""
    rows = list(records.values())
    for one in search["filters"]:
        wanted = canonical(one["field_value"])
        if one["field_name"] == "V":
            wanted = int(one["field_value"])
        rows = [
            row
            for row in rows
            if (value := row[one["field_name"]]) is not None
            and COMPARISONS[one["operator"]](canonical(value), wanted)
        ]
    if by := search["order_by"]:
        rows.sort(
            key=lambda row: (row[by] is not None, canonical(row[by])),
            reverse=search["order_by_direction"] == "DESC",
        )
    start = search["skip"]
    return [[row["K"], row["V"]] for row in rows[start : start + search["take"]]]


FILTERS = st.one_of(
    st.builds(
        lambda how, text: {"field_name": "K", "operator": how, "field_value": text},
        st.sampled_from(list(COMPARISONS)),
        TEXTS,
    ),
    st.builds(
        lambda how, number: {"field_name": "V", "operator": how, "field_value": str(number)},
        st.sampled_from(list(COMPARISONS)),
        st.integers(0, 3),
    ),
)


@given(
    rows=st.lists(st.tuples(st.none() | TEXTS, st.none() | st.integers(0, 3)), max_size=8),
    filters=st.lists(FILTERS, max_size=3),
    by=st.sampled_from([None, "K", "V"]),
    direction=st.sampled_from(["ASC", "DESC"]),
    skip=st.integers(0, 3),
    take=st.integers(0, 5),
)
def test_a_search_is_filtered_sorted_and_cut(
    rows: list[tuple[str | None, int | None]],
    filters: list[dict[str, str]],
    by: str | None,
    direction: str,
    skip: int,
    take: int,
) -> None:
    records = {n: {"K": key, "V": value} for n, (key, value) in enumerate(rows, 1)}
    search = {
        "fields": ["K", "V"],
        "filters": filters,
        "order_by": by,
        "order_by_direction": direction,
        "skip": skip,
        "take": take,
    }

    assert searched(records, search) == plainly(records, search)


def test_a_page_reads_its_own_records_only() -> None:
    class Counted(dict[int, dict[str, object]]):
        reads = 0

        def __getitem__(self, key: int) -> dict[str, object]:
            self.reads += 1
            return super().__getitem__(key)

    records = Counted({n: {"K": f"k{n:05}", "V": n} for n in range(1, 20_001)})
    order = Order(((record["K"], n) for n, record in records.items()))
    search = Search.model_validate(
        {
            "fields": ["K"],
            "order_by": "K",
            "filters": [{"field_name": "K", "operator": "GreaterThan", "field_value": "K15000"}],
            "take": 100,
        }
    )

    page = search.run(FIELDS, records, lambda name, descending: order)

    assert page == [[f"k{n:05}"] for n in range(15_001, 15_101)]
    assert records.reads == 100


@pytest.fixture
def one() -> RecordList:
    config = ListConfig(business_key=["K"], fields=FIELDS)
    return RecordList("L", 1, config)


def pages(one: RecordList, take: int) -> Iterator[list[list[object]]]:
    last: object = None
    while True:
        condition = {"field_name": "K", "operator": "GreaterThan", "field_value": last}
        page = one.search(
            Search.model_validate(
                {
                    "fields": ["K", "V"],
                    "order_by": "K",
                    "filters": [] if last is None else [condition],
                    "take": take,
                }
            )
        )
        if not page:
            return
        yield page
        last = page[-1][0]


def test_pages_by_a_text_key_hold_every_record_once(one: RecordList) -> None:
    keys = [f"{letter}{n}" for n in range(12_000) for letter in ("x", "Y")]
    one.load(Bulk(("K",), ("K", "V"), [[key, n] for n, key in enumerate(keys)]))

    found = list(pages(one, 10_000))

    assert [len(page) for page in found] == [10_000, 10_000, 4_000]
    read = [row[0] for page in found for row in page]
    assert read == sorted(keys, key=canonical)  # type: ignore[arg-type]


def test_an_order_is_new_after_every_write(one: RecordList) -> None:
    def keys() -> list[object]:
        return [row[0] for page in pages(one, 2) for row in page]

    found = []
    one.load(Bulk(("K",), ("K",), [["b"], ["c"]]))
    found.append(keys())
    one.load(Bulk(("K",), ("K", "V"), [["a", 1], ["C", 2]]))
    found.append(keys())
    one.delete(Bulk(("K",), ("K",), [["B"]]))
    found.append(keys())
    one.drop([3])
    found.append(keys())

    assert found == [["b", "c"], ["a", "b", "C"], ["a", "C"], ["C"]]
