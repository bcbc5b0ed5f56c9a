"""Macros of a project's own in place of the package's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dbt_selligent.errors import ProjectError, WarehouseError
from dbt_selligent.warehouse.dialects import POSTGRES, SPARK, Dialect, dialect_of
from dbt_selligent.warehouse.macros import render_sql
from dbt_selligent.warehouse.overrides import own_macros

FORMAT = "{% macro spark__selligent_format() %} using delta{% endmacro %}"


def written(folder: Path, text: str, dialect: Dialect = SPARK) -> Dialect:
    """The dialect with the macros of a file."""
    path = folder / "macros" / "below" / "own.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return replace(dialect, macros=own_macros([folder / "macros", folder / "none"], dialect))


def created(dialect: Dialect) -> str:
    return render_sql("create_as", dialect, target="t")


def test_a_macro_of_the_project_takes_the_place_of_the_packages(tmp_path: Path) -> None:
    assert created(written(tmp_path, FORMAT)) == "create table t using delta as"
    assert created(SPARK) == "create table t using parquet as"


def test_one_for_all_engines_goes_before_the_packages_own_of_the_engine(tmp_path: Path) -> None:
    every = FORMAT.replace("spark__", "default__").replace("delta", "orc")
    assert created(written(tmp_path, every)) == "create table t using orc as"
    assert created(written(tmp_path, every + FORMAT)) == "create table t using delta as"


def test_one_of_a_parent_counts(tmp_path: Path) -> None:
    assert created(written(tmp_path, FORMAT, dialect_of("databricks"))).endswith("using delta as")


def test_macros_of_other_engines_or_names_and_comments_are_left_alone(tmp_path: Path) -> None:
    others = "{% macro spark__other() %}{{ ref('x') }}{% endmacro %}{% test t(m) %}{% endtest %}"
    text = f"{{# {FORMAT.replace('#', '')} #}}{others}{FORMAT}"
    assert written(tmp_path, text, POSTGRES).macros == ()
    assert [name for name, _ in written(tmp_path, text).macros] == ["spark__selligent_format"]
    assert written(tmp_path, f"{{# {FORMAT} #}}").macros == ()


def test_macros_that_call_the_packages_have_them(tmp_path: Path) -> None:
    text = (
        "{%- macro spark__selligent_version(target) -%}"
        "{{ selligent_create_as(target) }} /* {{ selligent_format() }} */{%- endmacro -%}"
    )
    version = render_sql("version", written(tmp_path, text), target="t")
    assert version == "create table t using parquet as /*  using parquet */"


def test_a_name_that_is_none_of_the_packages_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="there is no selligent_fromat") as wrong:
        written(tmp_path, FORMAT.replace("format", "fromat"))
    assert "own.sql: macro spark__selligent_fromat" in wrong.value.message
    assert wrong.value.next_step == "name it like spark__selligent_format"


def test_what_is_no_jinja_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"spark__selligent_format: .*1 lines below its first"):
        written(tmp_path, FORMAT.replace("using", "\n{{ using"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [(FORMAT.replace("()", "(a)").replace("using", "{{ a.b }}"), "'a' is undefined|a"),
     (FORMAT.replace("using", "{{ nothing }}"), "'nothing' is undefined")],
)  # fmt: skip
def test_a_macro_that_does_not_fit_is_told(tmp_path: Path, changed: str, said: str) -> None:
    with pytest.raises(WarehouseError, match=said) as wrong:
        created(written(tmp_path, changed))
    assert "(spark__selligent_format) do not fit selligent_create_as" in wrong.value.message
