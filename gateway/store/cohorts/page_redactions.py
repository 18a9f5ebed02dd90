"""Scrubs: erasures of people that kept pages may still name, and how far each has come."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts.page import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

# A page names its cohort and its number; this is before the first.
Place = tuple[int, int]
START: Place = (0, 0)
# No page of a cohort is beyond this.
LAST: Final = 2**63 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Due:
    """Erasures, by their order, that have come equally far; locked by the holder of this."""

    orders: Sequence[int]
    after: Place


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """A kept page that is to be looked at; its roster is packed.

    `erased` are the people erased after its session began: by digest (SHA-256), each with
    the order of the newest of the erasures.
    """

    cohort_id: int
    number: int
    session: int
    action: Action
    roster: bytes
    erased: Mapping[bytes, int]


def put(conn: Connection, order: int) -> None:
    """Note that the pages kept by now may name the person of an erasure."""
    conn.execute(_PUT, {"order": order})


def claim(conn: Connection, *, limit: int) -> Due | None:
    """Claim those that are furthest, at most `limit`; None if there are none or all are claimed.

    Those that have not begun wait for them, and then go through the pages together.
    """
    rows = conn.execute(_CLAIM, {"limit": limit}).all()
    if not rows:
        return None
    after = (rows[0].after_cohort, rows[0].after_number)
    return Due(orders=[row.erased_order for row in rows], after=after)


def advance(conn: Connection, orders: Sequence[int], *, after: Place) -> None:
    """Remember how far some have come."""
    cohort, number = after
    conn.execute(_ADVANCE, {"orders": list(orders), "cohort": cohort, "number": number})


def finish(conn: Connection, orders: Sequence[int]) -> None:
    """Forget some that are through."""
    conn.execute(_FINISH, {"orders": list(orders)})


def cohorts(conn: Connection, orders: Sequence[int], *, since: int, limit: int) -> list[int]:
    """List the cohorts that some erasures are about, from `since` on."""
    parameters = {"orders": list(orders), "since": since, "limit": limit}
    return list(conn.execute(_COHORTS, parameters).scalars())


def pages(
    conn: Connection,
    orders: Sequence[int],
    cohort_ids: Sequence[int],
    *,
    after: Place,
    limit: int,
    limit_bytes: int,
) -> tuple[list[Page], bool]:
    """List kept pages of sessions that began before one of some erasures, by cohort and number.

    Only those of some cohorts, which are all that the erasures are about up to the last of them.
    At most `limit`, and none after their packed rosters reach `limit_bytes`; tells too whether
    there may be more.
    """
    cohort, number = after
    parameters = {
        "orders": list(orders),
        "cohort_ids": list(cohort_ids),
        "cohort": cohort,
        "number": number,
        "limit": limit,
        "bytes": limit_bytes,
    }
    rows = conn.execute(_PAGES, parameters).all()
    batch = [
        Page(
            cohort_id=row.cohort_id,
            number=row.number,
            session=row.session,
            action=Action(row.action),
            roster=bytes(row.roster),
            erased=dict(zip(map(bytes, row.digests), row.orders, strict=True)),
        )
        for row in rows
        if row.roster is not None
    ]
    return batch, len(batch) < len(rows) or len(rows) == limit


def rewrite(conn: Connection, changed: Sequence[Page]) -> None:
    """Replace the rosters of some kept pages; one that has expired meanwhile stays away."""
    rows = [
        {"cohort_id": page.cohort_id, "number": page.number, "roster": page.roster}
        for page in changed
    ]
    conn.execute(_REWRITE, rows)


_PUT = text("INSERT INTO scrubs (erased_order) VALUES (:order)")

_CLAIM = text("""
    SELECT erased_order, after_cohort, after_number FROM scrubs
    WHERE (after_cohort, after_number) = (
        SELECT after_cohort, after_number FROM scrubs
        ORDER BY after_cohort DESC, after_number DESC LIMIT 1)
    ORDER BY erased_order LIMIT :limit
    FOR UPDATE SKIP LOCKED
""")

_ADVANCE = text("""
    UPDATE scrubs SET after_cohort = :cohort, after_number = :number
    WHERE erased_order = ANY(:orders)
""")

_FINISH = text("DELETE FROM scrubs WHERE erased_order = ANY(:orders)")

_COHORTS = text("""
    SELECT c.id FROM cohorts c
    WHERE c.id >= :since AND EXISTS (
        SELECT FROM erasures
        WHERE erased_order = ANY(:orders)
          AND (source_id IS NULL OR source_id = c.source_id)
          AND (project_id IS NULL OR project_id = c.project_id))
    ORDER BY c.id LIMIT :limit
""")

# Whatever is not known to be of a later session is looked at: sessions are not remembered for ever.
_PAGES = text("""
    SELECT cohort_id, number, session, action,
           CASE WHEN bytes_before < :bytes THEN roster END AS roster, digests, orders
    FROM (SELECT p.*, sum(octet_length(p.roster)) OVER (ORDER BY p.cohort_id, p.number)
                 - octet_length(p.roster) AS bytes_before
          FROM (SELECT d.cohort_id, d.number, d.session, d.action, d.roster, e.digests, e.orders
                FROM deliveries d
                JOIN cohorts c ON c.id = d.cohort_id
                LEFT JOIN sessions s ON s.cohort_id = d.cohort_id AND s.number = d.session
                CROSS JOIN LATERAL (
                    SELECT array_agg(member_digest ORDER BY erased_order) AS digests,
                           array_agg(erased_order ORDER BY erased_order) AS orders
                    FROM erasures
                    WHERE erased_order = ANY(:orders)
                      AND erased_order > coalesce(s.started_order, 0)
                      AND (source_id IS NULL OR source_id = c.source_id)
                      AND (project_id IS NULL OR project_id = c.project_id)) e
                WHERE d.cohort_id = ANY(:cohort_ids)
                  AND (d.cohort_id, d.number) > (:cohort, :number) AND e.digests IS NOT NULL
                ORDER BY d.cohort_id, d.number LIMIT :limit) p) sized
    ORDER BY cohort_id, number
""")

_REWRITE = text("""
    UPDATE deliveries SET roster = :roster WHERE cohort_id = :cohort_id AND number = :number
""")
