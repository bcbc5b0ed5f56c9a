"""Faults and the nearest legal name."""

import pytest

from dbt_selligent import errors
from dbt_selligent.errors import (
    ActivationFaults,
    ConfigurationError,
    DbtSelligentError,
    Fault,
    LockedError,
    RunError,
    UnopenedError,
    nearest,
)

LEGAL = ["matching_key", "fields", "list", "destination"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("matching_keys", "matching_key"),
        ("MATCHING_KEY", "matching_key"),
        ("lst", "list"),
        ("destnation", "destination"),
        ("zzz", None),
        ("", None),
    ],
)
def test_nearest(name: str, found: str | None) -> None:
    assert nearest(name, LEGAL) == found


def test_the_nearest_name_is_spelled_as_it_is_legal() -> None:
    assert nearest("first_name", ["FIRST_NAME", "Last_Name"]) == "FIRST_NAME"
    assert nearest("straße", ["STRASSE"]) == "STRASSE"
    assert nearest("mail", []) is None


def test_a_fault_says_where_what_and_the_mend() -> None:
    fault = Fault("models/crm.yml", "crm", "fields.MAIL", "no such column", "did you mean mail?")

    assert str(fault) == (
        "models/crm.yml: exposure crm: fields.MAIL: no such column (did you mean mail?)"
    )
    assert str(Fault("a.yml", "crm", "", "broken")) == "a.yml: exposure crm: broken"


@pytest.mark.parametrize(
    ("places", "step"),
    [
        ([True], "mend these in the YAML named above"),
        ([False, False], "do as is said behind each"),
        ([False, True], "mend these in the YAML named above, or as is said"),
    ],
)
def test_faults_lead_to_where_they_are_mended(places: list[bool], step: str) -> None:
    faults = [Fault("a.yml", "crm", "k", "1", "run it", in_yaml=place) for place in places]
    assert ActivationFaults(faults).next_step == f"{step}; nothing was sent"


def test_faults_are_sorted_and_counted() -> None:
    faults = [
        Fault("b.yml", "x", "k", "1"),
        Fault("a.yml", "z", "k", "2"),
        Fault("a.yml", "y", "", "3"),
    ]

    error = ActivationFaults(faults)

    assert [str(fault) for fault in error.faults] == [
        "a.yml: exposure y: 3",
        "a.yml: exposure z: k: 2",
        "b.yml: exposure x: k: 1",
    ]
    assert error.message.splitlines() == [
        "3 faults in the activations:",
        "  a.yml: exposure y: 3",
        "  a.yml: exposure z: k: 2",
        "  b.yml: exposure x: k: 1",
    ]
    assert ActivationFaults(faults[:1]).message.startswith("1 fault in")
    assert "nothing was sent" in str(error)


def test_exit_codes_follow_the_tree() -> None:
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, DbtSelligentError)
    ]

    assert len(classes) >= 13
    for each in classes:
        assert each.exit_code == (2 if issubclass(each, ConfigurationError | UnopenedError) else 1)
    assert not issubclass(RunError, ConfigurationError)


def test_the_next_step_stands_on_a_line_of_its_own() -> None:
    assert str(RunError("it broke")) == "it broke"
    assert str(RunError("it broke", "mend it")) == "it broke\n  -> mend it"
    assert str(LockedError("in use")) == f"in use\n  -> {LockedError.default_step}"
    assert str(LockedError("in use", "")) == "in use"
