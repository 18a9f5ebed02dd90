"""Whatever a vendor answers, an adapter gives an answer of its own, and raises nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import outbound
from gateway.destinations import kinds
from gateway.destinations.adapter import Account, Adapter
from gateway.destinations.answers import Accepted, Audience, Check, Done, Later, Split, Stop
from tests.destinations import servers
from tests.destinations.http.lists import DECLARED
from tests.destinations.servers import NOW

NAMES = [
    "access_token",
    "audience_id",
    "attributes_processed",
    "bad",
    "code",
    "cursors",
    "data",
    "details",
    "displayName",
    "email",
    "error",
    "error_subcode",
    "errorCounts",
    "errorInfo",
    "errors",
    "expires_in",
    "fieldViolations",
    "fieldWarnings",
    "id",
    "index",
    "invalid_entry_samples",
    "is_transient",
    "lists",
    "message",
    "name",
    "next",
    "nextPageToken",
    "num_invalid_entries",
    "num_received",
    "ok",
    "operation_status",
    "paging",
    "reason",
    "recordCount",
    "requestId",
    "requestStatus",
    "requestStatusPerDestination",
    "retryDelay",
    "subtype",
    "unknown",
    "userLists",
    "why",
]
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "success", "SUCCESS", "FAILED", "Big spenders", "a@b.c", "3s", "t"])
)
BODIES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)
ANSWERS = st.builds(
    outbound.Answer,
    status=st.sampled_from([200, 201, 202, 204, 302, 400, 401, 403, 404, 409, 413, 429, 500, 503]),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-ratelimit-reset", "x-business-use-case-usage"]),
        st.sampled_from(
            ["", "x", "5", "-1", "Mon, 30 Nov 2026 12:00:09 GMT", "[1]", '{"a": [{}]}']
        ),
        max_size=2,
    ),
    body=BODIES.map(orjson.dumps) | st.sampled_from([b"", b"<html>", b"\xff", b"{"]),
)


TOKEN = outbound.Answer(status=200, headers={}, body=b'{"access_token": "t"}')


class Same:
    """A client that has one answer to everything but requests for tokens."""

    def __init__(self, answer: outbound.Answer) -> None:
        self.answer = answer

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> outbound.Answer:
        del method, headers, body
        return TOKEN if url.endswith("/token") else self.answer


ACCOUNTS: list[tuple[str, dict[str, Any], dict[str, str], dict[str, object]]] = [
    (
        "meta",
        {"account_id": "1", "version": "v26.0", "customer_file_source": "USER_PROVIDED_ONLY"},
        {"access_token": "t"},
        {"email": "a@b.c"},
    ),
    (
        "braze",
        {"partner": "p", "attribute": "a", "alias_label": "l", "api": "partner_cohorts"},
        {},
        {"external_id": "a"},
    ),
    (
        "braze",
        {"partner": "p", "attribute": "a", "alias_label": "l", "api": "user_attributes"},
        {},
        {"external_id": "a"},
    ),
    ("google", {"account_id": "1"}, {"refresh_token": "r"}, {"email": "a@b.c"}),
    ("http", DECLARED, {"api_key": "k"}, {"email": "a@b.c"}),
    (
        "marketo",
        {"instance": "i", "client_id": "c"},
        {"client_secret": "s"},
        {"email": "a@b.c"},
    ),
    (
        "salesforce_marketing_cloud",
        {"subdomain": "s", "data_extension": "d", "client_id": "c"},
        {"client_secret": "s"},
        {"subscriber_key": "a"},
    ),
]


def made(answer: outbound.Answer, kind: str, config: dict[str, Any], secrets: Any) -> Adapter:  # noqa: ANN401
    account = Account(
        config={**config, "endpoint": "https://vendor.example"},
        secrets=secrets,
        client=Same(answer),
        now=lambda: NOW,
    )
    return cast("Adapter", kinds.KINDS[kind].connect(account))


def everything(adapter: Adapter, sent: dict[str, object]) -> Iterator[object]:
    """Ask an adapter all that it can be asked."""
    target = servers.target(*sent, audience="1")
    batch = servers.batch(sent, {**sent})
    yield from adapter.verify()
    yield adapter.find(target) or Done()
    yield adapter.create(target)
    for act in (adapter.add, adapter.remove, adapter.replace, adapter.refresh):
        answer = act(target, batch)
        yield answer
        if isinstance(answer, Accepted):
            yield adapter.settle(target, answer.ticket)
    yield adapter.finish(target, 1, NOW - datetime.timedelta(minutes=1))


@pytest.mark.parametrize(("kind", "config", "secrets", "sent"), ACCOUNTS)
@given(answer=ANSWERS)
@settings(max_examples=50, deadline=None)
def test_adapter__with_any_answer_of_the_vendor__has_one_itself(
    kind: str,
    config: dict[str, Any],
    secrets: dict[str, str],
    sent: dict[str, object],
    answer: outbound.Answer,
) -> None:
    adapter = made(answer, kind, config, secrets)
    for one in everything(adapter, sent):
        assert isinstance(one, Accepted | Audience | Check | Done | Later | Split | Stop)
        if isinstance(one, Done):
            assert set(one.rejected) | one.unconfirmed <= {0, 1}
            assert not set(one.rejected) & one.unconfirmed
            orjson.dumps(one.receipt)
        if isinstance(one, Later) and one.after_seconds is not None:
            assert one.after_seconds >= 0
