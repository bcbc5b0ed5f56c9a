"""Which activations a command is about, where dbt need not be asked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dbt_selligent import selection
from dbt_selligent.activation import Activation
from dbt_selligent.errors import ActivationFaults, ConfigurationError, Fault
from dbt_selligent.manifest import Exposure, Manifest, Model
from dbt_selligent.selection import list_activations, list_all, read_selected
from dbt_selligent.settings import Settings

FAULT = Fault("models/crm.yml", "broken", "list", "missing")


def make(name: str, fed_by: str, *tags: str) -> tuple[Exposure, Activation]:
    """An exposure with these tags, and its activation."""
    unique_id, file = f"exposure.shop.{name}", "models/crm.yml"
    exposure = Exposure(unique_id, name, "shop", file, tags, (fed_by,), {}, ("shop", name))
    model = MODELS[f"model.shop.{fed_by}"]
    return exposure, Activation(
        name, unique_id, file, tags, model, "dev", "L", (("ID", "id"),), (("A", "a"),)
    )


def model(name: str, *tags: str) -> Model:
    relation, file = f'"s"."m"."{name}"', f"models/{name}.sql"
    unique_id, fqn = f"model.shop.{name}", ("shop", name)
    return Model(unique_id, name, "model", "table", relation, "s", "m", file, tags=tags, fqn=fqn)


MODELS = {
    each.unique_id: each for each in (model("customers", "heavy"), model("orders"), model("spare"))
}
BOTH = (
    make("crm_customers", "customers", "crm", "daily"),
    make("crm_orders", "orders", "crm"),
    make("vips", "customers", "web"),
)
ALL = tuple(activation for _, activation in BOTH)
MANIFEST = Manifest(MODELS, tuple(exposure for exposure, _ in BOTH), "shop")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, "shop", "dev", tmp_path / "target")


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, ...]]:
    """What is found in the project: activations and faults; dbt must not be asked."""
    there: dict[str, tuple[object, ...]] = {"activations": ALL, "faults": ()}
    read: Callable[..., object] = lambda *_: (there["activations"], there["faults"])  # noqa: E731
    monkeypatch.setattr(selection, "read_project", lambda _: MANIFEST)
    monkeypatch.setattr(selection, "read_activations", read)
    monkeypatch.setattr(selection, "list_nodes", lambda *_: pytest.fail("dbt was asked"))
    return there


@pytest.mark.parametrize(
    ("wanted", "excluded", "chosen"),
    [
        ([], [], ["crm_customers", "crm_orders", "vips"]),
        (["crm_orders"], [], ["crm_orders"]),
        # The name of a model, and its tags: all that it feeds.
        (["customers"], [], ["crm_customers", "vips"]),
        (["tag:heavy"], [], ["crm_customers", "vips"]),
        (["exposure:crm_*"], [], ["crm_customers", "crm_orders"]),
        (["exposure:customers", "vips"], [], ["vips"]),
        (["vips crm_orders"], [], ["crm_orders", "vips"]),
        (["spare", "vips"], [], ["vips"]),
        ([], ["tag:daily"], ["crm_orders", "vips"]),
        ([], ["customers"], ["crm_orders"]),
        (["tag:crm"], ["crm_orders"], ["crm_customers"]),
        # Either of the two is excluded.
        (["customers"], ["exposure:vips"], ["crm_customers"]),
        (["exposure:*"], ["tag:heavy"], ["crm_orders"]),
    ],
)
def test_an_activation_is_its_exposure_and_its_model(
    settings: Settings, wanted: list[str], excluded: list[str], chosen: list[str]
) -> None:
    selected = list_activations(replace(settings, select=tuple(wanted), exclude=tuple(excluded)))
    assert [activation.name for activation in selected] == chosen


def test_the_faults_of_all_come_with_the_selected(
    settings: Settings, found: dict[str, tuple[object, ...]]
) -> None:
    found["faults"] = (FAULT,)

    chosen, faults = read_selected(replace(settings, select=("crm_orders",)))

    assert [activation.name for activation in chosen] == ["crm_orders"]
    assert faults == (FAULT,)
    for read in (list_activations, list_all):
        with pytest.raises(ActivationFaults, match="exposure broken: list: missing"):
            read(settings)


@pytest.mark.parametrize(
    ("wanted", "excluded", "message", "step"),
    [
        (["crm_oders"], [], "no activation is selected by --select crm_oders",
         "did you mean crm_orders? there are: crm_customers, crm_orders, vips"),
        (["x y", "z"], [], "no activation is selected by any criterion of --select x y z",
         "there are: crm_customers, crm_orders, vips"),
        ([""], [], "no activation is selected by --select ''",
         "there are: crm_customers, crm_orders, vips"),
        (["spare"], ["vips"], "no activation is selected by --select spare",
         ("model spare feeds none, spare+ is what is built on it; "
          "there are: crm_customers, crm_orders, vips")),
        (["tag:heavy"], ["customers"],
         "--exclude leaves out all that is selected: crm_customers, vips",
         "there are: crm_customers, crm_orders, vips"),
    ],
)  # fmt: skip
def test_nothing_is_selected(
    settings: Settings, wanted: list[str], excluded: list[str], message: str, step: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_selected(replace(settings, select=tuple(wanted), exclude=tuple(excluded)))

    assert (caught.value.message, caught.value.next_step) == (message, step)


@pytest.mark.parametrize(
    ("criterion", "hint"),
    [
        ("+crm_oders", "did you mean +crm_orders? "),
        ("1+custmers+2", "did you mean 1+customers+2? "),
        ("@crm_oders", "did you mean @crm_orders? "),
        ("+spare", "model spare feeds none, spare+ is what is built on it; "),
        ("spare+", ""),
        ("+nothing_alike", ""),
    ],
)
def test_a_hint_keeps_the_operators_and_names_no_model_that_is_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, criterion: str, hint: str
) -> None:
    monkeypatch.setattr("dbt_selligent.selection.list_nodes", lambda *_given: frozenset())
    with pytest.raises(ConfigurationError) as caught:
        read_selected(replace(settings, select=(criterion,)))
    assert caught.value.next_step == f"{hint}there are: crm_customers, crm_orders, vips"


def test_there_is_nothing_to_select(
    settings: Settings, found: dict[str, tuple[object, ...]]
) -> None:
    found["activations"] = ()

    for wanted in ((), ("+crm",)):
        with pytest.raises(ConfigurationError, match="the project has no activation"):
            read_selected(replace(settings, select=wanted))
    assert list_all(settings) == ()


def test_a_selector_stands_alone(settings: Settings) -> None:
    web = replace(settings, selector="web")
    for beside in (replace(web, select=("crm_orders",)), replace(web, exclude=("crm_orders",))):
        with pytest.raises(ConfigurationError, match="--selector stands alone"):
            read_selected(beside)


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("selectors: [{name: a, definition: x}]", False),
        ("selectors: [{name: a, definition: x, default: false}]", False),
        ("selectors: [{name: a, definition: x, default: true}]", True),
        ("selectors: [{name: a, definition: x, default: \"{{ target.name == 'dev' }}\"}]", True),
        ("selectors: [", True),
        ("selectors: [a]", True),
        ("", True),
    ],
)
def test_dbt_judges_a_default_selector_where_there_may_be_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, content: str, asked: bool
) -> None:
    (settings.project_dir / "selectors.yml").write_text(content)
    calls: list[tuple[str, ...]] = []

    def ask(_: Settings, *flags: str) -> frozenset[str]:
        calls.append(flags)
        return frozenset({"model.shop.customers"})

    monkeypatch.setattr(selection, "list_nodes", ask)

    chosen = list_activations(settings)

    assert calls == [()] * asked
    assert len(chosen) == (2 if asked else 3)
    # Where something is selected, or all are meant, it is of no matter.
    list_activations(replace(settings, exclude=("crm_orders",)))
    list_activations(replace(settings, select=("crm_orders",)))
    assert len(list_all(settings)) == 3
    assert calls == [()] * asked
