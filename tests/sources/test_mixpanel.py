"""Mixpanel's body: the documented payload, the shapes seen in the wild, and anything at all."""

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import errors
from gateway.core.cohorts import member_rows
from gateway.core.cohorts.page import Action, Page
from gateway.sources.mixpanel import body as mixpanel
from tests.sources.bodies import DATA, MEMBER, envelope, ids, page, parse, sample
from tests.sources.json_values import PLAIN, TEXTS, VALUES, written_otherwise

FIELDS = (
    "mixpanel_project_id",
    "mixpanel_cohort_id",
    "mixpanel_cohort_name",
    "mixpanel_cohort_description",
    "mixpanel_session_id",
    "page_info",
    "members",
    "other",
)


def test_documented_payload__is_page_6_of_10_of_a_full_export() -> None:
    found = sample("documented")
    assert (found.action, found.number, found.total) == (Action.REPLACE, 6, 10)
    assert (found.project_id, found.external_id) == (
        "{mixpanel_project_id}",
        "{mixpanel_cohort_id}",
    )
    assert (found.name, found.description) == ("{mixpanel_cohort_name}", "description")
    assert found.session_id == "mixpanel_session_id"
    assert (found.received, found.usable, found.skipped) == (2, 1, {})
    assert ids(found) == ["string"]


def test_worked_example__is_six_pages_of_three_sessions() -> None:
    requests = json.loads((DATA / "worked_example.json").read_text())
    found = [parse(json.dumps(request["body"]).encode()) for request in requests]
    assert [(each.session_id, each.action.value, "".join(ids(each))) for each in found] == [
        ("s1", "add_members", "ABCD"),
        ("s1", "remove_members", ""),
        ("s2", "add_members", "EF"),
        ("s2", "remove_members", "BD"),
        ("s3", "add_members", ""),
        ("s3", "remove_members", ""),
    ]


def test_reserved_property_names__fill_the_same_fields() -> None:
    found = sample("reserved_property_names")
    assert found.description == ""
    assert found.roster.decode().splitlines() == [
        '1-a\t1-a\tada@example.com\tAda\tLovelace\t+44 20 7946 0000\t{"$city":"London"}',
        '1-b\t1-b\tgrace@example.com\tGrace\tHopper\t+1 202 555 0123\t{"first_name":null}',
    ]


def test_unknown_fields__are_ignored_in_the_envelope_and_kept_of_a_member() -> None:
    sent = (DATA / "unknown_fields.json").read_bytes()
    found = parse(sent.replace(b"remove_members", b"add_members"))
    assert (found.action, found.number, found.total) == (Action.ADD, 2, 2)
    assert found.roster == b'a\ta\t\\N\t\\N\t\\N\t\\N\t{"mixpanel_integration_id":"c5f8a1d2"}\n'


def test_members_to_remove__are_kept_as_ids_alone_but_told_by_all_that_was_sent() -> None:
    person = {"distinct_id": "a", "email": "a@example.com", "plan": "gold"}
    whole, bare = page("remove_members", members=[person]), page("remove_members")
    assert whole.roster == b"a" + b"\t\\N" * 6 + b"\n"
    assert bare.digest != whole.digest == page("add_members", members=[person]).digest
    assert (whole.received, whole.usable, whole.skipped) == (1, 1, {})


def test_no_description__is_none() -> None:
    assert sample("no_description").description is None


def test_no_page_info__is_a_whole_export() -> None:
    found = sample("no_page_info")
    assert (found.action, found.number, found.total) == (Action.REPLACE, 1, 1)


def test_numeric_ids__become_their_decimal_text() -> None:
    found = sample("numeric_ids")
    assert (found.project_id, found.external_id) == ("2195193", "1478097")
    assert found.session_id == "18446744073709551617"
    assert ids(found) == ["42", "123456789012345678901234567890"]


@pytest.mark.parametrize("name", ["page_numbers_as_texts", "page_numbers_as_floats"])
def test_page_numbers__as_texts_or_floats__are_numbers(name: str) -> None:
    found = sample(name)
    assert (found.number, found.total) == (2, 3)


