"""Syncs killed at every durable step, a short soak, and that neither can pass for no reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest

from soak.checks import PromiseBrokenError, files_of, records_by_id
from soak.scenarios import SCENARIOS, Enumeration
from soak.soak import Soak, table
from soak.stage import Stage, make_project, open_stage

ROWS = 150
Open = Callable[[str], AbstractContextManager[Stage]]


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("soak")


@pytest.fixture(scope="module")
def project(soaked: Path) -> Path:
    return make_project(soaked)


@pytest.fixture
def open_it(project: Path, soaked: Path) -> Open:
    """Opens the stage of a scenario, in step."""

    @contextmanager
    def opened(name: str) -> Iterator[Stage]:
        world = SCENARIOS[name].world()
        with open_stage(project, soaked / "said", world, Random(name), ROWS) as stage:
            stage.recover()
            yield stage

    return opened


def kill_at_each(enumeration: Enumeration) -> None:
    while not enumeration.done:
        enumeration.next(twice=False)


# A soak has all of them, and kills after each step too.
@pytest.mark.parametrize("name", ["first sync", "mirror with segment", "recovery"])
def test_a_kill_at_any_durable_step_breaks_no_promise(open_it: Open, name: str) -> None:
    with open_it(name) as stage:
        enumeration = Enumeration(name, stage, essential=True, moments=("before",))
        kill_at_each(enumeration)
    assert enumeration.kills >= 5
    assert stage.checks.rows > 1000


def test_a_short_soak_breaks_no_promise(soaked: Path) -> None:
    said: list[str] = []
    figures = Soak(soaked / "short", 7, 8, said.append).run()
    assert figures.broken == []
    assert figures.rounds >= 1
    assert f"promises broken{0:>39,}" in table(figures, 7, 8)


@pytest.mark.parametrize("sabotage", ["forget_doubt", "flush_late", "hope"])
def test_a_product_that_breaks_its_promises_is_found_out(open_it: Open, sabotage: str) -> None:
    with open_it("changes") as stage:
        enumeration = Enumeration(
            "changes", stage, sabotage=sabotage, label="answer to POST", moments=("before",)
        )
        with pytest.raises(PromiseBrokenError, match=r"I[12]"):
            kill_at_each(enumeration)


def test_a_state_that_says_what_was_never_sent_is_found_out(open_it: Open) -> None:
    with open_it("changes") as stage:
        [feed] = stage.world.feeds.values()
        with duckdb.connect(str(files_of(stage.shop, feed).state)) as connection:
            connection.execute("update snapshot set \"WORD\" = 'another' where rowid = 3")
        with pytest.raises(PromiseBrokenError, match=r"I1: people .* is confirmed as"):
            stage.checks.confirmed_is_applied()


def test_a_list_that_is_not_as_the_model_says_is_found_out(open_it: Open) -> None:
    with open_it("mirror with segment") as stage:
        key = sorted(stage.world.models["people"].rows)[5]
        stage.shop.sandbox.remove("PEOPLE", {"NAME": key[0]})
        with pytest.raises(PromiseBrokenError, match=r"I2: people .* is not in the list"):
            stage.checks.in_step()
        stranger = sorted(set(stage.world.strangers["PEOPLE"]) - stage.world.models["people"].ever)
        stage.shop.sandbox.remove("PEOPLE", {"NAME": stranger[0][0]})
        with pytest.raises(PromiseBrokenError, match=r"I3: PEOPLE .* of others is None"):
            stage.checks.strangers_untouched()


def test_a_field_of_new_records_alone_that_is_overwritten_is_found_out(open_it: Open) -> None:
    with open_it("changes") as stage:
        [feed] = stage.world.feeds.values()
        stage.world.feeds[feed.name] = replace(feed, once=("FLAG",))
        stage.checks.strangers_untouched()
        record = stage.shop.sandbox.records("PEOPLE")[0]
        # A record that was deleted is another one when it is made again.
        stage.shop.sandbox.remove("PEOPLE", {"NAME": record["NAME"]})
        stage.shop.sandbox.put("PEOPLE", [{**record, "FLAG": not record["FLAG"]}])
        stage.checks.strangers_untouched()
        number, found = next(iter(records_by_id(stage.shop.sandbox, "PEOPLE").items()))
        stage.shop.sandbox._lists["PEOPLE"].records[number]["FLAG"] = not found["FLAG"]
        with pytest.raises(PromiseBrokenError, match=rf"I3: PEOPLE record {number}: FLAG was"):
            stage.checks.strangers_untouched()


def test_a_value_that_a_skipped_null_takes_is_found_out(open_it: Open) -> None:
    with open_it("changes") as stage:
        [feed] = stage.world.feeds.values()
        stage.world.feeds[feed.name] = replace(feed, nulls="skip")
        stage.checks.strangers_untouched()
        records = stage.shop.sandbox._lists["PEOPLE"].records
        number = next(each for each, record in records.items() if record["NOTE"] is not None)
        records[number]["NOTE"] = None
        with pytest.raises(PromiseBrokenError, match=rf"I3: PEOPLE record {number}: NOTE had a"):
            stage.checks.strangers_untouched()


def test_a_record_that_goes_while_its_row_is_invalid_is_found_out(open_it: Open) -> None:
    with open_it("removals") as stage:
        model = stage.world.models["people"]
        model.spoil(Random(1), 1)
        stage.world.write(stage.shop)
        [key] = set(model.rows) - set(model.valid())
        stage.checks.in_step()
        stage.shop.sandbox.remove("PEOPLE", {"NAME": key[0]})
        with pytest.raises(PromiseBrokenError, match=r"I2: people .* never left the model"):
            stage.checks.in_step()


def test_an_exit_code_that_the_results_do_not_say_is_found_out(open_it: Open) -> None:
    with open_it("changes") as stage:
        stage.checks.counts_add_up(0)
        with pytest.raises(PromiseBrokenError, match=r"I4: it ended with 1: .*in step"):
            stage.checks.counts_add_up(1)


def test_values_and_secrets_in_a_file_are_found_out(open_it: Open) -> None:
    with open_it("changes") as stage:
        log = stage.shop.folder / "target" / "some.log"
        log.write_text("qzvalue")
        with pytest.raises(PromiseBrokenError, match=r"I6: qzvalue is in .*some\.log"):
            stage.checks.nothing_leaks("")
        log.unlink()
        with pytest.raises(PromiseBrokenError, match="I6: qzsecret is in what was said"):
            stage.checks.nothing_leaks("qzsecret")
