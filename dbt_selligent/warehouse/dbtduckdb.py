"""A DuckDB output of any kind, opened through dbt-duckdb's own code, to read and nothing else.

Its file and every attached database are forced to READ_ONLY; its extensions, settings, secrets and
plugins are set up by dbt-duckdb.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb
from dbt.adapters.duckdb import environments
from dbt.adapters.duckdb.credentials import Attachment, DuckDBCredentials
from dbt_common.exceptions import DbtBaseException

from dbt_selligent.errors import ProfileError, UnopenedError
from dbt_selligent.settings import Settings
from dbt_selligent.warehouse import engine
from dbt_selligent.warehouse.macros import quote
from dbt_selligent.warehouse.plainfile import Opened, absolute
from dbt_selligent.warehouse.profile import read_credentials, where


def open_by_dbt(settings: Settings, output: dict[str, Any]) -> Opened:
    """The warehouse of a rendered output, read-only.

    Raises ProfileError where the output is not one of DuckDB, UnopenedError where its file is
    missing, or locked by a running dbt.
    """
    credentials = _credentials(settings, output)
    databases = _attach_read_only(credentials)
    try:
        environment: Any = environments.create(credentials)
        cursor = environment.handle().cursor()
    except (duckdb.Error, DbtBaseException) as error:
        raise _cannot_open(error) from None
    return Opened(cursor, databases, environment.close)


def _credentials(settings: Settings, output: dict[str, Any]) -> DuckDBCredentials:
    credentials: DuckDBCredentials = read_credentials(settings, output, DuckDBCredentials)
    if credentials.remote or credentials.is_motherduck:
        raise ProfileError(
            f"{where(settings)}: remote and MotherDuck databases are not supported by this version"
        )
    return credentials


def _attach_read_only(credentials: DuckDBCredentials) -> list[str]:
    """Turns the profile's file and attachments into read-only ones; gives their aliases."""
    attachments = list(credentials.attach or ())
    if credentials.path != ":memory:":
        attachments.insert(0, Attachment(path=credentials.path, alias=credentials.database))
    databases = []
    for attachment in attachments:
        attachment.path = absolute(attachment.path)
        alias = attachment.alias or credentials.path_derived_database_name(attachment.path)
        if alias.startswith('"') and alias.endswith('"') and len(alias) > 1:
            alias = alias[1:-1].replace('""', '"')
        attachment.alias = quote(alias)
        attachment.read_only = True
        if attachment.options:
            attachment.options.pop("read_only", None)
        databases.append(alias)
    credentials.path = ":memory:"
    credentials.attach = attachments
    return databases


def _cannot_open(error: Exception) -> UnopenedError:
    words = engine.words(error)
    holder = re.search(r"PID (\d+)", words)
    if "could not set lock" in words.lower():
        by = f" by the process {holder[1]}" if holder else ""
        return UnopenedError(
            f"the warehouse is locked{by}: {_path_in(words)}",
            "a dbt run or another program writes to it: run this again when it has ended",
        )
    if held := re.search(r'file handle conflict.* file "([^"]+)"', str(error)):
        return UnopenedError(
            f"the warehouse is open in this process: {held[1]}",
            "close that connection, of duckdb or dbt, before the sync",
        )
    if "does not exist" in words or "No such file" in words:
        return UnopenedError(
            f"there is no warehouse file: {_path_in(words)}",
            "run `dbt build` first, and this in the folder where you run dbt: a relative path of "
            "the profile starts there",
        )
    mend = (
        "put the file back from a copy, or move it away and run `dbt build`"
        if isinstance(error, duckdb.Error) and engine.is_damaged(error)
        else "`dbt debug` opens the same: mend what it says"
    )
    return UnopenedError(f"the warehouse cannot be opened: {words}", mend)


def _path_in(words: str) -> str:
    found = re.search(r'"([^"]+)"', words)
    return found[1] if found else words
