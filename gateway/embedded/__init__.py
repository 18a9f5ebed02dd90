"""A real PostgreSQL and a real Valkey from wheels, for `make run` and the tests only.

    with embedded.hold(data_dir), embedded.postgres(data_dir) as server:
        engine = create_engine(server.url)

Everything they write is inside the data folder; no mode, owner or user outside it is changed, as
root or not. Call from the main thread: the servers die with the thread that started them.
"""

from gateway.embedded.cluster import Durability, postgres, start_postgres
from gateway.embedded.doorbell import start_valkey, valkey
from gateway.embedded.folder import hold
from gateway.embedded.identity import AsRoot
from gateway.embedded.server import Server, limit_log

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
