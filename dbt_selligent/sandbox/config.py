"""The lists a sandbox starts with: their fields, options, keys and segments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from dbt_selligent.errors import nearest
from dbt_selligent.modelfaults import in_words

DataType = Literal[
    "Unknown", "Boolean", "Numeric", "Long", "Float", "Date", "DateTime", "Text", "LongText", "Json"
]
Content = Literal[
    "Unknown", "Free", "Single", "Multi", "ComputedNonPersisted", "ComputedPersisted", "Lookup"
]
ListType = Literal[
    "Unknown", "Userlist", "Datalist", "DataSelectionList", "Optionlist", "Devicelist"
]
SegmentType = Literal["Unknown", "Dynamic", "Static", "External"]
ApiName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]

LONGEST_TEXT = 4000
MOST_KEY_FIELDS = 3


class _Strict(BaseModel):
    # Pydantic would otherwise quote the input, which may be the secret, in its messages.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FieldConfig(_Strict):
    """One field of a list. `length` is in UTF-16 units and counts for Text only (default 4000)."""

    data_type: DataType
    length: int | None = Field(default=None, ge=1, le=LONGEST_TEXT)
    allow_null: bool = True
    content: Content = "Free"
    options: list[str | int] = []
    optionlist: str | None = None
    description: str = ""
    value_definition: str | None = None

    @property
    def computed(self) -> bool:
        """Whether Selligent fills the field itself, so that no request may write it."""
        return self.content.startswith("Computed")

    def optionlist_of(self, name: str) -> str | None:
        """Name the option list of the field of this name; None when it has none."""
        return self.optionlist or (f"{name}_OPTIONS" if self.options else None)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> FieldConfig:
        if self.length is not None and self.data_type != "Text":
            raise ValueError(f"length is for Text fields, not for {self.data_type}")
        if self.options and self.content not in ("Single", "Multi"):
            raise ValueError("options need content: Single or content: Multi")
        if self.options and self.data_type not in ("Text", "Numeric"):
            raise ValueError("options are for Text and Numeric fields")
        if any(isinstance(one, str) != (self.data_type == "Text") for one in self.options):
            raise ValueError(f"options of a {self.data_type} field are of another type")
        return self


class SegmentConfig(_Strict):
    """One segment of a list; only Static ones take members."""

    api_name: ApiName
    type: SegmentType = "Static"
    name: str = ""
    description: str = ""
    tags: list[str] = []


class ListConfig(_Strict):
    """One list: its fields by name, in order, and its segments (a bare name is a static one)."""

    type: ListType = "Userlist"
    name: str = ""
    description: str = ""
    tags: list[str] = []
    business_key: list[str] = Field(default=[], max_length=MOST_KEY_FIELDS)
    fields: dict[str, FieldConfig] = {}
    segments: list[ApiName | SegmentConfig] = []

    @model_validator(mode="after")
    def _key_is_made_of_fields(self) -> ListConfig:
        for name in self.business_key:
            if name not in self.fields:
                raise ValueError(f"business_key {name} is not among {', '.join(self.fields)}")
        return self


def _customers() -> dict[str, ListConfig]:
    fields = {
        "CUSTOMER_ID": FieldConfig(data_type="Long", allow_null=False),
        "MAIL": FieldConfig(data_type="Text", length=255),
        "TIER": FieldConfig(data_type="Text", content="Single", options=["gold", "silver"]),
        "SPENT": FieldConfig(data_type="Float"),
        "LAST_ORDER": FieldConfig(data_type="DateTime"),
    }
    customers = ListConfig(business_key=["CUSTOMER_ID"], fields=fields, segments=["VIP"])
    return {"CUSTOMERS": customers}


class SandboxConfig(_Strict):
    """A whole sandbox. Without arguments: organization DEMO with one list, CUSTOMERS."""

    organization: str = Field(default="DEMO", min_length=1)
    api_key: str = Field(default="demo", min_length=1)
    api_secret: str = Field(default="demo", min_length=1, repr=False)
    lists: dict[ApiName, ListConfig] = Field(default_factory=_customers)

    @model_validator(mode="after")
    def _option_lists_are_of_one_kind(self) -> SandboxConfig:
        seen: dict[str, tuple[str, list[str | int]]] = {}
        for one in self.lists.values():
            for field_name, field in one.fields.items():
                name = field.optionlist_of(field_name)
                if name is None or not field.options:
                    continue
                if name in self.lists:
                    raise ValueError(f"option list {name} is the name of a list, too")
                if seen.setdefault(name, (field.data_type, field.options)) != (
                    field.data_type,
                    field.options,
                ):
                    raise ValueError(f"option list {name} differs: give each its own optionlist")
        return self


def load_config(path: Path | str | None = None) -> SandboxConfig:
    """Read a sandbox from a YAML file, or return the default one when there is no path.

    Raises `ValueError`, with a line per fault, when the file is not what `SandboxConfig` describes,
    and `OSError` when it cannot be read.
    """
    if path is None:
        return SandboxConfig()
    try:
        raw: object = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return SandboxConfig.model_validate({} if raw is None else raw)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    except ValidationError as error:
        raise ValueError(f"{path} does not describe a sandbox:\n{explain(error)}") from None


def explain(error: ValidationError) -> str:
    """Write a validation error as one line per fault, without the values that were given."""
    faults = error.errors(include_input=False, include_url=False)
    return "\n".join(
        f"  {'.'.join(map(str, fault['loc'])) or 'body'}: {in_words(fault)}{_near(fault)}"
        for fault in faults
    )


def _near(fault: ErrorDetails) -> str:
    """The key that is meant by one that is none."""
    *where, key = fault["loc"] or ("",)
    known: type[BaseModel] | None = None
    if fault["type"] == "extra_forbidden":
        # lists, its name, fields or segments, and the name or number of one of these
        by_depth: dict[int, type[BaseModel]] = {0: SandboxConfig, 2: ListConfig, 4: FieldConfig}
        known = SegmentConfig if "SegmentConfig" in where else by_depth.get(len(where))
    like = nearest(str(key), [*known.model_fields]) if known else None
    return f"; did you mean {like}?" if like else ""
