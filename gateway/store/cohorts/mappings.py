"""Mappings: what the columns of a file were in a cohort when such a file was last applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


def get(conn: Connection, cohort_id: int, columns: Sequence[str]) -> Mapping[str, str] | None:
    """Read the mapping of a file with these columns, None if none was applied."""
    parameters = {"cohort_id": cohort_id, "columns": json.dumps(list(columns))}
    found: Mapping[str, str] | None = conn.execute(_GET, parameters).scalar_one_or_none()
    return found


def remember(line: Line, cohort_id: int, load: int, *, now: datetime.datetime) -> None:
    """Remember the mapping of a load that is applied.

    Not that of a single column without a name: the first id of the next file would be taken for it.
    """
    _REMEMBER.run(line, {"cohort_id": cohort_id, "load": load, "now": now})


_GET = text("""
    SELECT mapping FROM load_mappings
    WHERE cohort_id = :cohort_id
      AND columns = sha256(convert_to(CAST(CAST(:columns AS jsonb) AS text), 'UTF8'))
""")

_REMEMBER = Statement("""
    INSERT INTO load_mappings (cohort_id, columns, mapping, applied_at)
    SELECT cohort_id, sha256(convert_to(CAST(file -> 'columns' AS text), 'UTF8')),
           file -> 'mapping', :now
    FROM loads
    WHERE cohort_id = :cohort_id AND number = :load AND file ? 'mapping'
      AND file -> 'columns' <> '["1"]'
    ON CONFLICT (cohort_id, columns) DO UPDATE
    SET mapping = excluded.mapping, applied_at = excluded.applied_at
""")
