"""Whether requests and answers are as Selligent describes its API.

`assert_conforms(sandbox)` is for any test that has a sandbox. What the project describes itself is
`endpoints.yaml`; where the published description is beside the repository, that one decides, but
for the `DEVIATIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from dbt_selligent.sandbox import BASE, Sandbox

from .reading import Endpoint, Slot, Slots, read

OWN = Path(__file__).with_name("endpoints.yaml")
PUBLISHED = Path(__file__).parents[3] / "shared" / "selligent-openapi.yaml"
ASPECTS = ("present", "kind", "required", "nullable", "choices")

Difference = tuple[str, str, str]  # endpoint, location and aspect


@dataclass(frozen=True)
class Deviation:
    """Where the project's description holds and the published one does not, and why.

    endpoint and location are patterns; aspect is one of `ASPECTS`.
    """

    endpoint: str
    location: str
    aspect: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Say whether a difference is of this kind."""
        endpoint, location, aspect = difference
        known = fnmatchcase(endpoint, self.endpoint) and fnmatchcase(location, self.location)
        return known and aspect == self.aspect


PROSE = "The values stand in the text of the description or its example, not in an enum."
SILENT = "The description calls the body an object and says no more: it is that of a list's search."
NEWER = "The endpoint is newer than the description, which is of 2021."
DEVIATIONS = (
    Deviation("*", "*", "nullable", "The examples hold null where a type is given."),
    Deviation("*", "2*", "required", "It requires nothing of an answer; the sandbox gives more."),
    Deviation(
        "*", "[45]??*", "present", "Of refusals it has some 400s; in use are 401, 404, 429.."
    ),
    Deviation("*", "400", "kind", "Bodies of errors are not always JSON."),
    Deviation("* */data*", "body/-/-", "kind", "Rows hold numbers, booleans and nulls as such."),
    Deviation("*", "query/mode", "choices", PROSE),
    Deviation("*", "query/deduplication", "choices", PROSE),
    Deviation("*", "query/data_import_option", "choices", PROSE),
    Deviation("*", "body/order_by_direction", "choices", PROSE),
    Deviation("POST */segments/*/data/search", "200", "kind", SILENT),
    Deviation("POST */segments/*/data/search", "200/*", "present", SILENT),
    Deviation("PUT */businesskey", "*", "present", NEWER),
    Deviation("DELETE */records/{id}", "*", "present", NEWER),
)


@dataclass(frozen=True)
class Description:
    """The slots of each endpoint; what is wrong with a request or an answer comes as a list."""

    endpoints: Mapping[Endpoint, Slots]

    @classmethod
    def load(cls, path: Path) -> Description:
        """Read a description in Swagger 2.0 or in the project's own form."""
        return cls(read(path))

    def check_request(
        self, method: str, path: str, query: Mapping[str, str], body: object
    ) -> list[str]:
        """List the faults of a request; `body` is parsed JSON, or None when there is none."""
        endpoint = self.endpoint(method, path)
        if endpoint is None:
            return [f"{method} {path}: there is no such endpoint"]
        slots = self.endpoints[endpoint]
        faults = [fault for name, text in query.items() for fault in _parameter(slots, name, text)]
        for name, slot in _below(slots, "query"):
            if slot.required and name not in query:
                faults.append(f"query/{name} is missing")
        if body is not None or ("body" in slots and slots["body"].required):
            faults += _value(slots, "body", body)
        return [f"{' '.join(endpoint)}: {fault}" for fault in faults]

    def check_response(self, method: str, path: str, status: int, body: object) -> list[str]:
        """List the faults of an answer; `body` is parsed JSON or text."""
        endpoint = self.endpoint(method, path)
        if endpoint is None:
            wrong = status not in (404, 405)
            return [f"{method} {path}: {status} where there is no endpoint"] if wrong else []
        faults = _value(self.endpoints[endpoint], str(status), body)
        return [f"{' '.join(endpoint)}: {fault}" for fault in faults]

    def differences(self, other: Description) -> Iterator[Difference]:
        """Yield where this description and another differ, in the endpoints of this one."""
        for endpoint, ours in self.endpoints.items():
            theirs = other.endpoints.get(endpoint, {})
            for location in {**ours, **theirs}:
                for aspect in _differing(ours.get(location), theirs.get(location)):
                    yield " ".join(endpoint), location, aspect

    def but_for(self, known: tuple[Deviation, ...], own: Description) -> Description:
        """Return this description with the project's own one where a deviation is known."""
        endpoints = {one: dict(slots) for one, slots in self.endpoints.items()}
        for difference in own.differences(self):
            if not any(one.covers(difference) for one in known):
                continue
            name, location, aspect = difference
            method, _, path = name.partition(" ")
            slots = endpoints.setdefault((method, path), {})
            ours = own.endpoints[method, path].get(location)
            if ours is None:
                del slots[location]
            elif aspect == "present":
                slots[location] = ours
            else:
                slots[location] = replace(slots[location], **{aspect: getattr(ours, aspect)})
        return Description(endpoints)

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """Find the endpoint of a request; `path` may begin with the base path."""
        path = path.removeprefix(BASE)
        fitting = [
            one for one in self.endpoints if one[0] == method and _pattern(one[1]).fullmatch(path)
        ]
        # A name of its own goes before a parameter that would take it.
        return min(fitting, key=lambda one: one[1].count("{"), default=None)


