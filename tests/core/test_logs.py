"""What is written when something goes wrong, and what never is."""

from __future__ import annotations

import datetime
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy
import structlog
from sqlalchemy import text

from gateway import errors, logs
from gateway.settings import LogFormat, LogLevel
from gateway.store.db.engine import Pool

ROOT = Path(__file__).resolve().parent.parent.parent
CANARY = "zqxcanary"

CRASHES = """
import threading
from gateway import logs
from gateway.settings import LogFormat, LogLevel

logs.configure(level=LogLevel.INFO, style=LogFormat.JSON)
logs.catch_crashes()
for target in (lambda: int("zqxcanary"), lambda: exit("zqxcanary")):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
int("zqxcanary")
"""


class Stderr(io.StringIO):
    """Takes what is written and remembers each piece; or breaks."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._error = error

    def write(self, piece: str) -> int:
        """Take a piece."""
        if self._error is not None:
            raise self._error
        self.pieces.append(piece)
        return len(piece)


@pytest.fixture
def _as_before() -> Iterator[None]:
    """Let go of what other tests have bound, and put back how this process logs."""
    structlog.contextvars.clear_contextvars()
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def logger(
    monkeypatch: pytest.MonkeyPatch, stderr: object, style: LogFormat = LogFormat.JSON
) -> structlog.typing.FilteringBoundLogger:
    """Log to this from now on."""
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure(level=LogLevel.INFO, style=style)
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def described(crash: Callable[[], object]) -> str:
    """Describe what a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any will do
        crash()
    return logs.describe((caught.type, caught.value, caught.tb))


def written(record: logging.LogRecord, style: LogFormat = LogFormat.JSON) -> str:
    return logs.formatter(style).format(record)


def test_describe__foreign_error__tells_type_and_place_only() -> None:
    told = described(lambda: int(CANARY))
    assert told.endswith("\nValueError")
    assert "  tests/core/test_logs.py:" in told
    assert CANARY not in told


def test_describe__our_own_error__tells_what_it_came_from() -> None:
    def crash() -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise errors.InternalError("a sentence of ours") from error

    told = described(crash)
    assert told.index("ValueError") < told.index("which led to") < told.index("InternalError")
    assert told.endswith("InternalError: a sentence of ours")
    assert CANARY not in told


def test_describe__error_while_handling_another__tells_both_unless_asked_not_to() -> None:
    def crash(*, quietly: bool) -> None:
        try:
            int(CANARY)
        except ValueError:
            if quietly:
                raise KeyError(CANARY) from None
            raise KeyError(CANARY)  # noqa: B904 - that is the case

    assert "ValueError" in described(lambda: crash(quietly=False))
    assert "ValueError" not in described(lambda: crash(quietly=True))


def test_describe__recursion_without_end__is_cut() -> None:
    def fall() -> object:
        return fall()

    assert len(described(fall).splitlines()) < 40


def test_describe__error_of_the_database__tells_its_sqlstate_and_no_parameters(pool: Pool) -> None:
    def crash() -> None:
        with pool.engine.begin() as conn:
            conn.execute(text("SELECT CAST(:value AS integer)"), {"value": CANARY})

    told = described(crash)
    assert "InvalidTextRepresentation (SQLSTATE 22P02)" in told
    assert CANARY not in told


def test_pool__error_that_somebody_prints__has_no_parameters(pool: Pool) -> None:
    with (
        pytest.raises(sqlalchemy.exc.DBAPIError) as caught,
        pool.engine.begin() as conn,
    ):
        conn.execute(text("SELECT 1 / 0, :value"), {"value": CANARY})
    assert isinstance(caught.value.orig, psycopg2.Error)
    assert CANARY not in str(caught.value)


def test_formatter__foreign_event__is_json_with_its_logger() -> None:
    record = logging.LogRecord("rq.worker", logging.WARNING, "x", 1, "gone: %s", ("why",), None)
    line = json.loads(written(record))
    assert (line["event"], line["level"], line["logger"]) == ("gone: why", "warning", "rq.worker")
    assert line["timestamp"].endswith("Z")


