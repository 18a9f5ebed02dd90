"""Consent of the members, as a job tells it and as Google wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final = {
    "ad_user_data": "adUserData",
    "adUserData": "adUserData",
    "ad_personalization": "adPersonalization",
    "adPersonalization": "adPersonalization",
}
_VALUES: Final = {"granted": "CONSENT_GRANTED", "true": "CONSENT_GRANTED"} | {
    "denied": "CONSENT_DENIED",
    "false": "CONSENT_DENIED",
}


def written(consent: Mapping[str, object] | None) -> dict[str, object]:
    """Write the consent of all members of a request; nothing where a job tells nothing."""
    told = {
        _NAMES[name]: _VALUES[plain]
        for name, value in (consent or {}).items()
        if name in _NAMES and (plain := str(value).lower().removeprefix("consent_")) in _VALUES
    }
    return {"consent": told} if told else {}
