"""Files that are read to their end, with everything that came of them."""

import dataclasses
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from gateway import errors
from gateway.core.cohorts import batch as merging
from gateway.core.cohorts.load import Members
from gateway.sources.lists import table
from gateway.sources.lists.options import Options
from gateway.sources.lists.reading import Rejected
from gateway.sources.lists.table import Table
from tests.sources.rosters import read

Remembered = Callable[[tuple[str, ...]], Mapping[str, str] | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A file, and its rows over all batches; `accepted` counts a member once a batch."""

    table: Table
    members: dict[str, dict[str, Any]]
    received: int
    accepted: int
    duplicate: int
    reasons: dict[str, int]
    rejected: Sequence[Rejected]
    warnings: dict[str, int]
    sample: Sequence[Mapping[str, Any]]

    @property
    def ids(self) -> list[str]:
        return list(self.members)

    @property
    def member(self) -> dict[str, Any]:
        """The only member there is, as far as it has anything."""
        ((_, member),) = self.members.items()
        return {name: value for name, value in member.items() if value not in (None, {})}


def load(
    raw: bytes | str,
    *,
    remembered: Remembered | None = None,
    rows_per_batch: int = 5000,
    **options: Any,  # noqa: ANN401 - they are the fields of Options
) -> Loaded:
    """Read a file, and check that its receipt adds up."""
    file = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    found = table.open_table(file, Options(**options), remembered=remembered)
    batches = list(found.batches(rows_per_batch=rows_per_batch))
    reasons: Counter[str] = Counter()
    warnings: Counter[str] = Counter(found.warnings)
    for batch in batches:
        as_members: Members = batch
        assert len(merging.merge([as_members.roster])) == batch.usable
        assert batch.received == batch.usable + batch.duplicate + sum(batch.skipped.values())
        assert len(batch.rejected) == sum(batch.skipped.values())
        assert 0 < batch.progress <= 1
        reasons.update(batch.skipped)
        warnings.update(batch.warnings)
    lines = merging.merge(batch.roster for batch in batches)
    assert not batches or batches[-1].progress == 1
    return Loaded(
        table=found,
        members={one: read(line.decode()) for one, line in lines.items()},
        received=sum(batch.received for batch in batches),
        accepted=sum(batch.usable for batch in batches),
        duplicate=sum(batch.duplicate for batch in batches),
        reasons=dict(reasons),
        rejected=[row for batch in batches for row in batch.rejected],
        warnings=dict(warnings),
        sample=[member for batch in batches for member in batch.sample],
    )


def fail(
    raw: bytes | str,
    **options: Any,  # noqa: ANN401 - as above
) -> errors.ReadFailed:
    """Read a file that cannot be read, and return why."""
    with pytest.raises(errors.ReadFailed) as caught:
        load(raw, **options)
    assert caught.value.hint
    return caught.value
