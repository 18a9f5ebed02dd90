"""How tests ask BigQuery: sessions, rows, and failures that show no secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gateway import errors
from gateway.sources.sql import queries, reading
from gateway.sources.sql.session import Session, Target
from tests.vendors.bigquery.state import TOKEN, VENDOR


@contextlib.contextmanager
def opened(target: Target) -> Iterator[Session]:
    with contextlib.closing(reading.open_session(VENDOR, target)) as session:
        yield session


def rows(session: Session, text: str, *, per_batch: int = 2) -> list[Sequence[Any]]:
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=per_batch)
    return [row for batch in result.batches() for row in batch]


def failure(of: Callable[[], object]) -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        of()
    assert "PRIVATE KEY" not in str(failed.value)
    assert TOKEN not in str(failed.value)
    return failed.value
