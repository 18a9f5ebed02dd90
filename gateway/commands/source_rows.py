"""Sources as `source list` shows them, without anything secret."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import addresses
from gateway.commands import place
from gateway.core.cohorts import kinds
from gateway.core.sources.webhook_config import WebhookConfig

if TYPE_CHECKING:
    from gateway.flows.sources import admin

HEAD: Final = ("SLUG", "STATE", "KIND", "IDENTITY", "PROJECTS", "COHORTS", "CREDENTIALS")


def row(one: admin.Listed) -> tuple[str, ...]:
    return (
        one.slug,
        "paused" if one.paused_at else "active",
        one.kind,
        one.config.get("identity_property") or "-",
        _projects(one),
        str(one.cohorts),
        _credentials(one),
    )


def as_json(one: admin.Listed) -> dict[str, object]:
    """Describe a source; only Mixpanel's have a webhook and what belongs to it."""
    fields = dataclasses.asdict(one)
    del fields["id"]
    pairs = zip(fields.pop("usernames"), fields.pop("credentials_end_at"), strict=True)
    fields |= {
        "paused": one.paused_at is not None,
        "created_at": place.moment(one.created_at),
        "paused_at": place.moment(one.paused_at),
    }
    if one.kind != kinds.MIXPANEL:
        return fields
    return {
        **fields,
        "import": one.config.get("import"),
        **dataclasses.asdict(WebhookConfig.of(fields.pop("config"))),
        "webhook_path": f"{addresses.WEBHOOKS}{one.slug}",
        "credentials": [
            {"username": name, "valid_until": place.moment(end)} for name, end in pairs
        ],
    }


def _projects(one: admin.Listed) -> str:
    if one.kind != kinds.MIXPANEL:
        return "-"
    return ",".join(one.config.get("project_ids", ())) or "any"


def _credentials(one: admin.Listed) -> str:
    if one.kind != kinds.MIXPANEL:
        return "-"
    if not WebhookConfig.of(one.config).auth_required:
        return "not needed"
    pairs = zip(one.usernames, one.credentials_end_at, strict=True)
    said = [f"{name} until {end:%Y-%m-%d %H:%M} UTC" if end else name for name, end in pairs]
    return ", ".join(said) or "none: every page is answered 401"
