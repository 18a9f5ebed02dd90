"""A vendor for tests: its adapter, and a server that keeps one audience by identifiers."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from gateway.destinations import settings
from gateway.destinations.adapter import Account, Adapter, Batch, Target
from gateway.destinations.answers import (
    Answer,
    Audience,
    Check,
    Done,
    Later,
    Rejected,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.facts import Facts, Identifier, Limits
from gateway.destinations.kinds import Kind
from tests.syncs.receiver import Request

FACTS: Final = Facts(
    identifiers=(
        Identifier(name="email", title="E-mail"),
        Identifier(name="id", title="Id"),
        Identifier(name="city", title="City"),
    ),
    matching=(frozenset({"email"}), frozenset({"id"})),
    limits=Limits(members=3),
)

DELETED: Final = Stop(code=StopCode.AUDIENCE_DELETED, message="there is no such audience")


class Sample(Adapter):
    """Speaks the protocol of `Vendor`."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._endpoint = account.config["endpoint"]

    def verify(self) -> Iterator[Check]:
        yield Check(step="sign_in", ok=True, message="")

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Mapping[str, object] | Skipped:
        del target
        if raw.get("email") == "bad":
            return Skipped(reason="bad_email")
        return {name: str(value).strip().lower() for name, value in raw.items()}

    def find(self, target: Target) -> Audience | Later | Stop | None:
        found = self._call("find", target, {"name": target.cohort.name})
        if isinstance(found, Later | Stop):
            return found
        return Audience(id=found["id"], name=target.cohort.name) if found["id"] else None

    def create(self, target: Target) -> Audience | Later | Stop:
        found = self._call("create", target, {"name": target.cohort.name})
        if isinstance(found, Later | Stop):
            return found
        return Audience(id=found["id"], name=target.cohort.name)

    def add(self, target: Target, batch: Batch) -> Answer:
        return self._change("add", target, batch)

    def remove(self, target: Target, batch: Batch) -> Answer:
        return self._change("remove", target, batch)

    def _change(self, verb: str, target: Target, batch: Batch) -> Answer:
        rows = [dict(one.sent) for one in batch.rows]
        found = self._call(verb, target, {"rows": rows})
        if isinstance(found, Later | Stop):
            return found
        if "split" in found:
            return Split(message="one of these is wrong")
        rejected = {
            int(place): Rejected(reason="unknown", message=words)
            for place, words in found["rejected"].items()
        }
        return Done(rejected=rejected, receipt={"took": len(rows)})

    def _call(self, verb: str, target: Target, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        sent = orjson.dumps({**body, "audience": target.audience})
        answer = self._account.client.request("POST", f"{self._endpoint}/{verb}", body=sent)
        if answer.status == 401:
            return Stop(code=StopCode.CREDENTIALS, message="the key is wrong")
        if answer.status != 200:
            return Later(message=f"it answers {answer.status}")
        return orjson.loads(answer.body)


KIND: Final = Kind(
    name="sample",
    title="Sample",
    config=(settings.endpoint(None), settings.CONCURRENCY),
    secrets=(),
    facts=FACTS,
    connect=Sample,
)


class Vendor:
    """Keeps an audience: the identifiers that it was given, each of which stands for a person.

    `trouble` gives what to do instead of answering: "before" loses a request, "after" its answer.
    """

    def __init__(self) -> None:
        self.present: set[tuple[str, str]] = set()
        self.audiences: list[str] = []
        self.calls: collections.Counter[str] = collections.Counter()
        self.largest = 0
        self.rows: list[tuple[str, Any]] = []
        self.refuse: set[str] = set()
        self.split_on: set[str] = set()
        self.trouble: list[str] = []
        self.status = 200
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes] | None:
        with self._lock:
            trouble = self.trouble.pop(0) if self.trouble else ""
            if trouble == "before":
                return None
            if self.status != 200:
                return self.status, {}, b""
            answer = self._answer(request.path.removeprefix("/"), request.json)
            return None if trouble == "after" else (200, {}, orjson.dumps(answer))

    def _answer(self, verb: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        self.calls[verb] += 1
        if verb in ("find", "create"):
            if verb == "create":
                self.audiences.append(body["name"])
            return {"id": "a1" if self.audiences else ""}
        rows = body["rows"]
        self.largest = max(self.largest, len(rows))
        if any(one.get("id") in self.split_on for one in rows):
            return {"split": True}
        rejected = {
            place: "no such person"
            for place, one in enumerate(rows)
            if one.get("id") in self.refuse
        }
        for place, one in enumerate(rows):
            self.rows.append((verb, one))
            keys = {(name, value) for name, value in one.items() if name in ("email", "id")}
            if place not in rejected:
                self.present = self.present | keys if verb == "add" else self.present - keys
        return {"rejected": {str(place): words for place, words in rejected.items()}}

    @property
    def ids(self) -> set[str]:
        """The ids that stand there."""
        return {value for name, value in self.present if name == "id"}
