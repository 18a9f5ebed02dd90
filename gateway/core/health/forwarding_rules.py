"""Whether the recorded actions of sources reach Mixpanel."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.health.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.core.health.finding import Finding

FORWARDING: Final = "actions"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportFacts:
    """A source that forwards its actions: what it waits for, None if for nothing; and how many."""

    slug: str
    stopped: bool
    trouble: str | None
    waiting: int


def imports(found: Iterable[ImportFacts]) -> Iterator[Finding]:
    """Judge whether recorded actions reach Mixpanel."""
    for one in found:
        if one.trouble is None:
            yield ok(FORWARDING, f"the actions of the source {one.slug} are sent to Mixpanel")
            continue
        text = f"{one.waiting} actions of the source {one.slug} are not sent: {one.trouble}"
        if one.stopped:
            yield error(
                FORWARDING,
                text,
                f"correct it with `python -m gateway source import {one.slug}`, or at Mixpanel, and"
                f" run `python -m gateway source test {one.slug}`",
            )
        else:
            yield warning(FORWARDING, text, "nothing is lost; it is tried again by itself")
