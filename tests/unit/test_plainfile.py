"""A file is opened without dbt-duckdb as it is with it, or it is left to dbt-duckdb."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb import environments
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_selligent.errors import DbtSelligentError, ProfileError, UnopenedError
from dbt_selligent.settings import Settings
from dbt_selligent.warehouse import dbtduckdb
from dbt_selligent.warehouse.duckdb import open_warehouse
from dbt_selligent.warehouse.plainfile import open_plain, plain_file

ATTACHED = "select database_name, path, readonly from duckdb_databases() where not internal"
Databases = list[tuple[str, str | None, bool]]

PARTS = ("shop", "a b", "é", "a~", "it's", "memory", "%41", "[1]", "\\", "$A", "-")
ODD = (
    *'.:;?#"/ \n\t\x00\xa0',
    "//",
    "..",
    "md:",
    "motherduck:",
    "ducklake:",
    ":memory:",
    ".duckdb",
)
PATHS = st.lists(st.sampled_from((*PARTS, *ODD)), max_size=6).map("".join)


def settings_of(output: dict[str, Any]) -> Settings:
    here = Path("/shop")
    profiles = {"shop": {"outputs": {"dev": output}}}
    return Settings(here, here, "shop", "dev", here / "target", profiles=profiles)


@given(PATHS)
@example("shop.duckdb")
@example("data/shop")
@example("./shop.old/shop.duckdb")
@example("my.db.duckdb")
@example(".duckdb")
@example("shop.duckdb?a=b/c")
@example("//shop.duckdb")
@example(" shop.duckdb")
@example("shop\t.duckdb")
@example("shop.duckdb;a/b")
@example("shop.duckdb#a/b")
@example('"shop"')
def test_a_name_is_what_all_versions_of_dbt_duckdb_take(path: str) -> None:
    found = plain_file({"type": "duckdb", "path": path})
    if found is None:
        return
    name = DuckDBCredentials.path_derived_database_name(path)
    assert found == (path, name)
    credentials = DuckDBCredentials.from_dict({"path": path})
    # How it is attached, which knows of quotes, of servers and of DuckLakes.
    assert dbtduckdb._attach_read_only(credentials) == [name]
    assert not credentials.is_motherduck
    # Until 1.10, the name went up to the last dot.
    assert name == os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122


@pytest.mark.parametrize(
    "path",
    [
        "shop.duckdb",
        "shop",
        "/data/a shop.v2/my-shop.db",
        "../é.duckdb",
        "~/shop.duckdb",
        "it's.duckdb",
    ],
)
def test_plain_files_are_taken(path: str) -> None:
    found = plain_file({"type": "duckdb", "path": path, "schema": "main"})
    assert found is not None
    assert plain_file({"path": path, "database": found[1]}) == found


@pytest.mark.parametrize(
    "changed",
    [
        *({each.name: None} for each in fields(DuckDBCredentials) if each.name != "path"),
        {"database": "other"},
        {"database": True},
        {"schema": 1},
        {"unknown": 1},
        {"path": None},
        {"path": 1},
        {"path": ":memory:"},
        {"path": "md:shop"},
        {"path": "ducklake:shop.ducklake"},
        {"path": "https://acme.example/shop.duckdb"},
        {"path": ""},
        {"path": "data/"},
    ],
    ids=str,
)
def test_all_else_is_left_to_dbt_duckdb(changed: dict[str, Any]) -> None:
    assert plain_file({"type": "duckdb", "path": "shop.duckdb"}) == ("shop.duckdb", "shop")
    assert plain_file({"type": "duckdb", "path": "shop.duckdb", **changed}) is None


def test_an_output_without_a_path_is_left_to_dbt_duckdb() -> None:
    assert plain_file({"type": "duckdb"}) is None


@pytest.fixture
def by_dbt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The databases that dbt-duckdb opens."""
    opened = []
    create = environments.create

    def noted(credentials: DuckDBCredentials) -> Any:
        opened.append(credentials.database)
        return create(credentials)

    monkeypatch.setattr(environments, "create", noted)
    return opened


