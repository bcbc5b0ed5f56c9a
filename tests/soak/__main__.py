"""`python -m soak`, in the folder of the tests: a soak, and its figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from soak.soak import Soak, table


def main() -> int:
    """Runs it; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, help="this round of the seed alone")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))

    def say(what: str) -> None:
        print(what, flush=True)  # noqa: T201

    began = time.monotonic()
    say(f"seed {chosen.seed}, {chosen.seconds:.0f} s, in {folder}")
    figures = Soak(folder, chosen.seed, chosen.seconds, say, only=chosen.round).run()
    say(table(figures, chosen.seed, time.monotonic() - began))
    return int(bool(figures.broken))


if __name__ == "__main__":
    sys.exit(main())
