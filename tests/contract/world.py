"""A shop in any of the houses: its lists, its models, and what is asked of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from functional.conftest import LISTS as SHOP_LISTS
from functional.conftest import Sent, Shop, exposure
from soak.steps import Kill
from soak.victim import Ended, Victims

from contract.house import House
from dbt_selligent import verify
from dbt_selligent.history import History, read_history
from dbt_selligent.kept import Kept, show
from dbt_selligent.results import ActivationResult
from dbt_selligent.verification import Verification

KEY = {"data_type": "Long", "allow_null": False}
# Names that are words of SQL, and differ in case alone from what they might be taken for.
RESERVED = {
    "business_key": ["ORDER"],
    "fields": {
        "ORDER": {"data_type": "Text", "length": 50},
        "Select": {"data_type": "Text", "length": 50},
        "user": {"data_type": "Text", "length": 50},
        "GROUP_BY": {"data_type": "Long"},
    },
}
THINGS = {
    "business_key": ["ID"],
    "fields": {
        "ID": KEY,
        "WORDS": {"data_type": "LongText"},
        "SHORT": {"data_type": "Text", "length": 10},
        "NO": {"data_type": "Long"},
        "SMALL": {"data_type": "Numeric"},
        "AMOUNT": {"data_type": "Float"},
        "PRICE": {"data_type": "Float"},
        "RATIO": {"data_type": "Float"},
        "DAY": {"data_type": "Date"},
        "AT": {"data_type": "DateTime"},
        "SINCE": {"data_type": "DateTime"},
        "FLAG": {"data_type": "Boolean"},
    },
}
LISTS: dict[str, Any] = {**SHOP_LISTS, "THINGS": THINGS, "RESERVED": RESERVED}

MODELS = {
    **dict.fromkeys(("customers", "orders", "things", "mails", "spare"), "select 1 as id"),
    "camel": "{{ config(alias='CamelCase') }} select 1 as id",
    "seen": "{{ config(materialized='view') }} select 1 as id",
}

CUSTOMERS = {
    "id": "integer",
    "email": "text",
    "first_name": "text",
    "lifetime_value": "double",
    "opt_in": "boolean",
}
FIELDS = {
    "MAIL": "email",
    "FIRSTNAME": "first_name",
    "LTV": "lifetime_value",
    "OPTIN": "opt_in",
}
KEYS = "CUSTOMER_ID"
WHOLE = f"{KEYS},{','.join(FIELDS)}"
ANN = (1, "ann@acme.example", "Ann", 10.5, True)
BEN = (2, "ben@acme.example", "Ben", 20.25, False)
CAT = (3, "cat@acme.example", None, None, None)
# Large enough for one row to leave without a guard.
CROWD = [(n, f"c{n}@acme.example", "C", 1.5, True) for n in range(10, 40)]

Row = Sequence[Any]


def crm(name: str = "crm", model: str = "customers", **meta: Any) -> dict[str, Any]:
    """The activation of customers; `fields=None` maps none."""
    fields = meta.pop("fields", FIELDS)
    # Tests count requests, whatever time each takes.
    base = {"list": "CUSTOMERS", "matching_key": {KEYS: "id"}, "batch": {"rows": 2500}, **meta}
    return exposure(name, model, {**base, "fields": fields} if fields else base)


def things(*fields: str, **meta: Any) -> dict[str, Any]:
    """The activation of things, of these fields, fed by columns of their names."""
    mapped = {name: name.lower() for name in fields}
    given = {"list": "THINGS", "matching_key": {"ID": "id"}, "fields": mapped, **meta}
    return exposure("things", "things", given)


def mails(**meta: Any) -> dict[str, Any]:
    """The activation of mails, whose key is a text."""
    given = {"list": "MAILS", "matching_key": {"MAIL": "mail"}, "fields": {"SCORE": "score"}}
    return exposure("mails", "mails", {**given, **meta})


@dataclass
class World(Shop):
    """The shop, its models in a house; rows come back sorted, since no warehouse keeps an order."""

    house: House = field(kw_only=True)
    aside: Path = field(kw_only=True)  # for what processes say

    def __post_init__(self) -> None:
        environment = {"HOME": str(self.aside), "NO_COLOR": "1"}
        self._victims = Victims(
            self.folder, self.aside, environment, watched=(), listen=self.house.listen
        )

    def sync_until(self, kill: Kill, sabotage: str | None = None) -> Ended:
        """The real command, with --force, in a process that is killed at a step.

        Steps are its statements and its requests, each before it is made, and the answers.
        """
        with self.outside():
            ended = self._victims.run(
                "sync", "--select", "crm", "--force", kill=kill, sabotage=sabotage
            )
        assert ended.killed or ended.code == 0, ended.said
        self.house.end_sessions()
        return ended

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Meanwhile the profile is that of other processes."""
        with self.connected(self.house.outside()):
            yield

    @contextmanager
    def connected(self, output: Mapping[str, Any]) -> Iterator[None]:
        """Meanwhile this is the warehouse's output in the profile."""
        self._connect(output)
        try:
            yield
        finally:
            self._connect(self.house.profile())

    def _connect(self, output: Mapping[str, Any]) -> None:
        (self.folder / "warehouse.json").write_text(json.dumps(output))
        self.profile()

    def fill(self, model: str, columns: Mapping[str, str], *rows: Row) -> None:
        """The model's table, as a run of dbt would have left it."""
        self.house.fill(model, columns, rows)

    def customers(self, *rows: Row) -> None:
        self.fill("customers", CUSTOMERS, *rows)

    def sent(self) -> list[Sent]:
        new = self.sandbox.bulk()[self.seen :]
        self.seen += len(new)
        names = [one.path.split("/lists/")[1].split("/")[0] for one in new]
        bodies = [one.body if isinstance(one.body, list) else [] for one in new]
        queries = [one.query for one in new]
        return list(zip(names, queries, map(in_order, bodies), strict=True))

    def records(self, name: str = "CUSTOMERS") -> list[tuple[Any, ...]]:
        return in_order(super().records(name))

    def members(self, segment: str = "VIP", name: str = "CUSTOMERS", key: str = KEYS) -> list[Any]:
        """The keys of a segment's members."""
        url = f"{self.url}/Portal/Api/organizations/DEMO/lists/{name}/segments/{segment}"
        answer = requests.post(
            f"{url}/data/search",
            json={"fields": [key]},
            headers={"X-ApiKey": "demo:demo"},
            timeout=10,
        )
        return sorted(value for (value,) in answer.json()["data"])

    def put(self, *rows: Row, name: str = "CUSTOMERS") -> None:
        """What somebody else wrote into a list."""
        fields = list(LISTS[name]["fields"])
        self.sandbox.put(name, [dict(zip(fields, row, strict=False)) for row in rows])

    def begun(self, *rows: Row, **chosen: Any) -> None:
        """The model has these rows, and they were sent."""
        self.customers(*rows)
        self.in_step(**chosen)
        self.sent()

    def settled(self, name: str = "crm", **chosen: Any) -> None:
        """A sync finds nothing to do, and sends nothing."""
        self.sent()
        result = self.in_step(name, **chosen)
        assert (counted(result), result.requests, self.sent()) == ([], 0, [])

    def kept(self, name: str = "crm") -> Kept:
        [found] = show(self.settings(select=(name,)))
        return found

    def history(self, name: str = "crm", *, show_values: bool = False) -> History:
        [found] = read_history(self.settings(select=(name,)), show_values=show_values)
        return found

    def verified(self, name: str = "crm", *, repair: bool = False) -> Verification:
        settings = self.settings(select=(name,))
        [found] = verify(settings, repair=repair, sleep=self.waits.append)
        return found


COUNTED = ("new", "changed", "invalid", "held", "not_found", "in_doubt", "removed", "joining")


def counted(result: Any) -> list[tuple[str, int]]:
    """The counts of a result or a plan that are not 0, but for rows and what is unchanged."""
    assert result.counts is not None
    found = [(name, getattr(result.counts, name)) for name in COUNTED]
    return [(name, count) for name, count in found if count]


def problems(result: ActivationResult) -> list[tuple[str, str, int]]:
    """Field, reason and number of the rows that cannot be sent."""
    return sorted((one["field"], one["reason"], one["rows"]) for one in result.problems)


def in_order(rows: Sequence[Any]) -> list[Any]:
    """Rows by their first values."""
    return sorted(
        rows, key=lambda row: [(value is not None, str(value).zfill(20)) for value in row]
    )


def calls(sent: Sequence[Sent]) -> list[tuple[str, str, Any]]:
    """What each request asks for, of which fields, and its rows."""
    return [
        (query.get("data_import_option", "-"), query.get("fields", ""), body)
        for _, query, body in sent
    ]
