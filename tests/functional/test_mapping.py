"""Mapping, types, list and target change under a state that is there."""

from __future__ import annotations

from typing import Any

from .conftest import CRM_FIELDS, EXPOSURES, Shop, exposure, load
from .test_sync import ANN, BEN, CAT, WHOLE


def crm(**changed: Any) -> dict[str, Any]:
    meta = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": CRM_FIELDS}
    return exposure("crm", "customers", {**meta, **changed})


def test_a_newly_mapped_field_is_sent_alone_for_the_rows_that_have_a_value(shop: Shop) -> None:
    shop.declare(crm(fields={"MAIL": "email"}))
    shop.customers(ANN, BEN, CAT)
    shop.in_step()
    shop.sent()
    shop.declare(crm(fields={"MAIL": "email", "FIRSTNAME": "first_name"}))
    result = shop.in_step()
    [(_, query, body)] = shop.sent()
    assert (query["fields"], query["data_import_option"]) == ("CUSTOMER_ID,FIRSTNAME", "OnlyUpdate")
    assert sorted(body) == [[1, "Ann"], [2, "Ben"]]
    assert result.counts is not None
    assert (result.counts.changed, result.counts.unchanged) == (2, 1)


def test_a_null_of_a_newly_mapped_field_leaves_the_list_as_it_was_until_it_is_sent(
    shop: Shop,
) -> None:
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "FIRSTNAME": "Anna"}])
    shop.declare(crm(fields={"MAIL": "email"}))
    unnamed = (1, "ann@acme.example", None, None, None)
    shop.customers(unnamed)
    shop.in_step()
    shop.declare(crm(fields={"MAIL": "email", "FIRSTNAME": "first_name"}))
    shop.sent()
    shop.in_step()
    assert shop.sent() == []
    assert [record[:3] for record in shop.records()] == [(1, "ann@acme.example", "Anna")]
    assert "FIRSTNAME" in shop.invoke("verify", "--select", "crm").out
    # A value that came and went is sent as null.
    shop.customers(ANN)
    shop.in_step()
    shop.customers(unnamed)
    shop.in_step()
    assert [record[:3] for record in shop.records()] == [(1, "ann@acme.example", None)]


def test_a_full_refresh_sends_the_nulls_of_a_newly_mapped_field(shop: Shop) -> None:
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 3, "FIRSTNAME": "Kate"}])
    shop.declare(crm(fields={"MAIL": "email"}))
    shop.customers(CAT)
    shop.in_step()
    shop.declare(crm(fields={"MAIL": "email", "FIRSTNAME": "first_name"}))
    shop.in_step()
    assert [record[2] for record in shop.records()] == ["Kate"]
    shop.in_step(full_refresh=True)
    assert [record[2] for record in shop.records()] == [None]


