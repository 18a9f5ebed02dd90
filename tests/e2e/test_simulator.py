"""The model of Mixpanel: pages, snapshots, retries and restarts as its documentation has them."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway import errors
from gateway.core.cohorts.page import Action
from gateway.simulator import mixpanel, play
from gateway.simulator.ledger import ExpectedState
from gateway.simulator.mixpanel import Cohort, Page, Sync, WebhookSender
from gateway.simulator.wire import Wire

COHORT = Cohort(project_id="1", cohort_id="2", name="n")
SUCCESS = b'{"action": "members", "status": "success"}'
FAILURE = b'{"action": "members", "status": "failure", "error": {"message": "why", "code": 0}}'


class Scripted:
    """A webhook that answers what it was told to, one after the other."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.bodies: list[bytes] = []
        self.authorizations: list[str | None] = []

    def answer(self, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        """Take a request and return its answer."""
        self.bodies.append(body)
        self.authorizations.append(authorization)
        return self.answers.pop(0) if self.answers else (200, SUCCESS)


@pytest.fixture
def webhook() -> Iterator[tuple[Scripted, Wire]]:
    """Serve a scripted webhook on a port of its own."""
    scripted = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = scripted.answer(body, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the terminal of the tests quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        wire = Wire(f"http://127.0.0.1:{server.server_port}")
        yield scripted, wire
        wire.close()
        server.shutdown()
        thread.join()


def page(**changes: object) -> Page:
    fields: dict[str, object] = {
        "cohort": COHORT,
        "action": Action.REPLACE,
        "session_id": "s",
        "number": 1,
        "total": 1,
        "member_ids": ("a",),
    }
    return Page(**{**fields, **changes})  # type: ignore[arg-type]


def courier(wire: Wire, sleep: Callable[[float], None] = lambda _: None) -> WebhookSender:
    return WebhookSender(wire, "/webhooks/mixpanel/default", login=("u", "p"), sleep=sleep)


def sync(sent: list[Page]) -> Sync:
    numbers = itertools.count(1)
    return Sync(COHORT, deliver=sent.append, new_session_id=lambda: f"s{next(numbers)}")


def told(pages: Sequence[Page]) -> list[tuple[str, str, int, int, int]]:
    return [
        (one.action, one.session_id, one.number, one.total, len(one.member_ids)) for one in pages
    ]


def test_body__of_a_page__is_of_the_documented_shape() -> None:
    document = json.loads(mixpanel.body(page(number=6, total=10)))
    assert document["action"] == "members"
    parameters = document["parameters"]
    assert parameters.pop("members") == [mixpanel.profile("a")]
    assert parameters.pop("mixpanel_cohort_description")
    assert parameters == {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_name": "n",
        "mixpanel_cohort_id": "2",
        "mixpanel_session_id": "s",
        "page_info": {"total_pages": 10, "page_count": 6},
    }


def test_courier__refused_for_now__tries_five_times_in_sixty_seconds_ever_later(
    webhook: tuple[Scripted, Wire],
) -> None:
    scripted, wire = webhook
    scripted.answers = [(503, FAILURE), (429, FAILURE), (500, b"<html>"), (502, b""), (599, b"")]
    slept: list[float] = []
    courier(wire, slept.append).deliver(page())
    assert len(slept) == 5
    assert sum(slept) == pytest.approx(60)
    assert slept == sorted(set(slept))
    assert len(set(scripted.bodies)) == 1
    assert set(scripted.authorizations) == {"Basic dTpw"}


def test_courier__refused_six_times__gives_the_sync_up(webhook: tuple[Scripted, Wire]) -> None:
    scripted, wire = webhook
    scripted.answers = [(503, FAILURE)] * 6
    with pytest.raises(mixpanel.SyncFailed, match=r"tried 6 times.*503 \(why\)"):
        courier(wire).deliver(page())
    assert len(scripted.bodies) == 6


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_courier__refused_for_good__pauses_at_once(
    webhook: tuple[Scripted, Wire], status: int
) -> None:
    scripted, wire = webhook
    scripted.answers = [(status, FAILURE)]
    with pytest.raises(mixpanel.SyncPaused, match=rf"{status} \(why\)"):
        courier(wire).deliver(page())
    assert len(scripted.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, FAILURE),
        (200, b"ok"),
        (200, b'{"action": "add_members", "status": "success"}'),
        (200, b'{"action": "members", "status": "success", "more": 1}'),
        (204, b""),
        (301, b""),
        (418, b""),
    ],
)
def test_courier__answered_off_the_contract__does_not_take_it_for_success(
    webhook: tuple[Scripted, Wire], answer: tuple[int, bytes]
) -> None:
    scripted, wire = webhook
    scripted.answers = [answer]
    with pytest.raises(mixpanel.SyncFailed):
        courier(wire).deliver(page())
    assert len(scripted.bodies) == 1


