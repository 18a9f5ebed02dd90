"""A MariaDB of Debian's on this machine, started for tests."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pymysql

from gateway.reach import Reach
from gateway.sources.sql.mysql import settings
from gateway.sources.sql.session import Target
from tests.stack import until

PASSWORD: Final = "the reader's password"
_TOLD: Final = "Debian's mariadb-server is missing: run bin/ci-packages, then try again"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server:
    """A running server with the database `shop`."""

    port: int
    log: Path

    def run(self, *statements: str) -> Sequence[Sequence[Any]]:
        """Run statements as root; return the rows of the last one."""
        line = pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)
        with contextlib.closing(line), line.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

    def target(self, user: str = "reader", **parts: object) -> Target:
        """Aim at this server."""
        config = {
            "host": "127.0.0.1",
            "port": self.port,
            "database": "shop",
            "user": user,
            "tls": "off",
            "root_certificate": None,
        }
        return Target(
            config=config | parts,
            secrets={"password": PASSWORD},
            reach=Reach(allow_local=True),
            limit_seconds=60,
        )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server in a folder."""
    program = shutil.which("mariadbd", path="/usr/sbin:/usr/bin")
    install = shutil.which("mariadb-install-db")
    assert program, _TOLD
    assert install, _TOLD
    data, log = folder / "data", folder / "log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-defaults", f"--datadir={data}", "--user=root"]
    with log.open("ab") as output:
        subprocess.run(
            [install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            stdout=output,
            stderr=output,
        )
        places = [f"--socket={folder / 'socket'}", f"--port={port}", "--bind-address=127.0.0.1"]
        small = ["--innodb-buffer-pool-size=64M", "--performance-schema=0"]
        process = subprocess.Popen(
            [program, *options, *places, *small], stdout=output, stderr=output
        )
    made = Server(port=port, log=log)
    try:
        until(lambda: _answers(made) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield made
    finally:
        process.terminate()
        process.wait(30)


def _answers(made: Server) -> bool:
    try:
        return bool(made.run("SELECT 1"))
    except pymysql.MySQLError:
        return False


VENDOR: Final = settings.VENDOR
