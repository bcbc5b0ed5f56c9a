"""Criteria that the manifest alone answers: what dbt selects by them, and by no others."""

from __future__ import annotations

import pytest
from dbt.contracts.graph.manifest import Manifest as DbtManifest
from dbt.graph.selector_methods import MethodName, QualifiedNameSelectorMethod
from dbt.graph.selector_spec import SelectionCriteria
from hypothesis import assume, given
from hypothesis import strategies as st

from dbt_selligent.criteria import find_nodes, is_simple, split_criteria
from dbt_selligent.manifest import Exposure, Manifest, Model


def model(*fqn: str, name: str | None = None, tags: tuple[str, ...] = ()) -> Model:
    name = name or fqn[-1]
    return Model(
        ".".join(fqn), name, "model", "table", None, "s", "m", "models/c.sql", tags=tags, fqn=fqn
    )


def exposure(*fqn: str, tags: tuple[str, ...] = ()) -> Exposure:
    return Exposure(".".join(fqn), fqn[-1], fqn[0], "models/crm.yml", tags, (), {}, fqn)


MODELS = (
    model("shop", "customers", tags=("heavy", "daily")),
    model("shop", "marts", "crm", "orders"),
    model("shop", "marts", "prices", "v2", name="prices"),
    model("base", "visits"),
)
EXPOSURES = (
    exposure("shop", "crm_customers", tags=("crm", "daily")),
    exposure("shop", "marts", "crm_orders", tags=("crm:eu",)),
    exposure("shop", "web", "web"),
)
MANIFEST = Manifest({each.unique_id: each for each in MODELS}, EXPOSURES)


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("customers", ["shop.customers"]),
        ("CUSTOMERS", []),
        ("crm_customers", ["shop.crm_customers"]),
        ("nobody", []),
        ("prices", ["shop.marts.prices.v2"]),
        ("prices_v2", ["shop.marts.prices.v2"]),
        ("crm_orders", ["shop.marts.crm_orders"]),
        ("prices_v1 v2", []),
        # Packages and topmost folders are names too, as in dbt.
        ("base", ["base.visits"]),
        ("web", ["shop.web.web"]),
        ("marts", ["shop.marts.crm.orders", "shop.marts.crm_orders", "shop.marts.prices.v2"]),
        ("crm", []),
        ("crm_*", ["shop.crm_customers", "shop.marts.crm_orders"]),
        ("*_?rders", ["shop.marts.crm_orders"]),
        ("[uv]*s", ["base.visits"]),
        ("mar*orders", ["shop.marts.crm.orders", "shop.marts.crm_orders"]),
        ("tag:daily", ["shop.crm_customers", "shop.customers"]),
        ("tag:crm:eu", ["shop.marts.crm_orders"]),
        ("tag:crm*", ["shop.crm_customers", "shop.marts.crm_orders"]),
        ("tag:nothing tag:", []),
        ("exposure:web", ["shop.web.web"]),
        ("exposure:customers", []),
        ("exposure:crm_*", ["shop.crm_customers", "shop.marts.crm_orders"]),
        ("web tag:heavy", ["shop.customers", "shop.web.web"]),
    ],
)
def test_what_is_found(criteria: str, found: list[str]) -> None:
    parts = split_criteria([criteria])

    assert all(is_simple(each) for each in parts)
    assert sorted(find_nodes(MANIFEST, parts)) == found


@pytest.mark.parametrize(
    "criterion",
    [
        *("+crm", "crm+", "2+crm", "crm+1", "@crm", "crm,tag:daily", "tag:crm,web", "+tag:crm"),
        *("models/crm", "crm.sql", "shop.crm", "exposure:shop.crm", "fqn:crm", "path:models"),
        *("state:modified", "config.materialized:table", "tags:crm", "selector:nightly", ""),
    ],
)
def test_what_dbt_is_asked_for(criterion: str) -> None:
    assert not is_simple(criterion)


def test_criteria_are_split_as_dbt_splits_them() -> None:
    assert split_criteria(["a  b,c", "", " tag:d "]) == ("a", "b,c", "tag:d")


NAMES = st.text("abv2_-.", min_size=1, max_size=4)
PATTERNS = st.text("abv2_-*?[]!", min_size=1, max_size=6)


@given(st.lists(NAMES, min_size=2, max_size=4), NAMES, st.booleans(), PATTERNS)
def test_a_name_is_what_dbt_takes_for_one(
    path: list[str], version: str, versioned: bool, pattern: str
) -> None:
    assume(version != path[-1])
    fqn = [*path, version] if versioned else path
    node = model(*fqn, name=path[-1])
    matching = QualifiedNameSelectorMethod(DbtManifest(), None, [])

    found = find_nodes(Manifest({node.unique_id: node}, ()), [pattern])

    assert bool(found) == matching.node_is_match(pattern, fqn, versioned)


@given(st.text("ab1:*.+@,/[]-_", max_size=8))
def test_a_simple_criterion_is_one_to_dbt_too(text: str) -> None:
    for criterion in (text, f"tag:{text}", f"exposure:{text}"):
        if not is_simple(criterion):
            continue
        method, colon, value = criterion.partition(":")
        said = SelectionCriteria.dict_from_single_spec(criterion)
        assert said.pop("method") == (method if colon else MethodName.FQN)
        # No operators; an empty value is left out.
        assert said == ({"value": value or criterion} if value or not colon else {})
