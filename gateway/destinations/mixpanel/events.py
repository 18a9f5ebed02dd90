"""Events for Mixpanel's `/import`: how an action becomes one, and what an answer says of each.

The limits and answers are those of Mixpanel's reference of "Import Events" and of its pages on the
statuses 400, 401, 413 and 429.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import gzip
import hashlib
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.destinations import replies
from gateway.destinations.answers import Check, Done, Later, Rejected, Split, Stop, StopCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway import outbound

MAX_EVENTS: Final = 2000
# Uncompressed. Mixpanel documents 10 MB, and shows a refusal of what has more than 2 MiB.
MAX_BYTES: Final = 2_000_000
INSERT_ID_CHARACTERS: Final = 36
# What is made of an action itself, whatever its properties say.
NEEDED: Final = ("time", "distinct_id", "$insert_id")
# An answer may name each event.
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_GZIP_LEVEL: Final = 5
_STOPS: Final = {401: StopCode.CREDENTIALS, 403: StopCode.PERMISSION}
_LATER: Final = (408, 425, 429)

Answer = Done | Later | Split | Stop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """An event as it is sent; Mixpanel counts those of one `insert_id`, name and time once."""

    insert_id: str
    body: bytes


def event(identity: tuple[int, str, str, str], *, at: datetime.datetime, properties: str) -> Event:
    """Write an action (source, member, name, key) as an event; the same gives the same bytes.

    `properties` is a JSON object without `NEEDED`; it is copied, so that numbers keep their digits.
    """
    _, member_id, action, _ = identity
    insert_id = _insert_id(identity)
    needed = {
        "time": (at - _EPOCH) // datetime.timedelta(milliseconds=1),
        "distinct_id": member_id,
        "$insert_id": insert_id,
    }
    inner = properties.strip()[1:-1].strip().encode()
    within = b"{" + inner + (b"," if inner else b"") + orjson.dumps(needed)[1:]
    body = b'{"event":' + orjson.dumps(action) + b',"properties":' + within + b"}"
    return Event(insert_id=insert_id, body=body)


def _insert_id(identity: tuple[int, str, str, str]) -> str:
    """Name an action: 36 characters of a hash, as Mixpanel advises; no part of it has a NUL."""
    text = "\0".join(map(str, identity))
    return hashlib.sha256(text.encode()).hexdigest()[:INSERT_ID_CHARACTERS]


def fitting(events: Sequence[Event], *, max_bytes: int = MAX_BYTES) -> int:
    """Count the first events that one request may have; one at least."""
    size = 2
    for count, one in enumerate(events):
        size += len(one.body) + 1
        if size > max_bytes and count > 0:
            return count
    return len(events)


class Importer:
    """Sends events to one project."""

    def __init__(
        self,
        config: Mapping[str, Any],
        secret: str,
        client: outbound.Client,
        now: Callable[[], datetime.datetime],
    ) -> None:
        """`config` has the fields of `import` of a source; `secret` is the service account's."""
        query = urllib.parse.urlencode({"strict": 1, "project_id": config["project_id"]})
        self._url = f"{config['endpoint'].rstrip('/')}/import?{query}"
        login = base64.b64encode(f"{config['service_account']}:{secret}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Accept": "application/json",
        }
        self._hidden = (secret, login)
        self._client = client
        self._now = now

    def send(self, events: Sequence[Event]) -> Answer:
        """Send events of one request. Raises errors.Outbound.

        `Done` counts from 0 in `events`; what is `unconfirmed` in it is to be sent again. `Split`
        also says that the request was refused without a word on any event.
        """
        return self._judged(self._post(events), events)

    def verify(self) -> Check:
        """Prove the credentials by a request without events. Raises errors.Outbound."""
        received = self._post(())
        answer = self._judged(received, ())
        if isinstance(answer, Stop | Later):
            return Check(step="sign_in", ok=False, message=answer.message)
        return Check(step="sign_in", ok=True, message="Mixpanel accepts the service account")

    def _post(self, events: Sequence[Event]) -> outbound.Answer:
        body = b"[" + b",".join(one.body for one in events) + b"]"
        packed = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return self._client.request(
            "POST",
            self._url,
            headers=self._headers,
            body=packed,
            max_body_bytes=_MAX_ANSWER_BYTES,
        )

    def _judged(self, received: outbound.Answer, events: Sequence[Event]) -> Answer:
        status = received.status
        said = f"Mixpanel answers: {replies.message_of(received, self._hidden)}"
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return _taken(received, said)
        if status == HTTPStatus.BAD_REQUEST:
            return self._refused(received, events, said)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Split(message=said)
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            seconds = replies.retry_after(received.headers, self._now())
            return Later(message=said, after_seconds=seconds)
        return Stop(code=_STOPS.get(status, StopCode.CONFIGURATION), message=said)

    def _refused(self, received: outbound.Answer, events: Sequence[Event], said: str) -> Answer:
        """Tell the events that were refused: the others were taken."""
        body = replies.record(replies.json_of(received))
        places = {one.insert_id: place for place, one in enumerate(events)}
        rejected = dict[int, Rejected]()
        for record in replies.records(body.get("failed_records")):
            place = _place(record, places, len(events))
            if place is not None:
                rejected[place] = Rejected(
                    reason=str(record.get("field", "")), message=self._words(record)
                )
        if not rejected:
            return Split(message=said)
        left = len(events) - len(rejected)
        counted = body.get("num_records_imported")
        if type(counted) is int and counted < left:
            # Not all that were refused are named: those that seem to be taken are sent once more.
            return Done(rejected=rejected, unconfirmed=frozenset(range(len(events))) - {*rejected})
        return Done(rejected=rejected)

    def _words(self, record: Mapping[str, Any]) -> str:
        return replies.scrubbed(str(record.get("message", "refused")), self._hidden)


def _taken(received: outbound.Answer, said: str) -> Answer:
    """Believe a success that has the documented form: a proxy may answer 200 as well."""
    counted = replies.record(replies.json_of(received)).get("num_records_imported")
    if type(counted) is int:
        return Done()
    return Later(message=f"the answer is not that of /import. {said}")


def _place(record: Mapping[str, Any], places: Mapping[str, int], count: int) -> int | None:
    """Find the event that a record is about, by its id, or else by its index."""
    named = record.get("insert_id", record.get("$insert_id"))
    if isinstance(named, str) and named in places:
        return places[named]
    index = record.get("index")
    good = named is None and type(index) is int and 0 <= index < count
    return index if good else None
