"""Kursaha's signals: what names a request, and what of it is refused as a whole."""

from __future__ import annotations

import datetime
import json

import pytest

from gateway import errors
from gateway.core.people.items import Window
from gateway.sources.people import kursaha

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
WINDOW = Window(now=NOW, oldest=NOW - datetime.timedelta(days=400))
SIGNAL = {"customerId": "ada", "eventType": "buy"}


def body(identifier: object) -> bytes:
    return json.dumps({"requestIdentifier": identifier, "signals": [SIGNAL, SIGNAL]}).encode()


@pytest.mark.parametrize("identifier", [5, True, ["r1"], {"id": "r1"}])
def test_signals__with_an_identifier_that_is_no_text__are_refused(identifier: object) -> None:
    with pytest.raises(errors.Malformed, match="requestIdentifier"):
        kursaha.signals(body(identifier), WINDOW)


@pytest.mark.parametrize(
    ("identifier", "event_ids"),
    [("r1", ["r1#0", "r1#1"]), ("", [None, None]), (None, [None, None])],
)
def test_signals__with_an_identifier__have_ids_of_their_own(
    identifier: object, event_ids: list[str | None]
) -> None:
    taken, rejected, _ = kursaha.signals(body(identifier), WINDOW)
    assert ([one.event_id for one in taken], rejected) == (event_ids, [])
