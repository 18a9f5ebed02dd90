"""A customer's database on the server of the tests, with roles that differ in rights."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg2
import sqlalchemy

from gateway.reach import Reach
from gateway.sources.sql.session import Target
from tests import cluster
from tests.stack import until

PASSWORD: Final = "the reader's password"

TABLES: Final = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.users (id text, email text, plan text, visits int, "Odd Name" bool);
    INSERT INTO shop.users VALUES
        ('u1', 'ada@example.com', 'pro', 3, true), ('u2', NULL, 'free', 0, false),
        ('u3', 'cy@example.com', NULL, NULL, NULL);
    CREATE VIEW shop.pros AS SELECT * FROM shop.users WHERE plan = 'pro';
    CREATE TABLE shop.hidden (id text);
    CREATE FUNCTION shop.slow() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(60)';
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Customer:
    """A database, and the roles `reader` (which may SELECT) and `writer` (which may more)."""

    host: str
    port: int
    database: str
    reader: str
    writer: str
    owner: str
    owner_password: str

    def config(self, user: str | None = None, **parts: object) -> dict[str, Any]:
        """Set a source to this database."""
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": user or self.reader,
            "sslmode": "disable",
            **parts,
        }

    def target(self, user: str | None = None, **parts: object) -> Target:
        """Aim at this database."""
        is_owner = user == self.owner
        return Target(
            config={"root_certificate": None, **self.config(user, **parts)},
            secrets={"password": self.owner_password if is_owner else PASSWORD},
            reach=Reach(allow_local=True),
            limit_seconds=60,
        )

    def run(self, *statements: str) -> Sequence[Sequence[Any]]:
        """Run statements as the owner; return the rows of the last one."""
        line = psycopg2.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.owner,
            password=self.owner_password,
        )
        with contextlib.closing(line):
            line.autocommit = True
            with line.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def backends(self) -> int:
        """Count the sessions of the gateway that there are."""
        ((count,),) = self.run(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cohort-gateway'"
        )
        return int(count)


def _let_in(made: Customer) -> None:
    """Let every role in that has a password; the server of the tests knows its own alone."""
    ((path,),) = made.run("SHOW hba_file")
    rule = f"host {made.database} all 127.0.0.1/32 scram-sha-256\n"
    with Path(path).open("a") as file:
        file.write(rule)
    made.run("SELECT pg_reload_conf()")
    until(lambda: made.run("SELECT 1 FROM pg_hba_file_rules WHERE 'all' = ANY(user_name)") != [])


@contextlib.contextmanager
def database(database_url: str, name: str) -> Iterator[Customer]:
    """Make such a database and its roles, and drop them."""
    server = sqlalchemy.make_url(database_url)
    reader, writer = f"{name}_reader", f"{name}_writer"
    cluster.administer(
        server,
        f'CREATE DATABASE "{name}"',
        f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'",
        f"CREATE ROLE {writer} LOGIN CREATEDB PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'",
    )
    made = Customer(
        host=server.host or "127.0.0.1",
        port=server.port or 5432,
        database=name,
        reader=reader,
        writer=writer,
        owner=server.username or "",
        owner_password=server.password or "",
    )
    _let_in(made)
    made.run(
        TABLES,
        f"GRANT USAGE ON SCHEMA shop TO {reader}, {writer}",
        f"GRANT SELECT ON shop.users, shop.pros TO {reader}, {writer}",
        f"GRANT INSERT ON shop.users TO {writer}",
        f"GRANT CREATE ON SCHEMA shop TO {writer}",
        f"GRANT pg_write_all_data TO {writer}",
        f"CREATE TABLE shop.mine (id int); ALTER TABLE shop.mine OWNER TO {writer}",
    )
    try:
        yield made
    finally:
        cluster.administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')
        cluster.administer(server, f"DROP ROLE {reader}", f"DROP ROLE {writer}")
