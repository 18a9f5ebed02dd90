"""BigQuery's REST API as its reference has it, with what a test says to each query.

https://cloud.google.com/bigquery/docs/reference/rest. What the reference does not allow is refused
as the service does; a token is only given for an assertion that the key of the account signed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from google.auth import jwt

from gateway.sources.sql.bigquery import settings
from tests.vendors.bigquery.state import LOCATION, PROJECT, TOKEN, Api, Job

_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")


class _Refused(Exception):
    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/token":
            self._token(raw)
            return
        self._answer(json.loads(raw or b"{}"))

    def _answer(self, body: dict[str, Any]) -> None:
        api = self.server.api
        while api.is_frozen.is_set():
            time.sleep(0.05)
        parts = urlsplit(self.path)
        asked = {name: found[0] for name, found in parse_qs(parts.query).items()}
        try:
            self._let_in()
            self._send(200, self._routed(parts.path, asked, body))
        except _Refused as error:
            told = {"reason": error.reason, "message": str(error), "domain": "global"}
            self._send(
                error.status,
                {"error": {"code": error.status, "message": str(error), "errors": [told]}},
            )
        except ConnectionResetError:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _let_in(self) -> None:
        if self.server.api.is_dead:
            raise ConnectionResetError
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Refused(401, "authError", "Invalid Credentials")

    def _send(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _token(self, raw: bytes) -> None:
        api = self.server.api
        given = {name: found[0] for name, found in parse_qs(raw.decode()).items()}
        public = api.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            said = jwt.decode(given["assertion"], certs=public, audience=settings.TOKEN_URIS[0])
        except ValueError:
            wrong = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            self._send(400, wrong)
            return
        assert "https://www.googleapis.com/auth/bigquery" in said["scope"]
        self._send(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})

    def _routed(self, path: str, asked: dict[str, str], body: dict[str, Any]) -> object:
        start = f"/bigquery/v2/projects/{PROJECT}/"
        if not path.startswith(start):
            raise _Refused(404, "notFound", "Not found: Project")
        found: Callable[[], object]
        match path.removeprefix(start).split("/"):
            case ["jobs"]:
                found = functools.partial(self._insert, body)
            case ["jobs", number, *rest]:
                found = functools.partial(self._told, number, asked, is_cancel=rest == ["cancel"])
            case ["queries", number]:
                found = functools.partial(self._rows, number, asked)
            case ["datasets"]:
                found = self._datasets
            case ["datasets", dataset, "tables"]:
                found = functools.partial(self._tables, dataset)
            case ["datasets", dataset, "tables", table]:
                found = functools.partial(self._table, dataset, table, body)
            case _:
                raise _Refused(404, "notFound", f"no such path: {path}")
        return found()

    def _told(self, number: str, asked: dict[str, str], *, is_cancel: bool) -> object:
        job = self._job(number, asked)
        if not is_cancel:
            return self._resource(number)
        job.canceled.set()
        return {"job": self._resource(number)}

    def _insert(self, body: dict[str, Any]) -> object:
        api, given = self.server.api, body["configuration"]
        query = given["query"]
        api.configurations.append(given)
        if body["jobReference"]["projectId"] != PROJECT:
            raise _Refused(400, "invalid", "the project of the job is another")
        if query.get("useLegacySql") is not False:
            raise _Refused(400, "invalidQuery", "legacy SQL")
        for label in (*given.get("labels", {}), *given.get("labels", {}).values()):
            if _LABEL.fullmatch(label) is None:
                raise _Refused(400, "invalid", f"Label {label} is not allowed")
        scripted = api.queries.get(query["query"])
        if scripted is None:
            raise _Refused(400, "invalidQuery", 'Syntax error: Expected "SELECT" at [1:1]')
        is_planned = given.get("dryRun", False)
        if scripted.refused is not None and scripted.is_refused_when_planned:
            raise _Refused(*scripted.refused)
        number = f"job{len(api.jobs)}" if is_planned else body["jobReference"]["jobId"]
        api.jobs[number] = Job(scripted)
        return self._resource(number, is_planned=is_planned)

    def _job(self, number: str, asked: dict[str, str]) -> Job:
        if asked.get("location") != LOCATION:
            raise _Refused(404, "notFound", f"Not found: Job {number}")
        return self.server.api.jobs[number]

    def _resource(self, number: str, *, is_planned: bool = False) -> dict[str, Any]:
        job = self.server.api.jobs[number]
        scripted = job.scripted
        status: dict[str, Any] = {"state": "DONE"}
        if scripted.runs and not job.canceled.is_set() and not is_planned:
            status = {"state": "RUNNING"}
        elif job.canceled.is_set():
            told = {"reason": "stopped", "message": "Job execution was cancelled: User requested"}
            status |= {"errorResult": told, "errors": [told]}
        elif scripted.refused is not None and not is_planned:
            told = {"reason": scripted.refused[1], "message": scripted.refused[2]}
            status |= {"errorResult": told, "errors": [told]}
        return {
            "kind": "bigquery#job",
            "id": f"{PROJECT}:{LOCATION}.{number}",
            "jobReference": {"projectId": PROJECT, "jobId": number, "location": LOCATION},
            "configuration": {
                "jobType": "QUERY",
                "dryRun": is_planned,
                "query": {
                    "destinationTable": {
                        "projectId": PROJECT,
                        "datasetId": "_anonymous",
                        "tableId": number,
                    }
                },
            },
            "statistics": {
                "totalBytesProcessed": str(scripted.scanned),
                "query": {
                    "statementType": scripted.statement,
                    "totalBytesProcessed": str(scripted.scanned),
                },
            },
            "status": status,
        }

    def _rows(self, number: str, asked: dict[str, str]) -> object:
        job, api = self._job(number, asked), self.server.api
        scripted = job.scripted
        reference = {"projectId": PROJECT, "jobId": number, "location": LOCATION}
        state = self._resource(number)["status"]
        if state["state"] == "RUNNING":
            job.canceled.wait(min(float(asked.get("timeoutMs", 200)) / 1000, 0.2))
            return {"jobReference": reference, "jobComplete": False}
        if "errorResult" in state:
            told = state["errorResult"]
            raise _Refused(400, told["reason"], told["message"])
        start = int(asked.get("pageToken") or 0)
        size = int(asked.get("maxResults") or 10_000)
        if scripted.dies_after is not None and start >= scripted.dies_after * size:
            api.is_dead = True
            raise ConnectionResetError
        end = min(scripted.count, start + size)
        rows = [
            {"f": [{"v": value} for value in scripted.rows(place)]} for place in range(start, end)
        ]
        found: dict[str, Any] = {
            "jobReference": reference,
            "jobComplete": True,
            "totalRows": str(scripted.count),
            "schema": {"fields": [_field(*one) for one in scripted.schema]},
            "rows": rows,
        }
        return found | ({"pageToken": str(end)} if end < scripted.count else {})

    def _datasets(self) -> object:
        references = [
            {"datasetReference": {"projectId": PROJECT, "datasetId": name}}
            for name in self.server.api.datasets
        ]
        return {"datasets": references}

    def _tables(self, dataset: str) -> object:
        references = [
            {
                "tableReference": {"projectId": PROJECT, "datasetId": dataset, "tableId": name},
                "type": "TABLE",
            }
            for name in self.server.api.datasets[dataset]
        ]
        return {"tables": references}

    def _table(self, dataset: str, name: str, body: dict[str, Any]) -> object:
        if name.endswith(":testIamPermissions"):
            held = [one for one in body["permissions"] if one in self.server.api.permissions]
            return {"permissions": held} if held else {}
        fields = [_field(*one) for one in self.server.api.datasets[dataset][name]]
        reference = {"projectId": PROJECT, "datasetId": dataset, "tableId": name}
        return {"tableReference": reference, "schema": {"fields": fields}}


def _field(name: str, kind: str, mode: str) -> dict[str, Any]:
    """Describe a column; `STRUCT a INTEGER` has one field."""
    head, *inner = kind.split()
    if inner:
        fields = [_field(inner[0], inner[1], "NULLABLE")]
        return {"name": name, "type": "RECORD", "mode": mode, "fields": fields}
    return {"name": name, "type": head, "mode": mode}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: Api) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


@contextlib.contextmanager
def running() -> Iterator[Api]:
    """Run the API on loopback."""
    api = Api()
    with _Server(api) as server:
        api.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield api
        finally:
            api.is_frozen.clear()
            server.shutdown()
            thread.join()
