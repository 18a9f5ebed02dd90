"""Forms of cohorts that a query gives: the SQL, the columns of its result, and when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.flows.sources import databases
from gateway.sources.sql import definition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.handlers.console.forms import Form

COLUMNS: Final = ("member_id", *definition.PROFILE)
CRON: Final = "cron"


def sent(form: Form) -> dict[str, Any]:
    """Read a definition as JSON would bring it; what is empty is left out."""
    named = {name: form.get(name, "").strip() for name in COLUMNS}
    found: dict[str, Any] = {"query": form.get("query", "")}
    found |= {name: column for name, column in named.items() if column}
    lines = form.get("properties", "").split("\n")
    properties = [line.strip() for line in lines if line.strip()]
    if properties:
        is_all = properties == [definition.EVERY]
        found["properties"] = definition.EVERY if is_all else properties
    return found


def typed(given: Mapping[str, Any] | None) -> Form:
    """Write a definition as the form shows it."""
    known = given or {}
    shown: Form = {name: known.get(name) or "" for name in ("query", *COLUMNS)}
    properties = known.get("properties") or []
    shown["properties"] = "\n".join([properties] if isinstance(properties, str) else properties)
    return shown


def asked(form: Form) -> databases.Asked:
    """Read what is to be previewed."""
    member_id = form.get("member_id", "").strip()
    return databases.Asked(query=form.get("query", ""), member_id=member_id or None)


def schedule(form: Form) -> dict[str, str] | None:
    """Read a schedule as JSON would bring it; None for a cohort that is read when asked to."""
    chosen = form.get("schedule", "")
    if chosen == CRON:
        names = (CRON, "time_zone")
        return {name: form.get(name, "").strip() for name in names}
    return {"every": chosen} if chosen else None


def typed_schedule(given: Mapping[str, Any] | None) -> Form:
    """Write a schedule as the form shows it."""
    known = given or {}
    chosen = CRON if CRON in known else known.get("every", "")
    return {
        "schedule": chosen,
        CRON: known.get(CRON, ""),
        "time_zone": known.get("time_zone", "UTC"),
    }
