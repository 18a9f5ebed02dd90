"""Bodies as large as are taken at all, of the shapes that cost parsers most, sent to every call."""

from __future__ import annotations

import gzip
import http.client
import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.app import OPERATIONS
from gateway.core.access.scopes import Scope
from gateway.handlers.http.operations import Operation
from tests.http import serving
from tests.http.serving import PATIENCE_SECONDS, Web
from tests.http.world import KEYS, World

MOST_BYTES = 16 * 1024 * 1024
# What requests of the largest size may add to a process, however many come one after another.
MOST_MEGABYTES = 200

CHECK = "/v1/membership/check"
WEBHOOK = "/webhooks/mixpanel/default"

# The webhook reads bodies of this size; the question reads less, and refuses them by their size.
REFUSALS = {CHECK: 413, WEBHOOK: 400}

WRAPPINGS = {
    "bare": (CHECK, b"[", b"]"),
    "members": (CHECK, b'{"cohort_ids":["1"],"member_ids":[', b"]}"),
    "unknown": (CHECK, b'{"cohort_ids":["1"],"member_ids":["a"],"x":[', b"]}"),
    "page": (
        WEBHOOK,
        b'{"action":"members","parameters":{"mixpanel_cohort_id":1,"members":[',
        b"]}}",
    ),
}

UNITS = {
    "integers": b"1,",
    "texts": b'"",',
    "lists": b"[],",
    "objects": b'{"":1},',
    "nested": b"[" * 400 + b"]" * 400 + b",",
    "long integers": b"9" * 4300 + b",",
    "endless integer": b"9" * 1_000_000,
    "escapes": b'"' + b"\\ud83d" * 20 + b'",',
    "huge keys": b'{"' + b"k" * 1_000_000 + b'":1},',
    "deep": b"[" * 1000,
    "quotes": b'"',
}


@pytest.fixture(scope="module")
def small(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Run a web process that no other test has made larger."""
    with serving.serving(database_url, tmp_path_factory.mktemp("small")) as running:
        yield running


def _flood(wrapping: str, unit: str) -> tuple[str, bytes]:
    path, start, end = WRAPPINGS[wrapping]
    piece = UNITS[unit]
    count = (MOST_BYTES - len(start) - len(end) - 1) // len(piece)
    return path, start + piece * count + b"0" + end


def _send(web: Web, method: str, path: str, body: bytes, **headers: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_SECONDS)
    key = {"Authorization": f"Bearer {KEYS[Scope.ADMIN]}"}
    with closing(client):
        client.request(method, path, body, {**key, **headers})
        answer = client.getresponse()
        answer.read()
        return answer.status


def test_bodies__of_the_largest_size__are_refused_in_little_memory(
    world: World, small: Web
) -> None:
    world.fill(["a"])
    before = small.peak_megabytes()
    for wrapping in WRAPPINGS:
        for unit in UNITS:
            path, body = _flood(wrapping, unit)
            status = _send(small, "POST", path, body)
            assert status == REFUSALS[path], (wrapping, unit)
    assert small.peak_megabytes() - before < MOST_MEGABYTES


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_bodies__of_the_largest_size_to_any_call__are_no_trouble(
    world: World, small: Web, operation: Operation
) -> None:
    world.fill(["a"])
    before = small.peak_megabytes()
    path = re.sub(r"<\w+:\w+>", "1", operation.rule)
    _, body = _flood("bare", "integers")
    zipped = gzip.compress(body, 1)
    assert _send(small, operation.method, path, body) < 500
    assert _send(small, operation.method, path, zipped, **{"Content-Encoding": "gzip"}) < 500
    assert small.peak_megabytes() - before < MOST_MEGABYTES
