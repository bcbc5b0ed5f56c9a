"""What dbt said last of each model and test: a model that failed, or fails a test, is kept back.

dbt's `run_results.json` holds its last invocation alone, so that the newest verdict seen of each
node is kept beside the states, by target.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Event

from dbt_selligent.activation import Activation
from dbt_selligent.errors import StateError
from dbt_selligent.guards import Verdict
from dbt_selligent.locks import take_turn
from dbt_selligent.settings import Settings

FILE = "dbt_verdicts.json"
AT = "%Y-%m-%dT%H:%M:%S.%fZ"  # as dbt writes a time
RUN_RESULTS = "run_results.json"
# Commands that build or test; a retry is told as the command that it retries.
JUDGING = ("run", "build", "test", "seed", "snapshot", "retry")
# Commands of which dbt notes less than what is typed.
SPELT = {"generate": "docs generate", "freshness": "source freshness"}
PASSED = ("success", "pass", "warn", "no-op")
FAILED = ("error", "fail", "runtime error", "partial success")
# What a file that is damaged, or of another shape, raises on the way.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Judged:
    """What dbt said of a node: whether it passed, in which command, and when, in UTC (ISO 8601)."""

    passed: bool
    command: str
    at: str

    def __str__(self) -> str:
        """When that was."""
        return _when(self.command, self.at)


Nodes = Mapping[str, Judged]


@dataclass(frozen=True)
class Invocation:
    """One invocation of dbt: its target, None for that of the profile, verdicts by node, and which
    command it was, and when.
    """

    target: str | None
    nodes: Nodes
    command: str
    at: str

    def __str__(self) -> str:
        """When that was."""
        return _when(self.command, self.at)


@dataclass(frozen=True)
class Gate:
    """The newest verdicts for one target; ``broken`` says why they cannot be read, ``last`` is the
    last invocation for this target, if that is known.
    """

    nodes: Nodes
    broken: StateError | None = None
    last: Invocation | None = None

    def judge(self, activation: Activation) -> Verdict:
        """Whether the model may be sent."""
        if self.broken:
            return Verdict("gate", False, self.broken.message, self.broken.next_step)
        model = activation.model
        checked = ((model.unique_id, f"model {model.name}"), *(
            (unique_id, f"test {name}") for unique_id, name in model.tests
        ))  # fmt: skip
        failed = [
            f"{what} failed in {found}"
            for unique_id, what in checked
            if (found := self.nodes.get(unique_id)) and not found.passed
        ]
        if failed:
            mend = f"mend it, then `dbt build --select {model.name}`; `gate: off` sends it anyway"
            return Verdict("gate", False, "; ".join(failed), mend)
        unknown = [what for unique_id, what in checked if unique_id not in self.nodes]
        if not unknown:
            built = self.nodes[model.unique_id]
            said = f"model {model.name} and its tests passed in dbt, the model in {built}"
            alone = f"model {model.name} passed in {built}"
            since = self._since([unique_id for unique_id, _ in checked])
            return Verdict("gate", True, (said if model.tests else alone) + since)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        return Verdict(
            "gate",
            activation.gate != "require",
            f"dbt's verdict on {unknown[0]}{more} is not known",
            f"`dbt build --select {model.name}` gives it",
        )

    def _since(self, nodes: Sequence[str]) -> str:
        """That dbt did something after the newest verdict on these nodes, and what."""
        newest_at = max(self.nodes[node].at for node in nodes)
        if self.last is None or self.last.at <= newest_at or {*nodes} & {*self.last.nodes}:
            return ""
        return f"; {self.last} came later, and says nothing of it"


class Gates:
    """The gates of one command, by folder of states; with ``keep``, what dbt said is kept there.

    It is at once: dbt's next invocation overwrites it, whatever becomes of this command.
    """

    def __init__(self, settings: Settings, folders: Iterable[Path], *, keep: bool) -> None:
        self._settings = settings
        self._keep = keep
        self._by_folder: dict[Path, Gate] = {}
        self._seen: object = None
        self._folders = tuple(folders)
        self.look()

    def look(self) -> None:
        """Reads what dbt says now: it may have run since."""
        path = self._settings.target_path / RUN_RESULTS
        with suppress(OSError):
            found = path.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen == self._seen:
                return
            self._seen = seen  # as it was before it is read
        self._by_folder = {folder: self._open(folder, path) for folder in self._folders}

    def judge(self, activation: Activation, folder: Path) -> tuple[Verdict, ...]:
        """What dbt has to say of an activation; nothing where that is of no interest."""
        if activation.gate == "off":
            return ()
        return (self._by_folder[folder].judge(activation),)

    def _open(self, folder: Path, results: Path) -> Gate:
        try:
            invocation = read_invocation(results)
            kept = self._remember(folder / FILE, invocation)
        except StateError as broken:
            return Gate({}, broken)
        target = self._settings.target
        of = invocation and (invocation.target or self._settings.default_target)
        return Gate(kept.get(target, {}), last=invocation if of == target else None)

    def _remember(self, path: Path, invocation: Invocation | None) -> dict[str, dict[str, Judged]]:
        """The newest verdicts by target, with those of the last invocation."""
        if invocation is None or not invocation.nodes:
            return _read(path)
        target = invocation.target or self._settings.default_target
        with ExitStack() as turn:
            if self._keep:
                lock = path.with_name(f"{FILE}.lock")
                turn.enter_context(take_turn(lock, "dbt's verdicts", Event(), lambda _: None))
            kept, now = _read(path), datetime.now(timezone.utc).strftime(AT)
            told = {**kept, target: newest(kept.get(target, {}), invocation.nodes, now)}
            if self._keep and told != kept:
                _write(path, told)
        return told


def read_invocation(path: Path) -> Invocation | None:
    """What the last invocation of dbt said; None where there is none. It has no verdicts where it
    says nothing of data.

    Raises StateError where it cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
        given, at = content["args"], content["metadata"]["generated_at"]
        command, target = given.get("which"), given.get("target")
        judges = command in JUDGING and not given.get("empty")
        if not isinstance(target, str | None):
            raise TypeError
        nodes = {
            str(result["unique_id"]): _judged(result["status"] in PASSED, command, at)
            for result in (content["results"] if judges else ())
            if result["status"] in (*PASSED, *FAILED)
        }
    except FileNotFoundError:
        return None
    except UNREADABLE:
        raise StateError(
            f"dbt's results cannot be read: {path}", "run `dbt build`, which writes them anew"
        ) from None
    return Invocation(target, nodes, str(command), str(at))


