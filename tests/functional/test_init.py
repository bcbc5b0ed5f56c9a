"""`init`: asks the list, writes the exposure, and, told to, makes in Selligent what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from dbt_selligent import findings
from dbt_selligent.sandbox import lists
from dbt_selligent.sandbox.config import ListConfig
from dbt_selligent.sandbox.store import RecordList

from .conftest import CRM_FIELDS, CUSTOMERS, EXPOSURES, KEY, TEXT, Done, Shop, exposure
from .test_sync import ANN, BEN

PEOPLE = """
select 1 as customer_id, 'ann@acme.example' as "E Mail", true as "no", 10::bigint as points,
    cast(7 as decimal(18, 0)) as visits, 1.5::double as spent, 2.25 as credit,
    date '2024-02-29' as born, timestamp '2024-02-29 10:00:00.5' as seen_at,
    '{"a": 1}'::json as doc, repeat('é😀', 30) as note, repeat('x', 4001) as story, [1] as tags
"""
MADE = {
    "CUSTOMER_ID": ("Long", None, False),
    "E_MAIL": ("Text", 255, True),
    "NO": ("Boolean", None, True),
    "POINTS": ("Long", None, True),
    "VISITS": ("Long", None, True),
    "SPENT": ("Float", None, True),
    "CREDIT": ("Float", None, True),
    "BORN": ("Date", None, True),
    "SEEN_AT": ("DateTime", None, True),
    "DOC": ("LongText", None, True),
    "NOTE": ("Text", 255, True),
    "STORY": ("LongText", None, True),
}
RECORD = (
    *(1, "ann@acme.example", True, 10, 7, 1.5, 2.25, "2024-02-29", "2024-02-29T10:00:00.500"),
    *('{"a": 1}', "é😀" * 30, "x" * 4001),
)


# Something has to be declared; it is of a list and a model that no test is about.
ELSEWHERE = EXPOSURES[1]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LONGEST_WAIT", 0.0)


def asked(shop: Shop, *more: str, list_name: str = "CUSTOMERS", model: str = "customers") -> Done:
    done = shop.invoke("init", "--list", list_name, "--model", model, *more)
    assert "Traceback" not in done.said
    assert ANN[1] not in done.said
    return done


def mapping(done: Done) -> dict[str, Any]:
    """What the printed exposure says."""
    assert done.code == 0, done.err
    [found] = yaml.safe_load(done.out)["exposures"]
    meta: dict[str, Any] = found["config"]["meta"]["selligent"]
    return meta


def paste(shop: Shop, done: Done) -> None:
    """Declares the printed exposure, and no other."""
    mapping(done)
    [found] = yaml.safe_load(done.out)["exposures"]
    found["config"]["tags"] = []
    shop.declare(found)


def changes(shop: Shop) -> list[tuple[str, str]]:
    """Requests that may have changed something."""
    received = [one for one in shop.sandbox.received if one.method != "GET"]
    start = "/Portal/Api/organizations/DEMO/lists"
    return [(one.method, one.path.removeprefix(start)) for one in received]


def test_an_organization_without_the_list_is_set_up_and_in_step_with_the_real_commands(
    project: Callable[..., Shop],
) -> None:
    shop = project([], models={"people": PEOPLE})
    assert shop.build("build").code == 0
    arguments = ("--list", "PEOPLE", "--model", "people", "--key", "customer_id")
    target = shop.folder / "models" / "exposures.yml"
    target.write_text("")  # as the shell does before the command runs
    done = shop.command("init", *arguments, "--create", "--segment", "VIP", "--type", "Datalist")
    assert done.code == 0, done.err
    target.write_text(done.out)

    names = list(MADE)
    whole = ["list PEOPLE: {}made, a Datalist"]
    for name, (kind, length, null) in MADE.items():
        told = kind + (f" of {length}" if length else "") + ("" if null else ", takes no null")
        whole.append(f"field {name} of list PEOPLE: {{}}made, {told}")
    whole += ["unique key of list PEOPLE: {}set over CUSTOMER_ID"]
    whole += ["segment VIP of list PEOPLE: {}made"]
    assert done.err.splitlines() == [
        *(line.format("will be ") for line in whole),
        *(line.format("") for line in whole),
    ]
    made = shop.sandbox._lists["PEOPLE"]
    assert made.config.type == "Datalist"
    assert made.business_key == ("CUSTOMER_ID",)
    assert list(made.segments) == ["VIP"]
    assert [
        (name, (field.data_type, field.length, field.allow_null))
        for name, field in made.fields.items()
    ] == list(MADE.items())
    assert changes(shop) == [
        ("POST", ""),
        *[("POST", "/PEOPLE/fields")] * len(names),
        ("PUT", "/PEOPLE/businesskey"),
        ("POST", "/PEOPLE/segments/static"),
    ]
    assert '            "NO": "no"\n' in done.out
    assert (
        "          # column tags (INTEGER[]) has no field: no field takes its type; cast it in the "
        "model, e.g. to varchar\n"
    ) in done.out

    live = shop.command("validate", "--live")
    assert (live.code, live.out.splitlines()[0]) == (0, "1 activation, no fault")
    synced = shop.command("sync")
    assert synced.code == 0, synced.said
    assert shop.records("PEOPLE") == [RECORD]
    assert len(made.segments["VIP"].members) == 1
    sent = len(shop.sandbox.bulk())
    assert shop.command("sync").code == 0
    assert len(shop.sandbox.bulk()) == sent
    assert shop.command("debug").code == 0


def test_what_was_made_is_not_made_twice(shop: Shop) -> None:
    shop.customers(ANN)
    first = asked(shop, "--create", "--key", "ID", "--segment", "VIP", list_name="NEW")
    before = len(changes(shop))
    again = asked(shop, "--create", "--key", "ID", "--segment", "VIP", list_name="NEW")
    assert again.out == first.out
    assert changes(shop)[before:] == [("PUT", "/NEW/businesskey")]
    guessed = asked(shop, "--create", "--segment", "VIP", list_name="NEW")
    assert guessed.err.splitlines() == [
        "unique key of list NEW: left as it is; --key FIELD sets it",
        "nothing to make: it is all there",
        "matching key ID: a guess: it takes no null; --key FIELD names another",
    ]
    assert len(changes(shop)) == before + 1


def test_a_list_that_is_made_again_is_not_as_its_state_believes(shop: Shop) -> None:
    shop.declare(EXPOSURES[0])
    shop.customers(ANN)
    asked(shop, "--create", "--key", "CUSTOMER_ID", list_name="NEW")
    assert not shop.state.exists()
    shop.in_step()
    del shop.sandbox._lists["CUSTOMERS"]
    done = asked(shop, "--create", "--key", "CUSTOMER_ID")
    assert done.err.splitlines()[-1] == (
        "state of crm: 1 rows confirmed, 0 in doubt, and the list is new: `dbt-selligent verify "
        "--select crm --repair` has the next sync send them again, `dbt-selligent state reset crm` "
        "forgets them"
    )
    assert shop.invoke("verify", "--select", "crm", "--repair").code == 1
    shop.in_step()
    assert shop.records() == [ANN]
    meta = EXPOSURES[0]["config"]["meta"]["selligent"]
    shop.declare(exposure("crm", "customers", {**meta, "list": "LATER"}))
    moved = asked(shop, "--create", "--key", "CUSTOMER_ID", list_name="LATER")
    assert "state of" not in moved.err  # it is of another list: the next sync starts anew
    shop.in_step()


def test_an_exposure_is_printed_for_a_list_that_is_there_and_nothing_is_changed(
    shop: Shop,
) -> None:
    shop.write(
        "create table customers as select 1 as customer_id, 'ann@acme.example' as mail, "
        "'Ann' as first_name, 'x' as ltv, 1 as phone"
    )
    shop.declare(ELSEWHERE)
    done = asked(shop)
    assert done.code == 0
    assert done.out.splitlines() == [
        "exposures:",
        "  - name: selligent_customers",
        "    type: application",
        "    owner: {name: CRM}  # whoever answers for it",
        "    depends_on: [ref('customers')]",
        "    config:",
        "      meta:",
        "        selligent:",
        "          list: CUSTOMERS",
        "          matching_key:  # a guess: it takes no null",
        "            CUSTOMER_ID: customer_id",
        "          fields:",
        "            MAIL: mail",
        "            FIRSTNAME: first_name",
        "          # column phone (INTEGER) has no field: --create makes one",
        (
            "          # field LTV, column ltv (VARCHAR): the field does not take the column's "
            "type; cast it in the model to decimal or double"
        ),
        "          # field OPTIN (Boolean): no column feeds it",
    ]
    assert done.err.splitlines() == [
        "matching key CUSTOMER_ID: a guess: it takes no null; --key FIELD names another"
    ]
    assert changes(shop) == []
    paste(shop, done)
    assert shop.invoke("validate", "--live").code == 0


def test_a_segment_that_is_not_there_is_left_to_the_first_sync_without_create(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(ELSEWHERE)
    shop.write("alter table customers rename id to customer_id")
    done = asked(shop, "--segment", "VIP", "--key", "CUSTOMER_ID")
    assert done.err.splitlines() == ["segment VIP: not there, the first sync makes it"]
    assert mapping(done)["segment"] == "VIP"
    assert changes(shop) == []


def test_the_mend_that_debug_names_makes_what_the_exposure_lacks_and_no_more(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    meta: dict[str, Any] = {
        "list": "NEW",
        "matching_key": {"NUMBER": "id"},
        "fields": {"LOGIN": "email", "MAIL": "email"},
    }
    shop.declare(exposure("crm", "customers", meta))
    assert "`dbt-selligent init --list NEW --model customers --create`" in (
        shop.invoke("debug").out
    )
    done = asked(shop, "--create", list_name="NEW")
    assert [line for line in done.err.splitlines() if "will be" not in line] == [
        "list NEW: made, a Userlist",
        "field NUMBER of list NEW: made, Long, takes no null",
        "field LOGIN of list NEW: made, Text of 255",
        "field MAIL of list NEW: made, Text of 255",
        "unique key of list NEW: set over NUMBER",
        (
            "exposure crm feeds the list from this model already: put this in its place, and keep "
            "what else it says"
        ),
    ]
    assert mapping(done) == meta
    assert "name: crm\n" in done.out
    assert "column first_name (VARCHAR) has no field: map it, then --create makes one" in done.out
    assert shop.invoke("debug").code == 0

    meta["fields"] = {**meta["fields"], "FIRST": "first_name"}
    shop.declare(exposure("crm", "customers", meta))
    assert shop.invoke("validate", "--live").code == 2
    done = asked(shop, "--create", list_name="NEW")
    assert done.err.splitlines()[:3] == [
        "field FIRST of list NEW: will be made, Text of 50",
        "unique key of list NEW: left as it is; --key FIELD sets it",
        "field FIRST of list NEW: made, Text of 50",
    ]
    assert shop.invoke("validate", "--live").code == 0
    shop.in_step()
    assert shop.records("NEW") == [(1, ANN[1], ANN[1], "Ann"), (2, BEN[1], BEN[1], "Ben")]


def test_a_declared_field_is_made_beside_one_that_is_called_like_the_column(shop: Shop) -> None:
    shop.table("spare", "select 1 as customer_id, 'ann@acme.example' as mail")
    meta = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "customer_id"},
        "fields": {"MAILS": "mail"},
    }
    shop.declare(exposure("spare", "spare", meta))
    assert mapping(asked(shop, model="spare"))["fields"] == {"MAIL": "mail"}
    assert mapping(asked(shop, "--create", model="spare")) == meta
    assert shop.invoke("validate", "--live").code == 0


def test_the_advice_on_the_unique_key_is_a_command_that_sets_it(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(lists={"CUSTOMERS": {"fields": CUSTOMERS["fields"]}})
    shop.customers(ANN)
    shop.declare(
        exposure(
            "crm",
            "customers",
            {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}} | {"fields": CRM_FIELDS},
        )
    )
    assert "--key CUSTOMER_ID --create` sets it" in shop.invoke("debug").out
    assert asked(shop, "--key", "CUSTOMER_ID", "--create").code == 0
    assert changes(shop) == [("PUT", "/CUSTOMERS/businesskey")]
    assert shop.sandbox._lists["CUSTOMERS"].business_key == ("CUSTOMER_ID",)


def test_fields_of_another_exposure_are_left_to_it(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table(
        "spare", "select 1 as customer_id, 'a@acme.example' as mail, 2.0 as ltv, true as optin"
    )
    other = exposure(
        "crm",
        "customers",
        {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}
        | {"removed": {"set": {"OPTIN": False}}, "segment": "VIP"},
    )
    shop.declare(other)
    done = asked(shop, model="spare")
    assert mapping(done)["fields"] == {"LTV": "ltv"}
    assert "# field MAIL, column mail (VARCHAR): written by exposure crm" in done.out
    assert "# field OPTIN, column optin (BOOLEAN): written by exposure crm" in done.out
    by_mail = asked(shop, "--key", "MAIL", model="spare")
    assert mapping(by_mail)["matching_key"] == {"MAIL": "mail"}
    [found] = yaml.safe_load(done.out)["exposures"]
    found["config"]["tags"] = []
    shop.declare(other, found)
    assert shop.invoke("validate", "--live").code == 0
    refused = asked(shop, "--segment", "VIP", model="spare")
    assert (refused.code, refused.out) == (2, "")
    assert "VIP is the segment of exposure crm" in refused.err
    del other["config"]["meta"]["selligent"]["removed"]
    other["config"]["meta"]["selligent"]["removed"] = "delete"
    shop.declare(other)
    refused = asked(shop, model="spare")
    assert refused.code == 2
    assert "exposure crm deletes records of list CUSTOMERS" in refused.err


def test_fields_that_no_record_is_without_make_it_an_update(
    open_shop: Callable[..., Shop],
) -> None:
    fields = {"CUSTOMER_ID": KEY, "MAIL": TEXT, "STORE": {**TEXT, "allow_null": False}}
    computed = {"data_type": "Float", "content": "ComputedPersisted", "allow_null": False}
    shop = open_shop(lists={"CUSTOMERS": {"fields": {**fields, "LTV": computed}}})
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail, 1.5 as ltv")
    shop.declare(ELSEWHERE)
    done = asked(shop)
    assert mapping(done) == {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "customer_id"},
        "fields": {"MAIL": "mail"},
        "mode": "update",
    }
    assert "# field LTV, column ltv (DECIMAL(2,1)): computed by Selligent" in done.out
    assert "mode update: no column feeds STORE, without which no record is made" in done.err
    paste(shop, done)
    assert shop.invoke("validate", "--live").code == 0


def test_the_name_of_the_exposure_is_free_or_as_asked_for(shop: Shop) -> None:
    shop.table("spare", "select 1 as customer_id, 'a@acme.example' as mail")
    there = {"list": "OTHERS", "matching_key": {"MAIL": "mail"}, "fields": {"LTV": "ltv"}}
    shop.declare(exposure("selligent_customers", "customers", there))
    assert "  - name: selligent_customers_2\n" in asked(shop, model="spare").out
    assert "  - name: crm\n" in asked(shop, "--name", "crm", model="spare").out
    wrong = asked(shop, "--name", "c r m", model="spare")
    assert (wrong.code, wrong.out) == (2, "")
    assert "c r m: not the name of an exposure" in wrong.err


ERRORS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "list": (
        ("--list", "CUSTOMRS"),
        "there is no list CUSTOMRS in the organization",
        "did you mean CUSTOMERS? --create makes it",
    ),
    "model": (("--model", "custmers"), "the project has no such model", "did you mean customers?"),
    "table": (
        ("--model", "spare"),
        '"shop"."main"."spare" does not exist in the warehouse',
        "run `dbt build --select spare` for target dev first",
    ),
    "key": (("--key", "MIAL"), "--key MIAL: no field", "did you mean MAIL?"),
    "no key": (
        ("--list", "MAILS"),
        "the matching key cannot be guessed: no field that a column feeds takes no null",
        "name it with --key FIELD, one to three times; fields that can be: MAIL",
    ),
    "no key to create": (
        ("--list", "NEW", "--create"),
        "the matching key cannot be guessed: no field that a column feeds takes no null",
        "fields that can be: CUSTOMER_ID, MAIL",
    ),
    "segment": (
        ("--segment", "YOUNG"),
        "segment YOUNG is of type Dynamic",
        "only static segments take members",
    ),
    "segment to create": (
        ("--segment", "YOUNG", "--create"),
        "segment YOUNG is of type Dynamic",
        "only static segments take members",
    ),
    "nothing beside the key": (
        ("--list", "MAILS", "--key", "MAIL"),
        "no column beside the key feeds a field of list MAILS",
        "--create makes fields for the others",
    ),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_set_up_is_an_error_and_nothing_is_made(shop: Shop, what: str) -> None:
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail")
    shop.declare(ELSEWHERE)
    arguments, said, mend = ERRORS[what]
    done = shop.invoke("init", "--list", "CUSTOMERS", "--model", "customers", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert mend in done.err
    assert changes(shop) == []


@pytest.mark.parametrize("create", [(), ("--create", "--key", "ID")])
def test_in_a_wrong_organization_it_is_not_the_list_that_is_missing(
    shop: Shop, create: tuple[str, ...]
) -> None:
    shop.customers(ANN)
    shop.profile(organization="ACME")
    done = asked(shop, *create)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: 404: no such organization or list")
    assert changes(shop) == []


def test_a_selligent_that_cannot_be_reached_is_an_error(shop: Shop) -> None:
    shop.customers(ANN)
    shop.profile(url="http://127.0.0.1:9")
    done = asked(shop)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "Error: http://127.0.0.1:9: Selligent cannot be reached: no connection\n"
        "  -> start one with `dbt-selligent sandbox --port 9`, then run this again\n"
    )


REFUSED = {
    "not allowed": ("fields:401@2", 1, "field ID of list NEW is not made: 401", "check api_key"),
    "refused": (
        "fields:400@2",
        1,
        "field ID of list NEW is not made: 400: the request is refused",
        "a list that holds records may take no new key",
    ),
    "failed": (
        "fields:failed@3",
        1,
        "field EMAIL of list NEW is not made: refused by Selligent",
        "run this again: what was made is not made twice",
    ),
    "a proxy": (
        "fields:html@3",
        1,
        "it is not known if field EMAIL of list NEW is made: 200 with an HTML page",
        "run this again: what was made is not made twice",
    ),
    "lost": (
        "fields:reset-after@3",
        1,
        "it is not known if field EMAIL of list NEW is made",
        "run this again: what was made is not made twice",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_or_a_lost_answer_stops_and_the_next_time_goes_on(shop: Shop, what: str) -> None:
    shop.customers(ANN)
    shop.declare(ELSEWHERE)
    fault, code, said, mend = REFUSED[what]
    shop.sandbox._lists["NEW"] = RecordList("NEW", 99, ListConfig())
    shop.sandbox.faults([fault])
    done = asked(shop, "--create", "--key", "ID", list_name="NEW")
    assert (done.code, done.out) == (code, "")
    assert f"Error: {said}" in done.err
    assert mend in done.err.splitlines()[-1]
    shop.sandbox.faults([])
    done = asked(shop, "--create", "--key", "ID", list_name="NEW")
    paste(shop, done)
    assert shop.invoke("validate", "--live").code == 0
    assert list(shop.sandbox._lists["NEW"].fields) == [
        *("ID", "EMAIL", "FIRST_NAME", "LIFETIME_VALUE", "OPT_IN")
    ]


def test_what_selligent_itself_refuses_names_no_value(shop: Shop) -> None:
    shop.customers(ANN, (2, *ANN[1:]))
    shop.declare(
        exposure(
            "crm",
            "customers",
            {"list": "MAILS", "matching_key": {"SCORE": "id"}, "fields": {"MAIL": "email"}},
        )
    )
    shop.in_step()
    before = len(changes(shop))
    done = asked(shop, "--create", "--key", "MAIL", list_name="MAILS")
    assert done.code == 1
    assert done.err.splitlines()[-2:] == [
        (
            "Error: unique key of list MAILS is not made: 400: the request is refused, "
            "ERR_VALIDATIONFAILED"
        ),
        "  -> do records of the list share a key, or have none?",
    ]
    done = asked(shop, "--create", "--key", "FIRST_NAME", list_name="MAILS", model="spare")
    assert done.code == 2
    shop.table("spare", "select 1 as number, 2 as score")
    done = asked(shop, "--create", "--key", "NUMBER", list_name="MAILS", model="spare")
    assert done.code == 1
    assert "field NUMBER of list MAILS is not made: 400" in done.err
    assert "a list that holds records may take no new key" in done.err
    assert changes(shop)[before:] == [
        ("PUT", "/MAILS/businesskey"),
        ("POST", "/MAILS/fields"),
    ]


class _WithDefaults:
    """Lists that come with fields, as those of Selligent do."""

    @staticmethod
    def model_validate(told: Any) -> Any:
        return ListConfig.model_validate({**told, "fields": {"EMAIL": TEXT, "SCORE": KEY}})


def test_fields_that_come_with_a_list_are_taken_as_they_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ListConfig", _WithDefaults)
    shop.customers(ANN)
    shop.declare(ELSEWHERE)
    done = asked(shop, "--create", "--key", "ID", list_name="NEW")
    assert "field EMAIL of list NEW: will be made, Text of 255" in done.err.splitlines()
    assert "field EMAIL of list NEW: came with the list" in done.err.splitlines()
    assert mapping(done)["fields"]["EMAIL"] == "email"
    assert mapping(done)["mode"] == "update"
    assert list(shop.sandbox._lists["NEW"].fields)[:3] == ["EMAIL", "SCORE", "ID"]
    paste(shop, done)
    assert shop.invoke("validate", "--live").code == 0


def test_flags_that_are_missing_are_named_where_nobody_can_be_asked(shop: Shop) -> None:
    done = shop.invoke("init", "--model", "customers")
    assert done.code == 2
    assert "Missing option '--list'" in done.err
    done = shop.invoke("init", "--list", "CUSTOMERS")
    assert done.code == 2
    assert "Missing option '--model'" in done.err
    done = shop.invoke("init", "--yes")
    assert done.code == 2
    assert "Missing options '--list' and '--model': on a terminal, they are asked for" in done.err
    assert shop.sandbox.received == []
