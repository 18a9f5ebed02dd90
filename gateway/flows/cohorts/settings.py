"""What calls make and set of cohorts, in the transaction of a caller that knows their source."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import page as pages
from gateway.flows.cohorts import lookup
from gateway.store.cohorts import cohort_settings, cohorts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.guard import Guard
    from gateway.store.cohorts.cohort_settings import Locked

# Of cohorts that calls make; Mixpanel's have the project that they were sent from.
NO_PROJECT: Final = ""
RETRY_COHORTS_SECONDS: Final = 600


class Same(enum.Enum):
    """The value of a change that changes nothing: None is a value of its own."""

    SAME = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A cohort to be made; without an external id it gets one that nothing else has."""

    name: str
    external_id: str | None
    description: str | None
    guard: Guard | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a cohort."""

    name: str | Same = Same.SAME
    description: str | Same | None = Same.SAME
    guard: Guard | Same | None = Same.SAME
    notify: Sequence[str] | Same | None = Same.SAME


def create(
    conn: Connection, source_id: int, made: Made, *, max_cohorts: int, now: datetime.datetime
) -> int:
    """Make an empty cohort and return its id; the caller has the source, which stays.

    Raises errors.Exists for an external id that the source has, of a deleted cohort too, and
    errors.RateLimited if it has as many cohorts as it may.
    """
    external_id = made.external_id or str(uuid.uuid4())
    key = pages.cohort_key(NO_PROJECT, external_id)
    if cohorts.find(conn, source_id, key) is not None:
        raise _existing(conn, source_id, key)
    if cohorts.count(conn, source_id, most=max_cohorts) >= max_cohorts:
        message = (
            f"this source has {max_cohorts} cohorts already; delete some that are not needed, or"
            " raise GATEWAY_MAX_COHORTS"
        )
        raise errors.RateLimited(message, retry_after_seconds=RETRY_COHORTS_SECONDS)
    cohort_id = cohorts.create(
        conn,
        source_id,
        project_id=NO_PROJECT,
        external_id=external_id,
        name=made.name,
        description=made.description,
        guard=made.guard,
        now=now,
    )
    if cohort_id is None:  # another process has made it since
        raise _existing(conn, source_id, key)
    return cohort_id


def set_notify(conn: Connection, cohort_id: int, channels: Sequence[str] | None) -> None:
    """Set where notices of a cohort go, which the caller has made."""
    if channels is not None:
        cohort_settings.set_notify(conn, cohort_id, channels)


def lock(conn: Connection, cohort_id: int) -> Locked:
    """Lock the settings of a cohort. Raises errors.NotFound, also for a deleted one."""
    found = cohort_settings.lock(conn, cohort_id)
    if found is None:
        raise errors.NotFound(lookup.NO_COHORT)
    return found


def change(
    conn: Connection, cohort_id: int, found: Locked, changes: Changes, *, now: datetime.datetime
) -> None:
    """Change a cohort that the caller has locked."""
    name = found.name if isinstance(changes.name, Same) else changes.name
    description = changes.description
    if isinstance(description, Same):
        description = found.description
    if (name, description) != (found.name, found.description):
        cohorts.rename(conn, cohort_id, name=name, description=description, now=now)
    if not isinstance(changes.guard, Same):
        cohort_settings.set_guard(conn, cohort_id, changes.guard, now=now)
    if not isinstance(changes.notify, Same):
        cohort_settings.set_notify(conn, cohort_id, changes.notify)


def _existing(conn: Connection, source_id: int, key: bytes) -> errors.Exists:
    known = cohorts.find(conn, source_id, key)
    assert known is not None, "cohorts are never removed"  # noqa: S101
    state = ", which was deleted; restore it" if known.deleted else ""
    return errors.Exists(
        f"the source has a cohort with this external_id{state}",
        id=str(known.id),
        deleted=known.deleted,
    )
