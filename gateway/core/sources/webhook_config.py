"""What a source of kind `mixpanel` is set to: how its webhook reads pages, and which it takes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND: Final = kinds.MIXPANEL


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookConfig:
    """The config of a webhook; no project means any, no property Mixpanel's distinct id."""

    identity_property: str | None = None
    project_ids: tuple[str, ...] = ()
    auth_required: bool = True

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> WebhookConfig:
        """Read what is kept; what is left out is as safe as it can be: a password is required."""
        return cls(
            identity_property=config.get("identity_property"),
            project_ids=tuple(config.get("project_ids", ())),
            auth_required=config.get("auth_required", True),
        )
