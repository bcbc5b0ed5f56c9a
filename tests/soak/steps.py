"""In the victim: everything that makes something durable is a step, and one of them is its last.

Steps are statements of DuckDB that may change a file, what is done to files below the watched
folders, and requests: before they are sent, and when their answer is there. Nothing of the package
is touched: DuckDB's connection, `requests` and Python's own audit events are listened to.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urlsplit

Moment = Literal["before", "during", "after"]

# Statements that leave every file as it is.
HARMLESS = ("select", "set", "describe", "with", "load", "install", "from", "explain", "pragma")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# The room for what lies between, in memory.
SCRATCH = "_selligent_scratch"
# Not essential: they leave nothing that a next run does not make anew, or find as it is.
EMPTY = ("os.mkdir", "os.truncate", "insert into _selligent_delta", "ATTACH IF NOT")
# Audit events, and which of their arguments are a path and the folder that it is relative to.
EVENTS = {
    "os.rename": (0, 2),
    "os.remove": (0, 1),
    "os.mkdir": (0, 2),
    "os.rmdir": (0, 1),
    "os.link": (1, 3),
    "os.truncate": (0, None),
    "shutil.copyfile": (1, None),
}


@dataclass(frozen=True)
class Kill:
    """The step, counted from 1, at which the process ends; ``during``: so many seconds after it
    began, or at its end where that comes first.

    With ``essential``, only those are counted that leave something else behind than the one
    before: no statements within a transaction, for one, since what was not committed was not there.
    With ``label``, only steps whose label begins so are counted.
    """

    number: int
    moment: Moment = "before"
    seconds: float = 0.0
    essential: bool = False
    label: str = ""


class Steps:
    """Counts the steps of this process, and ends it at one of them.

    ``log`` gets a line for each as it begins.
    """

    def __init__(self, watched: Sequence[Path], log: Path, kill: Kill) -> None:
        self._watched = tuple(os.path.join(os.path.realpath(each), "") for each in watched)  # noqa: PTH118
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._kill = kill
        self._count = 0
        self._lock = threading.Lock()
        self._open: set[int] = set()  # connections within a transaction

    def install(self) -> None:
        """From here on everything is listened to; there is no way back."""
        self._listen_to_duckdb()
        self._listen_to_requests()
        self._listen_to_files()

    def take(self, label: str, act: Callable[[], Any]) -> Any:
        """Does what a step does."""
        number = self._begin(label)
        result = act()
        if number and number == self._kill.number:
            end_now()
        return result

    def _begin(self, label: str) -> int:
        with self._lock:
            os.write(self._log, f"{label}\n".encode())
            lock = label.startswith("open ") and label.endswith("lock")
            if self._kill.essential and (lock or label.startswith(EMPTY)):
                return 0
            if not label.startswith(self._kill.label):
                return 0
            self._count += 1
            number = self._count
            if number == self._kill.number and self._kill.moment == "before":
                end_now()
        if number == self._kill.number and self._kill.moment == "during":
            threading.Thread(target=self._end_soon, daemon=True).start()
        return number

    def _end_soon(self) -> None:
        time.sleep(self._kill.seconds)
        end_now()

    def _listen_to_duckdb(self) -> None:
        import duckdb

        kind: Any = duckdb.DuckDBPyConnection
        execute, close = kind.execute, kind.close

        def executed(connection: Any, query: Any, *more: Any, **named: Any) -> Any:
            def act() -> Any:
                return execute(connection, query, *more, **named)

            words = str(query).split(None, 3)
            first = words[0].lower()
            within = id(connection) in self._open
            if first == "begin":
                self._open.add(id(connection))
            elif first in ("commit", "rollback"):
                self._open.discard(id(connection))
            skipped = within and first not in ("commit", "rollback")
            if first in HARMLESS or any(SCRATCH in word for word in words[1:3]):
                return act()
            if self._kill.essential and (skipped or first == "begin"):
                return act()
            return self.take(" ".join(words[:3]), act)

        def closed(connection: Any) -> None:
            self.take("close", lambda: close(connection))

        kind.execute, kind.close = executed, closed

    def _listen_to_requests(self) -> None:
        import requests

        request = requests.Session.request

        def requested(session: Any, method: str, url: str, *more: Any, **named: Any) -> Any:
            label = f"{method} {urlsplit(url).path.split('/', 5)[-1]}"
            answer = self.take(label, lambda: request(session, method, url, *more, **named))
            self.take(f"answer to {label}", lambda: None)
            return answer

        requests.Session.request = requested  # type: ignore[method-assign,assignment]

    def _listen_to_files(self) -> None:
        opened = io.open

        def opened_file(file: Any, mode: str = "r", *more: Any, **named: Any) -> IO[Any]:
            found = opened(file, mode, *more, **named)
            if set(mode) & set("wax+") and self._is_watched(file, None):
                # Between this and the next step nothing is written: it is empty.
                self.take(f"empty {Path(file).name}", lambda: None)
            return found

        io.open = opened_file  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & WRITING):
                return
            folder = None
        elif event in EVENTS:
            path_at, folder_at = EVENTS[event]
            path = arguments[path_at]
            folder = None if folder_at is None else arguments[folder_at]
        else:
            return
        if self._is_watched(path, folder):
            name = "" if isinstance(path, int) else Path(os.fsdecode(path)).name
            number = self._begin(f"{event} {name}")
            if number and number == self._kill.number and self._kill.moment == "after":
                # It is done by the time that the next one begins.
                self._kill = replace(self._kill, number=number + 1, moment="before")

    def _is_watched(self, path: Any, folder: int | None) -> bool:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115
        path = os.fsdecode(path)
        if not os.path.isabs(path):  # noqa: PTH117
            base = os.getcwd() if folder in (None, -1) else os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH109, PTH115
            path = os.path.join(base, path)  # noqa: PTH118
        return os.path.realpath(os.path.dirname(path)).startswith(self._watched) or (  # noqa: PTH120
            os.path.join(os.path.realpath(os.path.dirname(path)), "").startswith(self._watched)  # noqa: PTH118, PTH120
        )


def end_now() -> None:
    """Ends this process as the kernel would: no handler, no finally, nothing flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
