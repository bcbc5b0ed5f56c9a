"""What the paths of records do: bulk loads and deletes, searches, single records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .call import Answer, Call, done
from .config import SegmentConfig
from .lists import list_of
from .refusal import invalid, missing
from .search import Search
from .store import Bulk, Outcome, RecordList

_CHOICES = {
    "mode": ("Sync", "Stream"),
    "deduplication": ("ImportLastMatch", "ImportFirstMatch"),
    "data_import_option": ("InsertAndUpdate", "OnlyInsert", "OnlyUpdate"),
}


class DataApi:
    """The handlers of records, of lists and of segments; see `Bulk` for `index_base`."""

    def __init__(self, lists: Mapping[str, RecordList], index_base: int) -> None:
        self._lists, self._index_base = lists, index_base

    def count_records(self, call: Call) -> Answer:
        """Count the records of a list."""
        return 200, {"count": len(list_of(self._lists, call).records)}

    def delete_record(self, call: Call) -> Answer:
        """Delete the record of an id."""
        one, text = list_of(self._lists, call), call.path["id"]
        if not (text.isascii() and text.isdigit() and int(text) in one.records):
            raise missing("The record")
        one.drop([int(text)])
        return done("The record is deleted")

    def load(self, call: Call) -> Answer:
        """Load records; the valid ones may join a segment, which is made if need be."""
        one, bulk = list_of(self._lists, call), self._bulk(call)
        name = call.query.get("create_segment_name", "")
        api_name = call.query.get("create_segment_api_name") or name
        # Refused before anything is loaded, if it is refused; one that exists is used (assumed).
        new = SegmentConfig(api_name=api_name, name=name) if api_name else None
        known = one.segment(api_name, True) if api_name in one.segments else None
        outcome = one.load(bulk)
        if new is not None:
            segment = known or one.add_segment(new)
            segment.members.update(dict.fromkeys(outcome.touched))
        return 200, counted(outcome, "load")

    def delete(self, call: Call) -> Answer:
        """Delete records, or from a segment the memberships alone."""
        one = list_of(self._lists, call)
        segment = one.segment(call.path["segment"], True) if "segment" in call.path else None
        return 200, counted(one.delete(self._bulk(call), segment), "delete")

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
        return 200, counted(one.join(segment, self._bulk(call)), "segment-load")

    def _bulk(self, call: Call) -> Bulk:
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
        return Bulk(
            keys,
            fields,
            rows,
            first_match=call.query.get("deduplication") == "ImportFirstMatch",
            option=call.query.get("data_import_option", "InsertAndUpdate"),
            rejects=call.rejects,
            index_base=self._index_base,
        )


def counted(outcome: Outcome, operation: str) -> dict[str, Any]:
    """Build the body of an answer to a bulk request."""
    answer = {
        "errors": None,
        "result_code": outcome.result_code,
        "number_of_deleted_records": outcome.deleted,
        "number_of_duplicate_records": outcome.duplicate,
        "number_of_failed_records": len(outcome.invalid),
        "number_of_records_not_found": outcome.not_found,
        "invalid_records": [
            {
                "record_index": number,
                "field_name": error.field_name,
                "message": str(error),
                "validation_code": error.code,
            }
            for number, error in outcome.invalid
        ],
    }
    if operation != "delete":
        answer["number_of_inserted_records"] = outcome.inserted
        answer["number_of_updated_records"] = outcome.updated
    return answer
