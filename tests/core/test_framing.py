"""Bodies end where HTTP says, whatever pieces they come in, and where gunicorn says they do."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from gunicorn import config
from gunicorn.http import errors, message
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.webserver import framing
from gateway.webserver.framing import BodyState, ChunkedBody, SizedBody

LIMIT = 1000

Outcome = tuple[BodyState | None, bytes, bytes]


def read(body: framing.Body, pieces: list[bytes], *, end: bool = False) -> Outcome:
    """Feed a body, and return its state, its content, and what is left for the next request."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if body.state is None:
            body.take(buffer)
    if end and body.state is None:
        body.cut(buffer)
    return body.state, body.content(), bytes(buffer)


def chunked(data: bytes, *, end: bool = False, limit: int = LIMIT) -> Outcome:
    return read(ChunkedBody(max_bytes=limit), [data], end=end)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def gunicorn_reads(data: bytes) -> bytes | None:
    """Return the body as gunicorn decodes it; None if it refuses it or finds it cut short."""

    class Request(SimpleNamespace):
        def parse_headers(self, lines: bytes, *, from_trailer: bool) -> list[tuple[str, str]]:
            assert from_trailer
            parser = message.Request.__new__(message.Request)
            parser.cfg = config.Config()
            parser.peer_addr = ("127.0.0.1", 1)
            parser.limit_request_fields, parser.limit_request_field_size = 100, 8190
            parser.version, parser.scheme = (1, 1), "http"
            parsed: list[tuple[str, str]] = parser.parse_headers(lines, from_trailer=True)
            return parsed

    reader = ChunkedReader(Request(), IterUnreader([data]))
    try:
        return b"".join(iter(lambda: bytes(reader.read(64)), b""))
    except (errors.ParseException, errors.NoMoreData):
        return None


sizes = st.builds(
    lambda size, upper, zeros: b"0" * zeros + (b"%X" if upper else b"%x") % size,
    st.integers(1, 30),
    st.booleans(),
    st.integers(0, 3),
)
extensions = st.sampled_from([b"", b"", b";a", b" ; a=b", b';a="b\\"c"', b"; a = b ;c"])
odd_extensions = st.sampled_from(
    [b";", b" ", b"; ", b";a=", b';a="', b";a\rb", b"\t;a", b"h", b"_1"]
)
trailers = st.sampled_from([b"", b"", b"A: b\r\n", b"A:\r\nB: \xe9\r\n"])
odd_trailers = st.sampled_from(
    [
        b"A\r\n",
        b"Host: a\r\n",
        b"A : b\r\n",
        b"A: b\r\n c\r\n",
        b": a\r\n",
        b"A: \x01\r\n",
        b"\n",
        b"A: b\n",
    ]
)


