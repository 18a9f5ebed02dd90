"""Two connections wherever a load can meet something else."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import admin, erase, load
from gateway.flows.cohorts.apply import Applier, Drained
from gateway.store.cohorts import inbox
from tests.model import book, rows, traffic
from tests.model.loading import state
from tests.model.pausing import PausingPool
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

T = TypeVar("T")


@pytest.fixture
def crew() -> Iterator[ThreadPoolExecutor]:
    """Lend threads."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def cohort(desk: Desk) -> Receipt:
    """Make a cohort with the members `a` and `b`."""
    made = desk.send(MEMBERS, "s", "ab")
    desk.settle(made)
    return made


def begun(desk: Desk, cohort: Receipt, mode: Mode, letters: str) -> Load:
    one = load.begin(desk.pool, cohort.cohort_id, mode, now=desk.clock())
    load.add(desk.pool, one, 1, rows.of_letters(letters), now=desk.clock())
    return one


def seal(desk: Desk, one: Load, pool: Pool | None = None) -> bool:
    return load.seal(pool or desk.pool, one, wake_ups=desk.bell, now=desk.clock())


def while_open(url: str, act: Callable[[Pool], T], meanwhile: Callable[[], None]) -> T:
    """Act, and call something while the transaction that does it has all its locks."""
    pool = PausingPool(url, meanwhile)
    try:
        return act(pool)
    finally:
        pool.close()


def started(
    crew: ThreadPoolExecutor, pool: Pool, call: Callable[[], T], into: list[Future[T]]
) -> None:
    """Start something that has to wait for a lock, and return once it does."""
    into.append(crew.submit(call))
    traffic.await_waiting(pool)


