"""The cohorts of one project as they must be, and who was erased from it when."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING

from tests.model.oracle import Cohort

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.model.sender import Page


class Project:
    """An oracle for each cohort.

    Where it is not known in which order pages were stored there are several of a cohort, one for
    each order, until `keep` is told which of them were not so.
    """

    def __init__(self, cohorts: Iterable[str]) -> None:
        self._possible = {name: [Cohort(name)] for name in cohorts}
        self._events = itertools.count(1)
        self._begun: dict[str, int] = {}
        self._erased: dict[str, int] = {}

    def __getitem__(self, cohort: str) -> Cohort:
        """The one oracle of a cohort, where all orders are known."""
        (one,) = self._possible[cohort]
        return one

    def possible(self, cohort: str) -> list[Cohort]:
        """Every oracle that a cohort may turn out to follow."""
        return self._possible[cohort]

    def keep(self, cohort: str, right: list[Cohort]) -> None:
        """Go on with some of the possible oracles; those that are alike are one."""
        kept: list[Cohort] = []
        for one in right:
            if all(vars(one) != vars(other) for other in kept):
                kept.append(one)
        self._possible[cohort] = kept

    def receive(self, page: Page) -> bool:
        """Take a page that was stored after all before it; False if it is a replay."""
        without = self._begin(page)
        (stored,) = {
            one.receive(page, without=without) for one in self._possible[page.cohort]
        }  # no order makes a replay of a page that is none
        return stored

    def receive_unordered(self, pages: Sequence[Page]) -> None:
        """Take pages of one cohort that were stored in an order nobody knows."""
        without = [self._begin(page) for page in pages]
        following = []
        for one, order in itertools.product(
            self._possible[pages[0].cohort], itertools.permutations(range(len(pages)))
        ):
            other = copy.deepcopy(one)
            for place in order:
                other.receive(pages[place], without=without[place])
            following.append(other)
        self.keep(pages[0].cohort, following)

    def happen(self) -> int:
        """Note that something happened now, and return its place among sessions and erasures."""
        return next(self._events)

    def erased_since(self, event: int) -> set[str]:
        """Return who was erased after something happened."""
        return {who for who, erased in self._erased.items() if erased > event}

    def erase(self, member_id: str) -> None:
        """Erase a person everywhere, once all pages have been applied."""
        self._erased[member_id] = next(self._events)
        for one in itertools.chain.from_iterable(self._possible.values()):
            one.erase(member_id)

    def _begin(self, page: Page) -> set[str]:
        """Note the beginning of a page's session; return who was erased after it."""
        if page.session is None:
            return set()
        begun = self._begun.setdefault(page.session, next(self._events))
        return self.erased_since(begun)
