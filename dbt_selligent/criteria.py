"""Criteria that the manifest alone answers, as dbt does: pure.

Names, ``tag:``, ``exposure:`` and wildcards of these are the everyday ones: dbt, which takes two
seconds to start, need not be asked for them. All others are for `listing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from dbt_selligent.manifest import Exposure, Manifest, Model

# No operators (+, @, comma), no path and no file, and no dots: these part a name into packages.
_SIMPLE = re.compile(r"(?:exposure:)?[\w*?\[\]!-]+|tag:[^+@,]*")
# dbt's operators before and after a criterion.
_OPERATORS = re.compile(r"(@|\d*\+)?(.*?)(\+\d*)?")
_WILDCARDS = re.compile(r"[*?\[\]]")


def split_criteria(given: Sequence[str]) -> tuple[str, ...]:
    """Each criterion of its own; one text may hold several, separated by blanks, as dbt's do."""
    return tuple(each for text in given for each in text.split())


def take_apart(criterion: str) -> tuple[str, str, str]:
    """The operator before it, if there is one, what it is applied to, and the one after it."""
    found = _OPERATORS.fullmatch(criterion)
    before, bare, after = found.groups("") if found else ("", criterion, "")
    return before, bare, after


def is_simple(criterion: str) -> bool:
    """Whether `find_nodes` knows what dbt selects by it."""
    return _SIMPLE.fullmatch(criterion) is not None


def find_nodes(manifest: Manifest, criteria: Sequence[str]) -> frozenset[str]:
    """The unique ids of the models and exposures that dbt selects by any of simple criteria."""
    nodes: list[Model | Exposure] = [*manifest.models.values(), *manifest.exposures]
    return frozenset(
        node.unique_id for node in nodes if any(_matches(node, each) for each in criteria)
    )


def _matches(node: Model | Exposure, criterion: str) -> bool:
    method, colon, pattern = criterion.partition(":")
    if not colon:
        return _is_named(node, criterion)
    if method == "tag":
        return any(fnmatchcase(tag, pattern) for tag in node.tags)
    return isinstance(node, Exposure) and fnmatchcase(node.name, pattern)


def _is_named(node: Model | Exposure, pattern: str) -> bool:
    """By dbt's method ``fqn``: its name, or that of its package or topmost folder.

    A wildcard goes over dots, and so over the folders below. (dbt 1.10 finds no name that lies
    deeper by a wildcard that begins with letters; since 1.11, it does.)
    """
    # The last part of a versioned model is its version: customers, v2.
    versioned = node.fqn[-1:] != (node.name,)
    if pattern == node.name or (versioned and pattern == "_".join(node.fqn[-2:])):
        return True
    names = (".".join(node.fqn), ".".join(node.fqn[1:]))
    if not _WILDCARDS.search(pattern):
        return any(pattern == name.partition(".")[0] for name in names)
    return any(fnmatchcase(name, pattern) for name in (*names, node.name))
