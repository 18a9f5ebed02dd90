"""A Mixpanel project on loopback: `/import` with the limits and answers of its reference."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
import re
import threading
from collections.abc import Callable
from typing import Any, Final

from tests.syncs.receiver import Request

ACCOUNT: Final = "gateway.1a2b3c.mp-service-account"
SECRET: Final = "the-secret-of-the-service-account"
PROJECT: Final = "2195193"
MAX_EVENTS: Final = 2000
MAX_EVENT_BYTES: Final = 1024 * 1024
PLACEHOLDERS: Final = frozenset(
    (
        *("00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null"),
        *("n/a", "na", "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}"),
    )
)
INSERT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,36}")
# 1971-01-01, in milliseconds.
FIRST_TIME: Final = 31_536_000_000

# What an event is known by: the same is counted once.
Key = tuple[str, int, str, str]
Answer = tuple[int, dict[str, str], bytes] | None
Event = dict[str, Any]


class Project:
    """Keeps the events that it took, each once.

    `trouble` are answers for the next requests: a status, `lost` for one whose work is done and
    whose answer is not, `away` for a connection that is closed unread.
    """

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self._now = now
        self._turn = threading.Lock()
        self.events: dict[Key, Event] = {}
        self.sizes: list[int] = []
        self.requests = 0
        self.again = 0
        self.trouble: list[int | str | Answer] = []
        self.max_bytes = 10 * 1024 * 1024
        self.secret = SECRET
        self.before: Callable[[], None] = lambda: None

    @property
    def members(self) -> set[str]:
        """Whose actions were taken."""
        return {one["properties"]["distinct_id"] for one in self.events.values()}

    def __call__(self, request: Request) -> Answer:
        """Take a request of `/import`."""
        with self._turn:
            self.requests += 1
            self.before()
            trouble = self.trouble.pop(0) if self.trouble else ""
            if trouble == "away":
                return None
            if isinstance(trouble, tuple):
                return trouble
            if isinstance(trouble, int):
                return _said(trouble, error="trouble")
            answer = self._import(request)
            return None if trouble == "lost" else answer

    def _import(self, request: Request) -> Answer:
        wrong = self._refusal(request)
        if wrong is not None:
            return wrong
        raw = gzip.decompress(request.body)
        if len(raw) > self.max_bytes:
            return _said(413, error=f"request exceeds max limit of {self.max_bytes} bytes")
        sent = json.loads(raw)
        if not isinstance(sent, list) or len(sent) > MAX_EVENTS:
            return _said(400, error=f"request has more than {MAX_EVENTS} events")
        self.sizes.append(len(sent))
        failed = []
        for index, one in enumerate(sent):
            found = _wrong(one, self._now().timestamp())
            if found is None:
                self._keep(one)
            else:
                field, message = found
                insert_id = one["properties"].get("$insert_id")
                told = {"index": index, "insert_id": insert_id, "field": field, "message": message}
                failed.append(told)
        imported = len(sent) - len(failed)
        if failed:
            error = "some data points in the request failed validation"
            return _said(400, error=error, failed_records=failed, num_records_imported=imported)
        return _said(200, num_records_imported=imported)

    def _refusal(self, request: Request) -> Answer:
        path, _, query = request.path.partition("?")
        if request.method != "POST" or path != "/import":
            return _said(404, error="not found")
        login = base64.b64encode(f"{ACCOUNT}:{self.secret}".encode()).decode()
        good = {"strict=1", f"project_id={PROJECT}"} == set(query.split("&"))
        if not good or request.headers.get("authorization") != f"Basic {login}":
            return _said(401, error="Invalid credentials")
        assert request.headers["content-type"] == "application/json"
        return None

    def _keep(self, one: Event) -> None:
        sent = one["properties"]
        key = (one["event"], sent["time"], sent["distinct_id"], sent["$insert_id"])
        self.again += key in self.events
        self.events[key] = one


def _wrong(one: Event, now: float) -> tuple[str, str] | None:
    """Tell what the reference refuses an event for."""
    sent = one["properties"]
    if len(json.dumps(one)) > MAX_EVENT_BYTES:
        return "", "event is too large"
    if len(sent) >= 255:
        return "properties", "event has 255 or more properties"
    if type(sent.get("time")) is not int or not FIRST_TIME <= sent["time"] <= (now + 3600) * 1000:
        return "properties.time", "'properties.time' is invalid: must be specified as seconds"
    if str(sent.get("distinct_id")).lower() in PLACEHOLDERS:
        return "properties.distinct_id", "'properties.distinct_id' is invalid"
    if not INSERT_ID.fullmatch(str(sent.get("$insert_id"))):
        return "properties.$insert_id", "'properties.$insert_id' is invalid"
    return None


def _said(status: int, **more: object) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"code": status, "status": "…", **more}).encode()
