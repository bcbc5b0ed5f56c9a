"""Flags, profile and environment: what is chosen, what is refused, and that no secret shows."""

import json
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, astuple
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_selligent.errors import ConfigurationError, ProfileError, ProjectError
from dbt_selligent.profiles import Secret, render
from dbt_selligent.settings import Settings, resolve_settings

KEY, SECRET = "k-3fa9", "s-77c1"
OUTPUT = {
    "type": "selligent",
    "url": "https://acme.example",
    "organization": "ACME",
    "api_key": KEY,
    "api_secret": SECRET,
}
WAREHOUSE = {"type": "duckdb", "path": "shop.duckdb"}
Make = Callable[..., Settings]


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PROFILE", "TARGET", "TARGET_PATH", "PROJECT_DIR", "PROFILES_DIR"):
        monkeypatch.delenv(f"DBT_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def make(project: Path) -> Make:
    """Settings of a project; ``target`` stands in its profile, ``flag`` is that of the command."""

    def make_settings(
        outputs: Any = None,
        *,
        target: Any = None,
        flag: str | None = None,
        description: Any = None,
        **flags: Any,
    ) -> Settings:
        warehouses = {"outputs": {"dev": WAREHOUSE, "prod": WAREHOUSE, "default": WAREHOUSE}}
        profiles = {
            "shop": warehouses if target is None else {**warehouses, "target": target},
            "selligent": {"outputs": {"dev": OUTPUT} if outputs is None else outputs},
        }
        write(project / "profiles.yml", profiles)
        write(
            project / "dbt_project.yml", {"name": "shop", "profile": "shop"} | (description or {})
        )
        return resolve_settings(project_dir=str(project), target=flag, **flags)

    return make_settings


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), "utf-8")


# the target


@pytest.mark.parametrize(
    ("flag", "variable", "in_profile", "chosen"),
    [
        (None, None, None, "default"),
        (None, None, "dev", "dev"),
        (None, "prod", "dev", "prod"),
        ("dev", "prod", "default", "dev"),
        (None, None, "{{ env_var('SHOP_TARGET') }}", "prod"),
        (None, None, "{{ env_var('SHOP_UNSET', 'dev') }}", "dev"),
    ],
)
def test_the_target(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    flag: str | None,
    variable: str | None,
    in_profile: str | None,
    chosen: str,
) -> None:
    monkeypatch.setenv("SHOP_TARGET", "prod")
    if variable:
        monkeypatch.setenv("DBT_TARGET", variable)

    assert make(target=in_profile, flag=flag).target == chosen


def test_a_target_that_is_not_there_lists_those_there_are(make: Make) -> None:
    with pytest.raises(ProfileError) as caught:
        make(target="dve")

    assert "profile shop: no output 'dve'; there are: default, dev, prod" in caught.value.message


