"""What is advised of the lists of several activations."""

from __future__ import annotations

from pathlib import Path

from dbt_selligent.activation import Activation
from dbt_selligent.catalog import Catalog
from dbt_selligent.findings import Advice, advise_keys
from dbt_selligent.selligent.lists import Listing
from dbt_selligent.settings import Settings
from unit.plans import activation


def of(name: str, destination: str, fed: str = "CUSTOMERS") -> Activation:
    return activation(name=name, unique_id=name, destination=destination, list=fed)


def advised(*some: Activation) -> Advice:
    here = Path()
    settings = Settings(here, here, "shop", "dev", here, profiles={"shop": {"target": "dev"}})
    read = Catalog({each.unique_id: Listing(each.list, ()) for each in some})
    [advice] = advise_keys(settings, some, read)
    return advice


def test_lists_of_one_name_at_two_destinations_are_two() -> None:
    advice = advised(of("crm", "dev"), of("shop", "prod"), of("more", "dev"))
    assert advice.about == "unique keys of lists CUSTOMERS at dev, CUSTOMERS at prod"
    assert "--key FIELD --destination NAME --create`" in advice.said


def test_lists_of_one_destination_are_told_by_their_names() -> None:
    advice = advised(of("crm", "dev"), of("mails", "dev", "MAILS"))
    assert advice.about == "unique keys of lists CUSTOMERS, MAILS"
    assert "--key FIELD --create`" in advice.said


def test_one_list_is_told_with_its_activations_and_its_command() -> None:
    advice = advised(of("crm", "prod"), of("more", "prod"))
    assert advice.about == "crm, more: unique key of list CUSTOMERS"
    assert "--key ID --destination prod --create`" in advice.said
