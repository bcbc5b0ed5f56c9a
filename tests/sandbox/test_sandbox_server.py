import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from dbt_selligent.cli.sandbox import sandbox as command
from dbt_selligent.sandbox import BASE, Received, Sandbox, load_config

from .conformance import assert_conforms

HEADERS = {"X-ApiKey": "demo:demo"}
LOAD = {"keyFields": "CUSTOMER_ID", "fields": "CUSTOMER_ID,MAIL"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(load_config(), keep_responses=True)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield url + BASE
    assert_conforms(sandbox, requests=False)


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers or HEADERS, timeout=5)


def load(api: str, rows: object, path: str = "CUSTOMERS") -> requests.Response:
    url = f"{api}/organizations/DEMO/lists/{path}/data/load"
    return requests.post(url, params=LOAD, json=rows, headers=HEADERS, timeout=5)


def send(method: str, url: str, rows: object = None) -> requests.Response:
    return requests.request(method, url, params=LOAD, json=rows, headers=HEADERS, timeout=5)


def test_plain_urllib_can_drive_it(sandbox: Sandbox, api: str) -> None:
    def ask(method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (a loopback address)
            f"{api}/organizations/DEMO/lists/CUSTOMERS{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-ApiKey": "demo:demo", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return json.load(response)

    loaded = ask("POST", "/data/load?keyFields=CUSTOMER_ID&fields=CUSTOMER_ID,MAIL", [[7, "x@y.z"]])
    found = ask("POST", "/data/search", {"fields": ["MAIL"]})
    gone = ask("DELETE", "/data?keyFields=CUSTOMER_ID&fields=CUSTOMER_ID", [[7]])

    assert loaded["number_of_inserted_records"] == 1
    assert found["data"] == [["x@y.z"]]
    assert gone["number_of_deleted_records"] == 1
    assert sandbox.records("CUSTOMERS") == []


def test_credentials_and_organization(api: str) -> None:
    organization = f"{api}/organizations/DEMO"

    statuses = [
        get(f"{api}/status", Accept="*/*").status_code,
        get(organization, Accept="*/*").status_code,
        get(organization, **{"X-ApiKey": "demo:wrong"}).status_code,
        get(organization).status_code,
        get(f"{api}/organizations/demo").status_code,
        get(f"{api}/organizations/DEMO/nothing").status_code,
        requests.post(organization, headers=HEADERS, timeout=5).status_code,
    ]

    assert statuses == [200, 401, 401, 200, 404, 404, 405]


def test_an_unknown_list(api: str) -> None:
    response = load(api, [], "NOPE")

    assert response.status_code == 404
    assert response.json()["result_code"] == "NotFound"
    assert response.json()["errors"][0]["description"]


def test_lists(api: str) -> None:
    lists = f"{api}/organizations/DEMO/lists"
    new = {"api_name": "ORDERS", "name": "All orders", "type": "Datalist", "tags": ["shop"]}

    made = requests.post(lists, json=new, headers=HEADERS, timeout=5)
    twice = requests.post(lists, json=new, headers=HEADERS, timeout=5)
    bad = requests.post(lists, json={**new, "type": "Table"}, headers=HEADERS, timeout=5)

    assert [one.status_code for one in (made, twice, bad)] == [200, 400, 400]

    def names(query: str) -> list[str]:
        return [one["api_name"] for one in get(f"{lists}{query}").json()["lists"]]

    assert names("") == ["CUSTOMERS", "TIER_OPTIONS", "ORDERS"]
    assert names("?filter=userlist") == ["CUSTOMERS"]
    assert names("?search=ALL") == ["ORDERS"]
    assert names("?skip=2&take=5") == ["ORDERS"]
    assert names("?take=1") == ["CUSTOMERS"]
    assert get(f"{lists}?take=-1").status_code == 400
    assert get(f"{lists}/ORDERS").json()["type"] == "Datalist"
    assert requests.delete(f"{lists}/ORDERS", headers=HEADERS, timeout=5).status_code == 200
    assert get(f"{lists}/ORDERS").status_code == 404


def test_fields_and_business_key(sandbox: Sandbox, api: str) -> None:
    sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "MAIL": "a"}, {"CUSTOMER_ID": 2, "MAIL": "A"}])
    one = f"{api}/organizations/DEMO/lists/CUSTOMERS"
    text = {"name": "CITY", "data_type": "Text", "length": 50, "content": None}

    def create(*fields: dict[str, object]) -> int:
        body = {"fields": fields}
        return requests.post(f"{one}/fields", json=body, headers=HEADERS, timeout=5).status_code

    def key(*fields: object) -> int:
        body = {"fields": fields}
        return requests.put(f"{one}/businesskey", json=body, headers=HEADERS, timeout=5).status_code

    assert create(text) == 201
    assert create({**text, "name": "NEW"}, text) == 400
    assert create({"name": "X", "data_type": "Guid"}) == 400
    assert create({"data_type": "Text"}) == 400
    assert create({**text, "name": "FULL", "allow_null": False}) == 400
    fields = get(f"{one}/fields").json()["fields"]
    assert [f["name"] for f in fields] == [
        "CUSTOMER_ID",
        "MAIL",
        "TIER",
        "SPENT",
        "LAST_ORDER",
        "CITY",
    ]
    assert fields[2]["optionlist"] == "TIER_OPTIONS"
    assert sandbox.records("CUSTOMERS")[0]["CITY"] is None
    assert [key("CUSTOMER_ID"), key("CUSTOMER_ID", "MAIL")] == [200, 200]
    assert [key("MAIL"), key(), key("NOPE"), key(1)] == [400, 400, 400, 400]


