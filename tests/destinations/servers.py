"""A real HTTP server on loopback that plays a vendor, and what adapters are made of in tests."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email.utils
import http.server
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from gateway import outbound
from gateway.destinations.adapter import Account, Batch, Cohort, Row, Target

HERE = outbound.networks("127.0.0.0/8, ::1")
NOW = datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came: the target as its bytes were, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:  # noqa: ANN401 - what a test expects
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Said:
    """An answer; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: object = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Vendor(Protocol):
    """What a fake vendor does."""

    def answer(self, asked: Asked) -> Said:
        """Answer one request; called by one thread at a time."""


class Scripted:
    """Answers one after the other, the last for ever, and keeps what was asked."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]


def _handler(vendor: Vendor) -> type[http.server.BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            asked = Asked(method=self.command, target=self.path, headers=headers, body=body)
            with lock:
                said = vendor.answer(asked)
            raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - their names

        def date_time_string(self, _timestamp: float | None = None) -> str:
            """Tell the vendor's time, where it has a clock of its own."""
            return email.utils.format_datetime(getattr(vendor, "clock", NOW), usegmt=True)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    return Handler


@contextlib.contextmanager
def serving(vendor: Vendor) -> Iterator[str]:
    """Serve a vendor during the block; lends the base of its addresses."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(vendor))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def account(
    vendor: Vendor,
    config: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    now: datetime.datetime = NOW,
) -> Iterator[Account]:
    """Serve a vendor, and lend an account there: `config.endpoint` leads to it."""
    with serving(vendor) as base, outbound.Client(allow=HERE) as client:
        yield Account(
            config={**(config or {}), "endpoint": base},
            secrets=secrets or {},
            client=client,
            now=lambda: now,
        )


COHORT = Cohort(id="7", name="Big spenders", description="They buy", created_at=NOW)


def target(
    *identifiers: str,
    audience: str = "",
    options: Mapping[str, object] | None = None,
    cohort: Cohort = COHORT,
    consent: Mapping[str, object] | None = None,
) -> Target:
    return Target(
        cohort=cohort,
        identifiers=identifiers,
        options=options or {},
        audience=audience,
        consent=consent,
    )


def batch(*sent: Mapping[str, object], session: int = 1) -> Batch:
    """Make a batch of rows with these identifiers."""
    return Batch(rows=rows(sent), session=session, members=len(sent))


def rows(sent: Sequence[Mapping[str, object]]) -> list[Row]:
    return [
        Row(member_id=f"m{number}", key=f"k{number}", sent=one) for number, one in enumerate(sent)
    ]
