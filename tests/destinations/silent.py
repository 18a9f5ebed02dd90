"""A client for tests in which nothing is sent."""

from __future__ import annotations

from gateway.outbound import Answer


class Silent:
    """Sends nothing, and fails the test that asks for it."""

    def request(self, *_: object, **__: object) -> Answer:
        """Fail."""
        raise AssertionError
