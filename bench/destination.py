"""What stands for destinations: a server that answers after a while, and how it is sent to."""

from __future__ import annotations

import contextlib
import http.server
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Final

from gateway import outbound
from gateway.core import moments
from gateway.flows.syncs import destinations, jobs
from gateway.flows.syncs.setup import Setup
from gateway.store.db.engine import Pool

ANSWER_SECONDS: Final = 0.02
# Below this path nothing is ever answered.
HANGS: Final = "/hangs"
_FOR_EVER: Final = 86_400.0
ROWS: Final = 1000
REQUESTS: Final = 4
HERE: Final = outbound.networks("127.0.0.0/8")
MAPPING: Final = {"email": "email", "user_id": "member_id"}
DECLARED: Final[dict[str, Any]] = {
    "status": "documented",
    "auth": {"type": "none"},
    "identifier": {
        "any_of": [
            {"name": "email", "normalise": ["trim", "lower"], "hash": "sha256"},
            {"name": "user_id"},
        ]
    },
    "audience": {"mode": "attribute"},
    "ops": {
        name: {
            "method": "POST",
            "path": f"/{name}",
            "body": {"people": "{{members}}"},
            "item": {"email": "{{member.email}}", "id": "{{member.user_id}}"},
            "max_items": ROWS,
        }
        for name in ("add", "remove")
    },
    "response": {"ok": {"status": [200]}},
    "concurrency": REQUESTS,
}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a batch, and answer after a while."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(_FOR_EVER if self.path.startswith(HANGS) else ANSWER_SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(sending: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sending.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Lend the address of a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sending,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receiving.recv()}"
    finally:
        process.terminate()
        process.join()


def add(pool: Pool, setup: Setup, slug: str, url: str) -> None:
    """Make a destination of this server."""
    config = {**DECLARED, "endpoint": url}
    wanted = destinations.Wanted(slug=slug, kind="http", config=config)
    destinations.add(pool, wanted, setup, now=moments.now())


def keep(pool: Pool, setup: Setup, slug: str, cohort_id: int) -> int:
    """Make a job that sends a cohort there once; returns its id."""
    wanted = jobs.Wanted(
        cohort_id=str(cohort_id), destination=slug, frequency="once", mapping=MAPPING
    )
    return jobs.create(pool, wanted, setup, now=moments.now())
