"""What a source of MySQL or MariaDB is set to."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Choice
from gateway.sources.sql.postgresql import settings as postgresql
from gateway.sources.sql.vendor import Vendor, by_host

VERIFY: Final = "verify"
PORT: Final = 3306

VENDOR: Final = Vendor(
    kind="mysql",
    title="MySQL or MariaDB",
    config=(
        postgresql.HOST,
        postgresql.port(PORT),
        postgresql.DATABASE,
        postgresql.USER,
        Choice(
            name="tls",
            title="TLS",
            description="verify checks the certificate and its name; off sends in the clear.",
            choices=(VERIFY, "off"),
            default=VERIFY,
        ),
        postgresql.ROOT_CERTIFICATE,
    ),
    secrets=(postgresql.PASSWORD,),
    carriers=frozenset({"host", "port", "tls", "root_certificate"}),
    dialect="mysql",
    driver="gateway.sources.sql.mysql.driver",
    place=by_host(PORT),
    package="pymysql",
)
