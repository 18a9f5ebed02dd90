"""The adapter of Braze."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gateway.destinations import options
from gateway.destinations.adapter import Adapter
from gateway.destinations.answers import (
    Audience,
    Check,
    Done,
    Later,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.braze import requests
from gateway.destinations.braze.attributes import Attributes
from gateway.destinations.braze.cohorts import Cohorts
from gateway.destinations.normalise import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.adapter import Account, Batch, Sent, Target
    from gateway.destinations.answers import Answer
    from gateway.destinations.braze.requests import Post


class Push(Adapter):
    """Sends changes of cohorts, by the API that the config or the secrets say."""

    def __init__(self, account: Account, api: Cohorts | Attributes) -> None:
        self._account = account
        self._api = api
        self._base = str(account.config["endpoint"]).rstrip("/")

    def verify(self) -> Iterator[Check]:
        """Send a request that names no user: the keys are looked at first."""
        read = self._post(self._api.probe(), 0)
        message = read.message if isinstance(read, Stop | Later) else ""
        yield Check(step="sign_in", ok=not message, message=message)

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Sent | Skipped:
        """Take the first identifier that the member has: each that is sent counts."""
        bad = ""
        for name in self._api.identifiers:
            if name in target.identifiers and raw.get(name) is not None:
                found = plain.text(raw[name]).strip()
                found = _email(found) if name == "email" else found
                if found:
                    return {name: found}
                bad = bad or name
        return Skipped(reason=f"bad_{bad}" if bad else "no_identifier")

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the name of the cohort; a partner's cohort is there once it was named."""
        given = options.audience_id(target.options)
        name = options.name(target)
        if given:
            return Audience(id=given, name=name)
        if isinstance(self._api, Cohorts):
            return None
        value = str(target.options.get("audience_name") or f"cohort_{target.cohort.id}")
        return Audience(id=value, name=value)

    def create(self, target: Target) -> Audience | Later | Stop:
        """Name a partner's cohort; naming it again is no error."""
        name = options.name(target)
        if isinstance(self._api, Attributes):
            return Stop(code=StopCode.CONFIGURATION, message="an attribute has nothing to create")
        read = self._post(self._api.name(target, name), 0)
        if isinstance(read, Done):
            return Audience(id=target.cohort.id, name=name)
        if isinstance(read, Later | Stop):
            return read
        message = read.message if isinstance(read, Split) else "its name was not taken"
        return Stop(code=StopCode.REFUSED, message=message)

    def add(self, target: Target, batch: Batch) -> Answer:
        """Add rows to the cohort."""
        return self._post(self._api.change(target, batch.rows, remove=False), len(batch.rows))

    def remove(self, target: Target, batch: Batch) -> Answer:
        """Remove rows from the cohort."""
        return self._post(self._api.change(target, batch.rows, remove=True), len(batch.rows))

    def _post(self, post: Post, rows: int) -> Answer:
        headers = {"content-type": "application/json", "accept": "application/json"}
        reply = self._account.client.request(
            "POST",
            self._base + post.path,
            headers={**headers, **post.headers},
            body=orjson.dumps(post.body),
        )
        secrets = [one for one in self._account.secrets.values() if one]
        return requests.read(reply, rows, secrets, self._account.now())


def _email(text: str) -> str:
    lower = text.lower()
    return lower if "@" in lower[1:-1] else ""
