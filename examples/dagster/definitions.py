"""The dbt project as assets of dagster-dbt, and each activation as an asset beside its model.

Dagster, dagster-dbt, dbt and dbt-selligent live in one environment. Relative paths in profiles.yml
start in the current folder, and Dagster may run anywhere: write that of a DuckDB file in full, or
start Dagster in the project.
"""

import os
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets, get_asset_key_for_model

from dbt_selligent import (
    Activation,
    NotInStepError,
    list_activations,
    resolve_settings,
    sync,
)

PROJECT = Path(os.environ.get("DBT_PROJECT_DIR", "/srv/shop"))

project = DbtProject(project_dir=PROJECT)
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    """The models, and their tests."""
    yield from dbt.cli(["build"], context=context).stream()


def asset_of(activation: Activation) -> dg.AssetsDefinition:
    """What a list holds, as an asset; it fails where not everything is in step."""

    @dg.asset(
        key=["selligent", activation.destination, activation.name],
        deps=[get_asset_key_for_model([models], activation.model.name)],
        description=f"List {activation.list}, from model {activation.model.name}",
        group_name="selligent",
        kinds={"selligent"},
        # Safe: it goes on where the run before was cut off, and sends nothing twice.
        retry_policy=dg.RetryPolicy(max_retries=2, delay=300),
    )
    def sync_it() -> dg.MaterializeResult:
        results = sync(resolve_settings(project_dir=PROJECT, select=activation.name))
        [result] = results.results
        figures = ("confirmed", "rejected", "not_found", "not_sent", "removed", "requests")
        metadata = {"status": result.status, **{name: getattr(result, name) for name in figures}}
        try:
            results.raise_for_status()
        except NotInStepError as error:
            # Rows that were refused are held until they change: to try again is of no use.
            again = result.status == "failed"
            raise dg.Failure(str(error), metadata=metadata, allow_retries=again) from None
        return dg.MaterializeResult(metadata=metadata)

    return sync_it


defs = dg.Definitions(
    assets=[models, *map(asset_of, list_activations(resolve_settings(project_dir=PROJECT)))],
    resources={"dbt": DbtCliResource(project_dir=project)},
)
