"""Selligent's paths, and the handler of each: a plain function from a `Call` to status and JSON."""

from __future__ import annotations

from .call import Handler
from .config import SandboxConfig
from .data import DataApi
from .lists import ListApi
from .segments import SegmentApi
from .store import RecordList

BASE = "/Portal/Api"


class Api:
    """What each path does. A refusal is a `RefusedError` or pydantic's `ValidationError`.

    `index_base` and `unindexed_limit` are those of `DataApi`.
    """

    def __init__(
        self,
        config: SandboxConfig,
        lists: dict[str, RecordList],
        index_base: int = 0,
        unindexed_limit: int | None = None,
    ) -> None:
        self._lists, self._segments = ListApi(config, lists), SegmentApi(lists)
        self._data = DataApi(lists, index_base, unindexed_limit)

    def routes(self) -> list[tuple[str, str, Handler, str]]:
        """List method, path, handler and the operation by which faults name it."""
        org = f"{BASE}/organizations/{{organization}}"
        one = f"{org}/lists/{{list}}"
        segment = f"{one}/segments/{{segment}}"
        lists, segments, data = self._lists, self._segments, self._data
        return [
            ("GET", f"{BASE}/status", lambda call: (200, {}), "status"),
            ("GET", org, lists.organization, "organization"),
            ("GET", f"{org}/lists", lists.get_lists, "lists"),
            ("POST", f"{org}/lists", lists.create_list, "lists"),
            ("GET", one, lists.get_list, "lists"),
            ("DELETE", one, lists.delete_list, "lists"),
            ("GET", f"{one}/fields", lists.get_fields, "fields"),
            ("POST", f"{one}/fields", lists.create_fields, "fields"),
            ("PUT", f"{one}/businesskey", lists.set_business_key, "lists"),
            ("GET", f"{one}/records", data.count_records, "records"),
            ("DELETE", f"{one}/records/{{id}}", data.delete_record, "records"),
            ("POST", f"{one}/data/load", data.load, "load"),
            ("DELETE", f"{one}/data", data.delete, "delete"),
            ("POST", f"{one}/data/search", data.search, "search"),
            ("GET", f"{one}/segments", segments.get_segments, "segments"),
            ("POST", f"{one}/segments/static", segments.create_segment, "segments"),
            ("GET", segment, segments.get_segment, "segments"),
            ("DELETE", segment, segments.delete_segment, "segments"),
            ("POST", f"{segment}/data/load", data.join, "segment-load"),
            ("DELETE", f"{segment}/data", data.delete, "delete"),
            ("DELETE", f"{segment}/data/clear", segments.clear, "segments"),
            ("POST", f"{segment}/data/search", data.search, "search"),
        ]
