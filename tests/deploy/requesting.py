"""Requests as Mixpanel and services send them, to any port of this machine."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from tests.stack import API_KEY, DEFAULT, PASSWORD, USERNAME

PATIENCE_SECONDS = 40.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it is, the test says
        """The body as JSON."""
        return json.loads(self.body)


def send(
    client: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request and read its answer; the connection is closed."""
    try:
        client.request(method, path, body, dict(headers or {}))
        response = client.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        client.close()


def plain(port: int) -> http.client.HTTPConnection:
    """Connect to a port without TLS."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)


def login(password: str = PASSWORD) -> dict[str, str]:
    """Return the header of Basic authentication."""
    words = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    return {"Authorization": f"Basic {words}"}


def page(cohort: str, *members: str) -> bytes:
    """Write a page that adds members to a cohort."""
    parameters = {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": cohort,
        "mixpanel_cohort_name": cohort,
        "mixpanel_cohort_description": "",
        "mixpanel_session_id": "deploy",
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": [{"mixpanel_distinct_id": member} for member in members],
    }
    return json.dumps({"action": "add_members", "parameters": parameters}).encode()


def post(port: int, body: bytes) -> Answer:
    """Post a page to the source `default`."""
    return send(plain(port), "POST", DEFAULT, body, login())


def answered(port: int, path: str) -> int | None:
    """Return the status of a GET; None while nobody listens."""
    try:
        return send(plain(port), "GET", path).status
    except OSError:
        return None


def api(port: int, path: str) -> Any:  # noqa: ANN401 - JSON
    """Ask the query API."""
    return send(plain(port), "GET", path, headers={"Authorization": f"Bearer {API_KEY}"}).json
