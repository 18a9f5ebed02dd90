"""A fake list API: lists by id, members by e-mail, at most three in a request."""

from __future__ import annotations

import re
from typing import Any

from tests.destinations.servers import Asked, Said

MOST = 3
KEY = "secret-key-1"

DECLARED: dict[str, Any] = {
    "status": "documented",
    "auth": {"type": "header", "values": {"X-Key": "{{settings.api_key}}"}},
    "identifier": {
        "any_of": [
            {"name": "email", "normalise": ["trim", "lower"], "pattern": "[^\\s@]+@[^\\s@]+"},
            {"name": "phone", "normalise": ["e164"]},
        ]
    },
    "audience": {
        "mode": "list",
        "id_type": "integer",
        "find": {
            "path": "/lists",
            "items": "lists",
            "name_path": "name",
            "id_path": "id",
            "next": {"style": "cursor", "path": "next", "query": "after"},
        },
        "create": {
            "method": "POST",
            "path": "/lists",
            "body": {"name": "{{audience.name}}"},
            "id_path": "list.id",
        },
    },
    "ops": {
        "add": {
            "method": "POST",
            "path": "/lists/{{audience.id}}/add",
            "body": {
                "list": "{{audience.id}}",
                "people": {"each": "members", "item": {"email": "{{member.email}}"}},
            },
            "max_items": MOST,
        },
        "remove": {
            "method": "POST",
            "path": "/lists/{{audience.id}}/remove",
            "body": {"emails": "{{members}}"},
            "item": "{{member.email}}",
            "max_items": MOST,
        },
    },
    "response": {
        "ok": {"path": "ok", "equals": True},
        "message_path": "why",
        "item_errors": [
            {"path": "bad", "shape": "objects", "id_path": "email", "reason_path": "why"},
            {"path": "unknown", "shape": "list_of_ids", "of": "add"},
        ],
    },
    "errors": [{"when": {"status": 200, "path": "code", "equals": "slow"}, "do": "slow"}],
}


class Lists:
    """Keeps who is on which list."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.members: dict[int, set[str]] = {}
        self.asked: list[Asked] = []
        self.page = 2

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        if asked.headers.get("x-key") != KEY:
            return Said(status=401, body={"why": f"no such key: {asked.headers.get('x-key')}"})
        if asked.path == "/lists":
            return self._create(asked) if asked.method == "POST" else self._list(asked)
        found = re.fullmatch(r"/lists/(\d+)/(add|remove)", asked.path)
        if not found or int(found[1]) not in self.names:
            return Said(status=404, body={"why": "no such list"})
        return self._change(int(found[1]), found[2], asked)

    def _create(self, asked: Asked) -> Said:
        number = len(self.names) + 1
        self.names[number], self.members[number] = asked.json["name"], set()
        return Said(status=201, body={"list": {"id": number}})

    def _list(self, asked: Asked) -> Said:
        after = int(asked.query.get("after", ["0"])[0])
        numbers = [number for number in sorted(self.names) if number > after][: self.page]
        more = bool(numbers) and numbers[-1] != max(self.names)
        items = [{"id": number, "name": self.names[number]} for number in numbers]
        return Said(body={"lists": items, **({"next": numbers[-1]} if more else {})})

    def _change(self, number: int, what: str, asked: Asked) -> Said:
        adds = what == "add"
        emails = [one["email"] for one in asked.json["people"]] if adds else asked.json["emails"]
        if adds and asked.json["list"] != number:
            return Said(status=400, body={"why": "the list must be a number"})
        if len(emails) > MOST:
            return Said(status=413, body={"why": "too many"})
        bad = [one for one in emails if one.startswith("bad")]
        good = set(emails) - set(bad)
        self.members[number] = self.members[number] | good if adds else self.members[number] - good
        told = [{"email": one.upper(), "why": "is on no account"} for one in bad]
        return Said(body={"ok": True, "bad": told, "unknown": ["unknown@example.com"]})
