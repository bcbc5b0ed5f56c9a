"""The JSON Schema of a dbt properties file, as far as this tool reads it: for editors.

What is not this tool's is left alone: any other key, anywhere, is right.
"""

from __future__ import annotations

from typing import Any

from dbt_selligent.meta import json_schema

NAME = "Activation"  # of the part that the meta of an exposure is checked against
PLACES = "`config.meta` from dbt 1.10 on, `meta` in any version"


def editor_schema() -> dict[str, Any]:
    """The schema of a whole YAML file in which exposures may stand (JSON Schema 2020-12)."""
    activation = json_schema()
    parts = activation.pop("$defs")
    meta = {
        "description": f"Anything; `selligent` makes the exposure an activation ({PLACES})",
        "properties": {"selligent": {"$ref": f"#/$defs/{NAME}"}},
    }
    exposure = {
        "description": "What the model feeds",
        "properties": {
            "meta": meta,
            "config": {"description": "dbt's own, and `meta`", "properties": {"meta": meta}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dbt properties with activations of dbt-selligent",
        "description": "Exposures whose meta says which list a model feeds",
        "properties": {
            "exposures": {"description": "dbt's exposures", "items": exposure},
        },
        "$defs": {NAME: activation, **parts},
    }
