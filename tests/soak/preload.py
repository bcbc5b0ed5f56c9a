"""What a victim needs in memory before it is forked, so that it starts in no time."""

import dbt.adapters.duckdb
import dbt.adapters.postgres
import duckdb
import pyarrow
import requests

import dbt_selligent.cli.sync
import dbt_selligent.cli.terminal
import dbt_selligent.cli.verify
import dbt_selligent.pipeline
import dbt_selligent.verification
import dbt_selligent.warehouse.duckdb
import dbt_selligent.warehouse.storage
from dbt_selligent.warehouse.dialects import COPIED, POSTGRES, SPARK
from dbt_selligent.warehouse.macros import render_sql

__all__ = ["dbt", "dbt_selligent", "duckdb", "pyarrow", "requests"]

render_sql("clear_log", state={"log": "log"})  # the templates of all macros are compiled once
for dialect in (COPIED, POSTGRES, SPARK):
    render_sql("session", dialect)
