"""What the paths of records do: bulk loads and deletes, searches, single records."""

from __future__ import annotations

from collections.abc import Mapping

from .bulk import Bulk
from .call import Answer, Call, done
from .config import SegmentConfig
from .lists import list_of
from .refusal import invalid, missing
from .search import Search
from .store import RecordList
from .twist import counted

_CHOICES = {
    "mode": ("Sync", "Stream"),
    "deduplication": ("ImportLastMatch", "ImportFirstMatch"),
    "data_import_option": ("InsertAndUpdate", "OnlyInsert", "OnlyUpdate"),
}


class DataApi:
    """The handlers of records, of lists and of segments.

    index_base: see `Bulk`. unindexed_limit: how many rows a bulk request may have on a list whose
    business key is not its key fields; beyond it, it is refused (the shape of that is assumed).
    """

    def __init__(
        self,
        lists: Mapping[str, RecordList],
        index_base: int = 0,
        unindexed_limit: int | None = None,
    ) -> None:
        self._lists, self._index_base, self._unindexed = lists, index_base, unindexed_limit

    def count_records(self, call: Call) -> Answer:
        """Count the records of a list."""
        return 200, {"count": len(list_of(self._lists, call).records)}

    def delete_record(self, call: Call) -> Answer:
        """Delete the record of an id."""
        one, text = list_of(self._lists, call, writes=True), call.path["id"]
        if not (text.isascii() and text.isdigit() and int(text) in one.records):
            raise missing("The record")
        one.drop([int(text)])
        return done("The record is deleted")

    def load(self, call: Call) -> Answer:
        """Load records; the valid ones may join a segment, which is made if need be."""
        one = list_of(self._lists, call, writes=True)
        bulk = self._bulk(one, call)
        name = call.query.get("create_segment_name", "")
        api_name = call.query.get("create_segment_api_name") or name
        # Refused before anything is loaded, if it is refused; one that exists is used (assumed).
        new = SegmentConfig(api_name=api_name, name=name) if api_name else None
        known = one.segment(api_name, True) if api_name in one.segments else None
        outcome = one.load(bulk)
        if new is not None:
            segment = known or one.add_segment(new)
            segment.members.update(dict.fromkeys(outcome.touched))
        return 200, counted(outcome, "load", call.twist)

    def delete(self, call: Call) -> Answer:
        """Delete records, or from a segment the memberships alone."""
        one = list_of(self._lists, call, writes=True)
        segment = one.segment(call.path["segment"], True) if "segment" in call.path else None
        return 200, counted(one.delete(self._bulk(one, call), segment), "delete", call.twist)

    def search(self, call: Call) -> Answer:
        """Search a list or a segment."""
        one, search = list_of(self._lists, call), Search.model_validate(call.properties())
        segment = one.segment(call.path["segment"]) if "segment" in call.path else None
        data = one.search(search, None if segment is None else segment.members)
        return 200, {
            "fields": search.fields,
            "data": data,
            "result_code": "Succeeded",
            "errors": [],
        }

    def join(self, call: Call) -> Answer:
        """Make records members of a segment."""
        one = list_of(self._lists, call)
        segment = one.segment(call.path["segment"], True)
        return 200, counted(one.join(segment, self._bulk(one, call)), "segment-load", call.twist)

    def _bulk(self, one: RecordList, call: Call) -> Bulk:
        for name, choices in _CHOICES.items():
            if call.query.get(name, choices[0]) not in choices:
                raise invalid(f"{name} is one of {', '.join(choices)}")
        keys, fields, rows = call.names("keyFields"), call.names("fields"), call.json()
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise invalid("The body is not an array of arrays")
        if not keys:
            raise invalid("keyFields is missing")
        if not fields:
            if not rows or not all(isinstance(name, str) for name in rows[0]):
                raise invalid("Neither fields nor the first row name the fields")
            fields, rows = tuple(rows[0]), rows[1:]
        indexed = set(keys) == set(one.business_key)
        if self._unindexed is not None and len(rows) > self._unindexed and not indexed:
            raise invalid("So many records need a unique index on the key fields")
        if call.twist.part:
            rows = rows[: (len(rows) + 1) // 2]
        return Bulk(
            keys,
            fields,
            rows,
            first_match=call.query.get("deduplication") == "ImportFirstMatch",
            option=call.query.get("data_import_option", "InsertAndUpdate"),
            rejects=call.twist.rejects,
            stop_on_error=call.twist.stop_on_error,
            index_base=self._index_base,
        )
