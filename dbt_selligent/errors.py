"""The exceptions of the tool, drawn as one tree; each class knows its exit code.

::

    DbtSelligentError
    ├── ConfigurationError        exit 2: nothing could start
    │   ├── ProjectError          the dbt project or its manifest
    │   ├── ProfileError          profiles.yml
    │   └── ActivationFaults      what is wrong with the activations, all of it
    └── RunError                  exit 1: an activation could not be carried out
        ├── WarehouseError        the warehouse, or the model in it
        │   ├── UnopenedError     exit 2: it cannot be opened, so nothing could start
        │   └── MemoryLimitError  rows of it are too wide
        ├── StateError            the tool's own tables
        │   └── LockedError       another run, or another program, holds them
        ├── GuardError            the change is not one to send unasked
        ├── GateError             dbt's last run of the model, or a test on it, failed
        ├── InterruptedRunError   someone stopped it
        ├── NotInStepError        what a whole sync came to, where it is asked to raise
        └── DestinationError      Selligent
            ├── UnreachableError  no answer that says anything, for long enough
            │   └── LongAnswerError   one that is too long to be read
            └── RefusedError      an answer that forbids to go on

Messages name files, keys and identifiers, never row values or secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches


class DbtSelligentError(Exception):
    """Root of the tree: ``message`` says where and what, ``next_step`` what to do about it."""

    exit_code = 1
    default_step = ""

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = self.default_step if next_step is None else next_step

    def __str__(self) -> str:
        """The message and, on a line of its own, the next step."""
        return f"{self.message}\n  -> {self.next_step}" if self.next_step else self.message


class ConfigurationError(DbtSelligentError):
    """Nothing could start."""

    exit_code = 2


class ProjectError(ConfigurationError):
    """The dbt project, or the manifest that dbt made of it, cannot be used."""


class ProfileError(ConfigurationError):
    """``profiles.yml`` does not say where to send, or not completely."""


class RunError(DbtSelligentError):
    """An activation could not be carried out; what was confirmed before stays confirmed."""


class WarehouseError(RunError):
    """The warehouse, or the model in it, cannot be read."""


class UnopenedError(WarehouseError):
    """The warehouse cannot be opened, or not as it has to be."""

    exit_code = 2


class MemoryLimitError(WarehouseError):
    """Rows that are too wide to be compared within the memory that this takes."""

    default_step = "map fewer columns, or run this on a machine with more memory"


class StateError(RunError):
    """The tool's own tables cannot be used."""


class LockedError(StateError):
    """Another run works on the same activation or list, or another program has its state open."""

    default_step = "wait until it has ended, then run again"


class GuardError(RunError):
    """The model looks wrong, so nothing was sent."""


class GateError(RunError):
    """The model, or a test on it, failed in dbt, so nothing was sent."""


class InterruptedRunError(RunError):
    """Someone stopped the run: what was confirmed is kept, the rest is for the next sync."""

    default_step = "sync again: it goes on where this run stopped"


class NotInStepError(RunError):
    """A sync came to its end, and not everything is in step; raised by `raise_for_status` alone."""


class DestinationError(RunError):
    """Selligent did not take what was sent."""


class UnreachableError(DestinationError):
    """No usable answer within the retries."""

    default_step = "run `dbt-selligent debug`, then sync again: it goes on where this run stopped"


class LongAnswerError(UnreachableError):
    """An answer that is too long to be read: less at a time may be asked for."""


class RefusedError(DestinationError):
    """An answer after which the next request would fare no better."""


def nearest(name: str, legal: Sequence[str]) -> str | None:
    """The legal name most like ``name``, regardless of case, or None if none is like it."""
    by_folded = {each.casefold(): each for each in legal}
    found = get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.5)
    return by_folded[found[0]] if found else None


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with one activation: where (file, exposure, key), what, and the mend.

    ``in_yaml`` unless what is wrong is the model, or that dbt has not built it.
    """

    file: str
    exposure: str
    key: str
    problem: str
    mend: str = ""
    in_yaml: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        """One line for a terminal."""
        where = f"{self.file}: exposure {self.exposure}"
        where = f"{where}: {self.key}" if self.key else where
        return f"{where}: {self.problem}" + (f" ({self.mend})" if self.mend else "")


class ActivationFaults(ConfigurationError):  # noqa: N818  (it is a list of faults)
    """Every fault of every activation, reported at once; nothing was sent."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{count} in the activations:\n{lines}", f"{self.mend}; nothing was sent")

    @property
    def mend(self) -> str:
        """Where they are to be mended."""
        places = {fault.in_yaml for fault in self.faults}
        if places == {False}:
            return "do as is said behind each"
        return "mend these in the YAML named above" + (", or as is said" if False in places else "")
