from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dbt_selligent.sandbox import BASE, Sandbox, SandboxConfig

from .conformance import assert_conforms

TIER = {"data_type": "Text", "content": "Single", "options": ["silver", "gold", "bronze"]}
CONFIG = {
    "lists": {
        "PEOPLE": {
            "business_key": ["ID"],
            "fields": {
                "ID": {"data_type": "Long"},
                "TIER": TIER,
                "LEVEL": {"data_type": "Numeric", "content": "Single", "options": [3, 1, 2]},
                "LIKES": {**TIER, "content": "Multi", "optionlist": "METALS"},
                "LOVES": {"data_type": "Text", "content": "Single", "optionlist": "METALS"},
            },
        },
        "OTHERS": {"fields": {"TIER": TIER}},
    }
}


@pytest.fixture
def lists() -> Iterator[str]:
    sandbox = Sandbox(SandboxConfig.model_validate(CONFIG), keep_responses=True)
    with sandbox.running() as url:
        yield f"{url}{BASE}/organizations/DEMO/lists"
    assert_conforms(sandbox)


def call(method: str, url: str, body: object = None, expect: int = 200, **query: str) -> Any:
    headers = {"X-ApiKey": "demo:demo"}
    response = requests.request(method, url, params=query, json=body, headers=headers, timeout=5)
    assert response.status_code == expect, response.text
    return response.json()


def test_option_lists_are_lists(lists: str) -> None:
    listed = call("GET", lists, filter="Optionlist")["lists"]

    names = [(one["api_name"], one["type"]) for one in listed]
    assert names == [(n, "Optionlist") for n in ("TIER_OPTIONS", "LEVEL_OPTIONS", "METALS")]
    everything = call("GET", lists)["lists"]
    assert len({one["id"] for one in everything}) == len(everything) == 5
    assert call("GET", f"{lists}/METALS")["type"] == "Optionlist"
    fields = call("GET", f"{lists}/PEOPLE/fields")["fields"]
    assert [one["optionlist"] for one in fields] == [
        None,
        "TIER_OPTIONS",
        "LEVEL_OPTIONS",
        "METALS",
        "METALS",
    ]
    # Options are no audience.
    organization = call("GET", lists.removesuffix("/lists"))
    assert organization["audiences"] == [{"api_name": "PEOPLE"}, {"api_name": "OTHERS"}]


@pytest.mark.parametrize(
    ("name", "data_type", "codes"),
    [
        ("TIER_OPTIONS", "Text", ["silver", "gold", "bronze"]),
        ("LEVEL_OPTIONS", "Numeric", [3, 1, 2]),
        ("METALS", "Text", ["silver", "gold", "bronze"]),
    ],
)
def test_the_codes_are_found_in_order(
    lists: str, name: str, data_type: str, codes: list[object]
) -> None:
    fields = call("GET", f"{lists}/{name}/fields")["fields"]
    found = call("POST", f"{lists}/{name}/data/search", {"fields": ["CODE", "DESCRIPTION"]})

    assert [(f["name"], f["data_type"]) for f in fields] == [
        ("CODE", data_type),
        ("DESCRIPTION", "Text"),
    ]
    assert found["data"] == [[code, str(code)] for code in codes]
    assert call("GET", f"{lists}/{name}/records") == {"count": 3}


def test_no_request_changes_an_option_list(lists: str) -> None:
    query: dict[str, Any] = {"keyFields": "CODE", "fields": "CODE"}
    metals = f"{lists}/METALS"

    call("POST", f"{metals}/data/load", [["tin"]], expect=400, **query)
    call("DELETE", f"{metals}/data", [["gold"]], expect=400, **query)
    call("DELETE", f"{metals}/records/1", expect=400)
    call("PUT", f"{metals}/businesskey", {"fields": ["DESCRIPTION"]}, expect=400)
    new = {"fields": [{"name": "X", "data_type": "Long"}]}
    call("POST", f"{metals}/fields", new, expect=400)

    assert call("GET", f"{metals}/records") == {"count": 3}


def test_a_shared_option_list_holds_for_every_field_that_names_it(lists: str) -> None:
    rows = [[1, "gold|silver", "gold"], [2, "gold", "tin"], [3, "gold", "gold|silver"]]
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID,LIKES,LOVES"}

    answer = call("POST", f"{lists}/PEOPLE/data/load", rows, **query)

    found = [(one["record_index"], one["field_name"]) for one in answer["invalid_records"]]
    assert found == [(1, "LOVES"), (2, "LOVES")]


def test_a_new_field_takes_an_option_list_that_is_there(lists: str) -> None:
    field = {"name": "BEST", "data_type": "Text", "content": "Single", "optionlist": "METALS"}
    query: dict[str, Any] = {"keyFields": "ID", "fields": "ID,BEST"}

    call("POST", f"{lists}/PEOPLE/fields", {"fields": [field]}, expect=201)
    for other in ("PEOPLE", "NOPE"):
        wrong = {**field, "name": "X", "optionlist": other}
        call("POST", f"{lists}/PEOPLE/fields", {"fields": [wrong]}, expect=400)
    answer = call("POST", f"{lists}/PEOPLE/data/load", [[1, "gold"], [2, "tin"]], **query)

    assert (answer["number_of_inserted_records"], answer["number_of_failed_records"]) == (1, 1)


def test_an_option_list_that_is_made_is_empty(lists: str) -> None:
    new = {"api_name": "SIZES", "name": "Sizes", "type": "Optionlist"}

    call("POST", lists, {**new, "optionlist_codetype": "Numeric"})
    fields = call("GET", f"{lists}/SIZES/fields")["fields"]

    assert [one["data_type"] for one in fields] == ["Numeric", "Text"]
    assert call("GET", f"{lists}/SIZES/records") == {"count": 0}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"TIER": {**TIER, "options": ["gold"]}}, "option list TIER_OPTIONS differs"),
        ({"X": {**TIER, "optionlist": "PEOPLE"}}, "PEOPLE is the name of a list"),
        ({"X": {**TIER, "options": [1]}}, "of another type"),
    ],
)
def test_option_lists_that_cannot_be(fields: dict[str, Any], named: str) -> None:
    lists = {**CONFIG["lists"], "MORE": {"fields": fields}}

    with pytest.raises(ValueError, match=named):
        SandboxConfig.model_validate({"lists": lists})


def test_an_option_list_without_options_is_only_a_name() -> None:
    field = {"data_type": "Text", "content": "Single", "optionlist": "ELSEWHERE"}
    config = SandboxConfig.model_validate({"lists": {"L": {"fields": {"F": field}}}})
    sandbox = Sandbox(config)

    sandbox.put("L", [{"F": "anything"}])

    with sandbox.running() as url:
        call("GET", f"{url}{BASE}/organizations/DEMO/lists/ELSEWHERE", expect=404)
