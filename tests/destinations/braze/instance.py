"""A fake instance of Braze: cohorts of a partner, and attributes of users it knows."""

from __future__ import annotations

from typing import Any

from tests.destinations.servers import Asked, Said

PARTNER, SECRET, REST = "partner-key-1", "import-key-1", "rest-key-1"
MOST_IDS, MOST_OBJECTS = 1000, 75


class Instance:
    """Keeps cohorts by id, and an attribute of each known user."""

    def __init__(self, *known: str) -> None:
        self.names: dict[str, str] = {}
        self.cohorts: dict[str, set[str]] = {}
        self.users: dict[str, dict[str, set[str]]] = {one: {} for one in known}
        self.asked: list[Asked] = []
        self.next: list[Said] = []

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        if self.next:
            return self.next.pop(0)
        if asked.path == "/users/track":
            return self._track(asked)
        body = asked.json
        if (body.get("partner_api_key"), body.get("client_secret")) != (PARTNER, SECRET):
            return Said(status=401, body={"message": "Invalid API key"})
        if asked.path == "/partners/cohort_gateway/cohorts":
            return self._name(body)
        if asked.path == "/partners/cohort_gateway/cohorts/users":
            return self._import(body)
        return Said(status=404, body={"message": "no such partner"})

    def _name(self, body: dict[str, Any]) -> Said:
        if not body.get("created_at"):
            return Said(status=400, body={"message": "created_at is missing"})
        self.names[body["cohort_id"]] = body["name"]
        self.cohorts.setdefault(body["cohort_id"], set())
        return Said(status=201, body={"message": "success"})

    def _import(self, body: dict[str, Any]) -> Said:
        if body.get("cohort_id") not in self.cohorts:
            return Said(status=400, body={"message": "cohort_id is not known"})
        ids = 0
        for change in body["cohort_changes"]:
            named = [*change.get("user_ids", []), *change.get("device_ids", [])]
            named += [
                f"{one['alias_label']}/{one['alias_name']}" for one in change.get("aliases", [])
            ]
            ids += len(named)
            members = self.cohorts[body["cohort_id"]]
            if ids > MOST_IDS:
                return Said(status=400, body={"message": "too many ids"})
            self.cohorts[body["cohort_id"]] = (
                members - {*named} if change.get("should_remove") else members | {*named}
            )
        return Said(status=201, body={"message": "success"})

    def _track(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {REST}":
            return Said(status=401, body={"message": "Invalid API Key"})
        objects = asked.json["attributes"]
        if not objects:
            return Said(status=400, body={"message": "nothing to do"})
        if len(objects) > MOST_OBJECTS:
            return Said(status=400, body={"message": "too many objects"})
        errors = [error for place, one in enumerate(objects) for error in self._set(place, one)]
        told = {"message": "success", "attributes_processed": len(objects) - len(errors)}
        return Said(status=201, body=told | ({"errors": errors} if errors else {}))

    def _set(self, place: int, one: dict[str, Any]) -> list[object]:
        user = one.get("external_id") or one.get("email") or one["user_alias"]["alias_name"]
        if user == "bad":
            return [{"type": "the id is not valid", "input_array": "attributes", "index": place}]
        if user in self.users and one["_update_existing_only"] is True:
            has = self.users[user].setdefault("cohorts", set())
            has |= set(one["cohorts"].get("add", []))
            has -= set(one["cohorts"].get("remove", []))
        return []
