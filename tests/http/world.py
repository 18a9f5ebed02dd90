"""A whole gateway in one process: pages go in by its webhook and answers come out of its API."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flask import Flask
from werkzeug.test import TestResponse

from gateway import app, wsgi
from gateway.core.access import secrets
from gateway.core.access.scopes import Scope
from gateway.flows.cohorts.apply import Applier
from gateway.flows.sources import admin
from gateway.settings import Settings
from gateway.store.access import api_keys
from gateway.store.cohorts import inbox
from gateway.store.db.engine import Pool

PROJECT: Final = "2195193"
KEYS: Final = {scope: f"key-{scope}" for scope in Scope}
START: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

# Nothing listens there: that is what Redis being down looks like.
NO_REDIS: Final = "redis://127.0.0.1:1/0"

Answer = TestResponse


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        """Tell the time."""
        return self.now

    def tick(self, **parts: float) -> None:
        """Let time pass; the parts are those of a timedelta."""
        self.now += datetime.timedelta(**parts)


class World:
    """One gateway with the source `default`, which may have a login, and a key per scope."""

    def __init__(
        self, pool: Pool, made: Flask, clock: Clock, *, login: admin.Login | None = None
    ) -> None:
        self.pool = pool
        self.app = made
        self.clock = clock
        self.applier = Applier(pool, now=clock)
        self.http = made.test_client()
        with pool.begin() as conn:
            for scope, key in KEYS.items():
                key_hash = secrets.hash_key(key)
                api_keys.create(conn, name=scope, key_hash=key_hash, scopes=[scope], now=START)
        self.add_source("default", login=login)

    def add_source(
        self,
        slug: str,
        *,
        login: admin.Login | None = None,
        identity_property: str | None = None,
        project_ids: tuple[str, ...] = (),
    ) -> None:
        """Create a source, which asks for no password unless it has a login."""
        config = {"identity_property": identity_property, "project_ids": list(project_ids)}
        wanted = admin.Wanted(slug=slug, login=login, config=config)
        admin.add(self.pool, wanted, now=START)

    def post(
        self,
        action: str,
        members: Sequence[object],
        *,
        cohort: str = "1",
        session: str | None = "s1",
        page: tuple[int, int] = (1, 1),
        source: str = "default",
        **parameters: object,
    ) -> None:
        """Send a page; texts become members with that id, `page` is (number, total)."""
        described = {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": cohort,
            "mixpanel_session_id": session,
            "page_info": {"page_count": page[0], "total_pages": page[1]},
            "members": [_member(one) for one in members],
        }
        body = json.dumps({"action": action, "parameters": described | parameters})
        answer = self.http.post(f"/webhooks/mixpanel/{source}", data=body)
        assert answer.status_code == 200, answer.text

    def apply(self) -> None:
        """Apply everything that waits; what may wait for more of its refresh stops waiting."""
        self.clock.tick(seconds=10)
        with self.pool.read() as conn:
            waiting = inbox.waiting_cohorts(conn)
        for cohort_id in waiting:
            self.applier.drain(cohort_id)

    def fill(self, members: Sequence[object], **page: Any) -> str:  # noqa: ANN401 - of `post`
        """Make a cohort of some people by a diff, and return its id."""
        self.post("add_members", members, **page)
        self.apply()
        return self.cohort_id(page.get("cohort", "1"))

    def cohort_id(self, external_id: str = "1") -> str:
        """Return the id of the cohort with this id at its source."""
        (found,) = self.get("/v1/cohorts", external_id=external_id)["cohorts"]
        return str(found["id"])

    def call(
        self,
        method: str,
        path: str,
        *,
        scope: Scope = Scope.ADMIN,
        headers: Mapping[str, str] | None = None,
        **rest: Any,  # noqa: ANN401 - of the client
    ) -> Answer:
        """Call the API with the key of a scope."""
        sent = {"Authorization": f"Bearer {KEYS[scope]}", **(headers or {})}
        return self.http.open(path, method=method, headers=sent, **rest)

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Read what must be there."""
        answer = self.call("GET", path, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def pages(self, path: str, *, limit: int = 3) -> Iterator[list[Any]]:
        """Read a list part by part, as its cursors lead."""
        query: dict[str, object] = {"limit": limit}
        while True:
            page = self.get(path, **query)
            query["cursor"] = page.pop("next_cursor")
            yield from page.values()
            if query["cursor"] is None:
                return

    def members(self, cohort_id: str) -> list[str]:
        """List the ids of all members of a cohort."""
        listed = self.get(f"/v1/cohorts/{cohort_id}/members", limit=1000)["members"]
        return [one["member_id"] for one in listed]

    def changes(self, cohort_id: str) -> list[tuple[int, str, str | None]]:
        """List all changes of a cohort as (seq, change, member id)."""
        listed = self.get(f"/v1/cohorts/{cohort_id}/changes", limit=1000)["changes"]
        return [(one["seq"], one["change"], one["member_id"]) for one in listed]


def make_app(database_url: str, clock: Clock, **environ: str) -> Flask:
    """Build the application as gunicorn does, but with a clock of ours."""
    servers = {"DATABASE_URL": database_url, "REDIS_URL": NO_REDIS}
    settings = Settings.from_environ(servers | environ)
    return app.create_app(wsgi.make_deps(settings, now=clock))


def quoted(member_id: str) -> str:
    """Percent-encode everything that can be."""
    return urllib.parse.quote(member_id, safe="")


def _member(given: object) -> object:
    return {"mixpanel_distinct_id": given} if isinstance(given, str) else given
