"""Where connections to databases may go: by address, whatever a name says."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from gateway import errors, reach
from gateway.reach import Own, Reach
from gateway.waits import Waits

HOSTS = {"db.example.com": ["203.0.113.5", "2001:db8::5"], "two": ["10.0.0.1", "127.0.0.1"]}


def resolve(host: str, _port: int) -> Sequence[str]:
    if host == "none":
        raise socket.gaierror
    return HOSTS.get(host, [host])


def find(
    host: str, *, port: int = 5432, allow_local: bool = False, own: Sequence[Own] = ()
) -> object:
    return Reach(own=own, allow_local=allow_local, resolve=resolve).find(host, port)


def test_host__of_a_public_or_private_network__is_found() -> None:
    assert find("db.example.com") == HOSTS["db.example.com"]
    for address in ("10.1.2.3", "192.168.0.1", "172.16.0.1", "fd12::1", "100.64.0.1"):
        assert find(address) == [address]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "0.1.2.3",
        "::",
        "::ffff:0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_address__that_is_no_servers__is_refused_always(address: str) -> None:
    for allow_local in (False, True):
        with pytest.raises(errors.ForbiddenAddress):
            find(address, allow_local=allow_local)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "two"])
def test_loopback__unless_it_is_allowed__is_refused(address: str) -> None:
    with pytest.raises(errors.ForbiddenAddress, match="GATEWAY_ALLOW_LOCAL_SOURCES=1"):
        find(address)
    assert find(address, allow_local=True)


def test_server_of_the_gateway__by_any_name_and_address__is_refused() -> None:
    own = [Own("localhost", 5432), Own("10.0.0.9", 6379), Own("none", 5432)]
    HOSTS["localhost"] = ["127.0.0.1"]
    for host, port in (("127.0.0.1", 5432), ("::ffff:127.0.0.1", 5432), ("10.0.0.9", 6379)):
        with pytest.raises(errors.ForbiddenAddress, match="a server of this gateway"):
            find(host, port=port, allow_local=True, own=own)
    with pytest.raises(errors.ForbiddenAddress, match="a server of this gateway"):
        find("127.0.0.7", allow_local=True, own=own)
    assert find("127.0.0.1", port=5433, allow_local=True, own=own)
    assert find("10.0.0.9", own=own)


def test_name__without_an_address__cannot_be_reached() -> None:
    with pytest.raises(errors.Unreachable, match="no address"):
        find("none")


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        (None, []),
        ("unix:///run/redis.sock", []),
        ("postgresql+psycopg2://u:p%40@db:5433/x", [("db", 5433)]),
        ("postgresql://u@/x?host=/run/postgresql", [("localhost", 5432)]),
        ("postgresql://a:1,b/x?port=7", [("a", 1), ("b", 7)]),
        ("postgresql:///x?host=h&hostaddr=10.0.0.1", [("h", 5432), ("10.0.0.1", 5432)]),
        ("redis://[::1]:7000/0", [("::1", 7000)]),
        ("rediss://cache/0", [("cache", 6379)]),
    ],
)
def test_servers__of_a_url__are_read(url: str | None, servers: Sequence[tuple[str, int]]) -> None:
    assert [(one.host, one.port) for one in reach.owned(url)] == servers


def test_socket__of_a_closed_port__tells_why() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(errors.Unreachable, match="refused"):
            reach.open_socket(["127.0.0.1"], port, seconds=1)
        bound.listen(0)
        with reach.open_socket(["127.0.0.1"], port, seconds=1):
            pass


def test_socket__that_does_not_answer_in_time__tells_so() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = []

        def fill() -> None:
            for _ in range(8):
                held.append(reach.open_socket(["127.0.0.1"], port, seconds=0.2))  # noqa: PERF401

        with pytest.raises(errors.OutboundTimeout):
            fill()
        for one in held:
            one.close()


def test_waiting__beyond_the_bound__is_refused_until_one_ends() -> None:
    waits = Waits.of_threads(7)
    with waits.turn(), pytest.raises(errors.Unavailable), waits.turn():
        pass
    with waits.turn():
        pass
