"""The memory of a worker, which no page and no number of pages may drive up."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gateway.flows.sources.webhook import Posted
from gateway.sources.mixpanel import body as mixpanel
from tests.model import book
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

MOST_MEBIBYTES = 300
# A little less than the largest body that is taken.
ROOM = (16 << 20) - 1000


def one_fat(number: int) -> str:
    return member(f"u{number}", "x" * (ROOM - 100))


def one_escaped(number: int) -> str:
    """Make one whose text doubles with each way it is written on."""
    return member(f"u{number}", "\\\\" * (ROOM // 2 - 100))


def one_incompressible(number: int) -> str:
    noise = hashlib.shake_256(b"%d" % number).digest(ROOM * 3 // 4 - 100)
    return member(f"u{number}", base64.b64encode(noise).decode())


def many_with_long_ids(number: int) -> str:
    return ",".join(member(f"{number}-{n}-" + "\\\\" * 1000, "") for n in range(7900))


def member(member_id: str, value: str) -> str:
    return f'{{"mixpanel_distinct_id":"{member_id}","p":"{value}"}}'


@pytest.mark.parametrize(
    ("action", "members", "pages"),
    [
        (MEMBERS, one_fat, 20),
        (MEMBERS, one_incompressible, 2),
        (ADD, one_escaped, 2),
        (ADD, many_with_long_ids, 1),
        (REMOVE, many_with_long_ids, 1),
    ],
)
def test_worker__applying_the_largest_pages__stays_small(
    desk: Desk,
    pool: Pool,
    environ: dict[str, str],
    action: str,
    members: Callable[[int], str],
    pages: int,
) -> None:
    receipts = []
    for number in range(1, pages + 1):
        body = _body(action, members(number), number, pages)
        posted = Posted(slug=desk.slug, login=None, body=mixpanel.Body(body), request_id="-")
        receipts.append(desk.intake.accept(posted, now=desk.clock()))
    receipt = receipts[-1]
    words = [sys.executable, "-m", "tests.workers.peak", str(receipt.cohort_id)]
    done = subprocess.run(words, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    standing = book.standing(pool, receipt.cohort_id)
    assert standing.through == pages
    assert book.blocked(pool, receipt.cohort_id) == []
    assert int(done.stdout.splitlines()[-1]) < MOST_MEBIBYTES


def _body(action: str, members: str, number: int, total: int) -> bytes:
    return (
        f'{{"action":"{action}","parameters":{{"mixpanel_project_id":"1",'
        f'"mixpanel_cohort_id":"fat","mixpanel_session_id":"s",'
        f'"page_info":{{"total_pages":{total},"page_count":{number}}},"members":[{members}]}}}}'
    ).encode()
