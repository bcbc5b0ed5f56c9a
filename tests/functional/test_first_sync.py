"""From a dbt project without a word of Selligent to a first confirmed sync, by `init` alone."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from socket import create_server
from typing import Any

import click
import pytest
import yaml

from dbt_selligent import localsandbox
from dbt_selligent.cli import asking
from dbt_selligent.errors import ConfigurationError, ProfileError, UnreachableError
from dbt_selligent.exposurefile import write_exposure
from dbt_selligent.localsandbox import URL, start_command
from dbt_selligent.profilewriting import Address, provide_output
from dbt_selligent.sandbox import lists
from dbt_selligent.sandbox.config import ListConfig
from dbt_selligent.sandbox.optionlists import option_list
from dbt_selligent.settings import Settings
from dbt_selligent.setup import Proposal, set_up
from dbt_selligent.wish import Wish

from .conftest import (
    BIN,
    KEY,
    LISTS,
    SECONDS,
    TEXT,
    Shop,
    clean_environment,
    new_sandbox,
    wait_until,
)

PEOPLE = "select 1 as customer_id, 'ann@acme.example' as mail, 'x' as note"
ORDERS = "select 'north' as store, 7 as order_no, 'paid' as state, 9.5 as total"
TESTS = {
    "models": [
        {
            "name": "people",
            "columns": [{"name": "customer_id", "data_tests": ["unique", "not_null"]}],
        }
    ]
}
OUTPUT = """
selligent:
  outputs:
    dev:
      type: selligent
      url: "{url}"
      organization: DEMO
      api_key: demo
      api_secret: demo
"""
PEOPLE_YAML = """\
exposures:
  - name: people_to_crm
    type: application
    owner: {name: CRM}  # whoever answers for it
    depends_on: [ref('people')]
    config:
      meta:
        selligent:
          list: PEOPLE
          matching_key:
            CUSTOMER_ID: customer_id
          fields:
            MAIL: mail
            NOTE: note
