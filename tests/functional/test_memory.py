"""Rows so wide that the engine needs more memory than it is given at first; the limits are lowered
here, so that narrow ones do.
"""

from __future__ import annotations

from typing import Any

import pytest

from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.dialects import DUCKDB, Dialect
from dbt_selligent.warehouse.macros import render_sql

from .conftest import Shop

ROWS = 40_000
CUSTOMERS = (
    "select range as id, md5(range::varchar) || '@acme.example' as email, "
    "md5('a' || range) as first_name, range / 7 as lifetime_value, range % 2 = 0 as opt_in "
    "from range({})"
)
TOO_LITTLE = 6  # MB


def test_a_first_sync_is_staged_with_more_memory(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.table("customers", CUSTOMERS.format(ROWS))
    tried: list[int] = []
    limit = engine.limit_memory

    def noted(connection: object, megabytes: int) -> None:
        tried.append(megabytes)
        limit(connection, megabytes)

    monkeypatch.setattr(engine, "limit_memory", noted)
    monkeypatch.setattr(engine, "memory_limits", lambda comparing: (1, 512))

    assert shop.plan_one().counts.new == ROWS
    assert tried[-2:] == [1, 512]


def test_tables_are_compared_with_more_memory(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.table("customers", CUSTOMERS.format(ROWS))
    shop.in_step()
    shop.write("update customers set first_name = 'Ann' where id % 1000 = 7")
    monkeypatch.setattr(engine, "MEMORY_TO_COMPARE", (TOO_LITTLE, 512))

    assert shop.plan_one().counts.changed == ROWS // 1000
    result = shop.in_step()
    assert result.confirmed == ROWS // 1000


def test_where_no_limit_is_enough_the_activation_fails_and_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.table("customers", CUSTOMERS.format(ROWS))
    shop.in_step()
    monkeypatch.setattr(engine, "MEMORY_TO_COMPARE", (TOO_LITTLE,))

    done = shop.invoke("sync", "--select", "crm")

    assert done.code == 1
    assert "the model cannot be read: Out of Memory" in done.out
    assert "map fewer columns" in done.out


@pytest.mark.parametrize("after", [-1, ROWS // 2])
def test_rows_that_cannot_be_rendered_fail_the_activation_and_nothing_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    shop.table("customers", CUSTOMERS.format(ROWS))

    def too_much(name: str, dialect: Dialect = DUCKDB, **arguments: Any) -> str:
        """After so many rows, more than the engine may hold at once."""
        sql = render_sql(name, dialect, **arguments)
        if name != "rows":
            return sql
        length = f"case when rowid > {after} then 1000000 else 0 end"
        return sql.replace("cast(json_array(", f"repeat('x', {length}), cast(json_array(")

    monkeypatch.setattr("dbt_selligent.rendering.render_sql", too_much)
    done = shop.invoke("sync", "--select", "crm")
    monkeypatch.undo()

    assert done.code == 1
    assert "the staged rows cannot be rendered: out of memory" in done.out
    shop.in_step()
    assert len(shop.sandbox.records("CUSTOMERS")) == ROWS


def test_limits_rise_with_the_machine_and_begin_low(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.memory_limits(comparing=False)[0] == 224
    assert engine.memory_limits(comparing=True)[0] == 512

    for gigabytes, limits in (
        (0.5, (512,)),
        (2.0, (512,)),
        (4.3, (512, 1024, 2048)),
        (64, (512, 1024, 2048, 4096)),
    ):
        pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": int(gigabytes * 1e9 / 4096)}
        monkeypatch.setattr("os.sysconf", pages.__getitem__)
        assert engine.memory_limits(comparing=True) == limits


def test_wide_rows_are_rendered_with_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4_000_000}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    assert [engine.memory_to_render(width) for width in (100, 20_000, 10**9)] == [224, 480, 4096]


def test_a_run_has_the_memory_that_its_rows_take(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.table("customers", CUSTOMERS.format(100))
    set_to: list[int] = []
    limit = engine.limit_memory

    def noted(connection: object, megabytes: int) -> None:
        set_to.append(megabytes)
        limit(connection, megabytes)

    monkeypatch.setattr(engine, "limit_memory", noted)
    monkeypatch.setattr(engine, "memory_to_render", lambda width: 333 if width > 10 else 1)
    shop.in_step()

    assert set_to[-1] == 333
