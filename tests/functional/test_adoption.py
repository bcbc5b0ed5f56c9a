"""The rows of a model are taken as sent, where another tool sent them."""

from __future__ import annotations

import duckdb
import pytest

from dbt_selligent.kept import show
from dbt_selligent.upkeep import adopt, reset
from dbt_selligent.warehouse import engine

from .conftest import Shop, exposure
from .states import ANN, BEN, CAT, META, contents, gone, kept, keys, make_newer, put, renamed, run
from .test_kill import COUNT, kill_while_under_way, model


def test_what_is_adopted_is_taken_as_sent_and_recorded(shop: Shop) -> None:
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    [would] = adopt(shop.settings(select=("crm",)), yes=False)
    assert "2 of 2 rows would be taken as sent" in would.said
    assert not (shop.state / "dev" / "crm.duckdb").exists()
    [done] = adopt(shop.settings(select=("crm",)), yes=True)
    assert (done.done, "would" in done.said) == (True, False)
    assert shop.writes() == []
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.unchanged, shop.sent()) == (2, [])
    assert "2 of these adopted, and never sent" in run(shop, "show", "--select", "crm")[1]
    assert "adopted" in shop.invoke("status", "--select", "crm").out
    shop.customers((*ANN[:2], "Anne", *ANN[3:]), BEN)
    shop.in_step()
    assert [query["fields"] for _, query, _ in shop.sent()] == ["CUSTOMER_ID,FIRSTNAME"]
    assert "1 of these adopted" in run(shop, "show", "--select", "crm")[1]


def test_a_record_that_was_adopted_is_not_deleted_before_it_was_sent(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN, CAT)
    shop.customers(ANN, BEN, CAT)
    adopt(shop.settings(select=("crm",)), yes=True)
    gone(shop, (*ANN[:2], "Anne", *ANN[3:]), BEN, CAT)  # ann is sent
    made = gone(shop, BEN)
    assert (made.counts.removed, made.counts.spared, made.removed) == (1, 1, 1)
    assert keys(shop) == [2, 3]
    assert show(shop.settings(select=("crm",)))[0].adopted == 1
    # cat is forgotten: she comes back as new, and was sent then.
    gone(shop, BEN, CAT)
    gone(shop, BEN)
    assert keys(shop) == [2]


