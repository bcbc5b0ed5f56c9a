"""The sandbox keeps to the description of the API, and the description of ours to the published."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import yaml

from dbt_selligent.sandbox import BASE, Sandbox, load_config
from dbt_selligent.sandbox.api import Api
from dbt_selligent.sandbox.faults import RESULT_CODES

from .conformance import (
    ASPECTS,
    DEVIATIONS,
    OWN,
    PROSE,
    PUBLISHED,
    Description,
    assert_conforms,
    described,
    find_faults,
)
from .reading import Endpoint

HEADERS = {"X-ApiKey": "demo:demo"}
ORGANIZATION = "/organizations/DEMO"
LISTS = f"{ORGANIZATION}/lists"
LIST = f"{LISTS}/CUSTOMERS"
SEGMENT = f"{LIST}/segments/VIP"
KEYS = {"keyFields": "CUSTOMER_ID", "fields": "CUSTOMER_ID,MAIL"}
EVERY_OPTION = {**KEYS, "mode": "Sync", "errorHandling": "any"}
LOAD = {**EVERY_OPTION, "deduplication": "ImportFirstMatch"}
NEW = {"create_segment_name": "New", "create_segment_api_name": "NEW_1"}
PAGE = {"filter": "x", "search": "y", "skip": "0", "take": "1"}
ROWS: list[list[object]] = [[1, "a"], [2], [3, 4], [4, None]]
FILTER = {"field_name": "MAIL", "operator": "IsNull", "field_value": None}
SEARCH = {
    "fields": ["MAIL", "SYSTEM.SELLIGENTID"],
    "filters": [FILTER],
    "skip": 0,
    "take": 9,
    "order_by": "MAIL",
    "order_by_direction": "DESC",
}

needs_published = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the published description is not beside the repository"
)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(load_config(), keep_responses=True)


Call = Callable[..., requests.Response]


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Call]:
    with sandbox.running() as url:

        def send(
            method: str, path: str, query: dict[str, str] | None = None, body: object = None
        ) -> requests.Response:
            return requests.request(
                method, url + BASE + path, params=query, json=body, headers=HEADERS, timeout=5
            )

        yield send


TOUR: list[tuple[int, str, str, dict[str, str], object]] = [
    (200, "GET", "/status", {}, None),
    (200, "GET", ORGANIZATION, {}, None),
    (200, "GET", LISTS, {}, None),
    (200, "GET", LISTS, PAGE, None),
    (
        200,
        "POST",
        LISTS,
        {},
        {
            "api_name": "MORE",
            "name": "More",
            "type": "Userlist",
            "description": "",
            "tags": ["a"],
            "enforce_segment_selection": False,
        },
    ),
    (400, "POST", LISTS, {}, {"api_name": "MORE", "name": "More", "type": "Datalist"}),
    (200, "GET", LIST, {}, None),
    (200, "GET", f"{LIST}/fields", {}, None),
    (201, "POST", f"{LIST}/fields", {}, {"fields": [{"name": "N", "data_type": "Long"}]}),
    (400, "POST", f"{LIST}/fields", {}, {"fields": [{"name": "N", "data_type": "Long"}]}),
    (200, "PUT", f"{LIST}/businesskey", {}, {"fields": ["CUSTOMER_ID"]}),
    (400, "PUT", f"{LIST}/businesskey", {}, {"fields": ["NOPE"]}),
    (200, "POST", f"{LIST}/data/load", {**LOAD, **NEW}, ROWS),
    (200, "POST", f"{LIST}/data/load", {**LOAD, "data_import_option": "OnlyInsert"}, ROWS),
    (200, "POST", f"{LIST}/data/load", {"keyFields": "CUSTOMER_ID"}, [["CUSTOMER_ID"], [5]]),
    (400, "POST", f"{LIST}/data/load", {**LOAD, "keyFields": "NOPE"}, ROWS),
    (200, "GET", f"{LIST}/records", {}, None),
    (200, "POST", f"{LIST}/data/search", {"mode": "Sync"}, SEARCH),
    (200, "POST", f"{LIST}/data/search", {}, {"fields": ["CUSTOMER_ID"]}),
    (400, "POST", f"{LIST}/data/search", {}, {"fields": ["NOPE"]}),
    (200, "GET", f"{LIST}/segments", {}, None),
    (200, "GET", f"{LIST}/segments", PAGE, None),
    (200, "POST", f"{LIST}/segments/static", {}, {"api_name": "S", "name": "S", "tags": []}),
    (400, "POST", f"{LIST}/segments/static", {}, {"api_name": "S", "name": "S"}),
    (200, "GET", SEGMENT, {}, None),
    (200, "POST", f"{SEGMENT}/data/load", LOAD, ROWS),
    (200, "POST", f"{SEGMENT}/data/search", {}, SEARCH),
    (200, "DELETE", f"{SEGMENT}/data", EVERY_OPTION, ROWS),
    (200, "DELETE", f"{SEGMENT}/data/clear", {}, None),
    (200, "DELETE", SEGMENT, {}, None),
    (404, "DELETE", SEGMENT, {}, None),
    (404, "POST", f"{SEGMENT}/data/load", LOAD, ROWS),
    (200, "DELETE", f"{LIST}/data", EVERY_OPTION, ROWS),
    (200, "DELETE", f"{LIST}/records/3", {}, None),
    (404, "DELETE", f"{LIST}/records/3", {}, None),
    (200, "GET", f"{LISTS}/TIER_OPTIONS/fields", {}, None),
    (400, "POST", f"{LISTS}/TIER_OPTIONS/data/load", LOAD, ROWS),
    (200, "DELETE", LIST, {"dropTable": "true"}, None),
    (404, "GET", LIST, {}, None),
]


def test_every_endpoint_answers_as_described(sandbox: Sandbox, call: Call) -> None:
    for status, method, path, query, body in TOUR:
        answer = call(method, path, query, body)
        assert (method, path, answer.status_code) == (method, path, status), answer.text

    assert_conforms(sandbox)
    assert all(one.response is not None for one in sandbox.received)
    own = Description.load(OWN)
    answered = [one for one in sandbox.received if one.status in (200, 201)]
    seen = {one for each in answered if (one := own.endpoint(each.method, each.path))}
    assert seen == set(own.endpoints)
    routes = [(method, path) for method, path, _, _ in Api(load_config(), {}).routes()]
    assert sorted(map(nameless, routes)) == sorted(nameless((m, BASE + p)) for m, p in seen)


def nameless(endpoint: Endpoint) -> Endpoint:
    """An endpoint without the names of its parameters."""
    return endpoint[0], re.sub(r"\{\w+\}", "{}", endpoint[1])


def test_refusals_are_as_described() -> None:
    small = Sandbox(load_config(), max_body=20, max_rows=1, quota=5, keep_responses=True)
    wrong = {"X-ApiKey": "demo:wrong"}
    with small.running() as url:
        one = f"{url}{BASE}{LIST}"
        statuses = [
            requests.get(one, headers=wrong, timeout=5).status_code,
            requests.get(f"{url}{BASE}/organizations/X", headers=HEADERS, timeout=5).status_code,
            requests.get(f"{one}/nothing", headers=HEADERS, timeout=5).status_code,
            requests.patch(one, headers=HEADERS, timeout=5).status_code,
            requests.post(
                f"{one}/data/load", params=KEYS, json=[[1, "a" * 20]], headers=HEADERS, timeout=5
            ).status_code,
            requests.post(
                f"{one}/data/load", params=KEYS, json=[[1], [2]], headers=HEADERS, timeout=5
            ).status_code,
        ]
        statuses.append(requests.get(one, headers=HEADERS, timeout=5).status_code)

    assert statuses == [401, 404, 404, 405, 413, 413, 429]
    assert_conforms(small, requests=False)


@pytest.mark.parametrize(
    "fault",
    [
        "counts",
        "failed",
        *(f"result={code}" for code in RESULT_CODES),
        "short=1",
        "index=-3",
        "no-index",
        "stop-on-error",
        "unlisted",
        "uncounted",
        "as-duplicate",
        "part",
        "uncounted-existing",
    ],
)
def test_twisted_answers_still_have_the_shape(sandbox: Sandbox, call: Call, fault: str) -> None:
    sandbox.faults([f"any:{fault}"])

    call("POST", f"{LIST}/data/load", KEYS, ROWS)
    call("POST", f"{SEGMENT}/data/load", KEYS, ROWS)
    call("DELETE", f"{SEGMENT}/data", KEYS, ROWS)
    call("DELETE", f"{LIST}/data", KEYS, ROWS)
    call("POST", f"{LIST}/data/search", {}, SEARCH)

    assert_conforms(sandbox)
    assert all(one.response is not None for one in sandbox.received)


def test_spoiled_answers_are_none(sandbox: Sandbox, call: Call) -> None:
    faults = ["html@1", "503@2", "not-json-after@3", "418-after@4"]
    sandbox.faults([*(f"load:{fault}" for fault in faults), "fields:failed"])

    for _ in range(len(faults)):
        call("POST", f"{LIST}/data/load", KEYS, ROWS)
    call("GET", f"{LIST}/fields")

    assert [one.response for one in sandbox.received] == [None] * 5
    assert_conforms(sandbox)


def test_responses_are_kept_on_demand_only() -> None:
    sandbox = Sandbox(load_config())
    with sandbox.running() as url:
        requests.get(f"{url}{BASE}/status", timeout=5)

    assert [(one.status, one.response) for one in sandbox.received] == [(200, None)]


WRONG_REQUESTS: list[tuple[str, str, dict[str, str], object, str]] = [
    ("GET", f"{LIST}/nothing", {}, None, "there is no such endpoint"),
    ("PATCH", LIST, {}, None, "there is no such endpoint"),
    ("POST", f"{LIST}/data/load", {"keyfields": "A"}, [], "query/keyfields is not described"),
    ("POST", f"{LIST}/data/load", {"keyfields": "A"}, [], "query/keyFields is missing"),
    (
        "POST",
        f"{LIST}/data/load",
        {**KEYS, "dataImportOption": "OnlyInsert"},
        [],
        "query/dataImportOption is not described",
    ),
    (
        "POST",
        f"{LIST}/data/load",
        {**KEYS, "data_import_option": "onlyinsert"},
        [],
        "query/data_import_option is none of",
    ),
    ("POST", f"{LIST}/data/load", {**KEYS, "mode": "Fast"}, [], "query/mode is none of"),
    ("POST", f"{LIST}/data/load", KEYS, None, "body is null"),
    ("POST", f"{LIST}/data/load", KEYS, "[[1", "body is no array"),
    ("POST", f"{LIST}/data/load", KEYS, [[1], {"a": 1}], "body/- is no array"),
    ("DELETE", f"{LIST}/data", {**KEYS, "deduplication": "x"}, [], "deduplication is not"),
    ("GET", LISTS, {"take": "many"}, None, "query/take is no integer"),
    ("DELETE", LIST, {"dropTable": "1"}, None, "query/dropTable is no flag"),
    ("GET", LIST, {}, {}, "body is not described"),
    ("POST", f"{LIST}/data/search", {}, {}, "body/fields is missing"),
    ("POST", f"{LIST}/data/search", {}, {"fields": None}, "body/fields is null"),
    ("POST", f"{LIST}/data/search", {}, {**SEARCH, "limit": 1}, "body/limit is not described"),
    ("POST", f"{LIST}/data/search", {}, {**SEARCH, "take": "9"}, "body/take is no integer"),
    ("POST", f"{LIST}/data/search", {}, {**SEARCH, "take": True}, "body/take is no integer"),
    (
        "POST",
        f"{LIST}/data/search",
        {},
        {**SEARCH, "filters": [{**FILTER, "operator": "In"}]},
        "body/filters/-/operator is none of",
    ),
    (
        "POST",
        f"{LIST}/data/search",
        {},
        {**SEARCH, "filters": [{**FILTER, "field_value": 7}]},
        "body/filters/-/field_value is no text",
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "fault"), WRONG_REQUESTS)
def test_a_wrong_request_is_found(
    method: str, path: str, query: dict[str, str], body: object, fault: str
) -> None:
    for description in (described(), Description.load(OWN)):
        found = description.check_request(method, BASE + path, query, body)
        assert any(fault in one for one in found), found


LOADED: dict[str, object] = {
    "errors": None,
    "result_code": "Succeeded",
    "number_of_inserted_records": 1,
    "number_of_updated_records": 0,
    "number_of_deleted_records": 0,
    "number_of_duplicate_records": 0,
    "number_of_failed_records": 0,
    "number_of_records_not_found": 0,
    "invalid_records": [],
}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (202, LOADED, "202 is not described"),
        (418, "I am a teapot", "418 is not described"),
        (200, "Succeeded", "200 is no object"),
        (200, None, "200 is null"),
        (200, {**LOADED, "message": ""}, "200/message is not described"),
        (200, {**LOADED, "result_code": "Fine"}, "200/result_code is none of"),
        (200, {**LOADED, "number_of_updated_records": "0"}, "updated_records is no integer"),
        (200, {**LOADED, "number_of_updated_records": None}, "updated_records is null"),
        (200, {"result_code": "Succeeded"}, "200/number_of_inserted_records is missing"),
        (
            200,
            {**LOADED, "invalid_records": [{"validation_code": "X"}]},
            "200/invalid_records/-/validation_code is none of",
        ),
        (400, {"detail": ""}, "400/detail is not described"),
    ],
)
def test_a_wrong_answer_is_found(status: int, body: object, fault: str) -> None:
    path = f"{BASE}{LIST}/data/load"
    for description in (described(), Description.load(OWN)):
        assert description.check_response("POST", path, 200, LOADED) == []
        [found] = [
            one for one in description.check_response("POST", path, status, body) if fault in one
        ]
        assert found.startswith("POST /organizations/{organization}/lists/{api_name}/data/load: ")


def test_only_refusals_are_expected_where_there_is_no_endpoint() -> None:
    check = described().check_response

    assert check("GET", "/nothing", 404, "404: Not Found") == []
    assert check("GET", "/nothing", 200, {}) == ["GET /nothing: 200 where there is no endpoint"]


def test_a_wrong_request_and_a_wrong_answer_fail_the_test(sandbox: Sandbox, call: Call) -> None:
    call("POST", f"{LIST}/data/load", {"keyfields": "CUSTOMER_ID"}, ROWS)
    assert find_faults(sandbox, requests=False) == []
    with pytest.raises(AssertionError, match="query/keyFields is missing"):
        assert_conforms(sandbox)

    [one] = sandbox.received
    wrong = replace(one, query=KEYS, status=200, response={"fine": True})
    sandbox._received[0] = wrong
    with pytest.raises(AssertionError, match="200/fine is not described"):
        assert_conforms(sandbox)


def test_a_large_body_is_checked_in_no_time() -> None:
    rows = [[n, "a"] for n in range(200_000)]

    assert described().check_request("POST", f"{LIST}/data/load", KEYS, rows) == []


@needs_published
def test_our_description_differs_from_the_published_one_as_noted_and_nowhere_else() -> None:
    differences = list(Description.load(OWN).differences(Description.load(PUBLISHED)))

    assert [d for d in differences if not any(one.covers(d) for one in DEVIATIONS)] == []


@needs_published
@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_no_deviation_is_out_of_date(deviation: Any) -> None:
    differences = Description.load(OWN).differences(Description.load(PUBLISHED))

    assert deviation.aspect in ASPECTS
    assert any(deviation.covers(one) for one in differences)


@needs_published
def test_what_deviates_is_as_we_describe_it() -> None:
    own = Description.load(OWN)

    assert list(own.differences(described())) == []


@needs_published
def test_the_values_taken_from_prose_stand_there() -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    slots = Description.load(OWN).endpoints
    words = {
        word
        for one in DEVIATIONS
        if one.reason == PROSE
        for endpoint in slots.values()
        if one.location in endpoint
        for word in endpoint[one.location].choices
    }

    assert len(words) == 9
    # The description has but one of the two directions, in an example.
    assert sorted(word for word in words if word not in text) == ["DESC"]


@needs_published
def test_no_sentence_of_the_published_description_is_in_ours() -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(PUBLISHED.read_text(encoding="utf-8"), loader)  # noqa: S506
    ours = " ".join(OWN.read_text(encoding="utf-8").split())

    def sentences(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("description", "summary") and isinstance(value, str):
                    yield from (" ".join(one.split()) for one in value.split("."))
                else:
                    yield from sentences(value)
        elif isinstance(node, list):
            for one in node:
                yield from sentences(one)

    assert [one for one in sentences(document) if len(one.split()) > 3 and one in ours] == []
