"""What a refused request held is released with its answer, not when Python's collector runs."""

from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Iterator
from typing import Final

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from gateway.core.access.scopes import Scope
from tests.http.world import KEYS, World

WEBHOOK: Final = "/webhooks/mixpanel/default"
CHECK: Final = "/v1/membership/check"
TOO_LARGE: Final = b" " * (16 * 1024 * 1024 + 1)

# The contract of the webhook knows no 413.
REFUSED: Final = {
    "page that is no JSON": (WEBHOOK, b'"', 400),
    "page without parameters": (WEBHOOK, b'{"action": "members"}', 400),
    "page without ids": (WEBHOOK, b'{"action": "members", "parameters": {"members": []}}', 400),
    "page that is too large": (WEBHOOK, TOO_LARGE, 400),
    "question that is no JSON": (CHECK, b'"', 400),
    "question without ids": (CHECK, b'{"cohort_ids": ["1"]}', 400),
    "question that is too large": (CHECK, TOO_LARGE, 413),
}


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Leave reference cycles where they are."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(("path", "body", "code"), REFUSED.values(), ids=REFUSED)
def test_body__that_is_refused__is_released_at_once(
    world: World, path: str, body: bytes, code: int
) -> None:
    sent = io.BytesIO(body)
    kept = weakref.ref(sent)
    headers = {"Authorization": f"Bearer {KEYS[Scope.ADMIN]}"}
    environ = create_environ(path, method="POST", input_stream=sent, headers=headers)
    environ["CONTENT_LENGTH"] = str(len(body))
    _, status, _ = run_wsgi_app(world.app, environ)
    assert status.startswith(f"{code} ")
    del sent, environ
    assert kept() is None
