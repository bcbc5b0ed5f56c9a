"""A warehouse of the user's own, and the schema of states in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt_selligent.settings import Settings

from .engines import Postgres

SCHEMA = 'it\'s "shop"_dbt_selligent'


def settings_of(engine: Postgres, folder: Path, **changes: Any) -> Settings:
    there = engine.cursor.connection.info
    output = {
        "type": "postgres",
        "host": there.host,
        "port": there.port,
        "user": there.user,
        "password": "s3cret",
        "dbname": there.dbname,
        "schema": "shop",
        **changes,
    }
    return Settings(
        project_dir=folder,
        profiles_dir=folder,
        profile="shop",
        target="dev",
        target_path=folder / "target",
        profiles={"shop": {"outputs": {"dev": output}}},
    )
