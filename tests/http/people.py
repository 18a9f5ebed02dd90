"""A gateway with a source of people, and what posts to it."""

from __future__ import annotations

import datetime
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.core.access.scopes import Scope
from gateway.core.people import source
from gateway.store.sources import sources
from tests.http.world import START, Answer, World

NDJSON: Final = "application/x-ndjson"


def event(person_id: object = "ada", name: object = "buy", **rest: object) -> dict[str, object]:
    """Describe an event as it is posted."""
    return {"person_id": person_id, "event": name, **rest}


class People:
    """The source `people` of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.add(source.BUILT_IN)

    def add(self, slug: str, kind: str = source.KIND) -> None:
        """Make a source, unless there is one."""
        made = sources.Made(slug=slug, kind=kind, config={})
        with self.world.pool.begin() as conn:
            sources.create(conn, made, expected_every_seconds=None, now=START)

    def now(self) -> datetime.datetime:
        return self.world.clock()

    def post(self, path: str, body: object, *, status: int = 200, **rest: Any) -> Any:  # noqa: ANN401
        """Post JSON and return what is answered."""
        answer = self.send(path, json.dumps(body).encode(), **rest)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def send(
        self,
        path: str,
        raw: bytes,
        *,
        media_type: str = "application/json",
        zipped: bool = False,
        headers: Mapping[str, str] | None = None,
        scope: Scope = Scope.INGEST,
    ) -> Answer:
        sent = {"Content-Type": media_type, **(headers or {})}
        if zipped:
            raw, sent["Content-Encoding"] = gzip.compress(raw), "gzip"
        return self.world.call("POST", path, data=raw, headers=sent, scope=scope)

    def events(self, *events: Mapping[str, object] | object, status: int = 200) -> Any:  # noqa: ANN401
        """Post events."""
        return self.post("/v1/events", {"events": list(events)}, status=status)

    def people(self, traits: Mapping[str, Mapping[str, object]]) -> Any:  # noqa: ANN401
        """Post people as id → traits."""
        listed = [{"person_id": one, "traits": given} for one, given in traits.items()]
        return self.post("/v1/people", {"people": listed})

    def of(self, person_id: str) -> Sequence[dict[str, Any]]:
        """List the events of a person."""
        listed: Sequence[dict[str, Any]] = self.world.get(f"/v1/people/{person_id}/events")[
            "events"
        ]
        return listed

    def traits(self, person_id: str) -> Any:  # noqa: ANN401
        return self.world.get(f"/v1/people/{person_id}")["traits"]
