"""The webhook: signed as receivers verify it, and judged by its answers."""

from __future__ import annotations

import base64
import contextlib
import datetime
from collections.abc import Callable, Iterator, Mapping

import pytest
import standardwebhooks

from gateway import outbound
from gateway.core import fields
from gateway.destinations import kinds, settings
from gateway.destinations.adapter import Account, Change, Cohort, Message, Target
from gateway.destinations.answers import Answer, Done, Later, Split, Stop, StopCode
from gateway.destinations.webhook import feed, signing
from gateway.destinations.webhook.feed import Webhook
from tests.syncs import receiver
from tests.syncs.receiver import Request

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 24).decode()
NOW = datetime.datetime.now(datetime.UTC)
TARGET = Target(cohort=Cohort(id="7", name="VIP", description=None, created_at=NOW), identifiers=())
HERE = outbound.networks("127.0.0.0/8")


def message(seq: int, member_id: str | None = "ada", *, first: bool = False) -> Message:
    member = None if member_id is None else {"member_id": member_id}
    return Message(
        change=Change.ENTERED, seq=seq, member_id=member_id, member=member, at=NOW, first=first
    )


def _now() -> datetime.datetime:
    """Tell the time that it is, as receivers take no message that was signed long ago."""
    return datetime.datetime.now(datetime.UTC)


@contextlib.contextmanager
def webhook(
    url: str,
    *,
    secrets: Mapping[str, str] | None = None,
    now: Callable[[], datetime.datetime] = lambda: NOW,
    **config: object,
) -> Iterator[Webhook]:
    with outbound.Client(allow=HERE) as client:
        shown = fields.shown(feed.CONFIG, {"url": url, **config})
        yield Webhook(
            Account(config=shown, secrets=secrets or {"secret": NEW}, client=client, now=now)
        )


def answered(
    status: int, headers: Mapping[str, str] | None = None, *, count: int = 1, batch: int = 1000
) -> Answer:
    with (
        receiver.serving(lambda _: (status, headers or {}, b"words")) as url,
        webhook(url, batch=batch) as made,
    ):
        return made.deliver(TARGET, [message(seq) for seq in range(1, count + 1)])


def test_message__under_two_secrets__is_verified_with_either_by_the_library() -> None:
    got: list[Request] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        got.append(request)
        return 204, {}, b""

    both = {"secret": NEW, "previous_secret": OLD}
    with (
        receiver.serving(respond) as url,
        webhook(f"{url}/in?a=b", secrets=both, now=_now) as made,
    ):
        assert made.deliver(TARGET, [message(3)]) == Done()
    (request,) = got
    assert (request.method, request.path) == ("POST", "/in?a=b")
    for secret in (NEW, OLD):
        told = standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
        assert told == {
            "type": "cohort.entered",
            "cohort": "7",
            "seq": 3,
            "member": {"member_id": "ada"},
            "at": NOW.isoformat(timespec="microseconds"),
        }
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OTHER).verify(request.body, dict(request.headers))
    assert request.headers["webhook-id"] == "7-3"
    assert request.headers["user-agent"].startswith("cohort-gateway/")


def test_batch__of_messages__is_named_by_the_first_and_last() -> None:
    got: list[Request] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        got.append(request)
        return 200, {}, b""

    first = [message(9, one, first=True) for one in ("a", "b")]
    with receiver.serving(respond) as url, webhook(url, batch=10) as made:
        for messages in ([message(3), message(4, None)], [message(5)], first, first[:1]):
            made.deliver(TARGET, messages)
    ids = [one.headers["webhook-id"] for one in got]
    assert ids[:2] == ["7-3-4", "7-5-5"]
    assert [len(one.split("-")) for one in ids[2:]] == [4, 3]
    assert ids[2].startswith(ids[3])
    told = got[0].json["messages"]
    assert [one["seq"] for one in told] == [3, 4]
    assert told[1]["member"] is None


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_answer__of_success__is_done(status: int) -> None:
    assert answered(status) == Done()


@pytest.mark.parametrize("status", [301, 302, 404, 408, 429, 500, 503])
def test_answer__that_may_change__is_tried_again(status: int) -> None:
    assert isinstance(answered(status), Later)


@pytest.mark.parametrize(("status", "code"), [(401, "credentials"), (403, "credentials")])
def test_answer__that_needs_a_person__stops(status: int, code: str) -> None:
    assert answered(status) == Stop(
        code=StopCode(code), message=f"the receiver answers {status}: words"
    )
    assert isinstance(answered(410), Stop)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("count", [1, 2])
def test_answer__that_finds_a_body_wrong__splits_it(status: int, count: int) -> None:
    assert isinstance(answered(status, count=count), Split)


def test_retry_after__in_seconds_or_as_a_date__is_read() -> None:
    found = answered(503, {"Retry-After": "7"})
    assert isinstance(found, Later)
    assert found.after_seconds == 7
    date = datetime.datetime(2026, 1, 1, 0, 0, 9, tzinfo=datetime.UTC)
    now = date - datetime.timedelta(seconds=9)
    for text, seconds in (
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9),
        ("Thu, 01 Jan 2026 00:00:09 -0000", 9),
        ("Thu, 01 Jan 2025 00:00:09 GMT", 0),
        ("soon", None),
        ("", None),
    ):
        assert settings.retry_after({"retry-after": text}, now=now) == seconds


def test_endpoint__if_set__stands_for_the_host_of_the_url() -> None:
    got: list[Request] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        got.append(request)
        return 200, {}, b""

    with receiver.serving(respond) as url:
        with webhook("https://example.com/a?b=c", endpoint=f"{url}/") as made:
            made.deliver(TARGET, [message(1)])
        with webhook("https://example.com/a", endpoint=url) as made:
            made.deliver(TARGET, [message(1)])
    assert [one.path for one in got] == ["/a?b=c", "/a"]


@pytest.mark.parametrize(("status", "ok"), [(405, True), (200, True), (500, False)])
def test_verify__of_any_answer_but_trouble__reaches_it_and_posts_nothing(
    status: int, *, ok: bool
) -> None:
    got: list[Request] = []

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        got.append(request)
        return status, {}, b""

    with receiver.serving(respond) as url, webhook(url) as made:
        (check,) = made.verify()
    assert check.ok == ok
    assert {one.method for one in got} == {"HEAD"}


@pytest.mark.parametrize(
    ("secret", "good"),
    [
        (NEW, True),
        (NEW.removeprefix("whsec_"), True),
        (base64.b64encode(b"a" * 15).decode(), False),
        ("whsec_not base64 at all, not at all", False),
        ("a" * 600, False),
        (7, False),
        (None, False),
    ],
)
def test_secret__that_signs_nothing__is_refused(secret: object, *, good: bool) -> None:
    (field, previous) = kinds.KINDS["webhook"].secrets
    assert (list(field.faults(secret, "secrets.secret")) == []) == good
    assert list(previous.faults(None, "secrets.previous_secret")) == []
    assert field.read(secret) == secret
    assert signing.key(NEW) == b"n" * 32


def test_facts__of_a_webhook__have_its_batch() -> None:
    kind = kinds.KINDS["webhook"]
    assert kind.told(fields.shown(kind.config, {"batch": 7})).limits.members == 7