"""


class Dialogue:
    """The real command on a terminal of its own; `answer` waits for a question."""

    def __init__(self, shop: Shop, *arguments: str) -> None:
        self._own, its = pty.openpty()
        self._process = subprocess.Popen(
            [BIN / "dbt-selligent", *arguments],
            cwd=shop.folder,
            env=clean_environment(),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self.said = ""
        self._heard = 0

    def answer(self, question: str, answer: str) -> None:
        """Waits for a question that ends so, and types the answer."""
        self.hear(question)
        os.write(self._own, f"{answer}\n".encode())

    def hear(self, text: str) -> None:
        """Waits for a text that was not heard before."""
        wait_until(lambda: self._read() and text in self.said[self._heard :], f"it says {text!r}")
        self._heard += self.said[self._heard :].index(text) + len(text)

    def end(self) -> int:
        """Waits for the end; gives the exit code."""
        wait_until(lambda: not self._read(), "it ends")
        return self._process.wait(timeout=SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(timeout=SECONDS)
        os.close(self._own)

    def _read(self) -> bool:
        """Whether it is still there, having read what it said."""
        if select.select([self._own], [], [], 0.05)[0]:
            try:
                self.said += os.read(self._own, 65536).decode().replace("\r\n", "\n")
            except OSError:  # as the end is told on Linux
                return False
        return True


def unwritten(shop: Shop) -> str:
    """Takes the selligent profile out of profiles.yml; gives what is left."""
    path = shop.folder / "profiles.yml"
    profiles = yaml.safe_load(path.read_text())
    del profiles["selligent"]
    text = "# ours alone\n" + yaml.safe_dump(profiles)
    path.write_text(text)
    return text


def built(project: Callable[..., Shop], **models: str) -> Shop:
    shop = project([], models=models)
    (shop.folder / "models" / "exposures.yml").unlink()
    if "people" in models:
        (shop.folder / "models" / "tests.yml").write_text(yaml.safe_dump(TESTS))
    assert shop.build("build").code == 0
    return shop


def test_a_new_user_is_led_to_a_first_sync(project: Callable[..., Shop]) -> None:
    shop = built(project, people=PEOPLE, other=ORDERS)
    before = unwritten(shop)
    with closing(Dialogue(shop, "init", "--url", shop.url)) as talk:
        talk.answer("Write it? [Y/n]: ", "")
        talk.hear("profiles.yml: written")
        talk.answer("Number or name [other]: ", "peeple")
        talk.hear("peeple: none of these; did you mean people?")
        talk.answer("Number or name [people]: ", "")
        talk.answer("a list that is to be made\nNumber or name [PEOPLE]: ", "")
        talk.answer("Number or name [CUSTOMER_ID]: ", "")
        talk.answer("Name of the exposure [selligent_people]: ", "people_to_crm")
        talk.hear(f"exposure people_to_crm: will be written:\n\n{PEOPLE_YAML}")
        assert shop.writes() == []
        talk.answer("Make this in Selligent, and write the exposure? [Y/n]: ", "")
        assert talk.end() == 0
    assert talk.said.count(PEOPLE_YAML) == 1
    assert "1  CUSTOMER_ID  (unique by a test of the model)" in talk.said
    assert (shop.folder / "profiles.yml").read_text() == before + OUTPUT.format(url=shop.url)
    assert (shop.folder / "models" / "people_to_crm.yml").read_text() == PEOPLE_YAML
    assert talk.said.splitlines()[-2:] == [
        "next: dbt-selligent plan    says what would be sent",
        "      dbt-selligent sync    sends it",
    ]
    planned = shop.command("plan")
    assert (planned.code, "1 new" in planned.out) == (0, True)
    synced = shop.command("sync")
    assert synced.code == 0, synced.said
    assert "1 confirmed" in synced.out
    assert shop.records("PEOPLE") == [(1, "ann@acme.example", "x")]


class Answers:
    """Someone who knows what to answer; each question has to be about what is expected."""

    def __init__(self, *answers: tuple[str, object]) -> None:
        self._answers = list(answers)
        self.offered: list[list[str]] = []

    def _next(self, what: str, default: object) -> object:
        expected, answer = self._answers.pop(0)
        assert expected in what
        return default if answer is None else answer

    def choose(
        self,
        what: str,
        options: Sequence[tuple[str, str]],
        default: str | None,
        *,
        others: str = "",
    ) -> str:
        self.offered.append([name for name, _ in options])
        return str(self._next(what, default))

    def text(self, what: str, default: str | None = None) -> str:
        return str(self._next(what, default))

    def agree(self, what: str, *, default: bool) -> bool:
        return bool(self._next(what, default))

    @property
    def done(self) -> bool:
        return not self._answers


def asked(shop: Shop, answers: Answers, **wish: Any) -> tuple[str, list[str]]:
    """The exposure that comes of the answers, and what was said beside the questions."""
    said: list[str] = []
    proposal = set_up(shop.settings(), Wish(**wish), said.append, answers, sleep=shop.waits.append)
    assert answers.done
    return proposal.text, said


def test_a_key_of_two_fields_can_be_named_and_one_that_is_none_is_asked_for_again(
    shop: Shop,
) -> None:
    shop.table("orders", ORDERS)
    shop.declare()
    shop.sandbox._lists["STATE_OPTIONS"] = option_list("STATE_OPTIONS", 99, "Text", ["open"])
    answers = Answers(
        ("Model", "orders"),
        ("List", None),
        ("Matching key", "STOER"),
        ("Matching key", "STORE, ORDER_NO"),
        ("Name", "a b"),
        ("Name", "orders_to_crm"),
    )
    text, said = asked(shop, answers)
    meta = yaml.safe_load(text)["exposures"][0]["config"]["meta"]["selligent"]
    assert meta["matching_key"] == {"STORE": "store", "ORDER_NO": "order_no"}
    assert meta["list"] == "ORDERS"  # the one that is called like the model
    assert answers.offered[1] == list(LISTS)  # options are fed by nobody
    assert answers.offered[2] == ["ORDER_NO"]
    assert "matching key STOER: no field" in said[0]
    assert "did you mean STORE?" in said[0]
    assert said[1].startswith("a b: not the name of an exposure")
    assert shop.writes() == []


def test_a_key_that_tests_of_the_model_say_is_offered_first(
    project: Callable[..., Shop],
) -> None:
    """As dbt writes the test of unique combinations into the manifest, from whatever package."""
    shop = project([], models={"orders": ORDERS})
    shop.table("orders", ORDERS)
    signature = "{% test unique_together(model, combination_of_columns) %}"
    macro = f"{signature} select 1 where false {{% endtest %}}"
    (shop.folder / "tests" / "generic").mkdir(parents=True)
    (shop.folder / "tests" / "generic" / "unique_together.sql").write_text(macro)
    test = {"unique_together": {"arguments": {"combination_of_columns": ["store", "order_no"]}}}
    described = {"models": [{"name": "orders", "data_tests": [test]}]}
    (shop.folder / "models" / "tests.yml").write_text(yaml.safe_dump(described))
    answers = Answers(("Matching key", None), ("Name", None))
    text, _ = asked(shop, answers, model="orders", list="ORDERS")
    assert answers.offered == [["STORE, ORDER_NO", "ORDER_NO"]]
    meta = yaml.safe_load(text)["exposures"][0]["config"]["meta"]["selligent"]
    assert meta["matching_key"] == {"STORE": "store", "ORDER_NO": "order_no"}


def test_fields_that_a_list_lacks_are_made_only_if_that_is_wanted(shop: Shop) -> None:
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail, 1 as points")
    shop.declare()
    wish = {"model": "customers", "list": "CUSTOMERS", "name": "crm"}
    lacks = "List CUSTOMERS has no field for POINTS: make it?"
    text, _ = asked(shop, Answers((lacks, None), ("Matching key", None)), **wish)
    assert "POINTS" not in text.partition("#")[0]
    refused = Answers((lacks, True), ("Matching key", None), ("Make this in Selligent", False))
    with pytest.raises(ConfigurationError, match="nothing was made, and nothing written"):
        asked(shop, refused, **wish)
    assert shop.writes() == []
    made = Answers((lacks, True), ("Matching key", None), ("Make this?", True))
    text, said = asked(shop, made, **wish, printing=True)
    assert "            POINTS: points\n" in text
    assert said[-1] == "field POINTS of list CUSTOMERS: made, Long"
    assert "unique key of list CUSTOMERS: left as it is; --key FIELD sets it" in said
    assert shop.writes() == ["/Portal/Api/organizations/DEMO/lists/CUSTOMERS/fields"]


def test_what_was_not_shown_as_it_came_to_be_is_asked_for_before_it_is_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that comes with the list is another than the one that would have been made."""
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail, 1 as points")
    shop.declare()
    answers = [("Matching key", "CUSTOMER_ID"), ("Name", None), ("Make this in Selligent", True)]
    wish = Wish(model="customers", list="NEW", create=True)

    def proposed() -> Proposal:
        said: list[str] = []
        proposal = set_up(
            shop.settings(), wish, said.append, Answers(*answers), sleep=shop.waits.append
        )
        assert any("will be written" in each for each in said)
        return proposal

    assert proposed().agreed
    del shop.sandbox._lists["NEW"]
    monkeypatch.setattr(lists, "ListConfig", _WithDefaults)
    changed = proposed()
    assert not changed.agreed
    path = shop.folder / "models" / f"{changed.name}.yml"
    with pytest.raises(ConfigurationError, match="nothing was written"):
        write_exposure(shop.settings(), changed, Answers(("Write it?", False)), print)
    assert not path.exists()