def newest(kept: Nodes, seen: Nodes, now: str) -> dict[str, Judged]:
    """The newer verdict of each node; one of a time to come, by whatever clock, is of ``now``."""
    kept, seen = (
        {node: replace(said, at=min(said.at, now)) for node, said in nodes.items()}
        for nodes in (kept, seen)
    )
    newer = {
        node: said for node, said in seen.items() if node not in kept or kept[node].at <= said.at
    }
    return {**kept, **newer}


def _read(path: Path) -> dict[str, dict[str, Judged]]:
    try:
        content = json.loads(path.read_bytes())
        return {
            target: {node: _judged(**said) for node, said in nodes.items()}
            for target, nodes in content.items()
        }
    except FileNotFoundError:
        return {}
    except UNREADABLE:
        raise StateError(
            f"dbt's verdicts cannot be read: {path}",
            "delete it, then run `dbt build`: the verdicts of that are kept",
        ) from None


def _when(command: str, at: str) -> str:
    return f"the dbt {SPELT.get(command, command)} of {at[:16].replace('T', ' ')} UTC"


def _judged(passed: object, command: object, at: object) -> Judged:
    if isinstance(passed, bool) and isinstance(command, str) and isinstance(at, str):
        return Judged(passed, command, at)
    raise TypeError


def _write(path: Path, content: Mapping[str, Nodes]) -> None:
    told = {
        target: {node: asdict(said) for node, said in nodes.items()}
        for target, nodes in content.items()
    }
    written = path.with_name(f"{FILE}.new")
    try:
        with written.open("w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as error:
        raise StateError(
            f"{path}: dbt's verdicts cannot be kept: {error.strerror}",
            "make room, or give its owner access, and run again",
        ) from None
