"""Modes, removals, segments, nulls and fields that are sent once, by the real sync."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from .conftest import CRM_FIELDS, Sent, Shop, exposure

KEYS = "CUSTOMER_ID"
ALL = "CUSTOMER_ID,MAIL,FIRSTNAME,LTV,OPTIN"
ANN = (1, "ann@acme.example", "Ann", 1.5, True)
BEN = (2, "ben@acme.example", "Ben", 2.5, False)
CAT = (3, "cat@acme.example", "Cat", 3.5, None)
# Large enough for one row to leave without a guard.
CROWD = [(n, f"c{n}@acme.example", "C", 1.0, True) for n in range(10, 40)]


def crm(**meta: Any) -> dict[str, Any]:
    fields = meta.pop("fields", CRM_FIELDS)
    given = {"list": "CUSTOMERS", "matching_key": {KEYS: "id"}, **meta}
    return exposure("crm", "customers", {**given, "fields": fields} if fields else given)


def put(shop: Shop, *rows: tuple[Any, ...]) -> None:
    names = ALL.split(",")
    shop.sandbox.put("CUSTOMERS", [dict(zip(names, row, strict=True)) for row in rows])


def calls(sent: list[Sent]) -> list[tuple[str, Any]]:
    """What each request asks for, and its rows."""
    return [(query.get("data_import_option", "-"), body) for _, query, body in sent]


class TestInsert:
    def test_new_rows_are_inserted_and_nothing_is_ever_updated(self, shop: Shop) -> None:
        shop.declare(crm(mode="insert"))
        put(shop, (*ANN[:2], "By hand", 9.0, False))
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert result.confirmed == 2
        assert shop.records() == [(1, "ann@acme.example", "By hand", 9.0, False), BEN]
        assert {option for option, _ in calls(shop.sent())} == {"OnlyInsert"}

        shop.customers((*ANN[:2], "Anna", 1.5, True), (*BEN[:2], "Benno", 2.5, False), CAT)
        result = shop.in_step()
        assert (result.counts and result.counts.unchanged, result.confirmed) == (2, 1)
        assert calls(shop.sent()) == [("OnlyInsert", [list(CAT)])]
        assert shop.records()[1:] == [BEN, CAT]

    def test_what_was_inserted_is_updated_as_soon_as_the_mode_says_so(self, shop: Shop) -> None:
        shop.declare(crm(mode="insert"))
        put(shop, (*ANN[:2], "By hand", 9.0, False))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.declare(crm())
        shop.in_step()
        assert shop.records() == [ANN, BEN]


class TestUpdate:
    def test_rows_without_a_record_are_not_found_and_kept_apart(self, shop: Shop) -> None:
        shop.declare(crm(mode="update"))
        put(shop, (*ANN[:2], "By hand", 9.0, False))
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert (result.confirmed, result.not_found) == (1, 1)
        assert shop.records() == [ANN]
        shop.sent()

        result = shop.in_step()
        assert result.counts is not None
        assert (result.counts.unchanged, result.counts.not_found) == (1, 1)
        assert shop.sent() == []

    @pytest.mark.parametrize("how", ["it changes", "it is asked for"])
    def test_one_that_was_not_found_is_tried_again(self, shop: Shop, how: str) -> None:
        shop.declare(crm(mode="update"))
        shop.customers(ANN)
        assert shop.in_step().not_found == 1
        put(shop, (*ANN[:2], "By hand", 9.0, False))
        changed = (*ANN[:2], "Anna", 1.5, True) if how == "it changes" else ANN
        shop.customers(changed)
        result = shop.in_step(retry_not_found=how != "it changes")
        assert (result.confirmed, result.not_found) == (1, 0)
        assert shop.records() == [changed]

    def test_many_that_are_not_found_are_told_by_the_lists_keys(self, shop: Shop) -> None:
        shop.declare(crm(mode="update"))
        rows = [(n, f"c{n}@acme.example", "C", 1.0, True) for n in range(4000)]
        put(shop, *rows[::3])
        shop.customers(*rows)
        result = shop.in_step()
        assert (result.confirmed, result.not_found) == (1334, 2666)
        assert result.requests < 10
        assert [row[0] for row in shop.records()] == [row[0] for row in rows[::3]]
        assert shop.in_step().counts == shop.in_step().counts

    def test_many_are_found_by_smaller_parts_where_the_key_may_not_read(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop(faults=["search:401"])
        shop.declare(crm(mode="update"))
        rows = [(n, f"c{n}@acme.example", "C", 1.0, True) for n in range(60)]
        put(shop, *rows[::3])
        shop.customers(*rows)
        result = shop.in_step()
        assert (result.confirmed, result.not_found) == (20, 40)
        assert sum(one.path.endswith("/search") for one in shop.sandbox.received) == 1

    def test_few_that_are_not_found_are_found_by_smaller_parts(self, shop: Shop) -> None:
        shop.declare(crm(mode="update"))
        rows = [(n, f"c{n}@acme.example", "C", 1.0, True) for n in range(300)]
        put(shop, *(row for row in rows if row[0] != 77))
        shop.customers(*rows)
        result = shop.in_step()
        assert (result.confirmed, result.not_found) == (299, 1)
        assert not any(one.path.endswith("/search") for one in shop.sandbox.received)


class TestRemoved:
    def test_mirror_deletes_what_left_and_nothing_else(self, shop: Shop) -> None:
        shop.declare(crm(mode="mirror"))
        put(shop, (99, "own@acme.example", "Own", 1.0, True))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.sent()
        shop.customers(ANN, *CROWD)
        result = shop.in_step()
        assert (result.removed, result.not_removed) == (1, 0)
        [(_, query, body)] = shop.sent()
        assert (query, body) == ({"keyFields": KEYS, "fields": KEYS}, [[2]])
        assert [row[0] for row in shop.records()][:2] == [99, 1]
        assert shop.in_step().removed == 0
        assert shop.sent() == []

    def test_set_updates_what_left_and_a_row_that_comes_back_is_new(self, shop: Shop) -> None:
        shop.declare(crm(removed={"set": {"OPTIN": False, "FIRSTNAME": "gone"}}))
        shop.declare(crm(fields={"MAIL": "email"}, removed={"set": {"FIRSTNAME": "gone"}}))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.customers(ANN, *CROWD)
        shop.sent()
        assert shop.in_step().removed == 1
        assert calls(shop.sent()) == [("OnlyUpdate", [[2, "gone"]])]
        assert shop.records()[1] == (2, "ben@acme.example", "gone", None, None)
        shop.customers(ANN, BEN, *CROWD)
        assert shop.in_step().confirmed == 1
        assert calls(shop.sent()) == [("InsertAndUpdate", [[2, "ben@acme.example"]])]

    def test_a_record_that_is_gone_already_is_no_fault(self, shop: Shop) -> None:
        shop.declare(crm(mode="mirror"))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 2})
        shop.customers(ANN, *CROWD)
        assert (shop.in_step().removed, len(shop.records())) == (1, 31)

    def test_more_than_a_tenth_at_once_is_not_deleted_unasked(self, shop: Shop) -> None:
        shop.declare(crm(mode="mirror"))
        shop.customers(ANN, BEN, CAT)
        shop.in_step()
        shop.customers(ANN, BEN)
        result = shop.sync_one()
        assert result.status == "failed"
        assert result.error == ("1 of 3 records would be deleted, more than 10%: nothing was sent")
        assert len(shop.records()) == 3
        assert shop.in_step(force=True).removed == 1
        assert len(shop.records()) == 2

    @pytest.mark.parametrize(
        "row", [(2, "x" * 101, "B", 1.0, True), (2, "b@acme.example", "B", float("nan"), True)]
    )
    def test_an_invalid_row_is_not_removed(self, shop: Shop, row: Any) -> None:
        shop.declare(crm(mode="mirror"))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.customers(ANN, row, *CROWD)
        result = shop.in_step(force=True)
        assert result.counts is not None
        assert (result.counts.invalid, result.counts.removed, result.removed) == (1, 0, 0)
        assert BEN in shop.records()

    def test_a_delete_without_an_answer_and_a_row_that_comes_back(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop()
        shop.declare(crm(mode="mirror"))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.sandbox.faults(["delete:reset-after"])
        shop.customers(ANN, *CROWD)
        result = shop.sync_one()
        assert (result.status, result.not_removed) == ("failed", 1)
        assert len(shop.records()) == 31
        shop.sandbox.faults([])
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        assert sorted(shop.records()) == sorted([ANN, BEN, *CROWD])

    @pytest.mark.parametrize("mode", ["upsert", "update"])
    def test_one_gone_already_says_nothing_of_records_that_are_to_be_there(
        self, shop: Shop, mode: str
    ) -> None:
        shop.declare(
            crm(mode=mode, fields={"MAIL": "email"}, removed={"set": {"FIRSTNAME": "gone"}})
        )
        put(shop, ANN, BEN, *CROWD)
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 2})
        shop.customers(ANN, *CROWD)
        assert shop.in_step().removed == 1
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        shop.customers((1, "anna@acme.example", *ANN[2:]), *CROWD)
        result = shop.in_step()
        there = [row[:2] for row in shop.records() if row[0] == 1]
        if mode == "upsert":
            assert (result.confirmed, there) == (1, [(1, "anna@acme.example")])
        else:
            assert (result.confirmed, result.not_found, there) == (0, 1, [])

    @pytest.mark.parametrize("answered", [True, False])
    def test_a_key_is_removed_as_it_was_sent(
        self, open_shop: Callable[..., Shop], answered: bool
    ) -> None:
        """A record in doubt too, and one whose letters have no other case everywhere."""
        keys = ["Ann@ACME.example ", "\u039f\u0394\u039f\u03a3", "\u0130@acme.example"]
        crowd = "select 'c' || i as mail, 1 as score from range(40) t(i)"
        shop = open_shop()
        meta = {"list": "MAILS", "matching_key": {"MAIL": "mail"}, "fields": {"SCORE": "score"}}
        shop.declare(exposure("mails", "mails", {**meta, "mode": "mirror"}))
        mine = " union all ".join(f"select '{key}', 1" for key in keys)
        if not answered:
            shop.sandbox.faults(["load:reset-after"])
        shop.table("mails", f"{mine} union all {crowd}".replace("', 1", "' as mail, 1 as score", 1))
        assert shop.sync_one("mails").status == ("in step" if answered else "failed")
        shop.sandbox.faults([])
        shop.table("mails", crowd)
        shop.sent()
        assert shop.in_step("mails").removed == 3
        *_, (_, _, body) = shop.sent()
        assert sorted(key for (key,) in body) == sorted(keys)
        assert len(shop.records("MAILS")) == 40

    @pytest.mark.parametrize("fault", ["delete:reset-before", "delete:reset-after"])
    def test_a_delete_without_an_answer_is_made_again(
        self, open_shop: Callable[..., Shop], fault: str
    ) -> None:
        shop = open_shop()
        shop.declare(crm(mode="mirror"))
        shop.customers(ANN, BEN, *CROWD)
        shop.in_step()
        shop.sandbox.faults([fault])
        shop.customers(ANN, *CROWD)
        assert shop.sync_one().status == "failed"
        shop.sandbox.faults([])
        assert shop.in_step().removed == 1
        assert shop.records() == [ANN, *CROWD]
        assert shop.in_step().requests == 0


class TestOnce:
    META = crm(fields={**CRM_FIELDS, "OPTIN": {"column": "opt_in", "only": "insert"}})

    def test_it_never_overwrites_what_is_there(self, shop: Shop) -> None:
        shop.declare(self.META)
        put(shop, (*ANN[:2], "By hand", 9.0, False))
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert result.confirmed == 2
        assert shop.records() == [(*ANN[:4], False), BEN]
        assert [option for option, _ in calls(shop.sent())][-1] == "InsertAndUpdate"
        shop.customers((*ANN[:2], "Anna", 1.5, False), (*BEN[:4], True))
        result = shop.in_step()
        assert result.counts is not None
        assert (result.counts.changed, result.counts.unchanged) == (1, 1)
        assert calls(shop.sent()) == [("OnlyUpdate", [[1, "Anna"]])]
        assert shop.in_step(full_refresh=True).confirmed == 2
        assert shop.records() == [(1, "ann@acme.example", "Anna", 1.5, False), BEN]

    def test_a_row_that_was_refused_as_new_is_not_written_without_it(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop(faults=["load:reject:OPTIN=true"])
        shop.declare(self.META)
        shop.customers(ANN, BEN)
        result = shop.sync_one()
        assert (result.confirmed, result.rejected) == (1, 1)
        assert shop.records() == [BEN]

    def test_a_record_deleted_by_hand_gets_it_again(self, shop: Shop) -> None:
        shop.declare(self.META)
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        put(shop, (*BEN[:4], True))
        shop.customers((*ANN[:2], "Anna", 1.5, True), (*BEN[:2], "Benno", 2.5, False))
        shop.in_step()
        assert sorted(shop.records()) == [
            (1, "ann@acme.example", "Anna", 1.5, True),
            (2, "ben@acme.example", "Benno", 2.5, True),
        ]


class TestNulls:
    def test_a_null_never_overwrites(self, shop: Shop) -> None:
        shop.declare(crm(nulls="skip"))
        put(shop, (1, None, "By hand", 9.0, False))
        shop.customers((1, "ann@acme.example", None, None, True), BEN, CAT)
        assert shop.in_step().confirmed == 3
        assert shop.records() == [(1, "ann@acme.example", "By hand", 9.0, True), CAT, BEN]
        shop.sent()
        shop.customers((1, None, "Ann", None, None), (2, None, None, None, None), CAT)
        result = shop.in_step()
        assert result.counts is not None
        assert (result.counts.changed, result.counts.unchanged) == (1, 2)
        assert calls(shop.sent()) == [("OnlyUpdate", [[1, "Ann"]])]
        shop.customers((1, "ann@acme.example", "Ann", None, True), BEN, CAT)
        assert shop.in_step().counts == shop.plan_one().counts
        assert shop.sent() == []

    def test_a_refused_row_is_held_although_what_was_known_is_not_known_any_more(
        self, shop: Shop
    ) -> None:
        shop.declare(crm(nulls="skip"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.faults(["load:reject:FIRSTNAME=Anna"])
        shop.customers((1, None, "Anna", None, None), BEN)
        assert shop.sync_one().rejected == 1
        held = shop.sync_one()
        assert held.counts is not None
        assert (held.counts.held, held.rejected, held.requests) == (1, 0, 0)

    def test_more_groups_than_there_should_be_are_said_and_no_row_goes_whole(
        self, shop: Shop
    ) -> None:
        shop.declare(crm(nulls="skip", max_groups=1))
        shop.customers((1, "ann@acme.example", None, None, None), (2, None, "Ben", None, None))
        result = shop.in_step()
        assert result.notes[-1] == (
            "2 groups of rows by the values they have: with nulls: skip no row goes whole "
            "(max_groups: 1)"
        )
        fields = [query["fields"] for _, query, _ in shop.sent()]
        assert fields == ["CUSTOMER_ID,MAIL", "CUSTOMER_ID,FIRSTNAME"]

    def test_a_record_deleted_by_hand_comes_back_with_what_was_known(self, shop: Shop) -> None:
        shop.declare(crm(nulls="skip"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        shop.customers((1, None, "Anna", None, None), (2, None, "Benno", None, None))
        shop.in_step()
        assert sorted(shop.records()) == [
            (1, "ann@acme.example", "Anna", 1.5, True),
            (2, "ben@acme.example", "Benno", 2.5, False),
        ]


class TestSegment:
    @staticmethod
    def members(shop: Shop) -> list[int]:
        """The keys of the segment's members."""
        url = f"{shop.url}/Portal/Api/organizations/DEMO/lists/CUSTOMERS/segments/VIP/data/search"
        answer = requests.post(
            url, json={"fields": [KEYS]}, headers={"X-ApiKey": "demo:demo"}, timeout=10
        )
        return sorted(key for (key,) in answer.json()["data"])

    @staticmethod
    def delete_segment(shop: Shop) -> None:
        url = f"{shop.url}/Portal/Api/organizations/DEMO/lists/CUSTOMERS/segments/VIP"
        headers = {"X-ApiKey": "demo:demo"}
        assert requests.delete(url, headers=headers, timeout=10).status_code == 200

    def test_it_is_made_and_its_members_are_the_models_rows(self, shop: Shop) -> None:
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert (result.confirmed, self.members(shop)) == (2, [1, 2])
        shop.sent()
        shop.customers(BEN, CAT)
        result = shop.in_step()
        assert (result.confirmed, result.removed) == (1, 1)
        assert self.members(shop) == [2, 3]
        assert len(shop.records()) == 3
        assert [body for _, _, body in shop.sent()] == [[list(CAT)], [[3]], [[1]]]
        assert shop.in_step().requests == 0

    def test_a_row_refused_as_new_is_no_member(self, open_shop: Callable[..., Shop]) -> None:
        shop = open_shop(faults=["load:reject:FIRSTNAME=Ann"])
        shop.declare(crm(segment="VIP"))
        put(shop, (*ANN[:2], "By hand", 1.0, True))
        shop.customers(ANN, BEN)
        assert shop.sync_one().rejected == 1
        assert self.members(shop) == [2]

    @pytest.mark.parametrize("fault", ["segment-load:reset-before", "segment-load:reset-after"])
    def test_what_failed_between_the_calls_is_made_up_for(
        self, open_shop: Callable[..., Shop], fault: str
    ) -> None:
        shop = open_shop(faults=[fault])
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        result = shop.sync_one()
        assert (result.status, result.confirmed, result.not_sent) == ("failed", 0, 2)
        shop.sandbox.faults([])
        shop.sent()
        shop.customers(BEN)
        result = shop.in_step()
        assert self.members(shop) == [2]
        assert [body for _, _, body in shop.sent()] == [[[2]], [[1]]]

    @pytest.mark.parametrize("meta", [{}, {"nulls": "skip"}, {"send": "all"}])
    def test_a_member_deleted_by_hand_is_a_member_again_when_it_comes_back(
        self, shop: Shop, meta: dict[str, Any]
    ) -> None:
        shop.declare(crm(segment="VIP", **meta))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        changed = (*ANN[:2], "Anna", 1.5, True)
        shop.customers(changed, BEN)
        assert shop.in_step().confirmed == 1
        assert (sorted(shop.records()), self.members(shop)) == ([changed, BEN], [1, 2])
        assert shop.in_step().requests == 0

    def test_the_segment_is_made_for_a_member_that_comes_back(self, shop: Shop) -> None:
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        self.delete_segment(shop)
        shop.customers((*ANN[:2], "Anna", 1.5, True), BEN)
        assert shop.in_step().confirmed == 1
        assert self.members(shop) == [1]  # only `verify` finds who else was

    def test_what_comes_back_and_is_refused_as_a_member_is_in_doubt(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop()
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        shop.sandbox.faults(["segment-load:reset-before"])
        shop.customers((*ANN[:2], "Anna", 1.5, True), BEN)
        assert shop.sync_one().status == "failed"
        shop.sandbox.faults([])
        assert shop.in_step().confirmed == 1
        assert self.members(shop) == [1, 2]

    @pytest.mark.parametrize("mode", ["upsert", "insert", "mirror"])
    def test_one_deleted_by_hand_is_sent_whole_before_it_becomes_a_member(
        self, shop: Shop, mode: str
    ) -> None:
        shop.declare(crm(mode=mode))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.remove("CUSTOMERS", {KEYS: 1})
        shop.declare(crm(mode=mode, segment="VIP"))
        result = shop.in_step()
        assert (result.confirmed, result.rejected) == (2, 0)
        assert (sorted(shop.records()), self.members(shop)) == ([ANN, BEN], [1, 2])
        assert shop.in_step().requests == 0

    def test_a_leaver_that_was_refused_and_comes_back_is_not_held(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop()
        shop.declare(crm(fields=None, segment="VIP"))
        put(shop, ANN, BEN)
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.faults([f"delete:reject:{KEYS}=1"])
        shop.customers(BEN)
        assert shop.sync_one().not_removed == 1
        shop.sandbox.faults([])
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert (result.confirmed, result.counts and result.counts.held) == (1, 0)
        assert self.members(shop) == [1, 2]

    def test_without_fields_records_are_never_made(self, shop: Shop) -> None:
        shop.declare(crm(fields=None, segment="VIP"))
        put(shop, BEN, CAT)
        shop.customers(ANN, BEN)
        result = shop.in_step()
        assert (result.confirmed, result.not_found) == (1, 1)
        assert (shop.records(), self.members(shop)) == ([BEN, CAT], [1 + 1])
        shop.customers(CAT)
        assert shop.in_step().removed == 1
        assert self.members(shop) == [3]

    def test_a_membership_without_an_answer_is_ended_by_the_next_sync(
        self, open_shop: Callable[..., Shop]
    ) -> None:
        shop = open_shop()
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.sandbox.faults(["delete:reset-before"])
        shop.customers(BEN)
        assert shop.sync_one().status == "failed"
        shop.sandbox.faults([])
        assert shop.in_step().removed == 1
        assert self.members(shop) == [2]

    def test_another_segment_gets_its_members_too(self, shop: Shop) -> None:
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        shop.in_step()
        shop.declare(crm(segment="GOLD"))
        shop.sent()
        assert shop.in_step().confirmed == 2
        assert [body for _, _, body in shop.sent()] == [[[1], [2]]]
        assert len(shop.sandbox.segment("CUSTOMERS", "GOLD")) == 2
        assert shop.in_step().requests == 0

    def test_leavers_of_a_segment_deleted_by_hand_are_no_fault(self, shop: Shop) -> None:
        shop.declare(crm(segment="VIP"))
        shop.customers(ANN, BEN)
        shop.in_step()
        self.delete_segment(shop)
        shop.customers(BEN)
        assert shop.in_step().removed == 1
        assert self.members(shop) == []

    def test_a_plan_says_who_becomes_a_member_and_no_field(self, shop: Shop) -> None:
        shop.declare(crm())
        shop.customers(ANN)
        shop.in_step()
        shop.declare(crm(segment="VIP"))
        said = shop.invoke("plan").out
        assert "  > 1 become members of segment VIP\n" in said
        assert "    ~ CUSTOMER_ID=***: becomes a member of segment VIP\n" in said

    def test_a_segment_that_takes_no_members_is_a_fault(self, shop: Shop) -> None:
        shop.declare(crm(segment="YOUNG"))
        shop.customers(ANN)
        done = shop.invoke("sync")
        assert done.code == 2
        assert "segment YOUNG is of type Dynamic" in done.said
