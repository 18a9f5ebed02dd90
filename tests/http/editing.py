"""A list to edit by the API, and the words to do it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.flows.sources import built_in
from tests.http.world import START, Answer, World, quoted


class Editing:
    """A gateway with a list in it."""

    def __init__(self, world: World) -> None:
        built_in.make(world.pool, now=START)
        self.world = world
        self.id = self.create("People")

    def create(self, name: str) -> str:
        """Make another list, and return its id."""
        answer = self.world.call("POST", "/v1/cohorts", json={"source": "lists", "name": name})
        return str(answer.get_json()["id"])

    def send(
        self,
        add: object = (),
        remove: object = (),
        *,
        key: str | None = None,
        cohort: str | None = None,
    ) -> Answer:
        """Send an edit, and return whatever is answered."""
        path = f"/v1/cohorts/{cohort or self.id}/members"
        return self.world.call(
            "POST", path, json={"add": add, "remove": remove}, headers=_headers(key)
        )

    def edit(
        self,
        add: Sequence[object] = (),
        remove: Sequence[object] = (),
        *,
        key: str | None = None,
        cohort: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send an edit that is good and applied at once."""
        answer = self.send(add, remove, key=key, cohort=cohort)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def put(self, member_id: str, body: object, *, key: str | None = None) -> Answer:
        path = f"/v1/cohorts/{self.id}/members/{quoted(member_id)}"
        return self.world.call("PUT", path, json=body, headers=_headers(key))

    def drop(self, member_id: str, *, key: str | None = None) -> Answer:
        path = f"/v1/cohorts/{self.id}/members/{quoted(member_id)}"
        return self.world.call("DELETE", path, headers=_headers(key))

    def member(self, member_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{self.id}/members/{quoted(member_id)}")

    def members(self, cohort: str | None = None) -> list[str]:
        return self.world.members(cohort or self.id)

    def cohort(self) -> Any:  # noqa: ANN401 - JSON
        return self.world.get(f"/v1/cohorts/{self.id}")

    def problem(self, answer: Answer) -> tuple[int, str]:
        told = answer.get_json()
        return told["status"], told["code"]


def _headers(key: str | None) -> Mapping[str, str]:
    return {} if key is None else {"Idempotency-Key": key}
