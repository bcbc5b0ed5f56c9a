"""The floor of a first load: scans a model, renders its rows as they are sent, posts them.

It compares nothing, keeps nothing and tries nothing again; that every row was taken, it does check.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from dbt_selligent.columns import Columns
from dbt_selligent.payload import Form, Rows, batches
from dbt_selligent.planning import BYTES_PER_BATCH, ROWS_PER_BATCH
from dbt_selligent.selligent.answer import Accepted, classify
from dbt_selligent.selligent.client import Client
from dbt_selligent.settings import Destination
from dbt_selligent.warehouse.macros import render_sql


def load(warehouse: str, relation: str, columns: Columns, destination: Destination) -> int:
    """Posts all rows of a relation; gives their number."""
    settled = ", ".join(
        f"{render_sql('settled', column=each)} as {each.name}" for each in columns.all
    )
    values = ", ".join(
        render_sql("json_value", column=each, value=each.name) for each in columns.all
    )
    connection = duckdb.connect(warehouse, read_only=True)
    rendered = connection.sql(
        f"select 0, concat(cast(json_array({values}) as varchar), ',') "
        f"from (select {settled} from {relation})"
    )

    def chunks() -> Iterator[Rows]:
        for batch in rendered.to_arrow_reader(20_000):
            if batch.num_rows:
                yield Rows(batch.column(0), batch.column(1))

    client = Client(destination)
    fields = tuple(each.field for each in columns.all)
    form = Form(fields, only_update=False)
    sent = 0
    for batch in batches(0, form, chunks(), most_rows=ROWS_PER_BATCH, most_bytes=BYTES_PER_BATCH):
        answer = client.load(
            "PEOPLE", keys=fields[:1], fields=fields, only_update=False, body=batch.body()
        )
        assert isinstance(classify(answer, len(batch), only_update=False), Accepted)
        sent += len(batch)
    client.close()
    connection.close()
    return sent
