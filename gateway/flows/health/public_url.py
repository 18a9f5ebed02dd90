"""Asking a webhook's public URL what a sender would meet on the way: nothing sent is a page."""

from __future__ import annotations

import functools
import gzip
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gateway import errors, outbound
from gateway.core.health.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from gateway.outbound import Answer, Client

FRONT: Final = "front"
_error = functools.partial(error, FRONT)
_warning = functools.partial(warning, FRONT)
# The largest body goes over a slow line, and its answer comes after all of it.
LIMITS: Final = outbound.Limits(write_seconds=30.0, read_seconds=30.0, total_seconds=120.0)
_MEBIBYTE: Final = 1024 * 1024

# What people are called and what attackers send look alike to a firewall.
_SUSPICIOUS: Final = b"""{"members": ["<script>alert(1)</script>", "Robert'); DROP TABLE x;--"]}"""
_PROBES: Final[Mapping[str, tuple[str, bytes, Mapping[str, str]]]] = {
    "a GET": ("GET", b"", {}),
    "an empty page": ("POST", b"{}", {"Content-Type": "application/json"}),
    "a body without a Content-Type": ("POST", b"{}", {}),
    "a compressed body": ("POST", gzip.compress(b"{}"), {"Content-Encoding": "gzip"}),
    "a body that looks like an attack": ("POST", _SUSPICIOUS, {}),
    "a body of 15 MiB": ("POST", b" " * (15 * _MEBIBYTE), {}),
    "a body of 17 MiB": ("POST", b" " * (17 * _MEBIBYTE), {}),
}
_REMEDY: Final = (
    "let everything under /webhooks/ through to the gateway, unchanged: no login, no firewall rule,"
    " no limit of its own; docs/deploy.md says how"
)


def front(url: str, *, context: ssl.SSLContext | None = None) -> list[Finding]:
    """Judge what stands before the webhook at this URL; the context says what TLS trusts.

    What is sent has no password and is no page, so that nothing of it can be stored.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [_error("it is no URL", "give it as https://host/webhooks/mixpanel/<source>")]
    found = []
    if parts.scheme == "http":
        found.append(
            _warning(
                f"{url} is without TLS: passwords and people's data go in the clear",
                "put a proxy with a certificate in front, and give Mixpanel its https URL",
            )
        )
    # The operator says where to ask, and that may well be inside.
    with outbound.Client(allow=outbound.ANYWHERE, limits=LIMITS, context=context) as client:
        for what, (method, body, headers) in _PROBES.items():
            try:
                answer = _ask(client, url, method, body, headers)
            except errors.Outbound as why:
                found.append(_error(f"{what} gets no answer: {why}", _REMEDY))
                break
            found += _judge(what, method, answer)
    return found


def _judge(what: str, method: str, answer: Answer) -> list[Finding]:
    if not _is_ours(answer):
        return [_error(f"{what} is answered {answer.status}, and not by a Cohort Gateway", _REMEDY)]
    if answer.status == HTTPStatus.NOT_FOUND:
        return [
            _error(
                f"{what} is answered 404: the gateway has no such source",
                "name a source that `python -m gateway source list` shows",
            )
        ]
    if method == "GET" and answer.status != HTTPStatus.METHOD_NOT_ALLOWED:
        return [_error(f"{what} is answered {answer.status} instead of 405", _REMEDY)]
    text = f"{what} comes to the gateway, which answers {answer.status}"
    return [ok(FRONT, text)]


def _ask(client: Client, url: str, method: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    # A connection each: a proxy that refuses a body often closes it.
    given = {"Connection": "close", **headers}
    return client.request(method, url, headers=given, body=body)


def _is_ours(answer: Answer) -> bool:
    """Whether an answer has the shape that every failure of a webhook has."""
    try:
        said = json.loads(answer.body)
        return bool(
            said.keys() == {"action", "status", "error"} and said["error"]["code"] == answer.status
        )
    except (ValueError, AttributeError, LookupError, TypeError):
        return False
