"""Sets a list up for a model: what `init` asks, suggests and, told to, makes in Selligent.

One call after the other, never two at once: of concurrent ones Selligent lost some. Nothing that is
there is changed, but for the unique key, and that only where its fields were named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbt_selligent.believed import believed_rows
from dbt_selligent.errors import ConfigurationError, UnreachableError, nearest
from dbt_selligent.findings import wait_briefly
from dbt_selligent.locks import temporary_folder
from dbt_selligent.making import AGAIN, Maker, Making
from dbt_selligent.manifest import Model
from dbt_selligent.matching import Source, match_names
from dbt_selligent.project import read_project
from dbt_selligent.questions import (
    Ask,
    Say,
    ask_keys,
    ask_list,
    ask_model,
    ask_name,
)
from dbt_selligent.reaching import DEBUG, reach
from dbt_selligent.reading import Reader
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.settings import Settings
from dbt_selligent.snippet import Snippet, build_snippet, write_snippet
from dbt_selligent.storage import open_storage
from dbt_selligent.suggestion import new_fields, possible_keys
from dbt_selligent.wish import Context, Wish, find_model, read_context


@dataclass(frozen=True)
class Proposal:
    """An exposure as YAML; ``declared`` if it is to take the place of one that is there, ``agreed``
    if it was shown as it is before anything was made, and is to be written.
    """

    text: str
    name: str
    model: Model
    declared: bool
    agreed: bool


def set_up(
    settings: Settings,
    wish: Wish,
    say: Say,
    ask: Ask | None = None,
    sleep: Callable[[float], None] = wait_briefly,
) -> Proposal:
    """An exposure that feeds the list from the model; makes what the list lacks, if told to.

    ``ask`` is asked for what the wish leaves open; without it, the wish names list and model.
    ``say`` is told what is to be made, each thing that is made, and what the YAML leaves open.
    Raises ConfigurationError, RunError.
    """
    destination = settings.destination_named()
    with Client(destination, sleep=sleep) as client:
        reach(client, destination, sleep, say, ask)
        manifest = read_project(settings)
        model = find_model(manifest, wish.model or (ask_model(ask, manifest) if ask else ""))
        columns = _read_columns(settings, model, measured=wish.create or ask is not None)
        reader = Reader(client, sleep)
        list_name, new = wish.list or "", False
        if ask and not list_name:
            list_name, new = ask_list(ask, reader.names(options=False), model.name)
            if new:
                say(f"{list_name}: will be made")
        wish = replace(wish, create=wish.create or new)
        context = read_context(settings, manifest, wish, model, list_name)
        try:
            setup = _Setup(wish, context, columns, client, reader, say, ask)
            text = write_snippet(setup.run())
        except UnreachableError as error:
            raise UnreachableError(error.message, AGAIN if wish.create else DEBUG) from None
    for said in believed_rows(settings, context.beside) if setup.anew else ():
        say(said)
    return Proposal(
        text, setup.name, model, context.declared is not None, agreed=text == setup.agreed
    )


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
    """One set-up, while it is under way; ``anew`` once the list was made, ``agreed`` the exposure
    that is to be written as it was shown.
    """

    def __init__(
        self,
        wish: Wish,
        context: Context,
        columns: Sequence[Source],
        client: Client,
        reader: Reader,
        say: Say,
        ask: Ask | None,
    ) -> None:
        self._wish, self._context, self._columns = wish, context, columns
        self._maker, self._reader = Maker(client, context.list), reader
        self._say, self._ask = say, ask
        self._keys = wish.keys
        self.name = context.name
        self.anew = False
        self.agreed: str | None = None

    def run(self) -> Snippet:
        """Asks, makes what is to be made, and says what the exposure leaves open."""
        wish, name = self._wish, self._context.list
        listing = self._reader.listing(name, wish.segment)
        if listing is None and not wish.create:
            like = nearest(name, self._reader.names())
            raise ConfigurationError(
                f"there is no list {name} in the organization",
                (f"did you mean {like}? " if like else "") + "--create makes it",
            )
        if listing and listing.segment_type not in (None, "Static"):
            raise ConfigurationError(
                f"segment {wish.segment} is of type {listing.segment_type}",
                "only static segments take members: name another one",
            )
        self._decide(listing or Listing(name, ()), new=listing is None)
        if self._ask and not wish.name and not self._context.declared:
            self.name = ask_name(self._ask, self.name, self._context.names, self._say)
        if self._wish.create:
            listing = self._create(listing)
        elif listing and wish.segment and listing.segment_type is None:
            self._say(f"segment {wish.segment}: not there, the first sync makes it")
        return self._told(listing or Listing(name, ()))

    def _decide(self, listing: Listing, *, new: bool) -> None:
        """Settles what the wish leaves open: fields that are made, and the matching key."""
        if self._context.declared:
            return
        if self._ask and not self._wish.create:
            lacking = [field.name for field in self._new_fields(listing)]
            fed = match_names(self._columns, listing.fields, self._context.hints).pairs
            if lacking and self._ask.agree(
                f"List {listing.name} has no field for {', '.join(lacking)}: make "
                + ("them?" if len(lacking) > 1 else "it?"),
                default=len(fed) < 2,
            ):
                self._wish = replace(self._wish, create=True)
        if self._wish.keys:
            return
        made = self._new_fields(listing) if self._wish.create else []
        fields = (*listing.fields, *made)
        pairs = match_names(self._columns, fields, self._context.hints).pairs
        keys = possible_keys(pairs, self._context.model.uniques)
        chosen: tuple[str, ...] = ()
        if self._ask:
            chosen = ask_keys(self._ask, pairs, keys, self._say)
        elif new and keys and keys[0].tested:
            chosen = tuple(pair.field.name for pair in keys[0].pairs)
        self._keys = chosen

    def _new_fields(self, listing: Listing) -> list[Field]:
        """The fields that the list lacks."""
        asked, hints = self._asked()[0], self._context.hints
        return new_fields(self._columns, listing.fields, asked, hints)

    def _create(self, listing: Listing | None) -> Listing:
        """Makes what is missing, having said it all before; gives the list as it is then."""
        new = listing is None
        makings = self._makings(listing or Listing(self._context.list, ()), new)
        create = self._maker.list(self._wish.kind)
        for making in [create, *makings] if new else makings:
            self._say(f"{making.what}: will be {making.how}")
        if not self._wish.keys and not new:
            unique = f"unique key of list {self._context.list}"
            self._say(f"{unique}: left as it is; --key FIELD sets it")
        if self._ask and (new or makings):
            self._consent(self._ask, listing or Listing(self._context.list, ()))
        if new:
            create.make(self._say)
            self.anew = True
            left = self._makings(self._reread(), new)
            for making in makings:
                if making.what not in [each.what for each in left]:
                    self._say(f"{making.what}: came with the list")
            makings = left
        for making in makings:
            making.make(self._say)
        if not makings and not new:
            self._say("nothing to make: it is all there")
        return self._reread()

    def _consent(self, ask: Ask, listing: Listing) -> None:
        """Shows the exposure that is written once all is made; raises ConfigurationError."""
        question = "Make this?"
        if not (self._wish.printing or self._context.declared):
            self.agreed = write_snippet(self._completed(listing))
            self._say(f"exposure {self.name}: will be written:\n\n{self.agreed}")
            question = "Make this in Selligent, and write the exposure?"
        if not ask.agree(question, default=True):
            raise ConfigurationError("nothing was made, and nothing written", "run this again")

    def _completed(self, listing: Listing) -> Snippet:
        """The exposure, once the list has all that it lacks."""
        fields = self._new_fields(listing)
        return self._build(replace(listing, fields=(*listing.fields, *fields)))

    def _makings(self, listing: Listing, new: bool) -> list[Making]:
        """What the list lacks: fields, unique key, segment."""
        # What could not be written in the end is an error now, before anything is made.
        snippet = self._completed(listing)
        makings = [self._maker.field(field) for field in self._new_fields(listing)]
        if self._wish.keys or (new and not snippet.guess):
            makings.append(self._maker.unique_key([pair.field.name for pair in snippet.keys]))
        if self._wish.segment and listing.segment_type is None:
            makings.append(self._maker.segment(self._wish.segment))
        return makings

    def _reread(self) -> Listing:
        name = self._context.list
        listing = self._reader.listing(name, self._wish.segment)
        if listing is None:
            raise UnreachableError(f"list {name} is made, and cannot be read yet")
        return listing

    def _asked(self) -> tuple[Sequence[str], str]:
        """The fields of the key as they are asked for, and where."""
        declared = self._context.declared
        if self._keys or declared is None:
            return self._keys, "--key"
        return [name for name, _ in declared.keys], f"matching_key of exposure {declared.name}:"

    def _build(self, listing: Listing) -> Snippet:
        """The exposure, of the list as it is or will be."""
        context = self._context
        return build_snippet(
            self.name,
            context.ref,
            listing,
            self._columns,
            context.hints,
            self._asked(),
            segment=self._wish.segment or (context.declared.segment if context.declared else None),
            created=self._wish.create,
            uniques=context.model.uniques,
        )

    def _told(self, listing: Listing) -> Snippet:
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
        return snippet
