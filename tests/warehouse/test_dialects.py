"""Names, texts and types of each dialect, on the real engines where there are any."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbt_selligent.fieldtypes import family_of
from dbt_selligent.warehouse.dialects import dialect_of
from dbt_selligent.warehouse.macros import literal, quote

from .engines import Engine

HARD_TEXTS = [
    "",
    "'",
    "''",
    '"',
    "`",
    "\\",
    "\\'",
    "'\\",
    "\\\\'",
    "\\n",
    "\n",
    "\r\n",
    "\t",
    "\\u0041",
    "\\x41\\101\\%\\_",
    "😀👩‍👩‍👧",
    "é e\u0301 ﷽",
    "\u2028\u0085",
    "%s %% %(x)s {0} {{ x }} $1 $$x$$ :x ?",
    "${spark.app.name} $${spark.app.name} ${env:PATH} ${system:user.dir} ${",
    "-- x /* y */ ; drop table x",
    "E'x'",
    "N'x'",
    "\ufeff\ufffe\uffff\U0010ffff",
    "x" * 10_000,
]
# What an engine can hold: no half of a surrogate pair, and in Postgres no NUL.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ODD_TEXTS = st.text("'\"`\\$${}unx0123 a\n\r;-%é😀")


def spoken(engine: Engine, texts: list[str]) -> list[str]:
    """The texts, as literals, back from the engine."""
    sql = " union all ".join(
        f"select {place} as place, {engine.dialect.literal(text)} as x"
        for place, text in enumerate(texts)
    )
    return [text for _, text in sorted(engine.rows(sql))]


def test_hard_texts_come_back_from_the_engine(engine: Engine) -> None:
    assert spoken(engine, HARD_TEXTS) == HARD_TEXTS


@settings(max_examples=10, deadline=None)
@given(st.lists(TEXTS | ODD_TEXTS, min_size=20, max_size=40))
def test_any_text_comes_back_from_the_engine(engine: Engine, texts: list[str]) -> None:
    assert spoken(engine, texts) == texts


@pytest.mark.parametrize(
    "name",
    [
        "select",
        "Mixed Case",
        'a "b" c',
        "a `b` c",
        "a'b",
        "a\\b",
        "é 😀",
        "x; drop",
        "a.b",
        "%s",
        "1",
    ],
)
def test_names_come_back_from_the_engine(engine: Engine, name: str) -> None:
    quoted = engine.dialect.quote(name)
    assert engine.rows(f"select t.{quoted} from (select 7 as {quoted}) as t") == [(7,)]


def test_names_and_texts_of_duckdb_are_as_they_were() -> None:
    assert (quote('a"b'), literal("a'b\\")) == ('"a""b"', "'a''b\\'")


@pytest.mark.parametrize(
    ("adapter", "quoted", "text"),
    [
        ("snowflake", '"a""b`c\\d"', "'it''s \\\\ \n'"),
        ("bigquery", '`a"b\\`c\\\\d`', "'it\\'s \\\\ \\n'"),
        ("redshift", '"a""b`c\\d"', "'it''s \\\\ \n'"),
        ("databricks", '`a"b``c\\d`', "'it\\'s \\\\ \n'"),
        ("trino", '"a""b`c\\d"', "'it''s \\ \n'"),
    ],
)
def test_names_and_texts_of_engines_that_are_not_here(adapter: str, quoted: str, text: str) -> None:
    dialect = dialect_of(adapter)
    assert dialect.quote('a"b`c\\d') == quoted
    assert dialect.literal("it's \\ \n") == text


POSTGRES_TYPES = {
    "boolean": ("boolean", "boolean"),
    "smallint": ("integer", "bigint"),
    "integer": ("integer", "bigint"),
    "bigint": ("integer", "bigint"),
    "numeric": ("decimal", "numeric"),
    "numeric(10,2)": ("decimal", "numeric(10,2)"),
    "numeric(10,0)": ("whole", "numeric(10,0)"),
    "numeric(5,-2)": ("whole", "numeric(5,0)"),
    "numeric(3,5)": ("decimal", "numeric(6,5)"),
    "numeric(18,18)": ("decimal", "numeric(19,18)"),
    "numeric(38,38)": ("decimal", "numeric(38,37)"),
    "numeric(50,10)": ("decimal", "numeric"),
    "numeric(50,0)": ("whole", "numeric"),
    "real": ("real", "double precision"),
    "double precision": ("float", "double precision"),
    "text": ("text", "text"),
    "character varying": ("text", "text"),
    "character varying(20)": ("text", "text"),
    "character(5)": ("text", "text"),
    "bpchar": ("text", "text"),
    "name": ("text", "text"),
    "uuid": ("text", "text"),
    "json": ("text", "text"),
    "jsonb": ("text", "text"),
    "date": ("date", "date"),
    "timestamp without time zone": ("time", "timestamp"),
    "timestamp(3) without time zone": ("time", "timestamp"),
    "timestamp with time zone": ("zoned_time", "timestamp"),
    "timestamp(0) with time zone": ("zoned_time", "timestamp"),
    "time without time zone": None,
    "time(3) with time zone": None,
    "interval": None,
    "interval day to second(3)": None,
    "bytea": None,
    "bit(3)": None,
    "bit varying(5)": None,
    "money": None,
    "oid": None,
    '"char"': None,
    "xml": None,
    "inet": None,
    "point": None,
    "int4range": None,
    "tsvector": None,
    "integer[]": None,
    "numeric(10,2)[]": None,
    "character varying(20)[]": None,
}
SPARK_TYPES = {
    "boolean": ("boolean", "boolean"),
    "tinyint": ("integer", "bigint"),
    "smallint": ("integer", "bigint"),
    "int": ("integer", "bigint"),
    "bigint": ("integer", "bigint"),
    "decimal(10,2)": ("decimal", "decimal(10,2)"),
    "decimal(10,0)": ("whole", "decimal(10,0)"),
    "decimal(18,18)": ("decimal", "decimal(19,18)"),
    "decimal(38,38)": ("decimal", "decimal(38,37)"),
    "float": ("real", "double"),
    "double": ("float", "double"),
    "string": ("text", "string"),
    "char(5)": ("text", "string"),
    "varchar(20)": ("text", "string"),
    "date": ("date", "date"),
    "timestamp": ("zoned_time", "timestamp"),
    "timestamp_ntz": ("time", "timestamp"),
    "binary": None,
    "interval day to second": None,
    "interval year to month": None,
    "array<int>": None,
    "map<string,int>": None,
    "struct<a:int,b:decimal(10,2)>": None,
}
OTHER_TYPES: dict[str, dict[str, tuple[str, str] | None]] = {
    "postgres": {
        "citext": ("text", "text"),
        "public.citext": ("text", "text"),
        "enum": ("text", "text"),
        "mood": None,
        "public.text": None,
    },
    "copied": {"BIGINT": ("integer", "BIGINT"), "BLOB": None},
    "snowflake": {
        "BOOLEAN": ("boolean", "boolean"),
        "NUMBER(38,0)": ("whole", "number(38,0)"),
        "NUMBER(10,2)": ("decimal", "number(10,2)"),
        "FLOAT": ("float", "float"),
        "TEXT": ("text", "varchar"),
        "DATE": ("date", "date"),
        "TIMESTAMP_NTZ": ("time", "timestamp_ntz"),
        "TIMESTAMP_LTZ": ("zoned_time", "timestamp_ntz"),
        "TIMESTAMP_TZ": ("zoned_time", "timestamp_ntz"),
        "TIME": None,
        "BINARY": None,
        "VARIANT": None,
        "OBJECT": None,
        "ARRAY": None,
        "GEOGRAPHY": None,
    },
    "bigquery": {
        "BOOL": ("boolean", "bool"),
        "INT64": ("integer", "int64"),
        "NUMERIC": ("decimal", "numeric"),
        "NUMERIC(10)": ("whole", "numeric(10,0)"),
        "NUMERIC(10, 2)": ("decimal", "numeric(10,2)"),
        "BIGNUMERIC": ("decimal", "bignumeric"),
        "BIGNUMERIC(38, 10)": ("decimal", "bignumeric(38,10)"),
        "BIGNUMERIC(50, 10)": ("decimal", "bignumeric"),
        "FLOAT64": ("float", "float64"),
        "STRING": ("text", "string"),
        "STRING(20)": ("text", "string"),
        "DATE": ("date", "date"),
        "DATETIME": ("time", "datetime"),
        "TIMESTAMP": ("zoned_time", "datetime"),
        "TIME": None,
        "BYTES": None,
        "JSON": None,
        "INTERVAL": None,
        "GEOGRAPHY": None,
        "ARRAY<INT64>": None,
        "STRUCT<a INT64>": None,
    },
    "redshift": {
        "character varying(256)": ("text", "varchar(max)"),
        "numeric(18,0)": ("whole", "numeric(18,0)"),
        "super": None,
    },
    "databricks": {"timestamp_ntz": ("time", "timestamp"), "variant": None},
    "trino": {
        "bigint": ("integer", "bigint"),
        "decimal(10,2)": ("decimal", "decimal(10,2)"),
        "varchar(20)": ("text", "varchar"),
        "timestamp(6)": ("time", "timestamp"),
        "timestamp(3) with time zone": ("zoned_time", "timestamp"),
        "array(varchar)": None,
        "row(a bigint)": None,
        "": None,
    },
    "duckdb": {
        each: family_of(each) for each in ("BIGINT", "DECIMAL(18,3)", "ENUM('a')", "BLOB", "FLOAT")
    },
}


@pytest.mark.parametrize(
    ("adapter", "sql_type", "found"),
    [
        (adapter, sql_type, found)
        for adapter, types in (
            ("postgres", POSTGRES_TYPES),
            ("spark", SPARK_TYPES),
            *OTHER_TYPES.items(),
        )
        for sql_type, found in types.items()
    ],
)
def test_the_family_of_each_type(
    adapter: str, sql_type: str, found: tuple[str, str] | None
) -> None:
    assert dialect_of(adapter).family_of(sql_type) == found


def columns_of(
    engine: Engine, schema: str, table: str, database: str = ""
) -> list[tuple[str, str]]:
    quote, literal = engine.dialect.quote, engine.dialect.literal
    return engine.rows(
        engine.render(
            "relation_columns",
            relation=f"{quote(schema)}.{quote(table)}",
            named=literal(f"{quote(schema)}.{quote(table)}"),
            database=literal(database),
            schema=literal(schema),
            identifier=literal(table),
        )
    )


def test_columns_of_relations_in_postgres(postgres: Engine) -> None:
    types = list(POSTGRES_TYPES)
    names = [f"C{n} \"'" for n in range(len(types))]
    quote = postgres.dialect.quote
    listed = ", ".join(f"{quote(name)} {kind}" for name, kind in zip(names, types, strict=True))
    for sql in (
        'create schema "Odd \'\\ ""s"',
        f'create table "Odd \'\\ ""s"."T \'\\ 😀" (gone int, {listed})',
        'alter table "Odd \'\\ ""s"."T \'\\ 😀" drop column gone',
        'create view "Odd \'\\ ""s".v as select * from "Odd \'\\ ""s"."T \'\\ 😀"',
        'create materialized view "Odd \'\\ ""s".m as select * from "Odd \'\\ ""s".v',
    ):
        postgres.run(sql)
    wanted = list(zip(names, types, strict=True))

    for table in ("T '\\ 😀", "v", "m"):
        assert columns_of(postgres, "Odd '\\ \"s", table) == wanted
    assert columns_of(postgres, "Odd '\\ \"s", "t") == []
    assert columns_of(postgres, "nowhere", "t") == []


def test_what_is_beneath_domains_and_enums_in_postgres(postgres: Engine) -> None:
    for sql in (
        "create type mood as enum ('a', 'b')",
        "create domain price as numeric(10,2)",
        "create domain dear as price check (value > 100)",
        "create domain feeling as mood",
        "create type pair as (a int, b int)",
        "create table made (a mood, b price, c dear, d feeling, e mood[], f pair, g int)",
    ):
        postgres.run(sql)
    shown = columns_of(postgres, "public", "made")

    assert shown == [
        ("a", "enum"),
        ("b", "numeric(10,2)"),
        ("c", "numeric(10,2)"),
        ("d", "enum"),
        ("e", "mood[]"),
        ("f", "pair"),
        ("g", "integer"),
    ]
    families = [postgres.dialect.family_of(each) for _, each in shown]
    assert [found and found[0] for found in families] == [
        "text", "decimal", "decimal", "text", None, None, "integer",
    ]  # fmt: skip


def test_columns_of_relations_in_duckdb(duck: Engine) -> None:
    duck.run(
        'create or replace table "T \'x" as select 1 as a, \'x\' as "B", 1.5::decimal(9,2) as c'
    )
    assert columns_of(duck, "main", "T 'x") == [
        ("a", "INTEGER"), ("B", "VARCHAR"), ("c", "DECIMAL(9,2)"),
    ]  # fmt: skip


def test_columns_of_relations_in_spark(spark: Engine) -> None:
    names = [f"C{n} \"'`" for n in range(len(SPARK_TYPES))]
    quote = spark.dialect.quote
    listed = ", ".join(
        f"{quote(name)} {kind}" for name, kind in zip(names, SPARK_TYPES, strict=True)
    )
    spark.run("drop table if exists typed")
    spark.run(f"create table typed ({listed}) using orc")
    spark.run("create or replace view typed_view as select * from typed")
    spark.run("drop table if exists parted")
    spark.run("create table parted (a int, `# b` string, c date) using parquet partitioned by (c)")
    wanted = list(zip(names, SPARK_TYPES, strict=True))

    for table in ("typed", "typed_view"):
        assert [row[:2] for row in columns_of(spark, "default", table)] == wanted
    shown = [row[:2] for row in columns_of(spark, "default", "parted")]
    assert shown[:3] == [("a", "int"), ("# b", "string"), ("c", "date")]
    # What follows is about partitions; a column may be called like it, but has a type.
    assert shown[3:5] == [("# Partition Information", ""), ("# col_name", "data_type")]
