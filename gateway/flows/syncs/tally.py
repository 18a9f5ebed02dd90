"""What a run has done so far, counted by several threads."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, Any, Final

from gateway.store.syncs.runs import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway import outbound
    from gateway.destinations.adapter import Client
    from gateway.store.syncs.runs import Run

MOST_RECEIPTS: Final = 50
# Reasons are a vendor's; as many as people would read.
MOST_REASONS: Final = 50


class Tally:
    """Counts of one run; it goes on from what was counted before a takeover."""

    def __init__(self, run: Run) -> None:
        self._lock = threading.Lock()
        self._counts = collections.Counter(
            added=run.added,
            removed=run.removed,
            unconfirmed=run.unconfirmed,
            requests=run.requests,
            retries=run.retries,
        )
        self._skipped = collections.Counter(run.skipped)
        self._rejected = collections.Counter(run.rejected)
        self._receipts: list[Any] = list(run.receipts)

    def count(self, **counts: int) -> None:
        """Count up."""
        with self._lock:
            self._counts.update(counts)

    def skip(self, reason: str, members: int = 1) -> None:
        with self._lock:
            self._skipped[_known(self._skipped, reason)] += members

    def reject(self, reasons: Iterable[str]) -> None:
        with self._lock:
            for reason in reasons:
                self._rejected[_known(self._rejected, reason)] += 1

    def keep(self, receipt: Mapping[str, object]) -> None:
        """Keep what a vendor says of a request, of the newest ones."""
        if receipt:
            with self._lock:
                self._receipts = [*self._receipts, dict(receipt)][-MOST_RECEIPTS:]

    def progress(self) -> Progress:
        with self._lock:
            return Progress(
                added=self._counts["added"],
                removed=self._counts["removed"],
                unconfirmed=self._counts["unconfirmed"],
                requests=self._counts["requests"],
                retries=self._counts["retries"],
                skipped=dict(self._skipped),
                rejected=dict(self._rejected),
                receipts=list(self._receipts),
            )


def _known(counted: Mapping[str, int], reason: str) -> str:
    return reason if reason in counted or len(counted) < MOST_REASONS else "other"


class Counting:
    """A client that counts its requests for a run."""

    def __init__(self, client: Client, tally: Tally) -> None:
        self._client = client
        self._tally = tally

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> outbound.Answer:
        """Send a request and read its whole answer. Raises errors.Outbound."""
        self._tally.count(requests=1)
        return self._client.request(method, url, headers=headers, body=body)
