"""The houses themselves: what they write is there, and dbt names it as they do."""

from __future__ import annotations

import json

from contract.house import House
from contract.world import CUSTOMERS, World

TYPES = ("integer", "bigint", "text", "double", "real", "decimal(10,2)", "boolean", "date")
TIMES = ("timestamp", "timestamptz")
TEXTS = [
    'it\'s \\ "quoted"',
    "${user} {{ x }} %s $1",
    "two\r\nlines\tand \N{PILE OF POO}",
    "",
    None,
]
ODD = "Odd, `name` with \"quotes\" and 'more'"


def test_a_table_holds_what_was_written_and_nothing_else(house: House) -> None:
    columns = {**{kind: kind for kind in (*TYPES, *TIMES)}, ODD: "text", "select": "text"}
    values = (1, 2**40, "a", 0.5, 0.25, "1.50", True, "2024-02-29")
    times = ("2024-02-29 12:34:56.789999", "2024-02-29 12:34:56+02:00")
    house.fill("things", columns, [(*values, *times, text, "x") for text in TEXTS])
    house.fill("things", columns, [(*values, *times, text, "x") for text in TEXTS])
    relation = house.relation("things")
    odd = house.read(f"select {house.quote(ODD)} from {relation}")
    assert sorted(odd, key=str) == sorted([(text,) for text in TEXTS], key=str)
    assert house.read(f"select distinct {house.quote('double')} from {relation}") == [(0.5,)]
    house.fill("things", columns)
    assert house.read(f"select count(*) from {relation}") == [(0,)]
    house.fill("things", {"at": "timestamp"}, [(house.beyond["timestamp"],)])
    house.view("seen", "things")
    assert house.read(f"select count(*) from {house.relation('seen')}") == [(1,)]


def test_the_manifest_names_the_models_as_the_house_does(world: World) -> None:
    manifest = json.loads((world.folder / "target" / "selligent" / "manifest.json").read_text())
    names = {node["alias"]: node["relation_name"] for node in manifest["nodes"].values()}
    world.fill("CamelCase", CUSTOMERS)
    world.customers()
    world.house.view("seen", "customers")
    for alias in ("customers", "CamelCase", "seen"):
        assert world.house.read(f"select count(*) from {names[alias]}") == [(0,)]
