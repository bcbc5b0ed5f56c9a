"""One run at a time: a lock file beside the state, held by flock for as long as the process lives.

The kernel frees the lock of a process that died, so a file left behind means nothing by itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from dbt_selligent.errors import LockedError

TEMPORARY = ".temporary-"
SECONDS_TO_POLL = 0.2


@contextmanager
def hold(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file ``path``; raises LockedError that says who holds it and since when.

    Each call opens the file anew, so that two threads of one process exclude each other too.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"{what} is in use{_holder(handle)}") from None
        holder = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def take_turn(
    path: Path,
    what: str,
    stop: threading.Event,
    waits: Callable[[str], None],
    *,
    patience: float = 0.0,
) -> Iterator[None]:
    """Holds the lock file ``path`` as soon as it is free.

    ``waits`` is told, once, who holds it, after ``patience`` seconds. Raises LockedError where it
    is told to ``stop`` before.
    """
    with ExitStack() as held:
        told, began = False, time.monotonic()
        while True:
            try:
                held.enter_context(hold(path, what))
                break
            except LockedError as locked:
                if not told and time.monotonic() - began >= patience:
                    waits(locked.message)
                    told = True
                if stop.wait(SECONDS_TO_POLL):
                    raise
        yield


@contextmanager
def later(seconds: float) -> Iterator[threading.Event]:
    """An event that comes after so many seconds, for who would not wait for longer."""
    came = threading.Event()
    timer = threading.Timer(seconds, came.set)
    timer.daemon = True
    timer.start()
    try:
        yield came
    finally:
        timer.cancel()


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder for copies and spilled rows, its owner's alone, that is gone afterwards.

    One that a killed process left behind is removed by the next.
    """
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as held:
        with _alone(parent):  # another would remove what is made, and not locked yet
            for left in parent.glob(f"{TEMPORARY}*"):
                with suppress(LockedError, OSError), hold(left / "lock", "the folder"):
                    shutil.rmtree(left, ignore_errors=True)
            folder = _new_folder(parent)
            held.enter_context(hold(folder / "lock", "the folder"))
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _new_folder(parent: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=parent))
    except OSError as error:
        error.filename = str(parent)  # which is there, as what was to be made is not
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits for whoever else does the same in the folder; nobody does for long."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    try:
        found = json.loads(os.pread(handle, 4096, 0))
        return f" by process {found['pid']} on {found['host']} since {found['since']}"
    except (ValueError, KeyError, TypeError):
        return ""  # its holder has locked it, and not yet written its name
