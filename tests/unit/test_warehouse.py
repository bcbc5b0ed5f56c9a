"""Which warehouses are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_selligent.errors import ProfileError
from dbt_selligent.settings import Settings
from dbt_selligent.storage import open_storage


def test_a_warehouse_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    """Also where its keys are such that DuckDB would take them: it would read another file."""
    output = {"type": "snowflake", "path": str(tmp_path / "it.duckdb")}
    settings = Settings(
        project_dir=tmp_path,
        profiles_dir=tmp_path,
        profile="shop",
        target="dev",
        target_path=tmp_path / "target",
        profiles={"shop": {"outputs": {"dev": output}}},
    )

    with (
        pytest.raises(ProfileError, match=r"shop\.dev: type 'snowflake' is not supported") as wrong,
        open_storage(settings) as storage,
        storage.open_reader(tmp_path),
    ):
        pass

    assert wrong.value.next_step == "use a target of type duckdb, postgres or spark"
