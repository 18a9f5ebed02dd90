"""Topics: what calls are about; the description and its page group them by these."""

from __future__ import annotations

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True)
class Topic:
    """What some calls are about: a tag of OpenAPI."""

    name: str
    description: str


WEBHOOK: Final = Topic("Webhook", "Where Mixpanel posts the pages of a cohort's syncs.")
COHORTS: Final = Topic("Cohorts", "Cohorts, and what was received of each.")
MEMBERS: Final = Topic("Members", "The members of a cohort, and the cohorts of a member.")
CHANGES: Final = Topic("Changes", "Each entry into a cohort and each exit from it, in order.")
SOURCES: Final = Topic("Sources", "Where cohorts come from, and what was refused of them.")
INGEST: Final = Topic("Ingestion", "Where people and events are posted.")
PEOPLE: Final = Topic("People", "People and their events, and what was seen of both.")
DESTINATIONS: Final = Topic("Destinations", "Where the members of cohorts are sent.")
RULES: Final = Topic("Rules", "Which people meet a rule over what they are and did.")
SYNC_JOBS: Final = Topic("Sync jobs", "Cohorts that are kept at destinations.")
DELIVERIES: Final = Topic("Deliveries", "Accepted pages that wait to be applied or are blocked.")
LOADS: Final = Topic("Loads", "Files of members that are read into a list, as a whole.")
ACTIONS: Final = Topic("Actions", "What services did to members, each once.")
NOTICES: Final = Topic("Notices", "Messages to people when something needs them.")
ACTIVITY: Final = Topic("Activity", "What was changed, read out or tried, by which key.")
STATUS: Final = Topic("Status", "How the gateway is doing.")
HEALTH: Final = Topic("Health", "Probes and metrics, which need no key.")
