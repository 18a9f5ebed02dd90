"""Members as a loader hands them over, normalised by what pages of the webhook go through too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.sources import member_writer
from tests.model.desk import people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.model.sender import Member


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """A page of rows that were read; `gateway.core.cohorts.load.Members` says what they are."""

    roster: bytes
    usable: int
    received: int
    skipped: Mapping[str, int]


def of(members: Sequence[Member]) -> Rows:
    """Normalise members."""
    rows = [{"distinct_id": member_id, "email": email} for member_id, email in members]
    written = member_writer.write_rows(rows, identity=member_writer.IDENTITY, clean=False)
    return Rows(
        roster=written.text.encode(),
        usable=written.usable,
        received=len(members),
        skipped=written.skipped,
    )


def of_letters(letters: str) -> Rows:
    """Normalise one member for each letter, as `Desk.send` does."""
    return of(people(letters))