class _WithDefaults:
    """Lists that come with a field of their own, without which no record is made."""

    @staticmethod
    def model_validate(told: Any) -> Any:
        fields = {"POINTS": TEXT, "SCORE": KEY}
        return ListConfig.model_validate({**told, "fields": fields})


def test_what_is_offered_is_taken_with_enter_and_what_is_typed_near_a_name_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed: list[str] = []
    monkeypatch.setattr(click, "prompt", lambda *_, default: typed.pop(0) or default)
    agreed: list[bool] = []
    questions: list[str] = []

    def confirm(what: str, *, default: bool) -> bool:
        questions.append(what)
        return agreed.pop(0)

    monkeypatch.setattr(click, "confirm", confirm)

    def chosen(*answers: str) -> str:
        typed[:] = answers
        lists = [(name, "") for name in ("CUSTOMERS", "TIER_OPTIONS")]
        return asking.Prompts().choose("List", lists, "MEMBERS", others="another")

    assert chosen("") == "MEMBERS"
    assert questions == []
    agreed[:] = [True]
    assert chosen("CUSTOMER") == "CUSTOMER"
    assert questions == ["CUSTOMER is none of these, but CUSTOMERS is: take CUSTOMER all the same?"]
    agreed[:] = [False]
    assert chosen("CUSTOMER", "") == "MEMBERS"  # not what Enter was never offered
    assert chosen("2") == "TIER_OPTIONS"


