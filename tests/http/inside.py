"""A whole gateway inside the test: called as a running one is, and applied by a call."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from email.message import Message

from flask import Flask

from gateway.core.access.scopes import Scope
from gateway.flows.sources.admin import Login
from gateway.store.db.engine import Pool
from tests.http.world import KEYS, Clock, World
from tests.stack import PASSWORD, USERNAME, Answer, Client

# Between two requests; the rates of sources count by the clock of the world.
MOMENT_SECONDS = 0.05


class Gateway(Client):
    """A world whose source `default` has the login of a stack's."""

    api_key = KEYS[Scope.ADMIN]

    def __init__(self, pool: Pool, made: Flask, clock: Clock) -> None:
        login = Login(username=USERNAME, password=PASSWORD)
        self.world = World(pool, made, clock, login=login)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Hand the application one request, whose target is as it would be on a wire."""
        self.world.clock.tick(seconds=MOMENT_SECONDS)
        encoded, _, query = path.partition("#")[0].partition("?")
        target = {
            "RAW_URI": path,
            "PATH_INFO": urllib.parse.unquote(encoded, "latin-1"),
            "QUERY_STRING": query,
        }
        answer = self.world.http.open(
            method=method, data=body, headers=dict(headers or {}), environ_overrides=target
        )
        told = Message()
        for name, value in answer.headers:
            told[name] = value
        return Answer(answer.status_code, told, answer.data)

    def settle(self, cohort_id: str | None = None) -> None:  # noqa: ARG002 - all are applied
        """Apply what waits, of every cohort."""
        self.world.apply()
