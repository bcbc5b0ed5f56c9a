"""Two ways to describe endpoints, Swagger 2.0 and the project's own, read into the same slots.

A slot is one place in a request or an answer, and its location says which: `query/keyFields`,
`body/-/-` (a value in a row of the body), `200/errors/-/description`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Endpoint = tuple[str, str]  # method and path, such as GET and /organizations/{organization}/lists


@dataclass(frozen=True)
class Slot:
    """What may stand in one place.

    kind: text, integer, flag, value (anything), object, array, or object or text. choices: the
    texts that may stand there, all of them when there are none.
    """

    kind: str
    required: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()


Slots = dict[str, Slot]


def read(path: Path) -> dict[Endpoint, Slots]:
    """Read a description of endpoints; `KeyError` when it is not written in one of the two ways."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the plain one takes seconds
    document = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506
    if "swagger" in document:
        return dict(_read_swagger(document))
    return dict(_read_own(document))


_SWAGGER_KINDS = {"string": "text", "integer": "integer", "boolean": "flag"}


def _read_swagger(document: Mapping[str, Any]) -> Iterator[tuple[Endpoint, Slots]]:
    definitions = document["definitions"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            slots: Slots = {}
            for one in operation.get("parameters", ()):
                if one["in"] == "query":
                    shape = dict(_swagger(one, one["required"], "", definitions))[""]
                    slots[f"query/{one['name']}"] = shape
                if one["in"] == "body":
                    slots |= _swagger(one["schema"], one["required"], "body", definitions)
            for status, answer in operation["responses"].items():
                slots |= _swagger(answer.get("schema", {}), False, str(status), definitions)
            yield (method.upper(), path), slots


def _swagger(
    schema: Mapping[str, Any], required: bool, location: str, definitions: Mapping[str, Any]
) -> Iterator[tuple[str, Slot]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # A shape within itself ends there: the second one is not looked up.
        schema = definitions.get(name, {})
        definitions = {key: one for key, one in definitions.items() if key != name}
    if "properties" in schema:
        yield location, Slot("object", required)
        for name, one in schema["properties"].items():
            needed = name in schema.get("required", ())
            yield from _swagger(one, needed, f"{location}/{name}", definitions)
    elif schema.get("type") == "array":
        yield location, Slot("array", required)
        yield from _swagger(schema["items"], False, f"{location}/-", definitions)
    else:
        kind = _SWAGGER_KINDS.get(schema.get("type", ""), "value")
        yield location, Slot(kind, required, choices=tuple(schema.get("enum", ())))


def _read_own(document: Mapping[str, Any]) -> Iterator[tuple[Endpoint, Slots]]:
    shapes, refusals = document["shapes"], document["refusals"]
    for endpoint, parts in document["endpoints"].items():
        slots: Slots = {}
        for status in refusals["statuses"]:
            slots |= _own(refusals["body"], False, str(status), shapes)
            slots[str(status)] = Slot("object or text")
        for name, shape in parts.items():
            slots |= _own(shape, *_named(name), shapes)
        slots.pop("query", None)
        method, _, path = endpoint.partition(" ")
        yield (method, path), slots


def _named(name: str | int) -> tuple[bool, str]:
    text = str(name)
    return text.endswith("!"), text.removesuffix("!")


def _own(
    shape: Any, required: bool, location: str, shapes: Mapping[str, Any]
) -> Iterator[tuple[str, Slot]]:
    if isinstance(shape, str) and shape in shapes:
        shape = shapes[shape]
    # The body of an answer is never null as a whole.
    nullable = not required and not location.isdigit()
    if isinstance(shape, str):
        yield location, Slot(shape, required, nullable)
    elif isinstance(shape, list):
        yield location, Slot("array", required, nullable)
        yield from _own(shape[0], False, f"{location}/-", shapes)
    elif list(shape) == ["one of"]:
        yield location, Slot("text", required, nullable, tuple(shape["one of"]))
    else:
        yield location, Slot("object", required, nullable)
        for key, one in shape.items():
            needed, name = _named(key)
            yield from _own(one, needed, f"{location}/{name}", shapes)
