"""Plans as the planner makes them, of given figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns
from dbt_selligent.groups import make_groups
from dbt_selligent.manifest import Model
from dbt_selligent.planning import Counts, Plan
from dbt_selligent.selligent.pace import Pace

MODEL = Model("model.shop.c", "customers", "model", "table", '"c"', "s", "m", "models/c.sql")
NO_ROWS = dict.fromkeys(
    ("rows", "unchanged", "new", "changed", "invalid", "held", "not_found", "in_doubt", "removed"),
    0,
)


def activation(**more: Any) -> Activation:
    given: dict[str, Any] = {
        "name": "crm",
        "unique_id": "exposure.shop.crm",
        "file": "m.yml",
        "tags": (),
        "model": MODEL,
        "destination": "dev",
        "list": "CUSTOMERS",
        "keys": (("ID", "id"),),
        "fields": (("MAIL", "mail"), ("TIER", "tier")),
    }
    return Activation(**{**given, **more})


def make_plan(
    counts: Mapping[str, int], masks: Mapping[tuple[str, str], int] | None = None, **more: Any
) -> Plan:
    """A plan of ``crm`` with these counts; ``masks`` are the rows that are sent."""
    columns = Columns((column("ID"),), (column("MAIL"), column("TIER")))
    of = more.pop("of", activation())
    groups, _ = make_groups(of, columns, masks or {})
    given: dict[str, Any] = {
        "activation": of,
        "columns": columns,
        "delta": Path("delta"),
        "groups": groups,
        "counts": Counts(**{**NO_ROWS, **counts}),
        "changed_fields": (),
        "problems": (),
        "notes": (),
        "first_sync": False,
        "full_refresh": False,
        "pace": Pace(),
    }
    return Plan(**{**given, **more})


def column(field: str) -> Column:
    return Column(field, f'"{field}"', f'"{field}"', "text", "text", "VARCHAR", f"'{field}'", "''")
