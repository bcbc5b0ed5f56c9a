"""What may be the matching key: by tests of the model, by fields that take no null, by names."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.manifest import read_manifest
from dbt_selligent.matching import Pair, Source
from dbt_selligent.selligent.lists import Field
from dbt_selligent.suggestion import MOST_KEYS, can_be_key, choose_keys, possible_keys

MANIFEST = Path(__file__).parents[1] / "fixtures" / "manifests" / "dbt_1_11.json"
TESTED = "unique by a test of the model"


def pair(name: str, *, null: bool = True, kind: str = "Long") -> Pair:
    return Pair(Field(name, kind, allow_null=null), Source(name.lower(), "BIGINT"))


STORE, ORDER_NO = pair("STORE", null=False), pair("ORDER_NO", null=False)
MAIL, NAME = pair("MAIL"), pair("NAME")


def keys(*pairs: Pair, unique: tuple[tuple[str, ...], ...] = ()) -> list[tuple[str, str]]:
    return [(key.name, key.why) for key in possible_keys(pairs, unique)]


def test_fields_that_take_no_null_are_keys_each_and_together() -> None:
    assert keys(NAME, STORE, MAIL, ORDER_NO) == [
        ("STORE", "takes no null"),
        ("ORDER_NO", "takes no null"),
        ("STORE, ORDER_NO", "take no null, as one key"),
        ("MAIL", ""),
    ]


def test_four_fields_are_no_key() -> None:
    some = [pair(name, null=False) for name in "ABCD"]
    assert [name for name, _ in keys(*some)] == ["A", "B", "C", "D"]
    assert keys(*map(pair, "ABCD"), unique=(("a", "b", "c", "d"),)) == []


def test_what_a_test_says_comes_first_where_the_list_takes_no_null() -> None:
    together = keys(STORE, ORDER_NO, MAIL, unique=(("mail",), ("order_no", "store")))
    assert together[0] == ("ORDER_NO, STORE", "unique together by a test of the model")
    assert together[-1] == ("MAIL", TESTED)
    chosen = choose_keys([STORE, ORDER_NO, MAIL], (), "--key", [("store", "order_no")])
    assert chosen == ([STORE, ORDER_NO], "unique together by a test of the model")


def test_what_the_list_needs_comes_before_a_test_on_what_may_be_null() -> None:
    assert keys(MAIL, STORE, unique=(("mail",),)) == [("STORE", "takes no null"), ("MAIL", TESTED)]
    assert choose_keys([MAIL, NAME], (), "--key", [("mail",)]) == ([MAIL], TESTED)


def test_a_test_on_a_column_that_feeds_nothing_says_nothing() -> None:
    assert keys(NAME, unique=(("mail",), ("name", "mail"))) == []


@given(
    st.lists(
        st.builds(
            pair,
            st.sampled_from(["ID", "MAIL", "A", "B", "C", "NO"]),
            null=st.booleans(),
            kind=st.sampled_from(["Long", "Text", "LongText", "Unknown"]),
        ),
        unique_by=lambda each: each.field.name,
    ),
    st.lists(st.lists(st.sampled_from(["id", "mail", "a", "x"]), min_size=1, max_size=4)),
)
def test_every_key_can_be_asked_for_and_none_comes_twice(
    pairs: list[Pair], unique: list[list[str]]
) -> None:
    found = possible_keys(pairs, [tuple(dict.fromkeys(each)) for each in unique])
    names = [frozenset(each.field.name for each in key.pairs) for key in found]
    assert len(set(names)) == len(names)
    for key in found:
        assert all(can_be_key(each) for each in key.pairs)
        assert 1 <= len(key.pairs) <= MOST_KEYS
        asked = [name.strip() for name in key.name.split(",")]
        assert choose_keys(pairs, asked, "--key") == (list(key.pairs), "")


def test_tests_of_dbt_say_what_is_unique(tmp_path: Path) -> None:
    content = json.loads(MANIFEST.read_text())
    unique_id = next(name for name in content["nodes"] if name.startswith("test.shop.unique_"))
    on = content["nodes"][unique_id]
    more = {
        "together": {"name": "unique_combination_of_columns", "kwargs": {}},
        "partly": on["test_metadata"],
        "odd": {"name": "unique", "kwargs": {"column_name": None}},
    }
    more["together"]["kwargs"] = {"combination_of_columns": ["store", "order_no"]}
    for name, told in more.items():
        content["nodes"][f"test.shop.{name}"] = {**on, "test_metadata": told}
    partly = {**on["config"], "where": "store = 'a'"}
    content["nodes"]["test.shop.partly"] |= {"config": partly}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    found = read_manifest(tmp_path / "manifest.json").models["model.shop.customers"]
    assert found.uniques == (("email",), ("store", "order_no"))
