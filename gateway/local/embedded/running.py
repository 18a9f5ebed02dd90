"""What runs on this machine now: the PostgreSQL of a data folder, and the gateway itself."""

from __future__ import annotations

import dataclasses
import http.client
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gateway import addresses, errors
from gateway.local.embedded import server

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from gateway.settings import Settings

# The lines of postmaster.pid that pg_ctl reads too:
# https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h
_PID_LINE: Final = 0
_PORT_LINE: Final = 3
_STATUS_LINE: Final = 7
_READY: Final = "ready"
NAME: Final = "gateway"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Postmaster:
    """What a server says of itself in its pid file, which stays behind when it is killed."""

    pid: int
    port: str
    ready: bool


def postmaster(pgdata: pathlib.Path) -> Postmaster | None:
    """Read the pid file of a cluster; None if there is none, or none that names a process."""
    try:
        text = (pgdata / "postmaster.pid").read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    lines = [line.strip() for line in text.splitlines()]
    lines += [""] * (_STATUS_LINE + 1 - len(lines))
    if not lines[_PID_LINE].isdecimal():
        return None
    ready = lines[_STATUS_LINE] == _READY
    return Postmaster(pid=int(lines[_PID_LINE]), port=lines[_PORT_LINE], ready=ready)


def url(password: str, port: int | str) -> str:
    """Return the address of an embedded PostgreSQL."""
    return f"postgresql+psycopg2://{NAME}:{password}@{server.LOOPBACK}:{port}/{NAME}"


def postgres_url(data_dir: pathlib.Path) -> str | None:
    """Return the URL of the PostgreSQL that runs on this folder now; None if none does.

    Nothing is made or changed, also where there is no such folder. Raises errors.LocalServerFailed
    when the folder belongs to another user.
    """
    home = data_dir.expanduser().resolve() / "postgres"
    try:
        found = postmaster(home / "pgdata")
        password = (home / "password").read_text("ascii")
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise errors.LocalServerFailed(
            f"The data folder {data_dir} belongs to another user. Run this as that user, or set"
            " DATABASE_URL.",
        ) from error
    if found is None or not found.ready or not _is_alive(found.pid):
        return None
    return url(password, found.port)


def readiness(settings: Settings, seconds: float) -> tuple[int, bytes]:
    """Ask the gateway of this machine for /readyz; returns status and body.

    Raises OSError or http.client.HTTPException when none answers.
    """
    host = addresses.local_host(settings.bind)
    connection = http.client.HTTPConnection(host, settings.port, timeout=seconds)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def without_libpq(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without libpq's variables: they are for another server."""
    return {name: value for name, value in environ.items() if not name.startswith("PG")}


def _is_alive(pid: int) -> bool:
    with suppress(PermissionError):  # another user's: it lives
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
