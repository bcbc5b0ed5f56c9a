"""What can be made in Selligent for a model: a list, its fields, its unique key, a segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbt_selligent.errors import RefusedError, UnreachableError
from dbt_selligent.questions import Say
from dbt_selligent.selligent.answer import Failure, Response, Retry, Stop, classify
from dbt_selligent.selligent.body import read_object
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Field
from dbt_selligent.suggestion import written_type

AGAIN = "run this again: what was made is not made twice"


@dataclass(frozen=True)
class Making:
    """Something to be made in Selligent; ``mend`` where it is refused."""

    what: str
    how: str
    call: Callable[[], Response | Failure]
    mend: str = AGAIN

    def make(self, say: Say) -> None:
        """Makes it, says so; raises UnreachableError, RefusedError where it cannot be said."""
        answer = self.call()
        if _is_done(answer):
            say(f"{self.what}: {self.how}")
            return
        decision = classify(answer, 1, frozenset())
        if isinstance(decision, Retry):
            raise UnreachableError(f"it is not known if {self.what} is made: {decision.reason}")
        if isinstance(decision, Stop):
            unauthorized = isinstance(answer, Response) and answer.status == 401
            mend = decision.mend if unauthorized else self.mend
            raise RefusedError(f"{self.what} is not made: {decision.reason}", mend)
        raise RefusedError(f"{self.what} is not made: refused by Selligent", self.mend)


class Maker:
    """The makings of one list."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    def list(self, kind: str) -> Making:
        """The list itself, of a type like Userlist."""
        return Making(
            f"list {self._name}",
            f"made, a {kind}",
            lambda: self._client.create_list(self._name, self._name, kind),
            "API names are of letters, digits and underscores",
        )

    def field(self, field: Field) -> Making:
        """A field of it."""
        content: dict[str, object] = {
            "name": field.name,
            "data_type": field.data_type,
            "allow_null": field.allow_null,
        }
        if field.length is not None:
            content["length"] = field.length
        mend = "a list that holds records may take no new key: name one that it has with --key"
        return Making(
            f"field {field.name} of list {self._name}",
            f"made, {written_type(field)}" + ("" if field.allow_null else ", takes no null"),
            lambda: self._client.create_fields(self._name, [content]),
            AGAIN if field.allow_null else mend,
        )

    def unique_key(self, fields: Sequence[str]) -> Making:
        """Its unique key, over one to three fields."""
        return Making(
            f"unique key of list {self._name}",
            f"set over {', '.join(fields)}",
            lambda: self._client.set_business_key(self._name, fields),
            "do records of the list share a key, or have none?",
        )

    def segment(self, segment: str) -> Making:
        """A static segment of it."""
        return Making(
            f"segment {segment} of list {self._name}",
            "made",
            lambda: self._client.create_segment(self._name, segment),
        )


def _is_done(answer: Response | Failure) -> bool:
    """A status of 200 is not success: the body has to say nothing else."""
    if isinstance(answer, Failure) or answer.status not in (200, 201, 204):
        return False
    if not answer.body.strip():
        return True
    body = read_object(answer.body)
    return body is not None and body.get("result_code", "Succeeded") == "Succeeded"
