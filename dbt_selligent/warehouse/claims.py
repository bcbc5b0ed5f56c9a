"""Claims to locks, written where all who work in a schema see them."""

from __future__ import annotations

import json
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbt_selligent.errors import RunError, WarehouseError
from dbt_selligent.warehouse.schema import Schema

# How the names of their tables begin; the number of a day follows.
LOCKS = "selligent_locks_"
# No table of a state is so named, since their names have two underscores, nor any of a user.
_LOCKS = re.compile(LOCKS + r"(?P<day>\d{5})(?:_[0-9a-f]{12})?")
PROPERTY = "selligent.claim."


@dataclass(frozen=True)
class Claim:
    """``holder`` claims what ``what`` names; ``name`` tells the claim from all others."""

    name: str
    what: str
    holder: str


class Claims(ABC):
    """The tables of claims: one for each day, by the engine's clock, and none that is over."""

    # How the names of tables end that no other command writes.
    own = ""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        # Those of today and yesterday in which something was said.
        self._made: list[str] = []

    @abstractmethod
    def say(self, claims: Sequence[Claim], seconds: int) -> None:
        """Says, in one statement, that they hold for so many seconds from now.

        Raises WarehouseError.
        """

    def take(self, claim: Claim, seconds: int) -> list[tuple[Claim, int]]:
        """Says it; gives all claims to the same, this one among them, as `there` does."""
        self.say([claim], seconds)
        return self.there(claim.what)

    @abstractmethod
    def take_back(self, claim: Claim) -> None:
        """Says that it holds no more; raises WarehouseError."""

    @abstractmethod
    def there(self, what: str) -> list[tuple[Claim, int]]:
        """The claims to it that hold, and for how many seconds more; raises WarehouseError."""

    def close(self) -> None:
        """Drops what is this command's own; raises WarehouseError."""
        if self.own:
            self._schema.drop(self._made)

    def _today(self) -> str:
        today = self._day()
        name = f"{LOCKS}{today}{self.own}"
        if name not in self._made:
            self._schema.ensure()
            self._schema.create(name, "create_locks")
            with suppress(RunError):  # another one's, to be dropped by its owner
                self._schema.drop([table for table, day in self._days() if day < today - 1])
            self._made = [*self._made, name][-2:]
        return name

    def _open(self) -> list[str]:
        """Those in which a claim may hold."""
        today = self._day()
        return [table for table, day in self._days() if abs(day - today) <= 1]

    def _days(self) -> Iterator[tuple[str, int]]:
        for table in self._schema.tables(LOCKS):
            if name := _LOCKS.fullmatch(table):
                yield table, int(name["day"])

    def _day(self) -> int:
        """The number of the day, in UTC."""
        return self._now() // 86400

    def _now(self) -> int:
        [(now,)] = self._schema.rows("now")
        return int(now)


class ClaimRows(Claims):
    """Rows that are added, never changed, where an engine has transactions."""

    def say(self, claims: Sequence[Claim], seconds: int) -> None:
        """Adds a row for each."""
        self._add(self._today(), claims, seconds)

    def take(self, claim: Claim, seconds: int) -> list[tuple[Claim, int]]:
        """One after the other, so that of those who want it at once the first one has it."""
        table = self._today()
        with self._schema.warehouse.transaction():
            self._schema.fence(claim.what)
            self._add(table, [claim], seconds)
            return self.there(claim.what)

    def take_back(self, claim: Claim) -> None:
        """Adds a row that counts whatever is added later."""
        self._add(self._today(), [claim], 0, released=True)

    def there(self, what: str) -> list[tuple[Claim, int]]:
        """All of them at once."""
        found = self._schema.rows(
            "claims",
            tables=[self._schema[table] for table in self._open()],
            what=self._schema.dialect.literal(what),
        )
        return [(Claim(name, what, holder), int(left)) for name, holder, left in found]

    def _add(
        self, table: str, claims: Sequence[Claim], seconds: int, *, released: bool = False
    ) -> None:
        literal = self._schema.dialect.literal
        self._schema.append(
            "claim",
            target=self._schema[table],
            claims=[[literal(each) for each in (c.name, c.what, c.holder)] for c in claims],
            seconds=seconds,
            released=str(released).lower(),
        )


class ClaimProperties(Claims):
    """Properties of a table of the command's own, on Spark.

    They are written and read without a job, so that none of them waits for one that takes long,
    and are those of the metastore, which all Sparks have in common.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.own = f"_{uuid.uuid4().hex[:12]}"

    def say(self, claims: Sequence[Claim], seconds: int) -> None:
        """Sets a property for each."""
        literal, expires = self._schema.dialect.literal, self._now() + seconds
        said = {each.name: _hidden([each.what, each.holder, expires]) for each in claims}
        self._schema.append(
            "set_properties",
            target=self._schema[self._today()],
            properties=[(literal(PROPERTY + name), literal(text)) for name, text in said.items()],
        )

    def take_back(self, claim: Claim) -> None:
        """Removes it from wherever it may have been set."""
        for table in reversed(self._made):
            name = self._schema.dialect.literal(PROPERTY + claim.name)
            self._schema.append("unset_property", target=self._schema[table], name=name)

    def there(self, what: str) -> list[tuple[Claim, int]]:
        """Those of one command after the other."""
        now = self._now()  # what is renewed while others are read is not to be taken for over
        found: dict[Claim, int] = {}
        for table in self._open():
            for claim, expires in self._read(table):
                if claim.what == what and expires > now:
                    found[claim] = max(expires, found.get(claim, 0))
        return [(claim, expires - now) for claim, expires in found.items()]

    def _read(self, table: str) -> list[tuple[Claim, int]]:
        try:
            properties = self._schema.rows("properties", target=self._schema[table])
        except WarehouseError:
            if table in self._schema.tables(table):
                raise
            return []  # its command ended meanwhile
        return list(_claims_in(properties))


def claims_of(schema: Schema) -> Claims:
    """The claims of a command."""
    return ClaimRows(schema) if schema.dialect.transactional else ClaimProperties(schema)


def _hidden(said: object) -> str:
    """In digits: a property that looks like an address or a secret is not told as it is."""
    return json.dumps(said).encode().hex()


def _claims_in(properties: Iterable[Sequence[object]]) -> Iterator[tuple[Claim, int]]:
    for name, value in properties:
        if str(name).startswith(PROPERTY):
            what, holder, expires = json.loads(bytes.fromhex(str(value)))
            yield Claim(str(name).removeprefix(PROPERTY), what, holder), expires
