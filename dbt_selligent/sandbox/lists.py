"""What the paths of an organization, its lists and their fields do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from .call import Answer, Call, done
from .config import (
    ApiName,
    Content,
    DataType,
    FieldConfig,
    ListConfig,
    ListType,
    SandboxConfig,
)
from .optionlists import option_list, options_in
from .refusal import invalid, missing
from .store import RecordList


class _NewList(BaseModel):
    api_name: ApiName
    name: str
    type: ListType
    description: str = ""
    tags: list[str] = []
    optionlist_codetype: Literal["Text", "Numeric"] = "Text"


class _NewField(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    data_type: DataType
    length: int | None = None
    description: str = ""
    allow_null: bool = True
    content: Content = "Free"
    optionlist: str | None = None
    value_definition: str | None = None


class _NewFields(BaseModel):
    fields: list[_NewField] = Field(min_length=1)


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
        """Add a list; which fields Selligent gives one that holds no options is not published."""
        new = _NewList.model_validate(call.properties())
        if new.api_name in self._lists:
            raise invalid(f"List {new.api_name} exists already")
        number = max((one.number for one in self._lists.values()), default=0) + 1
        if new.type == "Optionlist":
            made = option_list(new.api_name, number, new.optionlist_codetype)
        else:
            told = new.model_dump(exclude={"api_name", "optionlist_codetype"})
            made = RecordList(new.api_name, number, ListConfig.model_validate(told))
        self._lists[new.api_name] = made
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
                    "optionlist": field.optionlist_of(name),
                }
                for name, field in fields
            ]
        }

    def create_fields(self, call: Call) -> Answer:
        """Add fields to a list, all or none."""
        one = list_of(self._lists, call, writes=True)
        fields: dict[str, FieldConfig] = {}
        for new in _NewFields.model_validate(_without_nulls(call.properties())).fields:
            if new.name in fields:
                raise invalid(f"Field {new.name} stands there twice")
            settings = new.model_dump(exclude={"name"})
            if new.optionlist is not None:
                settings["options"] = self._options(new.optionlist)
            fields[new.name] = FieldConfig.model_validate(settings)
        one.add_fields(fields)
        return 201, done("The fields are created")[1]

    def _options(self, api_name: str) -> list[object]:
        one = self._lists.get(api_name)
        if one is None or not one.holds_options:
            raise invalid(f"Option list {api_name} does not exist")
        return options_in(one)

    def set_business_key(self, call: Call) -> Answer:
        """Take {"fields": [..]}; the shape of this body is not published, so it is assumed."""
        names = call.properties().get("fields")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise invalid("fields is not an array of names")
        list_of(self._lists, call, writes=True).set_business_key(tuple(names))
        return done("The business key is set")


def list_of(lists: Mapping[str, RecordList], call: Call, writes: bool = False) -> RecordList:
    """Return the list that the path of a request names.

    It is refused if there is none, or if it is an option list that the request would change.
    """
    if call.path["list"] not in lists:
        raise missing("The list")
    one = lists[call.path["list"]]
    if writes and one.holds_options:
        raise invalid("An option list takes no records and no fields")
    return one


def _without_nulls(node: Any) -> Any:
    # Null stands for a property that is left out.
    if isinstance(node, list):
        return [_without_nulls(one) for one in node]
    if isinstance(node, dict):
        return {name: _without_nulls(one) for name, one in node.items() if one is not None}
    return node
