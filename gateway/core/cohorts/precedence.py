"""The order of sessions: which page changes which member; docs/contract.md has it as prose."""

from __future__ import annotations


def may_change(*, session: int, floor: int, touched_by: int = 0) -> bool:
    """Tell whether a page of a session changes a member.

    `floor` is the session of the newest completed refresh of the cohort, `touched_by` the newest
    session that the member's row or tombstone remembers; both are 0 for none. Within one session
    the page received later wins. The statements of `store/cohorts` compare rows in the same way.
    """
    return session >= max(touched_by, floor)
