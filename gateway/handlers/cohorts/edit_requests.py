"""What requests may put into lists and take out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from marshmallow import fields

from gateway import errors
from gateway.errors import Fault
from gateway.handlers.http import forms, schemas
from gateway.handlers.http.fields import Json
from gateway.sources import json_body
from gateway.sources.lists import entries

if TYPE_CHECKING:
    from typing import Any

    from gateway.core.cohorts.edit import Edit

MAX_ENTRIES: Final = 10_000
MAX_EDIT_BYTES: Final = 16 * 1024 * 1024

_PROFILE: Final = schemas.says(
    "Every property that is not one of the fields above.", {"plan": "pro"}
)


class ProfileForm(schemas.Shown):
    """The profile of a member; what is left out is empty."""

    distinct_id = fields.String(allow_none=True)
    email = fields.String(allow_none=True, metadata=schemas.like("ada@example.com"))
    first_name = fields.String(allow_none=True, metadata=schemas.like("Ada"))
    last_name = fields.String(allow_none=True, metadata=schemas.like("Lovelace"))
    phone = fields.String(allow_none=True)
    properties = fields.Dict(
        keys=fields.String(), values=Json(allow_none=True), allow_none=True, metadata=_PROFILE
    )


class EditForm(schemas.Shown):
    """Members to put in, and ids to take out."""

    add = fields.List(
        fields.Raw(
            metadata={
                "type": ["string", "integer", "object"],
                "description": "An id, which leaves the profile of a member as it is, or a Member,"
                " which replaces the whole profile.",
            }
        ),
        metadata=schemas.like(["u-1842", {"member_id": "u-77", "email": "ada@example.com"}]),
    )
    remove = fields.List(
        fields.Raw(metadata={"type": ["string", "integer"]}), metadata=schemas.like(["u-3"])
    )


def edit(raw: bytes) -> Edit:
    """Read an edit of many. Raises errors.Malformed, or errors.Invalid naming all that is wrong."""
    sent = _object(raw)
    lists = {name: sent.pop(name, []) for name in ("add", "remove")}
    faults = [Fault(forms.shown(name), forms.UNKNOWN["unknown"]) for name in sent]
    faults += [
        Fault(name, "must be a list") for name, one in lists.items() if type(one) is not list
    ]
    _require(faults)
    count = sum(map(len, lists.values()))
    if count > MAX_ENTRIES:
        message = f"{count} entries in add and remove together; send at most {MAX_ENTRIES}"
        raise errors.Invalid([Fault("add", message)])
    found, faults = entries.read(lists["add"], lists["remove"])
    _require(faults)
    return found


def member(raw: bytes, member_id: str) -> Edit:
    """Read the profile of one. Raises as `edit` does."""
    sent = _object(raw)
    faults = [*_id_faults(member_id), *entries.member_faults(sent, "")]
    if sent.get("member_id", member_id) != member_id:
        faults.append(Fault("member_id", "is another one than in the path; leave it out"))
    _require(faults)
    return entries.read([{**sent, "member_id": member_id}], [])[0]


def removal(member_id: str) -> Edit:
    """Read the removal of one. Raises errors.Invalid."""
    _require(_id_faults(member_id))
    return entries.read([], [member_id])[0]


def _id_faults(member_id: str) -> list[Fault]:
    fault = entries.id_fault(member_id)
    return [] if fault is None else [fault]


def _object(raw: bytes) -> dict[str, Any]:
    parsed = json_body.parse(raw)
    if parsed.problem is not None:
        raise parsed.problem
    if not isinstance(parsed.value, dict):
        raise errors.Malformed("the body: must be a JSON object")
    return parsed.value


def _require(faults: list[Fault]) -> None:
    if faults:
        raise errors.Invalid(faults[: forms.MAX_FAULTS])