def test_seal__while_a_page_is_accepted__comes_after_it(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    waiting: list[Future[bool]] = []

    def act(pool: Pool) -> None:
        desk.intake._submitter._pool = pool  # noqa: SLF001 - the page is accepted through it
        desk.send(ADD, "t", "d")

    usual = desk.intake._submitter._pool  # noqa: SLF001
    while_open(
        database_url, act, lambda: started(crew, desk.pool, lambda: seal(desk, one), waiting)
    )
    desk.intake._submitter._pool = usual  # noqa: SLF001
    assert waiting[0].result()
    assert desk.members(cohort) == "abcd"
    assert [stored.session for stored in book.deliveries(desk.pool, cohort.cohort_id)] == [1, 3, 2]


def test_accept__while_a_load_is_sealed__comes_after_it(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    waiting: list[Future[Receipt]] = []
    while_open(
        database_url,
        lambda pool: seal(desk, one, pool),
        lambda: started(crew, desk.pool, lambda: desk.send(ADD, "t", "d"), waiting),
    )
    assert waiting[0].result().number == 3
    assert desk.members(cohort) == "abcd"


def test_seal__while_its_cohort_is_applied__does_not_wait(desk: Desk, cohort: Receipt) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    with traffic.applying(desk.pool, cohort.cohort_id):
        assert seal(desk, one)
    assert desk.members(cohort) == "abc"


def test_drain__load_sealed_after_its_last_look__is_not_left_behind(
    desk: Desk, cohort: Receipt, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.REPLACE, "c")
    pool = PausingPool(database_url, lambda: seal(desk, one))
    assert Applier(pool, now=desk.clock).drain(cohort.cohort_id) is Drained.DONE
    pool.close()
    assert list(book.standing(desk.pool, cohort.cohort_id).members) == ["c"]


def test_erase__while_a_page_of_a_load_is_staged__redacts_it(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = load.begin(desk.pool, cohort.cohort_id, Mode.ADD, now=desk.clock())
    erased: list[Future[bool]] = []

    def rub_out() -> bool:
        return erase.erase(desk.pool, "c", erase.Where(), now=desk.clock())

    while_open(
        database_url,
        lambda pool: load.add(pool, one, 1, rows.of_letters("cd"), now=desk.clock()),
        lambda: started(crew, desk.pool, rub_out, erased),
    )
    assert erased[0].result()
    with desk.pool.read() as conn:
        kept = conn.execute(text("SELECT roster FROM deliveries WHERE number < 0")).scalar_one()
    assert b"c@example.com" not in inbox.unpack(bytes(kept))
    assert seal(desk, one)
    assert desk.members(cohort) == "abd"


def test_erase__while_a_load_is_applied__takes_the_person_out(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    assert seal(desk, begun(desk, cohort, Mode.ADD, "cd"))
    erased: list[Future[bool]] = []

    def rub_out() -> bool:
        return erase.erase(desk.pool, "c", erase.Where(), now=desk.clock())

    while_open(
        database_url,
        lambda pool: Applier(pool, now=desk.clock).drain(cohort.cohort_id),
        lambda: started(crew, desk.pool, rub_out, erased),
    )
    assert erased[0].result()
    assert desk.members(cohort) == "abd"


def test_erase__while_a_load_is_sealed__keeps_the_person_out(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.REPLACE, "cd")
    erased: list[Future[bool]] = []

    def rub_out() -> bool:
        return erase.erase(desk.pool, "c", erase.Where(), now=desk.clock())

    while_open(
        database_url,
        lambda pool: seal(desk, one, pool),
        lambda: started(crew, desk.pool, rub_out, erased),
    )
    assert erased[0].result()
    assert desk.members(cohort) == "d"


def test_delete__while_a_load_is_sealed__cancels_it(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    deleted: list[Future[None]] = []

    def delete() -> None:
        admin.delete_cohort(desk.pool, cohort.cohort_id, now=desk.clock())

    assert while_open(
        database_url,
        lambda pool: seal(desk, one, pool),
        lambda: started(crew, desk.pool, delete, deleted),
    )
    deleted[0].result()
    assert state(desk, one) is State.CANCELED
    admin.restore_cohort(desk.pool, cohort.cohort_id, now=desk.clock())
    assert desk.members(cohort) == ""


def test_seal__while_its_cohort_is_deleted__changes_nothing(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    sealed: list[Future[bool]] = []
    while_open(
        database_url,
        lambda pool: admin.delete_cohort(pool, cohort.cohort_id, now=desk.clock()),
        lambda: started(crew, desk.pool, lambda: seal(desk, one), sealed),
    )
    assert not sealed[0].result()
    admin.restore_cohort(desk.pool, cohort.cohort_id, now=desk.clock())
    assert desk.members(cohort) == ""


def test_takeover__while_its_cohort_is_deleted__is_refused(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    taken: list[Future[Load]] = []
    while_open(
        database_url,
        lambda pool: admin.delete_cohort(pool, cohort.cohort_id, now=desk.clock()),
        lambda: started(crew, desk.pool, lambda: load.read_again(desk.pool, one), taken),
    )
    with pytest.raises(errors.Conflict):
        taken[0].result()


def test_drop__while_a_load_is_sealed__is_too_late(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    dropped: list[Future[bool]] = []

    def drop() -> bool:
        return load.drop(desk.pool, one, now=desk.clock())

    assert while_open(
        database_url,
        lambda pool: seal(desk, one, pool),
        lambda: started(crew, desk.pool, drop, dropped),
    )
    assert not dropped[0].result()
    assert desk.members(cohort) == "abc"


def test_seal__while_a_load_is_dropped__is_too_late(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    sealed: list[Future[bool]] = []
    assert while_open(
        database_url,
        lambda pool: load.drop(pool, one, now=desk.clock()),
        lambda: started(crew, desk.pool, lambda: seal(desk, one), sealed),
    )
    assert not sealed[0].result()
    assert desk.members(cohort) == "ab"


def test_takeover__while_the_old_reader_adds_a_page__drops_that_page_too(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    taken: list[Future[Load]] = []
    while_open(
        database_url,
        lambda pool: load.add(pool, one, 2, rows.of_letters("d"), now=desk.clock()),
        lambda: started(crew, desk.pool, lambda: load.read_again(desk.pool, one), taken),
    )
    assert seal(desk, taken[0].result())
    assert desk.members(cohort) == "ab"


def test_add__while_another_reader_takes_over__is_refused(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    one = begun(desk, cohort, Mode.ADD, "c")
    added: list[Future[None]] = []

    def add() -> None:
        load.add(desk.pool, one, 2, rows.of_letters("d"), now=desk.clock())

    taken = while_open(
        database_url,
        lambda pool: load.read_anew(pool, one, now=desk.clock()),
        lambda: started(crew, desk.pool, add, added),
    )
    with pytest.raises(errors.Conflict):
        added[0].result()
    assert seal(desk, taken)
    assert desk.members(cohort) == "ab"


def test_begin__twice_at_once__takes_two_places(
    desk: Desk, cohort: Receipt, crew: ThreadPoolExecutor, database_url: str
) -> None:
    other: list[Future[Load]] = []

    def begin(pool: Pool) -> Load:
        return load.begin(pool, cohort.cohort_id, Mode.ADD, now=desk.clock())

    one = while_open(
        database_url, begin, lambda: started(crew, desk.pool, lambda: begin(desk.pool), other)
    )
    assert (one.session, other[0].result().session) == (2, 3)
