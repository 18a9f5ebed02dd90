"""Pieces that the JSON Schema of a declaration uses more than once."""

from __future__ import annotations

from typing import Any, Final

PATH_IN_JSON: Final = {
    "type": "string",
    "maxLength": 200,
    "description": "A dotted path into the answer, like `result.0.id`.",
}
SHORT: Final = {"type": "string", "minLength": 1, "maxLength": 255}
SENTENCE: Final = {"type": "string", "minLength": 1, "maxLength": 1000}
NAME: Final = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}
SCALAR: Final = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
EXPECTED: Final = {
    "anyOf": [*SCALAR["anyOf"], {"type": "array", "maxItems": 50, "items": SCALAR}],
    "description": "A value, or several of which one is enough.",
}
STATUS: Final = {"type": "integer", "minimum": 100, "maximum": 599}
STATUSES: Final = {"type": "array", "minItems": 1, "maxItems": 50, "items": STATUS}
REQUEST_PATH: Final = {
    "type": "string",
    "pattern": "^/",
    "maxLength": 1000,
    "description": "A path; a segment that is a placeholder is percent-encoded.",
}
QUERY: Final = {
    "type": "object",
    "maxProperties": 30,
    "propertyNames": {"pattern": "^[A-Za-z0-9_.\\[\\]-]{1,100}$"},
    "additionalProperties": SCALAR,
}
HEADERS: Final = {
    "type": "object",
    "maxProperties": 30,
    "propertyNames": {"pattern": "^[A-Za-z0-9-]{1,100}$"},
    "additionalProperties": {"type": "string", "pattern": "^[ -~]{0,1000}$"},
    "description": "Literals, or one setting each; never anything of a member.",
}
METHOD: Final = {"type": "string", "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
BODY: Final = {
    "description": "JSON in which a text that is wholly a placeholder becomes that JSON value."
}
REQUEST: Final[dict[str, Any]] = {
    "method": METHOD,
    "path": REQUEST_PATH,
    "query": QUERY,
    "headers": HEADERS,
    "body": BODY,
}


def record(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


NORMALISING: Final[dict[str, Any]] = {
    "normalise": {
        "type": "array",
        "maxItems": 4,
        "items": {"type": "string", "enum": ["trim", "lower", "e164", "digits"]},
        "description": "In this order; e164 writes a phone with a plus, digits without.",
    },
    "hash": {"type": "string", "enum": ["none", "sha256", "md5"]},
    "max_len": {"type": "integer", "minimum": 1, "maximum": 10000},
    "pattern": {**SHORT, "description": "What a normalised value has to match, wholly."},
}

ITEM_ERRORS: Final = record(
    {
        "path": PATH_IN_JSON,
        "shape": {
            "type": "string",
            "enum": ["list_of_ids", "index", "objects", "rows"],
            "description": (
                "list_of_ids: identifiers; index: places in what was sent, counted from 0, or"
                " objects with one; objects: with an identifier; rows: one for each that was sent."
            ),
        },
        "id_path": PATH_IN_JSON,
        "index_path": PATH_IN_JSON,
        "reason_path": PATH_IN_JSON,
        "failed": record({"path": PATH_IN_JSON, "equals": EXPECTED}, "path", "equals"),
        "ignore": {"type": "array", "maxItems": 50, "items": SCALAR},
        "of": {"type": "string", "enum": ["add", "remove", "both"]},
    },
    "path",
    "shape",
)

RESPONSE: Final = record(
    {
        "ok": {
            **record({"status": STATUSES, "path": PATH_IN_JSON, "equals": EXPECTED}),
            "description": (
                "What proves that all was taken. Without it a success is booked as unconfirmed."
            ),
        },
        "item_errors": {
            "anyOf": [ITEM_ERRORS, {"type": "array", "maxItems": 10, "items": ITEM_ERRORS}]
        },
        "async": record(
            {
                "id_path": PATH_IN_JSON,
                "path": REQUEST_PATH,
                "query": QUERY,
                "status_path": PATH_IN_JSON,
                "done": {"type": "array", "minItems": 1, "maxItems": 20, "items": SCALAR},
                "failed": {"type": "array", "maxItems": 20, "items": SCALAR},
                "every_s": {"type": "integer", "minimum": 1, "maximum": 600},
            },
            "id_path",
            "path",
            "status_path",
            "done",
        ),
        "message_path": PATH_IN_JSON,
    }
)

OPERATION: Final = record(
    {
        **REQUEST,
        "item": {"description": "What `{{members}}` has for each member; else all that is mapped."},
        "collect": {
            "type": "string",
            "enum": ["array", "object_by_id", "query_repeat", "csv", "single"],
            "description": "What `{{members}}` is made of, or one member a request.",
        },
        "max_items": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "max_bytes": {"type": "integer", "minimum": 100, "maximum": 50_000_000},
        "response": RESPONSE,
        "pair": {
            "type": "boolean",
            "description": "Whether it takes additions and removals at once; they go apart anyway.",
        },
    },
    "method",
    "path",
)

VALUES: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": 10,
    "propertyNames": {"pattern": "^[A-Za-z0-9_.-]{1,100}$"},
    "additionalProperties": {"type": "string", "maxLength": 255},
    "description": "Of header, query and body: names, or paths in the body, to settings.",
}
_BASIC: Final[dict[str, Any]] = {
    "user": {**SHORT, "description": "Of basic: a literal, or a setting."},
    "pass": {**SHORT, "description": "Of basic: a setting; without one it is empty."},
}
_TOKEN: Final[dict[str, Any]] = {
    "token": {**SHORT, "description": "Of bearer: a setting."},
}
_OAUTH: Final[dict[str, Any]] = {
    "token_url": {**SHORT, "description": "A URL, or a path at the endpoint."},
    "style": {"type": "string", "enum": ["form", "json", "query", "basic"]},
    "client_id": SHORT,
    "client_secret": SHORT,
    "scope": SHORT,
    "token_path": PATH_IN_JSON,
    "expires_path": PATH_IN_JSON,
}
_LONG: Final = record(
    {
        "type": {
            "type": "string",
            "enum": ["none", "basic", "bearer", "header", "query", "body", "oauth2_client"],
        },
        **_BASIC,
        **_TOKEN,
        "values": VALUES,
        "prefix": {"type": "string", "pattern": "^[!-~]{1,50} ?$"},
        **_OAUTH,
    },
    "type",
)
_BY_NAME: Final[dict[str, Any]] = {
    **record(
        {
            "none": record({}),
            "basic": record(_BASIC),
            "bearer": {"anyOf": [SHORT, record(_TOKEN)]},
            "header": VALUES,
            "query": VALUES,
            "body": VALUES,
            "oauth2_client": record(_OAUTH),
        }
    ),
    "maxProperties": 1,
}
AUTH: Final[dict[str, Any]] = {
    "anyOf": [_LONG, {"type": "string", "enum": ["none", "basic", "bearer"]}, _BY_NAME],
}
