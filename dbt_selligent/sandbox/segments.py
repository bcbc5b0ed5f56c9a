"""What the paths of the segments of a list do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from .call import Answer, Call, done
from .config import ApiName, SegmentConfig
from .lists import list_of
from .store import RecordList


class _NewSegment(BaseModel):
    api_name: ApiName
    name: str
    description: str = ""
    tags: list[str] = []


class SegmentApi:
    """The handlers of segments, apart from the data in them."""

    def __init__(self, lists: Mapping[str, RecordList]) -> None:
        self._lists = lists

    def get_segments(self, call: Call) -> Answer:
        """List the segments of a list."""
        found = []
        for api_name, segment in list_of(self._lists, call).segments.items():
            config = segment.config
            texts = [api_name, config.name, config.description, *config.tags]
            found.append((config.type, texts, {"segment_type": config.type, "api_name": api_name}))
        shown = call.page(found)
        return 200, {"segments": shown, "segment_count": len(shown)}

    def create_segment(self, call: Call) -> Answer:
        """Add a static segment."""
        config = _NewSegment.model_validate(call.properties())
        list_of(self._lists, call).add_segment(SegmentConfig.model_validate(config.model_dump()))
        return done("The segment is created")

    def get_segment(self, call: Call) -> Answer:
        """Show a segment."""
        config = list_of(self._lists, call).segment(call.path["segment"]).config
        return 200, {**config.model_dump(exclude={"tags"}), "name": config.name or config.api_name}

    def delete_segment(self, call: Call) -> Answer:
        """Delete a segment; its members stay in the list."""
        one = list_of(self._lists, call)
        del one.segments[one.segment(call.path["segment"]).config.api_name]
        return done("The segment is deleted")

    def clear(self, call: Call) -> Answer:
        """End all memberships of a segment."""
        list_of(self._lists, call).segment(call.path["segment"], True).members.clear()
        return done("The segment is empty")
