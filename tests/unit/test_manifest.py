"""Manifests as each supported dbt writes them, and what is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbt_selligent.activation import read_activations
from dbt_selligent.errors import ProjectError
from dbt_selligent.manifest import Manifest, read_manifest
from dbt_selligent.settings import Settings

FOLDER = Path(__file__).parents[1] / "fixtures" / "manifests"
MANIFESTS = sorted(FOLDER.glob("dbt_1_*.json"))
SETTINGS = Settings(
    Path("/p"),
    Path("/p"),
    "shop",
    "dev",
    Path("/p/target"),
    profiles={
        "selligent": {
            "outputs": {
                "dev": {
                    "url": "https://acme.example",
                    "organization": "ACME",
                    "api_key": "key",
                    "api_secret": "secret",
                }
            }
        }
    },
)


@pytest.fixture(params=MANIFESTS, ids=lambda path: path.stem)
def manifest(request: pytest.FixtureRequest) -> Manifest:
    return read_manifest(request.param)


@pytest.fixture
def content() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(MANIFESTS[-1].read_bytes())
    return read


def test_there_is_a_manifest_of_each_supported_dbt() -> None:
    assert [path.stem for path in MANIFESTS] == ["dbt_1_10", "dbt_1_11", "dbt_1_12"]
    versions = [json.loads(path.read_bytes())["metadata"]["dbt_version"] for path in MANIFESTS]
    assert [version[:4] for version in versions] == ["1.10", "1.11", "1.12"]


def test_the_same_exposures_from_each(manifest: Manifest) -> None:
    assert [exposure.name for exposure in manifest.exposures] == [
        "bare_on_key",
        "crm_customers",
        "legacy_meta",
        "no_model",
        "on_ephemeral",
        "two_models",
    ]
    assert manifest.exposures == read_manifest(MANIFESTS[0]).exposures


def test_the_same_models_from_each(manifest: Manifest) -> None:
    assert manifest.models == read_manifest(MANIFESTS[0]).models
    by_name = {model.name: model for model in manifest.models.values()}
    assert by_name["recent_customers"].materialized == "ephemeral"
    assert by_name["recent_customers"].relation_name is None
    assert (by_name["customers"].relation_name or "").endswith('"customers"')


def test_the_same_activations_from_each(manifest: Manifest) -> None:
    activations, faults = read_activations(manifest, SETTINGS)

    assert (activations, faults) == read_activations(read_manifest(MANIFESTS[0]), SETTINGS)
    assert [each.name for each in activations] == ["crm_customers", "legacy_meta"]
    crm, legacy = activations
    assert str(crm.guard.max_changed) == "50%"
    assert (legacy.list, legacy.tags, legacy.model.name) == (
        "LEGACY",
        ("legacy",),
        "customer_emails",
    )
    assert [(fault.exposure, fault.key) for fault in faults] == [
        ("bare_on_key", "fields.true"),
        ("no_model", "depends_on"),
        ("on_ephemeral", "depends_on"),
        ("two_models", "depends_on"),
    ]


# what is not the fixture


def write(folder: Path, content: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no manifest at") as caught:
        read_manifest(tmp_path / "manifest.json")

    assert "dbt parse" in caught.value.next_step


@pytest.mark.parametrize(
    ("version", "age", "mend"),
    [("v13", "newer than v12", "upgrade"), ("v11", "older than v12", "install dbt-core >= 1.10")],
)
def test_another_schema(
    tmp_path: Path, content: dict[str, Any], version: str, age: str, mend: str
) -> None:
    schema = f"https://schemas.getdbt.com/dbt/manifest/{version}.json"
    content["metadata"] |= {"dbt_schema_version": schema, "dbt_version": "9.9.9"}

    with pytest.raises(ProjectError) as caught:
        read_manifest(write(tmp_path, content))

    assert age in caught.value.message
    assert "dbt 9.9.9" in caught.value.message
    assert mend in caught.value.next_step


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        MANIFESTS[0].read_bytes()[:5000],
        b"[]",
        b"null",
        b"{}",
        b'{"metadata": null}',
        b'{"metadata": {"dbt_schema_version": "https://acme.example/run-results/v6.json"}}',
    ],
)
def test_not_a_manifest(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(body)

    with pytest.raises(ProjectError, match="not a manifest of dbt") as caught:
        read_manifest(path)

    assert str(path) in caught.value.message


def test_a_folder_is_not_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="not a manifest of dbt"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("key", ["nodes", "exposures"])
def test_a_part_is_missing(tmp_path: Path, content: dict[str, Any], key: str) -> None:
    del content[key]

    with pytest.raises(ProjectError, match=f"lacks something this version needs: '{key}'"):
        read_manifest(write(tmp_path, content))


@pytest.mark.parametrize("value", [None, [], "x", {"exposure.shop.x": None}])
def test_a_part_of_another_shape(tmp_path: Path, content: dict[str, Any], value: object) -> None:
    content["exposures"] = value

    with pytest.raises(ProjectError, match="lacks something"):
        read_manifest(write(tmp_path, content))


def test_unknown_keys_are_ignored(tmp_path: Path, content: dict[str, Any]) -> None:
    before = read_manifest(write(tmp_path, content))
    content["novelty"] = [1]
    for node in [*content["nodes"].values(), *content["exposures"].values()]:
        node["novelty"] = {"a": 1}

    assert read_manifest(write(tmp_path, content)) == before


def test_meta_of_the_config_wins_and_disabled_ones_are_left_out(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    exposure = next(node for node in content["exposures"].values() if node["name"] == "legacy_meta")
    exposure |= {"meta": {"selligent": 1}, "tags": ["a", "b"]}
    exposure["config"] = {"meta": {"selligent": 2}, "tags": ["b", "c"]}
    [both] = [e for e in read_manifest(write(tmp_path, content)).exposures if e.meta == 2]
    exposure["config"]["enabled"] = False
    names = [each.name for each in read_manifest(write(tmp_path, content)).exposures]

    assert both.tags == ("a", "b", "c")
    assert "legacy_meta" not in names
    assert len(names) == 5


# tests, by the model that they are on

CUSTOMERS, ORDERS = "model.shop.customers", "model.shop.orders"


def on_models(tmp_path: Path, content: dict[str, Any], **nodes: Any) -> dict[str, list[str]]:
    """The names of the tests on each model, where these are all the tests that there are."""
    rest = [node for node in content["nodes"].values() if node["resource_type"] != "test"]
    content["nodes"] = {node["unique_id"]: node for node in rest}
    content["unit_tests"] = {}
    for name, given in nodes.items():
        kind = given.pop("resource_type", "test")
        unique_id = f"{kind}.shop.{name}"
        node = {"unique_id": unique_id, "name": name, "resource_type": kind, **given}
        content["nodes" if kind == "test" else "unit_tests"][unique_id] = node
    models = read_manifest(write(tmp_path, content)).models.values()
    for model in models:
        assert all(unique_id.endswith(f".shop.{name}") for unique_id, name in model.tests)
    return {model.unique_id: [name for _, name in model.tests] for model in models if model.tests}


def on(*models: str, attached: str | None = None, severity: str | None = "error") -> dict[str, Any]:
    return {
        "depends_on": {"macros": [], "nodes": list(models)},
        "attached_node": attached,
        "config": {} if severity is None else {"severity": severity},
    }


def test_a_generic_test_is_on_the_model_that_it_is_declared_at(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    """Also one that reads two, like one of relationships."""
    content["nodes"][ORDERS] = {**content["nodes"][CUSTOMERS], "unique_id": ORDERS}
    assert on_models(
        tmp_path,
        content,
        unique_id=on(CUSTOMERS, attached=CUSTOMERS),
        relationships=on(CUSTOMERS, ORDERS, attached=ORDERS),
    ) == {CUSTOMERS: ["unique_id"], ORDERS: ["relationships"]}


def test_a_test_that_is_declared_at_a_source_is_on_no_model_that_it_reads(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    source = "source.shop.raw.people"
    of_source = {**on(source, CUSTOMERS), "file_key_name": "sources.raw"}
    assert on_models(tmp_path, content, relationships=of_source) == {}
    of_model = {**on(source, CUSTOMERS), "file_key_name": "models.customers"}
    assert on_models(tmp_path, content, relationships=of_model) == {CUSTOMERS: ["relationships"]}


def test_a_singular_test_is_on_every_model_that_it_reads(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content["nodes"][ORDERS] = {**content["nodes"][CUSTOMERS], "unique_id": ORDERS}
    assert on_models(tmp_path, content, sums=on(CUSTOMERS, ORDERS), source=on("source.shop.a")) == {
        CUSTOMERS: ["sums"],
        ORDERS: ["sums"],
    }


def test_a_unit_test_is_on_the_model_that_it_tests(tmp_path: Path, content: dict[str, Any]) -> None:
    unit = {"resource_type": "unit_test", "depends_on": {"nodes": [CUSTOMERS]}, "config": {}}
    assert on_models(tmp_path, content, lower=unit) == {CUSTOMERS: ["lower"]}


def test_a_test_that_only_warns_is_left_out(tmp_path: Path, content: dict[str, Any]) -> None:
    assert on_models(
        tmp_path,
        content,
        a=on(CUSTOMERS, severity="warn"),
        b=on(CUSTOMERS, severity="WARN"),
        c=on(CUSTOMERS, severity="ERROR"),
        d=on(CUSTOMERS, severity=None),
        e=on(CUSTOMERS, attached=CUSTOMERS, severity="warn"),
    ) == {CUSTOMERS: ["c", "d"]}


def test_the_tests_that_dbt_itself_wrote_down(manifest: Manifest) -> None:
    assert {
        model.name: [name for _, name in model.tests] for model in manifest.models.values()
    } == {
        "customers": ["not_null_customers_customer_id"],
        "customer_emails": [],
        "recent_customers": [],
        "vip_customers": [],
    }


@pytest.mark.parametrize(
    ("meta", "near"),
    [
        ({"selligint": {}}, "selligint"),
        ({"owner": {}, "Selligent": {"list": "A"}}, "Selligent"),
        ({"selligint": {}, "selligent": {}}, None),
        ({"selligint": "a text"}, None),
        ({"intelligent": {}, "sell": {}, "dagster": {}}, None),
    ],
)
def test_a_key_that_is_nearly_ours_is_a_fault(
    tmp_path: Path, content: dict[str, Any], meta: dict[str, Any], near: str | None
) -> None:
    exposure = next(node for node in content["exposures"].values() if node["name"] == "legacy_meta")
    exposure |= {"meta": meta, "config": {}}
    found = read_manifest(write(tmp_path, content))
    assert [(each.name, key) for each, key in found.misspelt] == (
        [("legacy_meta", near)] if near else []
    )
    _, faults = read_activations(found, SETTINGS)
    assert [fault.mend for fault in faults if fault.key == f"meta.{near}"] == (
        ["did you mean selligent?"] if near else []
    )
