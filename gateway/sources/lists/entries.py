"""Members and ids as a call sends them, turned into what an edit puts in and takes out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from gateway.core import texts
from gateway.core.cohorts import member_ids, member_rows
from gateway.core.cohorts.edit import Edit, Half
from gateway.core.cohorts.member_ids import Skip
from gateway.errors import Fault
from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The fields of Member that are texts, in the order of `member_rows.COLUMNS`.
TEXTS: Final = ("distinct_id", "email", "first_name", "last_name", "phone")
_FIELDS: Final = frozenset({"member_id", *TEXTS, "properties", "entered_at"})
_TEXT_TYPES: Final = (str, int)  # not bool, which is an int to isinstance
_NOTHING_ELSE: Final = f"\t{member_rows.NULL}" * (len(member_rows.COLUMNS) - 1)
_MAX_NAME_CHARACTERS: Final = 100


def read(add: Sequence[object], remove: Sequence[object]) -> tuple[Edit, list[Fault]]:
    """Read an edit, and all that is wrong with it.

    An entry of `add` is an id or a Member, one of `remove` an id; those without a usable id are
    skipped, and of several with one id the last one is taken.
    """
    added, skipped, faults = dict[str, str](), Counter[str](), list[Fault]()
    for place, entry in enumerate(add):
        path = f"add.{place}"
        found = _id(entry.get("member_id") if type(entry) is dict else entry)
        if type(entry) is dict:
            faults += member_faults(entry, f"{path}.")
        if isinstance(found, Skip):
            skipped[found.value] += 1
        elif not faults:
            added[found] = _line(found, entry)
    removed = [_id(entry) for entry in remove]
    ids = dict.fromkeys(one for one in removed if not isinstance(one, Skip))
    both = [place for place, one in enumerate(removed) if one in added]
    faults += [Fault(f"remove.{place}", "is in add, too; name it in one of them") for place in both]
    refused = Counter(one.value for one in removed if isinstance(one, Skip))
    taken = "".join(f"{member_rows.escape(one)}{_NOTHING_ELSE}\n" for one in ids)
    return Edit(
        add=Half(roster="".join(added.values()).encode(), usable=len(added), skipped=skipped),
        remove=Half(roster=taken.encode(), usable=len(ids), skipped=refused),
    ), faults


def member_faults(member: Mapping[str, object], path: str) -> Iterator[Fault]:
    """Tell what is wrong with the fields of a Member; the id is judged by itself."""
    for name, value in member.items():
        place = path + texts.cut(name, _MAX_NAME_CHARACTERS)
        if name not in _FIELDS:
            yield Fault(place, "there is no such field; put it into properties")
        elif name in TEXTS and not (value is None or type(value) in _TEXT_TYPES):
            yield Fault(place, "must be text, an integer, or null")
        elif name == "properties" and not (value is None or type(value) is dict):
            yield Fault(place, "must be an object, or null")


def id_fault(member_id: str) -> Fault | None:
    """Tell why no member can have an id; None if one can."""
    why = member_ids.why_unusable(member_id)
    return None if why is None else Fault("member_id", _WHY[why])


def _id(value: object) -> str | Skip:
    if value is None:
        return Skip.MISSING_ID
    if type(value) not in _TEXT_TYPES:
        return Skip.WRONG_TYPE
    text = str(value)
    return member_ids.why_unusable(text) or text


def _line(member_id: str, entry: Any) -> str:  # noqa: ANN401 - JSON
    """Write a line; that of an id alone has null for everything else."""
    if type(entry) is not dict:
        return f"{member_rows.escape(member_id)}{_NOTHING_ELSE}\n"
    fields = [_text(entry.get(name)) for name in TEXTS]
    properties = json_body.storable_json(entry.get("properties") or {}, clean=False)
    columns = (member_rows.escape(member_id), *fields, member_rows.escape(properties))
    return "\t".join(columns) + "\n"


def _text(value: object) -> str:
    return member_rows.NULL if value is None else member_rows.escape(texts.storable(str(value)))


_WHY: Final = {
    Skip.BLANK_ID: "is blank, and so no id",
    Skip.BAD_TEXT: "has a NUL or half a surrogate pair, and so is no id",
    Skip.TOO_LONG: f"is longer than {member_ids.MAX_MEMBER_ID_BYTES} bytes, and so no id",
}
