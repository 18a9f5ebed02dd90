"""Fields of a source: what is declared is what the schema says and the check demands."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import fields
from gateway.core.fields import Choice, Flag, Text, Texts, Url, Whole
from gateway.sources import kinds
from gateway.sources.kinds import Kind

FIELDS = (
    Text(name="host", title="Host", description="Where it is.", required=True),
    Text(name="role", title="Role", description="Who it is.", optional=True, max_characters=9),
    Texts(name="tables", title="Tables", description="Which.", max_items=2),
    Text(name="password", title="Password", description="Its secret.", secret=True),
    Whole(name="port", title="Port", description="Where.", least=1, most=4, default=2),
    Whole(name="rows", title="Rows", description="Most.", least=1, most=4, optional=True),
    Choice(name="mode", title="Mode", description="How.", choices=("a", " "), default="a"),
    Choice(name="way", title="Way", description="How.", choices=("a",), optional=True),
    Flag(name="tls", title="TLS", description="Whether."),
    Url(name="url", title="URL", description="Where.", max_characters=30),
    Url(name="proxy", title="Proxy", description="Where.", optional=True),
)
NAMES = [one.name for one in FIELDS if one.name != "password"]
URLS = [
    "https://api.example.com/v1",
    "http://[::1]:8080/a%20b?key=1&more=@",
    "https://user:secret@example.com/",
    "https://example.com/#part",
    "https://example.com/a b",
    "https://example.com/\n",
    "ftp://example.com/",
    "https://a.example.com/" + 9 * "a",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False).filter(lambda one: not one.is_integer())
    | st.sampled_from(URLS)
    | st.sampled_from([2.0, 9.0, 1e300])
    | st.text("a \0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a"), inner, max_size=2),
    max_leaves=5,
)


@given(given=st.dictionaries(st.sampled_from([*NAMES, "other"]), VALUES))
def test_check__of_any_values__finds_faults_where_the_schema_does(given: dict[str, object]) -> None:
    schema = fields.json_schema(FIELDS)
    found = list(fields.faults(FIELDS, given, "config", whole=True))
    assert (found == []) == jsonschema_rs.validator_for(schema).is_valid(given)


def test_schemas__of_all_kinds__are_json_schemas_of_2020() -> None:
    for kind in kinds.KINDS.values():
        for declared in (kind.config, kind.secrets):
            schema = fields.json_schema(declared)
            assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            jsonschema_rs.meta.validate(schema)


def test_check__of_parts__misses_nothing() -> None:
    assert list(fields.faults(FIELDS, {}, "config", whole=False)) == []
    (fault,) = fields.faults(FIELDS, {}, "config", whole=True)
    assert (fault.path, fault.message) == ("config.host", "is missing")


def test_read__of_parts__turns_integers_of_a_list_into_texts() -> None:
    given = {"tables": ["a", 7], "role": None}
    assert fields.read(FIELDS, given) == {"tables": ["a", "7"], "role": None}


def test_read__of_what_json_says_in_several_ways__keeps_one() -> None:
    given = {"port": 2.0, "rows": None, "mode": "a", "tls": True, "url": URLS[0]}
    found = fields.read(FIELDS, given)
    assert found == given
    assert type(found["port"]) is int


@pytest.mark.parametrize("url", URLS)
def test_url__with_what_must_not_travel_in_it__is_refused(url: str) -> None:
    (field,) = (one for one in FIELDS if one.name == "proxy")
    assert (list(field.faults(url, "proxy")) == []) == (url in {*URLS[:2], URLS[-1]})


@pytest.mark.parametrize(("name", "taken"), [("url", False), ("proxy", True)])
def test_url__that_is_null__is_taken_where_it_is_optional(name: str, *, taken: bool) -> None:
    assert (list(fields.faults(FIELDS, {name: None}, "config", whole=False)) == []) == taken


@pytest.mark.parametrize(
    ("value", "taken"), [(True, True), (False, True), (1, False), ("true", False), (None, False)]
)
def test_flag__other_than_true_and_false__is_refused(value: object, *, taken: bool) -> None:
    assert (list(fields.faults(FIELDS, {"tls": value}, "config", whole=False)) == []) == taken


def test_shown__of_a_config__has_defaults_and_nothing_that_is_not_declared() -> None:
    shown = fields.shown(FIELDS[:3], {"host": "db", "auth_required": True})
    assert shown == {"host": "db", "role": None, "tables": ()}


def test_secret__in_a_schema__is_only_written() -> None:
    assert fields.json_schema(FIELDS)["properties"]["password"]["writeOnly"] is True


@pytest.mark.parametrize(("package", "available"), [("json", True), ("no_such_package", False)])
def test_kind__that_needs_a_package__says_what_to_install(package: str, *, available: bool) -> None:
    kind = Kind(name="sql", title="SQL", config=(), package=package)
    assert (kind.reason is None) == available
    if kind.reason is not None:
        assert package in kind.reason
        assert "requirements-sql.txt" in kind.reason
