"""The inbox: pages as they were accepted, until they are applied and as long as they are kept."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import zstandard
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts.page import Action
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line

COMPRESSION_LEVEL = 1
MAX_ROSTER_BYTES = 1 << 30
# Of packed rosters, so much at a time is read from Postgres, or one.
BATCH_BYTES = 4 << 20

_COMPRESSORS = threading.local()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A delivery without its roster, of which only the unpacked size is known, `roster_bytes`.

    One that stands for a sealed load names it, and has an empty roster itself.
    """

    number: int
    session: int
    action: Action
    page: int
    total_pages: int
    members: int
    roster_bytes: int
    received_at: datetime.datetime
    request_id: str | None
    load: int | None
    is_edit: bool


def pack(roster: bytes) -> bytes:
    compressor = getattr(_COMPRESSORS, "compressor", None)
    if compressor is None:
        compressor = _COMPRESSORS.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    return compressor.compress(roster)


def unpack(packed: bytes) -> bytes:
    """Undo `pack`. Raises errors.Poison if what was kept is damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_ROSTER_BYTES)
    except zstandard.ZstdError as error:
        message = "the stored page is damaged and cannot be unpacked"
        raise errors.Poison(message, sqlstate="XX001") from error


def run_from(line: Line, cohort_id: int) -> int:
    """Return the first delivery of the newest unbroken run of one session and action."""
    (first,) = _RUN_FROM.column(line, {"cohort_id": cohort_id})
    return int(first)


def pending_pages(conn: Connection) -> int:
    """Count the pages that wait, over all cohorts, from two small tables."""
    return int(conn.execute(_PENDING).scalar_one())


def waiting_cohorts(conn: Connection) -> dict[int, int]:
    """List the cohorts that have something to apply, each with how far it has come.

    The number says nothing by itself; while it stays the same, nothing was applied that waits.
    """
    return {row.cohort_id: row.through for row in conn.execute(_WAITING)}


def is_waiting(line: Line, cohort_id: int) -> bool:
    """Tell whether a cohort has something to apply."""
    return _IS_WAITING.column(line, {"cohort_id": cohort_id}) == [True]


def need_not_wait(line: Line, cohort_id: int) -> bool:
    """Tell whether the head is a diff, its refresh is all in for the first time, or was passed."""
    return _NEED_NOT_WAIT.column(line, {"cohort_id": cohort_id}) == [True]


def head(line: Line, cohort_id: int, *, after: int, limit: int) -> list[Entry]:
    """Read the next deliveries of a cohort in the order of receipt."""
    parameters = {"cohort_id": cohort_id, "after": after, "limit": limit}
    return [_entry(row) for row in _HEAD.rows(line, parameters)]


def entry(line: Line, cohort_id: int, number: int) -> Entry | None:
    rows = head(line, cohort_id, after=number - 1, limit=1)
    return rows[0] if rows and rows[0].number == number else None


def forget(conn: Connection, cohort_id: int, number: int) -> None:
    """Delete a delivery that is not to be applied as it stands."""
    conn.execute(_FORGET, {"cohort_id": cohort_id, "number": number})


def run_end(conn: Connection, cohort_id: int, first: Entry, *, total_pages: int) -> int:
    """Number of the last delivery of the unbroken run of one session and action from `first`.

    A page that asks for more than `total_pages` ends the run before it.
    """
    parameters = {
        "cohort_id": cohort_id,
        "number": first.number,
        "session": first.session,
        "action": first.action,
        "total_pages": total_pages,
    }
    return int(conn.execute(_RUN_END, parameters).scalar_one())


def newest_pages(
    conn: Connection, cohort_id: int, *, session: int, through: int
) -> list[tuple[int, int]]:
    """List (page, delivery number) of the newest content of each page of a refresh.

    In the order of receipt; only deliveries up to `through`.
    """
    parameters = {
        "cohort_id": cohort_id,
        "session": session,
        "through": through,
    }
    return [(row.page, row.number) for row in conn.execute(_NEWEST_PAGES, parameters)]


def later_in_session(
    conn: Connection, cohort_id: int, session: int, *, after: int, through: int
) -> list[int]:
    """List the applied deliveries in (after, through] of a session, whatever their action."""
    parameters = {"cohort_id": cohort_id, "session": session, "after": after, "through": through}
    return list(conn.execute(_LATER_IN_SESSION, parameters).scalars())


def rosters(
    line: Line,
    cohort_id: int,
    numbers: Sequence[int],
    *,
    batch: int = 20,
    batch_bytes: int = BATCH_BYTES,
) -> Iterator[tuple[int, bytes]]:
    """Yield (delivery number, packed roster) in the given order.

    In memory are `batch` of them at a time, and fewer if they have more than `batch_bytes`.
    """
    done = 0
    while done < len(numbers):
        some = list(numbers[done : done + batch])
        parameters = {"cohort_id": cohort_id, "numbers": some, "bytes": batch_bytes}
        found = {row.number: row.roster for row in _ROSTERS.rows(line, parameters)}
        for number in some:
            packed = found.pop(number, b"")
            if packed is None:  # the next batch begins with it
                break
            done += 1
            if packed:
                yield number, bytes(packed)


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row
    fields = row._asdict()
    size = _unpacked_bytes(bytes(fields.pop("frame")))
    return Entry(**{**fields, "action": Action(row.action), "roster_bytes": size})


def _unpacked_bytes(frame: bytes) -> int:
    """Read from the start of a packed roster how large it is; 0 of what is damaged."""
    try:
        return max(0, zstandard.frame_content_size(frame))
    except zstandard.ZstdError:
        return 0


_RUN_FROM = Statement("SELECT run_from FROM intake_state WHERE cohort_id = :cohort_id")

_PENDING = text("""
    SELECT new.pages + again.pages
    FROM (SELECT CAST(coalesce(sum(i.last_delivery - a.applied_through), 0) AS bigint) AS pages
          FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
          WHERE i.last_delivery > a.applied_through) new
    CROSS JOIN (SELECT count(*) AS pages FROM blocked_deliveries
                WHERE retry_requested_at IS NOT NULL) again
