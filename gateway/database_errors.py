"""The branches of the tree in `errors` that are about databases that sources are.

GatewayError
├── Refused
│   ├── Conflict
│   │   └── SourceFailed    409  the database cannot be read now
│   └── Invalid
│       └── QueryRefused    422  the query cannot be accepted, or its database refuses it
└── ReadCanceled   a read was stopped because its load is not wanted any more
"""

from __future__ import annotations

from gateway import errors


class SourceFailed(errors.Conflict):
    """The database of a source cannot be read now; `failure` is of the closed list of loads."""

    code = "source_failed"

    def __init__(self, message: str, *, failure: str) -> None:
        super().__init__(message)
        self.failure = failure


class QueryRefused(errors.Invalid):
    """A query cannot be accepted, or its database refuses it; `failure` is of that list, too."""

    code = "query_refused"

    def __init__(self, path: str, message: str, *, failure: str) -> None:
        super().__init__([errors.Fault(path, message)])
        self.failure = failure


class ReadCanceled(errors.GatewayError):
    """A read was stopped because its load is not wanted any more."""

    code = "canceled"
