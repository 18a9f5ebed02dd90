"""Tables of a catalogue, made of a row for each column."""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import TYPE_CHECKING

from gateway.sources.sql.session import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.sources.sql.session import Row


def grouped(rows: Iterable[Row]) -> Sequence[Table]:
    """Make tables of rows (schema, table, column, type) in order.

    A table without columns has one row, without a column.
    """
    tables = []
    for (schema, name), lines in itertools.groupby(rows, itemgetter(0, 1)):
        columns = [Column(name=line[2], type=line[3]) for line in lines if line[2] is not None]
        tables.append(Table(schema=schema, name=name, columns=columns))
    return tables
