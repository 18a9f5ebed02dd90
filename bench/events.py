"""What people do in the benchmarks, as bodies of requests and as lines of COPY."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator, Sequence
from typing import Final

from bench import payload
from gateway.core.cohorts import member_rows

A_REQUEST: Final = 2000
A_PERSON: Final = 10
_DAY_SECONDS: Final = 86_400
# Of a hundred events: most are views, and few are what rules ask for.
NAMES: Final = (
    ("view",) * 70 + ("click",) * 14 + ("cart",) * 8 + ("purchase",) * 5 + ("signup",) * 3
)
BRANDS: Final = ("Acme", "Brent", "Corax", "Dulwich")
_PRIME: Final = 7919


@dataclasses.dataclass(frozen=True, kw_only=True)
class Events:
    """So many events of the day until a moment, ten a person; `mark` makes their ids, None none."""

    count: int
    first: int
    until: datetime.datetime
    mark: str | None = None

    def one(self, number: int) -> dict[str, object]:
        """Describe an event as a sender does."""
        people, second = max(1, self.count // A_PERSON), number * _PRIME % _DAY_SECONDS
        event: dict[str, object] = {
            "person_id": payload.member_id(self.first + number * _PRIME % people),
            "event": NAMES[number % len(NAMES)],
            "time": (self.until - datetime.timedelta(seconds=second + 1)).isoformat(),
            "properties": {"amount": number % 2000, "brand": BRANDS[number % len(BRANDS)]},
        }
        return event if self.mark is None else event | {"event_id": f"{self.mark}-{number:x}"}

    def bodies(self) -> Sequence[bytes]:
        """Write the requests that bring them."""
        return [
            json.dumps(
                {
                    "events": [
                        self.one(number)
                        for number in range(start, min(start + A_REQUEST, self.count))
                    ]
                },
                separators=(",", ":"),
            ).encode()
            for start in range(0, self.count, A_REQUEST)
        ]

    def rows(self) -> Iterator[str]:
        """Write them as lines of COPY into a table like `events`."""
        for number in range(self.count):
            one = self.one(number)
            yield (
                f"1\t{one['person_id']}\t{one['time']}\t{number}\t{one['event']}"
                f"\t{one.get('event_id', member_rows.NULL)}\t{self.until.isoformat()}"
                f"\t{json.dumps(one['properties'])}\n"
            )
