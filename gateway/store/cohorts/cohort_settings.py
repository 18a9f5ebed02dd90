"""What calls set of a cohort: its texts and its guard; of Mixpanel's, pages bring the texts."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.guard import Guard


@dataclasses.dataclass(frozen=True, kw_only=True)
class Locked:
    """A cohort that no other call changes or deletes until the transaction ends."""

    kind: str
    name: str
    description: str | None


def lock(conn: Connection, cohort_id: int) -> Locked | None:
    """Lock a cohort; None if there is none, or it is deleted."""
    row = conn.execute(_LOCK, {"id": cohort_id}).one_or_none()
    return None if row is None else Locked(**row._mapping)


def set_guard(
    conn: Connection, cohort_id: int, guard: Guard | None, *, now: datetime.datetime
) -> None:
    """Set the guard of a cohort that the caller has locked; None is off."""
    kept = None if guard is None else json.dumps(dataclasses.asdict(guard))
    conn.execute(_SET_GUARD, {"id": cohort_id, "guard": kept, "now": now})


def set_notify(conn: Connection, cohort_id: int, channels: Sequence[str] | None) -> None:
    """Set where notices of a cohort go that the caller has locked; None is where its source says.

    Nothing that readers are served changes by that.
    """
    named = None if channels is None else list(channels)
    conn.execute(_SET_NOTIFY, {"id": cohort_id, "notify": named})


# A foreign key of a new page's cohort is not held up.
_LOCK = text("""
    SELECT s.kind, c.name, c.description
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.id = :id AND c.deleted_at IS NULL
    FOR NO KEY UPDATE OF c
""")

_SET_NOTIFY = text("UPDATE cohorts SET notify = CAST(:notify AS text[]) WHERE id = :id")

_SET_GUARD = text("""
    UPDATE cohorts SET guard = CAST(:guard AS jsonb), updated_at = :now WHERE id = :id
""")
