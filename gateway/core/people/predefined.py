"""Events that are known before the first one comes, with the properties that they usually have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRODUCT: Final[Mapping[str, str]] = {
    "productId": "string",
    "brand": "string",
    "category": "string",
    "price": "number",
}

# Name of the event → name of a property → its JSON type.
EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "signup": {"method": "string"},
    "click": {"target": "string"},
    "view": _PRODUCT,
    "cart": {**_PRODUCT, "quantity": "number"},
    "purchase": {**_PRODUCT, "quantity": "number", "currency": "string"},
}
