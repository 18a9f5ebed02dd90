"""The query API of an installation, asked once or until it answers."""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
import uuid
from typing import Any, Final

from tests.faults.ends import Change
from tests.faults.installation import Installation
from tests.stack import API_KEY, until

# Above the gateway's own deadline for a request.
ASK_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 90.0
LATER: Final = (0, 429, 503)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Said:
    """A status, 0 if no answer came, and the document."""

    status: int
    document: Any = None


class Api:
    """Calls an installation with its key."""

    def __init__(self, installation: Installation) -> None:
        self._port = installation.port

    def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Said:
        """Ask once; a body that is no bytes is sent as JSON."""
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ASK_SECONDS)
        try:
            line.request(method, path, raw, headers)
            answer = line.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException):
            return Said(status=0)
        finally:
            line.close()
        return Said(status=answer.status, document=json.loads(read) if read else None)

    def insist(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask until it is done, as a client does that is told to come again."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            said = self.ask(method, path, body, key=key)
            if said.status not in LATER:
                break
            assert time.monotonic() < end, f"{method} {path} finds no answer"
            time.sleep(0.1)
        assert said.status < 300, said
        return said.document

    def list_of(self, *members: str) -> str:
        """Make a list with members; returns the id of the cohort."""
        wanted = {"source": "lists", "name": "faults", "external_id": uuid.uuid4().hex}
        cohort = str(self.insist("POST", "/v1/cohorts", wanted)["id"])
        if members:
            self.edit(cohort, add=members)
        return cohort

    def edit(self, cohort: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
        """Add people, with an e-mail address made of the id, and remove some; each once."""
        people = [{"member_id": one, "email": f"{one}@example.com"} for one in add]
        body = {"add": people, "remove": list(remove)}
        path = f"/v1/cohorts/{cohort}/members"
        self.insist("POST", path, body, key=uuid.uuid4().hex)

    def cohort(self, cohort: str) -> Any:  # noqa: ANN401 - JSON
        return self.insist("GET", f"/v1/cohorts/{cohort}")

    def members(self, cohort: str) -> list[str]:
        """List the ids of all members."""
        found: list[str] = []
        path = f"/v1/cohorts/{cohort}/members?limit=1000"
        cursor: str | None = ""
        while cursor is not None:
            page = self.insist("GET", f"{path}&cursor={cursor}" if cursor else path)
            found += [one["member_id"] for one in page["members"]]
            cursor = page["next_cursor"]
        return found

    def changes(self, cohort: str) -> list[Change]:
        """List all changes of a cohort."""
        found: list[Change] = []
        while True:
            after = found[-1].seq if found else 0
            page = self.insist("GET", f"/v1/cohorts/{cohort}/changes?limit=1000&after={after}")
            if not page["changes"]:
                return found
            found += [change_of(one) for one in page["changes"]]

    def await_state(self, load: str, *states: str) -> Any:  # noqa: ANN401 - JSON
        """Wait until a load is in one of some states."""
        until(lambda: self.load(load)["state"] in states, PATIENCE_SECONDS)
        return self.load(load)

    def load(self, load: str) -> Any:  # noqa: ANN401 - JSON
        return self.insist("GET", f"/v1/loads/{load}")


def change_of(told: Any) -> Change:  # noqa: ANN401 - JSON
    """Read a change as the API tells it."""
    return Change(seq=told["seq"], kind=told["change"], member_id=told["member_id"])
