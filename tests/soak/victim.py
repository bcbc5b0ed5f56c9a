"""The real command in a process of its own, which can be killed; started by a fork, so cheaply."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from soak import sabotage
from soak.steps import Kill, Steps

SCRIPT = Path(sys.executable).parent / "dbt-selligent"
LONGEST = 120.0  # seconds that a command may take
NEVER = Kill(0)
Listen = Callable[[Steps], None]


@dataclass(frozen=True)
class Order:
    """What a victim is to do: the command's arguments, in a folder, and where it ends."""

    arguments: tuple[str, ...]
    folder: Path
    said: Path  # beginning of the names of the files for what it says and does
    environment: Mapping[str, str]
    watched: tuple[Path, ...]
    kill: Kill = NEVER
    sabotage: str | None = None
    listen: Listen | None = None

    @property
    def out(self) -> Path:
        return self.said.with_suffix(".out")

    @property
    def err(self) -> Path:
        return self.said.with_suffix(".err")

    @property
    def steps(self) -> Path:
        return self.said.with_suffix(".steps")


@dataclass(frozen=True)
class Ended:
    """A command that ended, or was ended."""

    code: int
    out: str
    err: str
    steps: tuple[str, ...]
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Running:
    """A victim that runs."""

    order: Order
    process: Any
    began: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll() is None
        return bool(self.process.is_alive())

    @property
    def steps(self) -> tuple[str, ...]:
        path = self.order.steps
        return tuple(path.read_text("utf-8").splitlines()) if path.exists() else ()

    def signal(self, number: int) -> None:
        """Sends it a signal, if it is still there."""
        if self.alive:
            os.kill(self.process.pid, number)

    def end(self) -> Ended:
        """Waits for its end; TimeoutError where it hangs, and it is killed then."""
        if isinstance(self.process, subprocess.Popen):
            try:
                code = self.process.wait(LONGEST)
            except subprocess.TimeoutExpired:
                code = None
        else:
            self.process.join(LONGEST)
            code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"{' '.join(self.order.arguments)} hangs: {self.steps[-3:]}")
        seconds = time.monotonic() - self.began
        order, steps = self.order, self.steps
        ended = Ended(code, _read(order.out), _read(order.err), steps, seconds)
        for path in (order.out, order.err, order.steps):
            path.unlink(missing_ok=True)
        return ended


class Victims:
    """Starts commands in the folder of one project; what they say goes to ``aside``.

    What is done to files is a step below the ``watched`` folders; ``listen`` adds steps of its own.
    """

    def __init__(
        self,
        folder: Path,
        aside: Path,
        environment: Mapping[str, str],
        *,
        watched: Sequence[str] = (".dbt_selligent", "target"),
        listen: Listen | None = None,
    ) -> None:
        self._folder, self._aside = folder, aside
        self._watched = tuple(folder / each for each in watched)
        self._listen = listen
        self._environment = dict(environment)
        self._numbers = count(1)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["soak.preload"])

    def start(
        self, *arguments: str, kill: Kill = NEVER, sabotage: str | None = None, script: bool = False
    ) -> Running:
        """Starts the command; with ``script``, as a user does, by its script."""
        where = ["--project-dir", str(self._folder), "--profiles-dir", str(self._folder)]
        order = Order(
            (arguments[0], *where, *arguments[1:]),
            self._folder,
            self._aside / str(next(self._numbers)),
            self._environment,
            self._watched,
            kill,
            sabotage,
            self._listen,
        )
        if script:
            return Running(order, _start_script(order))
        with _importable():
            process = self._context.Process(target=_work, args=(order,), daemon=True)
            process.start()
        return Running(order, process)

    def run(
        self, *arguments: str, kill: Kill = NEVER, sabotage: str | None = None, script: bool = False
    ) -> Ended:
        """Runs the command to its end."""
        return self.start(*arguments, kill=kill, sabotage=sabotage, script=script).end()


@contextmanager
def _importable() -> Iterator[None]:
    """The server of forks imports what is preloaded, before it is told where from."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _start_script(order: Order) -> subprocess.Popen[bytes]:
    with order.out.open("wb") as out, order.err.open("wb") as err:
        return subprocess.Popen(
            [SCRIPT, *order.arguments],
            cwd=order.folder,
            env={**os.environ, **order.environment},
            stdout=out,
            stderr=err,
        )


def _work(order: Order) -> None:
    """In the victim: what a shell does, and then the command."""
    os.chdir(order.folder)
    os.environ.update(order.environment)
    for path, stream in ((order.out, 1), (order.err, 2)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(handle, stream)
        os.close(handle)
    sys.argv = ["dbt-selligent", *order.arguments]
    if order.sabotage:
        sabotage.BY_NAME[order.sabotage]()
    steps = Steps(order.watched, order.steps, order.kill)
    steps.install()
    if order.listen:
        order.listen(steps)
    from dbt_selligent.cli import main

    main()


def _read(path: Path) -> str:
    """What was said; nothing where it ended before it could."""
    return path.read_text("utf-8") if path.exists() else ""
