"""Which activations a command is about."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from dbt_selligent import selection
from dbt_selligent.activation import Activation
from dbt_selligent.errors import ActivationFaults, ConfigurationError, Fault
from dbt_selligent.manifest import Manifest, Model
from dbt_selligent.selection import list_activations, read_selected, select, unknown_methods
from dbt_selligent.settings import Settings

MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")
SETTINGS = Settings(Path("/p"), Path("/p"), "shop", "dev", Path("/p/target"))
FAULT = Fault("models/crm.yml", "broken", "list", "missing")


def make(name: str, *tags: str) -> Activation:
    unique_id, file = f"exposure.shop.{name}", "models/crm.yml"
    return Activation(
        name, unique_id, file, tags, MODEL, "dev", "L", (("ID", "id"),), (("A", "a"),)
    )


ALL = (make("crm_customers", "crm", "daily"), make("crm_orders", "crm"), make("web_visits", "web"))


def names(wanted: list[str], excluded: list[str] | None = None) -> list[str]:
    return [activation.name for activation in select(ALL, wanted, excluded or [])]


@pytest.mark.parametrize(
    ("wanted", "excluded", "chosen"),
    [
        ([], [], ["crm_customers", "crm_orders", "web_visits"]),
        (["crm_orders"], [], ["crm_orders"]),
        (["CRM_ORDERS"], [], []),
        (["crm"], [], []),
        (["crm_*"], [], ["crm_customers", "crm_orders"]),
        (["*_?rders"], [], ["crm_orders"]),
        (["tag:crm"], [], ["crm_customers", "crm_orders"]),
        (["tag:d*"], [], ["crm_customers"]),
        (["tag:nothing"], [], []),
        (["exposure:web_visits"], [], ["web_visits"]),
        (["exposure:crm_*"], [], ["crm_customers", "crm_orders"]),
        (["web_visits", "crm_customers"], [], ["crm_customers", "web_visits"]),
        (["web_visits crm_customers"], [], ["crm_customers", "web_visits"]),
        (["crm_orders", "tag:crm"], [], ["crm_customers", "crm_orders"]),
        ([], ["tag:daily"], ["crm_orders", "web_visits"]),
        (["tag:crm"], ["crm_orders"], ["crm_customers"]),
        (["tag:crm"], ["crm_orders tag:daily"], []),
        (["crm_orders"], ["exposure:*"], []),
    ],
)
def test_select(wanted: list[str], excluded: list[str], chosen: list[str]) -> None:
    assert names(wanted, excluded) == chosen


def test_what_is_not_understood_is_said() -> None:
    known = ["crm_*", "tag:crm", "exposure:crm"]
    unknown = ["+crm", "crm+", "@crm", "a,b", "model:x", "tags:crm", "path:models"]

    assert unknown_methods(known) == ()
    assert unknown_methods([" ".join(known + unknown)]) == tuple(unknown)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, ...]]:
    """A project whose activations and faults are these."""
    found: dict[str, tuple[object, ...]] = {"activations": ALL, "faults": ()}
    monkeypatch.setattr(selection, "parse_project", lambda _: nullcontext(Path("/p/manifest.json")))
    monkeypatch.setattr(selection, "read_manifest", lambda _: Manifest({}, ()))
    monkeypatch.setattr(
        selection, "read_activations", lambda *_: (found["activations"], found["faults"])
    )
    return found


def test_the_faults_of_all_come_with_the_selected(project: dict[str, tuple[object, ...]]) -> None:
    project["faults"] = (FAULT,)

    chosen, faults = read_selected(replace(SETTINGS, select=("crm_orders",)))

    assert [activation.name for activation in chosen] == ["crm_orders"]
    assert faults == (FAULT,)
    with pytest.raises(ActivationFaults, match="exposure broken: list: missing"):
        list_activations(SETTINGS)


@pytest.mark.usefixtures("project")
def test_nothing_is_selected() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_selected(replace(SETTINGS, select=("nobody",)))

    assert caught.value.message == "no activation is selected"
    assert "crm_customers, crm_orders, web_visits" in (caught.value.next_step or "")


def test_there_is_nothing_to_select(project: dict[str, tuple[object, ...]]) -> None:
    project["activations"] = ()

    with pytest.raises(ConfigurationError, match="the project has no activation"):
        read_selected(SETTINGS)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("flag", ["select", "exclude"])
def test_an_operator_is_an_error_before_dbt_is_asked(
    flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "parse_project", lambda _: pytest.fail("dbt was asked"))
    criteria = ("crm_orders+",)
    settings = (
        replace(SETTINGS, select=criteria)
        if flag == "select"
        else replace(SETTINGS, exclude=criteria)
    )

    with pytest.raises(ConfigurationError, match=r"crm_orders\+: this version selects by"):
        read_selected(settings)
