"""A fake of Meta's Graph API for custom audiences: its limits, sessions and hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from gateway.destinations.meta.rows import COLUMNS
from tests.destinations.servers import Asked, Said

TOKEN = "EAAB-token-1"
ACCOUNT = "act_42"
MOST = 10_000
PLAIN = {"EXTERN_ID", "MADID"}
KNOWN = PLAIN | {column.key for column in COLUMNS}
_HASH = re.compile(r"[0-9a-f]{64}")


def error(code: int, subcode: int = 0, *, status: int = 400, **more: object) -> Said:
    about = {"message": "it failed", "type": "OAuthException", "code": code, **more}
    if subcode:
        about["error_subcode"] = subcode
    return Said(status=status, body={"error": about})


class Graph:
    """Keeps audiences as lists of people, each known by the identifiers that came in a row."""

    def __init__(self, app_secret: str | None = None) -> None:
        self.audiences: dict[str, dict[str, Any]] = {}
        self.people: dict[str, list[dict[str, str]]] = {}
        self.sessions: dict[int, int] = {}
        self.closed: set[int] = set()
        self.asked: list[Asked] = []
        self.next: list[Said] = []
        self.page = 2
        self._app_secret = app_secret

    def known(self, audience: str, key: str) -> set[str]:
        """Return the values of one key in an audience."""
        return {person[key] for person in self.people[audience] if person.get(key)}

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        if self.next:
            return self.next.pop(0)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}" or not self._proven(asked):
            return error(190, 463, error_user_title="Signed out", error_user_msg="Log in again")
        version, _, path = asked.path.removeprefix("/").partition("/")
        if not re.fullmatch(r"v\d+\.\d+", version):
            return error(2635)
        if path == f"{ACCOUNT}/customaudiences":
            return self._create(asked.json) if asked.method == "POST" else self._list(asked)
        audience, _, edge = path.partition("/")
        if audience not in self.audiences or edge != "users":
            return error(100, 33)
        return self._users(audience, asked)

    def _proven(self, asked: Asked) -> bool:
        if self._app_secret is None:
            return True
        keyed = hmac.new(self._app_secret.encode(), TOKEN.encode(), hashlib.sha256)
        return asked.query.get("appsecret_proof") == [keyed.hexdigest()]

    def _create(self, body: dict[str, Any]) -> Said:
        if body["subtype"] != "CUSTOM" or body["customer_file_source"] != "USER_PROVIDED_ONLY":
            return error(100)
        made = str(1000 + len(self.audiences))
        self.audiences[made] = {"id": made, "name": body["name"], "subtype": "CUSTOM"}
        self.people[made] = []
        return Said(body={"id": made})

    def _list(self, asked: Asked) -> Said:
        after = asked.query.get("after", [""])[0]
        every = [one for key, one in sorted(self.audiences.items()) if key > after]
        shown = every[: self.page]
        paging: dict[str, Any] = {"cursors": {"after": shown[-1]["id"]}} if shown else {}
        if len(every) > self.page:
            paging["next"] = "https://elsewhere.example/never-followed"
        return Said(body={"data": shown, "paging": paging})

    def _users(self, audience: str, asked: Asked) -> Said:
        schema, data = asked.json["payload"]["schema"], asked.json["payload"]["data"]
        if len(data) > MOST or not set(schema) <= KNOWN or "is_raw" in asked.json["payload"]:
            return error(100)
        if not self._in_session(asked.json["session"]):
            return error(2650, 1870147)
        samples: dict[str, str] = {}
        for row in data:
            if len(row) != len(schema):
                return error(100)
            person = {key: value for key, value in zip(schema, row, strict=True) if value}
            bad = [
                one for key, one in person.items() if key not in PLAIN and not _HASH.fullmatch(one)
            ]
            if bad:
                samples[bad[0]] = "is no SHA-256"
            else:
                self._change(audience, person, asked.method)
        told = {"audience_id": audience, "session_id": str(asked.json["session"]["session_id"])}
        counts = {"num_received": len(data), "num_invalid_entries": len(samples)}
        return Said(body={**told, **counts, "invalid_entry_samples": samples})

    def _in_session(self, session: dict[str, Any]) -> bool:
        number = session["session_id"]
        due = self.sessions.get(number, 0) + 1
        if not 0 < number < 2**63 or session["batch_seq"] != due or number in self.closed:
            return False
        self.sessions[number] = due
        if session["last_batch_flag"]:
            self.closed.add(number)
        return True

    def _change(self, audience: str, person: dict[str, str], method: str) -> None:
        """Add a person, or remove those that any of the identifiers finds."""
        people = self.people[audience]
        if method == "POST":
            people.append(person)
            return
        strong = {
            (key, value) for key, value in person.items() if key in PLAIN | {"EMAIL", "PHONE"}
        }
        self.people[audience] = [one for one in people if not strong & set(one.items())]
