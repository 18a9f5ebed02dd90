"""Addresses of servers: what their clients cannot use is refused by name, and never shown."""

from __future__ import annotations

import psycopg2.extensions
import pytest
import redis

from gateway import jobs, servers, values
from gateway.values import Unaccepted

DATABASE = "postgresql://user:hunter2-and-more@host:5432/name"
REDIS = "redis://user:hunter2-and-more@host:6379/0"
SECRET = "hunter2"

LONG = "a" * 64


@pytest.mark.parametrize(
    "parameters",
    [
        "sslmode=verify-full&sslrootcert=/ca.pem",
        "options=-c%20search_path%3Dapp",
        "options=--search_path%3Dapp%20-cwork_mem%3D64MB",
        "application_name=mine&connect_timeout=10",
        "keepalives=0&keepalives_idle=5&keepalives_interval=1&keepalives_count=9",
        "tcp_user_timeout=0&client_encoding=utf8",
        "client_encoding=UTF-8&target_session_attrs=read-write",
        "host=/run/postgresql&port=5433",
        "host=one&host=two&port=5432&port=5433",
        "host=one:5432,two:5433&sslmode=",
        "port=5432,5433",
        "gssencmode=disable&channel_binding=require",
    ],
)
def test_database_url__with_parameters_of_libpq__keeps_them(parameters: str) -> None:
    assert servers.postgres(f"{DATABASE}?{parameters}").endswith(parameters)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("pgbouncer=true", "pgbouncer is none of the parameters that libpq takes: application_"),
        ("schema=public", "schema is none"),
        ("replication=database", "replication is none"),
        ("async_=1", "async_ is none"),
        ("connection_factory=x", "connection_factory is none"),
        ("sslmode=banana", "sslmode must be one of disable, allow, prefer, require, verify-ca"),
        ("sslmode=require&sslmode=disable", "sslmode may be there once"),
        ("connect_timeout=0", "connect_timeout must be a whole number from 1 to 10"),
        ("connect_timeout=-1", "connect_timeout must be"),
        ("connect_timeout=x", "connect_timeout must be"),
        ("keepalives=2", "keepalives must be one of 0, 1"),
        ("keepalives_idle=1.5", "keepalives_idle must be a whole number"),
        ("tcp_user_timeout=9999999999", "tcp_user_timeout must be a whole number"),
        ("client_encoding=latin1", "client_encoding must be UTF8"),
        ("target_session_attrs=master", "target_session_attrs must be one of any, read-write"),
        ("port=0", "port must be a whole number from 1 to 65535"),
        ("port=abc", "port must be"),
        ("options=-c%20statement_timeout%3D1", "options must be without statement_timeout,"),
        ("options=--TimeZone%3DCET%20-cDateStyle%3DSQL", "without datestyle, timezone, which"),
        ("options=endpoint%3Dep-1", "options must be settings like -c search_path=app"),
        ("host=a..b", "a host name of labels of 1 to 63 characters"),
        (f"host=one,{LONG}", "a host name of labels"),
        ("Hunter2=x", "a parameter is none"),
    ],
)
def test_database_url__with_what_cannot_be_used__is_refused_by_name(
    parameters: str, said: str
) -> None:
    with pytest.raises(Unaccepted) as caught:
        servers.postgres(f"{DATABASE}?{parameters}")
    assert said in str(caught.value)
    assert SECRET not in str(caught.value).lower()


@pytest.mark.parametrize(
    "host", ["a..b", ".a", LONG, f"x.{LONG}.y", ".".join(["a" * 60] * 5), "%20", "a%2E%2Eb"]
)
def test_host__that_no_resolver_takes__is_refused(host: str) -> None:
    for read, url in (
        (servers.postgres, f"postgresql://u:{SECRET}@{host}/name"),
        (servers.redis, f"redis://u:{SECRET}@{host}:6379/0"),
    ):
        with pytest.raises(Unaccepted, match=r"host name of labels|a URL like"):
            read(url)


