"""Whether the gateway can work: Postgres answers, is migrated, and has had a source."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from gateway import errors
from gateway.store.db import citus, schema_version
from gateway.store.sources import sources

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

# How long a good answer is believed; a bad one is never.
BELIEVED_SECONDS = 2.0


class Readiness:
    """Remembers for a moment that the gateway can work."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._outdated = schema_version.outdated()
        self._believed_until = 0.0
        self._is_spread: bool | None = None
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raise errors.Unavailable unless Postgres answers, is migrated, and has had a source.

        A database without any is new or the wrong one: a page that names a source which is not
        there yet must not be refused for good.
        """
        if time.monotonic() < self._believed_until:
            return
        with self._pool.read() as conn:
            self._require_schema(conn)
            if not sources.were_any(conn):
                raise errors.Unavailable(_NO_SOURCE)
        with self._lock:
            self._believed_until = time.monotonic() + BELIEVED_SECONDS

    def require_nodes(self) -> None:
        """Raise errors.Unavailable if none of the servers that Citus spreads the data over answers.

        With one of them the pages of its cohorts are accepted. One that neither answers nor
        refuses holds up the answers of all, and then nothing is known.
        """
        if self._is_spread is None:
            with self._pool.read() as conn:
                self._is_spread = citus.is_installed(conn)
        if self._is_spread and self._are_nodes_known_to_be_down():
            raise errors.Unavailable("none of the database's nodes answers")

    def _are_nodes_known_to_be_down(self) -> bool:
        try:
            with self._pool.read() as conn:
                return not citus.any_answers(conn)
        except errors.GatewayError:
            return False

    def require_schema(self) -> None:
        """Raise errors.Unavailable unless Postgres answers and no migration is pending.

        The schema may be that of a newer version.
        """
        with self._pool.read() as conn:
            self._require_schema(conn)

    def _require_schema(self, conn: Connection) -> None:
        if schema_version.current(conn) in self._outdated:
            message = "database migrations are pending; run `python -m gateway migrate`"
            raise errors.Unavailable(message)


_NO_SOURCE = (
    "no source has been set up in this database; see that DATABASE_URL is right, and run"
    " `python -m gateway bootstrap` or `python -m gateway source add`"
)
