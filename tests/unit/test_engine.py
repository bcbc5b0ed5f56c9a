"""What DuckDB says, as the tool says it."""

from __future__ import annotations

import os
import signal
import threading
import time

import duckdb
import pytest

from dbt_selligent.warehouse import engine

ENDLESS = "select count(*) from range(1000000000000)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_statement_under_way(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)

    def send() -> None:
        time.sleep(0.05)  # into the statement, as a rule; before it, it is the same
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            duckdb.connect() as connection,
            engine.interruptible(connection),
        ):
            connection.execute(ENDLESS)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        sender.join()
        signal.signal(number, before)


def test_other_errors_pass_and_other_threads_have_no_handlers() -> None:
    found: list[object] = []

    def work() -> None:
        with duckdb.connect() as connection, engine.interruptible(connection):
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
    with (
        duckdb.connect() as connection,
        pytest.raises(RuntimeError, match="another"),
        engine.interruptible(connection),
    ):
        raise RuntimeError("another")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Could not write file: No space left on device", "No space left on device"),
        ('Failed to commit: Could not write "x": File too large', "File too large"),
        ("Checkpoint failed: Disk quota exceeded", "Disk quota exceeded"),
    ],
)
def test_a_disk_that_is_full_is_said_so_however_it_is_told(said: str, words: str) -> None:
    error = duckdb.TransactionException(f"{said} 'ann@acme.example'")
    assert engine.words(error) == f"a file cannot be written: {words}"
    other = duckdb.TransactionException("duplicate key 'ann@acme.example'")
    assert engine.words(other) == "DuckDB stopped with an error of kind Transaction"
