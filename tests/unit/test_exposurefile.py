"""Where a new exposure is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_selligent.exposurefile import free_file
from dbt_selligent.manifest import Model
from dbt_selligent.settings import Settings


@pytest.mark.parametrize(
    ("unique_id", "file", "folder"),
    [
        ("model.shop.c", "models/marts/c.sql", "models/marts"),
        ("model.shop.c.v2", "models/c_v2.py", "models"),
        ("model.other.c", "models/c.sql", "sources/first"),
        ("seed.shop.c", "seeds/c.csv", "sources/first"),
        ("snapshot.shop.c", "snapshots/c.sql", "sources/first"),
    ],
)
def test_it_lies_beside_its_model_and_over_no_other(
    tmp_path: Path, unique_id: str, file: str, folder: str
) -> None:
    text = "name: shop\nmodel-paths: [sources/first, second]\n"
    (tmp_path / "dbt_project.yml").write_text(text)
    settings = Settings(tmp_path, tmp_path, "shop", "dev", tmp_path / "target")
    model = Model(unique_id, "c", unique_id.split(".")[0], "table", '"c"', "", "", file)
    where = tmp_path / folder
    assert free_file(settings, model, "crm") == where / "crm.yml"
    where.mkdir(parents=True)
    for name in ("crm.yml", "crm_2.yml"):
        (where / name).write_text("")
    assert free_file(settings, model, "crm") == where / "crm_3.yml"
