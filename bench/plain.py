"""The plain way to build such a gateway, to compare with: what a careful afternoon would make.

Each member goes through a marshmallow schema, each page becomes an RQ job that carries it, and the
job takes one member after the other through an object-relational mapper. It acknowledges what is
only in Redis, forgets order and replays, and records no transitions.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import redis
import rq
import sqlalchemy
from flask import Flask, jsonify, request
from marshmallow import EXCLUDE, Schema, fields
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench import wire
from gateway.local import embedded
from gateway.local.embedded import Durability
from tests import stack

_ROOT: Final = Path(__file__).resolve().parent.parent
_DATABASE: Final = "PLAIN_DATABASE_URL"
_REDIS: Final = "PLAIN_REDIS_URL"
_JOB: Final = "bench.plain.apply"
_QUEUE: Final = "plain"
_PROCESSES: Final = 2


class MemberSchema(Schema):
    """One member."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    mixpanel_distinct_id = fields.String(required=True)
    email = fields.Email()
    first_name = fields.String()
    last_name = fields.String()
    phone_number = fields.String()
    plan = fields.String()


class Base(DeclarativeBase):
    """What is mapped."""


class Membership(Base):
    """A member of a cohort."""

    __tablename__ = "plain_memberships"
    cohort: Mapped[str] = mapped_column(primary_key=True)
    mixpanel_distinct_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    phone_number: Mapped[str | None]
    plan: Mapped[str | None]


def create_app() -> Flask:
    """Build the web application; its settings are in the environment."""
    app = Flask("plain")
    queue = rq.Queue(_QUEUE, connection=redis.Redis.from_url(os.environ[_REDIS]))
    schema = MemberSchema(many=True)

    def receive() -> Any:  # noqa: ANN401 - whatever Flask makes of it
        page = request.get_json()
        parameters = page["parameters"]
        members = schema.load(parameters["members"])
        queue.enqueue(_JOB, parameters["mixpanel_cohort_id"], members, result_ttl=0)
        return jsonify(action=page["action"], status="success")

    app.add_url_rule("/page", view_func=receive, methods=["POST"])
    return app


def apply(cohort: str, members: list[dict[str, str]]) -> None:
    """Store the members of a page, one by one."""
    engine = sqlalchemy.create_engine(os.environ[_DATABASE])
    with Session(engine) as session:
        for one in members:
            session.merge(Membership(cohort=cohort, **one))
        session.commit()
    engine.dispose()


def members_per_second(folder: Path, bodies: Iterable[bytes], *, members: int) -> float:
    """Measure it, on a Postgres and a Valkey of the same kind and a gunicorn with two processes."""
    with (
        embedded.hold(folder),
        embedded.postgres(folder, durability=Durability.FULL) as postgres,
        embedded.valkey(folder) as valkey,
    ):
        engine = sqlalchemy.create_engine(postgres.url)
        Base.metadata.create_all(engine)
        environ = {**os.environ, _DATABASE: postgres.url, _REDIS: valkey.url}
        port = stack.free_port()
        with _programs(port, environ):
            requests = [wire.post("/page", body, login="a:b") for body in bodies]
            began = time.perf_counter()
            wire.serve(port, requests, connections=4)
            _await_rows(engine, members)
            seconds = time.perf_counter() - began
        engine.dispose()
    return members / seconds


@contextlib.contextmanager
def _programs(port: int, environ: dict[str, str]) -> Iterator[None]:
    gunicorn = ["gunicorn", "--workers", str(_PROCESSES), "--threads", "4"]
    gunicorn += ["--bind", f"127.0.0.1:{port}"]
    commands = [["-m", *gunicorn, "--log-level", "error", "bench.plain:create_app()"]]
    worker = ["-m", "rq.cli", "worker", "--quiet", "--url", environ[_REDIS], _QUEUE]
    commands += [worker] * _PROCESSES
    started = [
        subprocess.Popen([sys.executable, *command], cwd=_ROOT, env=environ) for command in commands
    ]
    try:
        stack.until(lambda: _listens(port))
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _await_rows(engine: sqlalchemy.Engine, count: int) -> None:
    statement = sqlalchemy.select(sqlalchemy.func.count()).select_from(Membership)
    with engine.connect() as conn:
        connection = conn.execution_options(isolation_level="AUTOCOMMIT")
        stack.until(lambda: connection.execute(statement).scalar_one() >= count, seconds=600)
