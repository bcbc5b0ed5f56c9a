"""What a victim needs in memory before it is forked, so that it starts in no time."""

import dbt.adapters.duckdb
import duckdb
import pyarrow
import requests

import dbt_selligent.cli.sync
import dbt_selligent.cli.terminal
import dbt_selligent.cli.verify
import dbt_selligent.pipeline
import dbt_selligent.verification

__all__ = ["dbt", "dbt_selligent", "duckdb", "pyarrow", "requests"]
