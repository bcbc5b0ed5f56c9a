"""What the paths of an organization, its lists and their fields do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from .call import Answer, Call, done
from .config import ApiName, FieldConfig, ListConfig, ListType, SandboxConfig
from .refusal import invalid, missing
from .store import RecordList


class _NewList(BaseModel):
    api_name: ApiName
    name: str
    type: ListType
    description: str = ""
    tags: list[str] = []


class ListApi:
    """The handlers of lists and fields; `lists` is changed by them."""

    def __init__(self, config: SandboxConfig, lists: dict[str, RecordList]) -> None:
        self._config, self._lists = config, lists

    def organization(self, call: Call) -> Answer:
        """Show the organization; its audiences are the user lists."""
        audiences = [n for n, one in self._lists.items() if one.config.type == "Userlist"]
        return 200, {
            "name": self._config.organization,
            "languages": [],
            "audiences": [{"api_name": name} for name in audiences],
        }

    def get_lists(self, call: Call) -> Answer:
        """List the lists."""
        found = []
        for api_name, one in self._lists.items():
            name, kind = one.config.name or api_name, one.config.type
            shown = {"id": one.number, "type": kind, "api_name": api_name, "name": name}
            texts = [api_name, name, one.config.description, *one.config.tags]
            found.append((kind, texts, shown))
        return 200, {"lists": call.page(found)}

    def create_list(self, call: Call) -> Answer:
        """Add a list. It has no fields; which ones Selligent itself gives it is not published."""
        new = _NewList.model_validate(call.properties())
        if new.api_name in self._lists:
            raise invalid(f"List {new.api_name} exists already")
        number = max((one.number for one in self._lists.values()), default=0) + 1
        config = ListConfig.model_validate(new.model_dump(exclude={"api_name"}))
        self._lists[new.api_name] = RecordList(new.api_name, number, config)
        return done("The list is created")

    def get_list(self, call: Call) -> Answer:
        """Show a list."""
        one = list_of(self._lists, call)
        return 200, {
            "api_name": one.api_name,
            "name": one.config.name or one.api_name,
            "type": one.config.type,
            "description": one.config.description,
            "tags": one.config.tags,
            "enforce_segment_selection": False,
            "organizations": [self._config.organization],
            "not_accessible_organizations_count": 0,
        }

    def delete_list(self, call: Call) -> Answer:
        """Delete a list and all in it."""
        del self._lists[list_of(self._lists, call).api_name]
        return done("The list is deleted")

    def get_fields(self, call: Call) -> Answer:
        """List the fields of a list."""
        fields = list_of(self._lists, call).fields.items()
        return 200, {
            "fields": [
                {
                    "name": name,
                    **field.model_dump(exclude={"options", "optionlist"}),
                    "optionlist": field.optionlist
                    or (f"{name}_OPTIONS" if field.options else None),
                }
                for name, field in fields
            ]
        }

    def create_fields(self, call: Call) -> Answer:
        """Add fields to a list, all or none."""
        fields: dict[str, FieldConfig] = {}
        for entry in call.properties().get("fields") or [None]:
            settings = {} if not isinstance(entry, dict) else dict(entry)
            name = settings.pop("name", None)
            if not isinstance(name, str) or not name or name in fields:
                raise invalid("A field has no name, or the name of another one")
            settings = {key: value for key, value in settings.items() if value is not None}
            fields[name] = FieldConfig.model_validate(settings)
        list_of(self._lists, call).add_fields(fields)
        return 201, done("The fields are created")[1]

    def set_business_key(self, call: Call) -> Answer:
        """Take {"fields": [..]}; the shape of this body is not published, so it is assumed."""
        names = call.properties().get("fields")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise invalid("fields is not an array of names")
        list_of(self._lists, call).set_business_key(tuple(names))
        return done("The business key is set")


def list_of(lists: Mapping[str, RecordList], call: Call) -> RecordList:
    """Return the list that the path of a request names; it is refused if there is none."""
    if call.path["list"] not in lists:
        raise missing("The list")
    return lists[call.path["list"]]
