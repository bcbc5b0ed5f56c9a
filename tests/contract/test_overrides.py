"""A project's own macro on the engine itself."""

from __future__ import annotations

import pytest
from functional.conftest import parse

from contract.house import STATE_SCHEMA
from contract.world import ANN, BEN, World, crm

OWN = {
    "postgres": " with (fillfactor = 90)",
    "spark": " using orc",
}
ASKED = {
    "postgres": "select array_to_string(reloptions, ' ') from pg_class where relname = '{}'",
    "spark": f"show create table {STATE_SCHEMA}.{{}}",
}
SAID = {"postgres": "fillfactor=90", "spark": "USING orc"}
TABLES = {
    "postgres": "select table_name from information_schema.tables "
    f"where table_schema = '{STATE_SCHEMA}'",
    "spark": f"show tables in {STATE_SCHEMA}",
}


@pytest.mark.parametrize("house", ["postgres", "spark"], indirect=True)
def test_tables_of_the_state_are_made_as_the_project_says(world: World) -> None:
    engine = world.house.name
    macro = f"{{% macro {engine}__selligent_format() %}}{OWN[engine]}{{% endmacro %}}"
    path = world.folder / "macros" / "own.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(macro)
    try:
        parse(world.folder)  # dbt reads it too
        world.profile()
        world.declare(crm())
        world.begun(ANN)
        world.customers(ANN, BEN)
        world.in_step()
        assert world.records() == [ANN, BEN]
        tables = [str(row[-2:][0]) for row in world.house.read(TABLES[engine])]
        [snapshot] = [name for name in tables if "__snapshot" in name]
        [told] = world.house.read(ASKED[engine].format(snapshot))
        assert SAID[engine] in str(told[0])
    finally:
        path.unlink()
        parse(world.folder)