@pytest.mark.parametrize(
    "body", [b"", b"[[1", b"[[NaN, null]]", b"\xff\xfe\xff", b"[" * 100_000, b"9" * 5000]
)
def test_a_body_that_is_not_json(sandbox: Sandbox, api: str, body: bytes) -> None:
    url = f"{api}/organizations/DEMO/lists/CUSTOMERS/data/load"

    response = requests.post(url, params=LOAD, data=body, headers=HEADERS, timeout=5)

    assert response.status_code == 400
    assert response.json()["result_code"] == "ValidationFailed"
    assert sandbox.received[0].body == (body.decode("utf-8", "replace") or None)


def test_a_body_that_is_too_large() -> None:
    sandbox = Sandbox(load_config(), max_body=100)
    with sandbox.running() as url:
        statuses = [load(url + BASE, [[1, "x" * n]]).status_code for n in (10, 200)]

    assert statuses == [200, 413]
    assert [(one.status, one.body) for one in sandbox.received] == [
        (200, [[1, "x" * 10]]),
        (413, None),
    ]


def test_a_body_of_too_many_rows() -> None:
    sandbox = Sandbox(load_config(), max_rows=2)
    with sandbox.running() as url:
        one = f"{url}{BASE}/organizations/DEMO/lists/CUSTOMERS"
        statuses = [
            send("POST", f"{one}/data/load", [[n, "a"] for n in range(2)]).status_code,
            send("POST", f"{one}/data/load", [[n, "a"] for n in range(3)]).status_code,
            send("DELETE", f"{one}/data", [[n, "a"] for n in range(3)]).status_code,
        ]
        named = requests.post(
            f"{one}/data/load",
            params={"keyFields": "CUSTOMER_ID"},
            json=[["CUSTOMER_ID"], [1], [2]],
            headers=HEADERS,
            timeout=5,
        )

    # A row of names is no record.
    assert (statuses, named.status_code) == ([200, 413, 413], 200)
    assert [one["CUSTOMER_ID"] for one in sandbox.records("CUSTOMERS")] == [0, 1, 2]
    assert sandbox.received[1].body == [[0, "a"], [1, "a"], [2, "a"]]


def test_key_fields_of_many_records_need_a_unique_index() -> None:
    sandbox = Sandbox(load_config(), unindexed_limit=1)
    with sandbox.running() as url:
        one = f"{url}{BASE}/organizations/DEMO/lists/CUSTOMERS"

        def load_by(key: str, rows: int) -> requests.Response:
            return requests.post(
                f"{one}/data/load",
                params={**LOAD, "keyFields": key},
                json=[[n, f"m{n}"] for n in range(rows)],
                headers=HEADERS,
                timeout=5,
            )

        by_id, one_mail, mails = load_by("CUSTOMER_ID", 3), load_by("MAIL", 1), load_by("MAIL", 2)

    assert [one.status_code for one in (by_id, one_mail, mails)] == [200, 200, 400]
    assert "unique index" in mails.json()["errors"][0]["description"]


