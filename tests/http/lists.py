"""Lists as tests of loads need them: made in the store, and read and applied by a call."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from gateway.flows.cohorts.load_reader import Reader
from gateway.flows.cohorts.uploads import prune
from gateway.flows.sources import built_in
from tests.http.world import Answer, World
from tests.model.desk import Bell


class Lists:
    """The source `lists` of a world, with lists in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bell = Bell()
        built_in.make(world.pool, now=world.clock())

    def make(self, name: str = "vip", **more: object) -> str:
        """Make a list and return its id."""
        wanted = {"source": "lists", "name": name, **more}
        answer = self.world.call("POST", "/v1/cohorts", json=wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["id"])

    def send(self, cohort: str, file: bytes | str, **query: object) -> Answer:
        """Send a file to be loaded."""
        data = file if isinstance(file, bytes) else file.encode()
        return self.world.call("POST", f"/v1/cohorts/{cohort}/loads", data=data, query_string=query)

    def queue(self, cohort: str, file: bytes | str, **query: object) -> str:
        """Queue a load, and return its id."""
        answer = self.send(cohort, file, **query)
        assert answer.status_code == 202, answer.text
        return str(answer.get_json()["id"])

    def reader(
        self,
        name: str = "reader",
        at_most: int = 2,
        stopping: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime.datetime] | None = None,
    ) -> Reader:
        """Make a process that reads; it asks again and again whether it is to stop."""
        pool = self.world.pool
        return Reader(
            pool,
            pool,
            self.bell,
            name=name,
            at_most=at_most,
            now=now or self.world.clock,
            stopping=stopping,
        )

    def read(self) -> None:
        """Read all that is queued."""
        while self.reader().read_next():
            pass

    def settle(self) -> None:
        """Read and apply all there is."""
        self.read()
        self.world.apply()
        prune(self.world.pool, now=self.world.clock())

    def load(self, cohort: str, file: bytes | str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Load a file as far as it goes, and return its receipt."""
        load_id = self.queue(cohort, file, **query)
        self.settle()
        return self.get(load_id)

    def get(self, load_id: str) -> Any:  # noqa: ANN401 - JSON
        """Read a receipt."""
        return self.world.get(f"/v1/loads/{load_id}")

    def act(self, load_id: str, verb: str) -> Any:  # noqa: ANN401 - JSON
        """Approve or cancel a load."""
        answer = self.world.call("POST", f"/v1/loads/{load_id}/{verb}")
        assert answer.status_code == 200, answer.text
        return answer.get_json()
