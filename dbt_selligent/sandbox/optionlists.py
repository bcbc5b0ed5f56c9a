"""Option lists as lists of their own: a CODE per option, in order, and its DESCRIPTION."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .bulk import Bulk
from .config import DataType, FieldConfig, ListConfig, SandboxConfig
from .store import RecordList

Options = Mapping[str, FieldConfig]

CODE, DESCRIPTION = "CODE", "DESCRIPTION"


def open_lists(config: SandboxConfig) -> dict[str, RecordList]:
    """Make the lists of a sandbox, and the option lists of their fields after them.

    A field that names an option list without options of its own takes those of the fields that have
    some; where none has, there is no such list, and the field takes any value.
    """
    sources = {
        name: field
        for one in config.lists.values()
        for field_name, field in one.fields.items()
        if field.options and (name := field.optionlist_of(field_name))
    }
    lists: dict[str, RecordList] = {}
    for api_name, one in config.lists.items():
        fields = {name: _with_options(field, sources) for name, field in one.fields.items()}
        linked = one.model_copy(update={"fields": fields})
        lists[api_name] = RecordList(api_name, len(lists) + 1, linked)
    for api_name, field in sources.items():
        made = option_list(api_name, len(lists) + 1, field.data_type, field.options)
        lists[api_name] = made
    return lists


def option_list(
    api_name: str, number: int, data_type: DataType, options: Sequence[str | int] = ()
) -> RecordList:
    """Make the list of these options; which texts describe them is not published."""
    code = FieldConfig(data_type=data_type, allow_null=False)
    fields = {CODE: code, DESCRIPTION: FieldConfig(data_type="Text")}
    config = ListConfig(type="Optionlist", business_key=[CODE], fields=fields)
    made = RecordList(api_name, number, config)
    made.load(Bulk((CODE,), (CODE, DESCRIPTION), [[one, str(one)] for one in options]))
    return made


def options_in(one: RecordList) -> list[object]:
    """List the codes of an option list, in order."""
    return [record[CODE] for record in one.records.values()]


def _with_options(field: FieldConfig, sources: Options) -> FieldConfig:
    source = None if field.options else sources.get(field.optionlist or "")
    return field if source is None else field.model_copy(update={"options": source.options})