def test_the_quota() -> None:
    now = [0.0]
    sandbox = Sandbox(load_config(), quota=2, clock=lambda: now[0])
    with sandbox.running() as url:
        answers = [load(url + BASE, [[1, "a"]]) for _ in range(3)]
        now[0] = 60.0
        fresh = load(url + BASE, [[1, "a"]])

    assert [one.status_code for one in (*answers, fresh)] == [200, 200, 429, 200]
    assert answers[2].text.startswith("API calls quota exceeded!")
    limits = [one.headers["X-RateLimit-Remaining"] for one in (*answers, fresh)]
    assert limits == ["1", "0", "0", "1"]
    assert answers[2].headers["X-RateLimit-Limit"] == "2, 2;w=60"
    assert answers[2].headers["X-RateLimit-Reset"] == "60"


def test_every_answer_says_what_is_left_of_the_quota(sandbox: Sandbox, api: str) -> None:
    sandbox.faults(["search:truncated-after"])
    answers = [get(f"{api}/status"), get(f"{api}/nothing"), get(f"{api}/organizations/X")]
    with requests.post(
        f"{api}/organizations/DEMO/lists/CUSTOMERS/data/search",
        json={"fields": ["MAIL"]},
        headers=HEADERS,
        stream=True,
        timeout=5,
    ) as truncated:
        answers.append(truncated)

    left = [one.headers["X-RateLimit-Remaining"] for one in answers]
    assert left == ["2499", "2498", "2497", "2496"]


def test_one_bulk_operation_per_list_at_a_time(sandbox: Sandbox, api: str) -> None:
    sandbox.faults(["load:delay=30@1"])
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{api}/organizations/DEMO/lists/CUSTOMERS/data/load",
            params=LOAD,
            json=[[1, "a"]],
            headers=HEADERS,
            timeout=0.05,
        )
    one = f"{api}/organizations/DEMO/lists/CUSTOMERS"
    requests.post(
        f"{api}/organizations/DEMO/lists",
        json={"api_name": "OTHER", "name": "Other", "type": "Datalist"},
        headers=HEADERS,
        timeout=5,
    )

    refused = [
        send("POST", f"{one}/data/load", [[1, "a"]]),
        send("DELETE", f"{one}/data", [[1, "a"]]),
        send("POST", f"{one}/segments/VIP/data/load", [[1, "a"]]),
        send("DELETE", f"{one}/segments/VIP/data", [[1, "a"]]),
    ]
    others = [get(f"{one}/records"), load(api, [], "OTHER")]

    assert [answer.status_code for answer in refused] == [429] * 4
    assert not refused[0].text.startswith("API calls quota")
    left = [answer.headers["X-RateLimit-Remaining"] for answer in refused]
    assert left == ["2497", "2496", "2495", "2494"]
    assert refused[0].headers["X-RateLimit-Limit"] == "2500, 2500;w=60"
    assert refused[0].headers["X-RateLimit-Reset"] == "60"
    # The other list is not held up: its load is refused for its fields, not for its turn.
    assert [answer.status_code for answer in others] == [200, 400]


@pytest.mark.parametrize("limits", [{"busy": 0.05}, {"busy_per_row": 0.025}])
def test_a_bulk_operation_lasts_as_long_as_asked_for(limits: dict[str, float]) -> None:
    sandbox = Sandbox(load_config(), **limits)  # type: ignore[arg-type]
    with sandbox.running() as url:
        answer = load(url + BASE, [[1, "a"], [2, "b"]])

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.05