def test_an_unmapped_field_is_not_sent_and_stays_in_the_list(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.declare(crm(fields={"MAIL": "email"}))
    result = shop.in_step()
    assert shop.sent() == []
    assert result.notes == ()
    assert shop.records() == [ANN, BEN]
    # Mapped again, nothing is known of what Selligent has: the field is sent again.
    shop.declare(crm())
    shop.in_step()
    [(_, query, body)] = shop.sent()
    assert query["fields"] == "CUSTOMER_ID,FIRSTNAME,LTV,OPTIN"
    assert sorted(body) == [[1, *ANN[2:]], [2, *BEN[2:]]]


def test_fields_in_another_order_are_the_same_mapping(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.declare(crm(fields=dict(reversed(CRM_FIELDS.items()))))
    assert shop.in_step().notes == ()
    assert shop.sent() == []
    shop.customers(ANN, (*BEN[:3], 21.0, False))
    shop.in_step()
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,LTV", [[2, 21.0]], only_update=True)
    ]
    assert shop.records() == [ANN, (*BEN[:3], 21.0, False)]


def test_another_column_for_a_field_sends_what_differs(shop: Shop) -> None:
    shop.table("customers", "select 1 as id, 'Ann' as a, 'Ann' as b union all select 2, 'Ben', 'B'")
    shop.declare(crm(fields={"FIRSTNAME": "a"}))
    shop.in_step()
    shop.sent()
    shop.declare(crm(fields={"FIRSTNAME": "b"}))
    shop.in_step()
    fields = "CUSTOMER_ID,FIRSTNAME"
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", fields, [[2, "B"]], only_update=True)]


def customers_with_ltv(shop: Shop, value: str) -> None:
    shop.table("customers", f"select 1 as id, {value} as lifetime_value")


def test_a_column_that_becomes_decimal_with_equal_values_sends_nothing(shop: Shop) -> None:
    shop.declare(crm(fields={"LTV": "lifetime_value"}))
    for value in ("10::integer", "10::bigint", "10::decimal(10, 2)", "10::decimal(18, 4)"):
        customers_with_ltv(shop, value)
        result = shop.in_step()
        assert result.counts is not None
        if value == "10::integer":
            assert result.counts.new == 1
            shop.sent()
        else:
            assert result.counts.unchanged == 1
    assert shop.sent() == []
    customers_with_ltv(shop, "10.25::decimal(18, 4)")
    shop.in_step()
    fields = "CUSTOMER_ID,LTV"
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", fields, [[1, 10.25]], only_update=True)]


def test_a_key_that_becomes_a_wider_type_is_the_same_key(shop: Shop) -> None:
    shop.declare(crm(fields={"MAIL": "email"}))
    shop.table("customers", "select 1::integer as id, 'a@acme.example' as email")
    shop.in_step()
    shop.sent()
    for wider in ("bigint", "hugeint", "decimal(18, 0)"):
        shop.table("customers", f"select 1::{wider} as id, 'a@acme.example' as email")
        result = shop.in_step()
        assert result.counts is not None
        assert (result.counts.unchanged, result.counts.removed) == (1, 0)
    assert shop.sent() == []


def test_a_type_in_which_an_old_value_has_no_equal_sends_the_row_again(shop: Shop) -> None:
    shop.declare(crm(fields={"LTV": "lifetime_value"}))
    customers_with_ltv(shop, "10.25::decimal(10, 2)")
    shop.in_step()
    shop.sent()
    customers_with_ltv(shop, "10::integer")
    shop.in_step()
    [(_, query, body)] = shop.sent()
    assert (query["fields"], body) == ("CUSTOMER_ID,LTV", [[1, 10]])
    assert shop.records() == [(1, None, None, 10.0, None)]


def test_another_list_starts_anew_and_says_so(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.declare(crm(list="OTHERS"))
    said = "starts anew: list from CUSTOMERS to OTHERS; 2 records stay as they were sent before"
    assert shop.plan_one().notes == (said,)
    assert said in shop.invoke("plan", "--select", "crm").out
    result = shop.in_step()
    assert result.notes == (said,)
    assert shop.sent() == [load("OTHERS", "CUSTOMER_ID", WHOLE, [ANN, BEN])]
    assert shop.in_step().notes == ()
    assert shop.records("OTHERS") == shop.records("CUSTOMERS") == [ANN, BEN]


def test_another_matching_key_starts_anew_and_says_so(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(crm(fields={"FIRSTNAME": "first_name"}))
    shop.in_step()
    shop.sent()
    shop.declare(crm(matching_key={"MAIL": "email"}, fields={"FIRSTNAME": "first_name"}))
    result = shop.sync_one()
    assert result.notes == (
        "starts anew: keys from CUSTOMER_ID to MAIL; 1 records stay as they were sent before",
    )
    assert [query["keyFields"] for _, query, _ in shop.sent()] == ["MAIL"]


def test_the_real_way_a_field_more_in_the_yaml_is_seen_and_another_target_refused(
    project: Any,
) -> None:
    """A changed file has dbt parse again; another target is a matter of someone's word."""
    first = EXPOSURES[0]
    meta = first["config"]["meta"]["selligent"]
    shop = project([exposure("crm", "customers", {**meta, "fields": {"MAIL": "email"}})])
    shop.profile(targets=["dev", "prod"])
    shop.customers(ANN)
    shop.in_step()
    assert [query["fields"] for _, query, _ in shop.sent()] == ["CUSTOMER_ID,MAIL"]

    yaml_file = shop.folder / "models" / "exposures.yml"
    text = yaml_file.read_text()
    assert "MAIL: email" in text
    yaml_file.write_text(text.replace("MAIL: email", "MAIL: email\n          OPTIN: opt_in"))
    refused = shop.sync_one(target="prod", destination="dev")
    assert refused.status == "failed"
    assert refused.error == (
        "the last sync was made for dbt target dev, this one is for prod: nothing was sent"
    )
    assert "--force" in (refused.next_step or "")
    assert shop.sent() == []
    forced = shop.sync_one(target="prod", destination="dev", force=True)
    assert forced.status == "in step"
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", "CUSTOMER_ID,OPTIN", [[1, True]], only_update=True)
    ]
    assert shop.sync_one(target="prod", destination="dev").status == "in step"
    assert shop.sent() == []


def test_a_held_row_is_released_by_another_mapping(shop: Shop) -> None:
    shop.customers(ANN, (2, "bad@acme.example", "Ben", 1.0, True))
    shop.sandbox.faults(["load:reject:MAIL=bad@acme.example"])
    assert shop.sync_one().rejected == 1
    assert shop.sync_one().requests == 0
    shop.sent()
    shop.sandbox.faults([])
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": {"MAIL": "email", "FIRSTNAME": "first_name", "LTV": "lifetime_value"},
    }
    shop.declare(exposure("crm", "customers", meta))
    assert shop.in_step().confirmed == 1
    assert shop.sent() == [
        load(
            "CUSTOMERS",
            "CUSTOMER_ID",
            "CUSTOMER_ID,MAIL,FIRSTNAME,LTV",
            [[2, "bad@acme.example", "Ben", 1.0]],
        )
    ]


def test_another_address_or_organization_starts_anew_and_says_so(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    shop.profile(url=shop.url.replace("127.0.0.1", "localhost"))
    result = shop.in_step()
    assert result.notes[0].startswith(f"starts anew: url from {shop.url} to http://localhost:")
    assert (result.confirmed, result.left_behind) == (1, 1)
    assert shop.in_step().left_behind == 0


def test_a_sync_that_is_stopped_leaves_the_state_as_it_was_also_where_it_would_start_anew(
    shop: Shop,
) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    shop.write("alter table customers rename to kept")
    shop.customers()
    fields = {"CUSTOMER_ID": "id", "FIRSTNAME": "first_name"}
    meta = {"list": "CUSTOMERS", "matching_key": {"MAIL": "email"}, "fields": fields}
    shop.declare(exposure("crm", "customers", meta))
    result = shop.sync_one()
    assert (result.status, result.left_behind) == ("failed", 0)
    shop.write("drop table customers", "alter table kept rename to customers")
    restored = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "id"},
        "fields": {
            "MAIL": "email",
            "FIRSTNAME": "first_name",
            "LTV": "lifetime_value",
            "OPTIN": "opt_in",
        },
    }
    shop.declare(exposure("crm", "customers", restored))
    assert shop.in_step().requests == 0
    assert shop.sent() == []
