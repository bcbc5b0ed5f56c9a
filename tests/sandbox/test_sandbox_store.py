from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.sandbox import BASE, Sandbox, SandboxConfig
from dbt_selligent.sandbox.bulk import Bulk
from dbt_selligent.sandbox.config import ListConfig
from dbt_selligent.sandbox.store import RecordList
from dbt_selligent.sandbox.values import canonical

from .conformance import assert_conforms

FIELDS = {
    "ID": {"data_type": "Long", "allow_null": False},
    "CODE": {"data_type": "Text", "length": 20},
    "NAME": {"data_type": "Text", "length": 10},
    "SPENT": {"data_type": "Float"},
    "SINCE": {"data_type": "Date"},
    "TIER": {"data_type": "Text", "content": "Single", "options": ["gold", "silver"]},
    "UPPER": {"data_type": "Text", "content": "ComputedPersisted"},
}
CONFIG = SandboxConfig.model_validate(
    {
        "lists": {
            "PEOPLE": {
                "business_key": ["ID"],
                "fields": FIELDS,
                "segments": ["VIP", {"api_name": "RECENT", "type": "Dynamic"}],
            },
            "STRICT": {
                "fields": {
                    "ID": {"data_type": "Long"},
                    "NAME": {"data_type": "Text", "allow_null": False},
                }
            },
        }
    }
)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(CONFIG, keep_responses=True)


