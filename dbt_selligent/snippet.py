"""An exposure as YAML, ready to be pasted, with what is left open in comments."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from dbt_selligent.errors import ConfigurationError
from dbt_selligent.matching import (
    Hints,
    Matching,
    Pair,
    Source,
    column_fault,
    match_names,
    needed,
    why_not,
)
from dbt_selligent.selligent.lists import Listing
from dbt_selligent.suggestion import choose_keys, written_type

# What YAML of any version reads as a boolean or null: dbt's today, an editor's tomorrow.
WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none")


@dataclass(frozen=True)
class Snippet:
    """What an exposure says. ``ref`` is dbt's, like ``ref('customers')``.

    ``guess`` is why the key is a guess, or "". ``unfed`` are fields that take no null and that no
    column feeds: the exposure inserts nothing then. ``comments`` are told below the fields.
    """

    name: str
    ref: str
    list: str
    keys: Sequence[Pair]
    fields: Sequence[Pair]
    guess: str = ""
    segment: str | None = None
    unfed: Sequence[str] = ()
    comments: Sequence[str] = ()


def build_snippet(
    name: str,
    ref: str,
    listing: Listing,
    columns: Sequence[Source],
    hints: Hints,
    asked: tuple[Sequence[str], str],
    *,
    segment: str | None = None,
    created: bool = False,
    uniques: Sequence[Sequence[str]] = (),
) -> Snippet:
    """The exposure that maps all that can be mapped.

    ``asked`` are the fields of the key, none where it is to be guessed, and where they stand;
    ``created`` says that fields were made for the columns that can have one; ``uniques`` are
    columns that are unique together. Raises ConfigurationError where there is no key, or nothing
    beside it.
    """
    matching = match_names(columns, listing.fields, hints)
    keys, guess = choose_keys(matching.pairs, *asked, uniques)
    rest = [pair for pair in matching.pairs if pair not in keys]
    taken = [pair for pair in rest if pair.field.name.casefold() in hints.taken]
    fields = [pair for pair in rest if pair not in taken]
    if not fields and not segment:
        raise ConfigurationError(
            f"no column beside the key feeds a field of list {listing.name}",
            "add columns to the model" if created else "--create makes fields for the others",
        )
    mapped = {pair.field.name for pair in (*keys, *fields)}
    unfed = [each.name for each in listing.fields if needed(each) and each.name not in mapped]
    comments = [*_tell_taken(taken, hints), *_tell_leftovers(matching, hints, created=created)]
    # Without fields it makes no record, and lacks none.
    return Snippet(
        name, ref, listing.name, keys, fields, guess, segment, unfed if fields else (), comments
    )


def write_snippet(snippet: Snippet) -> str:
    """The exposure as a YAML file of its own; dbt and `read_activations` take it as it is."""
    guess = f"  # {shown(snippet.guess)}" if snippet.guess else ""
    lines = [
        "exposures:",
        f"  - name: {scalar(snippet.name)}",
        "    type: application",
        "    owner: {name: CRM}  # whoever answers for it",
        f"    depends_on: [{snippet.ref if ',' not in snippet.ref else scalar(snippet.ref)}]",
        "    config:",
        "      meta:",
        "        selligent:",
        f"          list: {scalar(snippet.list)}",
        f"          matching_key:{guess}",
        *_mapping(snippet.keys),
    ]
    if snippet.fields:
        lines += ["          fields:", *_mapping(snippet.fields)]
    if snippet.unfed:
        fields = ", ".join(map(shown, snippet.unfed))
        lines.append(
            f"          mode: update  # new records would be refused: no null is taken by {fields}"
        )
    if snippet.segment:
        lines.append(f"          segment: {scalar(snippet.segment)}")
    lines += [f"          # {comment}" for comment in snippet.comments]
    return "\n".join(lines) + "\n"


def _tell_leftovers(matching: Matching, hints: Hints, *, created: bool) -> list[str]:
    """What has no place in the mapping, and what to do about it, a line each.

    ``created`` says that fields were made for the columns that can have one.
    """
    told = []
    for column in matching.columns:
        mend = "--create makes one"
        if wrong := column_fault(column.name):
            mend = wrong
        elif column.settled is None:
            mend = "no field takes its type; cast it in the model, e.g. to varchar"
        elif hints.declared:
            mend = "map it, then --create makes one"
        elif created:
            mend = "a name that no field can have; rename it in the model"
        told.append(f"column {_column(column)} has no field: {mend}")
    for each in matching.mismatches:
        told.append(f"field {shown(each.field.name)}, column {_column(each.column)}: {each.why}")
    for field in matching.fields:
        why = why_not(field) or "no column feeds it"
        null = ", and it takes no null" if needed(field) else ""
        told.append(f"field {shown(field.name)} ({written_type(field)}): {why}{null}")
    return told


def _tell_taken(pairs: Sequence[Pair], hints: Hints) -> list[str]:
    """The pairs that are another exposure's, a line each."""
    return [
        f"field {shown(pair.field.name)}, column {_column(pair.column)}: "
        f"written by exposure {hints.taken[pair.field.name.casefold()]}"
        for pair in pairs
    ]


def scalar(text: str) -> str:
    """A text as YAML reads it back, in quotes where it would be something else without."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) and text.lower() not in WORDS:
        return text
    quoted = yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True)
    return str(quoted).rstrip("\n")


def shown(name: str) -> str:
    """A name in a comment: on one line, whatever it holds."""
    return name if name.isprintable() else json.dumps(name)


def _column(column: Source) -> str:
    kind = column.sql_type if len(column.sql_type) <= 40 else column.sql_type[:37] + "..."
    return f"{shown(column.name)} ({shown(kind)})"


def _mapping(pairs: Sequence[Pair]) -> list[str]:
    return [f"            {scalar(pair.field.name)}: {scalar(pair.column.name)}" for pair in pairs]