def test_what_was_received_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    sandbox = Sandbox(load_config(), received=path, faults=["load:reset-after@2"])
    with sandbox.running() as url:
        api = url + BASE
        get(f"{api}/status")
        load(api, [[1, "a"]])
        with pytest.raises(requests.ConnectionError):
            load(api, [[2, "b"]])
        load(api, [[1, "c"]], "CUSTOMERS/segments/VIP")
        send("DELETE", f"{api}/organizations/DEMO/lists/CUSTOMERS/segments/VIP/data", [[1, "c"]])
        send("DELETE", f"{api}/organizations/DEMO/lists/CUSTOMERS/data", [[1, "c"]])
        send("DELETE", f"{api}/organizations/DEMO/lists/CUSTOMERS/segments/VIP/data/clear")

    loaded = f"{BASE}/organizations/DEMO/lists/CUSTOMERS/data/load"
    segment = f"{BASE}/organizations/DEMO/lists/CUSTOMERS/segments/VIP/data/load"
    expected = [
        Received(1, "GET", f"{BASE}/status", {}, None, 200),
        Received(2, "POST", loaded, LOAD, [[1, "a"]], 200),
        Received(3, "POST", loaded, LOAD, [[2, "b"]], None),
        Received(4, "POST", segment, LOAD, [[1, "c"]], 200),
        Received(5, "DELETE", segment.removesuffix("/load"), LOAD, [[1, "c"]], 200),
        Received(6, "DELETE", loaded.removesuffix("/load"), LOAD, [[1, "c"]], 200),
        Received(7, "DELETE", segment.replace("load", "clear"), LOAD, None, 200),
    ]
    assert sandbox.received == expected
    assert sandbox.bulk() == expected[1:6]
    assert [Received(**json.loads(line)) for line in path.read_text().splitlines()] == expected
    assert path.stat().st_mode & 0o777 == 0o600


def test_records_stay_from_one_run_to_the_next(sandbox: Sandbox) -> None:
    for number in (1, 2):
        with sandbox.running() as url:
            load(url + BASE, [[number, "a"]])

    assert [record["CUSTOMER_ID"] for record in sandbox.records("CUSTOMERS")] == [1, 2]


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    with sandbox.running() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="address"), Sandbox(load_config()).running(port):
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_when_it_is_ready_and_stops_when_told(number: signal.Signals) -> None:
    code = "from dbt_selligent.cli.sandbox import sandbox; sandbox()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[3]
        status = get(f"{url}{BASE}/status").status_code
        os.kill(process.pid, number)
        rest = process.stdout.read()

    assert line == (
        f"Selligent sandbox on {url} (organization DEMO, key demo, secret demo); "
        "lists: CUSTOMERS; stop with Ctrl-C, which forgets all of it\n"
    )
    assert url.startswith("http://127.0.0.1:")
    assert (status, rest, process.returncode) == (200, "", 0)


def test_the_command_names_a_bad_fault_and_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "lists.yml"
    path.write_text("lists: 3")

    fault = CliRunner().invoke(command, ["--fault", "load:nothing"])
    config = CliRunner().invoke(command, ["--config", str(path)])

    assert (fault.exit_code, config.exit_code) == (2, 2)
    assert "segment-load" in fault.output
    assert "lists.yml" in config.output


def test_an_empty_fault_lists_what_there_is() -> None:
    done = CliRunner().invoke(command, ["--fault", ""])

    assert done.exit_code == 0
    assert done.output.startswith("A fault is OPERATION:FAULT[@WHICH].")


def test_the_command_hands_over_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    class Told:
        def __init__(self, config: object, **chosen: object) -> None:
            given.update(chosen)

        def serve(self, port: int, started: object) -> None:
            given["port"] = port

    monkeypatch.setattr("dbt_selligent.sandbox.Sandbox", Told)
    options = "--port 1 --quota 2 --busy 3 --busy-per-row 0.5 --max-rows 6 --unindexed-limit 0"
    options += " --index-base 1 --fault load:503 --fault load:short=2"

    result = CliRunner().invoke(command, options.split())

    assert result.exit_code == 0, result.output
    assert given == {
        "port": 1,
        "quota": 2,
        "busy": 3.0,
        "busy_per_row": 0.5,
        "max_rows": 6,
        "unindexed_limit": 0,
        "index_base": 1,
        "faults": ("load:503", "load:short=2"),
        "received": None,
    }


def test_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("dbt_selligent.sandbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    result = CliRunner().invoke(command, [])

    assert result.exit_code != 0
    assert "pip install 'dbt-selligent[sandbox]'" in result.output
