"""Claims to locks, written where all who work in a schema see them."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbt_selligent.errors import WarehouseError
from dbt_selligent.warehouse.schema import Schema

# How the names of their tables begin; the number of a day follows.
LOCKS = "selligent_locks_"
# No table of a state is so named, since their names have two underscores, nor any of a user.
_LOCKS = re.compile(LOCKS + r"(?P<day>\d{5})(?:_[0-9a-f]{12})?")
PROPERTY = "selligent.claim."
ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """``holder`` claims what ``what`` names; ``name`` tells the claim from all others."""

    name: str
    what: str
    holder: str


class Claims(ABC):
    """The tables of claims: one for each day, by this machine's clock, and none that is over."""

    # How the names of tables end that no other command writes.
    own = ""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._made = ""

    def say(self, claims: Sequence[Claim], seconds: int, *, released: bool = False) -> None:
        """Says, in one statement, that they hold for so many seconds from now; or no more.

        Raises WarehouseError.
        """
        self._write(self._today(), claims, seconds, released=released)

    def there(self, what: str) -> list[tuple[Claim, int]]:
        """The claims to it that hold, and for how many seconds more; raises WarehouseError."""
        for _ in range(ATTEMPTS - 1):
            with suppress(WarehouseError):  # another command ended meanwhile, and dropped its own
                return self._read(self._open(), what)
        return self._read(self._open(), what)

    def close(self) -> None:
        """Drops what is this command's own; raises WarehouseError."""
        if self.own and self._made:
            self._schema.drop([table for table, _ in self._days() if table.endswith(self.own)])

    @abstractmethod
    def _write(
        self, table: str, claims: Sequence[Claim], seconds: int, *, released: bool
    ) -> None: ...

    @abstractmethod
    def _read(self, tables: Sequence[str], what: str) -> list[tuple[Claim, int]]: ...

    def _today(self) -> str:
        name = f"{LOCKS}{today()}{self.own}"
        if self._made != name:
            self._schema.ensure()
            self._schema.create(name, "create_locks")
            self._schema.drop([table for table, day in self._days() if day < today() - 1])
            self._made = name
        return name

    def _open(self) -> list[str]:
        """Those in which a claim may hold, also of who has another clock."""
        return [table for table, day in self._days() if abs(day - today()) <= 1]

    def _days(self) -> Iterator[tuple[str, int]]:
        for table in self._schema.tables(LOCKS):
            if name := _LOCKS.fullmatch(table):
                yield table, int(name["day"])


class ClaimRows(Claims):
    """Rows that are added, never changed, where an engine has transactions."""

    def _write(self, table: str, claims: Sequence[Claim], seconds: int, *, released: bool) -> None:
        literal = self._schema.dialect.literal
        self._schema.append(
            "claim",
            target=self._schema[table],
            claims=[[literal(each) for each in (c.name, c.what, c.holder)] for c in claims],
            seconds=seconds,
            released=str(released).lower(),
        )

    def _read(self, tables: Sequence[str], what: str) -> list[tuple[Claim, int]]:
        found = self._schema.rows(
            "claims",
            tables=[self._schema[table] for table in tables],
            what=self._schema.dialect.literal(what),
        )
        return [(Claim(name, what, holder), int(left)) for name, holder, left in found]


class ClaimProperties(Claims):
    """Properties of a table of the command's own, on Spark.

    They are written and read without a job, so that none of them waits for one that takes long,
    and are those of the metastore, which all Sparks have in common.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.own = f"_{uuid.uuid4().hex[:12]}"
        self._writing = threading.Lock()
        self._released: set[Claim] = set()

    def _write(self, table: str, claims: Sequence[Claim], seconds: int, *, released: bool) -> None:
        literal = self._schema.dialect.literal
        with self._writing:
            # One that is renewed as it is released is not to be taken up again.
            self._released |= set(claims) if released else set()
            expires = self._now() + seconds
            said = [
                (each, _hidden([each.what, each.holder, expires, each in self._released]))
                for each in claims
            ]
            self._schema.run(
                "set_properties",
                target=self._schema[table],
                properties=[(literal(PROPERTY + each.name), literal(text)) for each, text in said],
            )

    def _read(self, tables: Sequence[str], what: str) -> list[tuple[Claim, int]]:
        found: dict[Claim, list[tuple[int, bool]]] = {}
        for table in tables:
            for claim, expires, released in _claims_in(
                self._schema.rows("properties", target=self._schema[table])
            ):
                found.setdefault(claim, []).append((expires, released))
        now = self._now()
        return [
            (claim, max(said)[0] - now)
            for claim, said in found.items()
            if claim.what == what
            and max(said)[0] > now
            and not any(released for _, released in said)
        ]

    def _now(self) -> int:
        [(now,)] = self._schema.rows("now")
        return int(now)


def claims_of(schema: Schema) -> Claims:
    """The claims of a command."""
    return ClaimRows(schema) if schema.dialect.transactional else ClaimProperties(schema)


def today() -> int:
    """The number of a day, in UTC."""
    return int(time.time() // 86400)


def _hidden(said: object) -> str:
    """In digits: a property that looks like an address or a secret is not told as it is."""
    return json.dumps(said).encode().hex()


def _claims_in(properties: Iterable[Sequence[object]]) -> Iterator[tuple[Claim, int, bool]]:
    for name, value in properties:
        if str(name).startswith(PROPERTY):
            what, holder, expires, released = json.loads(bytes.fromhex(str(value)))
            yield Claim(str(name).removeprefix(PROPERTY), what, holder), expires, released
