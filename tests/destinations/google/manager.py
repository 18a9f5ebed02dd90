"""A fake of the Data Manager API: lists, requests that take a while, and the times of members."""

from __future__ import annotations

import datetime
import re
from typing import Any

from tests.destinations.servers import NOW, Asked, Said

MOST, MOST_IDENTIFIERS = 10_000, 10
SECRETS = {"client_id": "client-12345", "client_secret": "hush-hush", "refresh_token": "refresh-1"}
PARENT = "/v1/accountTypes/GOOGLE_ADS/accounts/1234567890/userLists"
ADDRESS = ("givenName", "familyName", "regionCode", "postalCode")
_HASH = re.compile(r"[0-9a-f]{64}")


def error(status: int, reason: str = "", **more: object) -> Said:
    details: list[dict[str, object]] = [{"reason": reason}] if reason else []
    details += [{"retryDelay": more.pop("delay")}] if "delay" in more else []
    details += [{"fieldViolations": more.pop("fields")}] if "fields" in more else []
    about = {"code": status, "message": "it failed", "details": details, **more}
    return Said(status=status, body={"error": about})


class Manager:
    """Keeps lists; a member is what came of it, and when it was last added."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, datetime.datetime]] = {}
        self.requests: dict[str, list[str]] = {}
        self.asked: list[Asked] = []
        self.next: list[Said] = []
        self.states = ["PROCESSING", "SUCCESS"]
        self.clock = NOW
        self.tokens = 0
        self.page = 2

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        if asked.path == "/token":
            return self._token(asked)
        if self.next:
            return self.next.pop(0)
        if asked.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return error(401, "")
        if asked.path == PARENT:
            return self._create(asked) if asked.method == "POST" else self._list(asked)
        if asked.path == "/v1/requestStatus:retrieve":
            return self._status(asked.query["requestId"][0])
        verb = asked.path.rpartition(":")[2]
        return self._change(verb, asked.json)

    def _token(self, asked: Asked) -> Said:
        form = asked.body.decode()
        if "refresh-1" not in form and "assertion=" not in form:
            return Said(status=400, body={"error": "invalid_grant", "error_description": "gone"})
        self.tokens += 1
        return Said(body={"access_token": f"token-{self.tokens}", "expires_in": 3600})

    def _create(self, asked: Asked) -> Said:
        made = str(100 + len(self.lists))
        if not asked.json["membershipDuration"].endswith("s"):
            return error(400, "INVALID_FORMAT")
        self.lists[made] = {"id": made, "name": f"{PARENT[4:]}/{made}", **asked.json}
        self.members[made] = {}
        return Said(body=self.lists[made])

    def _list(self, asked: Asked) -> Said:
        start = int(asked.query.get("pageToken", ["0"])[0])
        every = list(self.lists.values())
        more = {"nextPageToken": str(start + self.page)} if len(every) > start + self.page else {}
        return Said(body={"userLists": every[start : start + self.page], **more})

    def _status(self, request: str) -> Said:
        if request not in self.requests:
            return error(404, "NOT_FOUND")
        states = self.requests[request]
        state = states.pop(0) if len(states) > 1 else states[0]
        counts = [{"reason": "PROCESSING_ERROR_REASON_X", "recordCount": "1"}]
        ingested = {
            "userDataIngestionStatus": {"uploadMatchRateRange": "MATCH_RATE_RANGE_20_TO_30"}
        }
        place: dict[str, Any] = {"requestStatus": state, "audienceMembersIngestionStatus": ingested}
        if state in ("FAILED", "PARTIAL_SUCCESS"):
            place["errorInfo"] = {"errorCounts": counts}
        return Said(body={"requestStatusPerDestination": [place]})

    def _change(self, verb: str, body: dict[str, Any]) -> Said:
        (destination,) = body["destinations"]
        account = {"accountType": "GOOGLE_ADS", "accountId": "1234567890"}
        if destination["operatingAccount"] != account:
            return error(400, "INVALID_DESTINATION")
        kept = self.members.get(destination["productDestinationId"])
        if kept is None:
            return error(400, "INVALID_USER_LIST_ID")
        if verb == "removeAll":
            return self._remove_all(kept, body)
        refused = self._refuse(verb, body)
        if refused is not None:
            return refused
        for member in body["audienceMembers"]:
            for one in _identifiers(member):
                if verb == "ingest":
                    kept[one] = self.clock
                else:
                    kept.pop(one, None)
        return self._receipt()

    def _refuse(self, verb: str, body: dict[str, Any]) -> Said | None:
        """One bad member fails the whole request."""
        if verb == "ingest":
            terms = body.get("termsOfService", {})
            if terms.get("customerMatchTermsOfServiceStatus") != "ACCEPTED":
                return error(400, "TERMS_AND_CONDITIONS_NOT_SIGNED")
        if not 0 < len(body["audienceMembers"]) <= MOST or body["encoding"] != "HEX":
            return error(400, "TOO_MANY_AUDIENCE_MEMBERS")
        for number, member in enumerate(body["audienceMembers"]):
            field = f"audience_members[{number}]"
            identifiers = member.get("userData", {}).get("userIdentifiers", [{}])
            if not 0 < len(identifiers) <= MOST_IDENTIFIERS:
                return error(400, "TOO_MANY_USER_IDENTIFIERS")
            hashed = [one.get("emailAddress") or one.get("phoneNumber") for one in identifiers]
            if any(one and not _HASH.fullmatch(one) for one in hashed):
                fields = [{"field": field, "description": "is no SHA-256"}]
                return error(400, "INVALID_SHA256_FORMAT", fields=fields)
        return None

    def _remove_all(self, kept: dict[str, datetime.datetime], body: dict[str, Any]) -> Said:
        moment = datetime.datetime.fromisoformat(body["removeAsOfTime"])
        if moment > self.clock:
            return error(400, "INVALID_REMOVE_AS_OF_TIME")
        for one in [one for one, added in kept.items() if added < moment]:
            del kept[one]
        return self._receipt()

    def _receipt(self) -> Said:
        request = f"request-{len(self.requests)}"
        self.requests[request] = list(self.states)
        return Said(body={"requestId": request})


def _identifiers(member: dict[str, Any]) -> list[str]:
    if "mobileData" in member:
        return list(member["mobileData"]["mobileIds"])
    if "userIdData" in member:
        return [member["userIdData"]["userId"]]
    found = []
    for one in member["userData"]["userIdentifiers"]:
        address = one.get("address")
        found.append(
            "/".join(
                address[name] for name in ("givenName", "familyName", "regionCode", "postalCode")
            )
            if address
            else one.get("emailAddress") or one["phoneNumber"]
        )
    return found
