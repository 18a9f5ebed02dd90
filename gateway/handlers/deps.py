"""What handlers are given: settings, pools, the doorbell and the clock."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from gateway.flows.access import KeyRing
    from gateway.flows.export import Exporter
    from gateway.flows.intake import Intake
    from gateway.flows.readers import Readers
    from gateway.flows.ready import Readiness
    from gateway.flows.watch import Watch
    from gateway.jobs import Doorbell
    from gateway.settings import Settings
    from gateway.store.engine import Pool
    from gateway.tracing import Tracer

EXTENSION = "gateway"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deps:
    """One per application; `accepting` and `reading` are pools of their own on purpose.

    Both are of the primary. `readers` may have a replica, for whatever only asks about cohorts.
    """

    settings: Settings
    accepting: Pool
    reading: Pool
    readers: Readers
    doorbell: Doorbell
    intake: Intake
    readiness: Readiness
    watch: Watch
    keys: KeyRing
    exporter: Exporter
    tracer: Tracer
    now: Callable[[], datetime.datetime]


def current() -> Deps:
    """Return the application's dependencies."""
    return cast("Deps", current_app.extensions[EXTENSION])
