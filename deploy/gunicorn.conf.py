"""How gunicorn serves the gateway; the numbers that may differ are those of gateway/settings.py.

Read by `gunicorn -c deploy/gunicorn.conf.py gateway.wsgi:app`, started in the project's folder.
"""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway import counts, errors, heap, logs
from gateway.settings import Settings


def _settings() -> Settings:
    try:
        return Settings.from_environ(os.environ)
    except errors.BadSettings as problem:
        sys.exit(str(problem))


def _host() -> str:
    # A container is reached from outside; elsewhere the setting has another default.
    return settings.bind_host if os.environ.get("GATEWAY_BIND", "").strip() else "0.0.0.0"  # noqa: S104


def on_starting(server: Any) -> None:  # noqa: ANN401 - gunicorn is untyped
    """Refuse other counts than the settings have: pools, /metrics and `check` go by those."""
    for option, name, expected in (
        ("workers", "GATEWAY_WEB_PROCESSES", settings.web_processes),
        ("threads", "GATEWAY_WEB_THREADS", settings.web_threads),
    ):
        if (given := getattr(server.cfg, option)) != expected:
            sys.exit(f"gunicorn was told --{option}={given}; set {name}={given} instead.")
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_COUNTS) and not folder.exists():
        counts.clear(folder.parent, _COUNTS)
        in_use.append(counts.claim(folder))


def on_exit(_server: Any) -> None:  # noqa: ANN401 - gunicorn is untyped
    """Remove the folder of counts if it was made here."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_COUNTS):
        shutil.rmtree(folder, ignore_errors=True)


settings = _settings()

# Where the processes of this server count together for /metrics. They hold it open, so that the
# next server to start knows which folders are of killed ones. A folder with a name of its own has
# to be emptied before each start.
in_use: list[Any] = []
_COUNTS = "gateway-metrics-"
if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    folder_name = f"{_COUNTS}{secrets.token_hex(8)}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(Path(tempfile.gettempdir(), folder_name))

bind = f"{_host()}:{settings.port}"
backlog = 2048

worker_class = "gateway.webserver.Door"
workers = settings.web_processes
threads = settings.web_threads
# Per process. A slow client costs one of these and no thread. Keep it well below `ulimit -n`.
worker_connections = 1000

# Each process opens connections of its own; a preloaded application would share them. They do share
# the code, which opens nothing: less memory, and one that died is replaced at once.
preload_app = False
with heap.for_good():
    importlib.import_module("gateway.wsgi")

# Idle kept connections. Longer than common proxies keep theirs (nginx 60 s), so that it is the
# proxy that closes, never we while a request is on its way.
keepalive = 75
# For requests that have begun when the worker is told to stop; above the 10 s a request may take
# to come in. Whatever stops gunicorn must wait longer than this before it kills.
graceful_timeout = 15
# A main loop that has not come round for this long is restarted. It never waits for clients or
# for the application; a single request's time is bounded elsewhere.
timeout = 30

# Where gunicorn refuses (as a 400 of ours). 8190 is the longest line it can be set to: a member id
# of 1,024 bytes is up to 3,072 percent-encoded ones.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
http_protocols = "h1"
http_parser = "python"

# What proxies say of the way here decides nothing, and no header moves the application to another
# path. gunicorn would refuse headers that contradict each other, with a code that pauses a sync.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# The application logs requests; gunicorn's access log would print member ids with the paths.
accesslog = None
errorlog = "-"
logconfig_dict = logs.plan(level=settings.log_level, style=settings.log_format)

# Nothing of gunicorn's outside our folders: no control socket in $HOME, and the heartbeat files
# (unlinked as soon as they are open) in memory, where a busy disk cannot hold up a heartbeat.
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - see above