@lru_cache(maxsize=1)
def described() -> Description:
    """Return the description that decides: the published one if it is there, else our own."""
    own = Description.load(OWN)
    if not PUBLISHED.exists():
        return own
    return Description.load(PUBLISHED).but_for(DEVIATIONS, own)


def find_faults(sandbox: Sandbox, *, requests: bool = True) -> list[str]:
    """List what is wrong with the requests a sandbox got, and the answers if it keeps them.

    An answer that a fault spoiled is none. requests: False for a test that sends wrong ones.
    """
    description, faults = described(), []
    for one in sandbox.received:
        if requests and one.status != 413:  # whose body may have been too large to keep
            faults += description.check_request(one.method, one.path, one.query, one.body)
        if one.status is not None and one.response is not None:
            faults += description.check_response(one.method, one.path, one.status, one.response)
    return faults


def assert_conforms(sandbox: Sandbox, *, requests: bool = True) -> None:
    """Fail with all that `find_faults` finds."""
    faults = list(dict.fromkeys(find_faults(sandbox, requests=requests)))
    assert not faults, "\n".join(faults)


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def _differing(ours: Slot | None, theirs: Slot | None) -> list[str]:
    if ours is None or theirs is None:
        return [] if ours is theirs else ["present"]
    return [name for name in ASPECTS[1:] if getattr(ours, name) != getattr(theirs, name)]


def _below(slots: Slots, location: str) -> Iterator[tuple[str, Slot]]:
    start = f"{location}/"
    for one, slot in slots.items():
        name = one.removeprefix(start)
        if one.startswith(start) and "/" not in name:
            yield name, slot


def _parameter(slots: Slots, name: str, text: str) -> list[str]:
    slot = slots.get(f"query/{name}")
    if slot is None:
        return [f"query/{name} is not described"]
    value: object = text
    if slot.kind == "integer" and re.fullmatch(r"-?\d+", text, re.ASCII):
        value = int(text)
    if slot.kind == "flag" and text in ("true", "false"):
        value = text == "true"
    return _value(slots, f"query/{name}", value)


_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "flag": (bool,),
    "object": (dict,),
    "array": (list,),
    "object or text": (dict, str),
}


def _value(slots: Slots, location: str, value: object) -> list[str]:
    slot = slots.get(location)
    if slot is None:
        return [f"{location} is not described"]
    if value is None:
        return [] if slot.nullable or slot.kind == "value" else [f"{location} is null"]
    if slot.kind == "value":
        return []
    if type(value) not in _TYPES[slot.kind]:  # true is no integer, though an int
        return [f"{location} is no {slot.kind}"]
    if slot.choices and value not in slot.choices:
        return [f"{location} is none of {', '.join(slot.choices)}"]
    faults = []
    if isinstance(value, dict):
        for name, one in value.items():
            faults += _value(slots, f"{location}/{name}", one)
        for name, each in _below(slots, location):
            if each.required and name not in value:
                faults.append(f"{location}/{name} is missing")
    if isinstance(value, list) and not _rows(slots, location, value):
        for one in value:
            faults += _value(slots, f"{location}/-", one)
    return faults


def _rows(slots: Slots, location: str, value: list[object]) -> bool:
    # Bodies may hold a million values: those that may be anything are not looked at.
    free = slots.get(f"{location}/-/-") == Slot("value", nullable=True)
    return free and set(map(type, value)) <= {list}
