"""What dbt's Spark adapter, its driver and pyspark do that is not to be done here."""

from __future__ import annotations

import importlib
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Of a session: times and casts are to be the same whatever the server's own settings.
SETTINGS = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}


@contextmanager
def own_interrupt() -> Iterator[None]:
    """Ctrl-C stays what it is.

    A Spark of this process would make it cancel all jobs, also those that keep what was confirmed.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        # Only a main thread can have lost it, or could take it back; it may be none of Python's.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def prepare(credentials: Any) -> None:
    """Prepares credentials for what the tool's statements need."""
    # The method `session` sets these before each statement, its own among them.
    credentials.server_side_parameters |= SETTINGS
    # A statement whose answer was lost may have run: it is not repeated.
    credentials.query_retries = 0
    # They would log what statements say, or Spark of the values in them.
    logging.getLogger("pyhive").setLevel(logging.WARNING)
    with suppress(ImportError):  # no Spark of this process, or one of before 4.0
        loggers = importlib.import_module("pyspark.logger").PySparkLogger
        for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
            loggers.getLogger(name).setLevel(logging.CRITICAL + 1)
