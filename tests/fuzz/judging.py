"""What may become of a body, whatever is in it: a sound page, or a refusal as the contract has it.

Anything else raises: AssertionError for a broken promise, what the product raised for a bug.
"""

from __future__ import annotations

import io
import json
import random
import re
from typing import Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts import member_ids, member_rows
from gateway.core.cohorts.page import Action, Page
from gateway.handlers.http import body
from gateway.sources.mixpanel import body as mixpanel
from gateway.webserver import framing
from tests.fuzz.mutations import CANARY

# Small enough for a mutated body to be beyond them.
MAX_BODY_BYTES: Final = 48 * 1024
MAX_MEMBERS: Final = 40

_NUMBERS: Final = re.compile(r"\d+")
_ESCAPED: Final = re.compile(r"\\[nrt\\N]")


def of_body(raw: bytes, encoding: str, chance: random.Random) -> str:
    """Read a body as the webhook does; returns what became of it, without its numbers."""
    identity = chance.choice((None, None, "email", "phone"))
    environ = {
        "wsgi.input": io.BytesIO(raw),
        "gateway.body": "complete",
        "HTTP_CONTENT_ENCODING": encoding,
    }
    try:
        plain = body.read(environ, max_bytes=MAX_BODY_BYTES)
        sent = mixpanel.Body(plain)
        _require_echo(sent.action)
        page = sent.page(identity_property=identity, max_members=MAX_MEMBERS)
    except (errors.Malformed, errors.Unavailable) as error:
        return f"{error.status} {_refusal(str(error))}"
    _require_sound(page)
    _require_same_again(page, plain, identity)
    skips = ", ".join(sorted(page.skipped)) or "nobody"
    return f"200 {page.action}, skipping {skips}"


def of_chunks(raw: bytes, chance: random.Random) -> str:
    """Read a body in chunks, whole and in pieces: both must come to the same end."""
    whole = framing.ChunkedBody(max_bytes=MAX_BODY_BYTES)
    pieces = framing.ChunkedBody(max_bytes=MAX_BODY_BYTES)
    at_once, in_parts, at = bytearray(raw), bytearray(), 0
    whole.take(at_once)
    while at < len(raw) and pieces.state is None:
        step = chance.choice((1, 2, 3, 7, 100, 5000))
        in_parts += raw[at : at + step]
        at += step
        pieces.take(in_parts)
    assert pieces.state == whole.state
    assert pieces.content() == whole.content()
    if whole.state is framing.BodyState.COMPLETE:
        assert in_parts + raw[at:] == at_once
    return f"chunks {whole.state or 'unfinished'}"


def _refusal(message: str) -> str:
    assert 0 < len(message) <= mixpanel.MAX_MESSAGE_CHARACTERS
    assert message.isprintable()
    assert CANARY not in message
    return _NUMBERS.sub("N", message)


def _require_echo(action: str | None) -> None:
    """Check that an answer can echo it on one line of ASCII."""
    written = json.dumps(action)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == action


def _require_sound(page: Page) -> None:
    for one in (page.project_id, page.external_id, page.session_id, page.name, page.description):
        assert one is None or texts.is_storable(one)
    assert 1 <= len(page.external_id.encode()) <= mixpanel.MAX_EXTERNAL_ID_BYTES
    assert max(abs(page.number), abs(page.total)) <= mixpanel.MAX_PAGE
    assert page.action is not Action.REPLACE or 1 <= page.number <= page.total
    assert len(page.digest) == 32
    assert page.received <= MAX_MEMBERS
    assert page.usable + sum(page.skipped.values()) <= page.received
    assert page.usable > 0 or page.received == 0
    lines = page.roster.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(set(member_rows.member_ids(page.roster))) == page.usable
    for line in lines:
        _require_line(line, page.action)


def _require_line(line: str, action: Action) -> None:
    """Check that COPY takes a line, and that jsonb takes its last column."""
    columns = line.split("\t")
    assert len(columns) == len(member_rows.COLUMNS)
    assert "\\" not in _ESCAPED.sub("", line)
    member_id, *_, properties = columns
    assert member_ids.why_unusable(member_rows.unescape(member_id)) is None
    assert texts.is_storable(line)
    if action is Action.REMOVE:
        assert set(columns[1:]) == {member_rows.NULL}
        return
    assert isinstance(json.loads(member_rows.unescape(properties), parse_constant=_refuse), dict)
    assert "\\u0000" not in member_rows.unescape(properties).replace("\\\\", "")


def _refuse(constant: str) -> None:
    raise AssertionError(constant)


def _require_same_again(page: Page, plain: bytes, identity: str | None) -> None:
    """Check that the same values written otherwise are the same page."""
    value = json.loads(plain.decode("utf-8-sig"))
    turned = json.dumps(value, separators=(" ,", "\n:"), sort_keys=True).encode()
    again = mixpanel.Body(turned).page(identity_property=identity, max_members=MAX_MEMBERS)
    assert (again.digest, again.usable) == (page.digest, page.usable)
    assert again.skipped == page.skipped
