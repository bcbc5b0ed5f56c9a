"""dbt in a process of its own, for what it alone knows: how it is started, and what it said.

It writes into ``target/selligent``, so that its own artifacts, and the process-wide state it keeps,
stay as they are. The environment is inherited: DBT_STATE and the like are dbt's own matter.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from dbt_selligent.locks import take_turn
from dbt_selligent.settings import Settings

# The end of what dbt says has the reason in it.
LINES_TOLD = 20
# Seconds. Commands side by side wait for each other, each for a moment.
SHORT_WAIT = 1.0


@dataclass(frozen=True)
class Said:
    """What dbt said, a line each, without the time and without values of the profile."""

    failed: bool
    lines: tuple[str, ...]

    def words(self) -> str:
        """The last lines as a message shows them, indented."""
        return "\n".join(f"  {line}" for line in self.lines[-LINES_TOLD:])


@contextmanager
def take_project(settings: Settings) -> Iterator[None]:
    """Meanwhile no other command has dbt parse or list the project: it waits for its turn, and says
    for whom where that takes longer.
    """
    lock = settings.own_target_path / "parsed.lock"
    with take_turn(lock, "the project", Event(), settings.waits, patience=SHORT_WAIT):
        yield


def run_dbt(settings: Settings, verb: str, *arguments: str) -> Said:
    """Runs ``dbt VERB`` on the project, for the target and vars of ``settings``."""
    folder = settings.own_target_path
    command = [
        *(sys.executable, "-m", "dbt.cli.main", "--no-send-anonymous-usage-stats"),
        *("--no-use-colors", "--log-format", "text", "--log-path", str(folder / "logs"), verb),
        *("--project-dir", str(settings.project_dir), "--profiles-dir", str(settings.profiles_dir)),
        *("--target", settings.target, "--target-path", str(folder), "--vars", settings.vars),
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    words = [re.sub(r"^\d\d:\d\d:\d\d\s+", "", line) for line in said]
    # dbt quotes a value of the profile there, which may be a secret.
    words = [re.sub(r"(Credentials in profile .* invalid): .*", r"\1", line) for line in words]
    useful = [line for line in words if line and not line.startswith("Running with dbt")]
    return Said(done.returncode != 0, tuple(useful))
