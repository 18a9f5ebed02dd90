"""Requests that are done once: what tells one that is sent again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import request

from gateway import errors
from gateway.core.cohorts.edit import Once

if TYPE_CHECKING:
    from gateway.core.access.actor import Actor

NAME: Final = "Idempotency-Key"
MAX_CHARACTERS: Final = 255

PARAMETER: Final[dict[str, Any]] = {
    "in": "header",
    "name": NAME,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
    "description": "Any text that no other request of yours has. The same request sent with it"
    " again within 7 days changes nothing and answers what came of the first, as it is now; another"
    " body is 422 `key_reused`. What was refused with 4xx is not remembered.",
}


def read(actor: Actor, raw: bytes) -> Once | None:
    """Read what a request is remembered by, with its body; None without a key.

    Raises errors.Malformed.
    """
    key = request.headers.get(NAME)
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_CHARACTERS:
        raise errors.Malformed(f"{NAME}: must have 1 to {MAX_CHARACTERS} characters")
    whole = orjson.dumps([actor.name, request.method, request.path, key])
    return Once(key=hashlib.sha256(whole).digest(), digest=hashlib.sha256(raw).digest())