def test_the_profile(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PROFILE", "shop")
    description = {"profile": "{{ env_var('SHOP_PROFILE') }}"}
    assert make(target="dev", description=description).profile == "shop"

    monkeypatch.setenv("DBT_PROFILE", "nobody")
    with pytest.raises(ProfileError, match="no profile 'nobody'; there are: selligent, shop"):
        make(target="dev")


def test_a_profile_that_is_not_there_beside_one_with_a_bare_key(make: Make, project: Path) -> None:
    make(target="dev")
    write(project / "profiles.yml", {True: {}, "other": {}})

    with pytest.raises(ProfileError, match="no profile 'shop'"):
        resolve_settings(project_dir=str(project))


# the destination


def test_the_destination_is_named_like_the_target(make: Make) -> None:
    outputs = {"dev": OUTPUT, "prod": OUTPUT | {"organization": "LIVE"}}
    settings = make(outputs, target="dev")
    asked = make(outputs, target="dev", destination="prod")

    assert settings.destination_named().name == "dev"
    assert settings.destination_named("prod").organization == "LIVE"
    assert asked.destination_named().name == "prod"
    assert asked.destination_named("dev").name == "dev"


def test_a_destination_that_is_not_there(make: Make) -> None:
    settings = make({"dev": OUTPUT, "stage": OUTPUT}, target="prod")

    with pytest.raises(ProfileError, match=r"'prod' .named like the dbt target.; there are: dev"):
        settings.destination_named()
    with pytest.raises(ProfileError, match=r"'live' .asked for.; there are: dev, stage"):
        settings.destination_named("live")


def test_no_profile_of_destinations(make: Make, project: Path) -> None:
    make(target="dev")
    write(project / "profiles.yml", {"shop": {"outputs": {"default": WAREHOUSE}}})

    with pytest.raises(ProfileError, match="no profile 'selligent'; there are: shop"):
        resolve_settings(project_dir=str(project)).destination_named()


def test_other_outputs_are_not_rendered(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    broken = OUTPUT | {"api_key": "{{ env_var('SHOP_UNSET') }}", "url": "{{ nonsense", "x": 1}
    settings = make(
        {"dev": OUTPUT | {"api_key": "{{ env_var('SHOP_KEY') }}"}, "prod": broken}, target="dev"
    )

    assert settings.destination_named().api_key.reveal() == KEY


def test_a_variable_that_is_not_set_is_named_with_the_output(make: Make, project: Path) -> None:
    settings = make({"dev": OUTPUT | {"api_secret": "{{ env_var('SHOP_UNSET') }}"}}, target="dev")

    with pytest.raises(ProfileError) as caught:
        settings.destination_named()

    assert caught.value.message == (
        f"{project / 'profiles.yml'}: profile selligent, output dev: api_secret: "
        "the environment variable SHOP_UNSET is not set"
    )
    assert "SHOP_UNSET" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ var('x') }}", "'var' is undefined"),
        ("{{ env_var('A' }}", "this Jinja cannot be read"),
        ("{% if %}", "this Jinja cannot be read"),
        ("{{ env_var('A') + 1 }}", ""),
        ("{{ env_var() }}", ""),
    ],
)
def test_jinja_that_cannot_be_rendered(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setenv("A", SECRET)

    with pytest.raises(ProfileError) as caught:
        render(text, "profiles.yml", "url")

    assert caught.value.message.startswith("profiles.yml: url: ")
    assert words in caught.value.message
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_what_render_leaves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "{{ b }}")

    assert [render(value, "f", "k") for value in (5, None, True, "plain", "{x}")] == [
        5,
        None,
        True,
        "plain",
        "{x}",
    ]
    assert render("{{ env_var('A') }}", "f", "k") == "{{ b }}"
    assert render("{{ env_var('UNSET_HERE', '7') | as_number }}", "f", "k") == "7"


@pytest.mark.parametrize(
    ("changes", "words", "mend"),
    [
        ({"api_kee": "x"}, "api_kee: no such key", "did you mean api_key?"),
        ({"Organisation": "x"}, "Organisation: no such key", "did you mean organization?"),
        ({"xyzzy": "x"}, "xyzzy: no such key", ""),
        ({1: "x"}, "1: no such key", ""),
        ({"require_state": "x"}, "require_state: 'x' is not true or false", ""),
        ({"notify": [f"json://{SECRET}", 5]}, "notify 2: not an address", "write it like"),
        ({"notify": {"url": f"json://{SECRET}"}}, "notify 1: not an address", "write it like"),
        ({"notify": [" "]}, "notify 1: empty", "is the variable set"),
        ({"api_key": None}, "missing: api_key", "add"),
        ({"api_key": "", "url": None}, "missing: url, api_key", "add"),
        ({"api_key": " "}, "empty: api_key", "empty?"),
        ({"type": "duckdb"}, "type: 'duckdb' is not 'selligent'", ""),
        ({"timezone": "Europe/Brusels"}, "no time zone 'Europe/Brusels'", "Europe/Brussels"),
        ({"timezone": "../../etc/passwd"}, "no time zone", "Europe/Brussels"),
        ({"organization": ".."}, "organization: cannot be a name in a URL", ""),
        ({"api_key": f"{KEY}\n"}, "api_key: has a character that no header can carry", "more"),
        ({"api_secret": f"{SECRET}\u20ac"}, "api_secret: has a character that no header", "more"),
        ({"state": "~nobody-of-this-name/x"}, "state: not a folder", ""),
        ({"state": "a\0b"}, "state: not a folder", ""),
    ],
)
def test_an_output_that_is_wrong(
    make: Make, changes: dict[Any, Any], words: str, mend: str
) -> None:
    settings = make({"dev": OUTPUT | changes}, target="dev")

    with pytest.raises(ProfileError) as caught:
        settings.destination_named()

    assert "profiles.yml: profile selligent, output dev: " in caught.value.message
    assert words in caught.value.message
    assert mend in caught.value.next_step
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, []),
        ([], []),
        ("json://a.example/x", ["json://a.example/x"]),
        ("{{ env_var('SHOP_HOOK') }}", [f"jsons://{SECRET}@a.example"]),
        (
            ["json://a.example", "{{ env_var('SHOP_HOOK') }}\n"],
            ["json://a.example", f"jsons://{SECRET}@a.example"],
        ),
    ],
)
def test_the_addresses_of_an_output_are_rendered_and_secret(
    make: Make, monkeypatch: pytest.MonkeyPatch, given: object, found: list[str]
) -> None:
    monkeypatch.setenv("SHOP_HOOK", f"jsons://{SECRET}@a.example")
    destination = make({"dev": OUTPUT | {"notify": given}}, target="dev").destination_named()

    assert [each.reveal() for each in destination.notify] == found
    assert SECRET not in repr(destination)


