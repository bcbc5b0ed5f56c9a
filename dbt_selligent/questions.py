"""What a person at a terminal is asked, and what is asked of a set-up that flags leave open."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.localsandbox import start_command
from dbt_selligent.manifest import Manifest
from dbt_selligent.matching import Pair
from dbt_selligent.suggestion import Key, choose_keys
from dbt_selligent.wish import check_name

Say = Callable[[str], None]
# What can be chosen, and a remark on it.
Option = tuple[str, str]


class Ask(Protocol):
    """Someone who answers; a question is asked again until its answer can be used."""

    def choose(
        self, what: str, options: Sequence[Option], default: str | None, *, others: str = ""
    ) -> str:
        """One of the options; ``others`` says what any other answer is, if one may be given."""

    def text(self, what: str, default: str | None = None) -> str:
        """A text that is not empty."""

    def agree(self, what: str, *, default: bool) -> bool:
        """Yes or no."""


def ask_model(ask: Ask, manifest: Manifest) -> str:
    """The name, or unique id where the name is of several, of a model that can be read."""
    readable = [
        model
        for model in manifest.models.values()
        if model.relation_name and model.materialized != "ephemeral"
    ]
    if not readable:
        raise ConfigurationError(
            "the project has no model that can feed a list", "write one, and `dbt build` it"
        )
    names = [model.name for model in readable]
    options = sorted(
        (model.unique_id if names.count(model.name) > 1 else model.name, model.resource_type)
        for model in readable
    )
    # Models first; what feeds a list is rarely a seed.
    options.sort(key=lambda option: option[1] != "model")
    told = [(name, "" if kind == "model" else kind) for name, kind in options]
    return ask.choose("Model whose rows go to Selligent", told, told[0][0])


def ask_list(ask: Ask, names: Sequence[str], model: str) -> tuple[str, bool]:
    """The API name of a list, and whether it is to be made."""
    folded = model.casefold()
    near = [
        name for name in names if name.casefold() in folded or folded in name.casefold()
    ]  # dim_customers, CUSTOMERS
    new = re.sub(r"\W", "_", model).upper()
    chosen = ask.choose(
        "List that it feeds",
        [(name, "") for name in names],
        max(near, key=len) if near else new,
        others="a list that is to be made",
    )
    return chosen, chosen not in names


def ask_keys(ask: Ask, pairs: Sequence[Pair], keys: Sequence[Key], say: Say) -> tuple[str, ...]:
    """The fields of the matching key: one of ``keys``, or any that can be."""
    while True:
        answer = ask.choose(
            "Matching key, by which Selligent finds a record",
            [(key.name, key.why) for key in keys],
            keys[0].name if keys else None,
            others="other fields, with commas between",
        )
        asked = [name.strip() for name in answer.split(",") if name.strip()]
        try:
            found, _ = choose_keys(pairs, asked, "matching key")
        except ConfigurationError as error:
            say(str(error))
        else:
            return tuple(pair.field.name for pair in found)


def ask_name(ask: Ask, default: str, taken: Collection[str], say: Say) -> str:
    """The name of an exposure."""
    while True:
        name = ask.text("Name of the exposure", default)
        if name in taken:
            say(f"there is an exposure {name} already")
            continue
        try:
            check_name(name)
        except ConfigurationError as error:
            say(str(error))
        else:
            return name


def ask_start(ask: Ask, url: str, say: Say) -> bool:
    """Has the sandbox started by someone who has another terminal; whether it was."""
    start = f"start one in another terminal with {start_command(url)}"
    say(f"no Selligent answers at {url}: {start}, then press Enter; n ends this")
    return ask.agree("Is it started?", default=True)
