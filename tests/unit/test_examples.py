"""What the pages have users write is legal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_selligent.meta import ActivationMeta
from dbt_selligent.profiles import OPTIONAL, REQUIRED

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def examples() -> list[tuple[str, dict[str, Any]]]:
    """The YAML of all pages, that of files which commands write included."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
        blocks += re.findall(r"\.yml <<'EOF'\n(.*?)^EOF$", text, flags=re.DOTALL | re.MULTILINE)
        found += [(page.name, yaml.safe_load(block)) for block in blocks]
    return found


def test_activations_are_as_the_grammar_has_them() -> None:
    metas = [
        exposure["config"]["meta"]["selligent"]
        for _, example in examples()
        for exposure in example.get("exposures", ())
    ]
    assert len(metas) >= 3
    for meta in metas:
        ActivationMeta.model_validate(meta)


@pytest.mark.parametrize(("page", "example"), examples(), ids=lambda each: str(each)[:20])
def test_keys_of_outputs_are_those_there_are(page: str, example: dict[str, Any]) -> None:
    for output in example.get("selligent", {}).get("outputs", {}).values():
        assert [key for key in output if key not in (*REQUIRED, *OPTIONAL)] == [], page
