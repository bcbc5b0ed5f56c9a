"""What feeds what by name and type, the fields a list lacks, its key, and the exposure as YAML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.errors import ConfigurationError
from dbt_selligent.fieldtypes import FEEDS
from dbt_selligent.findings import find_unfed
from dbt_selligent.manifest import Exposure, Manifest, Model
from dbt_selligent.mapping import match_columns
from dbt_selligent.matching import Hints, Pair, Source, match_names
from dbt_selligent.profiles import load_yaml
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.settings import Settings
from dbt_selligent.snippet import build_snippet, scalar, write_snippet
from dbt_selligent.suggestion import can_be_key, choose_keys, new_fields, written_type
from dbt_selligent.wish import find_model, ref_of

NO_HINTS = Hints()
NO_KEY: tuple[tuple[str, ...], str] = ((), "--key")
MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")
SQL_TYPES = (
    "BOOLEAN",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "DECIMAL(18,0)",
    "DECIMAL(38,0)",
    "DECIMAL(18,2)",
    "DOUBLE",
    "FLOAT",
    "VARCHAR",
    "UUID",
    "JSON",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "INTEGER[]",
    "STRUCT(a INTEGER)",
    "INTERVAL",
)
# Names as people give them, and names that are nobody's friend.
ODD = (
    *("id", "ID", "customer_id", "Customer ID", "no", "NO", "on", "Y", "null", "true", "True"),
    *("2024", "1e3", "rowid", "_selligent_x", "a,b", "a:b", "# x", "'", '"', "- a", "{{ x }}"),
    *("SYSTEM.SELLIGENTID", " a", "é", "ß", "ss", "😀", "a\nb", "~", "*a", "!b", "%", "@"),
)
NAMES = st.one_of(
    st.from_regex(r"[a-zA-Z_]{1,4}( ?[a-zA-Z0-9_]{1,4})?", fullmatch=True),
    st.sampled_from(ODD),
    st.text(min_size=1, max_size=6),
)
SOURCES = st.builds(
    Source, NAMES, st.sampled_from(SQL_TYPES), st.sampled_from([None, 0, 1, 255, 4000, 4001])
)
FIELDS = st.builds(
    Field,
    NAMES,
    st.sampled_from(["Unknown", *FEEDS]),
    allow_null=st.booleans(),
    content=st.sampled_from(["Free", "Free", "Free", "Single", "ComputedPersisted"]),
)


def folded(named: Source | Field) -> str:
    return named.name.casefold()


@st.composite
def models_and_lists(draw: st.DrawFn) -> tuple[list[Source], list[Field]]:
    """Columns and fields; about half of the fields are called like a column."""
    columns = draw(st.lists(SOURCES, min_size=1, max_size=8, unique_by=folded))
    names = st.sampled_from([column.name for column in columns])
    like = st.builds(replace, FIELDS, name=names | names.map(str.upper) | names.map(str.lower))
    fields = draw(st.lists(FIELDS | like, max_size=8, unique_by=folded))
    # With these there is something that can be a key.
    columns.append(Source("sure key", "BIGINT"))
    fields.append(Field("SURE_KEY", "Long"))
    return columns, fields


def fed(columns: list[Source], fields: list[Field], hints: Hints = NO_HINTS) -> dict[str, str]:
    pairs = match_names(columns, fields, hints).pairs
    return {pair.field.name: pair.column.name for pair in pairs}


def texts(*names: str) -> list[Source]:
    return [Source(name, "VARCHAR") for name in names]


def text_fields(*names: str) -> list[Field]:
    return [Field(name, "Text", 100) for name in names]


def read_back(text: str, listing: Listing) -> Activation:
    """The activation that the exposure of a YAML file is, as dbt and this tool read it."""
    [exposure] = load_yaml(text)["exposures"]
    settings = Settings(
        Path("/nowhere"),
        Path("/nowhere"),
        "shop",
        "dev",
        Path("/nowhere"),
        profiles={
            "selligent": {
                "outputs": {
                    "dev": {
                        "url": "https://acme.example",
                        "organization": "ACME",
                        "api_key": "k",
                        "api_secret": "s",
                    }
                }
            }
        },
    )
    assert exposure["depends_on"] == ["ref('c')"]
    found = Exposure(
        unique_id=f"exposure.shop.{exposure['name']}",
        name=exposure["name"],
        package="shop",
        file="models/exposures.yml",
        tags=(),
        depends_on=(MODEL.unique_id,),
        meta=exposure["config"]["meta"]["selligent"],
    )
    activations, faults = read_activations(Manifest({MODEL.unique_id: MODEL}, (found,)), settings)
    assert faults == ()
    [activation] = activations
    assert activation.list == listing.name
    return activation


@given(models_and_lists(), st.booleans(), st.sampled_from([None, "VIP"]), st.data())
def test_whatever_the_names_and_types_the_yaml_is_an_activation_without_a_fault(
    there: tuple[list[Source], list[Field]], create: bool, segment: str | None, data: st.DataObject
) -> None:
    columns, fields = there
    if create:
        named = [each.name for each in new_fields(columns, fields, (), NO_HINTS)]
        keys = data.draw(st.lists(st.sampled_from(named), max_size=3)) if named else []
        made = new_fields(columns, fields, keys, NO_HINTS)
        assert [each.name for each in made] == named
        assert [each.allow_null for each in made] == [name not in keys for name in named]
        fields = [*fields, *made]
        assert new_fields(columns, fields, keys, NO_HINTS) == []
    pairs = match_names(columns, fields, NO_HINTS).pairs
    able = [pair.field.name for pair in pairs if can_be_key(pair)]
    asked = data.draw(st.lists(st.sampled_from(able), min_size=1, max_size=3, unique=True))
    listing = Listing("L", tuple(fields))
    try:
        snippet = build_snippet(
            "x", "ref('c')", listing, columns, NO_HINTS, (asked, "--key"), segment=segment
        )
    except ConfigurationError:
        if segment or len(pairs) > len(asked):
            raise
        event("no exposure")
        return
    event("an exposure")

    activation = read_back(write_snippet(snippet), listing)

    described = [(column.name, column.sql_type) for column in columns]
    matched, faults = match_columns(activation, described, "UTC", listing)
    assert faults == []
    assert matched is not None
    assert find_unfed(activation, listing) == []
    mapped = [*activation.keys, *activation.fields]
    assert len(mapped) == len(pairs)
    assert sorted(mapped) == sorted((pair.field.name, pair.column.name) for pair in pairs)
    assert not {field for field, _ in mapped} & {each.name for each in fields if each.computed}


@given(NAMES)
def test_yaml_reads_a_scalar_back_as_it_is(name: str) -> None:
    assert load_yaml(f"[{scalar(name)}]") == [name]
    assert yaml.safe_load(f"{scalar(name)}: {scalar(name)}") == {name: name}


@pytest.mark.parametrize("word", ["NO", "On", "y", "Y", "n", "OFF", "yes", "TRUE", "false", "Null"])
def test_words_that_some_yaml_reads_as_a_boolean_are_quoted(word: str) -> None:
    assert scalar(word) == f'"{word}"'


@pytest.mark.parametrize("word", ["MAIL", "customer_id", "_x1", "NOTE", "yes_no"])
def test_plain_names_are_not_quoted(word: str) -> None:
    assert scalar(word) == word


def test_names_are_matched_without_regard_to_case_underscores_and_blanks() -> None:
    fields = text_fields("CUSTOMER_ID", "FirstName", "Last Name", "MAIL")
    columns = texts("customerid", "first_name", "last_name", "email", "mail_2")
    assert fed(columns, fields) == {
        "CUSTOMER_ID": "customerid",
        "FirstName": "first_name",
        "Last Name": "last_name",
    }


def test_names_that_only_look_alike_in_another_case_are_two() -> None:
    columns, fields = texts("strasse", "stra\u00dfe"), [Field("strasse"), Field("stra\u00dfe")]
    pairs = {"strasse": "strasse", "stra\u00dfe": "stra\u00dfe"}
    assert fed(columns, fields) == pairs
    assert fed(columns, fields[::-1]) == pairs
    made = new_fields(columns, (), (), NO_HINTS)
    assert [each.name for each in made] == ["STRASSE"]


def test_the_same_name_comes_before_a_like_one() -> None:
    fields = text_fields("MAIL_TO", "MAILTO")
    assert fed(texts("mailto", "mail_to"), fields) == {"MAILTO": "mailto", "MAIL_TO": "mail_to"}


def test_a_declared_mapping_comes_before_names_and_a_column_may_feed_two_fields() -> None:
    fields = text_fields("MAIL", "LOGIN", "EMAIL")
    hints = Hints(declared=(("MAIL", "email"), ("LOGIN", "Email")))
    assert fed(texts("email", "mail"), fields, hints) == {"MAIL": "email", "LOGIN": "email"}


def test_a_declared_field_that_is_not_there_is_the_one_to_be_made() -> None:
    hints = Hints(declared=(("EMAIL", "mail"),))
    assert fed(texts("mail"), text_fields("MAIL"), hints) == {"MAIL": "mail"}
    made = new_fields(texts("mail", "other"), text_fields("MAIL"), (), hints)
    assert [each.name for each in made] == ["EMAIL"]
    assert fed(texts("mail"), [*text_fields("MAIL"), *made], hints) == {"EMAIL": "mail"}


def test_a_column_whose_name_would_not_stay_as_it_is_feeds_nothing() -> None:
    matching = match_names(texts("{{ x }}", " y"), text_fields("X", "Y"), NO_HINTS)
    assert matching.pairs == ()
    assert [each.why for each in matching.mismatches] == [
        "a name that YAML or dbt would not leave as it is; rename it"
    ] * 2


@pytest.mark.parametrize(
    ("field", "sql_type", "why"),
    [
        (Field("A", "Float"), "VARCHAR", "cast it in the model to decimal or double"),
        (Field("A", "Numeric"), "DECIMAL(18,2)", "cast it in the model to integer"),
        (Field("A", "Text"), "INTEGER[]", "no field takes the column's type"),
        (Field("A", "Text", content="ComputedPersisted"), "VARCHAR", "computed by Selligent"),
        (Field("SYSTEM.A", "Text"), "VARCHAR", "filled by Selligent"),
        (Field("_SELLIGENT_A", "Text"), "VARCHAR", "a name that no activation can hold"),
    ],
)
def test_a_pair_that_does_not_fit_is_told_with_its_mend(
    field: Field, sql_type: str, why: str
) -> None:
    matching = match_names([Source(field.name, sql_type)], [field], NO_HINTS)
    assert (matching.pairs, matching.columns, matching.fields) == ((), (), ())
    [wrong] = matching.mismatches
    assert why in wrong.why


@pytest.mark.parametrize(
    ("sql_type", "length", "made"),
    [
        ("BOOLEAN", None, "Boolean"),
        ("SMALLINT", None, "Long"),
        ("BIGINT", None, "Long"),
        ("HUGEINT", None, "Long"),
        ("DECIMAL(18,0)", None, "Long"),
        ("DECIMAL(19,0)", None, "Float"),
        ("DECIMAL(18,2)", None, "Float"),
        ("DOUBLE", None, "Float"),
        ("FLOAT", None, "Float"),
        ("DATE", None, "Date"),
        ("TIMESTAMP", None, "DateTime"),
        ("TIMESTAMP WITH TIME ZONE", None, "DateTime"),
        ("JSON", 5, "LongText"),
        ("VARCHAR", None, "Text of 255"),
        ("VARCHAR", 0, "Text of 255"),
        ("VARCHAR", 1, "Text of 50"),
        ("VARCHAR", 33, "Text of 50"),
        ("VARCHAR", 34, "Text of 100"),
        ("VARCHAR", 67, "Text of 255"),
        ("VARCHAR", 171, "Text of 500"),
        ("VARCHAR", 2000, "Text of 4000"),
        ("VARCHAR", 4000, "Text of 4000"),
        ("VARCHAR", 4001, "LongText"),
        ("UUID", 36, "Text of 100"),
    ],
)
def test_the_field_for_a_column(sql_type: str, length: int | None, made: str) -> None:
    [field] = new_fields([Source("some value", sql_type, length)], (), (), NO_HINTS)
    assert (field.name, written_type(field), field.allow_null) == ("SOME_VALUE", made, True)
    assert fed([Source("some value", sql_type)], [field]) == {"SOME_VALUE": "some value"}


@pytest.mark.parametrize("name", ["email", "E-Mail", "mail_address"])
def test_a_field_for_mail_addresses_takes_them_all(name: str) -> None:
    made = [new_fields([Source(name, "VARCHAR", length)], (), (), NO_HINTS) for length in (9, 900)]
    assert [written_type(field) for [field] in made] == ["Text of 255", "Text of 2000"]


def test_no_field_is_made_for_what_has_one_or_cannot_have_one() -> None:
    columns = [
        *texts("mail", "spent", "rowid", "_selligent_x", "{{ x }}", "new", "a b", "a-b", "~", "_"),
        Source("tags", "INTEGER[]"),
    ]
    there = [Field("MAIL", "Text"), Field("SPENT", "Float"), Field("a_b", "Text")]
    made = new_fields(columns, there, ["NEW"], NO_HINTS)
    assert [(each.name, each.allow_null) for each in made] == [("NEW", False)]


def keyed(*fields: Field, asked: tuple[str, ...] = ()) -> tuple[list[str], str]:
    pairs = [Pair(each, Source(each.name.lower(), "VARCHAR")) for each in fields]
    chosen, guess = choose_keys(pairs, asked, "--key")
    return [pair.field.name for pair in chosen], guess


def strict(name: str) -> Field:
    return Field(name, "Text", 100, allow_null=False)


@pytest.mark.parametrize(
    ("fields", "key", "others"),
    [
        ([strict("STORE"), strict("CUSTOMER_ID")], "CUSTOMER_ID", "STORE"),
        ([strict("EMAIL"), strict("KEY"), strict("customerid")], "customerid", "KEY, EMAIL"),
        ([Field("ID", "Text"), strict("MAIL")], "MAIL", ""),
        ([Field("ID", "Text"), strict("NAME")], "NAME", ""),
    ],
)
def test_the_key_is_guessed_and_told_as_a_guess(fields: list[Field], key: str, others: str) -> None:
    also = f", and so do {others}" if others else ""
    assert keyed(*fields) == ([key], f"a guess: it takes no null{also}")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([Field("ID", "Text"), Field("MAIL", "Text")], "no field that a column feeds takes no"),
        ([strict("STORE"), strict("NAME")], "several fields take no null"),
    ],
)
def test_a_key_that_cannot_be_guessed_is_an_error_that_lists_what_could_be(
    fields: list[Field], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as error:
        keyed(*fields)
    names = ", ".join(each.name for each in fields)
    assert error.value.next_step == (
        f"name it with --key FIELD, one to three times; fields that can be: {names}"
    )


def test_the_key_that_is_asked_for_is_taken_in_its_order() -> None:
    fields = [strict("A"), Field("B", "Text"), Field("ID", "Text")]
    assert keyed(*fields, asked=("id", "B", "Id")) == (["ID", "B"], "")


@pytest.mark.parametrize(
    ("asked", "said", "step"),
    [
        (("MAL",), "--key MAL: no field", "did you mean MAIL?"),
        (("zzz",), "--key zzz: no field", "fields that can: MAIL, A, B, C"),
        (("WORDS",), "--key WORDS: no field", "fields that can: MAIL, A, B, C"),
        (("MAIL", "A", "B", "C"), "--key: 4 fields", "3 at most"),
    ],
)
def test_a_key_that_cannot_be_is_an_error(asked: tuple[str, ...], said: str, step: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        keyed(*text_fields("MAIL", "A", "B", "C"), Field("WORDS", "LongText"), asked=asked)
    assert error.value.message.startswith(said)
    assert step in error.value.next_step


@pytest.mark.parametrize("sql_type", ["DOUBLE", "FLOAT", "BOOLEAN", "DECIMAL(9,2)", "INTEGER[]"])
def test_no_row_is_known_by_such_a_column(sql_type: str) -> None:
    assert not can_be_key(Pair(Field("ID", "Unknown"), Source("id", sql_type)))
    assert can_be_key(Pair(Field("ID", "Unknown"), Source("id", "BIGINT")))


def test_the_exposure_tells_in_comments_what_it_leaves_out() -> None:
    columns = [
        *texts("customer_id", "mail", "tier", "score", "on", "phone"),
        Source("tags", "INTEGER[]"),
        Source("odd\nname", "VARCHAR"),
        Source("spent", "VARCHAR"),
    ]
    fields = (
        strict("CUSTOMER_ID"),
        Field("MAIL", "Text", 255),
        Field("TIER", "Text", 20),
        Field("SCORE", "Long", content="ComputedPersisted"),
        Field("ON", "LongText"),
        Field("SPENT", "Float"),
        Field("BORN", "Date", allow_null=False),
    )
    hints = Hints(taken={"tier": "vips"})
    listing = Listing("L", fields)
    snippet = build_snippet("x", "ref('c')", listing, columns, hints, NO_KEY, segment="VIP")
    assert write_snippet(snippet) == (
        "exposures:\n"
        "  - name: x\n"
        "    type: application\n"
        "    owner: {name: CRM}  # whoever answers for it\n"
        "    depends_on: [ref('c')]\n"
        "    config:\n"
        "      meta:\n"
        "        selligent:\n"
        "          list: L\n"
        "          matching_key:  # a guess: it takes no null\n"
        "            CUSTOMER_ID: customer_id\n"
        "          fields:\n"
        "            MAIL: mail\n"
        '            "ON": "on"\n'
        "          mode: update  # new records would be refused: no null is taken by BORN\n"
        "          segment: VIP\n"
        "          # field TIER, column tier (VARCHAR): written by exposure vips\n"
        "          # column phone (VARCHAR) has no field: --create makes one\n"
        "          # column tags (INTEGER[]) has no field: no field takes its type; cast it in the "
        "model, e.g. to varchar\n"
        '          # column "odd\\nname" (VARCHAR) has no field: --create makes one\n'
        "          # field SCORE, column score (VARCHAR): computed by Selligent\n"
        "          # field SPENT, column spent (VARCHAR): the field does not take the column's "
        "type; cast it in the model to decimal or double\n"
        "          # field BORN (Date): no column feeds it, and it takes no null\n"
    )


@pytest.mark.parametrize(
    ("name", "declared", "created", "mend"),
    [
        ("phone", False, False, "--create makes one"),
        ("phone", True, False, "map it, then --create makes one"),
        ("phone", True, True, "map it, then --create makes one"),
        ("rowid", False, True, "a name that no field can have; rename it in the model"),
        ("{{ x }}", False, False, "a name that YAML or dbt would not leave as it is; rename it"),
    ],
)
def test_a_column_without_a_field_is_told_with_its_mend(
    name: str, declared: bool, created: bool, mend: str
) -> None:
    hints = Hints(declared=(("ID", "id"), ("MAIL", "mail")) if declared else ())
    listing = Listing("L", (strict("ID"), *text_fields("MAIL")))
    columns = texts("id", "mail", name)
    snippet = build_snippet("x", "ref('c')", listing, columns, hints, NO_KEY, created=created)
    assert snippet.comments == [f"column {name} (VARCHAR) has no field: {mend}"]


def test_a_segment_alone_needs_no_fields_and_makes_no_record() -> None:
    listing = Listing("L", (strict("ID"), Field("BORN", "Date", allow_null=False)))
    asked = (("ID",), "--key")
    snippet = build_snippet("x", "ref('c')", listing, texts("id"), NO_HINTS, asked, segment="VIP")
    activation = read_back(write_snippet(snippet), listing)
    assert (activation.mode, activation.segment, activation.fields) == ("update", "VIP", ())
    assert "mode" not in write_snippet(snippet)
    for created, mend in ((False, "--create makes fields"), (True, "add columns to the model")):
        with pytest.raises(ConfigurationError, match="no column beside the key") as error:
            build_snippet("x", "ref('c')", listing, texts("id"), NO_HINTS, asked, created=created)
        assert mend in error.value.next_step


def model(unique_id: str, **changed: Any) -> Model:
    given = {"name": unique_id.split(".")[2], "materialized": "table", **changed}
    return Model(
        unique_id,
        given["name"],
        "model",
        given["materialized"],
        '"s"."m"."t"',
        "s",
        "m",
        "models/t.sql",
    )


def manifest(*models: Model) -> Manifest:
    return Manifest({each.unique_id: each for each in models}, ())


def test_a_model_is_named_so_that_dbt_finds_it() -> None:
    shop, other = model("model.shop.c"), model("model.other.c")
    second, odd = model("model.shop.v.v2"), model("model.shop.v.v2a")
    known = manifest(shop, second, odd, model("seed.shop.s"))
    assert ref_of(shop, known) == "ref('c')"
    assert ref_of(second, known) == "ref('v', v=2)"
    assert ref_of(odd, known) == "ref('v', v='2a')"
    assert ref_of(other, manifest(shop, other)) == "ref('other', 'c')"
    assert find_model(known, "s").unique_id == "seed.shop.s"
    assert find_model(known, "model.shop.v.v2") == second


@pytest.mark.parametrize(
    ("name", "said", "step"),
    [
        ("custmers", "no such model", "did you mean customers?"),
        ("zzz", "no such model", "there are: customers, recent, v, v"),
        ("v", "2 models", "write one of model.shop.v.v1, model.shop.v.v2"),
        ("recent", "ephemeral", "materialize it"),
    ],
)
def test_a_model_that_cannot_be_taken_is_an_error(name: str, said: str, step: str) -> None:
    known = manifest(
        model("model.shop.customers"),
        model("model.shop.recent", materialized="ephemeral"),
        model("model.shop.v.v1"),
        model("model.shop.v.v2"),
    )
    with pytest.raises(ConfigurationError, match=said) as error:
        find_model(known, name)
    assert error.value.next_step == step
