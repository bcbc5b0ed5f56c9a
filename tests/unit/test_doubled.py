"""Keys that stand twice: YAML takes the last one in silence, and this tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_selligent.doubled import find_doubled
from dbt_selligent.manifest import Exposure, Manifest
from dbt_selligent.settings import Settings

FILE = "models/crm.yml"


def faults_in(folder: Path, text: str, *, package: str = "shop") -> list[str]:
    """What is said of exposure crm, whose YAML this is."""
    root = folder if package == "shop" else folder / "deps" / package
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    (folder / "dbt_project.yml").write_text("name: shop\npackages-install-path: deps\n")
    exposure = Exposure("exposure.shop.crm", "crm", package, FILE, (), (), {})
    settings = Settings(folder, folder, "shop", "dev", folder / "target")
    found = find_doubled(settings, Manifest({}, (exposure,), "shop"))
    assert {(each.file, each.exposure) for each in found} <= {(FILE, "crm")}
    return [f"{each.key}: {each.problem}" for each in found]


def under_config(*lines: str) -> str:
    """Exposures of which crm has these lines below ``selligent``, from line 8 on."""
    head = ["exposures:", "  - name: other", "    type: ml", "  - name: crm", "    config:"]
    below = [f"          {line}" for line in lines]
    return "\n".join([*head, "      meta:", "        selligent:", *below, ""])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["fields:", "  MAIL: mail", "  NAME: mail"], []),
        (
            ["fields:", "  MAIL: mail", "  NAME: name", "  MAIL: nickname"],
            ["fields.MAIL: stands twice, lines 9 and 11: YAML takes the last one alone"],
        ),
        (
            ["fields:", "  MAIL: a", '  "MAIL": b', "  MAIL: c"],
            ["fields.MAIL: stands 3 times, lines 9, 10 and 11: YAML takes the last one alone"],
        ),
        (
            ["fields: {MAIL: a, MAIL: b}"],
            ["fields.MAIL: stands twice, line 8: YAML takes the last one alone"],
        ),
        (
            ["list: A", "list: B", "warnings:", "  - {stale: 1h, stale: 2h}"],
            [
                "list: stands twice, lines 8 and 9: YAML takes the last one alone",
                "warnings.stale: stands twice, line 11: YAML takes the last one alone",
            ],
        ),
        (
            ["fields: {A: a, A: b}", "fields: {B: b}"],
            ["fields: stands twice, lines 8 and 9: YAML takes the last one alone"],
        ),
        (["base: &base {MAIL: a}", "fields: {<<: *base, MAIL: b}"], []),
        (["fields: {MAIL: '{{ var(\"a\") }}'}"], []),
    ],
)
def test_each_key_is_told_with_its_lines(
    tmp_path: Path, lines: list[str], found: list[str]
) -> None:
    assert faults_in(tmp_path, under_config(*lines)) == found


def test_under_meta_and_on_the_way_to_it(tmp_path: Path) -> None:
    text = (
        "exposures:\n- name: crm\n  meta:\n    selligent: {list: A}\n    owner: a\n    owner: b\n"
        "    selligent: {list: A, list: B}\n- name: other\n  meta: {selligent: {a: 1, a: 2}}\n"
    )
    assert faults_in(tmp_path, text) == [
        "selligent: stands twice, lines 4 and 7: YAML takes the last one alone",
        "list: stands twice, line 7: YAML takes the last one alone",
    ]


def test_one_mapping_in_two_places_is_told_once(tmp_path: Path) -> None:
    text = (
        "exposures:\n- name: crm\n  meta: &meta {selligent: {list: A, list: B}}\n"
        "  config: {meta: *meta}\n"
    )
    assert len(faults_in(tmp_path, text)) == 1


def test_that_of_a_package_is_looked_at_where_it_lies(tmp_path: Path) -> None:
    doubled = under_config("list: A", "list: B")
    assert len(faults_in(tmp_path, doubled, package="other")) == 1
    (tmp_path / "deps" / "other" / FILE).unlink()
    assert faults_in(tmp_path, under_config("list: A")) == []


@pytest.mark.parametrize("text", ["", "[]", "exposures: {crm: 1}", "a: [", "exposures: [1, {}]"])
def test_what_cannot_be_read_is_left_to_dbt(tmp_path: Path, text: str) -> None:
    assert faults_in(tmp_path, text) == []


def test_a_file_that_is_gone_or_no_text_is_left_too(tmp_path: Path) -> None:
    exposure = Exposure("exposure.shop.crm", "crm", "shop", FILE, (), (), {})
    settings = Settings(tmp_path, tmp_path, "shop", "dev", tmp_path / "target")
    manifest = Manifest({}, (exposure,), "shop")
    assert find_doubled(settings, manifest) == []
    (tmp_path / "models").mkdir()
    (tmp_path / FILE).write_bytes(b"\xff\xfe\xfa")
    assert find_doubled(settings, manifest) == []
