"""What was written of members, read back, and the slow way to write them."""

import json
from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st

from gateway.core.cohorts import member_rows
from gateway.sources import member_writer

IDENTITIES = st.sampled_from(
    [member_writer.IDENTITY, ("email",), ("$email",), ("plan",), ("none",)]
)


def rows(
    *members: object, identity: tuple[str, ...] = member_writer.IDENTITY, clean: bool = False
) -> list[dict[str, object]]:
    """Write members and read their lines back, with JSON for properties."""
    return read_all(member_writer.write_rows(members, identity=identity, clean=clean))


def read_all(written: member_writer.Written) -> list[dict[str, object]]:
    """Read lines as COPY does, and check that there are as many as is said, each of another id."""
    *lines, end = written.text.split("\n")
    found = [read(line) for line in lines]
    assert (end, len({row["member_id"] for row in found})) == ("", written.usable)
    return found


def read(line: str) -> dict[str, object]:
    """Read a line as COPY does."""
    values = [None if part == "\\N" else member_rows.unescape(part) for part in line.split("\t")]
    row: dict[str, object] = dict(zip(member_rows.COLUMNS, values, strict=True))
    if row["properties"] is not None:
        row["properties"] = json.loads(str(row["properties"]))
    return row


def one_by_one(
    members: Sequence[object], identity: tuple[str, ...]
) -> tuple[list[dict[str, object]], dict[str, int]]:
    """Write members as if each were a page by itself, where nothing can be done in one go."""
    found: dict[object, dict[str, object]] = {}
    counted: Counter[str] = Counter()
    for member in members:
        written = member_writer.write_rows([member], identity=identity, clean=False)
        found |= {row["member_id"]: row for row in read_all(written)}
        counted.update(written.skipped)
    return list(found.values()), dict(counted)
