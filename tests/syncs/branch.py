"""A gateway whose recorded actions are sent, by forwarders in this process, to a project here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from flask import Flask
from sqlalchemy import text

from gateway import outbound
from gateway.flows.syncs.forwarder import Forwarder
from gateway.flows.syncs.forwarding import Tools
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.http.world import Clock, World
from tests.syncs import office, project, receiver
from tests.syncs.project import Project

SOURCE: Final = "/v1/sources/default"
ENVIRON: Final = {
    "GATEWAY_SECRET_KEY": office.KEY,
    "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "127.0.0.0/8",
}


class Branch(World):
    """A world with a forwarder and a project of Mixpanel."""

    forwarder: Forwarder
    project: Project
    url: str

    def configure(self, *, status: int = 200, secret: str | None = None, **parts: object) -> Any:  # noqa: ANN401 - JSON
        """Set where actions go, as the project expects it but for what is given."""
        usual = {"project_id": project.PROJECT, "service_account": project.ACCOUNT}
        config = {"import": {**usual, "endpoint": self.url, **parts}}
        secrets = {"import_secret": self.project.secret if secret is None else secret}
        body = {"config": config, "secrets": secrets}
        answer = self.call("PATCH", SOURCE, json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def act(self, *members: object, action: str = "mail.sent", **more: object) -> None:
        """Record an action on each of some members."""
        for start in range(0, len(members), 1000):
            given = [
                {"member_id": one, "source": "default", "action": action, **more}
                for one in members[start : start + 1000]
            ]
            answer = self.call("POST", "/v1/actions", json={"actions": given})
            assert answer.get_json()["recorded"] == len(given), answer.text

    def send(self) -> None:
        """Work until nothing is due."""
        while self.forwarder.look():
            self.forwarder.wait()

    def shown(self) -> Any:  # noqa: ANN401 - JSON
        """Return how forwarding fares, as the API tells it."""
        return self.get(SOURCE)["forwarding"]

    def rejected(self) -> Sequence[tuple[str, str]]:
        """Return the rejected actions, the newest first: member and the project's words."""
        found = self.get(f"{SOURCE}/rejected-actions")["rejected"]
        return [(one["member_id"], one["message"]) for one in found]

    def another(self, client: outbound.Client, holder: str) -> Forwarder:
        """Make another forwarder."""
        tools = Tools(pool=self.pool, vault=Vault([office.KEY]), client=client, now=self.clock)
        return Forwarder(tools, self.pool, holder=holder)

    def let_leases_run_out(self) -> None:
        """Let what a process that died had claimed be claimed by others."""
        with self.pool.begin() as conn:
            conn.execute(text("UPDATE leases SET leased_until = now() - interval '1 second'"))


@contextlib.contextmanager
def opened(pool: Pool, app: Flask, clock: Clock) -> Iterator[Branch]:
    """Lend a branch that is set to forward the actions of `default`."""
    made = Branch(pool, app, clock)
    made.project = Project(clock)
    with (
        receiver.serving(made.project) as url,
        outbound.Client(allow=office.HERE, plain=office.HERE) as client,
    ):
        made.url = url
        made.forwarder = made.another(client, "here")
        made.configure()
        try:
            yield made
        finally:
            made.forwarder.close()
