"""A gateway whose sync jobs are worked on in this process, to receivers on loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway import outbound
from gateway.destinations.kinds import KINDS, Kind
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.http.world import Clock, World, make_app

KEY: Final = "a key of thirty-two characters!!"
HERE: Final = outbound.networks("127.0.0.0/8")


class Office(World):
    """A world with a sender."""

    sender: Sender
    setup: Setup

    def destination(
        self, kind: str, config: Mapping[str, object], secrets: Mapping[str, str], slug: str = "crm"
    ) -> None:
        """Make a destination."""
        body = {"slug": slug, "kind": kind, "config": config, "secrets": secrets}
        answer = self.call("POST", "/v1/destinations", json=body)
        assert answer.status_code == 201, answer.text

    def job(self, cohort_id: str, **rest: object) -> str:
        """Make a job to `crm`."""
        body = {"cohort_id": cohort_id, "destination": "crm", "frequency": "5m", **rest}
        answer = self.call("POST", "/v1/sync-jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["id"])

    def act(self, job: str, verb: str, status: int = 202) -> Any:  # noqa: ANN401 - JSON
        answer = self.call("POST", f"/v1/sync-jobs/{job}/{verb}")
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def send(self) -> None:
        """Work on all that is due, until nothing is."""
        for _ in range(20):
            if not self.sender.look():
                return
            self.sender.wait()

    def shown(self, job: str) -> Any:  # noqa: ANN401 - JSON
        return self.get(f"/v1/sync-jobs/{job}")


@contextlib.contextmanager
def opened(
    pool: Pool,
    database_url: str,
    clock: Clock,
    kinds: Mapping[str, Kind] = KINDS,
    **rest: Any,  # noqa: ANN401 - of the sender
) -> Iterator[Office]:
    """Lend an office."""
    made = Office(pool, make_app(database_url, clock), clock)
    with outbound.Client(allow=HERE, plain=HERE) as client:
        made.setup = Setup(kinds=kinds, vault=Vault([KEY]), client=client, now=clock)
        given: deps.Deps = made.app.extensions[deps.EXTENSION]
        made.app.extensions[deps.EXTENSION] = dataclasses.replace(given, sending=made.setup)
        made.sender = Sender(
            pool, pool, made.setup, holder="here", at_once=4, **{"patience_seconds": 4.0, **rest}
        )
        try:
            yield made
        finally:
            made.sender.close()


def until(true: Any, seconds: float = 20.0) -> None:  # noqa: ANN401 - a function
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.02)
