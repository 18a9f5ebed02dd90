"""What handlers are given: settings, pools, wake-ups and the clock."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from flask import current_app, request

from gateway.waits import NEVER

if TYPE_CHECKING:
    import datetime
    import threading
    from collections.abc import Callable

    from opentelemetry.trace import Tracer

    from gateway.flows.access.key_ring import KeyRing
    from gateway.flows.behaviour.run import Runner
    from gateway.flows.cohorts.edit import Editor
    from gateway.flows.cohorts.export import Exporter
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.flows.health.monitoring import Collector
    from gateway.flows.health.readiness import Readiness
    from gateway.flows.sources.setup import Setup
    from gateway.flows.sources.webhook import Intake
    from gateway.flows.syncs.setup import Setup as Sending
    from gateway.jobs import WakeUps
    from gateway.settings import Settings
    from gateway.store.db.engine import Pool
    from gateway.waits import Waits

EXTENSION = "gateway"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deps:
    """One per application; `accepting` and `reading` are pools of their own on purpose.

    Both are of the primary. `readers` may have a replica, for whatever only asks about cohorts.
    """

    settings: Settings
    accepting: Pool
    reading: Pool
    readers: ReadRouter
    wake_ups: WakeUps
    intake: Intake
    readiness: Readiness
    watch: Collector
    keys: KeyRing
    exporter: Exporter
    editor: Editor
    setup: Setup
    sending: Sending
    waits: Waits
    rules: Runner
    tracer: Tracer
    now: Callable[[], datetime.datetime]


def current() -> Deps:
    return cast("Deps", current_app.extensions[EXTENSION])


def ending() -> threading.Event:
    """Return what is set once this process is to end: a call that waits answers then."""
    return cast("threading.Event", request.environ.get("gateway.ending", NEVER))