@pytest.fixture
def lists(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield f"{url}{BASE}/organizations/DEMO/lists"
    assert_conforms(sandbox, requests=False)


def call(
    method: str, url: str, body: object = None, expect: int = 200, **query: str
) -> dict[str, Any]:
    response = requests.request(
        method, url, params=query, json=body, headers={"X-ApiKey": "demo:demo"}, timeout=5
    )
    assert response.status_code == expect, response.text
    answer: dict[str, Any] = response.json()
    return answer


def counts(answer: dict[str, Any]) -> dict[str, int]:
    named = {n.removeprefix("number_of_").removesuffix("_records"): v for n, v in answer.items()}
    named["not_found"] = named.pop("records_not_found")
    return {name: count for name, count in named.items() if isinstance(count, int) and count}


def test_insert_and_update(sandbox: Sandbox, lists: str) -> None:
    url = f"{lists}/PEOPLE/data/load"

    first = call(
        "POST", url, [[1, "Ann", 2], [2, "", None]], keyFields="ID", fields="ID,NAME,SPENT"
    )
    again = call("POST", url, [[2, 5.5], [3, None]], keyFields="ID", fields="ID,SPENT")
    same = call("POST", url, [[2, 5.5]], keyFields="ID", fields="ID,SPENT")

    assert [one["result_code"] for one in (first, again, same)] == ["Succeeded"] * 3
    assert [counts(one) for one in (first, again, same)] == [
        {"inserted": 2},
        {"inserted": 1, "updated": 1},
        {"updated": 1},
    ]
    shown = [(r["ID"], r["NAME"], r["SPENT"], r["TIER"]) for r in sandbox.records("PEOPLE")]
    assert shown == [(1, "Ann", 2.0, None), (2, "", 5.5, None), (3, None, None, None)]
    assert list(sandbox.records("PEOPLE")[0]) == list(FIELDS)
    assert call("GET", f"{lists}/PEOPLE/records") == {"count": 3}


def test_the_first_row_names_the_fields(sandbox: Sandbox, lists: str) -> None:
    answer = call(
        "POST", f"{lists}/PEOPLE/data/load", [["ID", "NAME"], [1, "Ann"], [2]], keyFields="ID"
    )

    assert counts(answer) == {"inserted": 1, "failed": 1}
    assert answer["invalid_records"][0]["record_index"] == 1
    assert [r["NAME"] for r in sandbox.records("PEOPLE")] == ["Ann"]


@pytest.mark.parametrize(
    ("option", "counted", "names"),
    [
        ("InsertAndUpdate", {"inserted": 1, "updated": 1}, ["new", "new"]),
        ("OnlyInsert", {"inserted": 1, "duplicate": 1}, ["old", "new"]),
        ("OnlyUpdate", {"updated": 1, "not_found": 1}, ["new"]),
    ],
)
def test_import_options(
    sandbox: Sandbox, lists: str, option: str, counted: dict[str, int], names: list[str]
) -> None:
    sandbox.put("PEOPLE", [{"ID": 1, "NAME": "old"}])

    answer = call(
        "POST",
        f"{lists}/PEOPLE/data/load",
        [[1, "new"], [2, "new"]],
        keyFields="ID",
        fields="ID,NAME",
        data_import_option=option,
    )

    assert (answer["result_code"], counts(answer)) == ("Succeeded", counted)
    assert [r["NAME"] for r in sandbox.records("PEOPLE")] == names


@pytest.mark.parametrize(
    ("option", "kept"), [("ImportLastMatch", "last"), ("ImportFirstMatch", "first")]
)
def test_a_key_twice_in_one_body(sandbox: Sandbox, lists: str, option: str, kept: str) -> None:
    answer = call(
        "POST",
        f"{lists}/PEOPLE/data/load",
        [["Ab", 1, "first"], ["x", 2, "other"], ["aB  ", 3, "last"]],
        keyFields="CODE",
        fields="CODE,ID,NAME",
        deduplication=option,
    )

    assert counts(answer) == {"inserted": 2, "duplicate": 1}
    assert sorted(str(r["NAME"]) for r in sandbox.records("PEOPLE")) == sorted([kept, "other"])


def test_text_keys_match_without_case_and_trailing_blanks(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("PEOPLE", [{"ID": 1, "CODE": "Strasse"}, {"ID": 2, "CODE": " a"}])

    answer = call(
        "POST",
        f"{lists}/PEOPLE/data/load",
        [[3, "STRASSE  ", "x"], [4, "a", "y"]],
        keyFields="CODE",
        fields="ID,CODE,NAME",
    )

    assert counts(answer) == {"inserted": 1, "updated": 1}
    assert [(r["ID"], r["CODE"]) for r in sandbox.records("PEOPLE")] == [
        (3, "STRASSE  "),
        (2, " a"),
        (4, "a"),
    ]


def test_a_key_of_two_fields(sandbox: Sandbox, lists: str) -> None:
    url = f"{lists}/PEOPLE/data/load"
    query: dict[str, Any] = {"keyFields": "ID,CODE", "fields": "CODE,ID,NAME"}

    call("POST", url, [["a", 1, "x"], ["b", 1, "y"]], **query)
    answer = call("POST", url, [["B", 1, "z"]], **query)

    assert counts(answer) == {"updated": 1}
    assert [r["NAME"] for r in sandbox.records("PEOPLE")] == ["x", "z"]


def test_partial_success(sandbox: Sandbox, lists: str) -> None:
    rows = [
        [1, "fits", 1.5, "gold"],
        [2, "much too long", 1, "gold"],
        ["3", "text", 1, "gold"],
        [4, "no", True, "gold"],
        [5, "option", 1, "bronze"],
        [None, "null", 1, "gold"],
        [7, "short"],
        [8, "ok", None, None],
    ]

    answer = call(
        "POST", f"{lists}/PEOPLE/data/load", rows, keyFields="ID", fields="ID,NAME,SPENT,TIER"
    )

    found = [
        (r["record_index"], r["field_name"], r["validation_code"])
        for r in answer["invalid_records"]
    ]
    assert answer["result_code"] == "PartiallySucceeded"
    assert counts(answer) == {"inserted": 2, "failed": 6}
    assert found == [
        (1, "NAME", "MaxStringLengthExceeded"),
        (2, "ID", "InvalidType"),
        (3, "SPENT", "InvalidType"),
        (4, "TIER", "Unknown"),
        (5, "ID", "Unknown"),
        (6, None, "InvalidFieldCount"),
    ]
    assert [r["ID"] for r in sandbox.records("PEOPLE")] == [1, 8]


def test_a_null_key_is_invalid(lists: str) -> None:
    answer = call(
        "POST", f"{lists}/PEOPLE/data/load", [[1, None]], keyFields="CODE", fields="ID,CODE"
    )

    assert (answer["result_code"], counts(answer)) == ("Failed", {"failed": 1})
    assert answer["invalid_records"][0]["field_name"] == "CODE"


def test_a_field_without_null_must_be_set_at_insert_only(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("STRICT", [{"ID": 1, "NAME": "a"}])

    answer = call("POST", f"{lists}/STRICT/data/load", [[2], [1]], keyFields="ID", fields="ID")

    assert (answer["result_code"], counts(answer)) == (
        "PartiallySucceeded",
        {"updated": 1, "failed": 1},
    )
    assert [(r["record_index"], r["field_name"]) for r in answer["invalid_records"]] == [
        (0, "NAME")
    ]


def test_the_index_base_can_be_one() -> None:
    sandbox = Sandbox(CONFIG, index_base=1)
    with sandbox.running() as url:
        answer = call(
            "POST",
            f"{url}{BASE}/organizations/DEMO/lists/PEOPLE/data/load",
            [["x"], [1]],
            keyFields="ID",
            fields="ID",
        )

    assert [r["record_index"] for r in answer["invalid_records"]] == [1]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"fields": "ID"}, []),
        ({"keyFields": "ID", "fields": "ID,NOPE"}, []),
        ({"keyFields": "NOPE", "fields": "ID"}, []),
        ({"keyFields": "ID", "fields": "NAME"}, []),
        ({"keyFields": "ID", "fields": "ID,ID"}, []),
        ({"keyFields": "ID,CODE,NAME,TIER", "fields": "ID,CODE,NAME,TIER"}, []),
        ({"keyFields": "ID", "fields": "ID,UPPER"}, [[1, "A"]]),
        ({"keyFields": "ID", "fields": "ID", "mode": "Fast"}, []),
        ({"keyFields": "ID", "fields": "ID", "deduplication": "No"}, []),
        ({"keyFields": "ID", "fields": "ID", "data_import_option": "Upsert"}, []),
        ({"keyFields": "ID"}, []),
        ({"keyFields": "ID"}, [[1]]),
        ({"keyFields": "ID", "fields": "ID"}, {"ID": 1}),
        ({"keyFields": "ID", "fields": "ID"}, [1]),
        ({"keyFields": "ID", "fields": "ID"}, None),
    ],
)
def test_a_load_that_is_refused(
    sandbox: Sandbox, lists: str, query: dict[str, Any], body: object
) -> None:
    answer = call("POST", f"{lists}/PEOPLE/data/load", body, expect=400, **query)

    assert answer["result_code"] == "ValidationFailed"
    assert answer["errors"][0]["description"]
    assert sandbox.records("PEOPLE") == []


