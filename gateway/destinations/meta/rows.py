"""Members as rows of a customer file: columns in Meta's order, hashed where Meta wants hashes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.destinations.meta import normalise
from gateway.destinations.normalise import hashing, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.destinations.adapter import Row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A key of Meta's schema; a strong one finds a person by itself."""

    name: str
    key: str
    title: str
    is_hashed: bool = True
    is_strong: bool = False

    @property
    def description(self) -> str:
        """Say how it is sent."""
        hashed = "SHA-256 of the normalised value" if self.is_hashed else "as it is"
        return f"{self.key}: {hashed}{'' if self.is_strong else '; too weak to match by itself'}"


COLUMNS: Final = (
    Column(name="external_id", key="EXTERN_ID", title="Id", is_hashed=False, is_strong=True),
    Column(name="email", key="EMAIL", title="E-mail", is_strong=True),
    Column(name="phone", key="PHONE", title="Phone", is_strong=True),
    Column(name="gender", key="GEN", title="Gender"),
    Column(name="birth_year", key="DOBY", title="Year of birth"),
    Column(name="birth_month", key="DOBM", title="Month of birth"),
    Column(name="birth_day", key="DOBD", title="Day of birth"),
    Column(name="last_name", key="LN", title="Last name"),
    Column(name="first_name", key="FN", title="First name"),
    Column(name="first_initial", key="FI", title="First initial"),
    Column(name="city", key="CT", title="City"),
    Column(name="state", key="ST", title="State"),
    Column(name="zip", key="ZIP", title="Postal code"),
    Column(name="country", key="COUNTRY", title="Country, two letters"),
    Column(
        name="madid", key="MADID", title="Mobile advertiser id", is_hashed=False, is_strong=True
    ),
)

_BIRTH: Final = ("birth_year", "birth_month", "birth_day")


def prepare(
    raw: Mapping[str, object], *, region: str | None, hashed: frozenset[str]
) -> dict[str, object]:
    """Normalise and hash what a member has. What cannot be normalised is left out."""
    known = {name: plain.text(value) for name, value in raw.items()}
    given = known.pop("birth_date", "")
    if given:
        known = dict.fromkeys(_BIRTH, given) | known
    country = normalise.country(known.get("country", ""))
    sent: dict[str, object] = {}
    for column in COLUMNS:
        text = known.get(column.name, "")
        if column.is_hashed and column.name in hashed:
            written = hashing.given_sha256(text)
        else:
            normal = _normal(column.key, text, country, region) if text else ""
            written = hashing.sha256(normal) if column.is_hashed else normal
        if written:
            sent[column.name] = written
    return sent


def _normal(key: str, text: str, country: str, region: str | None) -> str:
    match key:
        case "PHONE":
            return normalise.phone(text, region)
        case "ST":
            return normalise.state(text, country)
        case "ZIP":
            return normalise.postal_code(text, country)
        case _:
            return normalise.PLAIN[key](text)


def payload(rows: Sequence[Row]) -> dict[str, object]:
    """Write rows under one schema: the columns that any of them has; without a value empty."""
    used = [column for column in COLUMNS if any(column.name in row.sent for row in rows)]
    return {
        "schema": [column.key for column in used],
        "data": [[row.sent.get(column.name, "") for column in used] for row in rows],
    }
