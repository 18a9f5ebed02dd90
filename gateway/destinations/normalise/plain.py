"""Plain values of members as text, before they are normalised."""

from __future__ import annotations


def text(value: object) -> str:
    """Write a text or a number; anything else is no identifier, and empty."""
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, str | int | float) else ""
