"""Members as Google's audience members: one type of data, hashed where Google wants hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.destinations.google import normalise
from gateway.destinations.normalise import hashing, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.destinations.adapter import Sent

ADDRESS: Final = ("first_name", "last_name", "country", "zip")
CONTACT: Final = ("email", "phone", *ADDRESS)

_RULES: Final[Mapping[str, Callable[[str], str]]] = {
    "email": normalise.email,
    "first_name": normalise.given_name,
    "last_name": normalise.family_name,
    "country": normalise.region_code,
    "zip": normalise.postal_code,
    "mobile_id": normalise.mobile_id,
    "user_id": str.strip,
}
_HASHED: Final = frozenset({"email", "phone", "first_name", "last_name"})


def key_type(identifiers: Sequence[str]) -> str:
    """Tell what a list of these identifiers has: Google keeps types of data apart."""
    if any(name in CONTACT for name in identifiers):
        return "CONTACT_ID"
    return "MOBILE_ID" if "mobile_id" in identifiers else "USER_ID"


def names(identifiers: Sequence[str]) -> Sequence[str]:
    """Return the identifiers of the one type of data that is sent."""
    kind = key_type(identifiers)
    if kind == "CONTACT_ID":
        return [name for name in CONTACT if name in identifiers]
    return ["mobile_id"] if kind == "MOBILE_ID" else ["user_id"]


def prepare(
    raw: Mapping[str, object], *, region: str | None, hashed: frozenset[str]
) -> dict[str, object]:
    """Normalise and hash what a member has. An address counts whole or not at all."""
    sent: dict[str, object] = {}
    for name, value in raw.items():
        text = plain.text(value)
        if name in hashed and name in _HASHED:
            written = hashing.given_sha256(text)
        else:
            normal = normalise.phone(text, region) if name == "phone" else _RULES[name](text)
            written = hashing.sha256(normal) if name in _HASHED else normal
        if written:
            sent[name] = written
    if not all(name in sent for name in ADDRESS):
        for name in ADDRESS:
            sent.pop(name, None)
    return sent


def written(sent: Sent) -> dict[str, object]:
    """Write a member by what is or was sent of it."""
    if "mobile_id" in sent:
        return {"mobileData": {"mobileIds": [sent["mobile_id"]]}}
    if "user_id" in sent:
        return {"userIdData": {"userId": sent["user_id"]}}
    identifiers: list[object] = []
    if "email" in sent:
        identifiers.append({"emailAddress": sent["email"]})
    if "phone" in sent:
        identifiers.append({"phoneNumber": sent["phone"]})
    if all(name in sent for name in ADDRESS):
        address = {
            "givenName": sent["first_name"],
            "familyName": sent["last_name"],
            "regionCode": sent["country"],
            "postalCode": sent["zip"],
        }
        identifiers.append({"address": address})
    return {"userData": {"userIdentifiers": identifiers}}