def test_courier__with_nobody_listening__tries_again_and_gives_up() -> None:
    slept: list[float] = []
    with pytest.raises(mixpanel.SyncFailed, match="does not answer"):
        courier(Wire("http://127.0.0.1:1"), slept.append).deliver(page())
    assert len(slept) == 5


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "http://h:x", "http://h/?q=1"])
def test_wire__to_what_is_no_gateway__is_refused(url: str) -> None:
    with pytest.raises(errors.Malformed):
        Wire(url)


def test_sync__without_a_snapshot__sends_everybody_in_pages_of_a_thousand() -> None:
    sent: list[Page] = []
    one = sync(sent)
    one.members = {f"u{number}" for number in range(2001)}
    one.run()
    assert told(sent) == [
        ("members", "s1", 1, 3, 1000),
        ("members", "s1", 2, 3, 1000),
        ("members", "s1", 3, 3, 1),
    ]
    assert {member for page in sent for member in page.member_ids} == one.members


def test_sync__with_a_snapshot__sends_both_differences_also_when_empty() -> None:
    sent: list[Page] = []
    one = sync(sent)
    one.members = {"a", "b"}
    one.run()
    one.members = {"b", "c", "d"}
    one.run()
    one.run()
    assert told(sent)[1:] == [
        ("add_members", "s2", 1, 1, 2),
        ("remove_members", "s2", 1, 1, 1),
        ("add_members", "s3", 1, 1, 0),
        ("remove_members", "s3", 1, 1, 0),
    ]


def test_sync__broken_off__starts_from_the_top_with_the_same_difference() -> None:
    sent: list[Page] = []
    one = sync(sent)
    one.start_empty()
    one.members = {"a"}
    one.break_off()
    one.run()
    assert told(sent) == [
        ("add_members", "s1", 1, 1, 1),
        ("add_members", "s2", 1, 1, 1),
        ("remove_members", "s2", 1, 1, 0),
    ]


def test_sync__after_its_snapshot_expired__is_full_again() -> None:
    sent: list[Page] = []
    one = sync(sent)
    one.run()
    one.expire()
    one.run()
    assert told(sent) == [("members", "s1", 1, 1, 0), ("members", "s2", 1, 1, 0)]


def test_ledger__of_a_refresh__lets_nobody_leave_before_its_last_page() -> None:
    ledger = ExpectedState({"old", "both"})
    ledger.acknowledge(page(total=2, member_ids=("both", "new")))
    assert ledger.inside == {"old", "both", "new"}
    ledger.acknowledge(page(total=2, number=2, member_ids=("last",)))
    ledger.acknowledge(page(total=2, number=1, member_ids=("both", "new")))
    assert ledger.inside == {"both", "new", "last"}
    assert dict(ledger.entered) == {"new": 1, "last": 1}
    assert dict(ledger.exited) == {"old": 1}


def test_play__of_one_seed__is_one_history() -> None:
    plan = play.Plan(source="default", project_id="1", cohort_id="c", members=2500, seed=7)
    assert play.count_pages(plan) == play.count_pages(plan) > 20
