"""What dbt selects: asked of `dbt ls`, where the grammar is more than the manifest alone tells."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator

import yaml

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.invocation import run_dbt, take_project
from dbt_selligent.profiles import load_yaml
from dbt_selligent.settings import Settings

# An exposure, and what may feed it.
RESOURCE_TYPES = ("exposure", "model", "seed", "snapshot")
# How dbt says that there is no manifest, or no results, to compare with.
NO_STATE = "comparison"


def list_nodes(settings: Settings, *selection: str) -> frozenset[str]:
    """The unique ids of the models and exposures that dbt selects by these flags of `dbt ls`.

    Raises ConfigurationError with dbt's own words.
    """
    state = ("--state", settings.state_dir) if settings.state_dir else ()
    with take_project(settings):
        _bring_freshness(settings)
        said = run_dbt(
            settings,
            "ls",
            # The manifest is left as it was made; what dbt keeps for its partial parsing is used.
            *("--quiet", "--no-write-json", "--output", "json", "--output-keys", "unique_id"),
            *(part for each in RESOURCE_TYPES for part in ("--resource-type", each)),
            *state,
            *selection,
        )
    if said.failed:
        words = said.words()
        raise ConfigurationError(
            f"dbt cannot select:\n{words}",
            "--state DIR names the folder of dbt's artifacts to compare with; a relative one "
            f"starts at {settings.project_dir}"
            if NO_STATE in words
            else "mend what dbt says, `dbt ls` with the same flags shows the same",
        )
    return frozenset(_unique_ids(said.lines))


def may_have_default_selector(settings: Settings) -> bool:
    """Whether selectors.yml has a selector that dbt may take where nothing else is selected.

    dbt's own manifest does not tell: it is not written anew when that file alone changes. Whether
    it is one indeed, by Jinja for example, dbt is to say; so it is what is wrong with the file.
    """
    path = settings.project_dir / "selectors.yml"
    try:
        selectors = load_yaml(path.read_text("utf-8"))["selectors"]
        return any(each.get("default", False) is not False for each in selectors)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return True


def _bring_freshness(settings: Settings) -> None:
    """`source_status:` compares with the results of `dbt source freshness` in dbt's own target."""
    theirs, own = (
        folder / "sources.json" for folder in (settings.target_path, settings.own_target_path)
    )
    own.unlink(missing_ok=True)
    if theirs.is_file():
        shutil.copyfile(theirs, own)


def _unique_ids(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:  # a macro of the project prints
            continue
        if isinstance(found, dict) and isinstance(found.get("unique_id"), str):
            yield found["unique_id"]
