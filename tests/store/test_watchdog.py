"""The watchdog: the socket of a connection that waits too long is cut, and no other."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from gateway.store.db.watchdog import TICK_SECONDS, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 0.1
LATER_SECONDS = LIMIT_SECONDS + 4 * TICK_SECONDS


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Lend both ends of a connection."""
    near, far = socket.socketpair()
    near.settimeout(LATER_SECONDS)
    with near, far:
        yield near, far


def test_watchdog__deadline_passes__ends_the_wait(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = wire
    Watchdog().watch(near.fileno(), LIMIT_SECONDS)
    assert near.recv(1) == b""


def test_watchdog__released_in_time__cuts_nothing(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    near, far = wire
    dog = Watchdog()
    dog.watch(near.fileno(), LIMIT_SECONDS)
    dog.release(near.fileno())
    dog.release(near.fileno())
    time.sleep(LATER_SECONDS)
    far.send(b"x")
    assert near.recv(1) == b"x"


def test_watchdog__watched_anew__keeps_the_newer_deadline(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    near, far = wire
    dog = Watchdog()
    dog.watch(near.fileno(), LIMIT_SECONDS)
    dog.watch(near.fileno(), 60)
    time.sleep(LATER_SECONDS)
    far.send(b"x")
    assert near.recv(1) == b"x"
    dog.release(near.fileno())  # or in a minute it cuts what has this number by then


def test_watchdog__descriptor_already_closed__goes_on_watching_others(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = wire
    dog = Watchdog()
    gone = os.open(os.devnull, os.O_RDONLY)
    dog.watch(gone, 0)
    os.close(gone)
    dog.watch(near.fileno(), LIMIT_SECONDS)
    assert near.recv(1) == b""


def test_watchdog__process_was_forked__watches_only_what_the_child_uses(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    near, far = wire
    dog = Watchdog()
    dog.watch(near.fileno(), LIMIT_SECONDS)
    dog._process_id = os.getppid()  # noqa: SLF001 - as a child finds it, without the thread
    with socket.socket() as other:
        dog.watch(other.fileno(), 60)
        time.sleep(LATER_SECONDS)
        dog.release(other.fileno())
    far.send(b"x")
    assert near.recv(1) == b"x"
