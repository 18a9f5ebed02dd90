"""Conditional answers (RFC 9110, 13): a client that holds an answer is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from flask import Response, request

from gateway.core import etags
from gateway.core.etags import IfNoneMatch
from gateway.flows.cohorts.lookup import Preconditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.flows.cohorts.lookup import Tagged
    from gateway.handlers.http.queries import Fresh

HEADER: Final = "If-None-Match"

T = TypeVar("T")


def asker(query: Fresh) -> Preconditions:
    """Read what the request says that it has."""
    return Preconditions(held=_held(), min_seq=query.min_seq)


def by_version(found: Tagged[T], write: Callable[[T], Response]) -> Response:
    """Answer what a flow found, unless it is held."""
    if found.answer is None:
        return _not_modified(found.tag)
    return _tagged(write(found.answer), found.tag)


def by_content(response: Response) -> Response:
    """Answer this, which cost little to find, unless it is held."""
    return _tagged(response, etags.of_bytes(response.get_data()))


def _tagged(response: Response, tag: str) -> Response:
    if _held().has(tag):
        return _not_modified(tag)
    response.headers["ETag"] = f'"{tag}"'
    return response


def _not_modified(tag: str) -> Response:
    response = Response(status=304, headers={"ETag": f'"{tag}"'})
    del response.headers["Content-Type"]
    return response


def _held() -> IfNoneMatch:
    if HEADER not in request.headers:
        return etags.NOTHING
    sent = request.if_none_match
    return IfNoneMatch(tags=frozenset(sent.as_set(include_weak=True)), anything=sent.star_tag)
