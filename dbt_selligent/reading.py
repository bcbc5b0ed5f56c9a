"""Reads of Selligent: fields of lists, segments, options, and the records of a list in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import tenacity

from dbt_selligent.errors import LongAnswerError, RefusedError, UnreachableError
from dbt_selligent.naming import canonical
from dbt_selligent.selligent.answer import RETRIED_CODES, Failure, Response, Retry, Stop, classify
from dbt_selligent.selligent.body import read_object
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Field, Listing, read_fields
from dbt_selligent.wire import LONGEST_WAIT, MOST_FAILURES

# Records of a page; a server that gives fewer at a time is asked more often.
ROWS_PER_PAGE = 5000
# The field of an option list that holds what a record holds, as far as is known.
OPTION_CODE = "CODE"
# The type of a list of options, which no model feeds.
OPTION_LIST = "Optionlist"

Get = Callable[[], Response | Failure]
Sleep = Callable[[float], None]
Filter = dict[str, str]
NOTHING = object()  # before the first page


def get_once(get: Get, _: Sleep) -> Response:
    """The answer to a request that only reads; raises UnreachableError, RefusedError."""
    return read_answer(get())


def get_with_retries(get: Get, sleep: Sleep) -> Response:
    """The same, tried again where that may help."""

    def passing(answer: Response | Failure) -> bool:
        if isinstance(answer, Failure):
            return not (answer.final or answer.large)
        if answer.status == 200:
            found = read_object(answer.body)
            return found is None or found.get("result_code") in RETRIED_CODES
        return answer.status in (408, 429) or answer.status >= 500

    def pause(state: tenacity.RetryCallState) -> float:
        decision = classify(state.outcome.result(), 1, frozenset()) if state.outcome else None
        if isinstance(decision, Retry) and decision.after is not None:
            return decision.after
        return float(tenacity.wait_random_exponential(0.5, LONGEST_WAIT)(state))

    answer: Response | Failure = tenacity.Retrying(
        retry=tenacity.retry_if_result(passing),
        stop=tenacity.stop_after_attempt(MOST_FAILURES),
        wait=pause,
        sleep=sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(get)
    return read_answer(answer)


def read_answer(answer: Response | Failure) -> Response:
    """The answer, if there is one; raises UnreachableError, RefusedError."""
    if isinstance(answer, Failure):
        if answer.final:
            raise RefusedError(answer.reason, "run `dbt-selligent debug`")
        if answer.large:
            raise LongAnswerError(answer.reason)
        raise UnreachableError(f"Selligent cannot be reached: {answer.reason}")
    return answer


def refuse(answer: Response, what: str) -> RefusedError | UnreachableError:
    """The error for an answer that is not the one hoped for."""
    decision = classify(answer, 1, frozenset())
    if isinstance(decision, Stop):
        return RefusedError(decision.reason, decision.mend)
    why = decision.reason if isinstance(decision, Retry) else "not the API's answer"
    return UnreachableError(f"{what}: {why}")


class Reader:
    """Reads of one destination, each by ``get``."""

    def __init__(
        self,
        client: Client,
        sleep: Sleep,
        get: Callable[[Get, Sleep], Response] = get_with_retries,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._get = get
        self._smaller = 1  # pages than usual, by so much: records may be long

    def listing(self, name: str, segment: str | None = None) -> Listing | None:
        """A list, or None where there is none; raises UnreachableError, RefusedError."""
        fields = self._fields(name)
        if fields is None:
            return None
        kind = self._segment_type(name, segment) if segment else None
        return Listing(name, tuple(map(self._with_options, fields)), kind)

    def check_organization(self) -> None:
        """Raises RefusedError, UnreachableError unless key and organization are right."""
        answer = self._get(self._client.organization, self._sleep)
        if answer.status != 200:
            raise refuse(answer, "the organization cannot be read")

    def names(self, *, options: bool = True) -> list[str]:
        """The API names of all lists; without ``options``, of those that are no option lists."""
        answer = self._get(self._client.lists, self._sleep)
        found = (read_object(answer.body) or {}).get("lists")
        return (
            [
                str(each.get("api_name"))
                for each in found
                if isinstance(each, dict) and (options or each.get("type") != OPTION_LIST)
            ]
            if isinstance(found, list)
            else []
        )

    def count(self, name: str) -> int:
        """How many records a list has."""
        answer = self._get(lambda: self._client.count(name), self._sleep)
        found = (read_object(answer.body) or {}).get("count")
        if answer.status != 200 or type(found) is not int:
            raise refuse(answer, f"the records of list {name} cannot be counted")
        return found

    def pages(
        self, name: str, fields: Sequence[str], keys: Sequence[str], segment: str | None = None
    ) -> Iterator[list[list[Any]]]:
        """All records of a list, or of a segment of it, page by page in the order of ``keys``.

        ``keys`` are among the fields. The page after a record is asked for by its value, not by how
        many came before, so that a page of a large list costs no more than one of a small one.
        Raises UnreachableError, RefusedError, also where the pages do not go on.
        """
        yield from self._pages(name, list(fields), list(keys), [], segment)

    def _pages(
        self,
        name: str,
        fields: list[str],
        keys: Sequence[str],
        among: list[Filter],
        segment: str | None,
    ) -> Iterator[list[list[Any]]]:
        by, *rest = keys
        place = fields.index(by)
        after: list[Filter] = []
        skip, before, last = 0, None, NOTHING
        while page := self._page(
            name,
            {
                "fields": fields,
                "filters": [*among, *after],
                "skip": skip,
                "order_by": by,
                "order_by_direction": "ASC",
            },
            segment,
        ):
            previous, last = last, page[-1][place]
            again = canonical(previous) == canonical(last)
            if page == before or (rest and again):
                raise RefusedError(
                    f"list {name} cannot be read back: its pages do not go on",
                    "report this, with the types of the key's fields",
                )
            others = [record for record in page if canonical(record[place]) != canonical(last)]
            if rest:
                # Records of one value may go on on the next page, in an order of their own.
                if others:
                    yield others
                same = [*among, _filter(by, "EqualTo", "IsNull", last)]
                yield from self._pages(name, fields, rest, same, segment)
                after = [_filter(by, "GreaterThan", "IsNotNull", last)]
            else:
                yield page
                # Of one key there should be one record; if not, they are told by their number.
                skip = len(page) - len(others) + (skip if again else 0)
                after = [] if last is None else [_filter(by, "GreaterThanOrEqualTo", "", last)]
            before = page

    def _page(self, name: str, search: Mapping[str, Any], segment: str | None) -> list[list[Any]]:
        answer = self._searched(name, search, segment)
        found = read_object(answer.body) or {}
        good = answer.status == 200 and found.get("result_code", "Succeeded") == "Succeeded"
        data, wanted = found.get("data"), search["fields"]
        try:
            order = [_bare(each) for each in found.get("fields") or wanted]
            places = [order.index(_bare(field)) for field in wanted]
            if good and data is not None:
                return [[record[place] for place in places] for record in data]
        except (ValueError, TypeError, IndexError, KeyError):
            pass
        raise refuse(answer, f"list {name} cannot be read back")

    def _searched(self, name: str, search: Mapping[str, Any], segment: str | None) -> Response:
        while True:
            page = {**search, "take": max(1, ROWS_PER_PAGE // self._smaller)}
            get = partial(self._client.search, name, page, segment)
            try:
                return self._get(get, self._sleep)
            except LongAnswerError:
                if page["take"] == 1:
                    raise
                self._smaller *= 8

    def _fields(self, name: str) -> tuple[Field, ...] | None:
        answer = self._get(lambda: self._client.fields(name), self._sleep)
        if answer.status == 404:
            return None
        fields = read_fields(answer.body) if answer.status == 200 else None
        if fields is None:
            raise refuse(answer, f"the fields of list {name} cannot be read")
        return fields

    def _segment_type(self, name: str, segment: str) -> str | None:
        answer = self._get(lambda: self._client.segment(name, segment), self._sleep)
        if answer.status == 404:
            return None
        found = (read_object(answer.body) or {}).get("type")
        if answer.status != 200 or not isinstance(found, str):
            raise refuse(answer, f"segment {segment} of list {name} cannot be read")
        return found

    def _with_options(self, field: Field) -> Field:
        """The field with its options, where it takes one of them and they can be read."""
        if not field.takes_one_option or field.optionlist is None:
            return field
        code = None
        try:
            if there := self._fields(field.optionlist):
                code = Listing(field.optionlist, there).find(OPTION_CODE)
            if code is None:
                return field
            pages = self.pages(field.optionlist, [code.name], [code.name])
            options = tuple(str(record[0]) for page in pages for record in page)
        except (RefusedError, UnreachableError):
            return field  # a value that is none of them is refused by Selligent, row by row
        return replace(field, options=options)


def _filter(field: str, operator: str, of_null: str, value: object) -> Filter:
    if value is None:
        return {"field_name": field, "operator": of_null}
    written = value if isinstance(value, str) else json.dumps(value)
    return {"field_name": field, "operator": operator, "field_value": written}


def _bare(field: object) -> str:
    """A field as an answer may name it: in another case, or with its scope before it."""
    return str(field).casefold().removeprefix("master.")
