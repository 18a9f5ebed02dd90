"""What a gateway must have made of the pages it acknowledged, by the rules of interface 1.3."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from gateway.core.cohorts.page import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gateway.simulator.mixpanel import Page


class ExpectedState:
    """Follows one cohort page by page, for sessions that come one after the other.

    `inside` are the members now; `entered` and `exited` count each person's transitions.
    """

    def __init__(self, inside: Iterable[str] = ()) -> None:
        self.inside = set(inside)
        self.entered: collections.Counter[str] = collections.Counter()
        self.exited: collections.Counter[str] = collections.Counter()
        self._seen: set[tuple[str, Action, int]] = set()
        self._refreshes: dict[str, tuple[set[int], set[str]]] = {}

    def acknowledge(self, page: Page) -> None:
        """Take in a page that was acknowledged; one that was before changes nothing."""
        identity = (page.session_id, page.action, page.number)
        if identity in self._seen:
            return
        self._seen.add(identity)
        if page.action is Action.REMOVE:
            self._take_out(page.member_ids)
            return
        self._put_in(page.member_ids)
        if page.action is Action.REPLACE:
            self._refresh(page)

    def _refresh(self, page: Page) -> None:
        numbers, named = self._refreshes.setdefault(page.session_id, (set(), set()))
        numbers.add(page.number)
        named.update(page.member_ids)
        if len(numbers) == page.total:
            self._take_out(self.inside - named)

    def _put_in(self, member_ids: Collection[str]) -> None:
        fresh = set(member_ids) - self.inside
        self.entered.update(fresh)
        self.inside |= fresh

    def _take_out(self, member_ids: Collection[str]) -> None:
        gone = self.inside & set(member_ids)
        self.exited.update(gone)
        self.inside -= gone
