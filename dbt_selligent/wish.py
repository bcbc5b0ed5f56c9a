"""What `init` is asked for, and what the project says of it: model, exposures, their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.errors import ConfigurationError, nearest
from dbt_selligent.manifest import Manifest, Model
from dbt_selligent.matching import Hints
from dbt_selligent.settings import Settings

MOST_NAMES = 20  # of those there are, in an error


@dataclass(frozen=True)
class Wish:
    """What flags ask for; None is for what they leave open. ``kind`` is the type of a list that is
    to be made; ``name`` is that of the exposure, which goes into no file with ``printing``.
    """

    list: str | None = None
    model: str | None = None
    keys: tuple[str, ...] = ()
    segment: str | None = None
    create: bool = False
    kind: str = "Userlist"
    name: str | None = None
    printing: bool = False


@dataclass(frozen=True)
class Context:
    """What is known of a model and a list before its fields are read.

    ``beside`` are the exposures that feed the list already, ``declared`` the one of them that does
    so from the model; ``names`` are those of all exposures.
    """

    list: str
    model: Model
    ref: str
    name: str
    declared: Activation | None
    beside: tuple[Activation, ...]
    hints: Hints
    names: tuple[str, ...]


def read_context(
    settings: Settings, manifest: Manifest, wish: Wish, model: Model, list_name: str
) -> Context:
    """What exposures say of the list; raises ConfigurationError."""
    destination = settings.destination_named().name
    activations, _ = read_activations(manifest, settings)
    beside = [
        each
        for each in activations
        if each.destination == destination and each.list.casefold() == list_name.casefold()
    ]
    declared = next((each for each in beside if each.model.unique_id == model.unique_id), None)
    others = [each for each in beside if each is not declared]
    for each in others:
        if each.removed == "delete":
            raise ConfigurationError(
                f"exposure {each.name} deletes records of list {each.list}: beside it there can be "
                "no other",
                "map the model's columns in that one, or let it keep or set what was removed",
            )
        if wish.segment and each.segment == wish.segment:
            raise ConfigurationError(
                f"{wish.segment} is the segment of exposure {each.name}",
                "one exposure only may decide who its members are: name another one",
            )
    taken = {
        name.casefold(): each.name
        for each in others
        for name, _ in (*each.fields, *each.removed_set)
    }
    mapped = (*declared.keys, *declared.fields) if declared else ()
    name = wish.name or (declared.name if declared else _free_name(manifest, list_name))
    check_name(name)
    hints = Hints(declared=mapped, taken=taken)
    ref = ref_of(model, manifest)
    names = tuple(exposure.name for exposure in manifest.exposures)
    return Context(list_name, model, ref, name, declared, tuple(beside), hints, names)


def check_name(name: str) -> None:
    """Raises ConfigurationError where an exposure cannot be called so."""
    if not re.fullmatch(r"\w+", name):
        raise ConfigurationError(
            f"{name}: not the name of an exposure", "letters, digits and underscores alone"
        )


def find_model(manifest: Manifest, name: str) -> Model:
    """The model of a name or unique id; raises ConfigurationError with the nearest name."""
    models = list(manifest.models.values())
    found = [model for model in models if name in (model.name, model.unique_id)]
    if not found:
        like = nearest(name, [model.name for model in models])
        there = ", ".join(sorted(model.name for model in models)[:MOST_NAMES]) or "none"
        raise ConfigurationError(
            f"--model {name}: the project has no such model",
            f"did you mean {like}?" if like else f"there are: {there}",
        )
    if len(found) > 1:
        ids = ", ".join(model.unique_id for model in found)
        raise ConfigurationError(f"--model {name}: {len(found)} models", f"write one of {ids}")
    [model] = found
    if model.materialized == "ephemeral" or not model.relation_name:
        raise ConfigurationError(
            f"--model {name}: ephemeral, there is no table to read", "materialize it"
        )
    return model


def ref_of(model: Model, manifest: Manifest) -> str:
    """How an exposure names the model: with package or version where the name is not enough."""
    kind, package, *rest = model.unique_id.split(".")
    same = [each for each in manifest.models.values() if each.name == model.name]
    packages = {each.unique_id.split(".")[1] for each in same}
    parts = [f"'{package}'"] if len(packages) > 1 else []
    parts.append(f"'{model.name}'")
    if kind == "model" and len(rest) > 1:
        version = rest[-1].removeprefix("v")
        parts.append(f"v={version}" if version.isdigit() else f"v='{version}'")
    return f"ref({', '.join(parts)})"


def _free_name(manifest: Manifest, list_name: str) -> str:
    """A name for the exposure that no activation has."""
    name = re.sub(r"\W", "_", f"selligent_{list_name.lower()}")
    there = {exposure.name for exposure in manifest.exposures}
    more = (f"{name}_{number}" for number in range(2, len(there) + 3))
    return next(each for each in (name, *more) if each not in there)
