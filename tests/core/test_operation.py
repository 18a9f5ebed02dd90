"""What an operator may have got wrong about access, processes and backlog, and what to do then."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.core.health import installation_rules, processes
from gateway.core.health.finding import Finding, Level
from gateway.core.health.installation_rules import (
    BacklogFacts,
    EnvironmentFacts,
    PulseFacts,
    SessionFacts,
    SourceFacts,
)

SOURCE = SourceFacts(slug="shop", auth_required=True, paused=False, logins=1)
SESSION = SessionFacts(
    encrypted=True,
    address_is_public=True,
    isolation="read committed",
    transaction_timeout=0.0,
    tables_refused=(),
)
BACKLOG = BacklogFacts(pending=10, most=100, oldest_seconds=3.0, blocked=0)
ENVIRONMENT = EnvironmentFacts(
    password="a-long-and-random-one",
    password_is_in_force=True,
    key="a-key-of-many-characters-indeed",
    key_is_in_force=True,
)


def only(found: list[Finding], level: Level, word: str) -> None:
    """Expect one finding that asks for something, of a level, about a word, with its remedy."""
    (finding,) = (one for one in found if one.level is not Level.OK)
    assert finding.level is level
    assert word in finding.text
    assert finding.remedy


def test_everything__as_it_should_be__asks_for_nothing() -> None:
    pulses = dict.fromkeys(processes.KINDS, PulseFacts(alive=1, working=1, silent_seconds=1.0))
    found = [
        *installation_rules.session(SESSION),
        *installation_rules.session(dataclasses.replace(SESSION, transaction_timeout=None)),
        *installation_rules.sources([SOURCE]),
        installation_rules.keys(1),
        *installation_rules.environment(ENVIRONMENT),
        *installation_rules.processes(pulses),
        *installation_rules.backlog(BACKLOG),
    ]
    assert {one.level for one in found} == {Level.OK}


@pytest.mark.parametrize(
    ("changes", "level", "word"),
    [
        ({"tables_refused": ("deliveries", "members")}, Level.ERROR, "deliveries, members"),
        ({"isolation": "serializable"}, Level.ERROR, "serializable"),
        ({"transaction_timeout": 60.0}, Level.WARNING, "60 s"),
        ({"encrypted": False}, Level.WARNING, "TLS"),
    ],
)
def test_session__that_hinders_us__is_named_with_its_remedy(
    changes: dict[str, object], level: Level, word: str
) -> None:
    facts = dataclasses.replace(SESSION, **changes)  # type: ignore[arg-type]
    only(list(installation_rules.session(facts)), level, word)


def test_session__on_a_private_address__needs_no_encryption() -> None:
    facts = dataclasses.replace(SESSION, encrypted=False, address_is_public=False)
    assert list(installation_rules.session(facts)) == []


@pytest.mark.parametrize(
    ("changes", "level", "word"),
    [
        ({"auth_required": False, "logins": 0}, Level.WARNING, "asks for no password"),
        ({"logins": 0}, Level.ERROR, "has no password"),
        ({"paused": True}, Level.WARNING, "paused"),
    ],
)
def test_source__that_is_open_or_shut__is_named_with_its_remedy(
    changes: dict[str, object], level: Level, word: str
) -> None:
    facts = dataclasses.replace(SOURCE, **changes)  # type: ignore[arg-type]
    only(list(installation_rules.sources([SOURCE, facts])), level, word)


def test_sources_and_keys__that_do_not_exist__are_named() -> None:
    only(list(installation_rules.sources([])), Level.ERROR, "no source")
    only([installation_rules.keys(0)], Level.WARNING, "no API key")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"password": "short"}, "GATEWAY_WEBHOOK_PASSWORD has fewer"),
        ({"password_is_in_force": False}, "GATEWAY_WEBHOOK_PASSWORD is not"),
        ({"key": "short"}, "GATEWAY_API_KEY has fewer"),
        ({"key_is_in_force": False}, "GATEWAY_API_KEY is not"),
    ],
)
def test_credentials__of_the_environment__are_judged_without_being_shown(
    changes: dict[str, object], word: str
) -> None:
    facts = dataclasses.replace(ENVIRONMENT, **changes)  # type: ignore[arg-type]
    found = list(installation_rules.environment(facts))
    only(found, Level.WARNING, word)
    assert "short" not in str(found)
    nothing = EnvironmentFacts(
        password=None, password_is_in_force=False, key=None, key_is_in_force=False
    )
    assert list(installation_rules.environment(nothing)) == []


@pytest.mark.parametrize(
    ("kind", "other"), [("worker", "scheduler"), ("scheduler", "worker"), ("loader", "sender")]
)
@pytest.mark.parametrize(("silent", "word"), [(None, "none has lived"), (75.0, "75 s ago")])
def test_processes__that_are_silent__are_named_with_what_to_start(
    kind: str, other: str, silent: float | None, word: str
) -> None:
    found = list(
        installation_rules.processes(
            {
                kind: PulseFacts(alive=0, working=0, silent_seconds=silent),
                other: PulseFacts(alive=1, working=1, silent_seconds=0.0),
            }
        )
    )
    only(found, Level.WARNING, word)
    only(found, Level.WARNING, f"no {kind} lives")


@pytest.mark.parametrize(
    ("kind", "other"), [("worker", "scheduler"), ("scheduler", "worker"), ("loader", "sender")]
)
@pytest.mark.parametrize(
    ("working", "trouble", "level", "word"),
    [
        (0, "its Redis is away", Level.ERROR, "2 of 2 {kind}s live and do not work (its Redis is"),
        (0, None, Level.ERROR, "2 of 2 {kind}s live and do not work:"),
        (1, "its Redis is away", Level.WARNING, "1 of 2 {kind}s live and do not work (its Redis"),
    ],
)
def test_processes__that_live_and_do_not_work__are_told_with_what_they_say(
    kind: str, other: str, working: int, trouble: str | None, level: Level, word: str
) -> None:
    hindered = PulseFacts(alive=2, working=working, silent_seconds=0.0, trouble=trouble)
    well = PulseFacts(alive=1, working=1, silent_seconds=0.0)
    found = list(installation_rules.processes({kind: hindered, other: well}))
    only(found, level, word.format(kind=kind))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"blocked": 2}, "2 pages are blocked"),
        ({"oldest_seconds": 301.0}, "301 s"),
        ({"pending": 81}, "429"),
    ],
)
def test_backlog__that_needs_a_person__is_named(changes: dict[str, object], word: str) -> None:
    facts = dataclasses.replace(BACKLOG, **changes)  # type: ignore[arg-type]
    only(list(installation_rules.backlog(facts)), Level.WARNING, word)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"password": "Password123!"}, "GATEWAY_WEBHOOK_PASSWORD is one that is tried first"),
        ({"password": "a" * 40}, "GATEWAY_WEBHOOK_PASSWORD is one that is tried first"),
        ({"password": "123456"}, "GATEWAY_WEBHOOK_PASSWORD is one that is tried first"),
        (
            {"password": "shop-europe-1", "username": "shop-europe-1"},
            "GATEWAY_WEBHOOK_PASSWORD is the same as a name",
        ),
        ({"password": "default"}, "GATEWAY_WEBHOOK_PASSWORD is the same as a name"),
        ({"password": "x7Kq-short"}, "GATEWAY_WEBHOOK_PASSWORD has fewer than 12 characters"),
        ({"key": "x7Kq-longer-and-short"}, "GATEWAY_API_KEY has fewer than 24 characters"),
        ({"key": "changeme2026"}, "GATEWAY_API_KEY is one that is tried first"),
        (
            {"key": "long-enough-and-the-same-as", "password": "long-enough-and-the-same-as"},
            "GATEWAY_API_KEY is the same as a name or the other secret",
        ),
        ({"password": "x7Kq-and-long-enough", "key": "x7Kq-and-much-longer-than-that"}, None),
        ({}, None),
    ],
)
def test_secrets__that_are_soon_guessed__are_named_and_not_shown(
    secrets: dict[str, str], said: str | None
) -> None:
    given = {"username": None, "password": None, "key": None, **secrets}
    found = [text for text, _ in installation_rules.weak_secrets(**given)]
    assert [text.startswith(said or "-") for text in found] == ([] if said is None else [True])
    assert not [text for text in found for one in secrets.values() if one in text]
