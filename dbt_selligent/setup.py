"""Sets a list up for a model: what `init` asks, suggests and, told to, makes in Selligent.

One call after the other, never two at once: of concurrent ones Selligent lost some. Nothing that is
there is changed, but for the unique key, and that only where its fields were named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbt_selligent.errors import ConfigurationError, RefusedError, UnreachableError, nearest
from dbt_selligent.findings import wait_briefly
from dbt_selligent.locks import temporary_folder
from dbt_selligent.manifest import Model, read_manifest
from dbt_selligent.matching import Source
from dbt_selligent.project import parse_project
from dbt_selligent.reading import Reader, get_with_retries, refuse
from dbt_selligent.selligent.answer import Failure, Response, Retry, Stop, classify
from dbt_selligent.selligent.body import read_object
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.settings import Settings
from dbt_selligent.snippet import Snippet, build_snippet, write_snippet
from dbt_selligent.storage import open_storage
from dbt_selligent.suggestion import (
    new_fields,
    written_type,
)
from dbt_selligent.wish import Context, Wish, read_context

Say = Callable[[str], None]
AGAIN = "run this again: what was made is not made twice"


@dataclass(frozen=True)
class Making:
    """Something to be made in Selligent; ``mend`` where it is refused."""

    what: str
    how: str
    call: Callable[[], Response | Failure]
    mend: str = AGAIN


def set_up(
    settings: Settings, wish: Wish, say: Say, sleep: Callable[[float], None] = wait_briefly
) -> str:
    """The YAML of an exposure that feeds the list from the model; makes what it lacks, if told to.

    ``say`` is told what is to be made, each thing that is made, and what the YAML leaves open.
    Raises ConfigurationError, RunError.
    """
    with parse_project(settings) as path:
        manifest = read_manifest(path)
    destination = settings.destination_named()
    context = read_context(settings, manifest, wish, destination.name)
    columns = _read_columns(settings, context.model, measured=wish.create)
    try:
        with Client(destination, sleep=sleep) as client:
            # Of a wrong one, no list is there either: it is not the list that is missing then.
            answer = get_with_retries(client.organization, sleep)
            if answer.status != 200:
                raise refuse(answer, f"organization {destination.organization}")
            return _Setup(wish, context, columns, client, Reader(client, sleep), say).run()
    except UnreachableError as error:
        step = AGAIN if wish.create else "run `dbt-selligent debug`, then this again"
        raise UnreachableError(error.message, step) from None


def _read_columns(settings: Settings, model: Model, *, measured: bool) -> list[Source]:
    """The columns of the model; ``measured``, with the length of its longest texts."""
    relation = model.relation_name or ""
    with (
        temporary_folder(settings.own_target_path) as temporary,
        open_storage(settings) as storage,
        storage.open_reader(temporary) as reader,
    ):
        there = reader.columns(model)
        if there is None:
            raise ConfigurationError(
                f"{relation} does not exist in the warehouse",
                f"run `dbt build --select {model.name}` for target {settings.target} first",
            )
        columns = [Source(name, sql_type, dialect=reader.dialect) for name, sql_type in there]
        texts = [each.name for each in columns if (each.settled or ("",))[0] == "text"]
        if not measured or not texts:
            return columns
        lengths = reader.longest(model, texts)
    longest = dict(zip(texts, lengths, strict=True))
    return [replace(each, length=longest.get(each.name)) for each in columns]


class _Setup:
    """One set-up, while it is under way."""

    def __init__(
        self,
        wish: Wish,
        context: Context,
        columns: Sequence[Source],
        client: Client,
        reader: Reader,
        say: Say,
    ) -> None:
        self._wish, self._context, self._columns = wish, context, columns
        self._client, self._reader, self._say = client, reader, say

    def run(self) -> str:
        """Asks, makes what is to be made, and writes the exposure."""
        wish = self._wish
        listing = self._reader.listing(wish.list, wish.segment)
        if listing is None and not wish.create:
            like = nearest(wish.list, self._reader.names())
            raise ConfigurationError(
                f"there is no list {wish.list} in the organization",
                (f"did you mean {like}? " if like else "") + "--create makes it",
            )
        if listing and listing.segment_type not in (None, "Static"):
            raise ConfigurationError(
                f"segment {wish.segment} is of type {listing.segment_type}",
                "only static segments take members: name another one",
            )
        if wish.create:
            listing = self._create(listing)
        elif listing and wish.segment and listing.segment_type is None:
            self._say(f"segment {wish.segment}: not there, the first sync makes it")
        return self._write(listing or Listing(wish.list, ()))

    def _create(self, listing: Listing | None) -> Listing:
        """Makes what is missing, having said it all before; gives the list as it is then."""
        new = listing is None
        makings = self._makings(listing or Listing(self._wish.list, ()), new)
        create = Making(
            f"list {self._wish.list}",
            f"made, a {self._wish.kind}",
            lambda: self._client.create_list(self._wish.list, self._wish.list, self._wish.kind),
            "API names are of letters, digits and underscores",
        )
        for making in [create, *makings] if new else makings:
            self._say(f"{making.what}: will be {making.how}")
        if not self._wish.keys and not new:
            self._say(f"unique key of list {self._wish.list}: left as it is; --key FIELD sets it")
        if new:
            self._make(create)
            left = self._makings(self._reread(), new)
            for making in makings:
                if making.what not in [each.what for each in left]:
                    self._say(f"{making.what}: came with the list")
            makings = left
        for making in makings:
            self._make(making)
        if not makings and not new:
            self._say("nothing to make: it is all there")
        return self._reread()

    def _makings(self, listing: Listing, new: bool) -> list[Making]:
        """What the list lacks: fields, unique key, segment."""
        wish, name = self._wish, listing.name
        fields = new_fields(self._columns, listing.fields, self._asked()[0], self._context.hints)
        # What could not be written in the end is an error now, before anything is made.
        snippet = self._build(replace(listing, fields=(*listing.fields, *fields)))
        makings = [self._field(name, field) for field in fields]
        if wish.keys or (new and not snippet.guess):
            names = [pair.field.name for pair in snippet.keys]
            makings.append(
                Making(
                    f"unique key of list {name}",
                    f"set over {', '.join(names)}",
                    lambda: self._client.set_business_key(name, names),
                    "do records of the list share a key, or have none?",
                )
            )
        if wish.segment and listing.segment_type is None:
            segment = wish.segment
            makings.append(
                Making(
                    f"segment {segment} of list {name}",
                    "made",
                    lambda: self._client.create_segment(name, segment),
                )
            )
        return makings

    def _field(self, list_name: str, field: Field) -> Making:
        content: dict[str, object] = {
            "name": field.name,
            "data_type": field.data_type,
            "allow_null": field.allow_null,
        }
        if field.length is not None:
            content["length"] = field.length
        mend = "a list that holds records may take no new key: name one that it has with --key"
        return Making(
            f"field {field.name} of list {list_name}",
            f"made, {written_type(field)}" + ("" if field.allow_null else ", takes no null"),
            lambda: self._client.create_fields(list_name, [content]),
            AGAIN if field.allow_null else mend,
        )

    def _make(self, making: Making) -> None:
        """Makes it, says so; raises UnreachableError, RefusedError where it cannot be said."""
        answer = making.call()
        if _is_done(answer):
            self._say(f"{making.what}: {making.how}")
            return
        decision = classify(answer, 1, frozenset())
        if isinstance(decision, Retry):
            raise UnreachableError(f"it is not known if {making.what} is made: {decision.reason}")
        if isinstance(decision, Stop):
            unauthorized = isinstance(answer, Response) and answer.status == 401
            mend = decision.mend if unauthorized else making.mend
            raise RefusedError(f"{making.what} is not made: {decision.reason}", mend)
        raise RefusedError(f"{making.what} is not made: refused by Selligent", making.mend)

    def _reread(self) -> Listing:
        listing = self._reader.listing(self._wish.list, self._wish.segment)
        if listing is None:
            raise UnreachableError(f"list {self._wish.list} is made, and cannot be read yet")
        return listing

    def _asked(self) -> tuple[Sequence[str], str]:
        """The fields of the key as they are asked for, and where."""
        declared = self._context.declared
        if self._wish.keys or declared is None:
            return self._wish.keys, "--key"
        return [name for name, _ in declared.keys], f"matching_key of exposure {declared.name}:"

    def _build(self, listing: Listing) -> Snippet:
        """The exposure, of the list as it is or will be."""
        context = self._context
        return build_snippet(
            context.name,
            context.ref,
            listing,
            self._columns,
            self._context.hints,
            self._asked(),
            segment=self._wish.segment or (context.declared.segment if context.declared else None),
            created=self._wish.create,
        )

    def _write(self, listing: Listing) -> str:
        """The exposure; what it leaves open is said."""
        snippet = self._build(listing)
        if snippet.guess:
            keys = ", ".join(pair.field.name for pair in snippet.keys)
            self._say(f"matching key {keys}: {snippet.guess}; --key FIELD names another")
        if snippet.unfed:
            fields = ", ".join(snippet.unfed)
            self._say(f"mode update: no column feeds {fields}, without which no record is made")
        if declared := self._context.declared:
            self._say(
                f"exposure {declared.name} feeds the list from this model already: put this in its "
                "place, and keep what else it says"
            )
        return write_snippet(snippet)


def _is_done(answer: Response | Failure) -> bool:
    """A status of 200 is not success: the body has to say nothing else."""
    if isinstance(answer, Failure) or answer.status not in (200, 201, 204):
        return False
    if not answer.body.strip():
        return True
    body = read_object(answer.body)
    return body is not None and body.get("result_code", "Succeeded") == "Succeeded"
