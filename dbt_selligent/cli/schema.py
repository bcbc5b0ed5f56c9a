"""`dbt-selligent schema`."""

from __future__ import annotations

import json

import click

from dbt_selligent.cli.say import say


@click.command()
def schema() -> None:
    """Print the JSON Schema of dbt's YAML files with activations, for completion in editors.

    In VS Code with the YAML extension, write it once: dbt-selligent schema >
    .vscode/selligent.schema.json, and name it in .vscode/settings.json:

    \b
    {"yaml.schemas": {".vscode/selligent.schema.json": "models/**/*.yml"}}

    Editors that use yaml-language-server take it for one file by a first line like

    \b
    # yaml-language-server: $schema=../.vscode/selligent.schema.json
    """  # noqa: D301  (click takes that letter for: as it stands)
    from dbt_selligent.editorschema import editor_schema

    say(json.dumps(editor_schema(), indent=1))
