"""Reading the members of a moment that breaks off: nothing of the connection is used again."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from gateway import errors
from gateway.store.cohorts import histories
from gateway.store.db.engine import Pool
from tests.model.desk import Desk


def test_members__that_are_not_taken__end_the_reading(pool: Pool, desk: Desk) -> None:
    receipt = desk.send("add_members", "s1", "a")
    desk.settle(receipt)

    def refuse(_line: bytes) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), pool.begin() as conn:
        histories.copy_members(conn, receipt.cohort_id, 1, refuse)
    with pool.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


def test_members__that_cannot_be_read__are_unavailable(pool: Pool) -> None:
    def read_elsewhere(conn: Connection) -> None:
        conn.exec_driver_sql("SET LOCAL search_path = nowhere")
        histories.copy_members(conn, 1, 1, lambda _line: None)

    with pytest.raises(errors.Unavailable), pool.begin() as conn:
        read_elsewhere(conn)
    with pool.read() as conn:
        assert histories.kept(conn, 1) is None
