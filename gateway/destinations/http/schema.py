"""What a declaration of a list API looks like: the JSON Schema of each of its parts."""

from __future__ import annotations

from typing import Any, Final

from gateway.destinations.http.fragments import (
    AUTH,
    BODY,
    EXPECTED,
    HEADERS,
    METHOD,
    NAME,
    NORMALISING,
    OPERATION,
    PATH_IN_JSON,
    QUERY,
    REQUEST,
    REQUEST_PATH,
    RESPONSE,
    SCALAR,
    SENTENCE,
    SHORT,
    STATUS,
    STATUSES,
    record,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

PARTS: Final[dict[str, dict[str, Any]]] = {
    "name": {**SHORT, "description": "What it is called."},
    "version": {**SHORT, "description": "Of the declaration."},
    "status": {
        "type": "string",
        "enum": ["tried", "documented", "unverified", "deprecated"],
        "description": "How far the API is known.",
    },
    "docs": {"type": "array", "maxItems": 20, "items": SHORT},
    "effects": {
        "type": "array",
        "maxItems": 20,
        "items": SENTENCE,
        "description": "What it does to people there, shown before anything is sent.",
    },
    "settings": {
        "anyOf": [
            {
                "type": "array",
                "maxItems": 30,
                "items": record(
                    {
                        "key": NAME,
                        "label": SHORT,
                        "description": SENTENCE,
                        "secret": {"type": "boolean"},
                        "required": {"type": "boolean"},
                        "pattern": SHORT,
                        "choices": {"type": "array", "minItems": 1, "maxItems": 50, "items": SHORT},
                        "default": {"type": "string", "maxLength": 255},
                    },
                    "key",
                ),
            },
            {
                "type": "object",
                "maxProperties": 30,
                "propertyNames": {"pattern": NAME["pattern"]},
                "additionalProperties": SCALAR,
            },
        ],
        "description": (
            "What `{{settings.…}}` stands for; a secret one is a secret of that name. Or an object"
            " of values."
        ),
    },
    "base_url": {
        "type": "string",
        "pattern": "^https?://",
        "maxLength": 500,
        "description": "The base of all paths; a setting in its host needs a pattern or choices.",
    },
    "auth": {**AUTH, "description": "How requests are signed in."},
    "identifier": {
        "anyOf": [
            record(
                {
                    "any_of": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 20,
                        "items": {
                            "anyOf": [
                                NAME,
                                record({"name": NAME, "title": SHORT, **NORMALISING}, "name"),
                            ]
                        },
                    },
                    "fields": {
                        "type": "array",
                        "maxItems": 50,
                        "items": record({"name": NAME, "title": SHORT, **NORMALISING}, "name"),
                        "description": "What else is normalised or hashed; it finds no person.",
                    },
                    **NORMALISING,
                },
                "any_of",
            ),
            NAME,
        ],
        "description": "By what it finds a person; each alone is enough.",
    },
    "audience": {
        **record(
            {
                "mode": {"type": "string", "enum": ["list", "attribute", "tag", "none"]},
                "create": record({**REQUEST, "id_path": PATH_IN_JSON}, "method", "path"),
                "find": record(
                    {
                        "method": METHOD,
                        "path": REQUEST_PATH,
                        "query": QUERY,
                        "headers": HEADERS,
                        "body": BODY,
                        "items": PATH_IN_JSON,
                        "name_path": PATH_IN_JSON,
                        "id_path": PATH_IN_JSON,
                        "next": {
                            "anyOf": [
                                record(
                                    {
                                        "style": {
                                            "type": "string",
                                            "enum": ["cursor", "offset", "link"],
                                        },
                                        "path": PATH_IN_JSON,
                                        "query": {**SHORT, "pattern": "^[A-Za-z0-9_.-]+$"},
                                    },
                                    "style",
                                ),
                                PATH_IN_JSON,
                            ],
                            "description": (
                                "How a next page is asked for: by a cursor or an offset in the"
                                " query, or by the query of a link. A path alone is that of a link."
                            ),
                        },
                    },
                    "path",
                    "items",
                    "name_path",
                    "id_path",
                ),
                "name": record(
                    {
                        "max": {"type": "integer", "minimum": 1, "maximum": 255},
                        "pattern": SHORT,
                        "prefix": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{0,30}$"},
                        "transform": {"type": "string", "enum": ["none", "snake"]},
                    }
                ),
                "id_type": {"type": "string", "enum": ["text", "integer"]},
            }
        ),
        "description": "What members are put into: a list there, or an attribute or tag of theirs.",
    },
    "test": {
        **record({"path": REQUEST_PATH, "query": QUERY, "headers": HEADERS}, "path"),
        "description": "A GET that proves the credentials and changes nothing.",
    },
    "lookup": {
        **record(
            {
                "method": METHOD,
                "path": REQUEST_PATH,
                "query": QUERY,
                "headers": HEADERS,
                "max_items": {"type": "integer", "minimum": 1, "maximum": 10_000},
                "items": PATH_IN_JSON,
                "key": {**NAME, "description": "The identifier that is looked up; else the first."},
                "key_path": PATH_IN_JSON,
                "id_path": PATH_IN_JSON,
            },
            "path",
            "items",
            "key_path",
            "id_path",
        ),
        "description": "Where operations need ids of theirs: how they are asked for first.",
    },
    "ops": {
        **record(
            {
                "add": OPERATION,
                "remove": OPERATION,
                "replace": OPERATION,
                "refresh": OPERATION,
            }
        ),
        "description": "The requests that change the membership of the audience.",
    },
    "response": {**RESPONSE, "description": "What an answer says."},
    "errors": {
        "type": "array",
        "maxItems": 100,
        "items": record(
            {
                "when": {
                    "anyOf": [
                        record(
                            {
                                "status": {"anyOf": [STATUS, STATUSES]},
                                "path": PATH_IN_JSON,
                                "equals": EXPECTED,
                                "code": EXPECTED,
                            }
                        ),
                        STATUS,
                    ]
                },
                "of": {
                    "type": "string",
                    "enum": ["add", "remove", "both"],
                },
                "do": {
                    "type": "string",
                    "enum": ["retry", "slow", "reauth", "reject_item", "split", "stop", "done"],
                },
            },
            "when",
            "do",
        ),
        "description": "What to do about an answer that is no success; the first that fits.",
    },
    "rate": {
        **record(
            {
                "per_second": {"type": "integer", "minimum": 1, "maximum": 100_000},
                "per_minute": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                "concurrency": {"type": "integer", "minimum": 1, "maximum": 64},
                "retry_after": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,100}$"},
            }
        ),
        "description": "How many requests it takes, and the header that says how long to wait.",
    },
    "refresh_days": {
        "type": "integer",
        "minimum": 1,
        "maximum": 3650,
        "description": "After how many days a membership has to be sent anew.",
    },
}

WHOLE: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "Declaration of a list API",
    **record(PARTS, "name", "status", "base_url", "identifier", "ops"),
}
