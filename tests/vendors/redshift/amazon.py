"""The two calls of Amazon's API that give a password for Redshift, signed as its version 4 has it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs

KEY_ID: Final = "AKIDEXAMPLE"
SECRET: Final = "the secret of the access key"
REGION: Final = "eu-central-1"
CLUSTER: Final = "shop"
WORKGROUP: Final = "shop-serverless"
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, SignedHeaders=(?P<headers>\S+), Signature=(?P<signature>[0-9a-f]{64})"
)


class Amazon:
    """The state of the API: what it gives, and what it was asked for."""

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self.password = password
        self.asked: list[Mapping[str, object]] = []
        self.is_busy = False
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        amazon, is_json = self.server.amazon, "X-Amz-Target" in self.headers
        if amazon.is_busy:
            self._refuse(503, "InternalFailure", is_json=is_json)
        elif not self._is_signed(raw, "redshift-serverless" if is_json else "redshift"):
            self._refuse(403, "SignatureDoesNotMatch", is_json=is_json)
        elif is_json:
            self._give_of_workgroup(json.loads(raw))
        else:
            self._give_of_cluster({k: v[0] for k, v in parse_qs(raw.decode()).items()})

    def _give_of_cluster(self, asked: Mapping[str, str]) -> None:
        amazon = self.server.amazon
        amazon.asked.append(asked)
        if asked["ClusterIdentifier"] != CLUSTER:
            self._refuse(404, "ClusterNotFound", is_json=False)
            return
        found = f"<DbUser>{amazon.user}</DbUser><DbPassword>{amazon.password}</DbPassword>"
        name = asked["Action"]
        self._send(
            200,
            f'<{name}Response xmlns="http://redshift.amazonaws.com/doc/2012-12-01/"><{name}Result>'
            f"{found}<Expiration>2030-01-01T00:00:00Z</Expiration></{name}Result></{name}Response>",
        )

    def _give_of_workgroup(self, asked: Mapping[str, object]) -> None:
        amazon = self.server.amazon
        amazon.asked.append(asked)
        if asked["workgroupName"] != WORKGROUP:
            self._refuse(404, "ResourceNotFoundException", is_json=True)
            return
        given = {"dbUser": amazon.user, "dbPassword": amazon.password, "expiration": 1.9e9}
        self._send(200, json.dumps(given))

    def _refuse(self, status: int, code: str, *, is_json: bool) -> None:
        if is_json:
            self._send(status, json.dumps({"__type": code, "message": f"it is {code}"}))
            return
        told = f"<Type>Sender</Type><Code>{code}</Code><Message>it is {code}</Message>"
        self._send(status, f"<ErrorResponse><Error>{told}</Error></ErrorResponse>")

    def _send(self, status: int, text: str) -> None:
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _is_signed(self, raw: bytes, service: str) -> bool:
        found = _SIGNED.fullmatch(self.headers.get("Authorization", ""))
        if found is None or (found["id"], found["service"]) != (KEY_ID, service):
            return False
        names = found["headers"].split(";")
        headers = "".join(f"{one}:{' '.join(self.headers[one].split())}\n" for one in names)
        digest = hashlib.sha256(raw).hexdigest()
        canonical = f"POST\n{self.path}\n\n{headers}\n{found['headers']}\n{digest}"
        scope = f"{found['day']}/{found['region']}/{service}/aws4_request"
        told = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self.headers['X-Amz-Date']}\n{scope}\n{told}"
        key = f"AWS4{SECRET}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(key.hex(), found["signature"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, amazon: Amazon) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.amazon = amazon


@contextlib.contextmanager
def running(user: str, password: str) -> Iterator[Amazon]:
    """Run the API on loopback; it gives this user and password."""
    amazon = Amazon(user, password)
    with _Server(amazon) as server:
        amazon.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield amazon
        finally:
            server.shutdown()
            thread.join()
