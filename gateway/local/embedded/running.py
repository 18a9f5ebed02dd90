"""Where the embedded PostgreSQL of a data folder is now, for a command beside `make run`."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.local.embedded import server

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

# The lines of postmaster.pid that pg_ctl reads too:
# https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h
_PID_LINE: Final = 0
_PORT_LINE: Final = 3
_STATUS_LINE: Final = 7
_READY: Final = "ready"
_NAME: Final = "gateway"


def postgres_url(data_dir: pathlib.Path) -> str | None:
    """Return the URL of the PostgreSQL that runs on this folder now; None if none does.

    Nothing is made or changed, also where there is no such folder. Raises errors.EmbeddedFailed
    when the folder belongs to somebody else.
    """
    home = data_dir.expanduser().resolve() / "postgres"
    try:
        lines = (home / "pgdata" / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        password = (home / "password").read_text("ascii")
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise errors.EmbeddedFailed(
            f"The data folder {data_dir} belongs to another user. Run this as that user, or set"
            " DATABASE_URL.",
        ) from error
    fields = [line.strip() for line in lines]
    if len(fields) <= _STATUS_LINE or fields[_STATUS_LINE] != _READY:
        return None
    if not _is_alive(fields[_PID_LINE]):
        return None
    address = f"{server.LOOPBACK}:{fields[_PORT_LINE]}"
    return f"postgresql+psycopg2://{_NAME}:{password}@{address}/{_NAME}"


def without_libpq(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without libpq's variables: they are for somebody's other server."""
    return {name: value for name, value in environ.items() if not name.startswith("PG")}


def _is_alive(pid: str) -> bool:
    """Whether there is such a process; its file stays behind when it is killed."""
    if not pid.isdecimal():
        return False
    with suppress(PermissionError):  # another user's: it lives
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True
