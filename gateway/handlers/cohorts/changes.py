"""The query API's changes: of one cohort, and of all of them in one feed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import awaiting, feed
from gateway.handlers.cohorts import feed_schemas, ids, requests, response_schemas
from gateway.handlers.http import conditional, cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

_START: Final = ("", 0, 0, 0)


def list_changes(cohort_id: str, query: requests.ChangesAsked) -> Response:
    """List entries and exits, in order."""
    given, number = deps.current(), ids.cohort(cohort_id)
    with given.waits.up_to(query.wait) as seconds:
        found = awaiting.changes(
            given.reading,
            given.readers,
            number,
            after=query.after,
            limit=query.limit,
            asker=conditional.asker(query),
            seconds=seconds,
            ending=deps.ending(),
        )
    return conditional.by_version(found, responses.plain)


def list_all_changes(query: requests.FeedAsked) -> Response:
    """List entries and exits of all cohorts."""
    given, cursor = deps.current(), cursors.FEED.of(query.source)
    epoch, position, seq, pruned = cursor.read(query.after, start=_START)
    after = feed.Place(epoch=epoch, position=position, seq=seq, pruned=pruned) if epoch else None
    with given.waits.up_to(query.wait) as seconds:
        found = feed.read(
            given.reading,
            after=after,
            source=query.source,
            limit=query.limit,
            seconds=seconds,
            ending=deps.ending(),
        )
    return responses.plain(
        {
            "changes": found.changes,
            "next_after": cursor.write(dataclasses.astuple(found.place)),
            "epoch": found.place.epoch,
        }
    )


OPERATIONS: Final = (
    Operation(
        name="list_changes",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/changes",
        view=list_changes,
        scope=Scope.READ,
        topic=topics.CHANGES,
        summary="Follow the changes of a cohort",
        description="`seq` rises by one with each change. Ask again with `next_after` to go on;"
        " a `member_id` is null once the person was erased. The changes of a deleted cohort stay"
        " readable for as long as they are kept. An `after` beyond the newest change is 409"
        " `ahead`: the database was restored, so read the members anew.",
        query=requests.ChangesQuery,
        answer=responses.of(response_schemas.ChangesAnswer, "Changes after `after`, oldest first."),
        refusals=(404, 409, 410),
        tagged=True,
    ),
    Operation(
        name="list_all_changes",
        method="GET",
        rule="/v1/changes",
        view=list_all_changes,
        scope=Scope.READ,
        topic=topics.CHANGES,
        summary="Follow the changes of all cohorts",
        description="Deleted cohorts included. The changes of a cohort are in the order of `seq`,"
        " without gaps; those of several cohorts in the order in which they were first told, which"
        " stays. 409 `ahead` and 410 mean what they do for one cohort: read the members anew, and"
        " begin again.",
        query=requests.FeedQuery,
        answer=responses.of(feed_schemas.FeedAnswer, "Changes after `after`, oldest first."),
        refusals=(409, 410),
    ),
)

blueprint = operations.blueprint("changes", OPERATIONS)
