"""The requests that Snowflake's client sends, answered as the service does, as a test says.

A sign-in is let in by an assertion that the key of the user signed, or by the token. A query is
refused where it has several statements, and runs until it is canceled where a test says so.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import gzip
import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.reach import Reach
from gateway.sources.sql.session import Target
from gateway.sources.sql.snowflake import settings

ACCOUNT: Final = "myorg-shop"
USER: Final = "READER"
TOKEN: Final = "a-programmatic-access-token"
VENDOR: Final = settings.VENDOR
SIGN_IN: Final = {
    "390144": "JWT token is invalid.",
    "394400": "Programmatic access token is invalid.",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scripted:
    """What Snowflake has for a query: rows of texts in its JSON, or a refusal.

    `columns` has a name, a type and a scale for each. Rows beyond the first come in chunks, and
    `dies` cuts the connection with the second of them.
    """

    columns: Sequence[tuple[str, str, int | None]] = (("ONE", "fixed", 0),)
    rows: Sequence[Sequence[str | None]] = (("1",),)
    chunks: int = 0
    rows_per_chunk: int = 0
    refused: tuple[str, str, str] | None = None
    runs: bool = False
    dies: bool = False


@functools.cache
def key(_number: int) -> rsa.RSAPrivateKey:
    """Return the key of that number; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(made: rsa.RSAPrivateKey, passphrase: str | None = None) -> str:
    """Write a key, encrypted with a passphrase or not."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


class Service:
    """The state of the service, and what was asked of it."""

    def __init__(self) -> None:
        self.queries: dict[str, Scripted] = {"SELECT 1 AS one": Scripted()}
        self.logins: list[dict[str, Any]] = []
        self.sent: list[str] = []
        self.canceled = threading.Event()
        self.is_dead = False
        self.port = 0

    def target(self, secrets: Mapping[str, str] | None = None, **parts: object) -> Target:
        """Aim at it."""
        config = {
            "account": ACCOUNT,
            "user": USER,
            "warehouse": "SMALL",
            "role": "READER",
            "database": "SHOP",
            "schema": "PUBLIC",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
        }
        return Target(
            config=config | parts,
            secrets={"private_key": pem(key(1))} if secrets is None else secrets,
            reach=Reach(allow_local=True),
            limit_seconds=60,
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        service = self.server.service
        _, name, number = urlsplit(self.path).path.split("/")[1:]
        scripted = next(one for one in service.queries.values() if _name(one) == name)
        if scripted.dies and int(number) > 0:
            service.is_dead = True
        if service.is_dead:
            self._die()
            return
        start = int(number) * scripted.rows_per_chunk
        rows = ",".join(f'["{start + one}"]' for one in range(scripted.rows_per_chunk))
        self._send_raw(gzip.compress(rows.encode(), 1), {"Content-Encoding": "gzip"})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        path = urlsplit(self.path).path
        if self.server.service.is_dead:
            self._die()
        elif path == "/session/v1/login-request":
            self._send(self._signed_in(json.loads(raw)["data"]))
        elif path == "/queries/v1/query-request":
            self._send(self._queried(json.loads(raw)["sqlText"].strip()))
        else:
            self._send({"success": True, "data": None, "code": None, "message": None})

    def _die(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, body: object) -> None:
        self._send_raw(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send_raw(self, raw: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _signed_in(self, given: dict[str, Any]) -> object:
        self.server.service.logins.append(given)
        refused = _refused(given)
        if refused is not None:
            return {"success": False, "code": refused, "message": SIGN_IN[refused], "data": {}}
        data = {
            "token": "session",
            "masterToken": "master",
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 14400,
            "sessionId": 4711,
            "parameters": [{"name": "TIMEZONE", "value": "UTC"}],
            "sessionInfo": {"databaseName": "SHOP", "schemaName": "PUBLIC", "roleName": "READER"},
        }
        return {"success": True, "code": None, "message": None, "data": data}

    def _queried(self, text: str) -> object:
        service = self.server.service
        service.sent.append(text)
        if "SYSTEM$CANCEL_ALL_QUERIES" in text:
            service.canceled.set()
            return self._found(Scripted(columns=[("DONE", "text", None)], rows=[["all"]]))
        if ";" in text:
            return _error("000008", "0A000", "Actual statement count 2 did not match 1.")
        scripted = service.queries.get(text)
        if scripted is None:
            return _error("001003", "42000", "SQL compilation error: syntax error")
        if scripted.runs:
            ends_at = time.monotonic() + 30
            while not service.canceled.wait(0.05) and time.monotonic() < ends_at:
                pass
            return _error("000604", "57014", "SQL execution canceled")
        if scripted.refused is not None:
            return _error(*scripted.refused)
        return self._found(scripted)

    def _found(self, scripted: Scripted) -> object:
        base = f"http://127.0.0.1:{self.server.service.port}/chunks/{_name(scripted)}"
        size = len(",".join(f'["{one}"]' for one in range(scripted.rows_per_chunk)))
        chunk = {
            "rowCount": scripted.rows_per_chunk,
            "uncompressedSize": size,
            "compressedSize": size,
        }
        chunks = [{"url": f"{base}/{one}", **chunk} for one in range(scripted.chunks)]
        total = len(scripted.rows) + scripted.chunks * scripted.rows_per_chunk
        data = {
            "queryId": str(uuid.uuid4()),
            "sqlState": "00000",
            "statementTypeId": 4096,
            "queryResultFormat": "json",
            "parameters": [],
            "rowtype": [_column(*one) for one in scripted.columns],
            "rowset": scripted.rows,
            "total": total,
            "returned": total,
            **({"chunks": chunks, "chunkHeaders": {}} if chunks else {}),
        }
        return {"success": True, "code": None, "message": None, "data": data}


def _name(scripted: Scripted) -> str:
    return str(id(scripted))


def _column(name: str, kind: str, scale: int | None) -> dict[str, Any]:
    is_text = kind in ("text", "binary")
    return {
        "name": name,
        "type": kind,
        "nullable": True,
        "precision": 38 if kind == "fixed" else None,
        "scale": scale,
        "length": 16_777_216 if is_text else None,
        "byteLength": 16_777_216 if is_text else None,
    }


def _error(code: str, state: str, message: str) -> object:
    data = {"queryId": str(uuid.uuid4()), "sqlState": state, "errorCode": code}
    return {"success": False, "code": code, "message": message, "data": data}


def _refused(given: Mapping[str, Any]) -> str | None:
    """Return the number of what is wrong with a sign-in, None if it is let in."""
    if given["AUTHENTICATOR"] == "PROGRAMMATIC_ACCESS_TOKEN":
        return None if given["TOKEN"] == TOKEN else "394400"
    head, body, signature = given["TOKEN"].split(".")
    public = key(1).public_key()
    try:
        public.verify(
            _decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return "390144"
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
    said = json.loads(_decoded(body))
    subject = f"{ACCOUNT.upper()}.{USER}"
    fits = said["sub"] == subject and said["iss"] == f"{subject}.SHA256:{fingerprint}"
    return None if fits else "390144"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service


@contextlib.contextmanager
def running() -> Iterator[Service]:
    """Run the service on loopback."""
    service = Service()
    with _Server(service) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield service
        finally:
            service.canceled.set()
            server.shutdown()
            thread.join()
