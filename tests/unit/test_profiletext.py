"""An output put into the text of profiles.yml, of which nothing else is changed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.profiletext import add_output

OUTPUT = {"type": "selligent", "url": "http://127.0.0.1:8800", "api_key": "{{ env_var('KEY') }}"}
LINES = """\
    dev:
      type: selligent
      url: "http://127.0.0.1:8800"
      api_key: "{{ env_var('KEY') }}"
"""
SHOP = """\
# ours
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: 'a.duckdb'}  # beside it
"""


def test_a_profile_that_is_not_there_is_added_at_the_end() -> None:
    assert add_output(SHOP, "dev", OUTPUT) == f"{SHOP}\nselligent:\n  outputs:\n{LINES}"


def test_an_empty_file_and_one_without_a_last_line_end_are_added_to() -> None:
    assert add_output("", "dev", OUTPUT) == f"selligent:\n  outputs:\n{LINES}"
    assert add_output("a: 1", "dev", OUTPUT) == f"a: 1\n\nselligent:\n  outputs:\n{LINES}"


BEFORE = """\
selligent:
  # of all
  outputs:
    prod:   # careful
      type: selligent
      api_key: "x"   # the last one
"""


@pytest.mark.parametrize("after", ["", SHOP, f"\n\n# the shop\n{SHOP}", "      # of prod\n\n"])
def test_an_output_is_put_behind_the_last_one(after: str) -> None:
    assert add_output(BEFORE + after, "dev", OUTPUT) == BEFORE + LINES + after


def test_the_indent_is_that_of_the_outputs_that_are_there() -> None:
    text = "selligent:\n    outputs:\n          prod: {url: x}\nshop: 1\n"
    changed = add_output(text, "dev", {"url": "y"})
    assert changed == (
        "selligent:\n    outputs:\n          prod: {url: x}\n"
        '          dev:\n            url: "y"\nshop: 1\n'
    )


def test_line_ends_of_windows_stay_and_are_used() -> None:
    text = BEFORE.replace("\n", "\r\n")
    assert add_output(text, "dev", OUTPUT) == (BEFORE + LINES).replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        '{"shop": {"outputs": {}}}',
        "selligent: {outputs: {prod: {url: x}}}\n",
        "selligent:\n  outputs: {}\n",
        "selligent:\n  outputs:\n",
        "selligent:\n  target: dev\n",
        "selligent:\n  outputs:\n    dev: {url: x}\n",  # it would be there twice
        "shop: 1\n...\n",
        "a: &a {b: 1}\nselligent:\n  outputs:\n    prod: *a\nshop: 1\n",
        "- shop\n",
        "shop: [1\n",
        "a: |\n  text\n ",
    ],
)
def test_a_text_that_cannot_be_added_to_is_left_alone_or_says_what_it_said(text: str) -> None:
    changed = add_output(text, "dev", OUTPUT)
    if changed is not None:
        after = yaml.safe_load(changed)
        assert after.pop("selligent")["outputs"]["dev"] == OUTPUT
        assert after == {
            key: value for key, value in yaml.safe_load(text).items() if key != "selligent"
        }
        assert _is_kept(text, changed)


def test_texts_that_are_left_alone() -> None:
    wrong = ("{shop: 1}\n", "selligent: {outputs: {a: 1}}\n", "shop: [1\n", "- shop\n")
    assert [add_output(text, "dev", OUTPUT) for text in wrong] == [None] * len(wrong)
    assert add_output("selligent:\n  outputs:\n    dev: {url: x}\n", "dev", OUTPUT) is None


NAMES = st.sampled_from(["shop", "prod", "dev", "on", "a b", "#x", "é", "1"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.sampled_from(["a\nb\n", "*x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)
OUTPUTS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3)


@given(
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.none() | OUTPUTS,
    st.dictionaries(NAMES, VALUES, max_size=2),
    st.sampled_from([None, False]),
    st.sampled_from([2, 3, 4]),
    NAMES,
)
def test_whatever_the_text_nothing_else_is_changed(
    before: dict[str, Any],
    outputs: dict[str, Any] | None,
    after: dict[str, Any],
    flow: bool | None,
    indent: int,
    name: str,
) -> None:
    content = {**before, **({} if outputs is None else {"selligent": {"outputs": outputs}})}
    content |= {f"{key}_": value for key, value in after.items()}
    text = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=flow, indent=indent, allow_unicode=True
    )
    changed = add_output(text, name, OUTPUT)
    if flow is False and content and outputs is not None and outputs and name not in outputs:
        assert changed is not None  # in the way people write it, it can be done
    if changed is not None:
        there = content.get("selligent", {}).get("outputs", {})
        content["selligent"] = {"outputs": {**there, name: OUTPUT}}
        assert yaml.safe_load(changed) == content
        assert name not in there or there[name] == OUTPUT
        assert _is_kept(text, changed)


def _is_kept(text: str, changed: str) -> bool:
    """Whether the lines are those of before, in order, with others between."""
    lines = iter(changed.splitlines(keepends=True))
    return all(line in lines for line in text.splitlines(keepends=True)[:-1])