""")

_WAITING = text("""
    SELECT cohort_id, min(through) AS through
    FROM (SELECT i.cohort_id, a.applied_through AS through
          FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
          WHERE i.last_delivery > a.applied_through
          UNION ALL
          SELECT cohort_id, -number AS through
          FROM blocked_deliveries WHERE retry_requested_at IS NOT NULL) waiting
    GROUP BY cohort_id
""")

_IS_WAITING = Statement("""
    SELECT EXISTS (
        SELECT 1 FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
        WHERE i.cohort_id = :cohort_id AND i.last_delivery > a.applied_through)
    OR EXISTS (
        SELECT 1 FROM blocked_deliveries
        WHERE cohort_id = :cohort_id AND retry_requested_at IS NOT NULL)
""")

_NEED_NOT_WAIT = Statement("""
    SELECT EXISTS (
        SELECT 1 FROM intake_state i
        JOIN apply_state a ON a.cohort_id = i.cohort_id
        JOIN deliveries d ON d.cohort_id = a.cohort_id AND d.number = a.applied_through + 1
        JOIN syncs y
            ON y.cohort_id = d.cohort_id AND y.session = d.session AND y.action = d.action
        WHERE i.cohort_id = :cohort_id
          AND (i.run_from > d.number OR d.action <> 'members'
               OR a.floor <> d.session AND y.more_pages + (
                      SELECT coalesce(sum(upper(p) - lower(p)), 0) FROM unnest(y.pages) p)
                  >= y.total_pages))
    OR EXISTS (
        SELECT 1 FROM blocked_deliveries
        WHERE cohort_id = :cohort_id AND retry_requested_at IS NOT NULL)
""")

_LATER_IN_SESSION = text("""
    SELECT d.number FROM deliveries d
    WHERE d.cohort_id = :cohort_id AND d.session = :session
      AND d.number > :after AND d.number <= :through
      AND NOT EXISTS (SELECT 1 FROM blocked_deliveries b
                      WHERE b.cohort_id = d.cohort_id AND b.number = d.number)
    ORDER BY d.number
""")

# A frame's header has at most 18 bytes: RFC 8878, section 3.1.1.
_HEAD = Statement("""
    SELECT number, session, action, page, total_pages, members, received_at, request_id, load,
           digest = CAST('edit' AS bytea) AS is_edit, substring(roster FOR 18) AS frame
    FROM deliveries WHERE cohort_id = :cohort_id AND number > :after
    ORDER BY number LIMIT :limit
""")

_FORGET = text("DELETE FROM deliveries WHERE cohort_id = :cohort_id AND number = :number")

_RUN_END = text("""
    SELECT coalesce(
        (SELECT min(number) - 1 FROM deliveries
         WHERE cohort_id = :cohort_id AND number > :number
           AND (session <> :session OR action <> :action OR total_pages > :total_pages)),
        (SELECT max(number) FROM deliveries WHERE cohort_id = :cohort_id))
""")

_NEWEST_PAGES = text("""
    SELECT page, max(number) AS number FROM deliveries
    WHERE cohort_id = :cohort_id AND session = :session AND action = 'members'
      AND number <= :through
    GROUP BY page ORDER BY max(number)
""")

# The sizes of what is stored out of line are known without reading it. Each is probed for, as in
# `delta`.
_ROSTERS = Statement("""
    SELECT number, CASE WHEN bytes_before < :bytes THEN roster END AS roster
    FROM (SELECT d.number, d.roster,
                 sum(octet_length(d.roster)) OVER (ORDER BY asked.place) - octet_length(d.roster)
                     AS bytes_before
          FROM unnest(CAST(:numbers AS bigint[])) WITH ORDINALITY AS asked (number, place)
          CROSS JOIN LATERAL (
              SELECT number, roster FROM deliveries
              WHERE cohort_id = :cohort_id AND number = asked.number LIMIT 1) d) found
""")
