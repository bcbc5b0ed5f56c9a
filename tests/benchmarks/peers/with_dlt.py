"""A dlt pipeline from DuckDB to the API, in Arrow until the rows are rendered. Keeps dlt's state.

values    orjson renders the rows
rendered  DuckDB renders them, which is the fastest of what was tried
cursor    as rendered, but only rows that were seen after the last time

A destination that is a function gets appended rows: write dispositions, merge among them, are for
dlt's databases. What is new, dlt finds by a cursor alone. A file of the pipeline is a job, and
twenty jobs load at once: with files of 50,000 rows there are enough of them.
"""

import os
import sys
import threading
from collections.abc import Iterator

import dlt
import duckdb
import orjson
import pyarrow as pa
import requests

HEADERS = {"Content-Type": "application/json"}
ROWS = 50_000  # of an Arrow batch, of a file
COLUMNS = "id, mail, first, last, spend, orders, since, seen_at, optin, tier"
RENDERED = f"seen_at, json_array({COLUMNS})::varchar AS body"

dlt.config["data_writer.buffer_max_items"] = ROWS
dlt.config["data_writer.file_max_items"] = ROWS

url, batch = os.environ["PEERS_URL"], int(os.environ["PEERS_BATCH"])
[how] = sys.argv[1:]
mine = threading.local()


@dlt.destination(batch_size=batch, loader_file_format="parquet")
def selligent(items: pa.RecordBatch, table: object) -> None:
    if not hasattr(mine, "session"):
        mine.session = requests.Session()
    if how == "values":
        body = orjson.dumps(list(zip(*items.to_pydict().values(), strict=True)))
    else:
        body = f"[{','.join(items['body'].to_pylist())}]".encode()
    mine.session.post(url, data=body, headers=HEADERS, timeout=60).raise_for_status()


@dlt.resource(name="people")
def everything() -> Iterator[pa.RecordBatch]:
    yield from read(f"SELECT {COLUMNS if how == 'values' else RENDERED} FROM main.people")


@dlt.resource(name="people")
def later(
    seen_at=dlt.sources.incremental("seen_at", range_start="open"),  # noqa: B008
) -> Iterator[pa.RecordBatch]:
    if seen_at.last_value is None:
        yield from read(f"SELECT {RENDERED} FROM main.people")
    else:
        yield from read(f"SELECT {RENDERED} FROM main.people WHERE seen_at > ?", seen_at.last_value)


def read(query: str, *values: object) -> Iterator[pa.RecordBatch]:
    with duckdb.connect(os.environ["PEERS_WAREHOUSE"], read_only=True) as connection:
        yield from connection.execute(query, values).to_arrow_reader(ROWS)


pipeline = dlt.pipeline("peers", destination=selligent, pipelines_dir="pipelines")
rows = later() if how == "cursor" else everything()
pipeline.run(rows).raise_on_failed_jobs()
