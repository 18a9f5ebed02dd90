"""The adapter of Facebook custom audiences."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import orjson

from gateway.destinations import options, replies
from gateway.destinations.adapter import Adapter
from gateway.destinations.answers import (
    Audience,
    Check,
    Done,
    Later,
    Rejected,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.meta import errors, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.destinations.adapter import Account, Batch, Row, Sent, Target
    from gateway.destinations.answers import Answer

_PAGE: Final = 500
_MAX_PAGES: Final = 1000
_FIELDS: Final = "id,name,subtype,operation_status"
# Meta suspects the customer's list: a person has to look at it there.
_FLAGGED: Final = 471
_STRONG: Final = frozenset(column.name for column in rows.COLUMNS if column.is_strong)


class Push(Adapter):
    """Puts hashed members into a custom audience, and takes them out."""

    def __init__(self, account: Account) -> None:
        config = account.config
        self._client = account.client
        self._now = account.now
        self._base = f"{str(config['endpoint']).rstrip('/')}/{config['version']}"
        self._account = f"act_{str(config['account_id']).removeprefix('act_')}"
        self._source = config["customer_file_source"]
        self._token = account.secrets["access_token"]
        self._app_secret = account.secrets.get("app_secret")

    def verify(self) -> Iterator[Check]:
        """Ask for one audience of the account: token, permission and account are right then."""
        found = self._call(
            "GET", f"{self._account}/customaudiences", {"fields": "id", "limit": "1"}
        )
        failed = isinstance(found, Later | Split | Stop)
        signed_in = not (isinstance(found, Stop) and found.code is StopCode.CREDENTIALS)
        message = found.message if isinstance(found, Later | Split | Stop) else ""
        yield Check(step="sign_in", ok=signed_in, message="" if signed_in else message)
        if signed_in:
            yield Check(step="ad_account", ok=not failed, message=message)

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Sent | Skipped:
        """Normalise and hash by Meta's rules; weak keys go along with strong ones only."""
        given = {name: raw[name] for name in target.identifiers if raw.get(name) is not None}
        region, hashed = options.region(target.options), options.hashed(target.options)
        sent = rows.prepare(given, region=region, hashed=hashed)
        if sent.keys() & _STRONG:
            return sent
        bad = next((name for name in target.identifiers if name in _STRONG & given.keys()), None)
        return Skipped(reason=f"bad_{bad}" if bad else "no_identifier")

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the audience by its name."""
        name = options.name(target)
        given = options.audience_id(target.options)
        if given:
            return Audience(id=given, name=name)
        asked = {"fields": _FIELDS, "limit": str(_PAGE)}
        for _ in range(_MAX_PAGES):
            page = self._call("GET", f"{self._account}/customaudiences", asked)
            if isinstance(page, Later | Split | Stop):
                return _never_split(page)
            for one in replies.records(page.get("data")):
                mine = one.get("name") == name and one.get("subtype", "CUSTOM") == "CUSTOM"
                if mine and one.get("id"):
                    return _flagged(one) or Audience(id=str(one["id"]), name=name)
            paging = replies.record(page.get("paging"))
            after = replies.record(paging.get("cursors")).get("after")
            if not after or not paging.get("next"):
                break
            asked = {**asked, "after": str(after)}
        return None

    def create(self, target: Target) -> Audience | Later | Stop:
        """Create an audience for a customer file."""
        name = options.name(target)
        body = {
            "name": name,
            "subtype": "CUSTOM",
            "description": target.cohort.description or f"Cohort {target.cohort.id}",
            "customer_file_source": self._source,
        }
        made = self._call("POST", f"{self._account}/customaudiences", {}, body)
        if isinstance(made, Later | Split | Stop):
            return _never_split(made)
        if not made.get("id"):
            return Stop(code=StopCode.REFUSED, message="the answer to creating it has no id")
        return Audience(id=str(made["id"]), name=name)

    def add(self, target: Target, batch: Batch) -> Answer:
        """Add rows; those that are there already stay."""
        return self._users("POST", target, batch)

    def remove(self, target: Target, batch: Batch) -> Answer:
        """Remove rows by what was sent of them."""
        return self._users("DELETE", target, batch)

    def _users(self, method: str, target: Target, batch: Batch) -> Answer:
        body = {
            "payload": rows.payload(batch.rows),
            "session": {
                "session_id": batch.session,
                "batch_seq": batch.number,
                # Without it Meta never ends the session.
                "last_batch_flag": batch.is_last,
                "estimated_num_total": batch.members,
            },
        }
        answer = self._call(method, f"{quote(target.audience, safe='')}/users", {}, body)
        return answer if isinstance(answer, Later | Split | Stop) else _taken(answer, batch.rows)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None = None,
    ) -> Mapping[str, Any] | Later | Split | Stop:
        asked = {**query, **self._proof()}
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        answer = self._client.request(
            method,
            f"{self._base}/{path}{'?' if asked else ''}{urlencode(asked)}",
            headers=headers,
            body=None if body is None else orjson.dumps(body),
        )
        secrets = [self._token, *([self._app_secret] if self._app_secret else [])]
        return errors.read(answer, secrets, self._now())

    def _proof(self) -> dict[str, str]:
        if not self._app_secret:
            return {}
        keyed = hmac.new(self._app_secret.encode(), self._token.encode(), hashlib.sha256)
        return {"appsecret_proof": keyed.hexdigest()}


def _never_split(failed: Later | Split | Stop) -> Later | Stop:
    """Stop where there are no rows that a refusal could be about."""
    if isinstance(failed, Split):
        return Stop(code=StopCode.REFUSED, message=failed.message)
    return failed


def _flagged(one: Mapping[str, Any]) -> Stop | None:
    status = replies.record(one.get("operation_status"))
    if status.get("code") != _FLAGGED:
        return None
    said = status.get("description") or "Meta has flagged this audience; look at it there"
    return Stop(code=StopCode.AUDIENCE_BLOCKED, message=f"{said} (operation_status {_FLAGGED})")


def _taken(body: Mapping[str, Any], sent: Sequence[Row]) -> Answer:
    """Book what Meta received, row by row where it names rows."""
    names = ("audience_id", "session_id", "num_received", "num_invalid_entries")
    receipt = {name: body[name] for name in names if name in body}
    samples = body.get("invalid_entry_samples")
    rejected = _invalid(samples, sent)
    received = body.get("num_received")
    invalid = body.get("num_invalid_entries", 0)
    if isinstance(samples, dict):
        receipt["invalid_entries_shown"] = len(samples)
    counted = type(received) is int and type(invalid) is int
    proven = counted and received == len(sent) and invalid <= len(rejected)
    if received == invalid == len(sent) == 1 and not rejected:
        message = "Meta takes this row for invalid"
        rejected, proven = {0: Rejected(reason="invalid_entry", message=message)}, True
    others = frozenset(range(len(sent))) - rejected.keys()
    return Done(rejected=rejected, unconfirmed=frozenset() if proven else others, receipt=receipt)


def _invalid(samples: object, sent: Sequence[Row]) -> dict[int, Rejected]:
    """Find the rows of samples, which map something that was sent to a reason."""
    found: dict[int, Rejected] = {}
    for sample, reason in replies.record(samples).items():
        said = reason if isinstance(reason, str) else json.dumps(reason)
        for place, row in enumerate(sent):
            if any(row.sent.get(name) == sample for name in _STRONG):
                found[place] = Rejected(reason="invalid_entry", message=said[:500])
    return found
