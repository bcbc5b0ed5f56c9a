"""The lists a sandbox starts with, and the values that each of their fields accepts.

What Selligent publishes about field types is followed. Where it publishes nothing, the strict side
is taken, so that a body accepted here has a fair chance there; such choices are marked *assumed*.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
Check = Callable[[object], object]

LONGEST_TEXT = 4000
MOST_KEY_FIELDS = 3
# Assumed: how several options stand in one value of a Multi field is not published.
SEPARATOR = "|"

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?", re.ASCII
)


class InvalidValueError(ValueError):
    """A value that a field does not accept, with Selligent's validation_code for it."""

    def __init__(self, code: str, message: str, field_name: str | None = None) -> None:
        super().__init__(message)
        self.code, self.field_name = code, field_name


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

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> FieldConfig:
        if self.length is not None and self.data_type != "Text":
            raise ValueError(f"length is for Text fields, not for {self.data_type}")
        if self.options and self.content not in ("Single", "Multi"):
            raise ValueError("options need content: Single or content: Multi")
        if self.options and self.data_type not in ("Text", "Numeric"):
            raise ValueError("options are for Text and Numeric fields")
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
    return "\n".join(f"  {'.'.join(map(str, f['loc'])) or 'body'}: {f['msg']}" for f in faults)


def checker(name: str, field: FieldConfig) -> Check:
    """Build the function that turns a JSON value into the value stored, made once per field.

    It raises `InvalidValueError` for a value that the field does not accept, null among them where
    the field does not allow it; an empty string is not null.
    """
    check = _CHECKS.get(field.data_type, _as_sent)
    if field.data_type == "Text":
        check = _text("Text", field.length or LONGEST_TEXT)
    if field.options:
        check = _one_of(check, field)
    allow_null = field.allow_null

    def accept(value: object) -> object:
        if value is None:
            if allow_null:
                return None
            raise InvalidValueError("Unknown", "The field does not allow null", name)
        try:
            return check(value)
        except InvalidValueError as error:
            error.field_name = name
            raise

    return accept


def _wrong_type(data_type: str) -> InvalidValueError:
    return InvalidValueError("InvalidType", f"The value is not a {data_type}")


def _boolean(value: object) -> object:
    if value is True or value is False:
        return value
    raise _wrong_type("Boolean")


def _integer(data_type: str, bits: int) -> Check:
    limit = 2 ** (bits - 1)

    def check(value: object) -> object:
        if type(value) is int and -limit <= value < limit:  # true is no number, though an int
            return value
        raise _wrong_type(data_type)

    return check


def _float(value: object) -> object:
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            raise _wrong_type("Float") from None
        if math.isfinite(number):
            return number
    raise _wrong_type("Float")


def _date(value: object) -> object:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise _wrong_type("Date")


def _date_time(value: object) -> object:
    """Normalise to UTC with milliseconds; further decimals are cut off (assumed)."""
    match = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong_type("DateTime")
    seconds, decimals, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds)
        if zone is not None and zone != "Z":
            moment -= _offset(zone)
    except (ValueError, OverflowError):
        raise _wrong_type("DateTime") from None
    return f"{moment.isoformat()}.{decimals or '':0<3.3}"


def _offset(zone: str) -> timedelta:
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -offset if zone.startswith("-") else offset


def _text(data_type: str, longest: int) -> Check:
    def check(value: object) -> object:
        if not isinstance(value, str):
            raise _wrong_type(data_type)
        # No character takes more than two units: only a text that might be too long is counted.
        if len(value) * 2 > longest:
            units = len(value.encode("utf-16-le", "surrogatepass")) // 2
            if units > longest:
                message = f"Length of the text ({units}) is beyond the field's length ({longest})"
                raise InvalidValueError("MaxStringLengthExceeded", message)
        return value

    return check


def _as_sent(value: object) -> object:
    return value


def _one_of(check: Check, field: FieldConfig) -> Check:
    options = frozenset(field.options)
    several = field.content == "Multi" and field.data_type == "Text"

    def accept(value: object) -> object:
        stored = check(value)
        if stored in options or (several and options.issuperset(str(stored).split(SEPARATOR))):
            return stored
        raise InvalidValueError("Unknown", "The value is not in the field's option list")

    return accept


_CHECKS: dict[str, Check] = {
    "Boolean": _boolean,
    "Numeric": _integer("Numeric", 32),
    "Long": _integer("Long", 64),
    "Float": _float,
    "Date": _date,
    "DateTime": _date_time,
    "LongText": _text("LongText", 2**30),
}


def value_from_text(field: FieldConfig, text: object) -> object:
    """Turn the value of a search filter, published as a string, into the field's type.

    Raises `InvalidValueError` when the text is no such value.
    """
    if isinstance(text, str) and field.data_type in ("Boolean", "Numeric", "Long", "Float"):
        try:
            text = json.loads(text.lower())
        except ValueError:
            raise _wrong_type(field.data_type) from None
    return _CHECKS.get(field.data_type, _as_sent)(text)
