"""Every series of the metrics page, as it is declared."""

from __future__ import annotations

import dataclasses
import enum
from typing import Final


class Kind(enum.StrEnum):
    """The kinds of series there are, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclasses.dataclass(frozen=True)
class Series:
    """A series as it is declared; labels take values from closed sets, never ids or data."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The name by which prometheus_client knows it."""
        return self.name.removesuffix("_total")


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

# The last six are counted by web processes and begin anew with each start; the rest is read from
# Postgres and Redis for each scrape.
SERIES: Final = (
    Series("gateway_build_info", _G, "Always 1; what runs.", ("version", "python")),
    Series("gateway_postgres_up", _G, "Whether Postgres answered this scrape in time."),
    Series("gateway_redis_up", _G, "Whether Redis answered this scrape in time."),
    Series("gateway_queue_depth", _G, "Jobs that wait in Redis for this kind.", ("kind",)),
    Series("gateway_workers_alive", _G, "Processes with a recent heartbeat.", ("kind",)),
    Series(
        "gateway_workers_working",
        _G,
        "Processes with a recent heartbeat that can be given work, and do it.",
        ("kind",),
    ),
    Series(
        "gateway_last_heartbeat_timestamp_seconds",
        _G,
        "When a process of this kind last gave a heartbeat.",
        ("kind",),
    ),
    Series("gateway_accepted_pages_total", _C, "Pages stored.", ("source",)),
    Series("gateway_accepted_members_total", _C, "Members in pages stored.", ("source",)),
    Series("gateway_duplicate_pages_total", _C, "Replays of pages stored.", ("source",)),
    Series(
        "gateway_skipped_members_total",
        _C,
        "Members of pages stored that have no usable id.",
        ("source", "reason"),
    ),
    Series("gateway_entered_members_total", _C, "Members who entered a cohort.", ("source",)),
    Series("gateway_exited_members_total", _C, "Members who left a cohort.", ("source",)),
    Series(
        "gateway_refused_cohorts",
        _G,
        "Cohorts of which a page was refused with this status, and none was accepted since.",
        ("source", "status"),
    ),
    Series(
        "gateway_free_cohorts",
        _G,
        "Cohorts that this source may still have before new ones are refused.",
        ("source",),
    ),
    Series("gateway_pending_pages", _G, "Pages stored and not yet applied."),
    Series("gateway_oldest_pending_seconds", _G, "Age of the oldest pending page; 0 without one."),
    Series("gateway_blocked_pages", _G, "Pages set aside that wait for an operator."),
    Series(
        "gateway_loads",
        _G,
        "Loads of files that are queued, being read, or wait for an approval.",
        ("state",),
    ),
    Series(
        "gateway_rule_drift_total",
        _C,
        "People that a daily look at a live rule moved although nothing of theirs had changed.",
    ),
    Series("gateway_troubles", _G, "Troubles that people were told of and last.", ("kind",)),
    Series(
        "gateway_notices",
        _G,
        "Messages of the last 30 days that wait, were sent, or could not be.",
        ("state",),
    ),
    Series("gateway_oldest_load_seconds", _G, "How long the oldest queued load has waited."),
    Series("gateway_sync_jobs", _G, "Sync jobs in this state.", ("state",)),
    Series("gateway_waiting_actions", _G, "Recorded actions to be sent to Mixpanel.", ("source",)),
    Series(
        "gateway_oldest_waiting_action_seconds",
        _G,
        "How long the first recorded action has waited to be sent; 0 without one.",
        ("source",),
    ),
    Series(
        "gateway_forwarded_actions_total",
        _C,
        "Recorded actions that Mixpanel took, or refused.",
        ("source", "outcome"),
    ),
    Series("gateway_oldest_sync_seconds", _G, "How long the oldest due sync job has waited."),
    Series(
        "gateway_erasures_outstanding",
        _G,
        "Erasures, each at one destination, that are not confirmed yet.",
    ),
    Series(
        "gateway_oldest_erasure_seconds",
        _G,
        "Age of the oldest erasure that is not confirmed yet; 0 without one.",
    ),
    Series(
        "gateway_last_sync_timestamp_seconds",
        _G,
        "When the newest page of any cohort of this source came, replays and empty ones too.",
        ("source",),
    ),
    Series(
        "gateway_fresh_until_timestamp_seconds",
        _G,
        "When this source becomes silent: three intervals of it after its newest page; not of"
        " sources that are never expected.",
        ("source",),
    ),
    Series(
        "gateway_stale_cohorts",
        _G,
        "Cohorts that are `stale`: of Mixpanel, not heard of for three intervals of their source;"
        " with a schedule, not loaded in time; of a live rule, not looked at for 5 minutes, or not"
        " evaluated yet.",
        ("source",),
    ),
    Series(
        "gateway_snapshot_expiry_timestamp_seconds",
        _G,
        "When the first of Mixpanel's snapshots for this source expires unless a sync succeeds;"
        " of cohorts that were synced twice or more, and none that has expired.",
        ("source",),
    ),
    Series("gateway_database_bytes", _G, "What the database takes on its disk."),
    Series(
        "gateway_database_free_bytes",
        _G,
        "What is left of GATEWAY_DISK_GIB, or on the disk of GATEWAY_DISK_DIR; else unknown.",
    ),
    Series(
        "gateway_database_free_connections",
        _G,
        "Connections that Postgres would still give to the gateway.",
    ),
    Series("gateway_web_threads", _G, "Requests this web server works on at once, at most."),
    Series(
        "gateway_damaged_count_files",
        _G,
        "Files of counts of web processes that cannot be read; what they counted is missing.",
    ),
    Series("gateway_apply_duration_seconds", _H, "Time of one applying transaction."),
    Series(
        "gateway_accept_duration_seconds",
        _H,
        "Time from a complete body to its page's commit; for pages acknowledged.",
    ),
    Series(
        "gateway_rejected_requests_total",
        _C,
        "Webhook requests answered with a failure, and requests refused unread.",
        ("source", "status"),
    ),
    Series(
        "gateway_refused_new_cohorts_total",
        _C,
        "Pages of new cohorts refused because their source has GATEWAY_MAX_COHORTS of them.",
        ("source",),
    ),
    Series("gateway_actions_total", _C, "Actions on members that were posted.", ("outcome",)),
    Series(
        "gateway_unwaited_requests_total",
        _C,
        "Requests with `wait` answered at once, because as many as may wait did already.",
    ),
    Series(
        "gateway_request_duration_seconds",
        _H,
        "Time of a request in the application; of a streamed answer, to its beginning.",
        ("route", "status"),
    ),
)