def test_texts_for_values__stay_texts() -> None:
    found = sample("texts_for_values")
    properties = json.loads(
        member_rows.unescape(found.roster.decode().rstrip("\n").split("\t")[-1])
    )
    assert properties == {
        "Plan": '{"name": "Gold", "seats": "12"}',
        "Tags": "['new', 'beta']",
        "Seats": "12",
        "Active": "true",
        "Note": "C:\\temp\tline one\nline two",
        "$last_seen": "2025-01-01T08:00:00",
    }


@given(VALUES)
def test_any_json__is_a_page_or_malformed(value: object) -> None:
    for body in (value, envelope(members=value), envelope(page_info=value), envelope(value)):
        raw = json.dumps(body).encode()
        with suppress(errors.Malformed):
            assert isinstance(parse(raw), Page)


@given(st.binary())
def test_any_bytes__are_malformed(raw: bytes) -> None:
    with pytest.raises(errors.Malformed):
        parse(raw)


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_any_parameters__are_a_page_or_malformed(parameters: Mapping[str, object]) -> None:
    for action in Action:
        try:
            found = page(action, **parameters)
        except errors.Malformed:
            continue
        assert found.received == found.usable + sum(found.skipped.values())


@settings(max_examples=50)
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=2), max_size=3))
def test_page__by_either_parser__is_the_same(members: list[dict[str, object]]) -> None:
    body = envelope(members=[{**member, "distinct_id": n} for n, member in enumerate(members)])
    quick = parse(json.dumps(body | {"pad": 1}).encode())
    slow = parse(json.dumps(body | {"pad": 10**30}).encode())
    assert quick == slow


@given(members=st.lists(st.dictionaries(PLAIN, PLAIN | st.floats() | st.integers()), max_size=3))
def test_page__written_with_or_without_escapes__is_the_same(
    members: list[dict[str, object]],
) -> None:
    body = envelope(members=[{**member, "distinct_id": n} for n, member in enumerate(members)])
    without = json.dumps(body, ensure_ascii=False).encode()
    assert b"\\" not in without
    assert parse(without) == parse(json.dumps(body).encode())
    assert parse(without) == parse(json.dumps(body | {"\t": 1}).encode())


@settings(max_examples=50)
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=2), max_size=2), st.integers())
def test_digest__of_members_written_otherwise__is_equal(
    members: list[dict[str, object]], seed: int
) -> None:
    body = envelope(members=[*members, MEMBER])
    again = written_otherwise(body, seed)
    assert parse(again).digest == parse(json.dumps(body).encode()).digest


def test_digest__of_other_members_or_another_order__differs() -> None:
    one, other = {"distinct_id": "a", "p": 1}, {"distinct_id": "a", "p": True}
    pages = [page(members=each) for each in ([one], [other], [one, other], [other, one], [])]
    assert len({each.digest for each in pages}) == 5


def test_digest__of_everything_but_the_members__does_not_depend() -> None:
    first, again = page(), page("members", mixpanel_cohort_name="Other", mixpanel_session_id="t")
    assert first.digest == again.digest


@pytest.mark.parametrize(
    ("raw", "action"),
    [
        (b'{"action": "members"}', "members"),
        (rb'{"action": "caf\u00e9 \ud800"}', "caf\xe9 \ud800"),
        (b'{"action": "a", "action": "b"}', "b"),
        (b'{"action": null}', None),
        (b'{"action": 5}', None),
        (b'{"action": ["members"]}', None),
        (b"{}", None),
        (b'["action"]', None),
        (b'"action"', None),
        (b"", None),
        (b'{"action": "members"', None),
        (b'{"action": "members", "p": %b}' % (b"[" * 9999 + b"]" * 9999), "members"),
        (b'{"p": %b, "action": "members"}' % (b"7" * 9999), "members"),
    ],
)
def test_action__to_echo__is_the_one_sent_if_it_is_text(raw: bytes, action: str | None) -> None:
    assert mixpanel.Body(raw).action == action
