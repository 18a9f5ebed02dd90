"""Identifiers that several rows have, of one job or of jobs to the same audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.db import plans
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope, State


def any_stays(conn: Connection, scope: Scope) -> bool:
    """Tell whether a row stays that could have an identifier of one that leaves."""
    return bool(_ANY_STAYS.rows(conn, {**scope.bound, "siblings": list(scope.siblings)}))


def shared(
    conn: Connection,
    scope: Scope,
    state: State,
    names: Sequence[str],
    *,
    between: tuple[tuple[str, int], tuple[str, int]],
) -> set[tuple[str, int]]:
    """Find rows of a state with identifiers of these names that a row which stays has as well.

    All that stays is read; for the rest of its transaction joins are made of whole tables.
    """
    plans.join_whole(conn)
    (after, after_part), (last, last_part) = between
    parameters = {
        **scope.bound,
        "siblings": list(scope.siblings),
        "state": int(state),
        "names": list(names),
        "after": after,
        "after_part": after_part,
        "last": last,
        "last_part": last_part,
    }
    return {(row.member_id, row.part) for row in _SHARED.rows(conn, parameters)}


_ANY_STAYS = Statement("""
    SELECT l.cohort_id FROM sync_ledger l
    WHERE l.cohort_id = :cohort_id AND l.state IN (1, 2)
      AND (l.job_id = :job_id OR l.job_id = ANY(:siblings))
    LIMIT 1
""")


_SHARED = Statement("""
    WITH identified AS (
        SELECT l.job_id, l.member_id, l.part, l.state,
               (SELECT jsonb_agg(CAST(l.sent AS jsonb) -> n.name ORDER BY n.place)
                FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n (name, place)) AS key
        FROM sync_ledger l
        WHERE l.cohort_id = :cohort_id AND l.state <> 3
          AND (l.job_id = :job_id OR l.job_id = ANY(:siblings))
          AND jsonb_exists_all(CAST(l.sent AS jsonb), CAST(:names AS text[])))
    SELECT DISTINCT g.member_id, g.part
    FROM identified g JOIN identified s ON s.key = g.key
    WHERE g.job_id = :job_id AND g.state = :state AND s.state IN (1, 2)
      AND (g.member_id, g.part) > (:after, :after_part)
      AND (g.member_id, g.part) <= (:last, :last_part)
""")
