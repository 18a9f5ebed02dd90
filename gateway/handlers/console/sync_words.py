"""The words of destinations and sync jobs, each with one tone and one meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.syncs import job
from gateway.destinations.facts import Status
from gateway.flows.syncs import sent
from gateway.handlers.console.words import Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.flows.syncs.catalog import Entry

READY: Final = Word("Ready", "good", "Sync jobs send to it when they are due.")
PAUSED: Final = Word("Paused", "warn", "Nothing is sent there until it is resumed.")
UNREADABLE: Final = Word("Unreadable", "bad", "No key opens its secrets: enter them again.")

STATUSES: Final[Mapping[str, Word]] = {
    Status.TRIED: Word("Tried", "good", "It was tried against the service."),
    Status.DOCUMENTED: Word("Documented", "info", "Written from documents, not tried there."),
    Status.UNVERIFIED: Word("Unverified", "warn", "Not all of it is documented: try a small list."),
    Status.DEPRECATED: Word("Deprecated", "quiet", "The vendor is about to end this API."),
}

JOBS: Final[Mapping[str, Word]] = {
    job.State.ACTIVE: Word("Active", "good", "It runs when it is due."),
    job.State.PAUSED: Word("Paused", "warn", "Nothing is sent until it is resumed."),
    job.State.FAILING: Word("Failing", "bad", "Its last run failed; it is tried again by itself."),
    job.State.STOPPED: Word(
        "Stopped", "bad", "It waits until its cause is removed and it resumes."
    ),
    job.State.DONE: Word("Done", "quiet", "It was to run once, and has."),
}

RUNS: Final[Mapping[str, Word]] = {
    job.RunState.QUEUED: Word("Queued", "info", "It begins when a sender is free."),
    job.RunState.RUNNING: Word("Running", "info", "Requests are being sent."),
    job.RunState.NEEDS_APPROVAL: Word("Needs approval", "warn", "It would remove many, and waits."),
    job.RunState.DONE: Word("Done", "good", "The destination has what it should have."),
    job.RunState.PARTIAL: Word("Partial", "warn", "The destination rejected some rows."),
    job.RunState.FAILED: Word("Failed", "bad", "It ended early; the next run sends the rest."),
    job.RunState.CANCELED: Word("Canceled", "quiet", "It was ended by a pause, change or new run."),
}

# Of a person at a destination.
STANDING: Final[Mapping[int, Word]] = {
    sent.State.PRESENT: Word("There", "good", "It stands there, or is in a request under way."),
    sent.State.SENDING: Word("Unsure", "warn", "It may stand there; the next run makes sure."),
    sent.State.REJECTED: Word(
        "Not taken", "bad", "The destination took others of the request, not this."
    ),
    sent.State.LEAVING: Word("Being removed", "info", "The next requests take it out."),
    sent.State.ERASED: Word("Being erased", "info", "It is taken out for good; tried until done."),
}

# What the overview says of a job that needs a person.
NEEDS: Final[Mapping[str, str]] = {
    job.State.FAILING: "Its last run failed. It is tried again by itself; see why.",
    job.State.STOPPED: "It has stopped. See why, remove the cause, then resume it.",
    job.RunState.NEEDS_APPROVAL: "A run would remove more than half of its members, and waits.",
}

MODES: Final[Mapping[str, str]] = {
    job.Mode.MIRROR: "Add and remove",
    job.Mode.ADD_ONLY: "Only add",
}

FREQUENCIES: Final[Mapping[str, str]] = {
    job.ONCE: "Once",
    job.LIVE: "As soon as members change",
    "5m": "Every 5 minutes",
    "15m": "Every 15 minutes",
    "30m": "Every 30 minutes",
    "1h": "Every hour",
    "2h": "Every 2 hours",
    "3h": "Every 3 hours",
    "6h": "Every 6 hours",
    "12h": "Every 12 hours",
    "1d": "Every day",
}

TRIGGERS: Final[Mapping[str, str]] = {
    "created": "First run",
    "schedule": "On schedule",
    "request": "Asked for",
    job.Asked.RUN: "Asked for",
    job.Asked.RESYNC: "Everything anew",
    job.Asked.REMOVE: "Taking all members out",
}

# What ends a sync job until its cause is removed, by the code of its error.
STOPPED: Final[Mapping[str, str]] = {
    "credentials": "Enter new credentials in the settings of the destination, test it, then resume"
    " this job.",
    "permission": "Give the account of the destination this permission there, then resume this"
    " job.",
    "terms": "Accept the terms in the account of the destination, then resume this job.",
    "audience_deleted": "The audience was deleted there. Restore it, then resume; or delete this"
    " job and create another.",
    "audience_blocked": "The audience is blocked there. Have it released, then resume this job.",
    "api_version": "The vendor has ended this version of its API. Set a newer one in the"
    " destination, or upgrade the gateway, then resume this job.",
    "configuration": "Correct the settings of the destination or of this job, then resume it.",
    "refused": "See what the destination says, remove the cause, then resume this job.",
    "history_lost": "The changes that were not sent yet are no longer kept. Send everything anew.",
    "cohort_deleted": "Restore the cohort and resume this job, or delete it.",
    "suppress_unreadable": "Restore or refresh that cohort, or take it out of this job's settings,"
    " then resume it.",
    "destination_removed": "Delete this job.",
    "kind_unavailable": "Install what this kind of destination needs, then resume this job.",
    "secret_unreadable": "Enter the secrets of the destination again, then resume this job.",
}


def of_destination(entry: Entry) -> Word:
    if entry.last_error is not None:
        return UNREADABLE
    return PAUSED if entry.paused else READY