@pytest.mark.parametrize("output", [None, [], "x"])
def test_an_output_that_is_no_dictionary(make: Make, output: object) -> None:
    with pytest.raises(ProfileError, match="output dev: not a dictionary"):
        make({"dev": output}, target="dev").destination_named()


@pytest.mark.parametrize("value", [12345, True])
def test_a_key_that_yaml_reads_as_a_number_is_text(make: Make, value: object) -> None:
    settings = make({"dev": OUTPUT | {"api_key": value}}, target="dev")

    assert settings.destination_named().api_key == Secret(str(value))


# the address


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://acme.example", "https://acme.example"),
        ("https://acme.example/", "https://acme.example"),
        ("https://acme.example/Portal/Api", "https://acme.example"),
        ("https://acme.example:8443/Portal/Api/", "https://acme.example:8443"),
        ("http://127.0.0.1:8800", "http://127.0.0.1:8800"),
        ("http://localhost:8800", "http://localhost:8800"),
        ("http://[::1]:8800", "http://[::1]:8800"),
    ],
)
def test_an_address(make: Make, url: str, kept: str) -> None:
    assert make({"dev": OUTPUT | {"url": url}}, target="dev").destination_named().url == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://acme.example", "http is for this machine only"),
        ("http://localhost.acme.example", "http is for this machine only"),
        ("http://127.0.0.1.acme.example", "http is for this machine only"),
        ("http://10.0.0.1", "http is for this machine only"),
        (f"https://user:{SECRET}@acme.example", "holds a password"),
        (f"https://{SECRET}@acme.example", "holds a password"),
        (f"http://127.0.0.1:{SECRET}@acme.example", "holds a password"),
        ("acme.example", "not a URL"),
        ("ftp://acme.example", "not a URL"),
        ("https://", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://acme.example:port", "not a URL"),
        (f"https://acme.example?key={SECRET}", "not a URL"),
        ("https://acme.example#x", "not a URL"),
    ],
)
def test_an_address_that_is_refused(make: Make, url: str, words: str) -> None:
    settings = make({"dev": OUTPUT | {"url": url}}, target="dev")

    with pytest.raises(ProfileError) as caught:
        settings.destination_named()

    assert f"output dev: url: {words}" in caught.value.message
    assert SECRET not in str(caught.value)


# paths


def test_the_state_is_in_the_project(make: Make, project: Path, tmp_path: Path) -> None:
    def state(**more: str) -> Path:
        return make({"dev": OUTPUT | more}, target="dev").destination_named().state

    assert state() == project / ".dbt_selligent"
    assert state(state="kept/state") == project / "kept" / "state"
    assert state(state="../state") == tmp_path / "state"
    assert state(state="/var/lib/state") == Path("/var/lib/state")
    assert state(state="~/state") == tmp_path / "home" / "state"


def test_the_target_path(make: Make, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"target-path": "out"}
    assert make(target="dev").target_path == project / "target"
    assert make(target="dev").own_target_path == project / "target" / "selligent"
    assert make(target="dev", description=described).target_path == project / "out"
    monkeypatch.setenv("DBT_TARGET_PATH", "from_env")
    assert make(target="dev", description=described).target_path == project / "from_env"
    assert make(target="dev", target_path="/flag").target_path == Path("/flag")


def test_the_project_is_found_above(
    make: Make, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(target="dev")
    (project / "models" / "crm").mkdir(parents=True)
    monkeypatch.chdir(project / "models" / "crm")

    settings = resolve_settings()

    assert (settings.project_dir, settings.profiles_dir) == (project, project)


def test_the_profiles_are_found_as_dbt_finds_them(
    make: Make, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(target="dev")
    content = yaml.safe_load((project / "profiles.yml").read_text("utf-8"))
    (project / "profiles.yml").unlink()
    found = []
    for folder in (tmp_path / "home" / ".dbt", project, tmp_path / "elsewhere"):
        write(folder / "profiles.yml", content)
        found.append(resolve_settings(project_dir=str(project)).profiles_dir)
    for folder in (tmp_path / "variable", tmp_path / "flag"):
        write(folder / "profiles.yml", content)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path / "variable"))
    found.append(resolve_settings(project_dir=str(project)).profiles_dir)
    flag = str(tmp_path / "flag")
    found.append(resolve_settings(project_dir=str(project), profiles_dir=flag).profiles_dir)

    assert found == [
        tmp_path / "home" / ".dbt",
        project,
        tmp_path / "elsewhere",
        tmp_path / "variable",
        tmp_path / "flag",
    ]