class Starting(Answers):
    """Says that the sandbox is started before it is; starts it when asked again."""

    def __init__(self, start: Callable[[], object], *answers: tuple[str, object]) -> None:
        super().__init__(*answers)
        self._starts = [lambda: None, start]

    def agree(self, what: str, *, default: bool) -> bool:
        if what == "Is it started?":
            self._starts.pop(0)()
        return super().agree(what, default=default)


def test_a_sandbox_that_does_not_run_is_waited_for(shop: Shop) -> None:
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail")
    shop.declare()
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    shop.profile(url=url)
    start = f"`dbt-selligent sandbox --port {port}`"
    told = (
        f"no Selligent answers at {url}: start one in another terminal with {start}, then press "
        "Enter; n ends this"
    )
    with ExitStack() as stack:
        answers = Starting(
            lambda: stack.enter_context(new_sandbox().running(port)),
            ("Is it started?", None),
            ("Is it started?", None),
            ("Matching key", None),
        )
        text, said = asked(shop, answers, model="customers", list="CUSTOMERS", name="crm")
    assert "            MAIL: mail\n" in text
    assert said == [told, told]
    with pytest.raises(UnreachableError) as error:
        asked(shop, Answers(("Is it started?", False)))
    assert error.value.message == f"{url}: Selligent cannot be reached: no connection"
    assert error.value.next_step == f"start one with {start}, then run this again"


def test_where_the_sandbox_cannot_run_its_install_is_told_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert start_command(URL) == "`dbt-selligent sandbox`"
    monkeypatch.setattr(localsandbox, "FRAMEWORK", "no_such_framework")
    assert start_command(URL) == (
        "`pip install 'dbt-selligent[sandbox]'`, and then `dbt-selligent sandbox`"
    )


def provided(shop: Shop, answers: Answers | None, **chosen: Any) -> tuple[Settings, list[str]]:
    said: list[str] = []
    unasked = bool(chosen.pop("unasked", False))
    settings = provide_output(
        shop.settings(), Address(**chosen), answers, said.append, unasked=unasked
    )
    return settings, said


INSTANCE = (
    ("Where rows of target dev go", "instance"),
    ("Address", "acme.slgnt.eu"),
    ("Address", "http://acme.slgnt.eu"),
    ("Address", "https://acme.slgnt.eu/"),
    ("Organization", "ACME"),
)


def test_key_and_secret_of_an_instance_stay_in_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unwritten(shop)
    settings, said = provided(shop, Answers(*INSTANCE, ("Write it?", None)))
    assert (shop.folder / "profiles.yml").read_text() == before + (
        "\nselligent:\n  outputs:\n    dev:\n      type: selligent\n"
        '      url: "https://acme.slgnt.eu"\n      organization: ACME\n'
        "      api_key: \"{{ env_var('SELLIGENT_API_KEY') }}\"\n"
        "      api_secret: \"{{ env_var('SELLIGENT_API_SECRET') }}\"\n"
    )
    assert [line.partition("\n")[0] for line in said[:2]] == [
        "address: not a URL",
        "address: http is for this machine only",
    ]
    assert said[-1] == (
        "key and secret are not in it: it reads the variables SELLIGENT_API_KEY and "
        "SELLIGENT_API_SECRET"
    )
    with pytest.raises(ProfileError, match="the environment variable SELLIGENT_API_KEY is not set"):
        settings.destination_named()
    monkeypatch.setenv("SELLIGENT_API_KEY", "a-key")
    monkeypatch.setenv("SELLIGENT_API_SECRET", "a-secret")
    assert settings.destination_named() == shop.settings().destination_named()


