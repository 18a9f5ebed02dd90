"""How a file is to be read, as far as a request says so."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from typing import TYPE_CHECKING, Final

from gateway.core import texts
from gateway.errors import Fault
from gateway.sources.lists import encodings, names
from gateway.sources.lists.names import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Format(enum.StrEnum):
    """The formats of files."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"
    TEXT = "text"


DELIMITERS: Final = (",", ";", "\t", "|")
MAPPED: Final = (Field.EMAIL, Field.FIRST_NAME, Field.LAST_NAME, Field.PHONE)
MAX_NAME_CHARACTERS: Final = 1000
_SHOWN_CHARACTERS: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What the parameters of a load say; None where the file itself shall tell.

    `fields` is field → column, `mapping` is column → field and counts for more than what was
    remembered. Values that `faults` finds nothing wrong with can be used.
    """

    member_id: str | None = None
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mapping: Mapping[str, str] | None = None
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header: bool = True


def faults(options: Options) -> list[Fault]:
    """Tell all that is wrong with the values that a request has."""
    return [*_value_faults(options), *_field_faults(options), *_mapping_faults(options)]


def _value_faults(options: Options) -> Iterator[Fault]:
    if options.format is not None and options.format not in set(Format):
        yield Fault("format", f"send one of {', '.join(Format)}, or leave it out")
    if options.encoding is not None and encodings.codec(options.encoding) is None:
        yield Fault("encoding", f"unknown; send one of {', '.join(encodings.LABELS)}")
    if options.delimiter is not None and options.delimiter not in DELIMITERS:
        yield Fault("delimiter", "send a comma, a semicolon, a tab or a bar")
    for path, name in (("member_id", options.member_id), ("sheet", options.sheet)):
        if name is not None:
            yield from _name_faults(path, name)


def _field_faults(options: Options) -> Iterator[Fault]:
    for field, column in options.fields.items():
        path = f"map.{texts.cut(field, _SHOWN_CHARACTERS)}"
        if field in MAPPED:
            yield from _name_faults(path, column)
        else:
            yield Fault(path, f"send one of {', '.join(f'map.{one}' for one in MAPPED)}")
    columns = Counter(map(names.comparable, options.fields.values()))
    spelled = {names.comparable(column): column for column in options.fields.values()}
    for column, count in columns.items():
        if count > 1:
            shown = texts.cut(spelled[column], _SHOWN_CHARACTERS)
            yield Fault("map", f"the column {shown!r} is named for {count} fields; name it once")
    if options.member_id is not None:
        yield from _id_faults(names.comparable(options.member_id), options.fields)


def _id_faults(member_id: str, fields: Mapping[str, str]) -> Iterator[Fault]:
    """Tell which fields the column of ids is named for and cannot fill.

    A mapping has one field for each column, so the other one has to follow from the column's name.
    """
    filled = names.FILLS.get(member_id, (None,))[0]
    for field, column in fields.items():
        if field in MAPPED and names.comparable(column) == member_id and field != filled:
            yield Fault(
                f"map.{field}",
                f"this column is the member_id; call it {field!s} in the file, so it fills both, or"
                " name another column",
            )


def _mapping_faults(options: Options) -> Iterator[Fault]:
    mapping = options.mapping or {}
    for column, field in mapping.items():
        if field not in set(Field):
            path = f"mapping.{texts.cut(column, _SHOWN_CHARACTERS)}"
            yield Fault(path, f"send one of {', '.join(Field)}")
    ids = sum(field == Field.MEMBER_ID for field in mapping.values())
    if ids > 1:
        yield Fault("mapping", f"{ids} columns are the member_id; choose one")


def _name_faults(path: str, name: str) -> Iterator[Fault]:
    if not name or len(name) > MAX_NAME_CHARACTERS:
        yield Fault(path, f"send a name of 1 to {MAX_NAME_CHARACTERS} characters")
