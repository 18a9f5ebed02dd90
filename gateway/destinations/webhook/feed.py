"""The webhook: what it is set to, and how changes become requests."""

from __future__ import annotations

import dataclasses
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from gateway.core import moments
from gateway.core.fields import Choice, Field, Url, Whole
from gateway.destinations import settings
from gateway.destinations.answers import Check, Done, Later, Split, Stop, StopCode
from gateway.destinations.facts import Facts, Identifier, Limits, Mode, Status, Way
from gateway.destinations.webhook import signing

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.destinations.adapter import Account, Message, Target
    from gateway.destinations.answers import Answer
    from gateway.outbound import Answer as Received

MOST_MESSAGES: Final = 1000
_DIGEST_DIGITS: Final = 16
_SAID_CHARACTERS: Final = 500

CONFIG: Final[tuple[Field, ...]] = (
    Url(
        name="url",
        title="URL",
        description="Where changes are posted.",
        required=True,
    ),
    Url(
        name="endpoint",
        title="Endpoint",
        description="Scheme, host and port to use in place of those of the URL, as for a proxy.",
        optional=True,
    ),
    Whole(
        name="batch",
        title="Changes in a request",
        description='With 1 a request has one change; with more, {"messages": […]}.',
        least=1,
        most=MOST_MESSAGES,
        default=1,
    ),
    settings.CONCURRENCY,
)
SECRETS: Final[tuple[Field, ...]] = (
    signing.SigningSecret(
        name="secret",
        title="Signing secret",
        description="whsec_ and the base64 of 16 to 256 random bytes; it signs each request.",
        required=True,
    ),
    signing.SigningSecret(
        name="previous_secret",
        title="Previous signing secret",
        description="Signs as well while the receiver changes to the new one.",
    ),
)
OPTIONS: Final[tuple[Field, ...]] = (
    Choice(
        name="start",
        title="Start",
        description="Begin with the changes to come, or with `cohort.entered` for every member.",
        choices=("now", "members"),
        default="now",
    ),
)
FACTS: Final = Facts(
    identifiers=(Identifier(name="member_id", title="Member id"),),
    matching=(frozenset({"member_id"}),),
    others=True,
    limits=Limits(members=MOST_MESSAGES),
    modes=(Mode.MIRROR,),
    status=Status.TRIED,
    way=Way.CHANGES,
)
CARRIERS: Final = frozenset({"url", "endpoint"})


def facts_of(config: Mapping[str, object]) -> Facts:
    """Tell of a webhook: its batches are as long as it says."""
    return dataclasses.replace(FACTS, limits=Limits(members=int(str(config["batch"]))))


class Webhook:
    """Posts changes to one URL."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._url = _address(account.config)
        self._batched = account.config["batch"] != 1
        names = ("secret", "previous_secret")
        self._secrets = [account.secrets[name] for name in names if name in account.secrets]

    def verify(self) -> Iterator[Check]:
        """Reach the server without posting anything to it."""
        answer = self._account.client.request("HEAD", self._url)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"the server answers {answer.status}; look at its log"
            yield Check(step="connect", ok=False, message=message)
            return
        said = f"reached: HEAD is answered {answer.status}; the first change proves the secret"
        yield Check(step="connect", ok=True, message=said)

    def deliver(self, target: Target, messages: Sequence[Message]) -> Answer:
        """Post messages in order; the same ones have the same id at each try."""
        written = [_written(target, one) for one in messages]
        message_id = _message_id(target.cohort.id, messages, batched=self._batched)
        body = orjson.dumps({"messages": written} if self._batched else written[0])
        now = self._account.now()
        stamp = int(now.timestamp())
        signed = signing.headers(message_id, timestamp=stamp, body=body, secrets=self._secrets)
        headers = {"Content-Type": "application/json", **signed}
        answer = self._account.client.request("POST", self._url, headers=headers, body=body)
        return _judged(answer, now)


def _address(config: Mapping[str, object]) -> str:
    """Return the URL, at the endpoint if one is set."""
    url, endpoint = str(config["url"]), config["endpoint"]
    if endpoint is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{str(endpoint).rstrip('/')}{parts.path}{query}"


def _written(target: Target, message: Message) -> dict[str, object]:
    return {
        "type": f"cohort.{message.change}",
        "cohort": target.cohort.id,
        "seq": message.seq,
        "member": message.member,
        "at": moments.write(message.at),
    }


def _message_id(cohort_id: str, messages: Sequence[Message], *, batched: bool) -> str:
    """Name what is sent for good: by its seqs, and of first members by the digests of their ids.

    Members that are suppressed since, or no more, are no change of a seq of their own.
    """
    first, last = messages[0], messages[-1]
    if first.turn is not None:
        parts = [str(first.change), str(first.turn), *(one.member_id or "" for one in messages)]
        return "-".join([cohort_id, str(first.seq), _digest("\0".join(parts))])
    if first.first:
        digests = [_digest(first.member_id), _digest(last.member_id)]
        return "-".join([cohort_id, str(first.seq), *dict.fromkeys(digests)])
    return f"{cohort_id}-{first.seq}-{last.seq}" if batched else f"{cohort_id}-{first.seq}"


def _digest(member_id: str | None) -> str:
    return hashlib.sha256((member_id or "").encode()).hexdigest()[:_DIGEST_DIGITS]


def _judged(answer: Received, now: datetime.datetime) -> Answer:
    """Tell what a status means: Standard Webhooks takes any 2xx, and 410 as an end.

    What a receiver finds wrong with a body, another try would not mend.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Done()
    said = f"the receiver answers {answer.status}: {_said(answer)}".rstrip(": ")
    if answer.status == HTTPStatus.GONE:
        return Stop(code=StopCode.REFUSED, message=said)
    if answer.status in _REFUSED:
        return Split(message=said)
    if answer.status in _CREDENTIALS:
        return Stop(code=StopCode.CREDENTIALS, message=said)
    return Later(message=said, after_seconds=settings.retry_after(answer.headers, now=now))


_REFUSED: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_CREDENTIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def _said(answer: Received) -> str:
    return answer.body[:_SAID_CHARACTERS].decode("utf-8", "replace").strip()
