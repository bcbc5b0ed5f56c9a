"""`dbt-selligent completion`, and the names that a shell is offered.

They come from profiles.yml, and from a manifest that is there already: a shell waits, so dbt is not
started for it.
"""

from __future__ import annotations

import re

import click
from click.shell_completion import get_completion_class

from dbt_selligent.cli.say import say
from dbt_selligent.manifest import Exposure, Manifest, read_manifest
from dbt_selligent.profiles import PROFILE
from dbt_selligent.settings import OWN_FOLDER, find_target_path, resolve_settings

PROGRAM = "dbt-selligent"
# Read in about half a second.
MOST_BYTES = 64_000_000
# What may stand before a name: other criteria, and operators.
_BEFORE = re.compile(r"(?:.*,)?(?:@|\d*\+)?")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes commands, flags and names of activations.

    For bash, put eval "$(dbt-selligent completion bash)" into ~/.bashrc; for zsh, the same with zsh
    into ~/.zshrc; for fish, dbt-selligent completion fish | source into its config.fish.
    """
    root = click.get_current_context().find_root().command
    variable = f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()
    if found := get_completion_class(shell):
        say(found(root, {}, PROGRAM, variable).source(), nl=False)


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of activations that begin so."""
    names = {each.name for each in _exposures(_manifest(ctx))}
    return sorted(each for each in names if each.startswith(incomplete))


def complete_criteria(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of activations and of the models that feed them, after operators too."""
    manifest = _manifest(ctx)
    names = {each.name for each in _exposures(manifest)}
    if manifest:
        fed = {node for each in manifest.exposures for node in each.depends_on}
        names |= {model.name for model in manifest.models.values() if model.unique_id in fed}
    before = _BEFORE.match(incomplete)
    start = before[0] if before else ""
    return sorted(f"{start}{each}" for each in names if f"{start}{each}".startswith(incomplete))


def complete_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Targets of dbt's profile that begin so."""
    return _outputs(ctx, None, incomplete)


def complete_destinations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Outputs of the selligent profile that begin so."""
    return _outputs(ctx, PROFILE, incomplete)


def _outputs(ctx: click.Context, profile: str | None, incomplete: str) -> list[str]:
    """Names of the outputs of a profile, by default the project's; none where one is wrong."""
    try:
        project, folder = (ctx.params.get(name) for name in ("project_dir", "profiles_dir"))
        settings = resolve_settings(project_dir=project, profiles_dir=folder)
        outputs = settings.profiles[profile or settings.profile]["outputs"]
        return sorted(name for name in map(str, outputs) if name.startswith(incomplete))
    except Exception:  # noqa: BLE001  (as below)
        return []


def _exposures(manifest: Manifest | None) -> tuple[Exposure, ...]:
    return manifest.exposures if manifest else ()


def _manifest(ctx: click.Context) -> Manifest | None:
    """The manifest that is there for the flags given so far; whatever is wrong, there is none."""
    try:
        project, target = (ctx.params.get(name) for name in ("project_dir", "target_path"))
        path = find_target_path(project, target) / OWN_FOLDER / "manifest.json"
        return read_manifest(path) if path.stat().st_size <= MOST_BYTES else None
    except Exception:  # noqa: BLE001  (in the middle of a line, nobody wants to read why)
        return None
