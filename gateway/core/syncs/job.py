"""What a sync job is set to do."""

from __future__ import annotations

import enum


class Mode(enum.StrEnum):
    """Whether a destination loses the members that the cohort loses."""

    MIRROR = "mirror"
    ADD_ONLY = "add_only"
