"""Whether the web port can be had, found out before anything is started."""

import errno
import socket
import time
from collections.abc import Callable

from gateway import errors
from gateway.settings import Settings

# The web processes of a gateway that was just killed need a moment to let go of it.
_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.1


def check(settings: Settings, give_up: Callable[[], bool]) -> None:
    """Raise errors.CommandFailed, saying what to do, when the address cannot be listened on."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while problem := _problem(settings):
        in_use = problem.errno == errno.EADDRINUSE
        if not in_use or give_up() or time.monotonic() > deadline:
            raise errors.CommandFailed(_advice(settings, problem)) from problem
        time.sleep(_POLL_SECONDS)


def _problem(settings: Settings) -> OSError | None:
    try:
        found = socket.getaddrinfo(settings.bind, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gunicorn does: connections that were closed a moment ago do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _advice(settings: Settings, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} of {settings.bind} is in use by another program. Stop that one,"
            " or choose another port, like PORT=8001 make run."
        )
    if problem.errno == errno.EACCES:
        return (
            f"Port {settings.port} is for administrators only. Choose one above 1023, like"
            " PORT=8000 make run."
        )
    return (
        f"{settings.bind} is no address of this machine ({problem.strerror}). Set GATEWAY_BIND to"
        " one, like 127.0.0.1."
    )