def test_formatter__at_a_terminal__is_no_json() -> None:
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "page.accepted", (), None)
    line = written(record, LogFormat.CONSOLE)
    assert "page.accepted" in line
    assert not line.startswith("{")


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("level", ["info", "warning"])
def test_event__at_a_terminal__fits_80_columns_and_tells_everything(
    monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    stderr = Stderr()
    log = logger(monkeypatch, stderr, LogFormat.CONSOLE)
    fields = {f"field_{number}": "v" * number for number in range(1, 20)}
    getattr(log, level)("page.accepted", **fields)
    (piece,) = stderr.pieces
    lines = re.sub(r"\x1b\[[0-9;]*m", "", piece).splitlines()
    assert re.match(rf"\d\d:\d\d:\d\d\.\d{{3}} \[{level}\] page\.accepted ", lines[0])
    assert max(map(len, lines)) <= 80
    assert all(f"{name}={value}" in " ".join(lines) for name, value in fields.items())


@pytest.mark.usefixtures("_as_before")
def test_event__of_each_level__is_one_piece_with_the_same_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = Stderr()
    log = logger(monkeypatch, stderr)
    log.debug("page.asked")
    with structlog.contextvars.bound_contextvars(request_id="r"):
        log.info("page.told", cohort_id=7, reason=None)
        log.warning("page.told", cohort_id=7, reason=None)
        log.error("page.told", cohort_id=7, reason=None)
    assert [piece[-1] for piece in stderr.pieces] == ["\n"] * 3
    lines = [json.loads(piece) for piece in stderr.pieces]
    assert [line.pop("level") for line in lines] == ["info", "warning", "error"]
    for line in lines:
        assert datetime.datetime.fromisoformat(line.pop("timestamp")).tzinfo is datetime.UTC
        assert line == {"cohort_id": 7, "reason": None, "event": "page.told", "request_id": "r"}
    assert len({piece.partition("level")[0] for piece in stderr.pieces}) == 1


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("level", ["info", "warning"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("Ü\u2028", "Ü\u2028"),
        ("\ud800", "\ud800"),
        (2**70, 2**70),
        (datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
        ({1}, "{1}"),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_event__with_an_odd_value__is_ascii_and_tells_it(
    monkeypatch: pytest.MonkeyPatch, level: str, value: object, told: object
) -> None:
    stderr = Stderr()
    getattr(logger(monkeypatch, stderr), level)("page.told", value=value)
    (piece,) = stderr.pieces
    assert piece.isascii()
    assert json.loads(piece)["value"] == told


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.CONSOLE])
@pytest.mark.parametrize("level", ["info", "error"])
def test_event__with_an_exception__has_nobodys_data(
    monkeypatch: pytest.MonkeyPatch, style: LogFormat, level: str
) -> None:
    stderr = Stderr()
    log = logger(monkeypatch, stderr, style)
    try:
        int(CANARY)
    except ValueError as error:
        getattr(log, level)("page.failed", exc_info=error)
    (piece,) = stderr.pieces
    assert "ValueError" in piece
    assert CANARY not in piece


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("level", ["info", "error"])
@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "full")])
def test_event__that_cannot_be_written__fails_nothing(
    monkeypatch: pytest.MonkeyPatch, level: str, error: Exception
) -> None:
    getattr(logger(monkeypatch, Stderr(error)), level)("page.told")


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("closed", [True, False])
def test_routine_event__without_a_stderr__fails_nothing(
    monkeypatch: pytest.MonkeyPatch, *, closed: bool
) -> None:
    stderr = io.StringIO()
    log = logger(monkeypatch, stderr)
    stderr.close()
    if not closed:
        monkeypatch.setattr(sys, "stderr", None)
    log.info("page.told")


def test_plan__of_noisy_libraries__keeps_them_quiet() -> None:
    plan = logs.plan(level=LogLevel.DEBUG, style=LogFormat.JSON)
    assert {plan["loggers"][name]["level"] for name in ("alembic", "rq", "werkzeug")} == {"WARNING"}
    assert plan["root"]["level"] == "DEBUG"


def test_crashes__of_thread_and_process__are_logged_without_their_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["thread.crashed", "process.crashed"]
    assert all(line["exception"].endswith("ValueError") for line in lines)
    assert CANARY not in done.stderr
    assert done.returncode == 1
