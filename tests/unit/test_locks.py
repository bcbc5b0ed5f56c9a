"""One run at a time: within a process, between processes, and after one was killed."""

import fcntl
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pytest

from dbt_selligent.errors import LockedError
from dbt_selligent.locks import hold, take_turn, temporary_folder

HOLDER = """
import sys
from pathlib import Path
from dbt_selligent.locks import hold
with hold(Path(sys.argv[1]), "activation crm"):
    print("held", flush=True)
    sys.stdin.readline()
"""
WAITER = """
import sys, threading
from pathlib import Path
from dbt_selligent.locks import take_turn
said = lambda why: print(why, flush=True)
with take_turn(Path(sys.argv[1]), "list CUSTOMERS", threading.Event(), said):
    print("held", flush=True)
    sys.stdin.readline()
"""
TRIES = """
import sys
from pathlib import Path
from dbt_selligent.errors import LockedError
from dbt_selligent.locks import hold
try:
    with hold(Path(sys.argv[1]), "activation crm"):
        print("held")
except LockedError as error:
    print(error.message)
"""


def start(script: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def start_holder(path: Path) -> "subprocess.Popen[str]":
    process = start(HOLDER, path)
    assert cast(IO[str], process.stdout).readline() == "held\n"
    return process


def test_a_second_hold_in_the_same_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state" / "crm.lock"

    with hold(path, "activation crm"):
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")

        assert caught.value.message.startswith(
            f"activation crm is in use by process {os.getpid()} on {socket.gethostname()} since 2"
        )
        assert caught.value.exit_code == 1
        with hold(tmp_path / "state" / "other.lock", "activation other"):
            pass


def test_it_is_free_afterwards_even_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"
    with pytest.raises(ZeroDivisionError), hold(path, "activation crm"):
        raise ZeroDivisionError
    times = []
    for _ in range(2):
        with hold(path, "activation crm"):
            times.append("held")

    assert times == ["held", "held"]


def test_a_refused_hold_does_not_free_the_lock_of_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"

    with hold(path, "activation crm"):
        for _ in range(2):
            with pytest.raises(LockedError), hold(path, "activation crm"):
                pytest.fail("held twice")
        tried = subprocess.run(
            [sys.executable, "-c", TRIES, str(path)], capture_output=True, text=True, check=True
        )

    assert f"in use by process {os.getpid()} on " in tried.stdout


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"
    process = start_holder(path)
    try:
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")
        assert f"in use by process {process.pid} on " in caught.value.message
    finally:
        process.kill()
        process.communicate()

    with hold(path, "activation crm"):
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")
        assert f"by process {os.getpid()} on " in caught.value.message


@pytest.mark.parametrize("left", [b"", b"x" * 5000, b"[1]", b"7", b'{"pid": 1}', b"\xff"])
def test_what_a_dead_process_left_in_the_file_means_nothing(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "crm.lock"
    path.write_bytes(left)

    with hold(path, "activation crm"):
        with pytest.raises(LockedError, match=str(os.getpid())), hold(path, "activation crm"):
            pytest.fail("held twice")
        path.write_bytes(left)
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")

    assert caught.value.message == "activation crm is in use"


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "crm.lock"

    with hold(path, "activation crm"):
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path)]

    assert modes == [0o700, 0o600]


# taking turns


class Turn:
    """A thread that takes its turn at a lock, and holds it until it is let go."""

    def __init__(self, path: Path) -> None:
        self.waits: list[str] = []
        self.refused: list[str] = []
        self.stop, self.waiting = threading.Event(), threading.Event()
        self.held, self.let_go = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._take, args=(path,))
        self.thread.start()

    def _take(self, path: Path) -> None:
        try:
            with take_turn(path, "list CUSTOMERS", self.stop, self._wait):
                self.held.set()
                self.let_go.wait(timeout=60)
        except LockedError as error:
            self.refused.append(error.message)

    def _wait(self, why: str) -> None:
        self.waits.append(why)
        self.waiting.set()


@contextmanager
def taking_turn(path: Path) -> Iterator[Turn]:
    turn = Turn(path)
    try:
        yield turn
    finally:
        turn.stop.set()
        turn.let_go.set()
        turn.thread.join(timeout=60)
        assert not turn.thread.is_alive()


def test_a_lock_that_is_free_is_taken_at_once(tmp_path: Path) -> None:
    waits: list[str] = []
    path = tmp_path / "lists" / "customers.lock"

    with (
        take_turn(path, "list CUSTOMERS", threading.Event(), waits.append),
        pytest.raises(LockedError),
        hold(path, "list CUSTOMERS"),
    ):
        pytest.fail("held twice")
    with hold(path, "list CUSTOMERS"):
        pass

    assert waits == []


def test_a_short_wait_is_not_told(tmp_path: Path) -> None:
    path, waits = tmp_path / "parsed.lock", list[str]()
    stop = threading.Event()
    stop.set()
    with (
        hold(path, "the project"),
        pytest.raises(LockedError),
        take_turn(path, "the project", stop, waits.append, patience=60.0),
    ):
        pytest.fail("held twice")
    assert waits == []


def test_a_turn_begins_when_the_one_before_ends_and_it_is_told_once_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbt_selligent.locks.SECONDS_TO_POLL", 0.001)  # many times while it waits
    path = tmp_path / "customers.lock"
    with taking_turn(path) as first:
        assert first.held.wait(timeout=60)
        with taking_turn(path) as second:
            assert second.waiting.wait(timeout=60)
            assert not second.held.wait(timeout=0.05)
            first.let_go.set()
            assert second.held.wait(timeout=60)

    assert first.waits == []
    [why] = second.waits
    assert why.startswith(f"list CUSTOMERS is in use by process {os.getpid()} on ")
    assert (first.refused, second.refused) == ([], [])


def test_who_waits_for_its_turn_may_be_told_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "customers.lock"
    with hold(path, "list CUSTOMERS"):
        with taking_turn(path) as turn:
            assert turn.waiting.wait(timeout=60)
            turn.stop.set()
            turn.thread.join(timeout=60)

        assert not turn.held.is_set()
        assert turn.refused == turn.waits
        with pytest.raises(LockedError), hold(path, "list CUSTOMERS"):
            pytest.fail("the lock of its holder was freed")


@pytest.mark.parametrize(
    "end",
    [lambda one: cast(IO[str], one.stdin).close(), lambda one: one.kill()],
    ids=["end", "kill"],
)
def test_between_processes(
    tmp_path: Path, end: "Callable[[subprocess.Popen[str]], object]"
) -> None:
    path = tmp_path / "customers.lock"
    first = start_holder(path)
    second = start(WAITER, path)
    try:
        said = cast(IO[str], second.stdout)
        assert f"list CUSTOMERS is in use by process {first.pid} on " in said.readline()
        end(first)
        assert said.readline() == "held\n"
        with pytest.raises(LockedError, match=f"by process {second.pid} on "):
            hold(path, "list CUSTOMERS").__enter__()
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                cast(IO[str], stream).close()


def test_a_temporary_folder_is_not_removed_before_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that starts at this very moment waits until its lock is held."""
    make, tried = tempfile.mkdtemp, []

    def made(prefix: str, dir: Path) -> str:  # noqa: A002  its name
        handle = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
        tried.append(prefix)
        return make(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    with temporary_folder(tmp_path) as folder:
        assert len(tried) == 1
        with temporary_folder(tmp_path) as second:  # nobody is held up by one in use
            assert folder.is_dir()
            assert second != folder
    assert list(tmp_path.iterdir()) == []
