"""The query API's cohorts as calls make and change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import definitions
from gateway.flows.sources import cohorts as flow
from gateway.handlers.cohorts import definition_schemas, ids, response_schemas, setting_requests
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def create_cohort(body: flow.Wanted, actor: Actor) -> Response:
    """Make a cohort."""
    given = deps.current()
    made = flow.create(
        given.reading,
        body,
        given.setup,
        max_cohorts=given.settings.max_cohorts,
        now=given.now(),
        actor=actor,
        wake_ups=given.wake_ups,
    )
    given.readers.settle()
    answer = responses.value(response_schemas.CohortAnswer, made, status=201)
    answer.headers["Location"] = f"/v1/cohorts/{made.id}"
    return answer


def change_cohort(cohort_id: str, body: flow.Changes, actor: Actor) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    found = flow.change(
        given.reading,
        number,
        body,
        given.setup,
        now=given.now(),
        actor=actor,
        wake_ups=given.wake_ups,
    )
    given.readers.settle()
    return responses.value(response_schemas.CohortAnswer, found)


def list_definitions(cohort_id: str) -> Response:
    found = definitions.listing(deps.current().reading, ids.cohort(cohort_id))
    return responses.value(definition_schemas.DefinitionsAnswer, {"definitions": found})


OPERATIONS: Final = (
    Operation(
        name="create_cohort",
        method="POST",
        rule="/v1/cohorts",
        view=create_cohort,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.COHORTS,
        summary="Make a cohort",
        description="Of any source but those of kind `mixpanel`, which make theirs themselves: 409"
        " `made_by_its_source`. It is empty at first; `Location` is its address. An `external_id`"
        " that the source has is 409 `exists`, of a deleted cohort too: restore that one.",
        body=setting_requests.NewCohortForm,
        max_body_bytes=setting_requests.MAX_COHORT_BYTES,
        answer=responses.of(response_schemas.CohortAnswer, "The cohort.", status=201),
        refusals=(409, 422, 429),
    ),
    Operation(
        name="change_cohort",
        method="PATCH",
        rule="/v1/cohorts/<raw:cohort_id>",
        view=change_cohort,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.COHORTS,
        summary="Change what a cohort is called and how it is guarded",
        description="What is left out stays. Cohorts of kind `mixpanel` are as their pages say: 409"
        " `made_by_its_source`.",
        body=setting_requests.CohortForm,
        max_body_bytes=setting_requests.MAX_COHORT_BYTES,
        answer=responses.of(response_schemas.CohortAnswer, "The cohort as it is now."),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="list_definitions",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/definitions",
        view=list_definitions,
        scope=Scope.READ,
        topic=topics.COHORTS,
        summary="List the definitions that a cohort had",
        description="The last 50, the newest first; of the kinds `mixpanel` and `list` there are"
        " none.",
        answer=responses.of(definition_schemas.DefinitionsAnswer, "The definitions."),
        refusals=(404,),
    ),
)

blueprint = operations.blueprint("cohort_settings", OPERATIONS)
