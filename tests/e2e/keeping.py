"""What the tests of the embedded servers share: a database to remember in, and who still runs."""

import time
from pathlib import Path

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parent.parent.parent
# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 60.0


def ask(url: str, *statements: str) -> object:
    """Run the statements, each committed by itself, and return the last one's first value."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.execute(sa.text(statement)) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def remember(url: str) -> None:
    ask(url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('here')")


def recall(url: str) -> object:
    return ask(url, "SELECT string_agg(word, ' ') FROM kept")


def is_running(pid: int) -> bool:
    """Whether the process does anything still; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until_gone(*pids: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.02)