@st.composite
def honest_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a body and one of its encodings."""
    content, wire = b"", b""
    for size in draw(st.lists(sizes, max_size=6)):
        data = draw(st.binary(min_size=int(size, 16), max_size=int(size, 16)))
        content += data
        wire += size + draw(extensions) + b"\r\n" + data + b"\r\n"
    return content, wire + b"0" + draw(extensions) + b"\r\n" + draw(trailers) + b"\r\n"


@st.composite
def odd_bodies(draw: st.DrawFn) -> bytes:
    """Return chunks with something wrong, or not, anywhere."""
    part = st.one_of(
        honest_bodies().map(lambda pair: pair[1]),
        st.builds(lambda size, odd: size + odd + b"\r\n", sizes, odd_extensions),
        odd_trailers,
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b"0\r\n", b"0x1\r\n", b"1\r\na", b"a\r\n", b"+1\r\n", b"G\r\n"]
        ),
    )
    return b"".join(draw(st.lists(part, max_size=5)))


cut_points = st.lists(st.integers(0, 10_000), max_size=12)


@given(honest_bodies(), st.binary(max_size=20), cut_points)
def test_chunks__in_any_pieces__give_the_body_and_leave_the_rest(
    body: tuple[bytes, bytes], following: bytes, cuts: list[int]
) -> None:
    content, wire = body
    pieces = split(wire + following, cuts)
    assert read(ChunkedBody(max_bytes=LIMIT), pieces) == (BodyState.COMPLETE, content, following)


@given(honest_bodies())
def test_chunks__that_are_honest__are_read_as_gunicorn_reads_them(
    body: tuple[bytes, bytes],
) -> None:
    assert gunicorn_reads(body[1]) == body[0]


@given(honest_bodies(), st.integers(0, 10_000))
def test_chunks__cut_anywhere__are_never_complete(body: tuple[bytes, bytes], at: int) -> None:
    content, wire = body
    state, part, _ = chunked(wire[: at % len(wire)], end=True)
    assert state is BodyState.CUT
    assert content.startswith(part)


@given(odd_bodies(), cut_points)
@example(b"1\r\na\r\n0\r\nA: b\n\r\n\r\n", [15])
def test_chunks__however_odd__do_not_depend_on_their_pieces(data: bytes, cuts: list[int]) -> None:
    whole = chunked(data, end=True)
    assert read(ChunkedBody(max_bytes=LIMIT), split(data, cuts), end=True)[:2] == whole[:2]


@given(odd_bodies())
def test_chunks__however_odd__are_complete_only_if_gunicorn_says_so(data: bytes) -> None:
    state, content, _ = chunked(data, end=True)
    assert (content if state is BodyState.COMPLETE else None) == gunicorn_reads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"0x5\r\n",
        b"5_0\r\n",
        b"+5\r\n",
        b" 5\r\n",
        b"\r\n",
        b"5 \r\n",
        b"5;\r\n",
        b"5;a\x00\r\n",
        b"5\n",
        b"5\r\nhelloX",
        b"5\r\nhello\rX",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nA: b\n",
        b"1" * 8191 + b"\r\n",
        b"1" * 8192,
        b"0\r\nA: " + b"b" * 8188 + b"\r\n\r\n",
        b"0\r\nA: " + b"b" * 8191,
    ],
)
def test_chunks__malformed__have_no_content(data: bytes) -> None:
    assert chunked(data)[:2] == (BodyState.MALFORMED, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"0" * 8189 + b"5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nA: " + b"b" * 8187 + b"\r\n\r\n",
    ],
)
def test_chunks__with_the_longest_lines__are_complete(data: bytes) -> None:
    pieces = [data[at : at + 1] for at in range(len(data))]
    assert read(ChunkedBody(max_bytes=LIMIT), pieces) == (BodyState.COMPLETE, b"hello", b"")


def test_chunks__over_the_limit__are_too_large_before_they_come() -> None:
    assert chunked(b"3E9\r\n")[:2] == (BodyState.TOO_LARGE, b"")
    assert chunked(b"1\r\na\r\n3E8\r\n")[:2] == (BodyState.TOO_LARGE, b"")
    assert chunked(b"F" * 8000 + b"\r\n")[:2] == (BodyState.TOO_LARGE, b"")
    assert chunked(b"3E8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n")[0] is BodyState.COMPLETE


def test_chunks__that_are_mostly_framing__are_malformed() -> None:
    tiny = b"1\r\na\r\n"
    enough = framing.MAX_FRAMING_BYTES // (len(tiny) - 1)
    assert chunked(tiny * (enough - 1), limit=10**6)[0] is None
    assert chunked(tiny * (enough + 1), limit=10**6)[0] is BodyState.MALFORMED


@given(st.binary(max_size=100), st.binary(max_size=20), cut_points)
def test_length__in_any_pieces__gives_the_body_and_leaves_the_rest(
    content: bytes, following: bytes, cuts: list[int]
) -> None:
    body = SizedBody(len(content), max_bytes=LIMIT)
    pieces = split(content + following, cuts)
    assert read(body, pieces) == (BodyState.COMPLETE, content, following)


@given(st.binary(max_size=100), st.integers(1, 100))
def test_length__not_reached__is_cut(content: bytes, missing: int) -> None:
    body = SizedBody(len(content) + missing, max_bytes=LIMIT)
    assert read(body, [content], end=True) == (BodyState.CUT, content, b"")


@pytest.mark.parametrize(("length", "state"), [(LIMIT, None), (LIMIT + 1, BodyState.TOO_LARGE)])
def test_length__at_the_limit__is_accepted(length: int, state: BodyState | None) -> None:
    assert SizedBody(length, max_bytes=LIMIT).state is state


def test_length__over_the_limit__takes_nothing() -> None:
    assert read(SizedBody(LIMIT + 1, max_bytes=LIMIT), [b"abc"]) == (
        BodyState.TOO_LARGE,
        b"",
        b"abc",
    )


@pytest.mark.parametrize(
    ("data", "start", "found"),
    [
        (b"a\r\nb", 0, False),
        (b"a\nb", 0, True),
        (b"a\r\nb\n", 2, True),
        (b"a\r\n", 2, False),
        (b"\n", 1, False),
    ],
)
def test_line_feed__without_return__is_found(data: bytes, start: int, *, found: bool) -> None:
    assert framing.has_bare_line_feed(bytearray(data), start) is found
