"""What BigQuery's REST API knows in a test: what each query gives, and which jobs there are."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.reach import Reach
from gateway.sources.sql.bigquery import settings
from gateway.sources.sql.session import Target

PROJECT: Final = "test-project"
LOCATION: Final = "EU"
TOKEN: Final = "a-token-of-the-fake"
VENDOR: Final = settings.VENDOR


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scripted:
    """What BigQuery has for a query.

    `schema` has a name, a type and a mode for each column; `refused` a status, a reason and a
    message. With `runs`, the job runs until it is canceled. `dies_after` cuts the connection, and
    all that follow, after so many pages.
    """

    schema: Sequence[tuple[str, str, str]] = (("one", "INTEGER", "NULLABLE"),)
    rows: Callable[[int], Any] = lambda number: [str(number + 1)]
    count: int = 1
    scanned: int = 0
    statement: str = "SELECT"
    refused: tuple[int, str, str] | None = None
    is_refused_when_planned: bool = True
    runs: bool = False
    dies_after: int | None = None


@dataclasses.dataclass
class Job:
    """A job that was begun."""

    scripted: Scripted
    canceled: threading.Event = dataclasses.field(default_factory=threading.Event)


@functools.cache
def key(_number: int) -> rsa.RSAPrivateKey:
    """Return the key of that number; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Api:
    """The state of the service, and what was asked of it."""

    def __init__(self) -> None:
        self.key = key(1)
        self.queries: dict[str, Scripted] = {"SELECT 1 AS one": Scripted()}
        self.datasets: dict[str, dict[str, Sequence[tuple[str, str, str]]]] = {}
        self.permissions: Sequence[str] = ()
        self.jobs: dict[str, Job] = {}
        self.configurations: list[dict[str, Any]] = []
        self.is_frozen = threading.Event()
        self.is_dead = False
        self.port = 0

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def account(self, **parts: object) -> str:
        """Write the key of an account that it lets in."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        known = {
            "type": "service_account",
            "client_email": f"reader@{PROJECT}.iam.gserviceaccount.com",
            "private_key": key.decode(),
            "private_key_id": "1",
            "token_uri": f"{self.base}/token",
        }
        return json.dumps(known | parts)

    def target(self, *, account: str | None = None, seconds: float = 60, **parts: object) -> Target:
        """Aim at it."""
        config = {
            "project": PROJECT,
            "location": LOCATION,
            "default_dataset": "shop",
            "maximum_bytes_billed": None,
            "endpoint": self.base,
        }
        return Target(
            config=config | parts,
            secrets={"service_account": account or self.account()},
            reach=Reach(allow_local=True),
            limit_seconds=seconds,
        )