def test_a_send_that_was_never_answered_makes_nothing_deletable(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    shop.customers((*ANN[:2], "Anne", *ANN[3:]), BEN)
    shop.sandbox.faults(["load:503-after"])
    assert shop.sync_one().status == "failed"
    shop.sandbox.faults([])
    gone(shop, BEN)
    assert keys(shop) == [1, 2]


def test_a_full_refresh_sends_what_was_adopted(shop: Shop) -> None:
    renamed(shop, "crm", mode="mirror")
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step(full_refresh=True).confirmed == 2
    gone(shop, BEN)
    assert keys(shop) == [2]


def test_a_record_that_was_adopted_leaves_the_segment_and_stays_in_the_list(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete", segment="VIP")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step().requests == 0
    made = gone(shop, BEN)
    assert (made.counts.spared, made.removed) == (1, 1)
    assert [path for path in shop.writes() if "/segments/VIP/data" in path]
    assert keys(shop) == [1, 2]


def test_an_adopted_key_of_another_type_is_still_adopted(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    put(shop, ANN, BEN)
    shop.customers(ANN, BEN)
    adopt(shop.settings(select=("crm",)), yes=True)
    with duckdb.connect() as connection:
        engine.attach(connection, shop.state / "dev" / "crm.duckdb", "it")
        for table in ("snapshot", "doubt", "rejected", "invalid", "adopted"):
            connection.execute(f'alter table it.{table} alter "CUSTOMER_ID" type varchar')
    made = gone(shop, BEN)
    assert (made.counts.spared, made.counts.unchanged, keys(shop)) == (1, 1, [1, 2])


def test_what_a_plan_says_is_said_before_it_is_adopted(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    renamed(shop)
    for yes in ((), ("--yes",)):
        said = run(shop, "adopt", "--select", "people", *yes)[1]
        assert "`dbt-selligent state rename crm people` is to come first" in said


def test_a_list_that_could_not_be_read_is_told_before_it_is_adopted(shop: Shop) -> None:
    shop.customers(ANN)
    shop.sandbox.faults(["fields:503"])
    said = run(shop, "adopt", "--select", "crm")[1]
    assert "no value is checked against the list's fields" in said


@pytest.mark.parametrize("broken", ["newer", "damaged"])
def test_over_a_state_that_cannot_be_read_nothing_is_adopted(shop: Shop, broken: str) -> None:
    shop.customers(ANN)
    shop.in_step()
    path = shop.state / "dev" / "crm.duckdb"
    if broken == "newer":
        make_newer(path)
    else:
        path.write_bytes(b"not a database, " * 1000)
    before = contents(shop)
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    mend = {"newer": "-> upgrade dbt-selligent", "damaged": "-> put back a copy"}[broken]
    assert (code, mend in said, contents(shop) == before) == (1, True, True)


def test_an_adoption_is_a_sync_that_came_to_its_end(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert show(shop.settings(select=("crm",)))[0].complete
    assert shop.plan_one().notes == ()


def test_an_adopted_key_without_an_equal_in_its_new_type_is_forgotten(shop: Shop) -> None:
    renamed(shop, "crm", removed="delete")
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    with duckdb.connect() as connection:
        engine.attach(connection, shop.state / "dev" / "crm.duckdb", "it")
        for table in ("snapshot", "doubt", "rejected", "invalid", "adopted"):
            connection.execute(f'alter table it.{table} alter "CUSTOMER_ID" type varchar')
        connection.execute("insert into it.adopted (\"CUSTOMER_ID\") values ('A1')")
    assert shop.in_step().requests == 0
    assert show(shop.settings(select=("crm",)))[0].adopted == 1


def test_what_was_adopted_in_another_list_is_not_adopted_in_this(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    renamed(shop, "crm", list="OTHERS")
    shop.sandbox.faults(["load:503-after"])
    assert shop.sync_one().status == "failed"
    assert show(shop.settings(select=("crm",)))[0].adopted == 0


def test_invalid_rows_are_not_adopted(shop: Shop) -> None:
    shop.customers(ANN, BEN, (*BEN[:4], True))
    [change] = adopt(shop.settings(select=("crm",)), yes=True)
    assert "1 of 3 rows (2 are invalid) are taken as sent" in change.said
    assert shop.plan_one().counts.invalid == 2


def test_a_state_that_is_there_is_not_adopted_over(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    before = kept(shop)
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert code == 1
    assert "crm at dev has a state: 1 rows confirmed" in said
    assert "`dbt-selligent state reset crm`" in said
    assert kept(shop) == before


def test_a_first_sync_that_was_killed_is_not_adopted_over(shop: Shop) -> None:
    model(shop, "Old", f"range < {COUNT // 2}")
    kill_while_under_way(shop, 1, "delay-after")
    model(shop, "Old")
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert (code, "crm at dev has a state: 0 rows confirmed, 2," in said) == (1, True)
    shop.in_step()
    assert len(shop.records()) == COUNT


def test_a_state_of_rows_that_were_not_found_is_not_adopted_over(shop: Shop) -> None:
    renamed(shop, "crm", mode="update")
    shop.customers(ANN, BEN)
    shop.sync_one()
    code, said = run(shop, "adopt", "--select", "crm", "--yes")
    assert (code, "crm at dev has a state: 0 rows confirmed" in said) == (1, True)


def test_of_several_all_are_adopted_or_none(shop: Shop) -> None:
    crm = {**META, "fields": {"MAIL": "email"}}
    second = exposure("second", "customers", {**crm, "list": "OTHERS"})
    shop.declare(exposure("crm", "customers", crm), second)
    shop.customers(ANN, BEN)
    shop.in_step("second")
    code, said = run(shop, "adopt", "--yes")
    assert (code, "second at dev has a state" in said) == (1, True)
    assert not (shop.state / "dev" / "crm.duckdb").exists()
    reset(shop.settings(), "second", yes=True)
    assert [change.done for change in adopt(shop.settings(), yes=True)] == [True, True]
    assert [one.adopted for one in show(shop.settings())] == [2, 2]


def test_after_an_adoption_a_state_is_there_that_the_profile_requires(shop: Shop) -> None:
    shop.profile(require_state=True)
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    assert shop.in_step().requests == 0


def test_reset_forgets_that_rows_were_adopted(shop: Shop) -> None:
    shop.customers(ANN)
    adopt(shop.settings(select=("crm",)), yes=True)
    reset(shop.settings(), "crm", yes=True)
    assert shop.in_step().confirmed == 1
    assert show(shop.settings(select=("crm",)))[0].adopted == 0
