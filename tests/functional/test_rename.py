"""A state is given to the exposure of another name."""

from __future__ import annotations

import pytest

from dbt_selligent.kept import show
from dbt_selligent.locks import hold
from dbt_selligent.upkeep import rename

from .conftest import Shop
from .states import ANN, BEN, contents, kept, make_newer, renamed, run
from .test_kill import COUNT, kill_while_under_way, model


def test_a_renamed_exposure_takes_over_its_state(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    renamed(shop)
    assert shop.plan_one("people").notes[1] == (
        "no activation has the state of crm, which is of this list: if this is its new name, "
        "`dbt-selligent state rename crm people` is to come first"
    )
    before = kept(shop)
    assert "would be the state of people" in run(shop, "rename", "crm", "people")[1]
    assert kept(shop) == before
    code, said = run(shop, "rename", "crm", "people", "--yes")
    assert (code, said) == (
        0,
        "crm at dev: 2 rows confirmed, 0 in doubt: is the state of people\n",
    )
    result = shop.in_step("people")
    assert result.counts is not None
    assert (result.counts.unchanged, shop.sent()) == (2, [])
    assert [one.name for one in show(shop.settings())] == ["people"]


def test_a_state_of_another_list_is_not_taken_for_one_that_was_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop, list="OTHERS")
    assert len(shop.plan_one("people").notes) == 1


def test_rows_in_doubt_go_with_the_state(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    renamed(shop)
    change = rename(shop.settings(), "crm", "people", yes=True)
    assert change.done
    assert shop.plan_one("people").counts.in_doubt >= 2500
    assert sorted(path.name for path in (shop.state / "dev").glob("crm*")) == ["crm.lock"]
    model(shop, "Old")
    result = shop.in_step("people")
    assert result.counts is not None
    assert result.counts.in_doubt >= 2500
    assert len(shop.records()) == COUNT
    assert {row[2] for row in shop.records()} == {"Old"}


def test_a_state_is_told_as_the_next_sync_finds_it_and_stays_as_it_is(shop: Shop) -> None:
    model(shop, "Old", f"range < {COUNT // 2}")
    kill_while_under_way(shop, 1, "delay-after")
    before = contents(shop)
    half = COUNT // 2
    told = f"0 rows confirmed, {half:,} in doubt"
    assert told in run(shop, "show", "--select", "crm")[1]
    assert told in shop.invoke("status", "--select", "crm").out
    assert told in run(shop, "reset", "crm")[1]
    renamed(shop)
    for yes in ((), ("--yes",)):
        assert contents(shop) == before
        assert told in run(shop, "rename", "crm", "people", *yes)[1]
    assert told in run(shop, "show", "--select", "people")[1]


def test_what_is_left_of_a_state_that_is_gone_is_not_taken_for_another_ones(shop: Shop) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    kill_while_under_way(shop, 2, "delay-after")
    state = shop.state / "dev" / "crm.duckdb"
    state.unlink()
    assert state.with_name("crm.duckdb.wal").exists()
    renamed(shop, "old")
    shop.in_step("old")
    renamed(shop, "crm")
    assert run(shop, "rename", "old", "crm", "--yes")[0] == 0
    assert not state.with_name("crm.duckdb.wal").exists()
    assert shop.in_step().requests == 0


def test_a_state_of_something_else_is_told_as_such_when_it_is_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop, list="OTHERS", matching_key={"MAIL": "email"}, fields={"CUSTOMER_ID": "id"})
    said = run(shop, "rename", "crm", "people")[1].splitlines()
    unlike = "keys from CUSTOMER_ID to MAIL, list from CUSTOMERS to OTHERS"
    assert said[1:] == [
        f"  it is of something else, and the next sync starts anew: {unlike}",
        "  -> run it again with --yes to do it",
    ]


def test_of_a_state_that_cannot_be_read_nothing_is_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    make_newer(path)
    renamed(shop)
    before = contents(shop)
    for arguments in (["rename", "crm", "people", "--yes"], ["rename", "crm", "people"]):
        code, said = run(shop, *arguments)
        assert (code, "newer than version" in said, "upgrade dbt-selligent" in said) == (
            1,
            True,
            True,
        )
    assert contents(shop) == before
    assert not (shop.state / "dev" / "people.duckdb").exists()


@pytest.mark.parametrize("used", ["crm", "people"])
def test_neither_name_of_a_rename_may_be_in_use(shop: Shop, used: str) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    with hold(shop.state / "dev" / f"{used}.lock", f"activation {used}"):
        code, said = run(shop, "rename", "crm", "people", "--yes")
    assert (code, f"activation {used} is in use by process" in said) == (1, True)
    assert (shop.state / "dev" / "crm.duckdb").exists()


def test_a_state_in_use_is_not_looked_at_for_one_that_was_renamed(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    before = contents(shop)
    with hold(shop.state / "dev" / "crm.lock", "activation crm"):
        assert len(shop.plan_one("people").notes) == 1
    assert len(shop.plan_one("people").notes) == 2
    assert contents(shop) == before


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("crm", "peple", 2, ["no activation peple in the project", "did you mean people?"]),
        ("people", "people", 2, ["people is an activation of the project", "rename the exposure"]),
        ("cmr", "people", 1, ["no state of cmr at dev", "did you mean crm?"]),
        ("crm", "people", 1, ["people has a state already", "state reset people"]),
    ],
)
def test_a_rename_that_cannot_be_changes_nothing(
    shop: Shop, old: str, new: str, code: int, words: list[str]
) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    shop.in_step("people")
    before = kept(shop)
    found, said = run(shop, "rename", old, new, "--yes")
    assert found == code
    for word in words:
        assert word in said
    assert kept(shop) == before
