"""What dbt said last of each model and test: a model that failed, or fails a test, is kept back.

dbt's `run_results.json` holds its last invocation alone, so that the newest verdict seen of each
node is kept beside the states, by target.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dbt_selligent.activation import Activation
from dbt_selligent.errors import StateError
from dbt_selligent.guards import Verdict
from dbt_selligent.locks import take_turn
from dbt_selligent.settings import Settings

FILE = "dbt_verdicts.json"
RUN_RESULTS = "run_results.json"
# Commands that build or test; a retry is told as the command that it retries.
JUDGING = ("run", "build", "test", "retry")
PASSED = ("success", "pass", "warn", "no-op")
FAILED = ("error", "fail", "runtime error", "partial success")


@dataclass(frozen=True)
class Judged:
    """What dbt said of a node: whether it passed, in which command, and when, in UTC (ISO 8601)."""

    passed: bool
    command: str
    at: str


Nodes = Mapping[str, Judged]


@dataclass(frozen=True)
class Invocation:
    """One invocation of dbt: its target, None for that of the profile, and verdicts by node."""

    target: str | None
    nodes: Nodes


@dataclass(frozen=True)
class Gate:
    """The newest verdicts for one target; ``broken`` says why the last ones cannot be read."""

    nodes: Nodes
    broken: str | None = None

    def judge(self, activation: Activation) -> Verdict | None:
        """Whether the model may be sent; None where there is nothing to say."""
        if activation.gate == "off":
            return None
        if self.broken:
            return Verdict("gate", False, self.broken, "run `dbt build`, which writes them anew")
        model = activation.model
        checked = ((model.unique_id, f"model {model.name}"), *(
            (unique_id, f"test {name}") for unique_id, name in model.tests
        ))  # fmt: skip
        failed = [
            f"{what} failed in the dbt {found.command} of {found.at[:16].replace('T', ' ')} UTC"
            for unique_id, what in checked
            if (found := self.nodes.get(unique_id)) and not found.passed
        ]
        if failed:
            mend = f"mend it, then `dbt build --select {model.name}`; `gate: off` sends it anyway"
            return Verdict("gate", False, "; ".join(failed), mend)
        unknown = [what for unique_id, what in checked if unique_id not in self.nodes]
        if not unknown:
            return Verdict("gate", True, f"model {model.name} and its tests passed in dbt")
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        return Verdict(
            "gate",
            activation.gate != "require",
            f"dbt's verdict on {unknown[0]}{more} is not known",
            f"`dbt build --select {model.name}` gives it",
        )


class Gates:
    """The gates of one command, by folder of states; with ``keep``, what dbt said is kept there."""

    def __init__(self, settings: Settings, *, keep: bool) -> None:
        self._settings = settings
        self._keep = keep
        self._by_folder: dict[Path, Gate] = {}

    def judge(self, activation: Activation, folder: Path) -> tuple[Verdict, ...]:
        """What dbt has to say of an activation; raises StateError where it cannot be told."""
        if folder not in self._by_folder:
            self._by_folder[folder] = self._open(folder)
        said = self._by_folder[folder].judge(activation)
        return (said,) if said else ()

    def _open(self, folder: Path) -> Gate:
        path, target = folder / FILE, self._settings.target
        results = self._settings.target_path / RUN_RESULTS
        try:
            invocation = read_invocation(results)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Gate({}, f"dbt's results cannot be read: {results}")
        if invocation is None:
            return Gate(_read(path).get(target, {}))
        of = invocation.target or self._settings.default_target
        if not self._keep:
            kept = _read(path)
        else:
            lock = path.with_name(f"{FILE}.lock")
            with take_turn(lock, "dbt's verdicts", threading.Event(), lambda _: None):
                kept = _read(path)
                if newest(kept.get(of, {}), invocation.nodes) != kept.get(of):
                    _write(path, {**kept, of: newest(kept.get(of, {}), invocation.nodes)})
        return Gate(newest(kept.get(target, {}), invocation.nodes if of == target else {}))


def read_invocation(path: Path) -> Invocation | None:
    """What the last invocation of dbt said; None where there is none, or it says nothing of data.

    Raises OSError, ValueError, KeyError, TypeError or AttributeError where it cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    given = content["args"]
    if given.get("which") not in JUDGING or given.get("empty"):
        return None
    command, at = str(given["which"]), str(content["metadata"]["generated_at"])
    nodes = {
        str(result["unique_id"]): Judged(result["status"] in PASSED, command, at)
        for result in content["results"]
        if result["status"] in (*PASSED, *FAILED)
    }
    return Invocation(given.get("target"), nodes)


def newest(kept: Nodes, seen: Nodes) -> dict[str, Judged]:
    """The newer verdict of each node."""
    return {
        **kept,
        **{
            node: said for node, said in seen.items() if node not in kept or kept[node].at < said.at
        },
    }


def _read(path: Path) -> dict[str, dict[str, Judged]]:
    try:
        content = json.loads(path.read_bytes())
        return {
            str(target): {str(node): Judged(**said) for node, said in nodes.items()}
            for target, nodes in content.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise StateError(
            f"{path}: dbt's verdicts cannot be read",
            "delete it, then run `dbt build`: the verdicts of that are kept",
        ) from None


def _write(path: Path, content: Mapping[str, Mapping[str, Any]]) -> None:
    told = {
        target: {node: asdict(said) for node, said in nodes.items()}
        for target, nodes in content.items()
    }
    written = path.with_name(f"{FILE}.{os.getpid()}")
    with written.open("w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
