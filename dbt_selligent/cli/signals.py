"""Signals that end a command, so that none is lost."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from types import FrameType
from typing import Any

SECONDS_TO_TRY_AGAIN = 0.01


def heed_signals() -> None:
    """From now on SIGTERM is a KeyboardInterrupt as Ctrl-C is, wherever either comes.

    One that comes while Python runs a finalizer, as of a connection that is let go, ends no more
    than that finalizer: Python tells of it, and goes on. It is raised again a moment later.
    """
    # An orchestrator stops a run as Ctrl-C does: requests under way end, and are accounted for.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # By the handler that there is then: while a statement runs, it ends that too.
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    tell = sys.unraisablehook

    def tell_or_try_again(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_TRY_AGAIN)
        else:
            tell(unraisable)

    sys.unraisablehook = tell_or_try_again


def note_signals() -> threading.Event:
    """Set once SIGTERM or Ctrl-C came, each of which stays a KeyboardInterrupt.

    A sync that one ends tells what became of it; whoever calls one after the other is to end too.
    """
    came = threading.Event()

    def heed(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.default_int_handler:  # one may be ignored
            signal.signal(number, heed)
    return came
