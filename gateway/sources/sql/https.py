"""The first steps of a connection to a warehouse that is asked by HTTPS: a socket, and TLS."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from gateway import errors, reach
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import session
from gateway.sources.sql.failures import bad_certificate, failed

if TYPE_CHECKING:
    from collections.abc import Sequence


def greet(host: str, port: int, addresses: Sequence[str], *, is_plain: bool) -> None:
    """Connect, and agree on TLS unless it is `http:`. Raises errors.ReadFailed."""
    try:
        with reach.open_socket(addresses, port, seconds=session.CONNECT_SECONDS) as line:
            if not is_plain:
                context = ssl.create_default_context()
                context.wrap_socket(line, server_hostname=host).close()
    except errors.Outbound as error:
        raise failed(Failure.UNREACHABLE, str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise bad_certificate(host, error) from error
    except OSError as error:
        why = error.strerror or "no answer in time"
        raise failed(Failure.UNREACHABLE, f"the connection broke off: {why}") from error
