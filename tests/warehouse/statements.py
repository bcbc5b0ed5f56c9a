"""Every statement of a sync for one activation, as it is rendered for an engine.

`python -m warehouse.statements`, within `tests`, writes the golden files anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Columns, stored_columns
from dbt_selligent.historytables import BATCHES, HISTORY
from dbt_selligent.manifest import Model
from dbt_selligent.mapping import match_columns
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.staging import KEYLESS
from dbt_selligent.tables import RUN, in_sql
from dbt_selligent.warehouse.dialects import Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql

GOLDEN = Path(__file__).parent / "golden"
# "other" is an engine of which nothing is known.
ENGINES = ("snowflake", "bigquery", "other")
TABLES = ("snapshot", "doubt", "rejected", "invalid", "adopted", "meta", "log", "runs")

# Types as the engine's information schema has them, by the model's columns.
TYPES: Mapping[str, tuple[str, ...]] = {
    "snowflake": ("NUMBER(38,0)", "TEXT", "BOOLEAN", "NUMBER(18,0)", "NUMBER(10,2)", "FLOAT",
        "FLOAT", "DATE", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"),
    "bigquery": ("INT64", "STRING", "BOOL", "NUMERIC(18)", "NUMERIC(10, 2)", "FLOAT64", "FLOAT64",
        "DATE", "DATETIME", "TIMESTAMP"),
    "other": ("bigint", "varchar(80)", "boolean", "decimal(18,0)", "decimal(10,2)", "real",
        "double precision", "date", "timestamp", "timestamp with time zone"),
}  # fmt: skip
MODEL = ("id", "e mail", "flag", "count", "price", "real", "ratio", "day", "at", "seen")
FIELDS = (
    Field("CODE", "Long", allow_null=False),
    Field("MAIL", "Text", length=80),
    Field("FLAG", "Boolean"),
    Field("FLAG_NUMBER", "Numeric"),
    Field("COUNT", "Long"),
    Field("COUNT_TEXT", "Text", length=5),
    Field("PRICE"),
    Field("PRICE_FLOAT", "Float"),
    Field("REAL", "Float"),
    Field("RATIO", "Float"),
    Field("CHOICE", "Text", content="Single", optionlist="L", options=("a", "it's \\")),
    Field("DAY", "Date"),
    Field("DAY_TIME", "DateTime"),
    Field("AT", "DateTime"),
    Field("SEEN", "DateTime"),
    Field("SOURCE", "Text", length=20),
)
FEEDING = ("id", "e mail", "flag", "flag", "count", "count", "price", "price", "real", "ratio",
    "e mail", "day", "day", "at", "seen", "e mail")  # fmt: skip
ACTIVATION = Activation(
    "crm",
    "exposure.shop.crm",
    "m.yml",
    (),
    Model("model.shop.c", "c", "model", "view", "c", "s", "d", "models/c.sql"),
    "dev",
    "L",
    keys=(("CODE", "id"), ("MAIL", "e mail")),
    fields=tuple((field.name, source) for field, source in zip(FIELDS, FEEDING, strict=True))[2:],
    once=("SOURCE",),
    segment="S",
)


class Versions:
    """The names of a state's tables where a change makes a table's next version."""

    def __init__(
        self,
        dialect: Dialect,
        tables: tuple[str, ...] = TABLES,
        schema: tuple[str, ...] = ("d", "selligent"),
    ) -> None:
        self._dialect = dialect
        self._counts = Counter(tables)
        self._schema = schema

    def __getitem__(self, table: str) -> str:
        if not self._counts[table]:
            raise KeyError(table)
        name = f"crm__{table}__{self._counts[table]}"
        return ".".join(map(self._dialect.quote, (*self._schema, name)))

    def next(self, table: str) -> str:
        """The table's next version, which is the table from now on."""
        self._counts[table] += 1
        return self[table]

    def fresh(self, table: str) -> str:
        """The name of a table that is made empty, whether there was one or not."""
        return self.next(table)

    def leave(self, table: str) -> str:
        """There is no such table from now on; nothing has to be run for that."""
        del self._counts[table]
        return ""


