"""States of the shop's activation: what is on disk of them, and what is done to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.migrations import VERSION

from .conftest import Shop, exposure

ANN, BEN, CAT = (
    (1, "ann@acme.example", "Ann", 10.5, True),
    (2, "ben@acme.example", "Ben", None, False),
    (3, "cat@acme.example", "Cat", 1.0, True),
)
META: dict[str, Any] = {
    "list": "CUSTOMERS",
    "matching_key": {"CUSTOMER_ID": "id"},
    "fields": {"MAIL": "email", "FIRSTNAME": "first_name"},
}


def run(shop: Shop, *arguments: str) -> tuple[int, str]:
    done = shop.invoke("state", *arguments)
    return done.code, done.said


def kept(shop: Shop) -> dict[str, str]:
    return {name: said for name, said in shop.state_bytes().items() if name.endswith(".duckdb")}


def contents(shop: Shop) -> dict[str, bytes]:
    """What lies on disk of the state of crm."""
    return {path.name: path.read_bytes() for path in (shop.state / "dev").glob("crm.d*")}


def renamed(shop: Shop, name: str = "people", **changes: Any) -> None:
    fields = {"MAIL": "email", "FIRSTNAME": "first_name", "LTV": "lifetime_value"}
    meta = {**META, "fields": {**fields, "OPTIN": "opt_in"}, "batch": {"rows": 2500}, **changes}
    shop.declare(exposure(name, "customers", meta))


def gone(shop: Shop, *rows: tuple[Any, ...]) -> Any:
    shop.customers(*rows)
    return shop.in_step(force=True)


def keys(shop: Shop) -> list[int]:
    return sorted(int(str(row[0])) for row in shop.records())


def put(shop: Shop, *rows: tuple[Any, ...]) -> None:
    """What another tool sent before."""
    names = ("CUSTOMER_ID", "MAIL", "FIRSTNAME", "LTV", "OPTIN")
    shop.sandbox.put("CUSTOMERS", [dict(zip(names, row, strict=True)) for row in rows])


def make_newer(state: Path) -> None:
    """The state is one of the next version."""
    with duckdb.connect(str(state)) as connection:
        connection.execute("insert into migrations values (?, now()::timestamp)", [VERSION + 1])
