"""What the sender of the benchmarks posts: members with five text properties, in pages of 1,000."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

PAGE_MEMBERS: Final = 1000
PROJECT: Final = "2195193"
# Of a file or a table that has the same people.
COLUMNS: Final = ("member_id", "email", "first_name", "last_name", "plan")

# The finalizer of SplitMix64 (Steele, Lea, Flood 2014): it maps 64 bits to 64 bits one to one, so
# ids look random, come in random order, and never repeat.
_MASK: Final = 2**64 - 1
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sync:
    """A sync to send: of which cohort, in which session, with which action."""

    cohort: str
    session: str
    action: str


def member_id(number: int) -> str:
    """Name the person of a number: 16 hexadecimal digits, as from a random generator."""
    value = number & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return f"{value ^ (value >> 31):016x}"


def member(number: int, *, plan: str = "free") -> dict[str, str]:
    """Describe the person of a number as Mixpanel does, with five text properties."""
    name = member_id(number)
    return {
        "mixpanel_distinct_id": name,
        "email": f"{name}@example.com",
        "first_name": f"First{number % 1000}",
        "last_name": f"Last{number % 10_000}",
        "phone_number": f"+1555{number % 10_000_000:07d}",
        "plan": plan,
    }


def crowd(numbers: Iterable[int], *, plan: str = "free") -> list[bytes]:
    """Write the member lists of the pages that hold these people, to be sent in any sync."""
    everyone = list(numbers)
    return [
        json.dumps(
            [member(number, plan=plan) for number in everyone[start : start + PAGE_MEMBERS]],
            separators=(",", ":"),
        ).encode()
        for start in range(0, len(everyone), PAGE_MEMBERS)
    ]


def bodies(sync: Sync, pages: Sequence[bytes]) -> Iterator[bytes]:
    """Write the bodies of a sync of these pages."""
    for number, members in enumerate(pages, 1):
        yield page_body(sync, members, number=number, total=len(pages))


def page_body(sync: Sync, members: bytes, *, number: int, total: int) -> bytes:
    """Write the body of one page."""
    parameters = {
        "mixpanel_project_id": PROJECT,
        "mixpanel_cohort_name": sync.cohort,
        "mixpanel_cohort_id": sync.cohort,
        "mixpanel_cohort_description": "",
        "mixpanel_session_id": sync.session,
        "page_info": {"total_pages": total, "page_count": number},
        "members": [],
    }
    body = json.dumps({"action": sync.action, "parameters": parameters}, separators=(",", ":"))
    return body.encode().replace(b"[]", members)


def rows(numbers: Iterable[int]) -> Iterator[str]:
    """Write the same people as lines of COPY: a cohort 1, entered at one moment."""
    for number in numbers:
        one = member(number)
        name = one["mixpanel_distinct_id"]
        yield (
            f"1\t{name}\t1\t2026-01-01 00:00:00+00\t{name}\t{one['email']}\t{one['first_name']}"
            f'\t{one["last_name"]}\t{one["phone_number"]}\t{{"plan": "{one["plan"]}"}}\n'
        )


def listed(number: int) -> tuple[str, ...]:
    """Describe the person of a number as a file or a table does, by `COLUMNS`."""
    one = member(number)
    return tuple(one[name] for name in ("mixpanel_distinct_id", *COLUMNS[1:]))


def listed_rows(numbers: Iterable[int]) -> Iterator[str]:
    r"""Write those as `rows` does: they have no phone, and are known by their own id alone."""
    for name, email, first_name, last_name, plan in map(listed, numbers):
        yield (
            f"1\t{name}\t1\t2026-01-01 00:00:00+00\t\\N\t{email}\t{first_name}\t{last_name}"
            f'\t\\N\t{{"plan": "{plan}"}}\n'
        )


def table(numbers: Iterable[int]) -> bytes:
    """Write those as a file of CSV."""
    return "".join(",".join(row) + "\n" for row in (COLUMNS, *map(listed, numbers))).encode()
