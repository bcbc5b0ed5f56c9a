"""The floor of a first load: scans a table, renders its rows, posts them, and does nothing else."""

from __future__ import annotations

import sys

import duckdb
import requests


def main(warehouse: str, url: str) -> None:
    connection = duckdb.connect(warehouse, read_only=True)
    connection.execute("set threads = 2")
    rows = connection.sql(
        "select cast(json_array(id, mail, first, last, spend, orders, since, "
        "strftime(seen_at, '%Y-%m-%dT%H:%M:%S.%gZ'), optin, tier) as varchar) from main.people"
    )
    session = requests.Session()
    session.trust_env = False
    for batch in rows.to_arrow_reader(2500):
        texts = batch.column(0).to_pylist()
        for start in range(0, len(texts), 2500):
            body = "[" + ",".join(texts[start : start + 2500]) + "]"
            session.post(url, data=body.encode(), timeout=60).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