def place(dialect: Dialect, table: str) -> str:
    """A table in the schema of the tool's own."""
    return ".".join(map(dialect.quote, ("d", "selligent", table)))


def columns_of(engine: str) -> Columns:
    """The activation's columns, in a model with all families of values."""
    there = list(zip(MODEL, TYPES[engine], strict=True))
    listing = Listing("L", FIELDS, "StaticSegment")
    columns, faults = match_columns(
        ACTIVATION, there, "Europe/Brussels", listing, dialect_of(engine)
    )
    assert columns is not None, faults
    return columns


def statements(engine: str) -> dict[str, tuple[str, str]]:
    """The macro and its SQL, by the name of the golden file."""
    return {
        name: (macro, render_sql(macro, dialect_of(engine), **arguments))
        for name, macro, arguments in (
            (name, given.pop("macro", name), given) for name, given in _arguments(engine).items()
        )
    }


def _arguments(engine: str) -> dict[str, dict[str, Any]]:
    """What each macro is given; ``macro`` where the name is another."""
    dialect = dialect_of(engine)
    columns = columns_of(engine)
    literal, quote = dialect.literal, dialect.quote
    keys, parts = columns.keys, columns.parts
    model, came, gone, doubled, delta, groups, spans, verdicts = (
        place(dialect, f"run__{name}")
        for name in ("model", "came", "gone", "doubled", "delta", "groups", "spans", "verdicts")
    )
    relation = ".".join(map(quote, ("d", "s", "c")))

    def state(*tables: str) -> dict[str, Any]:
        return {"state": Versions(dialect, tables or TABLES)}

    compared = {"model": model, "keys": keys, "columns": columns.compared}
    differing = {"target": delta, "model": model, "came": came, "gone": gone, **parts}
    staged = {"delta": delta, "keys": keys}
    settled = {**staged, "spans": spans, "columns": columns.compared, "member": columns.member}
    # The state as it was made before: a count was a text, prices had other places, and there was
    # no ratio.
    before = stored_columns(
        [
            (column.plain, {"PRICE": _other_decimal(engine), "COUNT": dialect.types["text"]}.get(
                column.plain, column.type))
            for column in columns.compared
            if column.plain != "RATIO"
        ],
        len(keys),
        dialect,
    )  # fmt: skip
    seen = in_sql(dialect, "2026-01-31 12:00:00", "time")
    run = {name: in_sql(dialect, None, family) for name, family in RUN.items()}
    run |= {"run_id": literal("r1"), "started_at": seen, "status": literal("it's \\")}
    beside = [f"_selligent_{name}" for name in ("field", "reason", "rows")]
    if engine == "snowflake":  # It keeps names that are not quoted in capitals.
        beside = [name.upper() for name in beside]
    beside = list(map(quote, beside))
    rows = [
        ["0", literal("record"), literal("new"), literal("")],
        ["1", literal("member"), literal("changed"), literal("0101")],
    ]
    said = "select 7 as n, {0} as field, {0} as code, {0} as message, true as missing".format(
        in_sql(dialect, "x", "text")
    )
    owner = [literal("dev"), literal("it's \\")]
    told = {"target": relation, "columns": list(HISTORY[BATCHES]), "owner": owner}
    as_text = {"as_text": dialect.as_text, "text": dialect.types["text"]}
    return {
        "relation_columns": {
            "relation": relation,
            "named": literal(relation),
            "database": literal("d"),
            "schema": literal("s"),
            "identifier": literal("c"),
        },
        "session": {},
        "create_schema": {"named": quote("s")},
        "find_schema": {"schema": literal("s")},
        "tables": {"named": quote("s"), "schema": literal("s"), "prefix": literal("c__")},
        "create_registry": {"target": relation, "types": dialect.types},
        "register": {
            "target": relation, "prefix": literal("c_1"), "destination": literal("dev"),
            "name": literal("c"), "line": 2,
        },
        "knows_letters": {},
        "create_locks": {"target": relation, "types": dialect.types},
        "claim": {
            "target": relation, "seconds": 120, "released": "false",
            "claims": [
                [literal("1f"), literal("activation c"), literal("{}")],
                [literal("2a"), literal("list l"), literal("{}")],
            ],
        },
        "now": {},
        "claims": {"tables": [relation, relation], "what": literal("activation c")},
        "point": {"target": relation, "tables": literal("7b7d")},
        "pointed": {"target": relation},
        "values": {"names": [quote("a"), quote("b")], "rows": [["1", literal("x")], ["2", "null"]]},
        "write": {"target": relation, "version": model, "small": True},
        "create_verdicts": {"target": relation, "keys": keys, "types": dialect.types},
        "longest": {"relation": relation, "columns": [quote("e mail"), quote("note")]},
        "model_view": {
            "macro": "model", "target": model, "relation": relation, "columns": columns.staged,
            "computed": False,
        },
        "model_computed": {
            "macro": "model", "target": model, "relation": relation, "columns": columns.staged,
            "computed": True,
        },
        "sizes": {"model": model, "keys": keys, **state()},
        "gone": {"target": gone, **compared, **state()},
        "came": {"target": came, "once": (), "full_refresh": False, **compared, **state()},
        "came_once": {
            "macro": "came", "target": came, "once": columns.once, "full_refresh": False,
            **compared, **state(),
        },
        "came_whole": {
            "macro": "came", "target": came, "once": columns.once, "full_refresh": True,
            **compared, **state(),
        },
        "none_came": {"target": came, "model": model, "columns": columns.staged},
        "came_sizes": {"came": came, "gone": gone, "keys": keys, **state()},
        "doubled": {"target": doubled, "model": model, "keys": keys},
        "delta": {
            **differing, **state(), "doubled": None, "skip": False, "full_refresh": False,
            "retried": [],
        },
        "delta_of_everything_at_once": {
            "macro": "delta", **differing, **state(), "doubled": doubled, "skip": True,
            "full_refresh": False, "retried": [literal("held")], "spared": True,
        },
        "delta_whole": {
            "macro": "delta", **differing, **state(), "doubled": doubled, "skip": False,
            "full_refresh": True, "retried": [],
        },
        "first_delta": {"target": delta, "model": model, "skip": False, **parts},
        "first_delta_skip": {
            "macro": "first_delta", "target": delta, "model": model, "skip": True, **parts
        },
        "first_sizes": {"delta": delta, "keys": keys},
        "delta_counts": {"delta": delta, "keys": columns.keys, "columns": columns.sent},
        "doubted": {
            **state(), "delta": delta, "keys": keys,
            "kinds": [literal("invalid"), literal("doubled")],
        },
        "drop_view": {"macro": "drop", "target": model, "table": False},
        "drop_table": {"macro": "drop", "target": model, "table": True},
        "limit": {"delta": delta, "kinds": [literal("new"), literal("changed")], "most": 100},
        "sample": {"delta": delta, "columns": columns.sent, "kind": literal("new"), "most": 5,
            "text": dialect.types["text"]},
        "groups": {"target": groups, "rows": rows, "types": dialect.types},
        "sendable": {
            "delta": delta, "kinds": [literal("new"), literal("changed")],
            "upto": 100, "columns": columns.staged, "hashed": True, **as_text,
        },
        "kept": {"table": relation, "columns": columns.compared, **as_text},
        "create_base": {"types": dialect.types, "version": 3, "at": seen, **state("nothing")},
        "create_state": {
            "keys": keys, "columns": columns.compared, "types": dialect.types, **state("meta"),
        },
        "reshape_state": {
            **state(), "keys": keys, "columns": columns.compared,
            "old": {column.name: column for column in before.compared},
            "tables": {"doubt": [], "invalid": beside, "adopted": []},
        },
        "forget": {"table": "snapshot", **state()},
        "forget_members": {"columns": columns.compared, "member": columns.member, **state()},
        "begin": {
            **state(), **staged, "columns": columns.sent, "forgotten": [literal("removed")],
            "tables": ["snapshot", "doubt", "rejected", "invalid", "adopted"], "invalid": True,
            "full_refresh": False, "seen": seen,
            "keyless": [literal("CODE"), literal(KEYLESS), 2],
        },
        "begin_whole": {
            "macro": "begin", **state(), **staged, "columns": columns.sent, "forgotten": [],
            "tables": [], "invalid": False, "full_refresh": True, "seen": seen,
        },
        "begin_whole_but_invalid": {
            "macro": "begin", **state(), **staged, "columns": columns.sent, "forgotten": [],
            "tables": [], "invalid": True, "full_refresh": True, "seen": seen,
        },
        "note": {"notes": [(literal("run"), literal("it's \\"))], **state()},
        "unnote": {"names": [literal("identity"), literal("complete")], **state()},
        "add_run": {"columns": list(RUN), "values": list(run.values()), **state()},
        "change_runs": {
            **state(), "columns": list(RUN), "values": {"status": literal("cut off")},
            "condition": "run.status = 'running'",
        },
        "log": {"entries": f"select {literal('r1')}, 0, 1, 9, {literal('answered')}", **state()},
        "clear_log": state(),
        "reject": {
            **state(), **staged, "columns": columns.sent, "said": said, "seen": seen,
            "hashed": False,
        },
        "reject_hashed": {
            "macro": "reject", **state(), **staged, "columns": columns.sent, "said": said,
            "seen": seen, "hashed": True,
        },
        "doubt": {**state(), **staged, "numbers": "select 7 as n union all select 9 as n"},
        "spans": {
            "target": spans, "groups": groups, "done": "member._selligent_done",
            "spans": "select 0 as _selligent_group, 1 as first_n, 9 as last_n, "
            f"{literal('answered')} as outcome",
        },
        "settle": {
            **state(), **settled, "tables": ["snapshot", "doubt", "rejected", "adopted"],
            "outcomes": {
                f"{done} {outcome}"
                for done in ("record", "member", "removal")
                for outcome in ("answered", "in doubt")
            },
        },
        "settle_members": {**state(), **settled, "outcomes": {"member answered"}},
        "open_doubts": {**state(), "keys": keys},
        "open_doubts_invalid": {
            "macro": "open_doubts", **state(), "keys": keys, "invalid": True
        },
        "put_in_doubt": {
            **state(), "verdicts": verdicts, "keys": keys, "columns": columns.compared,
            "member": columns.member,
        },
        "adopt": {
            **state(), **staged, "columns": (*keys, *columns.fields), "member": columns.member,
        },
        "runs_to_tell": {"columns": RUN, "types": dialect.types, **state()},
        "rejected_to_tell": {"keys": keys, "types": dialect.types, **state()},
        "create_history": {"target": relation, "columns": HISTORY[BATCHES], "types": dialect.types},
        "retell": {**told, "query": f"select * from {model}"},
        "tell": {**told, "query": f"select * from {model}"},
        "untell": {"target": relation, "owner": told["owner"]},
        "owned": {"target": relation, "owner": told["owner"], "condition": f"answered_at < {seen}"},
        "prune": {**told, "kept": f"answered_at >= {seen}", "passing": verdicts},
        "hand_over": {"target": relation, "owner": told["owner"], "to": told["owner"][::-1]},
        "runs": {"relation": relation},
    }  # fmt: skip


def _other_decimal(engine: str) -> str:
    name = {"snowflake": "number", "bigquery": "numeric"}.get(engine, "decimal")
    return f"{name}(12,3)"


def main() -> None:
    """Writes the golden files."""
    for engine in ENGINES:
        folder = GOLDEN / engine
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.sql"):
            stale.unlink()
        for name, (_, sql) in statements(engine).items():
            (folder / f"{name}.sql").write_text(f"{sql}\n", "utf-8")


if __name__ == "__main__":
    main()
