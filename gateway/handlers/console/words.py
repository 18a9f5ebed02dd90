"""The words of the console: a state has one word, one tone and one meaning wherever it stands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.core.access.actor import Via
from gateway.core.cohorts import kinds, load
from gateway.core.cohorts.page import Action
from gateway.core.cohorts.refresh import State
from gateway.core.notices.trouble import Kind
from gateway.core.people import source as people
from gateway.core.sources.condition import Condition
from gateway.core.syncs import forwarding
from gateway.handlers.console import site

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Container, Iterable, Mapping

    from gateway.flows.access.keys import ApiKey

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Word:
    """A word with the tone of its colour, and what it means, which is shown on hover."""

    text: str
    tone: str
    meaning: str


FRESH: Final = Word("Fresh", "good", "The source was heard of in time.")
STALE: Final = Word("Stale", "bad", "The source has missed three syncs: members may be outdated.")
ON_DEMAND: Final = Word("On demand", "quiet", "Nothing is expected; it changes when it is changed.")

CONDITIONS: Final[Mapping[str, Word]] = {
    Condition.LIVE: Word("Live", "good", "Pages come in as often as they are expected."),
    Condition.SILENT: Word("Silent", "bad", "No page has come for three of its intervals."),
    Condition.NEW: Word("New", "info", "No page has come yet."),
    Condition.ON_DEMAND: ON_DEMAND,
    Condition.PAUSED: Word("Paused", "warn", "Its pages are answered 503 until it is resumed."),
}

FORWARDING: Final[Mapping[str, Word]] = {
    forwarding.State.ACTIVE: Word("Working", "good", "Recorded actions are sent within seconds."),
    forwarding.State.FAILING: Word("Failing", "warn", "It is tried again with growing waits."),
    forwarding.State.STOPPED: Word("Stopped", "bad", "It needs a person; actions wait meanwhile."),
}

SYNCS: Final[Mapping[str, Word]] = {
    State.RECEIVING: Word("Receiving", "info", "Pages of it are still to come or to be applied."),
    State.APPLIED: Word("Applied", "good", "All of its pages have been applied."),
    State.SUPERSEDED: Word("Superseded", "quiet", "A newer full sync has taken its place."),
    State.BLOCKED: Word("Blocked", "bad", "A page of it could not be applied."),
}

DELIVERIES: Final[Mapping[str, Word]] = {
    "pending": Word("Waiting", "info", "It is applied when its turn comes."),
    "blocked": Word("Blocked", "bad", "It could not be applied, and waits to be retried."),
}

LOADS: Final[Mapping[str, Word]] = {
    load.State.QUEUED: Word("Queued", "info", "It is read when a reader is free."),
    load.State.READING: Word("Reading", "info", "Nothing changes before all of it was read."),
    load.State.NEEDS_APPROVAL: Word("Needs approval", "warn", "It waits until it is approved."),
    load.State.APPLYING: Word("Applying", "info", "It was read, and is about to take effect."),
    load.State.APPLIED: Word("Applied", "good", "It has taken effect as a whole."),
    load.State.FAILED: Word("Failed", "bad", "Nothing was changed by it."),
    load.State.CANCELED: Word("Canceled", "quiet", "Nothing was changed by it."),
    load.State.SUPERSEDED: Word("Superseded", "quiet", "A newer one was applied before it."),
}

MODES: Final[Mapping[str, str]] = {
    load.Mode.REPLACE: "Replace the list",
    load.Mode.ADD: "Add members",
    load.Mode.REMOVE: "Remove members",
}

REASONS: Final[Mapping[str, str]] = {
    "missing_id": "the cell of the id is empty",
    "blank_id": "the id is only blanks",
    "too_long": "the id is longer than 1,024 bytes",
    "bad_text": "the id has a character that no id may have",
    "too_many_cells": "the row has more cells than the header",
    "damaged_number": "a spreadsheet has dropped digits of the id",
}

FIELDS: Final[Mapping[str, str]] = {
    "member_id": "Member id",
    "distinct_id": "Distinct id",
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "phone": "Phone",
    "properties": "A property",
}

# What columns of a query can be.
QUERIED: Final = ("member_id", "email", "first_name", "last_name", "phone")

TRIGGERS: Final[Mapping[str, str]] = {
    load.Trigger.UPLOAD: "A file was uploaded",
    load.Trigger.REQUEST: "Asked for",
    load.Trigger.SCHEDULE: "By its schedule",
    load.Trigger.DEFINITION: "What it reads was changed",
}

SCHEDULES: Final[Mapping[str, str]] = {
    "": "When asked to",
    "1m": "Every minute",
    "5m": "Every 5 minutes",
    "15m": "Every 15 minutes",
    "30m": "Every 30 minutes",
    "1h": "Every hour",
    "2h": "Every 2 hours",
    "3h": "Every 3 hours",
    "6h": "Every 6 hours",
    "12h": "Every 12 hours",
    "1d": "Every day",
    "cron": "At times of its own",
}

HOLDS: Final = {
    True: Word("Yes", "good", "This is so."),
    False: Word("No", "quiet", "This is not so."),
}

REJECTED: Final = Word("Rejected", "bad", "It was not stored; the others of its request were.")

OPEN: Final = Word("Open", "bad", "No page of this cohort has been accepted since.")
OVER: Final = Word("Over", "quiet", "A page of this cohort was accepted later.")

VALID: Final = Word("Valid", "good", "It opens what its scope allows.")
EXPIRED: Final = Word("Expired", "quiet", "Its time is over.")
REVOKED: Final = Word("Revoked", "quiet", "It was ended.")

ACTIONS: Final[Mapping[str, str]] = {
    Action.REPLACE: "Full sync",
    Action.ADD: "Additions",
    Action.REMOVE: "Removals",
}

VIA: Final[Mapping[str, str]] = {
    Via.API: "API",
    Via.CONSOLE: "Console",
    Via.COMMAND: "Command",
    Via.GATEWAY: "Gateway",
}

KINDS: Final[Mapping[str, str]] = {
    "mixpanel": "Mixpanel",
    "list": "List",
    "people": "People",
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "redshift": "Redshift",
    "bigquery": "BigQuery",
    "snowflake": "Snowflake",
}

# Kinds of sources, as a person looks for them.
GROUPS: Final[Mapping[str, Container[str]]] = {
    "Databases": kinds.DATABASES,
    "Integrations": (kinds.MIXPANEL,),
    "Segments": (kinds.LIST, people.KIND),
}

TESTED: Final = {
    True: Word("Passed", "good", "This step went well."),
    False: Word("Failed", "bad", "The test ends here."),
}
TRYING: Final = Word("Trying", "info", "This step is being taken.")
STEPS: Final[Mapping[str, str]] = {
    "configuration": "Read the settings",
    "resolve": "Find the host",
    "connect": "Connect",
    "sign_in": "Sign in",
    "query": "Ask for one row",
    "read_only": "May only read",
}

SCOPES: Final[Mapping[str, str]] = {
    "read": "Read: look at everything, download",
    "write": "Write: also upload and change members",
    "admin": "Admin: also sources, keys, deletion",
}

# By the status that the sender got.
REFUSED: Final[Mapping[int, str]] = {
    400: "The page is not what Mixpanel documents, or no member of it has an id. Check the"
    " identity property of this source, then resume the sync in Mixpanel.",
    401: "User name or password were wrong. Enter those of this source in Mixpanel's connection"
    " (rotate the password if it is lost), then resume the sync there.",
    403: "This source takes other projects only. Add the project in its settings, or use another"
    " source for it, then resume the sync in Mixpanel.",
    404: "The cohort was deleted here. Restore it, or end its sync in Mixpanel.",
}

# What was done, after a form; the key is in the URL, the text never is.
DONE: Final[Mapping[str, str]] = {
    "signed-out": "You have signed out.",
    "paused": "The source is paused: it takes nothing until it is resumed. Mixpanel sends its pages"
    " again.",
    "resumed": "The source is resumed.",
    "saved": "The settings are saved. Members change with what comes next.",
    "removed": "The source is removed, with its cohorts.",
    "deleted": "The cohort is deleted. It can be restored, empty, from the list of deleted ones.",
    "restored": "The cohort is restored, empty.",
    "created": "The cohort is made.",
    "changed": "The settings are saved.",
    "edited": "The list is edited.",
    "index_requested": "The index is built in the background. Rules use it when it is ready.",
    "index_dropped": "The index is dropped. Rules find what they found with it.",
    "taken_out": "The member is removed.",
    "stored": "The edit is stored, and is applied in its turn.",
    "freezing": "The list is made. Its members appear when they have been read.",
    "ruled": "The rule is saved. Members change when it has been looked at.",
    "erased": "The person is erased everywhere. Destinations are told.",
    "requeried": "The query is saved, and read now. Members change when it was read to its end.",
    "retried": "The page waits for its turn again.",
    "approved": "The file is approved, and about to take effect.",
    "canceled": "The load is canceled. Nothing was changed by it.",
    "reread": "The file is read anew.",
    "revoked": "The key is revoked. Nothing opens with it any more.",
    "destination-created": "The destination is made. Test it before anything is sent.",
    "destination-saved": "The settings are saved. Test them before the next run.",
    "destination-paused": "The destination is paused: no sync job sends to it.",
    "destination-resumed": "The destination is resumed.",
    "destination-removed": "The destination is removed.",
    "job-created": "The sync job is made, and its first run is queued.",
    "job-saved": "The settings are saved. The next run sends what they change.",
    "job-run": "A run is queued.",
    "job-resync": "A run that sends everything anew is queued.",
    "job-paused": "The sync job is paused.",
    "job-resumed": "The sync job is resumed, and due at once.",
    "job-deleted": "The sync job is deleted. What it has sent stays at the destination.",
    "job-emptying": "The sync job takes out all it has added, and is then deleted.",
    "run-approved": "The run is approved, and goes on.",
}

INDEXES: Final[Mapping[str, Word]] = {
    "building": Word("Building", "info", "Rules use it when it is ready."),
    "ready": Word("Ready", "good", "Rules on this property use it."),
    "failed": Word("Failed", "bad", "Ask for it again when its cause is removed."),
}

TROUBLES: Final[Mapping[str, Word]] = {
    Kind.FAILING: Word("Failing", "bad", "It is tried again, or waits until its cause is removed."),
    Kind.NEEDS_APPROVAL: Word("Needs approval", "warn", "It would remove many, and waits."),
    Kind.STALE: Word("Stale", "warn", "Nothing was heard of it in time."),
    Kind.REFUSED: Word("Refused", "bad", "A page was refused, so Mixpanel has paused the sync."),
    Kind.BLOCKED: Word("Blocked", "bad", "Applying gave up on pages of it."),
}

# Of the subjects of troubles.
_PAGES: Final[Mapping[str, str]] = {
    "cohort": "cohorts",
    "load": "loads",
    "source": "sources",
    "sync job": "sync-jobs",
}

OUTCOMES: Final[Mapping[str, Word]] = {
    "waiting": Word("Waiting", "info", "It is sent, or tried again, by the senders."),
    "sent": Word("Sent", "good", "Its channel took it."),
    "no_channel": Word("No channel", "quiet", "GATEWAY_NOTIFY names no such channel."),
    "given_up": Word("Given up", "bad", "Its channel did not take it for a day."),
}


def in_groups(listed: Iterable[T], kind: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    """Sort sources, or kinds of them, into the groups in which a person looks for them."""
    everything = list(listed)
    found = [
        (title, [one for one in everything if kind(one) in names])
        for title, names in GROUPS.items()
    ]
    return [(title, some) for title, some in found if some]


def way(subject: str) -> str:
    """Return the path of the page of a trouble's subject, such as `load 7-2`."""
    noun, _, number = subject.rpartition(" ")
    return site.path(_PAGES[noun], number)


def event(action: str) -> str:
    """Write what the audit log calls `source.password_rotated`."""
    noun, _, verbed = action.partition(".")
    return f"{noun} {verbed.replace('_', ' ')}".capitalize()


def of_cohort(*, stale: bool, fresh_until: datetime.datetime | None) -> Word:
    if stale:
        return STALE
    return ON_DEMAND if fresh_until is None else FRESH


def of_key(key: ApiKey, now: datetime.datetime) -> Word:
    if key.revoked_at is not None:
        return REVOKED
    return VALID if key.is_valid(now) else EXPIRED
