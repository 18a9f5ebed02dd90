"""A real PostgreSQL and a real Valkey from wheels, for `make run` and the tests only.

    with embedded.hold(data_dir), embedded.postgres(data_dir) as server:
        engine = create_engine(server.url)

Everything they write is inside the data folder; no mode, owner or user outside it is changed, as
root or not. Call from the main thread: the servers die with the thread that started them.
"""

from gateway.local.embedded.cluster import Durability, postgres, start_postgres
from gateway.local.embedded.folder import hold
from gateway.local.embedded.identity import AsRoot
from gateway.local.embedded.server import Server, limit_log
from gateway.local.embedded.valkey import start_valkey, valkey

__all__ = [
    "AsRoot",
    "Durability",
    "Server",
    "hold",
    "limit_log",
    "postgres",
    "start_postgres",
    "start_valkey",
    "valkey",
]
