"""The query API's cohorts: themselves and their syncs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import admin, lookup
from gateway.handlers.cohorts import ids, requests, response_schemas
from gateway.handlers.http import conditional, cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


# So many filters the first version had.
FIRST_FILTERS: Final = 5


def list_cohorts(query: requests.CohortsAsked) -> Response:
    given, which = deps.current(), _filter(query)
    cursor = cursors.COHORTS.of(*_scope(which))
    (after,) = cursor.read(query.cursor, start=(0,))
    found = lookup.cohorts(given.readers, which, after=after, limit=query.limit, now=given.now())
    return responses.part(response_schemas.CohortsAnswer, "cohorts", found, cursor)


def get_cohort(cohort_id: str, query: queries.Fresh) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    found = lookup.cohort(given.readers, number, now=given.now(), min_seq=query.min_seq)
    return conditional.by_content(responses.value(response_schemas.CohortAnswer, found))


def list_syncs(cohort_id: str, query: requests.PagingOfCohort) -> Response:
    """List the syncs of a cohort, newest first."""
    readers, number = deps.current().readers, ids.cohort(cohort_id)
    cursor = cursors.SYNCS.of(number)
    before = cursor.read(query.cursor, start=lookup.NEWEST_SYNC)
    asker = conditional.asker(query)
    found = lookup.syncs(readers, number, before=before, limit=query.limit, asker=asker)
    return conditional.by_version(
        found, lambda part: responses.part(response_schemas.SyncsAnswer, "syncs", part, cursor)
    )


def delete_cohort(cohort_id: str, actor: Actor) -> Response:
    given = deps.current()
    admin.delete_cohort(given.reading, ids.cohort(cohort_id), now=given.now(), actor=actor)
    given.readers.settle()
    return responses.nothing()


def restore_cohort(cohort_id: str, actor: Actor) -> Response:
    given = deps.current()
    admin.restore_cohort(given.reading, ids.cohort(cohort_id), now=given.now(), actor=actor)
    given.readers.settle()
    return responses.nothing()


def _filter(query: requests.CohortsAsked) -> lookup.Filter:
    return lookup.Filter(
        source=query.source,
        project_id=query.project_id,
        external_id=query.external_id,
        name=query.name,
        kind=query.kind,
        search=query.search,
        deleted=query.deleted,
    )


def _scope(which: lookup.Filter) -> tuple[int | str | None, ...]:
    """Return what a cursor is for; without newer filters it is one of the versions before."""
    asked = dataclasses.astuple(which)
    while len(asked) > FIRST_FILTERS and not asked[-1]:
        asked = asked[:-1]
    return asked


OPERATIONS: Final = (
    Operation(
        name="list_cohorts",
        method="GET",
        rule="/v1/cohorts",
        view=list_cohorts,
        scope=Scope.READ,
        topic=topics.COHORTS,
        summary="List cohorts",
        description="In the order of their creation. All filters must match; all but `search` are"
        " exact.",
        query=requests.CohortsQuery,
        answer=responses.of(response_schemas.CohortsAnswer, "A part of the list."),
    ),
    Operation(
        name="get_cohort",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>",
        view=get_cohort,
        scope=Scope.READ,
        topic=topics.COHORTS,
        summary="Read a cohort",
        query=queries.FreshQuery,
        answer=responses.of(response_schemas.CohortAnswer, "The cohort."),
        refusals=(404,),
        tagged=True,
    ),
    Operation(
        name="list_syncs",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/syncs",
        view=list_syncs,
        scope=Scope.READ,
        topic=topics.COHORTS,
        summary="List the syncs of a cohort",
        description="One row for each session and action, newest session first.",
        query=requests.PagingOfCohortQuery,
        answer=responses.of(response_schemas.SyncsAnswer, "A part of the list."),
        refusals=(404,),
        tagged=True,
    ),
    Operation(
        name="delete_cohort",
        method="DELETE",
        rule="/v1/cohorts/<raw:cohort_id>",
        view=delete_cohort,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.COHORTS,
        summary="Delete a cohort",
        description="Writes `exited` for every member, drops its pending pages and forgets its"
        " sessions. Its webhook pages are answered 404 until it is restored.",
        answer=operations.NOTHING,
        refusals=(404,),
    ),
    Operation(
        name="restore_cohort",
        method="POST",
        rule="/v1/cohorts/<raw:cohort_id>/restore",
        view=restore_cohort,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.COHORTS,
        summary="Restore a deleted cohort",
        description="It comes back empty and waits for its next sync; `seq` goes on. Restoring a"
        " cohort that is not deleted changes nothing.",
        answer=operations.NOTHING,
        refusals=(404,),
    ),
)

blueprint = operations.blueprint("cohorts", OPERATIONS)
