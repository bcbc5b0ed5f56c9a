"""What a reader finds on a page of HTML."""

from __future__ import annotations

from html.parser import HTMLParser


def text_of(page: str) -> str:
    """What is to be read on a page."""
    found: list[str] = []

    class Reader(HTMLParser):
        hidden = False

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.hidden = tag == "style"
            found.extend([] if tag in ("bdi", "code", "time") else [" "])

        def handle_data(self, data: str) -> None:
            found.extend([] if self.hidden else [data])

    Reader().feed(page)
    return " ".join("".join(found).split())