def test_the_sandbox_comes_first_and_is_written_beside_other_outputs(shop: Shop) -> None:
    path = shop.folder / "profiles.yml"
    text = unwritten(shop) + "selligent:\n  outputs:\n    prod:\n      url: https://acme.example\n"
    (shop.folder / "kept.yml").write_text(text)
    path.unlink()
    path.symlink_to(shop.folder / "kept.yml")
    path.chmod(0o660)
    answers = Answers(("Where rows", None), ("Write it?", None))
    provided(shop, answers)
    assert answers.offered == [["sandbox", "instance"]]
    added = "".join(f"{line}\n" for line in OUTPUT.format(url=URL).splitlines()[3:])
    assert path.read_text() == text + added
    assert path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o660
    assert sorted(each.name for each in shop.folder.glob(".profiles*")) == []
    path.unlink()
    (shop.folder / "kept.yml").unlink()


def test_nothing_is_written_where_it_is_not_wanted_or_cannot_be(shop: Shop) -> None:
    path = shop.folder / "profiles.yml"
    before = unwritten(shop)
    with pytest.raises(ConfigurationError, match="nothing was written"):
        provided(shop, Answers(("Where", None), ("Write it?", False)))
    with pytest.raises(ProfileError) as error:
        provided(shop, None)  # nobody to ask
    assert "`dbt-selligent init` adds it" in error.value.next_step
    with pytest.raises(ConfigurationError, match="--organization: missing"):
        provided(shop, None, url="https://acme.example", unasked=True)
    assert path.read_text() == before
    whole = json.dumps(yaml.safe_load(before))
    path.write_text(whole)  # of which no line is one of an output
    with pytest.raises(ProfileError, match="written in a way that is not changed here") as error:
        provided(shop, Answers(("Where", None)))
    assert error.value.next_step.startswith("add the lines above to it; `dev` stands under")
    assert path.read_text() == whole


def test_with_yes_files_are_written_without_a_question_and_over_none(
    project: Callable[..., Shop],
) -> None:
    shop = project([], models={"customers": "select 1 as id"})
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail")
    (shop.folder / "models" / "exposures.yml").unlink()
    before = unwritten(shop)
    wish = ("--model", "customers", "--list", "CUSTOMERS", "--name", "crm")
    taken = shop.folder / "models" / "crm.yml"
    taken.write_text("# mine\n")
    done = shop.invoke("init", *wish, "--url", shop.url, "--yes")
    assert (done.code, done.out) == (0, "")
    assert (shop.folder / "profiles.yml").read_text() == before + OUTPUT.format(url=shop.url)
    assert taken.read_text() == "# mine\n"
    made = taken.with_name("crm_2.yml")
    written = made.read_text()
    assert written in done.err
    made.unlink()
    printed = shop.invoke("init", *wish, "--yes", "--print")
    assert (printed.code, printed.out) == (0, written)
    assert not made.exists()


def test_other_targets_and_destinations_are_named_in_what_to_run_next(shop: Shop) -> None:
    shop.table("customers", "select 1 as customer_id, 'ann@acme.example' as mail")
    shop.declare()
    shop.profile(more={"other": shop.output})
    wish = ("--model", "customers", "--list", "CUSTOMERS", "--name", "crm", "--yes")
    made = shop.folder / "models" / "crm.yml"
    try:
        done = shop.invoke("init", *wish, "--destination", "other")
    finally:
        made.unlink(missing_ok=True)
    assert "dbt-selligent plan --destination other    says what would be sent" in done.err
