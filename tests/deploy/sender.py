"""Mixpanel, as far as an operator's work meets it: pages that keep coming and are sent again."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator

from tests.deploy.production import Production
from tests.stack import until


class Sender:
    """Mixpanel, which sends a page again until it is taken, and remembers what it was answered."""

    def __init__(self, installation: Production, cohort: str, *ports: int) -> None:
        self.sent: list[str] = []
        self.answers: dict[int, int] = {}
        self._installation = installation
        self._cohort = cohort
        self._ports = ports or (installation.port,)
        self._ended = threading.Event()

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Send page after page during a block."""
        thread = threading.Thread(target=self._send, daemon=True)
        thread.start()
        try:
            until(lambda: len(self.sent) > 3)
            yield
            enough = len(self.sent) + 3
            until(lambda: len(self.sent) > enough)
        finally:
            self._ended.set()
            thread.join()

    def _send(self) -> None:
        while not self._ended.is_set():
            member = f"member-{len(self.sent)}"
            while (status := self._post(member)) != 200:
                self.answers[status] = self.answers.get(status, 0) + 1
                time.sleep(0.1)
            self.sent.append(member)
            time.sleep(0.02)

    def _post(self, member: str) -> int:
        """Post a page; one that breaks off goes to the next port, as the proxy does it."""
        for port in self._ports:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self._installation.post([member], cohort=self._cohort, port=port)
        return 0
