"""Errors are handed to a function that operators name: the log's line, on a thread of its own."""

from __future__ import annotations

import http.server
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import structlog

from gateway import errors, logs, reporter
from gateway.settings import LogFormat
from tests.e2e import documents

ROOT: Final = Path(__file__).resolve().parent.parent.parent
CANARY: Final = "zqxcanary"

# A process that logs what becomes an error, then ends at once, in one of several ways.
PROGRAM: Final = """
import sys, structlog
from gateway import logs
from gateway.settings import LogFormat, LogLevel

logs.configure(level=LogLevel.INFO, style=LogFormat.JSON, error_hook="report_errors:to_url")
logs.catch_crashes()
structlog.get_logger().warning("page.odd", cohort_id=1)
try:
    int("zqxcanary")
except ValueError as error:
    structlog.get_logger().error("request.failed", cohort_id=7, exc_info=error)
{}["zqxcanary"]
"""

seen: queue.Queue[dict[str, Any]] = queue.Queue()
held = threading.Event()


def note(event: dict[str, Any]) -> None:
    """Be a hook."""
    seen.put(event)


def fail(_event: dict[str, Any]) -> None:
    """Be a hook that breaks."""
    raise RuntimeError(CANARY)


def hang(event: dict[str, Any]) -> None:
    """Be a hook that hangs until it is let go."""
    held.wait(60)
    seen.put(event)


def chatter(event: dict[str, Any]) -> None:
    """Be a hook that logs errors itself."""
    logging.getLogger("hooked").error("of the hook")
    seen.put(event)


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """Lend a logger that hands nothing on to others."""
    logger = logging.getLogger("hooked")
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def hooked(log: logging.Logger, name: str) -> reporter.Reporter:
    """Have a function of this file called with each error."""
    handler = reporter.make(f"{__name__}:{name}")
    handler.setFormatter(logs.formatter(LogFormat.JSON))
    log.addHandler(handler)
    return handler


@pytest.fixture
def sink() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Lend the address of a server that takes errors, and what it took."""
    took: list[dict[str, Any]] = []

    class Taking(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            took.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/errors", took
        server.shutdown()
        thread.join()


def test_documented_hook__in_a_process_that_crashes__reports_all_without_data(
    sink: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, took = sink
    examples = [one.text for one in documents.blocks("docs/tracing.md") if "to_url" in one.text]
    (tmp_path / "report_errors.py").write_text(examples[-1])
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "ERRORS_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in logged] == ["page.odd", "request.failed", "process.crashed"]
    assert took == logged[1:]
    assert took[0]["cohort_id"] == 7
    assert took[0]["exception"].endswith("\nValueError")
    assert CANARY not in json.dumps(took)


def test_hook__of_what_is_no_error__is_not_called(log: logging.Logger) -> None:
    handler = hooked(log, "note")
    log.warning("fine")
    log.error("not fine %s", 1)
    handler.flush()
    assert [one["event"] for one in list(seen.queue)] == ["not fine 1"]
    seen.queue.clear()


def test_hook__that_raises__is_called_again_and_tells_no_text(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = structlog.testing.CapturingLogger()
    own = structlog.wrap_logger(told, processors=[structlog.processors.KeyValueRenderer()])
    monkeypatch.setattr(reporter, "_log", own)  # whatever level another test has set up
    handler = hooked(log, "fail")
    log.error("one")
    log.error("two")
    handler.flush()
    assert [call.args for call in told.calls] == [("error='RuntimeError' event='hook.failed'",)] * 2


def test_hook__that_hangs__holds_nobody_up_and_drops_what_is_too_much(log: logging.Logger) -> None:
    handler = hooked(log, "hang")
    began = time.monotonic()
    for number in range(reporter.MAX_WAITING + 100):
        log.error("%s", number)
    assert time.monotonic() - began < reporter.FLUSH_SECONDS
    held.set()
    handler.flush()
    events = [int(one["event"]) for one in list(seen.queue)]
    assert reporter.MAX_WAITING <= len(events) <= reporter.MAX_WAITING + 1
    assert events == sorted(events)
    seen.queue.clear()


def test_hook__that_logs_an_error__is_not_called_with_its_own(log: logging.Logger) -> None:
    handler = hooked(log, "chatter")
    log.error("ours")
    handler.flush()
    assert [one["event"] for one in list(seen.queue)] == ["ours"]
    seen.queue.clear()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("gateway.logs:no_such_function", "no attribute 'no_such_function'"),
        ("gateway:__version__", "is no function"),
        ("gateway.reporter:make.__doc__", "is no function"),
        ("os:getcwd", "does not take one argument"),
        ("gateway.jobs:key", "cannot be loaded"),
    ],
)
def test_hook__that_cannot_be_called__is_a_bad_setting(name: str, why: str) -> None:
    with pytest.raises(errors.BadSettings, match="GATEWAY_ERROR_HOOK") as raised:
        reporter.make(name)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    "source", ["def report(event)\n", "1 / 0\n", "raise RuntimeError('two\\nlines')\n"]
)
def test_hook__whose_module_breaks_while_imported__is_a_bad_setting_in_one_line(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_hook.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(errors.BadSettings, match="broken_hook:report cannot be loaded") as raised:
        reporter.make("broken_hook:report")
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["builtins:print", "builtins:dict", "time:sleep"])
def test_hook__that_can_be_called_with_one_thing__is_taken(name: str) -> None:
    reporter.make(name).close()