def attached(output: dict[str, Any], temporary: Path) -> tuple[Databases, set[str]]:
    """What is attached of an output, and what the reader says it can see."""
    with open_warehouse(settings_of(output), temporary) as reader:
        return sorted(reader._cursor.execute(ATTACHED).fetchall()), reader._databases


@pytest.mark.parametrize("name", ["shop.duckdb", "my-Shop", "an é.db"])
def test_a_file_is_opened_alike_with_and_without_dbt_duckdb(
    name: str, tmp_path: Path, by_dbt: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb.connect(str(tmp_path / name)).close()
    monkeypatch.chdir(tmp_path)
    output = {"type": "duckdb", "path": name, "schema": "main", "threads": 2}
    ours = attached(output, tmp_path)
    assert by_dbt == []
    stem = name.partition(".")[0]
    assert (stem, str(tmp_path / name), True) in ours[0]
    # It is closed: another may write to it.
    duckdb.connect(str(tmp_path / name)).close()

    assert attached({**output, "keep_open": True}, tmp_path) == ours
    assert by_dbt == [stem]


def test_a_file_of_a_home_is_found(
    tmp_path: Path, by_dbt: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    duckdb.connect(str(tmp_path / "shop.duckdb")).close()
    databases, _ = attached({"path": "~/shop.duckdb"}, tmp_path)
    assert ("shop", str(tmp_path / "shop.duckdb"), True) in databases
    assert by_dbt == []


def test_a_file_that_is_opened_so_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "it's.duckdb"
    duckdb.connect(str(path)).close()
    before = path.read_bytes()
    opened = open_plain({"path": str(path)})
    assert opened is not None
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        opened.cursor.execute('create table "it\'s".main.it (id integer)')
    opened.close()
    with pytest.raises(duckdb.ConnectionException):
        opened.cursor.execute("select 1")
    assert path.read_bytes() == before


def words_of(output: dict[str, Any], temporary: Path) -> tuple[type, str, str]:
    with (
        pytest.raises(DbtSelligentError) as wrong,
        open_warehouse(settings_of(output), temporary),
    ):
        pass
    return wrong.type, wrong.value.message, wrong.value.next_step


def test_what_goes_wrong_is_told_by_dbt_duckdb(tmp_path: Path) -> None:
    """With the words that were there before, whichever way it went."""
    missing, damaged, folder = (tmp_path / name for name in ("no.duckdb", "bad.duckdb", "folder"))
    damaged.write_bytes(b"no database" * 1000)
    folder.mkdir()
    told = {path: words_of({"path": str(path)}, tmp_path) for path in (missing, damaged, folder)}
    assert told[missing][:2] == (UnopenedError, f"there is no warehouse file: {missing}")
    assert told[damaged] == (
        UnopenedError,
        "the warehouse cannot be opened: its content is damaged",
        "put the file back from a copy, or move it away and run `dbt build`",
    )
    for path, words in told.items():
        assert words == words_of({"path": str(path), "keep_open": True}, tmp_path)
    assert not missing.exists()

    where = "/shop/profiles.yml: shop.dev"
    for changed, words_found in (
        ({"schema": 1}, f"{where}: schema is not valid"),
        ({"path": 1}, f"{where}: path is not valid"),
        ({"database": "other"}, "the 'database' property must be set to 'shop'"),
        ({"path": "md:shop"}, "MotherDuck databases are not supported"),
    ):
        kind, said, _ = words_of({"path": str(tmp_path / "shop.duckdb"), **changed}, tmp_path)
        assert kind is ProfileError
        assert words_found in said


@pytest.mark.parametrize("name", ["memory", "system", "temp"])
def test_a_file_named_as_a_database_of_duckdbs_own_is_left_to_dbt_duckdb(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as it")
    assert open_plain({"path": str(path)}) is None
