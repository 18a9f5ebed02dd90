"""Managing: what an operator does to a cohort or a stuck delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows import lookup
from gateway.store import apply_state, backlog, cohorts, inbox, lifecycle, locks

if TYPE_CHECKING:
    import datetime

    from gateway.store.backlog import Delivery
    from gateway.store.engine import Pool

# How long to wait for a running apply, and how long the deletion of a large cohort may take.
LOCK_SECONDS: Final = 10.0
DELETE_SECONDS: Final = 300.0
