"""The webhook as the description shows it: what Mixpanel posts, and each answer to it.

What is accepted beyond this is the business of `sources.mixpanel`: it takes all that it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts.page import Action
from gateway.handlers.http import responses, topics
from gateway.handlers.http.fields import JSON_TYPES
from gateway.handlers.http.operations import Foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGIN: Final = "webhook"
_LOGINS: Final[Mapping[str, Mapping[str, Any]]] = {
    _LOGIN: {
        "type": "http",
        "scheme": "basic",
        "description": "The user name and password of a source.",
    },
}

_ID: Final = {"type": ["string", "integer"]}
_TEXT: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["integer", "string"], "pattern": "^[0-9]+$"}

SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "WebhookMember": {
        "type": "object",
        "description": "A person with the exported properties. The member id is the source's"
        " identity property; an entry without a usable one is skipped and counted.",
        "properties": {
            "mixpanel_distinct_id": {
                **_ID,
                "description": "The member id, unless the source names another property.",
            },
            "email": {"type": [*JSON_TYPES], "description": "Or `$email`."},
            "first_name": {"type": [*JSON_TYPES], "description": "Or `$first_name`."},
            "last_name": {"type": [*JSON_TYPES], "description": "Or `$last_name`."},
            "phone_number": {"type": [*JSON_TYPES], "description": "Or `phone`, or `$phone`."},
        },
        "additionalProperties": {"type": [*JSON_TYPES]},
    },
    "WebhookPageInfo": {
        "type": ["object", "null"],
        "description": "Which page of how many; without it the message is a whole export.",
        "required": ["total_pages", "page_count"],
        "properties": {
            "total_pages": {**_NUMBER, "description": "How many pages the sync has."},
            "page_count": {**_NUMBER, "description": "Which of them this is, from 1."},
        },
    },
    "WebhookParameters": {
        "type": "object",
        "required": ["mixpanel_project_id", "mixpanel_cohort_id", "members"],
        "properties": {
            "mixpanel_project_id": _ID,
            "mixpanel_cohort_id": {**_ID, "minLength": 1, "maxLength": 255},
            "mixpanel_cohort_name": _TEXT,
            "mixpanel_cohort_description": _TEXT,
            "mixpanel_session_id": {
                "type": ["string", "integer", "null"],
                "description": "The sync that the page is of.",
            },
            "page_info": {"$ref": "#/components/schemas/WebhookPageInfo"},
            "members": {
                "type": "array",
                "maxItems": 10_000,
                "items": {"$ref": "#/components/schemas/WebhookMember"},
            },
        },
    },
    "WebhookPage": {
        "type": "object",
        "description": "One page of a sync. Unknown fields are ignored.",
        "required": ["action", "parameters"],
        "properties": {
            "action": {
                "type": "string",
                "enum": [*Action],
                "description": "`members` names the whole cohort; the others are differences.",
            },
            "parameters": {"$ref": "#/components/schemas/WebhookParameters"},
        },
    },
    "WebhookSuccess": {
        "type": "object",
        "required": ["action", "status"],
        "properties": {
            "action": {"type": "string", "description": "As it was sent."},
            "status": {"type": "string", "enum": ["success"]},
        },
    },
    "WebhookFailure": {
        "type": "object",
        "required": ["action", "status", "error"],
        "properties": {
            "action": {"type": ["string", "null"], "description": "As it was sent, if read."},
            "status": {"type": "string", "enum": ["failure"]},
            "error": {
                "type": "object",
                "required": ["message", "code"],
                "properties": {
                    "message": {
                        "type": "string",
                        "maxLength": 500,
                        "description": "What is wrong and what to do; never a member's data.",
                    },
                    "code": {"type": "integer", "description": "The HTTP status."},
                },
            },
        },
    },
}

_ADA: Final = {
    "mixpanel_distinct_id": "u-1842",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "plan": "pro",
}
_BELONGS: Final = {"mixpanel_distinct_id": "u-77", "email": "grace@example.com"}

_PAUSES: Final = "Mixpanel pauses the sync."
_RETRIES: Final = "Mixpanel sends the page again."


def _page(action: Action, *members: Mapping[str, str]) -> dict[str, Any]:
    parameters = {
        "mixpanel_project_id": "2195193",
        "mixpanel_cohort_id": "1478097",
        "mixpanel_cohort_name": "Trial users",
        "mixpanel_cohort_description": "On trial, active this week",
        "mixpanel_session_id": f"2026-01-31T09:30:00-{action}",
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": [*members],
    }
    return {"action": action, "parameters": parameters}


def _failure(
    code: int, when: str, message: str, header: tuple[str, str] | None = None
) -> dict[str, Any]:
    error = {"message": message, "code": code}
    example = {"action": "members", "status": "failure", "error": error}
    schema = {"$ref": "#/components/schemas/WebhookFailure"}
    said: dict[str, Any] = {
        "description": when,
        "content": {responses.JSON: {"schema": schema, "example": example}},
    }
    if header is not None:
        said["headers"] = {header[0]: {"schema": {"type": "string"}, "example": header[1]}}
    return said


_RESPONSES: Final[Mapping[str, Any]] = {
    "200": {
        "description": "The page is stored for good, now or by an earlier try, and will be applied"
        " once.",
        "content": {
            responses.JSON: {
                "schema": {"$ref": "#/components/schemas/WebhookSuccess"},
                "example": {"action": "members", "status": "success"},
            }
        },
    },
    "400": _failure(
        400,
        f"The page is not of the documented shape, too large, or no member has an id. {_PAUSES}",
        "parameters.page_info.page_count: send a page from 1 to total_pages",
    ),
    "401": _failure(
        401,
        f"The user name or password is wrong or absent. {_PAUSES}",
        "wrong or missing user name or password; check the connection's settings",
        ("WWW-Authenticate", 'Basic realm="cohort gateway", charset="UTF-8"'),
    ),
    "403": _failure(
        403,
        f"The source takes other projects only. {_PAUSES}",
        "parameters.mixpanel_project_id: not a project that this source takes",
    ),
    "404": _failure(
        404,
        f"There is no such source, or an operator deleted the cohort. {_PAUSES}",
        "no such source; check the last part of the webhook URL",
    ),
    "429": _failure(
        429,
        f"Too many pages wait, too many requests come, or there are too many cohorts. {_RETRIES}",
        "1000000 pages are waiting to be applied; try again later",
        ("Retry-After", "60"),
    ),
    "500": _failure(
        500,
        f"A bug in the gateway; nothing was stored. {_RETRIES}",
        "a bug in the gateway; nothing was stored, and its log says more",
    ),
    "503": _failure(
        503,
        f"Nothing was stored: the body was cut, the source is paused, or the database cannot store"
        f" it now. {_RETRIES}",
        "this source is paused by its operator; nothing was stored",
        ("Retry-After", "60"),
    ),
}

CALLS: Final = (
    Foreign(
        path="/webhooks/mixpanel/{source}",
        method="post",
        topic=topics.WEBHOOK,
        schemas=SCHEMAS,
        logins=_LOGINS,
        described={
            "operationId": "receive_page",
            "summary": "Post one page of a cohort's sync",
            "description": "What Mixpanel's custom webhook sends. Each source has a user name and"
            " password of its own; one made with `--no-auth` asks for none. A body may be gzipped.",
            "security": [{_LOGIN: []}],
            "parameters": [
                {
                    "name": "source",
                    "in": "path",
                    "required": True,
                    "description": "The slug of the source.",
                    "schema": {"type": "string", "minLength": 1},
                    "example": "default",
                }
            ],
            "requestBody": {
                "required": True,
                "content": {
                    responses.JSON: {
                        "schema": {"$ref": "#/components/schemas/WebhookPage"},
                        "examples": {
                            "members": {
                                "summary": "The whole cohort",
                                "value": _page(Action.REPLACE, _ADA, _BELONGS),
                            },
                            "add_members": {
                                "summary": "A person has entered",
                                "value": _page(Action.ADD, _ADA),
                            },
                            "remove_members": {
                                "summary": "A person has left",
                                "value": _page(Action.REMOVE, _BELONGS),
                            },
                        },
                    }
                },
            },
            "responses": _RESPONSES,
        },
    ),
)
