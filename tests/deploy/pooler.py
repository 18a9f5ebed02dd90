"""Debian's pgbouncer in transaction mode, in front of an embedded PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy

from gateway.local.embedded import children, launch
from tests.stack import free_port, until

CONFIGURATION = """\
[databases]
{database} = host={host} port={port} dbname={database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 500
ignore_startup_parameters = {ignored}
"""

PROGRAM = "/usr/sbin/pgbouncer"
# pgbouncer stops at once on SIGTERM.
STOP: children.StopSteps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


@contextlib.contextmanager
def running(
    url: str, folder: Path, *, servers: int = 4, ignored: str = "extra_float_digits,options"
) -> Iterator[str]:
    """Run it with so many connections to the server, and yield its address."""
    direct = sqlalchemy.make_url(url)
    listen, users = free_port(), folder / "users"
    users.write_text(f'"{direct.username}" "{direct.password}"\n')
    place = folder / "pgbouncer.ini"
    place.write_text(
        CONFIGURATION.format(
            database=direct.database,
            host=direct.host,
            port=direct.port,
            listen=listen,
            users=users,
            servers=servers,
            ignored=ignored,
        )
    )
    program = shutil.which(PROGRAM)
    assert program is not None, "pgbouncer is missing; run bin/ci-packages"
    with (folder / "pgbouncer.log").open("wb") as log:
        process = children.start(
            [program, str(place)],
            environ={"PATH": os.defpath},
            death_signal=signal.SIGTERM,
            # Like PostgreSQL it refuses to run as root.
            identity=launch.NAMESPACE if os.geteuid() == 0 else launch.SAME,
            output=log,
        )
    try:
        until(lambda: process.poll() is not None or _listens(listen))
        assert process.poll() is None, (folder / "pgbouncer.log").read_text()
        yield direct.set(port=listen).render_as_string(hide_password=False)
    finally:
        children.stop([process], STOP)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
