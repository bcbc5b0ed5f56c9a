"""A new exposure in a file of its own, beside its model: no file is ever written over."""

from __future__ import annotations

import shlex
from itertools import count
from pathlib import Path

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.findings import where_flags
from dbt_selligent.manifest import Model
from dbt_selligent.profiles import load_yaml
from dbt_selligent.questions import Ask, Say
from dbt_selligent.settings import Settings
from dbt_selligent.setup import Proposal


def write_exposure(settings: Settings, proposal: Proposal, ask: Ask | None, say: Say) -> None:
    """Writes the exposure, if who is asked agrees or has agreed, and says what to run next.

    Raises ConfigurationError where it is not wanted, OSError where it cannot be written.
    """
    path = free_file(settings, proposal.model, proposal.name)
    if not proposal.agreed:
        say(f"{path}: to be written:\n\n{proposal.text}")
    if ask and not proposal.agreed and not ask.agree("Write it?", default=True):
        raise ConfigurationError(
            f"{path}: nothing was written", "put the lines above into a YAML file of your models"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:  # not over one that has come meanwhile
        file.write(proposal.text)
    say(f"{path}: written\n")
    flags = where_flags(settings, settings.destination_named().name)
    say(f"next: {shlex.join(['dbt-selligent', 'plan', *flags])}    says what would be sent")
    say(f"      {shlex.join(['dbt-selligent', 'sync', *flags])}    sends it")


def free_file(settings: Settings, model: Model, name: str) -> Path:
    """A file for the exposure of this name that is not there yet, in the folder of its model.

    A model of a package, a seed or a snapshot has its exposure in the project's folder of models.
    """
    described = load_yaml((settings.project_dir / "dbt_project.yml").read_text("utf-8"))
    own = model.unique_id.split(".")[:2] == ["model", str(described.get("name"))]
    folder = (
        Path(model.file).parent if own else Path((described.get("model-paths") or ["models"])[0])
    )
    names = (name if number == 1 else f"{name}_{number}" for number in count(1))
    files = (settings.project_dir / folder / f"{each}.yml" for each in names)
    return next(path for path in files if not path.exists())
