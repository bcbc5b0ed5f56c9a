"""Names from YAML, profile and manifest may contain anything: they stay names."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from dbt_selligent.filetables import FileTables
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.selligent.calls import Call
from dbt_selligent.selligent.client import Client
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import quote

from .conftest import Shop, exposure

EVIL = 'x"; drop table customers; --'
ANN = (1, "ann@acme.example", "Ann", 10.5, True)
META = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server that answers nothing of use, and the request lines that it was sent."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_DELETE = do_GET  # noqa: N815  (as the library calls them)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_names_in_an_address_are_one_part_of_it_each(tmp_path: Path) -> None:
    name = "../../A/lists/B?x=1#y %41é&z"
    with listening() as (url, paths):
        destination = Destination("dev", url, name, Secret("k"), Secret("s"), tmp_path)
        with Client(destination) as client:
            client.fields(name)
            client.segment("L", name)
            client.bulk(Call.JOIN, "L", name, keys=[name], fields=[name], body=b"[]")
    part = "..%2F..%2FA%2Flists%2FB%3Fx%3D1%23y%20%2541%C3%A9%26z"
    base = f"/Portal/Api/organizations/{part}/lists"
    query = part.replace("%20", "+")
    assert paths == [
        f"{base}/{part}/fields",
        f"{base}/L/segments/{part}",
        f"{base}/L/segments/{part}/data/load?keyFields={query}&fields={query}",
    ]


def test_columns_may_be_called_like_sql(shop: Shop) -> None:
    quoted = '"' + EVIL.replace('"', '""') + '"'
    shop.table("customers", f"select 1 as id, 'ann@acme.example' as {quoted}")
    shop.declare(exposure("crm", "customers", {**META, "fields": {"MAIL": EVIL}}))
    assert shop.in_step().confirmed == 1
    assert shop.records()[0][:2] == (1, "ann@acme.example")
    shop.table("customers", f"select 1 as id, 'eve@acme.example' as {quoted}")
    assert shop.in_step().confirmed == 1
    assert shop.in_step().requests == 0


def test_a_field_of_any_name_is_a_column_of_the_state(tmp_path: Path) -> None:
    names = ["A;\nB", 'drop";\n--', "'", "{{ x }}"]
    keys = [{"name": quote(name), "type": "bigint"} for name in names]
    with engine.open_engine(tmp_path) as connection:
        engine.attach(connection, tmp_path / "it.duckdb", engine.STATE)
        tables = FileTables(connection, tmp_path / "it.duckdb", tmp_path / "delta.duckdb")
        tables.run("create_state", keys=keys, columns=keys, types=tables.dialect.types)
        for table in ("snapshot", "doubt"):
            assert list(tables.columns(table)) == names


@pytest.mark.parametrize("where", ["matching_key", "fields", "list", "segment"])
def test_fields_lists_and_segments_may_be_too_and_are_not_there(shop: Shop, where: str) -> None:
    shop.customers(ANN)
    given = {"matching_key": {EVIL: "id"}, "fields": {EVIL: "email"}}.get(where, EVIL)
    shop.declare(exposure("crm", "customers", {**META, where: given}))
    for command in ("validate", "plan", "sync", "status", "verify"):
        done = shop.invoke(command, "--select", "crm")
        assert "Traceback" not in done.said
        assert "is a bug" not in done.said
    with duckdb.connect(str(shop.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) from customers").fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["../../evil", "a/b", "..", "%2e%2e", "é'\"; --", "con.delta"])
def test_an_activation_of_any_name_has_its_state_in_its_folder(shop: Shop, name: str) -> None:
    shop.customers(ANN)
    shop.declare(exposure(name, "customers", META))
    before = sorted(shop.folder.parent.iterdir())
    result = shop.sync(select=()).results
    assert [(one.name, one.status) for one in result] == [(name, "in step")]
    assert shop.sync(select=()).results[0].requests == 0
    assert sorted(shop.folder.parent.iterdir()) == before
    assert len(list((shop.state / "dev").glob("*.duckdb"))) == 1
    shown = json.loads(shop.invoke("state", "show", "--output", "json").out)
    assert [(one["name"], one["confirmed"]) for one in shown] == [(name, 1)]


@pytest.mark.parametrize("name", ["..", ".", "../elsewhere", "a b"])
def test_a_destination_of_any_name_has_its_folder_in_that_of_the_states(
    shop: Shop, name: str
) -> None:
    shop.customers(ANN)
    shop.declare(exposure("crm", "customers", META))
    output = {"type": "selligent", "url": shop.url, "organization": "DEMO"}
    shop.profile(more={name: {**output, "api_key": "demo", "api_secret": "demo"}})
    assert shop.in_step(destination=name).confirmed == 1
    [state] = shop.folder.rglob("crm.duckdb")
    assert state.parents[1] == shop.state


def test_a_relation_that_is_no_name_is_an_error(shop: Shop) -> None:
    shop.customers(ANN)
    path = shop.folder / "target" / "selligent" / "manifest.json"
    manifest = json.loads(path.read_text())
    node = manifest["nodes"]["model.shop.customers"]
    node["relation_name"] = '"shop"."main"."customers"; drop table customers'
    path.write_text(json.dumps(manifest))
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 2
    assert "not the name of a relation" in done.err
    node["relation_name"] = "shop.main.customers"
    path.write_text(json.dumps(manifest))
    assert shop.in_step().confirmed == 1
