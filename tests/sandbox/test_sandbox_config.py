from pathlib import Path

import pytest

from dbt_selligent.sandbox.config import FieldConfig, SandboxConfig, load_config
from dbt_selligent.sandbox.values import InvalidValueError, checker

ACCEPTED: list[tuple[str, object, object]] = [
    ("Boolean", True, True),
    ("Numeric", 2**31 - 1, 2**31 - 1),
    ("Numeric", -(2**31), -(2**31)),
    ("Long", 2**63 - 1, 2**63 - 1),
    ("Float", 1, 1.0),
    ("Float", 0.1, 0.1),
    ("Date", "0001-01-01", "0001-01-01"),
    ("Date", "9999-12-31", "9999-12-31"),
    ("DateTime", "2018-03-27T11:57:20.117Z", "2018-03-27T11:57:20.117"),
    ("DateTime", "2018-03-27T11:57:20.1179032Z", "2018-03-27T11:57:20.117"),
    ("DateTime", "2018-03-27T11:57:20", "2018-03-27T11:57:20.000"),
    ("DateTime", "2018-03-27T11:57:20.5", "2018-03-27T11:57:20.500"),
    ("DateTime", "2018-03-27T00:30:00+02:00", "2018-03-26T22:30:00.000"),
    ("DateTime", "2018-03-27T23:30:00.25-0130", "2018-03-28T01:00:00.250"),
    ("LongText", "x" * 5000, "x" * 5000),
    ("Json", {"a": [1]}, {"a": [1]}),
    ("Text", "", ""),
    ("Text", None, None),
]
REFUSED: list[tuple[str, object]] = [
    ("Boolean", 1),
    ("Boolean", "true"),
    ("Numeric", 2**31),
    ("Numeric", True),
    ("Numeric", 1.0),
    ("Numeric", "1"),
    ("Long", 2**63),
    ("Float", True),
    ("Float", "1.5"),
    ("Float", float("inf")),
    ("Float", 10**400),
    ("Date", "2024-02-30"),
    ("Date", "2024-01-01T00:00:00"),
    ("Date", "20240101"),
    ("DateTime", "2024-01-01"),
    ("DateTime", "2024-01-01 10:00:00"),
    ("DateTime", "2024-01-01T25:00:00"),
    ("DateTime", "2024-01-01T10:00:00+15:00"),
    ("DateTime", "0001-01-01T00:00:00+01:00"),
    ("DateTime", 1704067200),
    ("Text", 1),
    ("LongText", 1),
]


@pytest.mark.parametrize(("data_type", "value", "stored"), ACCEPTED)
def test_a_field_stores(data_type: str, value: object, stored: object) -> None:
    found = checker("F", FieldConfig.model_validate({"data_type": data_type}))(value)

    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(("data_type", "value"), REFUSED)
def test_a_field_refuses_what_is_not_of_its_type(data_type: str, value: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        checker("F", FieldConfig.model_validate({"data_type": data_type}))(value)

    assert (caught.value.code, caught.value.field_name) == ("InvalidType", "F")


@pytest.mark.parametrize(
    ("text", "fits"), [("a" * 4, True), ("a" * 5, False), ("😀😀", True), ("😀😀a", False)]
)
def test_a_length_counts_utf16_units(text: str, fits: bool) -> None:
    check = checker("F", FieldConfig(data_type="Text", length=4))

    if fits:
        assert check(text) == text
    else:
        with pytest.raises(InvalidValueError) as caught:
            check(text)
        assert caught.value.code == "MaxStringLengthExceeded"


def test_null_is_refused_where_it_is_not_allowed() -> None:
    check = checker("F", FieldConfig(data_type="Text", allow_null=False))

    assert check("") == ""
    with pytest.raises(InvalidValueError, match="null"):
        check(None)


def test_an_option_list_takes_its_values() -> None:
    single = FieldConfig(data_type="Text", content="Single", options=["gold", "silver"])
    multi = FieldConfig(data_type="Text", content="Multi", options=["gold", "silver"])
    numeric = FieldConfig(data_type="Numeric", content="Single", options=[1, 2])

    assert checker("F", single)("gold") == "gold"
    assert checker("F", multi)("gold|silver") == "gold|silver"
    assert checker("F", numeric)(2) == 2
    for config, value in (
        (single, "gold|silver"),
        (single, "Gold"),
        (multi, "gold|x"),
        (numeric, 3),
    ):
        with pytest.raises(InvalidValueError) as caught:
            checker("F", config)(value)
        assert caught.value.code == "Unknown"


def test_the_default_has_customers() -> None:
    assert list(load_config().lists) == ["CUSTOMERS"]


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lists.yml"
    path.write_text("lists:\n  ORDERS:\n    type: Datalist\n    fields: {ID: {data_type: Long}}\n")

    config = load_config(path)

    assert (config.organization, list(config.lists["ORDERS"].fields)) == ("DEMO", ["ID"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lists: {A: {fields: {F: {data_type: Varchar}}}}", "lists.A.fields.F.data_type"),
        ("lists: {A: {colour: red}}", "lists.A.colour"),
        ("lists: {A: {business_key: [ID]}}", "business_key ID"),
        ("lists: {A: {fields: {F: {data_type: Long, length: 3}}}}", "length is for Text"),
        ("lists: {A: {fields: {F: {data_type: Text, options: [x]}}}}", "options need content"),
        ("lists: {A: {fields: {F: {data_type: Text, length: 4001}}}}", "lists.A.fields.F.length"),
        ("lists: {A B: {}}", "lists.A B"),
        ("api_secret: [s3cret]", "api_secret"),
        ("- a", "body"),
        ("{", "not YAML"),
    ],
)
def test_a_bad_file_says_where_and_shows_no_value(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "lists.yml"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"lists\.yml") as caught:
        load_config(path)

    assert named in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_secret_is_not_in_the_text_of_a_configuration() -> None:
    assert "s3cret" not in repr(SandboxConfig(api_secret="s3cret"))


def test_what_is_wrong_with_a_file_is_told_with_the_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "lists.yml"
    path.write_text(
        "organisation: DEMO\n"
        "lists:\n"
        "  ONE: {feilds: {}}\n"
        "  TWO: {fields: {MAIL: {data_type: Text, lenght: 5}}, business_key: MAIL}\n"
    )

    with pytest.raises(ValueError, match="does not describe a sandbox") as caught:
        load_config(path)

    assert str(caught.value).splitlines()[1:] == [
        "  lists.ONE.feilds: no such key; did you mean fields?",
        "  lists.TWO.business_key: must be a list",
        "  lists.TWO.fields.MAIL.lenght: no such key; did you mean length?",
        "  organisation: no such key; did you mean organization?",
    ]
