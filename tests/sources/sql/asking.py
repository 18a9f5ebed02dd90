"""Sessions with PostgreSQL, the real one, for tests: what is asked, and what is answered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gateway import errors
from gateway.sources.sql import queries, reading
from gateway.sources.sql.postgresql import settings
from gateway.sources.sql.reading import Preview
from gateway.sources.sql.session import Session, Target
from tests.customer import PASSWORD

VENDOR = settings.VENDOR


@contextlib.contextmanager
def opened(target: Target) -> Iterator[Session]:
    """Open a session, and close it."""
    with contextlib.closing(reading.open_session(VENDOR, target)) as session:
        yield session


def rows(session: Session, text: str) -> list[Sequence[Any]]:
    """Read the whole result of a query, some rows at a time."""
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=2)
    return [row for batch in result.batches() for row in batch]


def previewed(session: Session, text: str, member_id: str | None = None) -> Preview:
    """Preview a query."""
    query = queries.require(text, VENDOR.dialect)
    return reading.preview(session, query, member_id=member_id, limit_seconds=20)


def failure(of: Callable[[], object]) -> errors.ReadFailed:
    """Return what was raised; the password is not in it."""
    with pytest.raises(errors.ReadFailed) as failed:
        of()
    assert PASSWORD not in str(failed.value)
    return failed.value