def test_an_empty_load_succeeds(lists: str) -> None:
    answer = call("POST", f"{lists}/PEOPLE/data/load", [], keyFields="ID", fields="ID")

    assert (answer["result_code"], counts(answer)) == ("Succeeded", {})


def test_delete(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("PEOPLE", [{"ID": n, "CODE": f"c{n}"} for n in (1, 2, 3)])

    answer = call(
        "DELETE", f"{lists}/PEOPLE/data", [["C1"], ["c1 "], ["c9"]], keyFields="CODE", fields="CODE"
    )

    assert counts(answer) == {"deleted": 1, "duplicate": 1, "not_found": 1}
    assert "number_of_inserted_records" not in answer
    assert [r["ID"] for r in sandbox.records("PEOPLE")] == [2, 3]
    call("DELETE", f"{lists}/PEOPLE/records/2")
    call("DELETE", f"{lists}/PEOPLE/records/2", expect=404)
    assert [r["ID"] for r in sandbox.records("PEOPLE")] == [3]


def test_a_key_is_found_again_after_it_was_deleted(sandbox: Sandbox, lists: str) -> None:
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID"}

    call("POST", f"{lists}/PEOPLE/data/load", [[1]], **query)
    call("DELETE", f"{lists}/PEOPLE/data", [[1]], **query)
    answer = call("POST", f"{lists}/PEOPLE/data/load", [[1]], **query)

    assert counts(answer) == {"inserted": 1}
    assert len(sandbox.records("PEOPLE")) == 1


def test_deletes_and_loads_take_turns(sandbox: Sandbox, lists: str) -> None:
    url = f"{lists}/PEOPLE/data"
    query: dict[str, Any] = {"keyFields": "CODE", "fields": "CODE"}
    # Two records share the key of the first two.
    sandbox.put("PEOPLE", [{"ID": n, "CODE": code} for n, code in enumerate(["a", "A", "b", "c"])])

    first = call("DELETE", url, [["a"], ["b"]], **query)
    second = call("DELETE", url, [["a"], ["b"]], **query)
    call("POST", f"{url}/load", [["d", 7]], keyFields="CODE", fields="CODE,ID")
    third = call("DELETE", url, [["d"], ["d"], ["x"]], **query)

    assert [counts(one) for one in (first, second, third)] == [
        {"deleted": 2},
        {"deleted": 1, "not_found": 1},
        {"deleted": 1, "duplicate": 1, "not_found": 1},
    ]
    assert [r["ID"] for r in sandbox.records("PEOPLE")] == [3]


def test_segments(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("PEOPLE", [{"ID": n, "NAME": f"n{n}"} for n in (1, 2, 3)])
    vip = f"{lists}/PEOPLE/segments/VIP"
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID"}

    joined = call("POST", f"{vip}/data/load", [[3], [1], [9]], **query)
    again = call("POST", f"{vip}/data/load", [[3]], **query)
    found = call("POST", f"{vip}/data/search", {"fields": ["NAME"]})
    left = call("DELETE", f"{vip}/data", [[3], [2]], **query)

    assert [counts(one) for one in (joined, again, left)] == [
        {"inserted": 2, "not_found": 1},
        {"updated": 1},
        {"deleted": 1, "not_found": 1},
    ]
    assert found["data"] == [["n3"], ["n1"]]
    assert sandbox.segment("PEOPLE", "VIP") == [1]
    assert [r["ID"] for r in sandbox.records("PEOPLE")] == [1, 2, 3]
    sandbox.remove("PEOPLE", {"ID": 1})
    assert sandbox.segment("PEOPLE", "VIP") == []
    call("POST", f"{vip}/data/load", [[2]], **query)
    call("DELETE", f"{vip}/data/clear")
    assert sandbox.segment("PEOPLE", "VIP") == []


def test_only_static_segments_take_members(lists: str) -> None:
    recent = f"{lists}/PEOPLE/segments/RECENT"
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID"}

    call("POST", f"{recent}/data/load", [[1]], expect=400, **query)
    call("DELETE", f"{recent}/data", [[1]], expect=400, **query)
    call("DELETE", f"{recent}/data/clear", expect=400)
    call("POST", f"{lists}/PEOPLE/segments/NOPE/data/load", [[1]], expect=404, **query)


def test_segments_are_made_and_deleted(lists: str) -> None:
    segments = f"{lists}/PEOPLE/segments"

    call("POST", f"{segments}/static", {"api_name": "NEW", "name": "New ones"})
    call("POST", f"{segments}/static", {"api_name": "NEW", "name": "New ones"}, expect=400)
    call("POST", f"{segments}/static", {"api_name": "no good", "name": "x"}, expect=400)
    listed = call("GET", segments, filter="static")
    shown = call("GET", f"{segments}/NEW")
    call("DELETE", f"{segments}/NEW")
    call("GET", f"{segments}/NEW", expect=404)

    assert [one["api_name"] for one in listed["segments"]] == ["VIP", "NEW"]
    assert shown == {"api_name": "NEW", "type": "Static", "name": "New ones", "description": ""}


def test_a_load_can_make_a_segment(sandbox: Sandbox, lists: str) -> None:
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID", "create_segment_name": "May"}

    call("POST", f"{lists}/PEOPLE/data/load", [[5], ["x"], [6]], **query)
    call("POST", f"{lists}/PEOPLE/data/load", [[7]], **query, create_segment_api_name="MAY_2")
    call(
        "POST",
        f"{lists}/PEOPLE/data/load",
        [[8]],
        **query,
        create_segment_api_name="a b",
        expect=400,
    )

    assert sandbox.segment("PEOPLE", "May") == [1, 2]
    assert sandbox.segment("PEOPLE", "MAY_2") == [3]
    assert len(sandbox.records("PEOPLE")) == 3


SEARCHED: list[dict[str, object]] = [
    {"ID": 1, "CODE": "Alpha", "SPENT": 1.5, "SINCE": "2024-01-01"},
    {"ID": 2, "CODE": "beta ", "SPENT": 10.0, "SINCE": "2024-06-01"},
    {"ID": 3, "CODE": "", "SPENT": None, "SINCE": None},
    {"ID": 4, "CODE": None, "SPENT": 2.0, "SINCE": "2025-01-01"},
]


@pytest.mark.parametrize(
    ("name", "operator", "value", "ids"),
    [
        ("CODE", "EqualTo", "ALPHA", [1]),
        ("MASTER.CODE", "EqualTo", "beta", [2]),
        ("CODE", "NotEqualTo", "alpha", [2, 3]),
        ("SPENT", "GreaterThan", "2", [2]),
        ("SPENT", "GreaterThanOrEqualTo", "2", [2, 4]),
        ("SPENT", "LessThan", "2.0", [1]),
        ("SPENT", "LessThanOrEqualTo", 2, [1, 4]),
        ("SINCE", "GreaterThan", "2024-01-01", [2, 4]),
        ("CODE", "EqualTo", 7, []),
        ("CODE", "Like", "%et%", [2]),
        ("CODE", "Like", "_lpha", [1]),
        ("CODE", "Like", "lph", []),
        ("CODE", "IsNull", None, [4]),
        ("CODE", "IsNotNull", None, [1, 2, 3]),
        ("CODE", "IsEmpty", None, [3]),
        ("CODE", "IsNotEmpty", None, [1, 2]),
        ("SYSTEM.SELLIGENTID", "GreaterThan", "3", [4]),
    ],
)
def test_search_operators(
    sandbox: Sandbox, lists: str, name: str, operator: str, value: object, ids: list[int]
) -> None:
    sandbox.put("PEOPLE", SEARCHED)
    condition = {"field_name": name, "operator": operator, "field_value": value}

    answer = call("POST", f"{lists}/PEOPLE/data/search", {"fields": ["ID"], "filters": [condition]})

    assert answer["data"] == [[n] for n in ids]


def test_search_orders_and_pages(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("PEOPLE", SEARCHED)
    url = f"{lists}/PEOPLE/data/search"
    fields = ["MASTER.ID", "SYSTEM.SELLIGENTID", "SINCE"]

    up = call("POST", url, {"fields": fields, "order_by": "SPENT", "skip": 1, "take": 2})
    down = call("POST", url, {"fields": ["ID"], "order_by": "SPENT", "order_by_direction": "DESC"})

    assert up == {
        "fields": fields,
        "data": [[1, 1, "2024-01-01"], [4, 4, "2025-01-01"]],
        "result_code": "Succeeded",
        "errors": [],
    }
    assert down["data"] == [[2], [4], [1], [3]]


def test_search_filters_must_all_hold_and_a_page_has_an_end(sandbox: Sandbox, lists: str) -> None:
    sandbox.put("PEOPLE", [{"ID": n, "SPENT": n / 2} for n in range(1002)])
    url = f"{lists}/PEOPLE/data/search"
    between = [
        {"field_name": "ID", "operator": "GreaterThan", "field_value": "10"},
        {"field_name": "SPENT", "operator": "LessThan", "field_value": "6.5"},
    ]

    assert call("POST", url, {"fields": ["ID"], "filters": between})["data"] == [[11], [12]]
    assert len(call("POST", url, {"fields": ["ID"]})["data"]) == 1000
    assert call("POST", url, {"fields": ["ID"], "take": 0})["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fields": []},
        {"fields": ["NOPE"]},
        {"fields": ["ID"], "take": -1},
        {"fields": ["ID"], "order_by": "NOPE"},
        {"fields": ["ID"], "order_by_direction": "sideways"},
        {"fields": ["ID"], "filters": [{"field_name": "ID", "operator": "In", "field_value": "1"}]},
        {"fields": ["ID"], "filters": [{"field_name": "ID", "operator": "EqualTo"}]},
        {
            "fields": ["ID"],
            "filters": [{"field_name": "ID", "operator": "EqualTo", "field_value": "x"}],
        },
        {
            "fields": ["ID"],
            "order_by": "ID",
            "filters": [{"field_name": "ID", "operator": "GreaterThan"}],
        },
        ["ID"],
    ],
)
def test_a_search_that_is_refused(lists: str, body: object) -> None:
    answer = call("POST", f"{lists}/PEOPLE/data/search", body, expect=400)

    assert answer["result_code"] == "ValidationFailed"


def test_put_updates_by_business_key_and_refuses_invalid_records(sandbox: Sandbox) -> None:
    sandbox.put("PEOPLE", [{"ID": 1, "NAME": "a"}, {"ID": 1, "SPENT": 2}])
    sandbox.put("STRICT", [{"ID": 1, "NAME": "a"}, {"ID": 1, "NAME": "a"}])

    assert [(r["NAME"], r["SPENT"]) for r in sandbox.records("PEOPLE")] == [("a", 2.0)]
    assert len(sandbox.records("STRICT")) == 2
    assert sandbox.remove("STRICT", {"NAME": "A"}) == 2
    with pytest.raises(ValueError, match="TIER"):
        sandbox.put("PEOPLE", [{"ID": 2, "TIER": "bronze"}])


@given(
    st.lists(st.tuples(st.sampled_from(["a", "A", "b ", "b", "c"]), st.integers(0, 3)), max_size=9),
    st.integers(1, 4),
)
def test_every_row_is_counted_and_the_last_one_wins(rows: list[tuple[str, int]], size: int) -> None:
    fields = {"K": {"data_type": "Text"}, "V": {"data_type": "Long"}}
    one = RecordList("L", 1, ListConfig.model_validate({"fields": fields}))
    expected: dict[object, int] = {}

    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        outcome = one.load(Bulk(("K",), ("K", "V"), part))
        assert outcome.inserted + outcome.updated + outcome.duplicate == len(part)
        expected |= {canonical(key): value for key, value in part}

    stored = [(canonical(record["K"]), record["V"]) for record in one.records.values()]
    assert len(stored) == len(expected)
    assert dict(stored) == expected
