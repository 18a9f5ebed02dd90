"""One Postgres for all processes of a test run: the first starts it, and it ends with the last.

Its keeper is a process of its own, because a server dies with the process that started it, and the
first process of a run may end before the others:

    python -m tests.cluster <folder>
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import text

from gateway.flows.health import schema
from gateway.local import embedded
from gateway.store.db.engine import Pool
from tests.stack import ROOT, until

# Referred to for as long as this process lives: one that is collected complains that it runs.
_keepers: Final[list[subprocess.Popen[bytes]]] = []


@contextlib.contextmanager
def database(folder: Path, name: str) -> Iterator[str]:
    """Lend the URL of a new database with the schema of today, on the server of the folder."""
    with _locked(folder / "users", fcntl.LOCK_SH):
        with _locked(folder / "starting", fcntl.LOCK_EX):
            template = sqlalchemy.make_url(_url(folder))
        administer(template, f'CREATE DATABASE "{name}" TEMPLATE "{template.database}"')
        yield template.set(database=name).render_as_string(hide_password=False)
        administer(template, f'DROP DATABASE "{name}" WITH (FORCE)')


def administer(server: sqlalchemy.URL, *statements: str) -> None:
    """Run statements outside any transaction, in a database that is no template here."""
    url = server.set(database="postgres").render_as_string(hide_password=False)
    pool = Pool(url, name="test", size=1, limit_seconds=60)
    with pool.read() as conn:
        for statement in statements:
            conn.execute(text(statement))
    pool.close()


def _url(folder: Path) -> str:
    """Return the URL of the template, whose server is started if none runs."""
    place, log = folder / "url", folder / "keeper.log"
    if not place.exists():
        with log.open("ab") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster", str(folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _keepers.append(keeper)
        until(lambda: place.exists() or keeper.poll() is not None)
        assert place.exists(), log.read_text()
    return place.read_text()


def keep(folder: Path) -> None:
    """Run a server with a migrated database until no process uses it any more."""
    data, place = Path(tempfile.mkdtemp(dir=folder)), folder / "url"
    with embedded.postgres(data, durability=embedded.Durability.NONE) as server:
        pool = Pool(server.url, name="test", size=2, limit_seconds=60)
        schema.migrate(pool)
        pool.close()
        fresh = place.with_suffix(".new")
        fresh.write_text(server.url)
        fresh.rename(place)
        with _locked(folder / "users", fcntl.LOCK_EX):
            place.unlink()  # the next process starts a server anew


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    """Hold a lock of `fcntl`; it goes with this process, however that ends."""
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
