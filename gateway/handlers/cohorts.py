"""The query API's cohorts: the cohorts themselves, their changes and their syncs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.scopes import Scope
from gateway.flows import lookup
from gateway.handlers import answers, cursors, deps, ids, schemas
from gateway.handlers.operations import Answer, Operation, blueprint as made_of

if TYPE_CHECKING:
    from flask import Response


def list_cohorts(query: schemas.CohortsAsked) -> Response:
    """List cohorts."""
    given, scope = deps.current(), query.filters()
    after = cursors.COHORTS.read(scope, query.cursor) or (0,)
    found = lookup.cohorts(
        given.reading,
        lookup.Filter(**query.filters()),
        after=after[0],
        limit=query.limit,
        now=given.now(),
    )
    cursor = cursors.COHORTS.write(scope, found.end)
    return answers.value(
        schemas.CohortsAnswer, {"cohorts": found.items, "next_cursor": cursor}
    )
