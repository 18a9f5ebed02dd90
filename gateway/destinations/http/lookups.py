"""Ids that a vendor gives its members, asked for before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.destinations import replies
from gateway.destinations.answers import Later, Stop
from gateway.destinations.http import reading, values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.destinations.adapter import Row
    from gateway.destinations.http.calling import Caller
    from gateway.destinations.http.declaration import Declaration, Lookup
    from gateway.destinations.http.templates import Scope


def look_up(
    declaration: Declaration, caller: Caller, scope: Scope, rows: Sequence[Row]
) -> Mapping[int, object] | Later | Stop:
    """Return place of a row → the vendor's id, of those that it knows. Raises errors.Outbound."""
    lookup = declaration.lookup
    found: dict[int, object] = {}
    if lookup is None:
        return found
    asked = [place for place, row in enumerate(rows) if values.text(row.sent.get(lookup.key))]
    for start in range(0, len(asked), lookup.max_items):
        part = asked[start : start + lookup.max_items]
        known = _ask(declaration, lookup, caller, scope, [rows[place] for place in part])
        if isinstance(known, Later | Stop):
            return known
        for place in part:
            key = values.text(rows[place].sent[lookup.key]) or ""
            if key.lower() in known:
                found[place] = known[key.lower()]
    return found


def _ask(
    declaration: Declaration, lookup: Lookup, caller: Caller, scope: Scope, rows: Sequence[Row]
) -> Mapping[str, object] | Later | Stop:
    keys = [values.text(row.sent[lookup.key]) or "" for row in rows]
    # A comma would make two keys of one.
    asked = ",".join(key for key in keys if "," not in key)
    answer = caller.call(lookup.request, scope.of_rows((), asked))
    if isinstance(answer, Later | Stop):
        return answer
    failed = reading.failure(answer, declaration, caller.secrets, caller.now())
    if failed is not None:
        return failed
    items = values.listed(replies.json_of(answer), lookup.items)
    pairs = [
        (values.text(values.at(one, lookup.key_path)), values.at(one, lookup.id_path))
        for one in items
    ]
    return {key.lower(): found for key, found in pairs if key and found is not values.MISSING}
