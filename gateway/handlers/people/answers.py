"""Requests that bring people and events: read, taken in and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.core.people import items
from gateway.flows.people import ingest
from gateway.handlers.http import deps
from gateway.sources.people import objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.core.access.actor import Actor
    from gateway.core.people.items import Event, Patch, Rejected, Window
    from gateway.flows.people.ingest import Taken


def window() -> Window:
    """Return the times of events that this request may bring."""
    given = deps.current()
    return items.window(given.now(), event_days=given.settings.event_days)


def take(
    source: str | None,
    actor: Actor,
    times: Window,
    *,
    events: Sequence[Event] = (),
    patches: Sequence[Patch] = (),
    rejected: Sequence[Rejected] = (),
) -> Taken:
    """Store what a request brings to the source that is meant."""
    given = deps.current()
    request = ingest.Request(
        events=events,
        patches=patches,
        rejected=rejected,
        now=times.now,
        event_id_days=given.settings.event_id_days,
        join=objects.joined,
    )
    return ingest.take(given.accepting, ingest.choose_source(source, actor), request)


def rejections(taken: Taken) -> dict[str, Any]:
    """Tell what was rejected."""
    listed = taken.rejected[: items.MAX_LISTED]
    return {
        "rejected": [
            {"index": one.index, "code": one.code.value, "message": one.message} for one in listed
        ],
        "rejected_count": len(taken.rejected),
    }
