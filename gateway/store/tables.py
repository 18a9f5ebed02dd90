"""Every table of the gateway, as Alembic, the check of Citus and the schema test see them.

Large tables lead each unique key with `cohort_id`, so the schema can be distributed by cohort.
"""

from __future__ import annotations

from typing import Final

from gateway.core.health.cluster_rules import Wanted
from gateway.store.access import tables as access
from gateway.store.behaviour import tables as behaviour
from gateway.store.cohorts import definitions
from gateway.store.cohorts import edit_tables as edits
from gateway.store.cohorts import feed_tables as feed
from gateway.store.cohorts import load_tables as loads
from gateway.store.cohorts import tables as cohorts
from gateway.store.db import audit, chores, leases
from gateway.store.db import metadata as base
from gateway.store.health import tables as health
from gateway.store.notices import tables as notices
from gateway.store.people import tables as people
from gateway.store.sources import tables as sources
from gateway.store.syncs import tables as syncs

metadata: Final = base.metadata

# Importing a room's tables is what adds them to the metadata.
ROOMS: Final = (
    access,
    audit,
    behaviour,
    chores,
    cohorts,
    definitions,
    edits,
    feed,
    health,
    leases,
    loads,
    notices,
    people,
    sources,
    syncs,
)

LARGE: Final = frozenset(
    {
        cohorts.deliveries,
        cohorts.memberships,
        cohorts.changes,
        cohorts.sessions,
        cohorts.syncs,
        cohorts.sync_results,
        cohorts.blocked_deliveries,
        cohorts.skips,
        cohorts.cohort_hours,
        loads.loads,
        loads.load_rows,
        loads.load_mappings,
        edits.idempotency_keys,
        definitions.cohort_definitions,
        syncs.sync_ledger,
        syncs.sync_rejections,
        syncs.sync_erasures,
    }
)

COLUMN: Final = "cohort_id"
# Small, read with every page, and written seldom.
EVERYWHERE: Final = (
    sources.sources,
    sources.source_credentials,
    sources.source_secrets,
    sources.refusals,
    access.api_keys,
    syncs.destinations,
    syncs.destination_secrets,
    cohorts.cohorts,
    cohorts.erasures,
    cohorts.epochs,
    cohorts.redactions,
)


def wanted() -> Wanted:
    """Say how Citus is to keep each table."""
    known = metadata.tables
    spread = frozenset(name for name, table in known.items() if COLUMN in table.c)
    everywhere = frozenset(table.name for table in EVERYWHERE)
    return Wanted(
        spread=spread,
        column=COLUMN,
        everywhere=everywhere,
        local=frozenset(known) - spread - everywhere,
    )
