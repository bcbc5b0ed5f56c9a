"""An output is what dbt would make of it, also where dbt is not asked."""

from __future__ import annotations

import contextvars
import copy
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import get_invocation_context, set_invocation_context
from dbt_common.exceptions import DbtBaseException
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.errors import ProfileError
from dbt_selligent.profiles import load_yaml
from dbt_selligent.settings import Settings
from dbt_selligent.warehouse.profile import read_credentials, read_output

VARIABLE = "DBT_SELLIGENT_SHOP"

# Texts of which Jinja, or Python, might make something else, and others.
SIGNS = st.text("{}%#-\n\r\t\x0b\x85\u2028'\"\\[]:,1aé ", max_size=8)
WORDS = st.sampled_from(
    ["1", "007", "1e3", "1_000", "True", "none", "[1]", "{'a': 1}", "'a'", "DBT_ENV_SECRET", "${A}"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.binary(max_size=3)
    | st.text(max_size=8)
    | SIGNS
    | WORDS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=6,
)


def settings_of(output: dict[str, Any]) -> Settings:
    here = Path("/shop")
    profiles = {"shop": {"outputs": {"dev": output}}}
    return Settings(here, here, "shop", "dev", here / "target", profiles=profiles)


def by_dbt(output: dict[str, Any]) -> object:
    """What dbt makes of an output, or the words of its error."""
    set_invocation_context(os.environ)
    try:
        return ProfileRenderer({}).render_data(output)
    except DbtBaseException as error:
        return f"/shop/profiles.yml: shop.dev: {error}"


def by_us(output: dict[str, Any]) -> object:
    try:
        return read_output(settings_of(output))
    except ProfileError as error:
        return error.message


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_an_output_is_what_dbts_own_renderer_makes_of_it(output: dict[str, Any]) -> None:
    before = copy.deepcopy(output)
    # As they print: texts that look like numbers are none, and nan is no other's equal.
    assert repr(by_us(output)) == repr(by_dbt(output))
    assert repr(output) == repr(before)


@pytest.mark.parametrize(
    "value",
    [
        "{{ 1 + 1 }}",
        "{% if true %}a{% endif %}",
        "a{# b #}",
        "a }}",
        "a\n",
        "a\r\nb",
        "DBT_ENV_SECRET_SHOP",
        date(2026, 1, 31),
        datetime(2026, 1, 31, 12),  # noqa: DTZ001  (as YAML has it)
        b"a",
        {1},
        {"a": ["b", {"c": "{{ 1 + 1 }}"}]},
    ],
    ids=repr,
)
def test_what_dbt_changes_or_refuses_is_left_to_it(value: object) -> None:
    output = {"path": value}
    assert repr(by_us(output)) == repr(by_dbt(output))


@pytest.mark.parametrize("text", ["&it {path: a, more: *it}", "{path: a, more: &it [*it]}"])
def test_an_output_that_holds_itself_is_refused_in_dbts_words(text: str) -> None:
    with pytest.raises(ProfileError, match="Cycle detected"):
        read_output(settings_of(load_yaml(text)))


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The outputs that dbt renders."""
    seen: list[dict[str, Any]] = []
    render_data: Callable[..., Any] = ProfileRenderer.render_data

    def noted(self: ProfileRenderer, data: dict[str, Any]) -> Any:
        seen.append(data)
        return render_data(self, data)

    monkeypatch.setattr(ProfileRenderer, "render_data", noted)
    return seen


def test_dbt_is_asked_only_where_there_may_be_jinja(
    rendered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {
        "type": "postgres",
        "host": "db.acme.example",
        "port": 5432,
        "password": "s3{cr%et}#é'\"",
        "threads": 4,
        "settings": {"a": [1.5, None, True]},
    }
    assert read_output(settings_of(plain)) == {k: v for k, v in plain.items() if k != "threads"}
    assert rendered == []

    monkeypatch.setenv(VARIABLE, "s3cret")
    secret = {**plain, "password": f"{{{{ env_var('{VARIABLE}') }}}}"}
    assert read_output(settings_of(secret))["password"] == "s3cret"
    assert rendered == [secret]


def test_an_output_is_a_copy_throughout() -> None:
    """Adapters take out of it what they have read."""
    output = load_yaml("{secrets: [&it {type: s3, x: {}}, *it]}")
    read = read_output(settings_of(output))
    read["secrets"][0].pop("type")
    read["secrets"][0]["x"]["y"] = 1
    assert read["secrets"][1] == {"type": "s3", "x": {}}
    assert output == {"secrets": [{"type": "s3", "x": {}}] * 2}


def test_adapters_run_in_a_context_of_dbts_also_where_nothing_was_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    monkeypatch.setenv(VARIABLE, "here")

    def read() -> str:
        settings = settings_of({"type": "duckdb", "path": "shop.duckdb"})
        read_credentials(settings, read_output(settings), DuckDBCredentials)
        return str(get_invocation_context().env[VARIABLE])

    assert contextvars.Context().run(read) == "here"
