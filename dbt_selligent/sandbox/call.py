"""One request as the handlers see it, and the answers that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .refusal import invalid
from .twist import STRAIGHT, Twist

Answer = tuple[int, dict[str, Any]]
Handler = Callable[["Call"], Answer]


@dataclass(frozen=True)
class Call:
    """One request as the handlers see it; `body` is JSON only where `is_json` says so."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object = None
    is_json: bool = False
    twist: Twist = STRAIGHT

    def json(self) -> Any:
        """Return the body; a body that is no JSON is refused."""
        if not self.is_json:
            raise invalid("The body is not JSON")
        return self.body

    def properties(self) -> dict[str, Any]:
        """Return the body as an object, without the properties that are null."""
        if not isinstance(self.json(), dict):
            raise invalid("The body is not an object")
        return {name: value for name, value in self.json().items() if value is not None}

    def number(self, name: str, default: int) -> int:
        """Return a query parameter that counts something."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit()):
            raise invalid(f"{name} is not a count")
        return int(text)

    def names(self, name: str) -> tuple[str, ...]:
        """Return a query parameter that holds names separated by commas."""
        return tuple(part.strip() for part in self.query.get(name, "").split(",") if part.strip())

    def page(self, found: Sequence[tuple[str, list[str], object]]) -> list[object]:
        """Return what is asked for of (type, texts to search in, answer)."""
        kind, text = self.query.get("filter", "").lower(), self.query.get("search", "").lower()
        shown = [
            answer
            for its_kind, texts, answer in found
            if kind in ("", its_kind.lower()) and any(text in one.lower() for one in texts)
        ]
        skip, take = self.number("skip", 0), self.number("take", len(shown))
        return shown[skip : skip + take]


def done(message: str) -> Answer:
    """Build the answer to a request that was carried out and asked for nothing back."""
    return 200, {"result_code": "Succeeded", "message": message}