@pytest.mark.parametrize(
    "host", ["my_db", "a.b.", "bücher.example", "[::1]", "127.0.0.1", LONG[1:]]
)
def test_host__that_a_resolver_takes__is_accepted(host: str) -> None:
    servers.postgres(f"postgresql://u@{host}/name")
    servers.redis(f"redis://{host}")


@pytest.mark.parametrize("text", ["a..b", LONG, f"a.{LONG}.b"])
def test_bind__that_no_resolver_takes__is_refused(text: str) -> None:
    with pytest.raises(Unaccepted):
        values.host(text)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host/",
        "redis://host/15",
        "redis://:p%40ss@host:6379/1/",
        "redis://host?db=3&client_name=gateway&socket_keepalive=true&health_check_interval=30",
        "redis://host/0?protocol=2",
        "rediss://host/0?ssl_cert_reqs=none&ssl_check_hostname=false",
        "rediss://host?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
        "unix:///run/redis.sock?db=2",
        "unix://user:p@/run/redis.sock",
    ],
)
def test_redis_url__that_rq_can_live_with__is_accepted_by_its_client_too(url: str) -> None:
    client = jobs.connect(servers.redis(url))
    client.connection_pool.make_connection()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"{REDIS}?decode_responses=true", "decode_responses is none of the parameters that RQ"),
        (f"{REDIS}?decode_responses=false", "decode_responses is none"),
        (f"{REDIS}?encoding=latin-1", "encoding is none"),
        (f"{REDIS}?encoding_errors=ignore", "encoding_errors is none"),
        (f"{REDIS}?protocol=3", "protocol must be one of 2"),
        (f"{REDIS}?socket_timeout=30", "socket_timeout is none"),
        (f"{REDIS}?socket_connect_timeout=30", "socket_connect_timeout is none"),
        (f"{REDIS}?retry_on_timeout=true", "retry_on_timeout is none"),
        (f"{REDIS}?max_connections=1", "max_connections is none"),
        (f"{REDIS}?legacy_responses=false", "legacy_responses is none"),
        (f"{REDIS}?ssl_cert_reqs=none", "ssl_cert_reqs is none"),
        (f"{REDIS}?connectTimeout=5000", "a parameter is none"),
        (f"{REDIS}?db=x", "db must be a whole number"),
        (f"{REDIS}?db=-1", "db must be a whole number"),
        (f"{REDIS}?db=0&db=1", "db may be there once"),
        (f"{REDIS}?health_check_interval=often", "health_check_interval must be"),
        ("rediss://host?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be one of none, optional"),
        ("redis://host/one", "the number of a database"),
        ("redis://host/-1", "the number of a database"),
        ("redis://host/0/1", "the number of a database"),
        ("redis://host/9999999999", "the number of a database"),
        ("redis://host/%30x", "the number of a database"),
        ("redis://host:65536/0", "a URL like"),
        ("redis://host:0/0", "a URL like"),
        ("unix://", "the path of a socket"),
        ("unix://run/redis.sock", "the path of a socket"),
        ("redis://:hunter2#x@host/0", "a URL like"),
        ("redis://user:123?hunter2=x@host/0", "a URL like"),
    ],
)
def test_redis_url__that_rq_cannot_live_with__is_refused_by_name(url: str, said: str) -> None:
    with pytest.raises(Unaccepted) as caught:
        servers.redis(url)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_parameters__of_postgres__are_those_that_libpq_knows() -> None:
    known = servers.POSTGRES_PARAMETERS
    for name in known:
        assert psycopg2.extensions.parse_dsn(f"{name}=1") == {name: "1"}


def test_parameters__of_redis__are_taken_by_its_client() -> None:
    for scheme, known in (
        ("redis", servers.REDIS_PARAMETERS),
        ("rediss", {**servers.REDIS_PARAMETERS, **servers.TLS_PARAMETERS}),
    ):
        for name in known:
            value = "none" if name == "ssl_cert_reqs" else "2"
            client = redis.Redis.from_url(f"{scheme}://host?{name}={value}")
            client.connection_pool.make_connection()
