"""The adapter of Google's Customer Match."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import orjson

from gateway.destinations import options, replies
from gateway.destinations.adapter import Adapter
from gateway.destinations.answers import (
    Accepted,
    Audience,
    Check,
    Done,
    Later,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.google import consent, errors, members
from gateway.destinations.google.tokens import ENDPOINT as TOKENS
from gateway.destinations.google.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.destinations.adapter import Account, Batch, Row, Sent, Target
    from gateway.destinations.answers import Answer

    Reply = Mapping[str, Any] | Later | Split | Stop

ENDPOINT: Final = "https://datamanager.googleapis.com"
# The longest that Google keeps members of Customer Match.
MEMBERSHIP_DAYS: Final = 540
_PAGE: Final = 1000
_MAX_PAGES: Final = 100
_FIRST_SECONDS: Final = 1.0
_MOST_SECONDS: Final = 300.0
# A difference of clocks below this is taken for none: Google tells its time in whole seconds.
_SAME_TIME: Final = datetime.timedelta(seconds=3)


class Push(Adapter):
    """Ingests members into a user list, removes them, and awaits what becomes of both."""

    def __init__(self, account: Account) -> None:
        config = account.config
        self._client = account.client
        self._now = account.now
        self._base = str(config["endpoint"]).rstrip("/")
        own = self._base != ENDPOINT
        url = f"{self._base}/token" if own else TOKENS
        secrets = {name: one for name, one in account.secrets.items() if one}
        self._tokens = Tokens(secrets, url=url, client=account.client, now=account.now)
        self._account = _account(config, "account")
        self._login = _account(config, "login_account")
        # How far their clock is ahead of ours.
        self._ahead = datetime.timedelta()

    def verify(self) -> Iterator[Check]:
        """Ask for a token, and for one list of the account."""
        token = self._tokens.get()
        if isinstance(token, Later | Stop):
            yield Check(step="sign_in", ok=False, message=token.message)
            return
        yield Check(step="sign_in", ok=True, message="")
        found = self._call("GET", f"{self._lists}?pageSize=1")
        message = found.message if isinstance(found, Later | Split | Stop) else ""
        yield Check(step="account", ok=not message, message=message)

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Sent | Skipped:
        """Normalise and hash by Google's rules."""
        used = members.names(target.identifiers)
        given = {name: raw[name] for name in used if raw.get(name) is not None}
        region, hashed = options.region(target.options), options.hashed(target.options)
        sent = members.prepare(given, region=region, hashed=hashed)
        if sent:
            return sent
        bad = next((name for name in given if name not in members.ADDRESS), None)
        return Skipped(reason=f"bad_{bad}" if bad else "no_identifier")

    @property
    def _lists(self) -> str:
        kind, number = self._account["accountType"], self._account["accountId"]
        return f"accountTypes/{kind}/accounts/{number}/userLists"

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the list by its name."""
        name, given = options.name(target), options.audience_id(target.options)
        if given:
            return Audience(id=given, name=name)
        asked = {"pageSize": str(_PAGE)}
        for _ in range(_MAX_PAGES):
            page = self._call("GET", f"{self._lists}?{urlencode(asked)}")
            if isinstance(page, Later | Split | Stop):
                return _never_split(page)
            for one in replies.records(page.get("userLists")):
                if one.get("displayName") == name and not one.get("readOnly") and _id(one):
                    return Audience(id=_id(one), name=name)
            if not page.get("nextPageToken"):
                break
            asked = {**asked, "pageToken": str(page["nextPageToken"])}
        return None

    def create(self, target: Target) -> Audience | Later | Stop:
        """Create a list for the type of data that is mapped."""
        name, kind = options.name(target), members.key_type(target.identifiers)
        about = {"uploadKeyTypes": [kind]} | (
            {"contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}}
            if kind == "CONTACT_ID"
            else {}
        )
        body = {
            "displayName": name,
            "description": target.cohort.description or f"Cohort {target.cohort.id}",
            "membershipDuration": f"{MEMBERSHIP_DAYS * 86400}s",
            "ingestedUserListInfo": about,
        }
        made = self._call("POST", self._lists, body)
        if isinstance(made, Later | Split | Stop):
            return _never_split(made)
        if not _id(made):
            return Stop(code=StopCode.REFUSED, message="the answer to creating it has no id")
        return Audience(id=_id(made), name=name)

    def add(self, target: Target, batch: Batch) -> Answer:
        """Ingest rows; those that are there already stay, and their time begins anew."""
        terms = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        more = {"termsOfService": terms, **consent.written(target.consent)}
        return self._change("ingest", target, batch.rows, more)

    def remove(self, target: Target, batch: Batch) -> Answer:
        """Remove rows by what was sent of them."""
        return self._change("remove", target, batch.rows, {})

    def refresh(self, target: Target, batch: Batch) -> Answer:
        """Ingest rows again."""
        return self.add(target, batch)

    def replace(self, target: Target, batch: Batch) -> Answer:
        """Ingest a part of all members; `finish` removes the others."""
        return self.add(target, batch) if batch.rows else Done()

    def finish(self, target: Target, session: int, began_at: datetime.datetime) -> Answer:
        """Remove all that were last added before the replacement began, by Google's clock."""
        del session
        ahead = self._ahead if abs(self._ahead) > _SAME_TIME else datetime.timedelta()
        moment = (began_at + ahead).astimezone(datetime.UTC)
        body = {
            "destinations": [self._destination(target)],
            "removeAsOfTime": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        return _accepted(self._call("POST", "audienceMembers:removeAll", body), 0)

    def settle(self, target: Target, ticket: str) -> Answer:
        """Ask for the status of a request."""
        del target
        tries, rows, request = ticket.split(":", 2)
        asked = urlencode({"requestId": request})
        found = self._call("GET", f"requestStatus:retrieve?{asked}")
        if isinstance(found, Later | Split | Stop):
            return _never_split(found)
        return _settled(found, tries=int(tries), rows=int(rows), request=request)

    def _change(
        self, verb: str, target: Target, rows: Sequence[Row], more: Mapping[str, object]
    ) -> Answer:
        body = {
            "destinations": [self._destination(target)],
            "audienceMembers": [members.written(row.sent) for row in rows],
            "encoding": "HEX",
            **more,
        }
        return _accepted(self._call("POST", f"audienceMembers:{verb}", body), len(rows))

    def _destination(self, target: Target) -> dict[str, object]:
        login = {"loginAccount": self._login} if self._login else {}
        return {
            "operatingAccount": self._account,
            **login,
            "productDestinationId": target.audience,
        }

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Reply:
        read = self._try(method, path, body)
        if isinstance(read, Stop) and read.code is StopCode.CREDENTIALS:
            # The token may have been revoked before its time.
            read = self._try(method, path, body)
        return read

    def _try(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        token = self._tokens.get()
        if isinstance(token, Later | Stop):
            return token
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        if self._login and body is None:
            headers["login-account"] = (
                f"accountTypes/{self._login['accountType']}/accounts/{self._login['accountId']}"
            )
        answer = self._client.request(
            method,
            f"{self._base}/v1/{path}",
            headers=headers,
            body=None if body is None else orjson.dumps(body),
        )
        if answer.status == 401:  # noqa: PLR2004 - unauthorised
            self._tokens.forget(token)
        there = replies.date_of(answer.headers)
        if there is not None:
            self._ahead = there - self._now()
        return errors.read(answer, self._tokens.secrets, self._now())


def _account(config: Mapping[str, object], name: str) -> dict[str, str]:
    number = str(config.get(f"{name}_id") or "").replace("-", "")
    kind = str(config.get(f"{name}_type") or "GOOGLE_ADS")
    return {"accountType": kind, "accountId": quote(number, safe="")} if number else {}


def _id(one: Mapping[str, Any]) -> str:
    return str(one.get("id") or str(one.get("name") or "").rpartition("/")[2])


def _never_split(failed: Later | Split | Stop) -> Later | Stop:
    """Stop where there are no rows that a refusal could be about."""
    if isinstance(failed, Split):
        return Stop(code=StopCode.REFUSED, message=failed.message)
    return failed


def _accepted(reply: Reply, rows: int) -> Answer:
    """Take the receipt of a request; what it did is asked for later."""
    if isinstance(reply, Later | Split | Stop):
        return reply
    request = reply.get("requestId")
    if not request:
        return Done(unconfirmed=frozenset(range(rows)))
    receipt: dict[str, object] = {"request": request}
    warnings = replies.records(reply.get("fieldWarnings"))
    if warnings:
        receipt["warnings"] = warnings[:3]
    return Accepted(ticket=f"0:{rows}:{request}", after_seconds=_FIRST_SECONDS, receipt=receipt)


def _settled(found: Mapping[str, Any], *, tries: int, rows: int, request: str) -> Answer:
    places = replies.records(found.get("requestStatusPerDestination"))
    states = {str(one.get("requestStatus")) for one in places}
    receipt: dict[str, object] = {"request": request, "status": ", ".join(sorted(states))}
    counts = [one for place in places for one in _counts(place)]
    if counts:
        receipt["errors"] = counts
    if states == {"SUCCESS"}:
        return Done(receipt=receipt | _matched(places))
    said = f"Google reports {receipt['status']} for request {request}: {_reasons(counts)}"
    if "FAILED" in states:
        internal = any("INTERNAL" in str(one.get("reason")) for one in counts)
        return Later(message=said) if internal else Split(message=said)
    if states == {"PARTIAL_SUCCESS"}:
        # It says how many members failed, and not which.
        return Done(unconfirmed=frozenset(range(rows)), receipt=receipt)
    after = min(_FIRST_SECONDS * 2.0 ** (tries + 1), _MOST_SECONDS)
    ticket = f"{tries + 1}:{rows}:{request}"
    return Accepted(ticket=ticket, after_seconds=after, receipt=receipt)


def _counts(place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return replies.records(replies.record(place.get("errorInfo")).get("errorCounts"))


def _reasons(counts: Sequence[Mapping[str, Any]]) -> str:
    told = [f"{one.get('reason')} ({one.get('recordCount')})" for one in counts]
    return ", ".join(told) or "no reason"


def _matched(places: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the range of the match rate, which Google tells of e-mails and the like."""
    for place in places:
        status = replies.record(place.get("audienceMembersIngestionStatus"))
        data = replies.record(status.get("userDataIngestionStatus"))
        if data.get("uploadMatchRateRange"):
            return {"match_rate": data["uploadMatchRateRange"]}
    return {}
