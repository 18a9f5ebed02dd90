"""A real nginx on loopback that serves deploy/nginx/, with TLS, ports and folders of the test's."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.local.embedded import server
from tests.deploy.requesting import PATIENCE_SECONDS, Answer, send
from tests.stack import ROOT, until

SNIPPETS = ROOT / "deploy" / "nginx"
NAME = "gateway.example.com"

_MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/upstream.conf;
    include {folder}/cohort-gateway.conf;
}}
"""


@dataclass(frozen=True, kw_only=True)
class Front:
    """A running nginx."""

    port: int
    folder: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request over TLS, whose certificate is checked."""
        trusted = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        client = _Client("127.0.0.1", self.port, timeout=PATIENCE_SECONDS, context=trusted)
        return send(client, method, path, body, {"Host": NAME, **(headers or {})})

    def logged(self) -> list[str]:
        """Return the lines of its access log."""
        return (self.folder / "access.log").read_text().splitlines()


class _Client(http.client.HTTPSConnection):
    """Reaches a port of this machine under the name that its certificate has."""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(self.sock, server_hostname=NAME)


def program() -> str:
    """Return Debian's nginx."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "there is no nginx: run bin/ci-packages"
    return found


def write(folder: Path, *, upstream: str, port: int) -> Path:
    """Write a whole configuration around the snippets; the file that includes them."""
    _certificate(folder)
    snippet = (SNIPPETS / "cohort-gateway.conf").read_text()
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("listen [::]:443 ssl;", ""),
        ("/etc/nginx/tls/fullchain.pem", f"{folder}/fullchain.pem"),
        ("/etc/nginx/tls/privkey.pem", f"{folder}/privkey.pem"),
        ("/var/log/nginx/access.log", f"{folder}/access.log"),
    ):
        assert snippet.count(old) == 1, old
        snippet = snippet.replace(old, new)
    (folder / "cohort-gateway.conf").write_text(snippet)
    (folder / "upstream.conf").write_text(upstream)
    main = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(_MAIN.format(folder=folder, user=user))
    return main


def judged(nginx: str, main: Path) -> tuple[int, str]:
    """Return what `nginx -t` makes of a configuration."""
    command = [nginx, "-t", "-e", "stderr", "-c", str(main)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@contextlib.contextmanager
def running(folder: Path, upstream_port: int) -> Iterator[Front]:
    """Serve during the block, in front of a port of this machine."""
    port = server.free_port()
    text = (SNIPPETS / "upstream.conf").read_text()
    assert text.count("127.0.0.1:8000") == 1
    upstream = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream_port}")
    main = write(folder, upstream=upstream, port=port)
    process = subprocess.Popen([program(), "-e", folder / "error.log", "-c", main])
    front = Front(port=port, folder=folder)
    try:
        until(lambda: _answers(front))
        yield front
    finally:
        process.terminate()
        process.wait(10)


def _answers(front: Front) -> bool:
    try:
        return front.ask("GET", "/metrics").status == 404
    except OSError:
        return False


def _certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"),
        ],
        capture_output=True,
        check=True,
    )