def test_no_project_and_no_profiles(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no dbt_project.yml in .* or any folder above it"):
        resolve_settings()
    with pytest.raises(ProjectError) as no_project:
        resolve_settings(project_dir=str(project))
    assert no_project.value.message == f"no dbt_project.yml in {project}"
    write(project / "dbt_project.yml", {"name": "shop", "profile": "shop"})
    with pytest.raises(ProfileError) as caught:
        resolve_settings(project_dir=str(project))

    searched = [tmp_path / "elsewhere", project, tmp_path / "home" / ".dbt"]
    assert caught.value.message == f"no profiles.yml in {', '.join(map(str, searched))}"


@pytest.mark.parametrize("file", ["dbt_project.yml", "profiles.yml"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty, or not a YAML dictionary"),
        (b"- a", "empty, or not a YAML dictionary"),
        (b"a: 1\nb: ]s-77c1", "line 2: not YAML"),
        (b"a: {{ s-77c1 }}", "YAML"),
        (b"\xff\xfe\xfd", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(
    make: Make, project: Path, file: str, content: bytes, words: str
) -> None:
    make(target="dev")
    (project / file).write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        resolve_settings(project_dir=str(project))

    assert str(project / file) in caught.value.message
    assert words in caught.value.message
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# --vars


@pytest.mark.parametrize("text", ["[1]", "as_of", "5", "null", "{a: ", "a: b: c"])
def test_vars_that_are_no_dictionary(make: Make, text: str) -> None:
    with pytest.raises(ConfigurationError, match="--vars is not a YAML dictionary"):
        make(target="dev", vars=text)


@pytest.mark.parametrize("text", ["{as_of: 2026-01-31}", "a: 1", '{"a": 1}', "{}"])
def test_vars_go_to_dbt_as_they_are(make: Make, text: str) -> None:
    assert make(target="dev", vars=text).vars == text


@pytest.mark.parametrize("text", ["", None])
def test_no_vars(make: Make, text: str | None) -> None:
    assert make(target="dev", vars=text).vars == "{}"


# from Python


def test_vars_are_a_dictionary_too(make: Make) -> None:
    given = {"as_of": date(2026, 1, 31), "name": "é \U0001f600", "n": [1, None, True]}
    found = yaml.safe_load(make(target="dev", vars=given).vars)
    assert found == {**given, "as_of": "2026-01-31"}


def test_criteria_are_a_text_or_several(make: Make) -> None:
    one = make(target="dev", select="tag:crm a", exclude="b")
    assert (one.select, one.exclude) == (("tag:crm a",), ("b",))
    several = make(target="dev", select=["tag:crm", "a"], exclude=("b",))
    assert (several.select, several.exclude) == (("tag:crm", "a"), ("b",))


def test_folders_are_paths_too(make: Make, project: Path) -> None:
    make(target="dev")
    settings = resolve_settings(project_dir=project, profiles_dir=project, target_path=Path("out"))
    assert settings == resolve_settings(
        project_dir=str(project), profiles_dir=str(project), target_path="out"
    )
    assert (settings.project_dir, settings.target_path) == (project, project / "out")


@pytest.mark.parametrize("name", ["threads", "limit"])
def test_a_number_that_is_too_small(make: Make, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: 0 is less than 1"):
        make(target="dev", **{name: 0})


# secrets


SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "f-string": lambda value: f"{value} {value!r} {value!s}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031
    "in a list": lambda value: str([value, {"a": value}]),
    "pprint": pprint.pformat,
    "json": lambda value: json.dumps(value, default=str),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_a_secret_never_shows(make: Make, show: Callable[[Any], str]) -> None:
    settings = make(target="dev")
    destination = settings.destination_named()

    shown = [
        show(value)
        for value in (
            destination.api_secret,
            destination,
            settings,
            asdict(destination),
            astuple(destination),
        )
    ]

    assert [text for text in shown if SECRET in text or KEY in text] == []
    assert "***" in shown[0]
    assert destination.api_secret.reveal() == SECRET


def test_a_format_that_pads_does_not_show_it() -> None:
    with pytest.raises(TypeError) as caught:
        format(Secret(SECRET), ">20")

    assert SECRET not in str(caught.value)


def test_a_traceback_with_its_variables_does_not_show_it(make: Make) -> None:
    settings = make(target="dev")
    destination = settings.destination_named()

    def fail(secret: Secret) -> None:
        raise ValueError(f"{secret} {destination.name}")

    with pytest.raises(ValueError, match="dev") as caught:
        fail(destination.api_secret)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert "***" in text
    assert SECRET not in text
    assert KEY not in text


def test_secrets_are_compared_by_value_and_are_no_keys() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))
