"""A DuckDB of the tool's own: its limits, its private temporary folder, its attached files."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dbt_selligent.errors import StateError
from dbt_selligent.warehouse.macros import literal, quote

# What every file of the tool is written in, so that a newer DuckDB's files stay readable.
STORAGE_VERSION = "v1.4.0"
# MB. A sync shares its machine with dbt, and its models may be larger than memory: beyond a limit,
# and whatever the number of rows, DuckDB works from its temporary folder. What it holds of each
# thread and column at least grows with the width of a row: where that is too much, the next limit
# is tried.
MEMORY_TO_COPY = 224
MEMORY_TO_COMPARE = (512, 1024, 2048, 4096)
MOST_THREADS = 4
# Rows that a thread has in work at once when it renders: their values, and bodies of them.
ROWS_IN_WORK = 12_000

# Errors of DuckDB about files and statements; all others may quote values of a row.
WITHOUT_VALUES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConnectionException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
    duckdb.PermissionException,
)

# However DuckDB comes to say it: writing, committing, checkpointing.
NO_ROOM = re.compile("|".join(map(os.strerror, (errno.ENOSPC, errno.EFBIG, errno.EDQUOT))))

# A file that is none of DuckDB's, or of which a block is not as it was written.
DAMAGED = ("not a valid duckdb database file", "corrupt database file")

STATE = "_selligent_state"
DELTA = "_selligent_delta"
SCRATCH = "_selligent_scratch"


def limit(connection: Any, temporary: Path) -> None:
    """Sets memory limit, threads, temporary folder and order of a DuckDB."""
    limit_memory(connection, MEMORY_TO_COPY)
    connection.execute(f"set threads = {_threads()}")
    connection.execute(f"set temp_directory = {literal(str(temporary))}")
    # Rows are sent in the order in which they were staged, without being sorted again.
    connection.execute("set preserve_insertion_order = true")


def limit_memory(connection: Any, megabytes: int) -> None:
    """Sets the memory limit of a DuckDB; beyond it, rows are spilled to the temporary folder."""
    connection.execute(f"set memory_limit = '{int(megabytes)}MB'")


def _threads() -> int:
    return max(1, min(MOST_THREADS, os.cpu_count() or 1))


def memory_to_render(bytes_per_row: int) -> int:
    """The limit, in MB, for rows of this width to be rendered and copied."""
    wanted = ROWS_IN_WORK * _threads() * bytes_per_row // 1_000_000
    return max(MEMORY_TO_COPY, min(wanted, memory_limits(comparing=True)[-1]))


def memory_limits(*, comparing: bool) -> tuple[int, ...]:
    """The limits to try in turn, in MB, each for rows that are too wide for the one before."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2_000_000
    first, *more = MEMORY_TO_COMPARE if comparing else (MEMORY_TO_COPY, *MEMORY_TO_COMPARE)
    return (first, *(limit for limit in more if limit <= half))


@contextmanager
def open_engine(temporary: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, within the tool's limits."""
    connection = duckdb.connect(":memory:")
    try:
        limit(connection, temporary)
        # Where the newest way for texts is tried alone, rows are written in a fifth less time.
        connection.execute("set disabled_compression_methods = 'dictionary,fsst,zstd'")
        with interruptible(connection):
            yield connection
    finally:
        connection.close()


@contextmanager
def interruptible(connection: Any) -> Iterator[None]:
    """A signal that ends Python ends the statement under way too, as a KeyboardInterrupt.

    By itself DuckDB gives up waiting for it, and then waits for its threads all the same. Signals
    come to the main thread: what others do is ended by those that wait for them.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, _interrupting(connection, handler))
    try:
        yield
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupting(connection: Any, handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    def handle(number: int, frame: Any) -> Any:
        connection.interrupt()
        return handler(number, frame)

    return handle


def attach(connection: Any, path: Path, alias: str, *, read_only: bool = False) -> None:
    """Attaches a file of the tool; raises duckdb.Error as DuckDB does."""
    options = "read_only" if read_only else f"storage_version '{STORAGE_VERSION}'"
    connection.execute(f"attach {literal(str(path))} as {quote(alias)} ({options})")


def detach(connection: Any, alias: str) -> None:
    """Detaches a file; what was written to it is durable then."""
    connection.execute(f"detach {quote(alias)}")


def no_room(error: Exception) -> str | None:
    """Why a file cannot be written, in the system's words; None where the error is another."""
    found = NO_ROOM.search(str(error))
    return found[0] if found else None


def is_damaged(error: Exception) -> bool:
    """Whether the content of a file is not what DuckDB wrote."""
    return any(sign in str(error).lower() for sign in DAMAGED)


def unwritable(where: Path, error: duckdb.Error) -> StateError:
    """What stopped the work on a state, of which nothing is lost by that."""
    mend = "make room" if no_room(error) else "mend it"
    return StateError(f"{where}: {words(error)}", f"nothing was lost: {mend} and run again")


def words(error: Exception) -> str:
    """What DuckDB says, in one line; only what kind of error it is where it may quote a value."""
    if full := no_room(error):
        return f"a file cannot be written: {full}"
    if is_damaged(error):
        return "its content is damaged"
    kind = type(error).__name__.removesuffix("Exception")
    if isinstance(error, WITHOUT_VALUES) or not isinstance(error, duckdb.Error):
        lines = str(error).strip().splitlines()
        return lines[0] if lines else kind
    return f"DuckDB stopped with an error of kind {kind}"
