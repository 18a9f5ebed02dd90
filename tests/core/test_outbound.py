"""The client of outgoing requests, and the addresses that it goes to."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway import errors, outbound
from gateway.outbound import Client
from tests.core.peers import HERE, LONG, OK, answering, get, serving


def test_request__of_an_answer__gives_status_headers_and_body() -> None:
    heads: list[bytes] = []
    with serving(answering(OK, heads)) as port, Client(allow=HERE) as client:
        url = f"http://127.0.0.1:{port}/a%2Fb?c=d"
        for _ in range(2):
            answer = client.request("POST", url, headers={"A": "b"}, body=b"{}")
            assert (answer.status, answer.body, answer.headers["x-name"]) == (200, b"ok", "a")
    first, second = heads
    assert first == second
    assert first.startswith(b"POST /a%2Fb?c=d HTTP/1.1\r\n")
    assert b"\r\nA: b\r\n" in first
    assert b"accept-encoding: identity" in first.lower()
    assert b"cookie" not in first.lower()


def test_redirect__is_an_answer_and_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    heads: list[bytes] = []
    with serving(answering(moved, heads)) as port:
        answer = get(port)
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")
    assert len(heads) == 1


def test_environment__with_proxies_and_a_netrc__is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    heads: list[bytes] = []
    with serving(answering(OK, heads)) as port:
        assert get(port).status == 200
    assert b"authorization" not in heads[0].lower()


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_address__that_is_not_public__is_refused(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not outbound.is_allowed(address, ())
    assert outbound.is_allowed(address, outbound.networks(text))
    assert outbound.is_allowed(address, outbound.ANYWHERE)


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "8.8.8.8"])
def test_address__that_is_public__is_allowed(text: str) -> None:
    assert outbound.is_allowed(ipaddress.ip_address(text), outbound.PUBLIC)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0"])
def test_request__to_this_machine__is_refused_however_it_is_written(host: str) -> None:
    heads: list[bytes] = []
    with (
        serving(answering(OK, heads)) as port,
        Client() as client,
        pytest.raises(errors.ForbiddenAddress, match="not public"),
    ):
        client.request("GET", f"http://{host}:{port}/")
    assert heads == []


class Rebinding:
    """A resolver whose second answer is another one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Give the next answer."""
        self.asked.append((host, port))
        return self.answers.pop(0)


def test_name__whose_second_answer_is_private__is_connected_to_as_checked() -> None:
    heads: list[bytes] = []
    elsewhere: list[bytes] = []
    resolver = Rebinding(["127.0.0.1"], ["10.0.0.1"])
    with serving(answering(OK, heads)) as port, serving(answering(OK, elsewhere)) as _:
        with Client(allow=HERE, resolve=resolver) as client:
            url = f"http://Shop.Example:{port}/"
            assert client.request("GET", url).status == 200
            assert client.request("GET", url).status == 200  # the kept connection
        assert resolver.asked == [("shop.example", port)]
        assert b"host: shop.example:%d\r\n" % port in heads[0].lower()
        with (
            Client(allow=HERE, resolve=resolver) as client,
            pytest.raises(errors.ForbiddenAddress, match=r"10\.0\.0\.1"),
        ):
            client.request("GET", url)
    assert (len(heads), elsewhere) == (2, [])


def test_name__one_of_whose_addresses_is_private__is_refused() -> None:
    heads: list[bytes] = []
    with serving(answering(OK, heads)) as port:
        for answer in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]):
            with (
                Client(allow=HERE, resolve=Rebinding(answer)) as client,
                pytest.raises(errors.ForbiddenAddress),
            ):
                client.request("GET", f"http://shop.example:{port}/")
    assert heads == []


def test_name__whose_first_address_does_not_answer__is_tried_at_the_next() -> None:
    with serving(answering(OK)) as port:
        resolver = Rebinding(["::1", "127.0.0.1"])
        with Client(allow=HERE, resolve=resolver, limits=LONG) as client:
            assert client.request("GET", f"http://shop.example:{port}/").status == 200


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("idna")])
def test_name__that_is_unknown__is_unreachable(answer: list[str] | Exception) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with Client(resolve=resolve) as client, pytest.raises(errors.Unreachable):
        client.request("GET", "http://shop.example/")


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "a.example", "http://[::1", ""])
def test_url__of_another_kind__is_refused(url: str) -> None:
    with Client(allow=HERE) as client, pytest.raises(errors.BadAddress):
        client.request("GET", url)


def test_certificate__of_a_name__counts_for_that_name_alone(tls: tuple[Path, Path]) -> None:
    certificate, key = tls
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    ours = ssl.create_default_context(cafile=str(certificate))

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with serving(answering(OK), theirs) as port:
        with Client(allow=HERE, context=ours, resolve=resolve) as client:
            assert client.request("GET", f"https://shop.example:{port}/").status == 200
            with pytest.raises(errors.BadCertificate, match=r"other\.example"):
                client.request("GET", f"https://other.example:{port}/")
        with (
            Client(allow=HERE, resolve=resolve) as client,
            pytest.raises(errors.BadCertificate, match=r"self.signed"),
        ):
            client.request("GET", f"https://shop.example:{port}/")


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate that is its own authority, and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_networks__of_a_setting__are_parsed() -> None:
    assert outbound.networks("10.0.0.0/8, ::1,") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    with pytest.raises(ValueError, match=r"a\.example"):
        outbound.networks("a.example")


def test_plain_http__outside_of_its_networks__is_refused_and_tls_is_not() -> None:
    with (
        serving(answering(OK)) as port,
        Client(allow=HERE, plain=outbound.PUBLIC) as client,
        pytest.raises(errors.ForbiddenAddress, match="`http:` may not go"),
    ):
        client.request("GET", f"HTTP://127.0.0.1:{port}/")
    with (
        serving(lambda _: None) as port,
        Client(allow=HERE, plain=outbound.PUBLIC) as client,
        pytest.raises(errors.Unreachable),
    ):
        client.request("GET", f"https://127.0.0.1:{port}/")
