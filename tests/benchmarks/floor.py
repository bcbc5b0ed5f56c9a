"""The floor of a first load: scans a model, renders its rows as they are sent, posts them.

It compares nothing, keeps nothing and tries nothing again; that every row was taken, it does check.
"""

from __future__ import annotations

from collections import deque

import duckdb

from dbt_selligent.columns import Columns
from dbt_selligent.groups import Absent, Form
from dbt_selligent.payload import Batch, Rows, cut
from dbt_selligent.profiles import Destination
from dbt_selligent.selligent.answer import Accepted, classify
from dbt_selligent.selligent.calls import APPLIED, Call
from dbt_selligent.selligent.client import Client
from dbt_selligent.warehouse.macros import render_sql

# As large as the requests of the tool become.
ROWS_PER_REQUEST, BYTES_PER_REQUEST = 50_000, 20_000_000


def load(warehouse: str, relation: str, columns: Columns, destination: Destination) -> int:
    """Posts all rows of a relation; gives their number."""
    settled = ", ".join(
        f"{render_sql('settled', column=each)} as {each.name}" for each in columns.sent
    )
    values = ", ".join(
        render_sql("json_value", column=each, value=each.name) for each in columns.sent
    )
    connection = duckdb.connect(warehouse, read_only=True)
    rendered = connection.sql(
        f"select 0, concat(cast(json_array({values}) as varchar), ',') "
        f"from (select {settled} from {relation})"
    )

    client = Client(destination)
    form = Form(Call.UPSERT, tuple(columns.sent), Absent.REFUSED, 0)
    waiting: deque[Batch] = deque()
    sent = 0

    def post() -> int:
        batch = cut(waiting, ROWS_PER_REQUEST, BYTES_PER_REQUEST)
        answer = client.bulk(
            form.call, "PEOPLE", None, keys=form.fields[:1], fields=form.fields, body=batch.body()
        )
        assert isinstance(classify(answer, len(batch), APPLIED[form.call]), Accepted)
        return len(batch)

    for rows in rendered.to_arrow_reader(20_000):
        if rows.num_rows:
            waiting.append(Batch(0, form, (Rows(rows.column(0), rows.column(1)),)))
        while sum(map(len, waiting)) >= ROWS_PER_REQUEST:
            sent += post()
    while waiting:
        sent += post()
    client.close()
    connection.close()
    return sent
